import { maxLsn, minLsn, ZERO_LSN, type Lsn } from '../core/lsn.ts'
import { dateOfServerTime } from '../core/postgres-time.ts'
import type { TransactionInfo } from '../changes/change.ts'
import type { StreamReceiver } from '../replication/replication-session.ts'
import { WATERMARK_PREFIX } from '../snapshot/chunk-query.ts'
import { Unsettled } from '../snapshot/unsettled.ts'
import type { Snapshot } from '../snapshot/visibility.ts'
import type { LogicalMessage } from '../wal/logical-message.ts'
import {
  TransactionAssembler,
  type TransactionBegin,
  type TransactionReceiver,
} from '../wal/transaction-assembler.ts'
import type { RelationMap, Span, Transaction } from '../wal/transaction.ts'
import type { ConsumedTransaction } from './consumer-queue.ts'
import type { Consumers } from './consumers.ts'
import { parseRefreshRequest, REFRESH_PREFIX, type RefreshRequest } from './refresh-request.ts'
import type { Replica } from './replica.ts'
import { SpillFile } from './spill-file.ts'

/** What the pipeline tells of the way it goes. */
export interface PipelineHost {
  /** A commit (or several, where nobody asked for each) has changed the views. */
  onStep(replica: Replica): void
  /** So much of the stream may be discarded by the server. */
  onConfirm(position: Lsn): void
  /** Many delivered transactions wait for a snapshot that shows them. */
  onProbeWanted(): void
  /** The stream must wait: a consumer is behind. */
  onPause(): void
  /** A transaction asks that tables be read again; null if what it asks cannot be understood. Not called twice for one transaction. */
  onRefreshRequest?(request: RefreshRequest | null): void
}

/** The consumers that a pipeline feeds. */
export interface PipelineConsumers {
  readonly consumers: Consumers
  /** Whether rows that are read are given to consumers: then their transactions count as unsettled too. */
  readonly mayRead: boolean
  /** Where transactions too large for memory go; null for the system's folder. */
  readonly tempDir: string | null
}

/** A transaction that is being written to a file for the consumers. */
interface Spill {
  readonly file: SpillFile
  /** The relations as they were described before its first change. */
  readonly relations: RelationMap
}

/** From this size on a transaction is applied while it arrives. */
const LARGE_TRANSACTION_BYTES = 4 * 1024 * 1024
const PROBE_BYTES = 16 * 1024 * 1024

/**
 * The straight line: frames of the stream in, views that are exact at a position out. Synchronous: a chunk of the
 * socket is used up before anything else happens, so whatever is read in one synchronous block is one LSN.
 */
export class Pipeline implements StreamReceiver, TransactionReceiver {
  readonly unsettled = new Unsettled()
  readonly #host: PipelineHost
  readonly #consumed: PipelineConsumers | null
  #spill: Spill | null = null
  #replica: Replica | null = null
  /** A replica that is being read while the other one is shown. */
  #beside: Replica | null = null
  #assembler: TransactionAssembler
  /** The end of the last transaction that was applied. */
  #lastEnd: Lsn = ZERO_LSN
  /** Everything before it has been delivered and applied. */
  #position: Lsn = ZERO_LSN
  /** Everything before it was in the replica before anything was delivered. */
  #restored: Lsn = ZERO_LSN
  #version = 0
  #lastCommitTimeUs: bigint | null = null
  #changes = 0
  #isMidTransaction = false
  #isTainted = false
  #isDirty = false
  #stepsEachCommit = false
  #onPartialEnd: () => void = () => {}
  #waiters: { readonly target: Lsn; readonly resolve: () => void }[] = []
  readonly #expected = new Map<string, () => void>()

  /** `consumed`: null where nobody will ever want events. */
  constructor(host: PipelineHost, consumed: PipelineConsumers | null) {
    this.#host = host
    this.#consumed = consumed
    this.#assembler = this.#newAssembler()
  }

  #newAssembler(): TransactionAssembler {
    return new TransactionAssembler(this, LARGE_TRANSACTION_BYTES, this.#consumed !== null)
  }

