import { sleep } from '../core/backoff.ts'
import type { ReadingStore, StoredReading } from '../postgres/reading-store.ts'

const RETRY_MS = 500

/** Notes how far readings have come: one statement at a time, of each model the last that was said. */
export class ReadingSaver {
  readonly #store: ReadingStore
  readonly #ready: () => Promise<void>
  readonly #latest = new Map<string, StoredReading>()
  #isSaving = false

  /** `ready` resolves when the sync is connected, and throws when it is over. */
  constructor(store: ReadingStore, ready: () => Promise<void>) {
    this.#store = store
    this.#ready = ready
  }

  save(reading: StoredReading): void {
    this.#latest.set(reading.model, reading)
    if (!this.#isSaving) void this.#run()
  }

  /** Never throws: what is not noted is handed over again. */
  async #run(): Promise<void> {
    this.#isSaving = true
    for (;;) {
      const [next] = this.#latest.values()
      if (next === undefined) break
      try {
        await this.#store.save(next)
        if (this.#latest.get(next.model) === next) this.#latest.delete(next.model)
      } catch {
        const isOver = await this.#ready().then(
          () => false,
          () => true,
        )
        if (isOver) break
        await sleep(RETRY_MS)
      }
    }
    this.#isSaving = false
  }
}
