import { AssertionError } from 'node:assert'
import { setTimeout as sleep } from 'node:timers/promises'
import { DbsyncError } from '../core/errors.ts'
import { formatLsn, type Lsn } from '../core/lsn.ts'
import { quoteLiteral } from '../core/quote.ts'
import { microsecondsOf, type Clock } from '../engine/clock.ts'
import type { CheckedOptions } from '../engine/options.ts'
import { optionsOf } from '../engine/options-of.ts'
import { targetOf, type ConnectionOptions, type ConnectionTarget } from '../postgres/resolve-connection.ts'
import type { ViewDefinition } from '../views/define-view.ts'
import { compareRows, type Difference } from './compare-view.ts'
import { formatDifferences, rowsText } from './format-differences.ts'
import { readBothSides, type BothSides } from './read-both-sides.ts'
import { shownView, type ShownOptions, type ShownView, type VerifiedSync } from './shown-view.ts'
import { withClient } from './with-client.ts'

const POLL_MS = 50

/** How {@link verifyView} compares. */
export interface VerifyOptions extends ShownOptions {
  /** The database in which the SQL is asked. Default: the one that the sync reads. */
  readonly connection?: ConnectionOptions
  /** How many rows the error shows. Default: 10. */
  readonly maxRows?: number
  /** How long to wait for a moment at which nobody writes, where writers cannot be held out, in milliseconds. Default: 10 000. */
  readonly timeoutMs?: number
}

/** A view that does not show what its SQL answers. An `AssertionError`, so that every test runner shows it as a failed assertion. */
export class ViewMismatchError extends AssertionError {
  readonly view: string
  /** The position at which both were read. */
  readonly lsn: Lsn
  /** All of them, as data. */
  readonly differences: readonly Difference[]

  constructor(
    message: string,
    at: { readonly view: string; readonly lsn: Lsn },
    differences: readonly Difference[],
  ) {
    super({ message })
    this.view = at.view
    this.lsn = at.lsn
    this.differences = differences
  }
}

/**
 * Waits until a view shows everything that was committed before this call, and compares it with what its SQL answers at the same
 * position: every row in both directions, every column to the last digit, and the order.
 *
 * For that moment writers of the view's tables are held out by a lock (`SHARE`), which needs the right to change them. Where the role has
 * none, or an open transaction has changed one of them, it compares until nothing was committed in between.
 * Throws: {@link ViewMismatchError} with the rows that differ and the SQL; CONFIG.INVALID_OPTIONS for a view that the sync does not have; what
 *   `catchUp` of the sync throws.
 *
 * @example
 * ```ts
 * import { count, createSync, defineView } from 'prisma-dbsync'
 * import { testDatabase, verifyView } from 'prisma-dbsync/testing'
 * import { schema, Visit } from './generated/dbsync/index.ts'
 *
 * const visits = defineView('visits', (q) =>
 *   q.from({ v: Visit }).groupBy(({ v }) => [v.restaurantId]).select(({ v }) => ({ id: v.restaurantId, visits: count() })))
 *
 * export async function countsVisits(): Promise<void> {
 *   await using db = await testDatabase(schema)
 *   await using sync = createSync({ schema, connection: db.url, views: { visits } })
 *   await sync.start()
 *   await db.query('DELETE FROM visit')
 *   await verifyView(sync, visits)
 * }
 * ```
 */
export async function verifyView(
  sync: VerifiedSync,
  view: ViewDefinition,
  options: VerifyOptions = {},
): Promise<void> {
  const deadline = performance.now() + (options.timeoutMs ?? 10_000)
  const shown = shownView(sync, view, options)
  const made = optionsOf(sync)
  const clock = made !== null && view.sql.includes('now()') ? made.clock : null
  await withClient(connectionOf(view, made, options), async (client) => {
    for (;;) {
      const both = await readBothSides(client, { sync, view, shown, sql: () => sqlNow(view, clock) })
      const differences = compareRows(view, both.expected, both.actual, shown.isOrdered)
      if (differences.length === 0) return
      // Rows that come and go with time may have done so in between.
      const isFinal = both.isStill && clock === null
      if (isFinal || performance.now() > deadline) {
        throw new ViewMismatchError(
          describe(view, shown, both, differences, options.maxRows ?? 10),
          { view: view.name, lsn: both.lsn },
          differences,
        )
      }
      await sleep(POLL_MS)
    }
  })
}

/** The database of a view: the one that is named, else the one that its sync reads. Throws: CONFIG.INVALID_OPTIONS. */
export function connectionOf(
  view: ViewDefinition,
  made: CheckedOptions | null,
  { connection }: VerifyOptions,
): ConnectionTarget {
  if (connection !== undefined) return targetOf(connection, true)
  if (made !== null) return made.connection
  throw new DbsyncError(
    'CONFIG.INVALID_OPTIONS',
    `verifyView does not know the database of ${view.name}: found a sync that createSync has not made. Pass its connection string as ` +
      'the option "connection".',
    { details: { view: view.name } },
  )
}

/** The view's SQL by the clock that its sync goes by. */
function sqlNow({ sql }: ViewDefinition, clock: Clock | null): string {
  const microseconds = clock === null ? null : microsecondsOf(clock)
  if (microseconds === null) return sql
  const time = new Date(Number(microseconds / 1000n)).toISOString()
  return sql.replaceAll('now()', `${quoteLiteral(time)}::timestamptz`)
}

function describe(
  view: ViewDefinition,
  shown: ShownView,
  { expected, actual, lsn, isStill }: BothSides,
  differences: readonly Difference[],
  maxRows: number,
): string {
  const doubt = isStill ? '' : ' (others have written meanwhile: the two may be of different moments)'
  return [
    `${shown.name} is not what its SQL answers at ${formatLsn(lsn)}${doubt}.`,
    formatDifferences(differences, maxRows),
    `${rowsText(actual.length)} shown, ${rowsText(expected.length)} in the answer of`,
    view.sql,
  ].join('\n')
}
