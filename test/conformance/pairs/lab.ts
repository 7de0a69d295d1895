import type pg from 'pg'
import { isDbsyncError } from '../../../src/core/errors.ts'
import { compileViews } from '../../../src/views/compile/compile.ts'
import type { ViewDefinition } from '../../../src/views/define-view.ts'
import type { ViewNetwork } from '../../../src/views/compile/view-network.ts'
import type { Transaction } from '../../../src/wal/transaction.ts'
import { TEXT_SETTINGS } from '../../../src/testing/canonical-text.ts'
import { compareView, formatDifference } from '../../../src/testing/compare-view.ts'
import type { TestDatabase } from '../../support/database.ts'
import { StoredMirror } from '../../support/stored-mirror.ts'
import type { TextRow } from '../mirror.ts'
import type { History } from './history.ts'
import { stateText } from './row-text.ts'
import { Follower, WalFeed } from './wal-feed.ts'
import { DDL, models, schema } from './world.ts'

/** Where a view and the server first disagree. */
export interface Fault {
  readonly view: string
  /** The transaction after which it shows, from 0. */
  readonly transaction: number
  readonly found: readonly string[]
}

/** What a value of Postgres' own error is for a view: these stop the view, and the server's statement. */
const VALUE_ERRORS: ReadonlySet<string> = new Set(['VIEW.EVALUATION', 'VIEW.OUT_OF_RANGE'])

/** A server with the tables, on which histories run one after the other while views follow. */
export class Lab {
  readonly #client: pg.ClientBase
  readonly #feed: WalFeed

  private constructor(client: pg.ClientBase, feed: WalFeed) {
    this.#client = client
    this.#feed = feed
  }

  static async open(db: TestDatabase): Promise<Lab> {
    const client = await db.connect()
    await client.query(`${TEXT_SETTINGS}; ${DDL}`)
    return new Lab(client, await WalFeed.open(client, `generated_${db.name}`))
  }

  /** Empties the tables; what views follow from here begins with nothing. */
  async reset(): Promise<void> {
    await this.#client.query(`TRUNCATE ${models.map(({ table }) => table).join(', ')}`)
    await this.#feed.take()
  }

  get catalog(): WalFeed['catalog'] {
    return this.#feed.catalog
  }

