import type { Lsn } from '../core/lsn.ts'
import type { Transaction } from '../wal/transaction.ts'
import { isVisibleNarrow, type Snapshot } from './visibility.ts'

/**
 * The transactions that the stream has delivered and that no snapshot has shown visible yet.
 *
 * Postgres streams a commit before new snapshots see it. A chunk read in between is older than the stream, so
 * what it could not see must be applied over it once more. Kept by keeping the bytes: nothing is decoded, and
 * after each probe no more are left than the server has backends.
 */
export class Unsettled {
  #transactions: Transaction[] = []
  #bytes = 0

  /** Bytes of stream that are kept. */
  get bytes(): number {
    return this.#bytes
  }

  get size(): number {
    return this.#transactions.length
  }

  /** Notes a delivered transaction that changed a captured table, in commit order. */
  add(transaction: Transaction): void {
    this.#transactions.push(transaction)
    this.#bytes += transaction.bytes
  }

  /** Lets go of what the snapshot shows visible. */
  settle(snapshot: Snapshot): void {
    const kept = this.#transactions.filter((transaction) => !isVisibleNarrow(snapshot, transaction.xid))
    if (kept.length === this.#transactions.length) return
    this.#transactions = kept
    this.#bytes = kept.reduce((sum, transaction) => sum + transaction.bytes, 0)
  }

  /** Those that the snapshot does not see, in commit order. */
  invisibleIn(snapshot: Snapshot): readonly Transaction[] {
    return this.#transactions.filter((transaction) => !isVisibleNarrow(snapshot, transaction.xid))
  }

  /** All of them, in commit order. */
  all(): readonly Transaction[] {
    return this.#transactions
  }

  /**
   * How far the server may discard WAL, given that everything up to `applied` is dealt with: never past a transaction
   * that is still invisible, since after a restart it would be neither in the stream nor in a chunk.
   */
  settledLsn(applied: Lsn): Lsn {
    const [first] = this.#transactions
    if (first === undefined) return applied
    // A position before its commit record keeps the transaction in the slot's stream.
    return first.commitLsn < applied ? first.commitLsn : applied
  }

  /** Forgets everything; for a new stream that begins elsewhere. */
  clear(): void {
    this.#transactions = []
    this.#bytes = 0
  }
}