  /** The end of the last transaction that was delivered, or that the replica began with. */
  get lastEnd(): Lsn {
    return maxLsn(this.#lastEnd, this.#restored)
  }

  /** Everything before this position is in the replica. */
  get position(): Lsn {
    return maxLsn(this.#position, this.#restored)
  }

  /** What the replica held before anything was delivered; zero: nothing. */
  get restored(): Lsn {
    return this.#restored
  }

  /** Another number whenever something may have changed in the replica. */
  get version(): number {
    return this.#version
  }

  get streamedTimeUs(): bigint | null {
    const timeUs = this.#assembler.commitTimeUs
    return timeUs === 0n ? null : timeUs
  }

  /** Where the stream stands, as events have it. */
  get at(): Pick<TransactionInfo, 'lsn' | 'commitTime'> {
    return { lsn: this.position, commitTime: dateOfServerTime(this.#lastCommitTimeUs ?? 0n) }
  }

  /** Commit time of the last transaction applied, in microseconds since 2000-01-01 UTC; null before the first. */
  get lastCommitTimeUs(): bigint | null {
    return this.#lastCommitTimeUs
  }

  /** Row changes of the stream that went into the tables of views. */
  get changes(): number {
    return this.#changes
  }

  /** Whether a transaction is being applied in pieces. */
  get isMidTransaction(): boolean {
    return this.#isMidTransaction
  }

  /** Whether a transaction was applied in part and its session is gone: the replica is good for nothing. */
  get isTainted(): boolean {
    return this.#isTainted
  }

  /** A new session on the same slot: half a transaction is forgotten, what was applied will be skipped. */
  beginSession(): void {
    if (this.#isMidTransaction) this.#isTainted = true
    this.#isMidTransaction = false
    this.dropSpill()
    this.#assembler = this.#newAssembler()
  }

  /** Lets go of the beginning of a transaction whose end will not come. */
  dropSpill(): void {
    this.#spill?.file.release()
    this.#spill = null
  }

  /** Another server has taken over with everything up to the last end; what it was heard to have beyond that, it has not. */
  leaveHistory(): void {
    this.#position = this.#lastEnd
    this.#restored = minLsn(this.#restored, this.lastEnd)
  }

  /**
   * A first session whose replica has everything before `restored` already. The slot may send what came before: consumers get it,
   * the replica does not.
   */
  resume(restored: Lsn): void {
    this.beginSession()
    this.#restored = restored
  }

  /** A new slot, whose stream begins at `start`: nothing of the former one is left to be expected. */
  beginStream(start: Lsn): void {
    this.beginSession()
    this.#isTainted = false
    this.unsettled.clear()
    this.#expected.clear()
    this.#lastEnd = start
    this.#restored = ZERO_LSN
    // After a failover the server may stand before where we were; its LSNs count from now on.
    this.#position = start
  }

  /** From now on changes go to this replica. */
  feed(replica: Replica | null): void {
    if (replica !== this.#replica) this.#isTainted = false
    this.#replica = replica
    this.#beside = null
  }

  /** From now on changes go to this replica too; null ends it. Call it between transactions. */
  feedBeside(replica: Replica | null): void {
    this.#beside = replica
  }

  /**
   * Shows what is pending, so that views that are compared, added or written stand at one position; false while half a transaction is
   * applied, and nothing stands anywhere.
   */
  settleStep(): boolean {
    if (this.#isMidTransaction || this.#isTainted) return false
    if (this.#isDirty) this.#step()
    return true
  }

  /** Whether every commit is a step of its own, because somebody wants to see each. */
  stepEachCommit(enabled: boolean): void {
    this.#stepsEachCommit = enabled
  }

  /** Called when a transaction that was applied in pieces has ended, before its step. */
  onPartialEnd(listener: () => void): void {
    this.#onPartialEnd = listener
  }

  /** Calls back when the stream delivers this watermark, which is still to be written. */
  expectWatermark(watermark: string, seen: () => void): void {
    this.#expected.set(watermark, seen)
  }

  /** The watermark will not be written. */
  forgetWatermark(watermark: string): void {
    this.#expected.delete(watermark)
  }

  /** Resolves once everything before `target` is in the replica. */
  waitFor(target: Lsn): Promise<void> {
    return new Promise((resolve) => {
      this.whenAt(target, resolve)
    })
  }

  /** Calls back once everything before `target` is in the replica, unless the returned function is called before. */
  whenAt(target: Lsn, resolve: () => void): () => void {
    if (this.position >= target) {
      resolve()
      return () => {}
    }
    const waiter = { target, resolve }
    this.#waiters.push(waiter)
    return () => {
      this.#waiters = this.#waiters.filter((other) => other !== waiter)
    }
  }

  /** A chunk was merged; if that was not on the stream's turn, the step comes right after. */
  noteMerged(): void {
    this.#isDirty = true
    this.#version += 1
    queueMicrotask(() => {
      if (this.#isDirty && !this.#isMidTransaction) this.#step()
    })
  }

  /** Time has passed, so that rows may come to and go from views without a transaction. */
  noteTime(): void {
    // Half a transaction is not shown, be it still arriving or left behind by a torn session.
    if (!this.#isMidTransaction && !this.#isTainted) this.noteMerged()
  }

  /** Lets go of the delivered transactions that a snapshot shows. */
  settle(snapshot: Snapshot): void {
    this.unsettled.settle(snapshot)
    this.#confirm()
  }

  onFrame(buffer: Buffer, frame: number, end: number): void {
    this.#assembler.readFrame(buffer, frame, end)
  }

  onTransaction(transaction: Transaction, messages: readonly LogicalMessage[]): void {
    const isRepeated = transaction.endLsn <= this.#lastEnd
    if (!isRepeated) this.#apply(transaction)
    for (const { prefix, content } of messages) {
      if (prefix === WATERMARK_PREFIX) this.#seeWatermark(content.toString('utf8'))
      else if (prefix === REFRESH_PREFIX && !isRepeated) {
        this.#host.onRefreshRequest?.(parseRefreshRequest(content.toString('utf8')))
      }
    }
    if (this.#isDirty && this.#stepsEachCommit) this.#step()
  }

  onLargeTransaction(begin: TransactionBegin, take: () => readonly Span[]): void {
    if (begin.commitLsn < this.#lastEnd) {
      take()
      return
    }
    const spans = take()
    if (this.#consumed !== null) {
      // Consumers get a transaction when it has ended, and whole.
      this.#spill ??= { file: new SpillFile(this.#consumed.tempDir), relations: begin.relations }
      this.#spill.file.append(spans)
    }
    if (this.#replica === null || begin.commitLsn < this.#restored) return
    if (!this.#isMidTransaction) {
      if (this.#isDirty) this.#step()
      this.#replica.retainAll(true)
      this.#isMidTransaction = true
    }
    this.#version += 1
    this.#changes += this.#replica.applier.apply(spans, begin.relations)
    this.#beside?.applier.apply(spans, begin.relations)
  }

  onKeepalive(walEnd: Lsn): void {
    if (this.#assembler.isOpen) return
    this.#advance(walEnd)
    this.#confirm()
  }

  onChunkEnd(): void {
    if (this.#isMidTransaction) return
    if (this.#isDirty) this.#step()
    this.#resolveWaiters()
    this.#confirm()
    if (this.unsettled.bytes > PROBE_BYTES) this.#host.onProbeWanted()
    if (this.#consumed?.consumers.isFull === true) this.#host.onPause()
  }

  /** Confirms what may be confirmed; also called when consumers have come further. */
  #confirm(): void {
    const settled = this.unsettled.settledLsn(this.#position)
    this.#host.onConfirm(this.#consumed?.consumers.handledLsn(settled) ?? settled)
  }

  /** Consumers have dealt with more. */
  noteHandled(): void {
    this.#confirm()
  }

  #apply(transaction: Transaction): void {
    const isKnown = transaction.endLsn <= this.#restored
    const replica = isKnown ? null : this.#replica
    // No snapshot has shown it yet, so chunks may lack it.
    let isCaptured = (isKnown || this.#consumed?.mayRead === true) && hasChanges(transaction)
    if (replica !== null) {
      const applied = replica.applier.apply(transaction.spans, transaction.relations)
      const besides = this.#beside?.applier.apply(transaction.spans, transaction.relations) ?? 0
      this.#changes += applied
      if (applied > 0 || besides > 0 || this.#isMidTransaction) {
        this.#isDirty = true
        this.#version += 1
        isCaptured = true
      }
    }
    if (isCaptured) {
      this.unsettled.add(transaction.isPartial ? { ...transaction, spans: [], bytes: 0 } : transaction)
    }
    if (this.#consumed !== null && hasChanges(transaction)) this.#consume(this.#consumed, transaction)
    this.#lastEnd = transaction.endLsn
    this.#lastCommitTimeUs = transaction.commitTimeUs
    this.#advance(transaction.endLsn)
    if (!this.#isMidTransaction) return
    this.#isMidTransaction = false
    this.#onPartialEnd()
    this.#step()
  }

  #consume({ consumers }: PipelineConsumers, transaction: Transaction): void {
    const spill = this.#spill
    if (spill === null) {
      consumers.push(transaction)
      return
    }
    const { file, relations } = spill
    const { spans: rest } = transaction
    const whole: ConsumedTransaction = {
      ...transaction,
      relations,
      spill: file,
      spans: {
        *[Symbol.iterator]() {
          yield* file.spans()
          yield* rest
        },
      },
    }
    consumers.push(whole)
    // What is left of it is the consumers' own.
    this.dropSpill()
  }

  #step(): void {
    this.#isDirty = false
    if (this.#replica !== null) this.#host.onStep(this.#replica)
    // Nobody sees it yet: its derived tables are kept up, so that they never have much to catch up with.
    this.#beside?.flush()
  }

  #seeWatermark(watermark: string): void {
    const seen = this.#expected.get(watermark)
    this.#expected.delete(watermark)
    seen?.()
  }

  #advance(position: Lsn): void {
    this.#position = maxLsn(this.#position, position)
    if (this.#waiters.length > 0 && !this.#isMidTransaction) this.#resolveWaiters()
  }

  #resolveWaiters(): void {
    if (this.#waiters.length === 0) return
    const waiting = this.#waiters
    this.#waiters = waiting.filter(({ target, resolve }) => {
      if (target > this.position) return true
      resolve()
      return false
    })
  }
}

/** Whether a transaction has changes or messages, of which the beginning may be gone already. */
function hasChanges({ spans, isPartial }: Transaction): boolean {
  return isPartial || spans.length > 0
}
