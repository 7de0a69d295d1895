import { DbsyncError } from '../core/errors.ts'
import type { Lsn } from '../core/lsn.ts'
import type { IndexColumn } from '../ivm/row-index.ts'
import type { Row as AnyRow, ViewChange as AnyViewChange, ViewState } from '../ivm/view-state.ts'
import { ChangeFeed } from './change-feed.ts'
import { identityOf } from '../values/row-identity.ts'

/**
 * Whether a view can be read: `hydrating` not yet; `live` yes; `stale` yes, with the rows as of its `lsn` while
 * the tables are being read anew; `failed` no more; `removed`: it was taken out of the sync.
 */
export type ViewReadiness = 'hydrating' | 'live' | 'stale' | 'failed' | 'removed'

/**
 * A row of a view that changed. `before` null: it is new; `after` null: it is gone.
 *
 * `key` is the value of a key of one column, an object for a longer one, null for a view of one row and for a bag.
 */
export interface ViewChange<Row, Key = unknown> {
  readonly key: Key
  readonly before: Row | null
  readonly after: Row | null
}

/** How long to wait for a position. */
export interface AtOptions {
  /** Ends the waiting, with its reason: `AbortSignal.timeout(500)`. */
  readonly signal?: AbortSignal
}

/** The changes that one commit (or several, for a slow reader) made to a view. */
export interface ViewBatch<Row, Key = unknown> {
  /** The view's content after the batch is its SQL at this position. */
  readonly lsn: Lsn
  /** At most one entry a key. */
  readonly changes: readonly ViewChange<Row, Key>[]
}

/** The key that a change tells, of what `get` takes: null for a view of one row and for a bag. */
export type ChangedKey<Key> = [Key] extends [void] ? null : Key

/**
 * A view that is kept in memory, as its readers see it.
 *
 * Everything that is read in one synchronous block, of this view and of all others of the sync, is one LSN.
 */
export interface MemoryView<Row, Key, Match = never> {
  readonly name: string
  readonly readiness: ViewReadiness
  /** The content is what the view's SQL answers at this position. */
  readonly lsn: Lsn
  /** How many rows there are. Throws: as `get`. */
  readonly size: number
  /**
   * Resolves with the view once it shows everything that was committed before `position`; without one, everything that the
   * surrounding `trackCommits` has committed. At once if it does already, or if `position` is null. What is read in the
   * same synchronous block after it shows that or more. A view that is being read anew, and a server that is away, are waited for.
   *
   * Throws: SYNC.STATE before `start`, or without a position outside of `trackCommits`; POSTGRES.HISTORY for a position that the
   *   server's WAL does not have; CONFIG.INVALID_OPTIONS; the view's failure, VIEW.REMOVED; SYNC.CLOSED, what stopped the sync;
   *   the signal's reason.
   *
   * @example
   * ```ts
   * import { lastCommit, trackCommits, type MemoryView } from 'prisma-dbsync'
   * import type { PrismaClient } from './generated/client/client.ts'
   *
   * type Names = MemoryView<{ id: string; name: string }, string>
   *
   * export function rename(prisma: PrismaClient, names: Names, id: string, name: string): Promise<string | undefined> {
   *   return trackCommits(async () => {
   *     await prisma.restaurant.update({ where: { id }, data: { name } })
   *     const view = await names.at(lastCommit(), { signal: AbortSignal.timeout(1_000) }) // or names.at()
   *     return view.get(id)?.name
   *   })
   * }
   * ```
   */
  at(position?: Lsn | null, options?: AtOptions): Promise<MemoryView<Row, Key, Match>>
  /**
   * The row of a key, or undefined. A frozen object, the same one until the row changes.
   *
   * Throws: SYNC.NOT_READY before the view is live, the view's failure once it has failed, VIEW.INVALID_DEFINITION for a view
   *   without a key, VIEW.REMOVED after `removeView`.
   */
  get(key: Key): Row | undefined
  /** All rows: in the order of the view's `orderBy`, without one in no particular order. Throws: as `get`. */
  rows(): Iterable<Row>
  /**
   * All rows as a frozen array, in the order of `rows`: the same array until the view changes. After a change, only what
   * changed is put in its place anew.
   *
   * Throws: as `get`.
   */
  all(): readonly Row[]
  /**
   * The rows whose columns have those values: exactly the columns of one of the view's `indexes`. Values are equal if they
   * show the same; null finds null. In the order of `rows`; a frozen array, the same one until one of its rows changes.
   *
   * Throws: as `get`; CONFIG.INVALID_OPTIONS for columns that are no index, or a value that is not of its column's type.
   *
   * @example
   * ```ts
   * import { count, createSync, defineView, eq } from 'prisma-dbsync'
   * import { Restaurant, schema, Visit } from './generated/dbsync/index.ts'
   *
   * const restaurants = defineView(
   *   'restaurants',
   *   (q) =>
   *     q.from({ r: Restaurant })
   *       .leftJoin({ v: Visit }, ({ r, v }) => eq(v.restaurantId, r.id))
   *       .groupBy(({ r }) => [r.id, r.rating])
   *       .select(({ r, v }) => ({ id: r.id, rating: r.rating, visits: count(v.userId) })),
   *   { indexes: [['rating'], ['rating', 'visits']] },
   * )
   * const sync = createSync({ schema, connection: 'postgresql://localhost/app', views: { restaurants } })
   *
   * export function goodOnes(): readonly string[] {
   *   return sync.views.restaurants.where({ rating: 5 }).map(({ id }) => id)
   * }
   * ```
   */
  where(match: Match): readonly Row[]
  /**
   * Calls `listener` after each commit that changes the view, until the returned function is called. What it throws is
   * reported as an event and does not stop the stream.
   */
  subscribe(listener: (batch: ViewBatch<Row, ChangedKey<Key>>) => void): () => void
  /**
   * The changes from now on, one batch a commit. Where the reader falls behind, batches are folded into one, so
   * memory stays bounded by the view's size. Ends with the sync; rejects with the signal's reason.
   */
  changes(options?: { readonly signal?: AbortSignal }): AsyncIterable<ViewBatch<Row, ChangedKey<Key>>>
}

