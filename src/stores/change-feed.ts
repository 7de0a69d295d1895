import type { DbsyncError } from '../core/errors.ts'
import type { ViewBatch, ViewChange } from './memory-view.ts'
import { identityOf } from '../values/row-identity.ts'

/** Batches that may wait before they are folded into one. */
const MAX_WAITING = 256

/**
 * The batches of a view for one reader, pulled at its own pace.
 *
 * Bounded: past {@link MAX_WAITING} the waiting batches become one, the net change of each key.
 */
export class ChangeFeed<Row> implements AsyncIterableIterator<ViewBatch<Row>> {
  #waiting: ViewBatch<Row>[] = []
  /** Calls of `next` that wait, in order: a reader may ask again before it has its answer. */
  #pulls: {
    resolve: (result: IteratorResult<ViewBatch<Row>>) => void
    reject: (error: unknown) => void
  }[] = []
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
    const pull = this.#pulls.shift()
    if (pull !== undefined) {
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
    this.#signal?.removeEventListener('abort', this.#onAbort)
    this.#onEnd()
    const [first, ...others] = this.#pulls
    this.#pulls = []
    // Whoever asked first is told of the failure, and nobody twice.
    if (error === null) first?.resolve({ done: true, value: undefined })
    else if (first === undefined) this.#error = error
    else first.reject(toError(error))
    for (const pull of others) pull.resolve({ done: true, value: undefined })
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
      this.#pulls.push({ resolve, reject })
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

/** The net change of several batches: one entry a key, from the first `before` to the last `after`; of a bag its net rows. */
export function foldBatches<Row>(batches: readonly ViewBatch<Row>[]): ViewBatch<Row> {
  const last = batches.at(-1)
  if (last === undefined) throw new RangeError('no batches to fold')
  const net = new Map<string, ViewChange<Row>>()
  const bag = new Map<string, { change: ViewChange<Row>; count: number }>()
  for (const { changes } of batches) {
    for (const change of changes) {
      // Without a key a row that changed in place is the one row of its view; others come and go in a bag.
      if (change.key === null && (change.before === null || change.after === null)) {
        addToBag(bag, change)
        continue
      }
      const id = identityOf(change.key)
      const earlier = net.get(id)
      net.set(id, earlier === undefined ? change : { ...change, before: earlier.before })
    }
  }
  const folded = [...net.values()].filter((change) => identityOf(change.before) !== identityOf(change.after))
  for (const { change, count } of bag.values()) {
    for (let copy = 0; copy < count; copy += 1) folded.push(change)
  }
  return Object.freeze({ lsn: last.lsn, changes: folded })
}

/** Counts a row that came or went; one that does the other takes it back. */
function addToBag<Row>(
  bag: Map<string, { change: ViewChange<Row>; count: number }>,
  change: ViewChange<Row>,
): void {
  const id = identityOf(change.before ?? change.after)
  const held = bag.get(id)
  if (held === undefined) bag.set(id, { change, count: 1 })
  else if ((held.change.before === null) === (change.before === null)) held.count += 1
  else if (held.count === 1) bag.delete(id)
  else held.count -= 1
}

function toError(error: unknown): Error {
  return error instanceof Error ? error : new Error('the reader was aborted', { cause: error })
}
