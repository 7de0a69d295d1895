import type { Lsn } from '../../core/lsn.ts'
import type { StoredValues, StoredView } from '../view-store.ts'
import type { TableKey } from './checkpoint.ts'
import type { StoreSession } from './store-session.ts'

/** Where the rows of one view go within a database; all of it in transactions of the store. */
export interface StoreTarget {
  readonly view: StoredView
  /** What stands for it in `dbsync.derived_table`. */
  readonly keys: readonly TableKey[]
  /** Tables that must not be in the publication of the sync. */
  readonly unpublished: readonly TableKey[]
  /**
   * Makes room, or makes sure that there is. Returns whether it shows its view at `position`, so that changes can be written to it;
   * otherwise it needs all rows.
   */
  prepare(session: StoreSession, pipeline: string, position: Lsn | null): Promise<boolean>
  /** All rows are about to be written. `place`: of the target in its batch. */
  beginWhole(session: StoreSession, place: number): Promise<void>
  delete(session: StoreSession, keys: readonly StoredValues[]): Promise<void>
  upsert(session: StoreSession, rows: readonly StoredValues[]): Promise<void>
  /** Everything of the batch has been handed over. */
  finish(session: StoreSession, pipeline: string): Promise<void>
  /** The batch has ended, well or not. */
  ended(isCommitted: boolean): void
}