/** The engine's side of a {@link MemoryView}. */
export class ViewCell implements MemoryView<AnyRow, unknown, unknown> {
  readonly name: string
  readonly #key: readonly string[] | null
  readonly #indexes: readonly (readonly IndexColumn[])[]
  #state: ViewState | null = null
  #readiness: ViewReadiness = 'hydrating'
  #lsn: Lsn
  #ending: { readonly error: DbsyncError | null } | null = null
  readonly #position: () => Lsn
  readonly #listeners = new Set<(batch: ViewBatch<AnyRow>) => void>()
  readonly #feeds = new Set<ChangeFeed<AnyRow>>()
  readonly #onDemand: () => void
  readonly #onListenerError: (error: unknown) => void
  readonly #reach: (position: Lsn | null | undefined, options?: AtOptions) => Promise<unknown>

  /**
   * `key`: the names that identify a row, or null. `position` tells how far the stream has come while the view is live; `onDemand` is called when the number of
   * subscribers leaves or reaches zero; `reach` waits until the view is as far as somebody wants. `indexes`: what `where` finds rows by.
   */
  constructor(
    name: string,
    key: readonly string[] | null,
    hooks: {
      readonly position: () => Lsn
      readonly onDemand: () => void
      readonly onListenerError: (error: unknown) => void
      readonly reach: (position: Lsn | null | undefined, options?: AtOptions) => Promise<unknown>
    },
    indexes: readonly (readonly IndexColumn[])[] = [],
  ) {
    this.name = name
    this.#key = key
    this.#indexes = indexes
    this.#position = hooks.position
    this.#lsn = hooks.position()
    this.#onDemand = hooks.onDemand
    this.#onListenerError = hooks.onListenerError
    this.#reach = hooks.reach
  }

  get readiness(): ViewReadiness {
    return this.#state?.failure != null ? 'failed' : this.#readiness
  }

  get lsn(): Lsn {
    return this.#readiness === 'live' ? this.#position() : this.#lsn
  }

  get size(): number {
    return this.#readable().size
  }

  /** Whether anybody wants to be told of changes. */
  get hasDemand(): boolean {
    return this.#listeners.size + this.#feeds.size > 0
  }

  get failure(): DbsyncError | null {
    return this.#state?.failure ?? null
  }

  async at(position?: Lsn | null, options?: AtOptions): Promise<this> {
    await this.#reach(position, options)
    this.#readable()
    return this
  }

  get(key: unknown): AnyRow | undefined {
    return this.#readable().get(key)
  }

  rows(): Iterable<AnyRow> {
    return this.#readable().rows()
  }

  all(): readonly AnyRow[] {
    return this.#readable().all()
  }

  where(match: unknown): readonly AnyRow[] {
    const state = this.#readable()
    if (isObject(match)) return state.where(match)
    throw new DbsyncError(
      'CONFIG.INVALID_OPTIONS',
      `${this.name}.where: found ${match === null || match === undefined ? String(match) : `a ${typeof match}`}; need an object. Give the columns of an index by their names.`,
    )
  }

