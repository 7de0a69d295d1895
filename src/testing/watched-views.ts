import type pg from 'pg'
import { isDbsyncError } from '../core/errors.ts'
import { parseLsn, type Lsn } from '../core/lsn.ts'
import { createSync } from '../engine/create-sync.ts'
import { optionsOf } from '../engine/options-of.ts'
import type { ViewDefinition } from '../views/define-view.ts'
import { compareRows, rowsOfSql } from './compare-view.ts'
import { formatDifferences } from './format-differences.ts'
import type { Wrong } from './search-failure.ts'
import { shownView, type ShownOptions, type ShownView, type VerifiedSync } from './shown-view.ts'
import { verifyView, ViewMismatchError, type VerifyOptions } from './verify-view.ts'

/** How views are looked at. */
type LookOptions = Pick<ShownOptions, 'of'> & Pick<VerifyOptions, 'connection' | 'maxRows'>

/** The views of a sync while nobody but the search writes their tables. */
export class WatchedViews implements AsyncDisposable {
  readonly #given: VerifiedSync
  readonly #views: readonly ViewDefinition[]
  readonly #options: LookOptions
  #sync: VerifiedSync
  #shown: readonly { readonly view: ViewDefinition; readonly shown: ShownView }[]
  /** A sync of our own. */
  #own: (VerifiedSync & AsyncDisposable) | null = null

  /** Throws: CONFIG.INVALID_OPTIONS for a view that the sync does not show. */
  constructor(sync: VerifiedSync, views: readonly ViewDefinition[], options: LookOptions) {
    this.#given = sync
    this.#sync = sync
    this.#views = views
    this.#options = options
    this.#shown = views.map((view) => ({ view, shown: shownView(sync, view, options) }))
  }

  /** The first view that is not what its SQL answers now. Throws: what stopped the view or the sync. */
  async look(client: pg.ClientBase): Promise<Wrong | null> {
    for (const { view, shown } of this.#shown) {
      // What comes and goes with time is compared as it is done there.
      const wrong = view.sql.includes('now()')
        ? await lookByTime(this.#sync, view, this.#options)
        : await lookNow(client, view, shown, this.#options.maxRows ?? 10)
      if (wrong !== null) return wrong
    }
    return null
  }

  /** Has the views kept by a new sync, from the tables as they are now; only those in memory can be. */
  async renew(): Promise<boolean> {
    const made = optionsOf(this.#given)
    if (made === null || this.#shown.some(({ view }) => !this.#isInMemory(view))) return false
    await this[Symbol.asyncDispose]()
    const own = createSync({
      schema: made.schema,
      connection: made.connection,
      publication: made.publication,
      views: Object.fromEntries(this.#views.map((view) => [view.name, view])),
    })
    this.#own = own
    await own.start()
    this.#sync = own
    this.#shown = this.#views.map((view) => ({ view, shown: shownView(own, view, {}) }))
    return true
  }

  #isInMemory({ name }: ViewDefinition): boolean {
    return this.#options.of !== 'table' && Object.values(this.#given.views).some((view) => view.name === name)
  }

  /** Closes the sync that {@link renew} has made. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#own?.[Symbol.asyncDispose]()
    this.#own = null
  }
}

/** What such a value is shown as is said in the documentation: not at all. */
const UNSHOWN: ReadonlySet<string> = new Set(['VIEW.OUT_OF_RANGE', 'CHANGES.UNDECODABLE_VALUE'])

async function lookNow(
  client: pg.ClientBase,
  view: ViewDefinition,
  shown: ShownView,
  maxRows: number,
): Promise<Wrong | null> {
  const [expected, actual] = [await outcome(rowsOfSql(view, client)), await outcome(rowsNow(client, shown))]
  if ('error' in actual) {
    if (isDbsyncError(actual.error) && UNSHOWN.has(actual.error.code)) return null
    throw actual.error
  }
  const differences =
    'error' in expected ? [] : compareRows(view, expected.rows, actual.rows, shown.isOrdered)
  if (!('error' in expected) && differences.length === 0) return null
  const text =
    'error' in expected
      ? `The SQL fails (SQLSTATE ${sqlStateOf(expected.error)}), and the view does not.`
      : formatDifferences(differences, maxRows)
  return { view: view.name, differences, text: `${text}\n${view.sql}` }
}

async function lookByTime(
  sync: VerifiedSync,
  view: ViewDefinition,
  options: LookOptions,
): Promise<Wrong | null> {
  try {
    await verifyView(sync, view, options)
    return null
  } catch (error) {
    if (!(error instanceof ViewMismatchError)) throw error
    return { view: view.name, differences: error.differences, text: error.message }
  }
}

async function rowsNow(client: pg.ClientBase, shown: ShownView): ReturnType<ShownView['read']> {
  const { rows } = await client.query<{ lsn: string }>('SELECT pg_current_wal_insert_lsn()::text AS lsn')
  const lsn: Lsn = parseLsn(rows[0]?.lsn ?? '')
  return shown.read(lsn)
}

type Outcome<T> = { readonly rows: T } | { readonly error: unknown }

async function outcome<T>(work: Promise<T>): Promise<Outcome<T>> {
  try {
    return { rows: await work }
  } catch (error) {
    return { error }
  }
}

function sqlStateOf(error: unknown): string {
  return typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : 'unknown'
}
