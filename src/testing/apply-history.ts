import { serverError } from '../postgres/server-error.ts'
import type { History, HistoryStatement, HistoryTransaction } from './history.ts'
import type { SqlSession } from './sql-session.ts'
import type { TestDatabase } from './test-database.ts'

/** What became of one statement. */
export interface AppliedStatement {
  readonly statement: HistoryStatement
  /** The rows that it inserted, updated or deleted itself; of a TRUNCATE none. */
  readonly rows: number
  /** The SQLSTATE by which the server refused it; null if it did not. */
  readonly refused: string | null
}

/** What became of one transaction. */
export interface AppliedTransaction {
  /** With `mayFail` where a statement was refused, so that the script of `toSql` goes the same way. */
  readonly transaction: HistoryTransaction
  readonly statements: readonly AppliedStatement[]
  readonly isCommitted: boolean
}

/** Constraints, data that do not fit, triggers that refuse, and a TRUNCATE while something is deferred. */
const REFUSALS = /^(?:23|22|P0)|^55006$|^0A000$/

/**
 * Applies a history, transaction by transaction: each is over, in the database, when it is given. What the server refuses is left out, and the
 * transaction goes on; one whose COMMIT is refused is rolled back.
 *
 * Over a test database it takes a connection of its own. Leaving the loop leaves the rest away.
 * Throws: POSTGRES.* if a statement fails for another reason than the rows: a table that is not there, a right that is lacking.
 *
 * @example
 * ```ts
 * import { applyHistory, testDatabase, type History } from 'prisma-dbsync/testing'
 * import { schema } from './generated/dbsync/index.ts'
 *
 * export async function refusals(history: History): Promise<number> {
 *   await using db = await testDatabase(schema)
 *   let refused = 0
 *   for await (const { statements } of applyHistory(db, history)) {
 *     refused += statements.filter((one) => one.refused !== null).length
 *   }
 *   return refused
 * }
 * ```
 */
export function applyHistory(
  database: SqlSession | TestDatabase,
  history: History,
): AsyncGenerator<AppliedTransaction, void, undefined> {
  return apply(database, history)
}

async function* apply(
  database: SqlSession | TestDatabase,
  history: History,
): AsyncGenerator<AppliedTransaction, void, undefined> {
  if (!('connect' in database && 'url' in database)) {
    for (const transaction of history.transactions) yield await applyTransaction(database, transaction)
    return
  }
  const client = await database.connect()
  try {
    for (const transaction of history.transactions) yield await applyTransaction(client, transaction)
  } finally {
    await client.end()
  }
}

/** Applies one transaction; `afterEach` is called inside of it after each statement that was not refused. Throws: as {@link applyHistory}. */
export async function applyTransaction(
  session: SqlSession,
  transaction: HistoryTransaction,
  afterEach?: (statement: HistoryStatement) => Promise<void>,
): Promise<AppliedTransaction> {
  const guarded = new Set(transaction.statements.filter(({ mayFail }) => mayFail))
  for (;;) {
    const applied = await attempt(session, transaction, guarded, afterEach)
    if ('isCommitted' in applied) return applied
    // Once more from the beginning, with a savepoint before what nobody expected to fail.
    guarded.add(applied)
  }
}

/** The transaction as it went; or the statement that broke it off. */
async function attempt(
  session: SqlSession,
  transaction: HistoryTransaction,
  guarded: ReadonlySet<HistoryStatement>,
  afterEach?: (statement: HistoryStatement) => Promise<void>,
): Promise<AppliedTransaction | HistoryStatement> {
  await run(session, 'BEGIN')
  const statements: AppliedStatement[] = []
  for (const statement of transaction.statements) {
    const isGuarded = guarded.has(statement)
    if (isGuarded) await run(session, 'SAVEPOINT guard')
    try {
      const result = await session.query(statement.sql, [...statement.values])
      statements.push({ statement, rows: rowCount(result), refused: null })
      if (isGuarded) await run(session, 'RELEASE SAVEPOINT guard')
    } catch (error) {
      const refused = stateOf(error)
      if (refused === null || statement.model === null) {
        await run(session, 'ROLLBACK').catch(() => {})
        throw serverError(error, `apply a statement of a history to ${statement.model ?? 'the database'}`)
      }
      if (!isGuarded) {
        await run(session, 'ROLLBACK')
        return statement
      }
      statements.push({ statement: { ...statement, mayFail: true }, rows: 0, refused })
      await run(session, 'ROLLBACK TO SAVEPOINT guard; RELEASE SAVEPOINT guard')
      continue
    }
    await afterEach?.(statement)
  }
  const asItWent = { ...transaction, statements: statements.map(({ statement }) => statement) }
  return { transaction: asItWent, statements, isCommitted: await end(session, transaction) }
}

async function end(session: SqlSession, transaction: HistoryTransaction): Promise<boolean> {
  if (transaction.end === 'rollback') {
    await run(session, 'ROLLBACK')
    return false
  }
  try {
    await session.query('COMMIT')
    return true
  } catch (error) {
    // A constraint that was deferred.
    if (stateOf(error) === null) throw serverError(error, 'commit a transaction of a history')
    return false
  }
}

async function run(session: SqlSession, sql: string): Promise<void> {
  try {
    await session.query(sql)
  } catch (error) {
    throw serverError(error, 'apply a transaction of a history')
  }
}

function rowCount(result: unknown): number {
  return typeof result === 'object' && result !== null && 'rowCount' in result
    ? Number(result.rowCount ?? 0)
    : 0
}

/** The SQLSTATE of a refusal; null for anything else. */
function stateOf(error: unknown): string | null {
  if (!(error instanceof Error && 'code' in error && typeof error.code === 'string')) return null
  return REFUSALS.test(error.code) ? error.code : null
}
