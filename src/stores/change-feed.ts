import type { DbsyncError } from '../core/errors.ts'
import type { ViewBatch, ViewChange } from './memory-view.ts'
import { identityOf } from './row-identity.ts'

/** Batches that may wait before they are folded into one. */
const MAX_WAITING = 256

/**
 * The batches of a view for one reader, pulled at its own pace.
 *
 * Bounded: past {@link MAX_WAITING} the waiting batches become one, the net change of each key.
 */
export class ChangeFeed<Row> implements AsyncIterableIterator<ViewBatch<Row>> {
  #waiting: ViewBatch<Row>[] = []
  #pull: {
    resolve: (result: IteratorResult<ViewBatch<Row>>) => void
    reject: (error: unknown) => void
  } | null = null
  #isEnded = false
  #error: unknown = null
  readonly #onEnd: () => void
  readonly #signal: AbortSignal | undefined
  readonly #onAbort = (): void => this.end(this.#signal?.reason ?? null)

  constructor(signal: AbortSignal | undefined, onEnd: () => void) {
    this.#onEnd = onEnd
    this.#signal = signal
    signal?.addEventListener('abort', this.#onAbort, { once: true })
    if (signal?.aborted === true) queueMicrotask(this.#onAbort)
  }

  /** Adds a batch; the reader that waits gets it at once. */
  push(batch: ViewBatch<Row>): void {
    if (this.#isEnded) return
    const pull = this.#pull
    if (pull !== null) {
      this.#pull = null
      pull.resolve({ done: false, value: batch })
      return
    }
    this.#waiting.push(batch)
    if (this.#waiting.length > MAX_WAITING) this.#waiting = [foldBatches(this.#waiting)]
  }

  /** Lets the reader take what waits, then ends it: with `error`, if there is one. */
  end(error: DbsyncError | Error | null): void {
    if (this.#isEnded) return
    this.#isEnded = true
    this.#error = error
    this.#signal?.removeEventListener('abort', this.#onAbort)
    this.#onEnd()
    const pull = this.#pull
    this.#pull = null
    if (pull === null) return
    if (error === null) pull.resolve({ done: true, value: undefined })
    else pull.reject(error)
  }

  next(): Promise<IteratorResult<ViewBatch<Row>>> {
    const batch = this.#waiting.shift()
    if (batch !== undefined) return Promise.resolve({ done: false, value: batch })
    if (this.#isEnded) {
      const error = this.#error
      this.#error = null
      return error === null
        ? Promise.resolve({ done: true, value: undefined })
        : Promise.reject(toError(error))
    }
    return new Promise((resolve, reject) => {
      this.#pull = { resolve, reject }
    })
  }

  return(): Promise<IteratorResult<ViewBatch<Row>>> {
    this.#waiting = []
    this.end(null)
    return Promise.resolve({ done: true, value: undefined })
  }

  [Symbol.asyncIterator](): this {
    return this
  }
}

/** The net change of several batches: one entry a key, from the first `before` to the last `after`. */
export function foldBatches<Row>(batches: readonly ViewBatch<Row>[]): ViewBatch<Row> {
  const last = batches.at(-1)
  if (last === undefined) throw new RangeError('no batches to fold')
  const net = new Map<string, ViewChange<Row>>()
  const bag: ViewChange<Row>[] = []
  for (const { changes } of batches) {
    for (const change of changes) {
      // Without a key a row that changed in place is the one row of its view; others come and go in a bag.
      if (change.key === null && (change.before === null || change.after === null)) {
        bag.push(change)
        continue
      }
      const id = identityOf(change.key)
      const earlier = net.get(id)
      net.set(id, earlier === undefined ? change : { ...change, before: earlier.before })
    }
  }
  const folded = [...net.values()].filter((change) => identityOf(change.before) !== identityOf(change.after))
  return Object.freeze({ lsn: last.lsn, changes: [...folded, ...bag] })
}

function toError(error: unknown): Error {
  return error instanceof Error ? error : new Error('the reader was aborted', { cause: error })
}
