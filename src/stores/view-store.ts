import type { Lsn } from '../core/lsn.ts'
import type { RowsShape } from '../views/compile/plan-node.ts'
import type { TypeIr } from '../views/view-ir.ts'

/** One output of a view as a store keeps it. */
export interface StoredColumn {
  readonly name: string
  readonly type: TypeIr
  /** What the objects of a nested result hold; null: a plain value. */
  readonly rows: RowsShape | null
}

/** A view as a store keeps it. */
export interface StoredView {
  /** The view's own name. */
  readonly name: string
  /** In the order of the view's outputs. */
  readonly columns: readonly StoredColumn[]
  /** Names that tell rows apart; empty for a view of one row. */
  readonly key: readonly string[]
  /** Of the definition: another one means another content. */
  readonly fingerprint: string
}

/**
 * Values in wire text, as Postgres' output functions write them with the settings of a dump; null is NULL. A nested result is JSON:
 * an array of objects with the names of its shape.
 */
export type StoredValues = readonly (string | null)[]

/** What a batch does to the store. */
export interface StoreBatch {
  /**
   * `changes`: rows that are not named stay. `whole`: of these views the rows that the batch does not upsert go with its commit;
   * until then readers see the former ones.
   */
  readonly kind: 'changes' | 'whole'
  readonly views: readonly StoredView[]
}

/**
 * A place where the rows of views are kept for other readers, written in batches that each lead from one position of the source to a
 * later one. One writer calls it, one call at a time, in this order:
 * `open`, then for each batch `begin`, any number of `delete` and `upsert`, `commit`.
 *
 * What it must do: a batch and its position become visible together or not at all, or are such that writing the same batch
 * again mends it (rows are absolute, never increments, so an interrupted batch may be repeated); and a writer whose place another one has taken is refused.
 *
 * Errors: DbsyncError. STORE.FENCED: another writer took over. STORE.ROW_REFUSED with `details.view`: that view cannot be
 * written, the others can. Recovery `retry` or `reconnect`: what was begun is void; `open` is called again after a while, then
 * everything that was not committed is written anew. Anything else ends the sync.
 */
export interface ViewStore {
  /** For messages: what is written to. */
  readonly name: string
  /**
   * Whether a batch may be committed only once new snapshots of the source see what its rows came from: where they are written into
   * rows of the source itself. A commit is streamed before it is visible.
   */
  readonly needsVisible?: boolean
  /**
   * Throws what `open` would throw, and leaves everything as it is: called before a slot is made, so that a configuration that cannot be
   * leaves nothing behind.
   */
  check?(views: readonly StoredView[]): Promise<void>
  /**
   * Connects, and makes room for the views. `takeOver`: whoever wrote before may write no more; otherwise this writer must still
   * be the last that took over. Returns the position of the last commit, null if there was none.
   */
  open(views: readonly StoredView[], options: { readonly takeOver: boolean }): Promise<Lsn | null>
  /** A batch begins: the calls up to `commit` belong to it. */
  begin(batch: StoreBatch): Promise<void>
  /**
   * Rows of a view go; `keys` have the values of the view's key, in its order. A batch may name a key several times: the last
   * call counts.
   */
  delete(view: StoredView, keys: readonly StoredValues[]): Promise<void>
  /** Rows of a view come or change; values in the order of its columns. No two rows of a call have one key. */
  upsert(view: StoredView, rows: readonly StoredValues[]): Promise<void>
  /** Ends the batch: the store shows the views at this position. */
  commit(position: Lsn): Promise<void>
  /** The view has stopped, and its rows stay as they are: a store may tell its readers. Between batches. */
  fail?(view: StoredView, code: string): Promise<void>
  /** Lets go of connections; safe to call at any time and twice. What was begun is void. */
  close(): Promise<void>
}
