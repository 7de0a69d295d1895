import { columnOf } from '../contract/lookup.ts'
import type { ModelContract } from '../contract/schema-contract.ts'
import type { ChunkTable } from '../snapshot/chunk-query.ts'
import type { Chunk } from '../snapshot/chunk-reader.ts'
import type { ReadTarget } from './read-job.ts'

/** What handing rows to consumers needs of the sync. */
export interface ConsumerTargetHost {
  /** Whether consumers have enough to do for now. */
  isBusy(): boolean
  /** Whether the table was given up. */
  isBroken(): boolean
  /**
   * Gives the rows of a chunk to the consumers of its model, behind everything that they were given before; false if the chunk must
   * be read again. `onHandled`: all of them have handled the rows.
   */
  push(chunk: Chunk, onHandled: () => void): boolean
  /** Everybody has handled the rows up to this key (wire text), so many in all. */
  onHandled?(lastKey: readonly string[] | null, rows: number, isLast: boolean): void
}

interface Pending {
  readonly chunk: Chunk
  isHandled: boolean
}

/** One model's rows on their way to the consumers that want them, as `read` events. */
export class ConsumerTarget implements ReadTarget {
  readonly chunkTable: ChunkTable
  readonly estimatedRows: number | null
  readonly isReadAnew = false
  readonly #host: ConsumerTargetHost
  /** In the order of reading: a chunk without rows is handled before those ahead of it are. */
  #pending: Pending[] = []
  #rows: number
  #resumeAfter: readonly string[] | null

  /** `from`: how far the model was read before. */
  constructor(
    model: ModelContract,
    estimatedRows: number | null,
    host: ConsumerTargetHost,
    from: { readonly lastKey: readonly string[] | null; readonly rows: number } = { lastKey: null, rows: 0 },
  ) {
    this.estimatedRows = estimatedRows
    this.#host = host
    this.#rows = from.rows
    this.#resumeAfter = from.lastKey
    this.chunkTable = {
      model,
      columns: model.columns.map(({ column }) => column),
      key: model.key.map((field) => columnOf(model, field).column),
    }
  }

  get isBusy(): boolean {
    return this.#host.isBusy()
  }

  get isBroken(): boolean {
    return this.#host.isBroken()
  }

  /** Where a reading of the whole table goes on. */
  get resumeAfter(): readonly string[] | null {
    return this.#resumeAfter
  }

  begin(): number {
    return 0
  }

  merge(chunk: Chunk): boolean {
    const pending: Pending = { chunk, isHandled: false }
    this.#pending.push(pending)
    const isGiven = this.#host.push(chunk, () => {
      pending.isHandled = true
      this.#noteHandled()
    })
    if (!isGiven) this.#pending.pop()
    else if (chunk.range.kind === 'after') this.#resumeAfter = chunk.lastKey ?? this.#resumeAfter
    return isGiven
  }

  end(): void {
    // Nothing is kept here that could be too much.
  }

  #noteHandled(): void {
    let last: Chunk | null = null
    while (this.#pending[0]?.isHandled === true) {
      last = this.#pending.shift()?.chunk ?? null
      this.#rows += last?.rows ?? 0
    }
    if (last === null || last.range.kind !== 'after') return
    this.#host.onHandled?.(last.lastKey ?? last.range.key, this.#rows, last.isLast)
  }
}
