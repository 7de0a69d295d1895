import { DbsyncError } from '../core/errors.ts'
import type { Lsn } from '../core/lsn.ts'
import { quoteIdentifier } from '../core/quote.ts'
import type { CheckedOptions } from '../engine/options.ts'
import { optionsOf } from '../engine/options-of.ts'
import { tableName } from '../postgres/table-name.ts'
import type { AtOptions } from '../stores/memory-view.ts'
import type { ViewDefinition } from '../views/define-view.ts'
import { queryOutputs } from '../views/query-outputs.ts'
import { rowsOfSql, rowsOfView, type ComparedRow } from './compare-view.ts'
import { withClient } from './with-client.ts'

/** What is asked of a view in memory, as `sync.views` and `addView` give it. */
export interface LiveView {
  readonly name: string
  /** All rows, in the view's order. */
  rows(): Iterable<unknown>
  /** Resolves once the view shows everything that was committed before the position. */
  at(position?: Lsn | null, options?: AtOptions): Promise<unknown>
}

/** What is asked of a sync. */
export interface VerifiedSync {
  readonly views: Readonly<Record<string, LiveView>>
  /** Resolves with the position once everything that was committed before the call is shown. */
  catchUp(): Promise<Lsn>
  /** Resolves once everything before the position is shown, wherever views are written. */
  at(position?: Lsn | null, options?: AtOptions): Promise<Lsn>
}

/** Which of the places where a view is shown. */
export interface ShownOptions {
  /**
   * What is compared with the SQL: the view in memory, or its derived table. Default: in memory if it is shown there, else the
   * derived table.
   */
  readonly of?: 'memory' | 'table'
  /** The view as `addView` gave it. Default: the one of that name in `sync.views`. */
  readonly live?: LiveView
}

/** A place where a view is shown. */
export interface ShownView {
  /** For messages. */
  readonly name: string
  /** Whether its rows come in the order of the view. */
  readonly isOrdered: boolean
  /** Resolves with its rows once they show everything that was committed before the position. Throws: the signal's reason. */
  read(position: Lsn, signal?: AbortSignal): Promise<ComparedRow[]>
}

/** Finds where a sync shows a view. Throws: CONFIG.INVALID_OPTIONS if it does not. */
export function shownView(sync: VerifiedSync, view: ViewDefinition, options: ShownOptions): ShownView {
  const { of } = options
  const live = options.live ?? Object.values(sync.views).find(({ name }) => name === view.name)
  if (of !== 'table' && live !== undefined) return inMemory(view, live)
  const made = optionsOf(sync)
  const table = made?.stores.tables.find((one) => one.view.name === view.name)
  if (of !== 'memory' && made !== null && table !== undefined) {
    return inTable(sync, view, tableName(table), made.target)
  }
  const place = of === 'table' ? 'a derived table' : of === 'memory' ? 'memory' : 'memory or a derived table'
  throw new DbsyncError(
    'CONFIG.INVALID_OPTIONS',
    `The sync does not show the view ${view.name} in ${place}. Name it in the option "views" or "tables" of createSync, or pass as "live" ` +
      'what addView gave.',
    { details: { view: view.name } },
  )
}

function inMemory(view: ViewDefinition, live: LiveView): ShownView {
  return {
    name: `The view ${view.name}`,
    isOrdered: true,
    async read(position, signal) {
      await live.at(position, signal === undefined ? {} : { signal })
      return rowsOfView(view, live.rows())
    },
  }
}

function inTable(
  sync: VerifiedSync,
  view: ViewDefinition,
  table: string,
  target: CheckedOptions['target'],
): ShownView {
  const columns = queryOutputs(view.ir.query).map(({ name }) => quoteIdentifier(name))
  return {
    name: `The derived table ${table} of the view ${view.name}`,
    isOrdered: false,
    async read(position, signal) {
      await sync.at(position, signal === undefined ? {} : { signal })
      return withClient(target, (client) =>
        rowsOfSql(view, client, `SELECT ${columns.join(', ')} FROM ${table}`),
      )
    },
  }
}
