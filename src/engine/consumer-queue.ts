import { toDbsyncError, type DbsyncError } from '../core/errors.ts'
import { ZERO_LSN, type Lsn } from '../core/lsn.ts'
import type { AnyChange } from '../changes/change.ts'
import type { DecodableTransaction } from '../changes/event-decoder.ts'
import type { Transaction } from '../wal/transaction.ts'
import type { SpillFile } from './spill-file.ts'

/** A transaction as consumers get it: whole, its bytes in memory or, for the most part, in a file. */
export interface ConsumedTransaction extends DecodableTransaction, Pick<Transaction, 'bytes'> {
  readonly spill?: SpillFile
}

/** Rows that were read from a table, in their place among the transactions. */
export interface ReadBatch {
  readonly changes: readonly AnyChange[]
  /** About how much memory they take. */
  readonly bytes: number
  /** Called once the consumer has handled them. */
  readonly onHandled: () => void
  /** Called instead if it will never handle them. */
  readonly onAbandoned?: () => void
}

/** What waits in a queue. */
export type QueueItem =
  | ({ readonly kind: 'transaction' } & Pick<ConsumedTransaction, 'bytes'> & {
        readonly transaction: ConsumedTransaction
      })
  | ({ readonly kind: 'read' } & ReadBatch)

/** What a queue reports. */
export interface QueueHost {
  /** Items were handled: {@link ConsumerQueue.handled} may have moved on. */
  onHandled(): void
  /** The queue has become shorter. */
  onTaken(): void
}

/** What an item takes beside its bytes: objects, and the part of the socket's chunk that nobody else needs. */
const ITEM_BYTES = 512
/** From so many taken items on the list is shortened. */
const MAX_TAKEN = 1_024

/**
 * What one consumer is still to be given, in commit order.
 *
 * The consumer takes items one by one and says when it has handled all that it has taken. The slot is confirmed no further
 * than {@link handled}, unless the queue is idle; what was not handled comes again from the slot.
 */
export class ConsumerQueue {
  readonly #host: QueueHost
  #items: QueueItem[] = []
  #head = 0
  #bytes = 0
  #fileBytes = 0
  #handled: Lsn = ZERO_LSN
  /** The end of the last transaction taken. */
  #taken: Lsn = ZERO_LSN
  #isInHand = false
  #hasFailed = false
  readonly #stop = new AbortController()
  #spills: SpillFile[] = []
  #readsInHand: ReadBatch[] = []
  /** Of reads that waited when the queue ended: they were never taken, so finishing what is in hand says nothing of them. */
  #readsDropped: ReadBatch[] = []
  #wake: (() => void) | null = null

  constructor(host: QueueHost) {
    this.#host = host
  }

  /** Bytes of memory that wait to be taken. */
  get bytes(): number {
    return this.#bytes
  }

  /** Bytes of files that wait to be taken. */
  get fileBytes(): number {
    return this.#fileBytes
  }

  /** Whether everything given so far has been handled. */
  get isIdle(): boolean {
    return !this.#isInHand && this.#head === this.#items.length && !this.isOver
  }

  /** The end of the last transaction that was handled whole. */
  get handled(): Lsn {
    return this.#handled
  }

  /** Whether nothing more will be taken. */
  get isOver(): boolean {
    return this.#hasFailed || this.#stop.signal.aborted
  }

  /** Aborted when the queue is closed. */
  get signal(): AbortSignal {
    return this.#stop.signal
  }

  /** Adds a transaction, in commit order. */
  push(transaction: ConsumedTransaction): void {
    if (this.isOver) return
    transaction.spill?.retain()
    this.#fileBytes += transaction.spill?.bytes ?? 0
    this.#add({ kind: 'transaction', transaction, bytes: transaction.bytes })
  }

  /** Adds rows that were read, behind the transactions given so far. */
  pushRead(batch: ReadBatch): void {
    if (!this.isOver) this.#add({ kind: 'read', ...batch })
  }

  #add(item: QueueItem): void {
    this.#items.push(item)
    this.#bytes += item.bytes + ITEM_BYTES
    this.#wake?.()
  }

  /** The next item; waits for it, with `timeoutMs` not longer than that. Null once the queue is over; 'timeout'. */
  async next(): Promise<QueueItem | null>
  async next(timeoutMs: number | null): Promise<QueueItem | 'timeout' | null>
  async next(timeoutMs: number | null = null): Promise<QueueItem | 'timeout' | null> {
    if (this.#head === this.#items.length && !this.isOver) await this.#filled(timeoutMs)
    if (this.isOver) return null
    const item = this.#items[this.#head]
    if (item === undefined) return 'timeout'
    this.#take(item)
    return item
  }

  #take(item: QueueItem): void {
    this.#head += 1
    if (this.#head === this.#items.length || this.#head > MAX_TAKEN) {
      this.#items.splice(0, this.#head)
      this.#head = 0
    }
    this.#bytes -= item.bytes + ITEM_BYTES
    this.#isInHand = true
    if (item.kind === 'read') this.#readsInHand.push(item)
    else {
      this.#taken = item.transaction.endLsn
      const { spill } = item.transaction
      if (spill !== undefined) {
        this.#fileBytes -= spill.bytes
        this.#spills.push(spill)
      }
    }
    this.#host.onTaken()
  }

  async #filled(timeoutMs: number | null): Promise<void> {
    let timer: NodeJS.Timeout | undefined
    await new Promise<void>((resolve) => {
      this.#wake = resolve
      if (timeoutMs !== null) timer = setTimeout(resolve, timeoutMs)
    })
    this.#wake = null
    clearTimeout(timer)
  }

  /** Runs what takes the items, to its end. An error of it fails the queue and is told, unless the queue is over. Never throws. */
  async run(take: () => Promise<void>, onFailed: (error: DbsyncError) => void): Promise<void> {
    try {
      await take()
    } catch (error) {
      if (this.isOver) return
      this.fail()
      onFailed(toDbsyncError(error))
    } finally {
      this.releaseFiles()
    }
  }

  /** Gives back the files of what was taken, before it counts as handled: they are not read any more. */
  releaseFiles(): void {
    for (const spill of this.#spills) spill.release()
    this.#spills = []
  }

  /** Everything taken so far has been handled. */
  finish(): void {
    this.releaseFiles()
    if (!this.#isInHand) return
    this.#isInHand = false
    this.#handled = this.#taken > this.#handled ? this.#taken : this.#handled
    const reads = this.#readsInHand
    this.#readsInHand = []
    for (const { onHandled } of reads) onHandled()
    this.#host.onHandled()
  }

  /** The consumer cannot go on: nothing more is taken, and what it has in hand was not handled. */
  fail(): void {
    this.#hasFailed = true
    this.#drop()
  }

  /** Drops what waits; it was not handled. What is in hand may still be finished. */
  close(reason: Error): void {
    if (this.#stop.signal.aborted) return
    this.#stop.abort(reason)
    this.#drop()
  }

  /** Reads that wait or are in hand will not be handled here; others may have had them too. */
  abandonReads(): void {
    const reads = [...this.#readsInHand, ...this.#readsDropped]
    this.#readsInHand = []
    this.#readsDropped = []
    for (const { onAbandoned } of reads) onAbandoned?.()
  }

  #drop(): void {
    for (const item of this.#items.slice(this.#head)) {
      if (item.kind === 'read') this.#readsDropped.push(item)
      else item.transaction.spill?.release()
    }
    this.#items = []
    this.#head = 0
    this.#bytes = 0
    this.#fileBytes = 0
    this.#wake?.()
  }
}
