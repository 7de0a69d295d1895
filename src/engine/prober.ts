import type { Snapshot } from '../snapshot/visibility.ts'

const PROBE_MS = 500

/** What probing needs of the sync. */
export interface ProberHost {
  /** Whether delivered transactions wait and no chunk is under way. */
  isNeeded(): boolean
  readSnapshot(): Promise<Snapshot>
  settle(snapshot: Snapshot): void
}

/** Lets go of delivered transactions as soon as a snapshot shows them; the slot is confirmed no further than that. */
export class Prober {
  readonly #host: ProberHost
  #timer: NodeJS.Timeout | null = null
  #isProbing = false

  constructor(host: ProberHost) {
    this.#host = host
  }

  start(): void {
    this.#timer ??= setInterval(() => void this.probe(), PROBE_MS)
  }

  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer)
    this.#timer = null
  }

  /** One probe now, unless one is under way or none is needed. Never throws. */
  async probe(): Promise<void> {
    if (this.#isProbing || this.#timer === null || !this.#host.isNeeded()) return
    this.#isProbing = true
    try {
      const snapshot = await this.#host.readSnapshot()
      // A reading that began meanwhile may have an older snapshot than this one.
      if (this.#host.isNeeded()) this.#host.settle(snapshot)
    } catch {
      // The stream's own session reports a server that is gone.
    } finally {
      this.#isProbing = false
    }
  }
}
