import { DbsyncError, toDbsyncError } from '../core/errors.ts'
import type { Lsn } from '../core/lsn.ts'
import type { AnyChange, MessageEvent } from '../changes/change.ts'
import type { EventDecoder, Wanted } from '../changes/event-decoder.ts'
import { ConsumerQueue, type QueueHost, type QueueItem } from './consumer-queue.ts'
import type { Consumer } from './consumers.ts'

/** One committed transaction, whole; or rows that were read from a table, together. */
export interface SyncTransaction<Change = AnyChange> {
  /** The transaction's 64-bit id, `xid8`; 0 for rows that were read. */
  readonly xid: bigint
  /** The end of its commit record. */
  readonly lsn: Lsn
  /** The server's clock at commit. */
  readonly commitTime: Date
  /**
   * Its changes and logical messages in order. Decoded while they are walked, from a file if there are many: they can be walked again and
   * again until the next transaction is asked for, and then no more.
   */
  readonly changes: Iterable<Change | MessageEvent>
}

type AnyEvent = AnyChange | MessageEvent

/** What a feed reports. */
export interface FeedHost extends QueueHost {
  /** The reader has left. */
  onReturn(): void
  /** A change cannot be read. */
  onFailed(error: DbsyncError): void
}

/**
 * The transactions of a sync for one reader, pulled at its own pace: `sync.changes()`.
 *
 * A transaction counts as handled when the next one is asked for. One that has nothing for the reader is passed over.
 */
export class TransactionFeed implements AsyncIterableIterator<SyncTransaction>, Consumer {
  readonly queue: ConsumerQueue
  readonly readModels: ReadonlySet<string>
  readonly #decoder: EventDecoder
  readonly #wanted: Wanted
  readonly #host: FeedHost
  readonly #signal: AbortSignal | undefined
  readonly #onAbort = (): void => this.#leave(toError(this.#signal?.reason))
  #turn: Promise<unknown> = Promise.resolve()
  #current: OpenChanges | null = null
  /** Told to the reader once. */
  #error: Error | null = null

  constructor(
    decoder: EventDecoder,
    models: ReadonlySet<string>,
    signal: AbortSignal | undefined,
    host: FeedHost,
  ) {
    this.queue = new ConsumerQueue(host)
    this.readModels = models
    this.#decoder = decoder
    this.#wanted = { models, messages: true }
    this.#host = host
    this.#signal = signal
    signal?.addEventListener('abort', this.#onAbort, { once: true })
    if (signal?.aborted === true) queueMicrotask(this.#onAbort)
  }

  next(): Promise<IteratorResult<SyncTransaction, undefined>> {
    // One after the other, however many are asked for at once.
    const result = this.#turn.then(() => this.#next())
    this.#turn = result.catch(() => {})
    return result
  }

  return(): Promise<IteratorResult<SyncTransaction, undefined>> {
    this.#leave(null)
    return Promise.resolve({ done: true, value: undefined })
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  /** Ends the reader: with the reason, unless that is an ordinary close. */
  close(reason: Error): Promise<void> {
    const isClosed = reason instanceof DbsyncError && reason.code === 'SYNC.CLOSED'
    this.#end(isClosed ? null : reason)
    return Promise.resolve()
  }

  async #next(): Promise<IteratorResult<SyncTransaction, undefined>> {
    this.#closeCurrent()
    if (!this.queue.isOver) this.queue.finish()
    for (let item = await this.queue.next(); item !== null; item = await this.queue.next()) {
      const opened = this.#open(item)
      if (opened !== null) return { done: false, value: opened }
      this.queue.finish()
    }
    this.queue.releaseFiles()
    const error = this.#error
    this.#error = null
    if (error !== null) throw error
    return { done: true, value: undefined }
  }

  /** Null if there is nothing in it for the reader. */
  #open(item: QueueItem): SyncTransaction | null {
    const events = (): Iterator<AnyEvent, void> =>
      item.kind === 'read'
        ? item.changes[Symbol.iterator]()
        : this.#decoder.events(item.transaction, this.#wanted)
    const changes = new OpenChanges(events, (error) => this.#fail(error))
    const first = changes.peek()
    if (first === null) return null
    const { xid, lsn, commitTime } = first.tx
    this.#current = changes
    return Object.freeze({ xid, lsn, commitTime, changes })
  }

  #closeCurrent(): void {
    if (this.#current !== null) this.#current.isOver = true
    this.#current = null
  }

  /** A change that cannot be read stops the sync: to go on would be to leave it out. */
  #fail(error: unknown): DbsyncError {
    const coded = toDbsyncError(error)
    this.queue.fail()
    this.#host.onFailed(coded)
    return coded
  }

  #leave(error: Error | null): void {
    if (this.queue.signal.aborted) return
    this.#end(error)
    this.#host.onReturn()
  }

  #end(error: Error | null): void {
    if (this.queue.signal.aborted) return
    this.#signal?.removeEventListener('abort', this.#onAbort)
    this.#error = error
    this.#closeCurrent()
    this.queue.close(error ?? new DbsyncError('SYNC.CLOSED', 'The reader was closed.'))
    this.queue.releaseFiles()
  }
}

/** The changes of the transaction that a reader has in hand. */
class OpenChanges implements Iterable<AnyEvent> {
  isOver = false
  readonly #events: () => Iterator<AnyEvent, void>
  readonly #onFailed: (error: unknown) => DbsyncError
  /** The first walk, already begun. */
  #begun: { readonly iterator: Iterator<AnyEvent, void>; readonly first: AnyEvent } | null = null

  constructor(events: () => Iterator<AnyEvent, void>, onFailed: (error: unknown) => DbsyncError) {
    this.#events = events
    this.#onFailed = onFailed
  }

  /** The first event; null if there is none. */
  peek(): AnyEvent | null {
    const iterator = this.#events()
    const first = this.#step(iterator)
    if (first !== null) this.#begun = { iterator, first }
    return first
  }

  *[Symbol.iterator](): Generator<AnyEvent, void> {
    this.#assertOpen()
    const begun = this.#begun
    this.#begun = null
    const iterator = begun?.iterator ?? this.#events()
    let event = begun?.first ?? this.#step(iterator)
    while (event !== null) {
      yield event
      event = this.#step(iterator)
    }
  }

  #step(iterator: Iterator<AnyEvent, void>): AnyEvent | null {
    this.#assertOpen()
    try {
      const step = iterator.next()
      return step.done === true ? null : step.value
    } catch (error) {
      throw this.#onFailed(error)
    }
  }

  #assertOpen(): void {
    if (!this.isOver) return
    throw new DbsyncError(
      'SYNC.STATE',
      'The changes of a transaction were read after the next one was asked for, or after the reader had ended. Read them, or copy ' +
        'them ([...transaction.changes]), before.',
    )
  }
}

function toError(error: unknown): Error {
  return error instanceof Error ? error : new Error('the reader was aborted', { cause: error })
}
