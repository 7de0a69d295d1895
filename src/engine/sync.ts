import type { Table } from '../contract/schema-contract.ts'
import type { Lsn } from '../core/lsn.ts'
import type { AtOptions, MemoryView, ViewReadiness } from '../stores/memory-view.ts'
import type { ViewDefinition, ViewKey, ViewMatch, ViewRow } from '../views/define-view.ts'
import type { Refresh, RefreshOptions, RefreshProgress, TableKey } from './refresh.ts'
import type { TableProgress } from './replica.ts'
import type { AnyChange } from '../changes/change.ts'
import type { ModelRef } from './consumer-options.ts'
import type { ViewSet } from './options.ts'
import type { StoreStatus } from './store-writer.ts'
import type { SyncState } from './sync-event.ts'
import type { SyncTransaction } from './transaction-feed.ts'

/** The views of a sync, by the names given to `createSync`. */
export type SyncViews<Views extends ViewSet> = {
  readonly [Name in keyof Views]: Views[Name] extends ViewDefinition
    ? MemoryView<ViewRow<Views[Name]>, ViewKey<Views[Name]>, ViewMatch<Views[Name]>>
    : never
}

/** How a sync stands at one moment. */
export interface SyncStatus {
  readonly state: SyncState
  /** Everything before it is in the views. */
  readonly position: Lsn
  /** How far the server is known to have come. */
  readonly received: Lsn
  /** Bytes of WAL from `position` to `received`; 0 when caught up. */
  readonly lagBytes: number
  /** Now minus the commit time of the last transaction applied while there is lag; 0 when caught up. */
  readonly lagMs: number
  /** The replication slot and how far it is confirmed; null while no stream runs. */
  readonly slot: { readonly name: string; readonly durable: boolean; readonly confirmed: Lsn } | null
  readonly publication: string
  /** Row changes of the stream that went into the views' tables since the start. */
  readonly changes: number
  readonly tables: readonly TableProgress[]
  /** Refreshes that are not done. */
  readonly refreshes: readonly RefreshProgress[]
  /** Each view with its number of rows, null while it cannot be read, and the position that it shows. */
  readonly views: readonly {
    readonly name: string
    readonly readiness: ViewReadiness
    readonly rows: number | null
    readonly lsn: Lsn
  }[]
  /** The places where views are written. */
  readonly stores: readonly StoreStatus[]
  /** Transactions delivered that no snapshot has shown visible yet. */
  readonly unsettled: number
  /** How often, since the start, a stream was lost or one could not be begun. */
  readonly reconnects: number
}

/** Those of a union of changes that are of some models. */
export type ChangeOf<Changes, Model> = Changes extends { readonly model: infer Name extends string }
  ? string extends Name
    ? Changes
    : Name extends Model
      ? Changes
      : never
  : never

/** The names of the models in a union of changes. */
export type ModelIn<Changes> = Changes extends { readonly model: infer Model extends string } ? Model : never