  subscribe(listener: (batch: ViewBatch<AnyRow>) => void): () => void {
    // A listener given twice is two subscriptions.
    const entry = (batch: ViewBatch<AnyRow>): void => listener(batch)
    this.#listeners.add(entry)
    this.#onDemand()
    return () => {
      if (this.#listeners.delete(entry)) this.#onDemand()
    }
  }

  changes(options: { readonly signal?: AbortSignal } = {}): AsyncIterable<ViewBatch<AnyRow>> {
    const feed = new ChangeFeed<AnyRow>(options.signal, () => {
      if (this.#feeds.delete(feed)) this.#onDemand()
    })
    if (this.#ending !== null) {
      feed.end(this.#ending.error)
      return feed
    }
    this.#feeds.add(feed)
    this.#onDemand()
    return feed
  }

  /**
   * The view is exact from now on. Returns what tells a former state's readers what is different; call it when all
   * views of the sync are live. A state with a row that cannot be shown fails; after one that had failed nothing can
   * be told, and its readers have had the failure. `isSame`: the former state shows the same, so that nothing is to be told.
   */
  goLive(state: ViewState, isSame = false): () => void {
    const former = this.#state
    for (const index of this.#indexes) state.addIndex(index)
    this.#state = state
    this.#readiness = 'live'
    this.#ending = null
    if (former === null || former === state || !this.hasDemand || state.failure !== null) return () => {}
    if (isSame && former.failure === null) return () => {}
    const rows = shownRows(former)
    if (rows === null) return () => {}
    let changes: readonly AnyViewChange[] = []
    try {
      changes = differences(rows, state, this.#key)
    } catch (error) {
      state.fail(error)
    }
    return () => this.publish(changes)
  }

  /** The tables are being read anew; the rows stay readable as they are. */
  goStale(): void {
    if (this.#readiness !== 'live') return
    this.#lsn = this.#position()
    this.#readiness = 'stale'
  }

  /** Tells subscribers of changes; an empty batch is nobody's business. */
  publish(changes: readonly AnyViewChange[]): void {
    if (changes.length === 0) return
    const batch = Object.freeze({ lsn: this.#position(), changes })
    for (const listener of this.#listeners) {
      try {
        listener(batch)
      } catch (error) {
        this.#onListenerError(error)
      }
    }
    for (const feed of this.#feeds) feed.push(batch)
  }

  /** Ends every feed, with an error if the sync failed. */
  end(error: DbsyncError | null): void {
    this.#ending = { error }
    for (const feed of this.#feeds) feed.end(error)
  }

  /** Ends the readers as the end of the sync does, and lets go of the rows. */
  remove(): void {
    this.#lsn = this.lsn
    this.#readiness = 'removed'
    this.#state = null
    this.end(null)
    this.#listeners.clear()
  }

  #readable(): ViewState {
    const state = this.#state
    if (this.#readiness === 'removed') {
      throw new DbsyncError(
        'VIEW.REMOVED',
        `View "${this.name}" was removed from the sync. Add it again with sync.addView() to read it.`,
        { details: { view: this.name } },
      )
    }
    if (state === null) {
      throw new DbsyncError(
        'SYNC.NOT_READY',
        `View "${this.name}" is not live yet: its tables are still being read. Await sync.start() or sync.ready() first.`,
        { details: { view: this.name } },
      )
    }
    if (state.failure !== null) throw state.failure
    return state
  }
}

function isObject(value: unknown): value is AnyRow {
  return typeof value === 'object' && value !== null
}

/** All rows of a state, or null if it has failed or holds a row that cannot be shown. */
function shownRows(state: ViewState): readonly AnyRow[] | null {
  try {
    return [...state.rows()]
  } catch {
    return null
  }
}

/** What leads from some rows of a view to another state of it: by key where there is one, else row by row. */
function differences(
  former: readonly AnyRow[],
  next: ViewState,
  key: readonly string[] | null,
): readonly AnyViewChange[] {
  const changes: AnyViewChange[] = []
  const left = new Map<string, AnyRow[]>()
  const keyOf = (row: AnyRow): unknown => {
    const [first] = key ?? []
    if (key === null || first === undefined) return null
    return key.length === 1 ? row[first] : Object.fromEntries(key.map((name) => [name, row[name]]))
  }
  const idOf = (row: AnyRow): string => identityOf(key === null ? row : key.map((name) => row[name]))
  for (const row of former) {
    const rows = left.get(idOf(row))
    if (rows === undefined) left.set(idOf(row), [row])
    else rows.push(row)
  }
  for (const after of next.rows()) {
    const before = left.get(idOf(after))?.pop() ?? null
    if (before === null || identityOf(before) !== identityOf(after))
      changes.push({ key: keyOf(after), before, after })
  }
  for (const rows of left.values()) {
    for (const before of rows) changes.push({ key: keyOf(before), before, after: null })
  }
  return changes
}
