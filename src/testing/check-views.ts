import { AssertionError } from 'node:assert'
import type { Arbitrary } from 'fast-check'
import { DbsyncError } from '../core/errors.ts'
import type { ViewSet } from '../engine/options.ts'
import { optionsOf } from '../engine/options-of.ts'
import type { ViewDefinition } from '../views/define-view.ts'
import { modelsOf } from '../views/models-of.ts'
import { applyTransaction } from './apply-history.ts'
import type { Difference } from './compare-view.ts'
import type { Count } from './count.ts'
import { emptyTables, holdsRows } from './empty-tables.ts'
import { toSql, type History } from './history.ts'
import { searchFailure, type Failure, type HistoryRunner, type Replay } from './search-failure.ts'
import type { ShownOptions, VerifiedSync } from './shown-view.ts'
import { transactions, writtenModels } from './transactions.ts'
import { connectionOf, type VerifyOptions } from './verify-view.ts'
import { WatchedViews } from './watched-views.ts'
import { withClient } from './with-client.ts'

/** What {@link checkViews} takes. */
export interface CheckViewsOptions
  extends Pick<ShownOptions, 'of'>, Pick<VerifyOptions, 'connection' | 'maxRows'> {
  /** How many histories. Default: 100. */
  readonly runs?: number
  /** Makes the histories the same again. Default: the environment variable `DBSYNC_SEED`, else another one each time. */
  readonly seed?: number
  /** With a seed, the one history that failed, as the error names it. */
  readonly path?: string
  /** Transactions of a history. Default: 0 to 10. */
  readonly transactions?: Count
  /** Statements of a transaction. Default: 0 to 5. */
  readonly statements?: Count
  /** Arbitraries for single fields, by model and field: for CHECK constraints, and for values that a view cannot be computed of. */
  readonly with?: Readonly<Record<string, Readonly<Record<string, Arbitrary<unknown>>>>>
  /** Says that rows which are in the tables may be deleted. Without it the tables must be empty. */
  readonly emptiesTables?: boolean
}

/** A history after which a view does not show what its SQL answers. An `AssertionError`, so that every test runner shows it as a failed assertion. */
export class ViewCheckError extends AssertionError {
  /** With `path` it makes the history again. */
  readonly seed: number
  readonly path: string
  readonly view: string
  /** The smallest that was found; its last transaction is the one after which the view is wrong. */
  readonly history: History
  readonly differences: readonly Difference[]

  constructor(message: string, { seed, path, view, history, differences }: Failure & Replay) {
    super({ message })
    this.seed = seed
    this.path = path
    this.view = view
    this.history = history
    this.differences = differences
  }
}

/**
 * Looks for a history that makes a view wrong: applies random ones to the tables that the views read, compares every view with its SQL after
 * every transaction, and makes what it finds smaller until nothing can be left out.
 *
 * The sync is started and goes on; each history begins with empty tables, and so does what comes after this call. Nobody else may write them
 * meanwhile. The same seed makes the same histories.
 * Throws: {@link ViewCheckError} with the seed, the history as SQL and the rows that differ; VIEW.EVALUATION if a view cannot be computed
 *   for values that its tables may hold, as its SQL cannot: keep them out by `with`; CONFIG.INVALID_OPTIONS if the tables hold rows;
 *   TESTING.NO_FAST_CHECK; what the sync throws.
 *
 * @example
 * ```ts
 * import fc from 'fast-check'
 * import { count, createSync, defineView } from 'prisma-dbsync'
 * import { checkViews, testDatabase } from 'prisma-dbsync/testing'
 * import { schema, Visit } from './generated/dbsync/index.ts'
 *
 * const visits = defineView('visits', (q) =>
 *   q.from({ v: Visit }).groupBy(({ v }) => [v.restaurantId]).select(({ v }) => ({ id: v.restaurantId, visits: count() })))
 *
 * export async function isAlwaysRight(): Promise<void> {
 *   await using db = await testDatabase(schema)
 *   await using sync = createSync({ schema, connection: db.url, views: { visits } })
 *   await sync.start()
 *   await checkViews(sync, { visits }, { runs: 50, with: { Visit: { visitRating: fc.integer({ min: 1, max: 5 }) } } })
 * }
 * ```
 */
export async function checkViews(
  sync: VerifiedSync,
  views: ViewSet | readonly ViewDefinition[],
  options: CheckViewsOptions = {},
): Promise<void> {
  const all = Object.values<ViewDefinition>(views)
  const [first] = all
  if (first === undefined) return
  const connection = connectionOf(first, optionsOf(sync), options)
  const names = [...new Set(all.flatMap(({ ir }) => modelsOf(ir.query)))].map((model) => ({ model }))
  const models = writtenModels(first.schema, names)
  await using watched = new WatchedViews(sync, all, options)
  await withClient(connection, async (client) => {
    if (options.emptiesTables !== true && (await holdsRows(client, models))) {
      throw new DbsyncError(
        'CONFIG.INVALID_OPTIONS',
        `checkViews found rows in the tables of ${models.map(({ model }) => model).join(', ')}; need empty tables, since it deletes what is ` +
          'there. Give it a database of its own, or say { emptiesTables: true }.',
      )
    }
    const runner: HistoryRunner = {
      apply: (transaction) => applyTransaction(client, transaction),
      empty: () => emptyTables(client, models),
      look: () => watched.look(client),
      renew: () => watched.renew(),
    }
    const { runs = 100, seed = seedOfEnvironment(), path } = options
    try {
      const histories = transactions(first.schema, { ...options, models: names })
      const failure = await searchFailure(histories, runner, { runs, seed, path })
      if (failure !== null) throw new ViewCheckError(describe(failure), failure)
    } finally {
      await emptyTables(client, models)
    }
  })
}

function seedOfEnvironment(): number | undefined {
  const text = process.env['DBSYNC_SEED'] ?? ''
  return /^-?\d{1,10}$/.test(text) ? Number(text) : undefined
}

function describe({ view, text, history, seed, path }: Failure & Replay): string {
  return [
    `The view ${view} is not what its SQL answers after the last transaction of this history:`,
    toSql(history),
    text,
    `Again: checkViews(sync, views, { seed: ${seed}, path: '${path}' })`,
  ].join('\n\n')
}