/** A running sync: views that follow the database, and consumers that are given its changes. */
export interface Sync<Views extends ViewSet = ViewSet, Changes = AnyChange> extends AsyncDisposable {
  /** The views, readable once `start` has resolved. */
  readonly views: SyncViews<Views>
  readonly state: SyncState
  /**
   * Checks server, role and tables, makes publication and slot, reads the tables while the stream runs, and resolves
   * once every view is live and written wherever it is to be written. Call it once.
   *
   * Throws: POSTGRES.*, CONTRACT.*, CHANGES.REPLICA_IDENTITY, PUBLICATION.INCOMPLETE, SLOT.*; then the sync has failed and
   *   has left nothing running.
   */
  start(): Promise<void>
  /** Resolves when every view is live: at once, or after the reconnect that is under way. Throws: what stopped the sync. */
  ready(): Promise<void>
  /**
   * Resolves once everything that was committed before this call is in the views, and written wherever they are written; returns
   * the position.
   * Throws: SYNC.STATE before `start`, SYNC.CLOSED, what stopped the sync.
   */
  catchUp(): Promise<Lsn>
  /**
   * As `at` of a view, of all of them, wherever they are written: resolves with their position once they show everything that was
   * committed before `position`, or without one everything that the surrounding `trackCommits` has committed.
   */
  at(position?: Lsn | null, options?: AtOptions): Promise<Lsn>
  /**
   * Reads rows again while the stream runs, and repairs what differs: wrong values, missing rows, rows that the database
   * does not have. Nothing should differ; this is for after a fault outside, or to be sure. Without a table: all. Views stay exact
   * and readable all the while. Several refreshes are read one after the other.
   *
   * Throws: SYNC.STATE before `start`; CONFIG.INVALID_OPTIONS for a table that no view reads, or a key of another form.
   */
  refresh<T extends Table>(table: T, options?: RefreshOptions<TableKey<T>>): Refresh
  refresh(tables?: readonly Table[], options?: Pick<RefreshOptions, 'rowsPerSecond'>): Refresh
  /**
   * The transactions from now on, whole and in commit order, for one reader at its own pace: of the models in the option `changes`, or of
   * some of them; logical messages in their place. Opened before `start` it misses nothing that the slot still has.
   *
   * A transaction counts as handled when the next one is asked for; until then the slot keeps it. A reader that is not read from holds the
   * stream back, also while the sync starts. It ends with the sync, with `signal`, or when the loop is left; then it holds
   * nothing back any more, so to have a transaction again whose handling failed, close the sync at once.
   * Throws: CONFIG.INVALID_OPTIONS for a model that the option `changes` does not have; SYNC.CLOSED; while reading what stopped the sync.
   */
  changes<Model extends ModelIn<Changes> = ModelIn<Changes>>(options?: {
    readonly models?: readonly ModelRef<Model>[]
    readonly signal?: AbortSignal
  }): AsyncIterableIterator<SyncTransaction<ChangeOf<Changes, Model>>>
  /**
   * Adds a view to a sync that is running; resolves with the view once it is live. It is no member of `views`.
   *
   * Where other views keep all that it reads, it is filled from their tables at once. Else the tables of all views are read
   * again beside those that are there, which takes the time of a start and for that time the memory of both; the other
   * views stay live, consumers notice nothing, the publication gets what it lacks, and in the end `get` and `rows` give
   * new row objects with the same values. Additions are done one after the other. What fails leaves all as it was.
   * Throws: SYNC.STATE before `start`, SYNC.CLOSED, CONFIG.DUPLICATE_VIEW, CONFIG.INVALID_OPTIONS for a view of another
   *   schema, VIEW.*, what `start` would throw about its tables.
   *
   * @example
   * ```ts
   * import { count, createSync, defineView } from 'prisma-dbsync'
   * import { Restaurant, schema, Visit } from './generated/dbsync/index.ts'
   *
   * const restaurants = defineView('restaurants', (q) => q.from({ r: Restaurant }).select(({ r }) => ({ id: r.id })))
   * const visits = defineView('visits', (q) =>
   *   q.from({ v: Visit })
   *     .groupBy(({ v }) => [v.restaurantId])
   *     .select(({ v }) => ({ id: v.restaurantId, visits: count() })))
   *
   * export async function visitsNow(restaurant: string): Promise<number> {
   *   await using sync = createSync({ schema, connection: 'postgresql://localhost/app', views: { restaurants } })
   *   await sync.start()
   *   const live = await sync.addView(visits)
   *   const now = live.get(restaurant)?.visits ?? 0
   *   sync.removeView(visits)
   *   return now
   * }
   * ```
   */
  addView<Row, Key, Names extends string | null, Match>(
    view: ViewDefinition<Row, Key, Names, Match>,
  ): Promise<MemoryView<Row, Key, Match>>
  /**
   * Takes a view out, by its definition or its name: its loops end, its listeners are told nothing more, and reading it
   * throws VIEW.REMOVED. What no other view needs is let go of; tables that nobody reads are no longer followed. The
   * publication stays as it is.
   *
   * Throws: CONFIG.INVALID_OPTIONS if there is no such view; SYNC.CLOSED.
   */
  removeView(view: Pick<ViewDefinition, 'name'> | string): void
  /** How the sync stands now: position, lag, slot, tables, views, stores. A new object each time; it asks the server nothing. */
  status(): SyncStatus
  /** Lets the handler or sink call in hand finish, confirms what is done, drops a temporary slot, ends every reader. Safe to call twice. */
  close(): Promise<void>
}
