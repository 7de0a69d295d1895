import { ReadJob, type ReadTarget } from './read-job.ts'
import type { TableReader } from './table-reader.ts'

/** Tables that are read again in place, because their rows changed without the stream saying so. */
export class Rereads {
  readonly #open = new Set<Promise<void>>()
  readonly #onAllDone: () => void
  readonly #onFailed: (reader: TableReader, error: unknown) => void

  constructor(onAllDone: () => void, onFailed: (reader: TableReader, error: unknown) => void) {
    this.#onAllDone = onAllDone
    this.#onFailed = onFailed
  }

  /** Reads the whole table again. */
  start(reader: TableReader, table: ReadTarget): void {
    const work = reader.read(new ReadJob(table, { kind: 'scan', bounds: null })).then(
      () => {
        this.#open.delete(work)
        if (this.#open.size === 0) this.#onAllDone()
      },
      (error: unknown) => {
        this.#open.delete(work)
        this.#onFailed(reader, error)
      },
    )
    this.#open.add(work)
  }

  /** Resolves when none is under way. */
  async settled(): Promise<void> {
    while (this.#open.size > 0) await Promise.all(this.#open)
  }
}
