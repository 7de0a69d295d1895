import { DbsyncError } from '../core/errors.ts'
import { lsn, type Lsn } from '../core/lsn.ts'
import { xid, type Xid } from '../core/xid.ts'
import { readLogicalMessage, RESERVED_PREFIX, type LogicalMessage } from './logical-message.ts'
import {
  CHANGE,
  COPY_HEADER,
  WAL_HEADER,
  type RelationMap,
  type Span,
  type Transaction,
} from './transaction.ts'
import { readRelation } from './wal-relation.ts'

/** What the assembler hands on, always in commit order. */
export interface TransactionReceiver {
  /** A whole transaction; `messages` are the logical messages in it with a reserved prefix, in order. */
  onTransaction(transaction: Transaction, messages: readonly LogicalMessage[]): void
  /**
   * A transaction has grown past the limit and has not ended. The receiver may take what is there
   * (`take()` returns the spans and empties them); the rest comes here again or with the end.
   */
  onLargeTransaction(begin: TransactionBegin, take: () => readonly Span[]): void
}

/** What is known of a transaction before its end. */
export interface TransactionBegin {
  readonly xid: Xid
  readonly commitLsn: Lsn
  readonly relations: RelationMap
}

/** Once a transaction is taken in pieces it is taken while it is still in the processor's cache. */
const PIECE_BYTES = 64 * 1024

const NO_MESSAGES: readonly LogicalMessage[] = []
/** Bytes of the fixed fields of Begin and Commit, after the tag. */
const BEGIN_BYTES = 20
const COMMIT_BYTES = 25

/**
 * Groups the frames of a stream into whole transactions. Pure: no I/O, no clock, no decoding of rows.
 *
 * In: WAL data frames in stream order, of protocol version 1 (a transaction arrives whole, after its commit).
 * Out: transactions in commit order. A transaction cut off by the end of the session was never handed on.
 * Throws: WAL.MALFORMED, WAL.UNSUPPORTED.
 * Source: PostgreSQL manual, "Logical Streaming Replication Protocol", "Logical Replication Message Formats".
 */
export class TransactionAssembler {
  readonly #receiver: TransactionReceiver
  readonly #largeBytes: number
  readonly #keepsMessages: boolean
  #relations: RelationMap = new Map()
  #isOpen = false
  #isPartial = false
  #xid = xid(0)
  #commitLsn: Lsn = lsn(0n)
  #commitTimeUs = 0n
  #before: RelationMap = this.#relations
  #spans: Span[] = []
  #last: Span | null = null
  #bytes = 0
  #messages: LogicalMessage[] | null = null

  /**
   * `largeBytes`: from this size on a transaction is offered before its end. `keepsMessages`: logical messages stay among the
   * changes of their transaction, in their place; else those that are not ours are dropped.
   */
  constructor(receiver: TransactionReceiver, largeBytes: number, keepsMessages = false) {
    this.#receiver = receiver
    this.#largeBytes = largeBytes
    this.#keepsMessages = keepsMessages
  }

  /** Whether a transaction has begun and not ended. */
  get isOpen(): boolean {
    return this.#isOpen
  }

  /** When the transaction last begun was committed, in microseconds since 2000-01-01 UTC; 0 before the first. */
  get commitTimeUs(): bigint {
    return this.#commitTimeUs
  }

  /** Takes one WAL data frame where it lies; `frame` is the position of its CopyData tag. */
  readFrame(buffer: Buffer, frame: number, end: number): void {
    const at = frame + COPY_HEADER + WAL_HEADER
    if (at >= end) throw tooShort()
    switch (buffer[at]) {
      case CHANGE.insert:
      case CHANGE.update:
      case CHANGE.delete:
      case CHANGE.truncate:
        if (!this.#isOpen) throw outOfOrder('a change')
        this.#keep(buffer, frame, end)
        return
      case 0x42: // B
        this.#begin(buffer, at + 1, end)
        return
      case 0x43: // C
        this.#commit(buffer, at + 1, end)
        return
      case 0x52: {
        // R
        const relation = readRelation(buffer, at + 1, end)
        this.#relations = new Map(this.#relations).set(relation.oid, relation)
        if (this.#isOpen) this.#keep(buffer, frame, end)
        return
      }
      case 0x4d: // M
        this.#message(buffer, frame, at + 1, end)
        return
      case 0x59: // Y, a type's name
      case 0x4f: // O, the transaction's origin
        return
      default:
        throw new DbsyncError(
          'WAL.UNSUPPORTED',
          `The stream carries a message of type "${String.fromCharCode(buffer[at] ?? 0)}" that this version of ` +
            'DBSync does not read. Update DBSync, or report it with the version of your server.',
        )
    }
  }

  #begin(buffer: Buffer, at: number, end: number): void {
    if (this.#isOpen) throw outOfOrder('a begin')
    if (end - at < BEGIN_BYTES) throw tooShort()
    this.#isOpen = true
    this.#commitLsn = lsn(buffer.readBigUInt64BE(at))
    this.#commitTimeUs = buffer.readBigInt64BE(at + 8)
    this.#xid = xid(buffer.readUInt32BE(at + 16))
    this.#before = this.#relations
  }

  #keep(buffer: Buffer, frame: number, end: number): void {
    const last = this.#last
    if (last !== null && last.buffer === buffer) last.to = end
    else {
      this.#last = { buffer, from: frame, to: end }
      this.#spans.push(this.#last)
    }
    this.#bytes += end - frame
    if (this.#bytes > (this.#isPartial ? PIECE_BYTES : this.#largeBytes)) this.#offerLarge()
  }

  #offerLarge(): void {
    const begin = { xid: this.#xid, commitLsn: this.#commitLsn, relations: this.#before }
    this.#receiver.onLargeTransaction(begin, () => {
      const spans = this.#spans
      this.#spans = []
      this.#last = null
      this.#bytes = 0
      this.#before = this.#relations
      this.#isPartial = true
      return spans
    })
  }

  #commit(buffer: Buffer, at: number, end: number): void {
    if (!this.#isOpen) throw outOfOrder('a commit')
    if (end - at < COMMIT_BYTES) throw tooShort()
    const transaction: Transaction = {
      xid: this.#xid,
      commitLsn: this.#commitLsn,
      endLsn: lsn(buffer.readBigUInt64BE(at + 9)),
      commitTimeUs: this.#commitTimeUs,
      relations: this.#before,
      spans: this.#spans,
      bytes: this.#bytes,
      isPartial: this.#isPartial,
    }
    const messages = this.#messages ?? NO_MESSAGES
    this.#isOpen = false
    this.#isPartial = false
    this.#spans = []
    this.#last = null
    this.#bytes = 0
    this.#messages = null
    this.#receiver.onTransaction(transaction, messages)
  }

  #message(buffer: Buffer, frame: number, at: number, end: number): void {
    const message = readLogicalMessage(buffer, at, end)
    if (message === null || !this.#isOpen) return
    if (message.prefix.startsWith(RESERVED_PREFIX)) {
      this.#messages ??= []
      this.#messages.push(message)
    } else if (this.#keepsMessages) this.#keep(buffer, frame, end)
  }
}

function outOfOrder(what: string): DbsyncError {
  return new DbsyncError('WAL.MALFORMED', `The stream has ${what} where none can be; reconnecting.`)
}

function tooShort(): DbsyncError {
  return new DbsyncError('WAL.MALFORMED', 'A message of the stream ends before its time; reconnecting.')
}