  follow(network: ViewNetwork): Follower {
    return new Follower(network, this.#feed.catalog)
  }

  /** All rows that the tables have now, in wire text, by model. */
  async rows(): Promise<ReadonlyMap<string, readonly TextRow[]>> {
    const found = new Map<string, readonly TextRow[]>()
    for (const { model, table, columns } of models) {
      const { rows } = await this.#client.query<(string | null)[]>({
        text: `SELECT ${columns.map(({ column }) => column).join(', ')} FROM ${table}`,
        rowMode: 'array',
        types: { getTypeParser: () => (text: string) => text },
      })
      found.set(
        model,
        rows.map((row) => Object.fromEntries(columns.map(({ field }, index) => [field, row[index] ?? null]))),
      )
    }
    return found
  }

  /** Whether a view's SQL answers any row now. */
  async hasRows(view: ViewDefinition): Promise<boolean> {
    // A query that the server refuses over these rows may have an answer over others.
    const { rows } = await this.#client
      .query(`SELECT 1 FROM (${view.sql}) AS q LIMIT 1`)
      .catch(() => ({ rows: [] }))
    return rows.length > 0
  }

  /** Runs one transaction, gives it to the followers, without a flush, and answers it as the stream told it. */
  async commit(
    statements: readonly string[],
    followers: readonly Follower[],
  ): Promise<readonly Transaction[]> {
    const client = this.#client
    await client.query('BEGIN')
    for (const sql of statements) {
      try {
        await client.query(`SAVEPOINT own; ${sql}; RELEASE SAVEPOINT own`)
      } catch (error) {
        if (!isRefusal(error)) throw error
        await client.query('ROLLBACK TO SAVEPOINT own')
      }
    }
    await client.query('COMMIT')
    const transactions = await this.#feed.take()
    for (const transaction of transactions) {
      for (const follower of followers) follower.apply(transaction)
    }
    return transactions
  }

  /** How a view differs from its SQL now. */
  async compare(network: ViewNetwork, view: ViewDefinition): Promise<readonly string[]> {
    const state = network.views.get(view.name)
    if (state === undefined) return ['there is no such view']
    let rows: unknown[]
    try {
      rows = [...state.rows()]
    } catch (error) {
      if (!isDbsyncError(error) || !VALUE_ERRORS.has(error.code)) throw error
      const refusal = await this.#refusal(view)
      return refusal === null ? [`the server answers, the view says ${error.code}: ${error.message}`] : []
    }
    try {
      const found = (await compareView(view, rows, this.#client)).map(formatDifference)
      return state.size === rows.length ? found : [...found, `it counts ${state.size} of ${rows.length} rows`]
    } catch (error) {
      if (!isRefusal(error)) throw error
      return [`the view answers, the server says ${error.code}: ${error.message}`]
    }
  }

  /**
   * Runs a history; answers the faults of each view up to the first transaction that has some. `onState` is told what
   * rows a view has after each transaction.
   */
  async run(
    views: readonly ViewDefinition[],
    history: History,
    onState: (view: string, rows: readonly string[]) => void = () => {},
  ): Promise<readonly Fault[]> {
    await this.reset()
    const network = compileViews(
      schema,
      views.map(({ ir }) => ir),
      views.filter(({ ir }) => ir.key !== null).map(({ ir }) => ir),
    )
    const stored = new Map(
      views.flatMap((view) => {
        const pending = network.stored.get(view.name)
        return pending === undefined ? [] : [[view, new StoredMirror(view, pending)] as const]
      }),
    )
    const follower = this.follow(network)
    // Half of them keep their changes, which is another way through the engine.
    views.forEach(({ name }, index) => network.views.get(name)?.retain(index % 2 === 0))
    // A view that has failed, as the server has, stays so.
    const failed = new Set<string>()
    for (const [transaction, statements] of [[], ...history].entries()) {
      await this.commit(statements, [follower])
      network.flush()
      const faults: Fault[] = []
      for (const view of views) {
        if (failed.has(view.name)) continue
        const found = await this.compare(network, view)
        if (found.length > 0) faults.push({ view: view.name, transaction: transaction - 1, found })
        const state = network.views.get(view.name)
        if (state === undefined || state.failure !== null) failed.add(view.name)
        else onState(view.name, stateText(state))
      }
      for (const mirror of stored.values()) if (transaction % 3 !== 1) mirror.write(transaction % 3 === 0)
      if (faults.length === 0 && transaction === history.length) {
        for (const [view, mirror] of stored) {
          const found = failed.has(view.name) ? [] : await this.#compareStored(network, view, mirror)
          if (found.length > 0) faults.push({ view: view.name, transaction: transaction - 1, found })
        }
      }
      if (faults.length > 0) return faults
    }
    return []
  }

  /** How what was written elsewhere of a view differs from its SQL now. */
  async #compareStored(
    network: ViewNetwork,
    view: ViewDefinition,
    mirror: StoredMirror,
  ): Promise<readonly string[]> {
    const failure = network.stored.get(view.name)?.failure ?? null
    if (failure !== null) return [`its rows are not kept: ${failure.code}: ${failure.message}`]
    mirror.write()
    try {
      return await mirror.compare(this.#client)
    } catch (error) {
      if (!isRefusal(error)) throw error
      return [`the rows are kept, the server says ${error.code}: ${error.message}`]
    }
  }

  async #refusal(view: ViewDefinition): Promise<string | null> {
    try {
      await this.#client.query(view.sql)
      return null
    } catch (error) {
      if (!isRefusal(error)) throw error
      return error.code
    }
  }
}

function isRefusal(error: unknown): error is Error & { readonly code: string } {
  return (
    error instanceof Error &&
    'code' in error &&
    typeof error.code === 'string' &&
    /^[0-9A-Z]{5}$/.test(error.code)
  )
}
