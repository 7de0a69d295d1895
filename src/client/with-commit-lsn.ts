import { DbsyncError } from '../core/errors.ts'
import { parseLsn, type Lsn } from '../core/lsn.ts'
import { addReporter, noteCommit, wantsCommits } from './commit-scope.ts'
import { mayWrite } from './may-write.ts'

/** A statement, as Prisma Client hands it to its driver adapter. */
interface Statement {
  readonly sql: string
  readonly args: never[]
  readonly argTypes: never[]
}

/** What runs statements: an adapter or a transaction of it. */
interface Queryable {
  queryRaw(statement: Statement): Promise<{ readonly rows: readonly (readonly unknown[])[] }>
  executeRaw(statement: Statement): Promise<number>
}

interface Transaction extends Queryable {
  /** `usePhantomQuery`: `commit` speaks to the server itself; else COMMIT comes as a statement before it. */
  readonly options: { readonly usePhantomQuery: boolean }
  commit(): Promise<void>
}

interface Adapter extends Queryable {
  executeScript(script: string): Promise<void>
  startTransaction(isolationLevel?: never): Promise<Transaction>
}

/** What `new PrismaClient({ adapter })` takes: `PrismaPg` and its like. */
export interface AdapterFactory {
  readonly provider: string
  /** Connects; resolves with the adapter that statements go through. */
  connect(): Promise<Adapter>
}

const COMMIT = /^\s*COMMIT\b/i

const position = (): Statement => ({
  sql: 'SELECT pg_current_wal_insert_lsn()::text',
  args: [],
  argTypes: [],
})
const transactionId = (): Statement => ({
  sql: 'SELECT pg_current_xact_id_if_assigned()::text',
  args: [],
  argTypes: [],
})

/**
 * Has a driver adapter report where its commits end, to whoever runs inside `trackCommits`. In all else it is the adapter that it was
 * given: results, errors and transactions are the same.
 *
 * It costs one round trip after each commit that may have written, inside `trackCommits`; what reads costs none, and so does what
 * runs outside, with a client that has the extension of `withViews`. The position is the end of the server's WAL right after the commit, so it is at or after the commit's own end. What is
 * rolled back reports nothing. A write that a SELECT hides (behind an operator, a cast, a policy or a database view)
 * is not seen; a call of a function is.
 *
 * Throws: CONFIG.INVALID_OPTIONS for an adapter of another database than PostgreSQL.
 *
 * @example
 * ```ts
 * import { PrismaPg } from '@prisma/adapter-pg'
 * import { trackCommits, withCommitLsn, type Sync } from 'prisma-dbsync'
 * import { PrismaClient } from './generated/client/client.ts'
 *
 * export function client(connectionString: string): PrismaClient {
 *   return new PrismaClient({ adapter: withCommitLsn(new PrismaPg({ connectionString })) })
 * }
 *
 * export function visited(prisma: PrismaClient, sync: Sync, restaurantId: string): Promise<void> {
 *   return trackCommits(async () => {
 *     await prisma.visit.create({ data: { userId: 1, restaurantId, amountSpent: 20, visitRating: 5 } })
 *     await sync.at()
 *   })
 * }
 * ```
 */
export function withCommitLsn<Factory extends AdapterFactory>(factory: Factory): Factory {
  if (factory.provider !== 'postgres') {
    throw new DbsyncError(
      'CONFIG.INVALID_OPTIONS',
      `withCommitLsn was given an adapter for ${factory.provider}; need one for postgres, such as new PrismaPg(…).`,
    )
  }
  addReporter()
  return override<AdapterFactory, Factory>(factory, {
    connect: async () => reportingAdapter(await factory.connect()),
  })
}

function reportingAdapter(adapter: Adapter): Adapter {
  const reported = async <Result>(writes: () => boolean, run: () => Promise<Result>): Promise<Result> => {
    const result = await run()
    if (wantsCommits() && writes()) noteCommit(await positionAfter(adapter))
    return result
  }
  return override<Adapter>(adapter, {
    queryRaw: (statement) =>
      reported(
        () => mayWrite(statement.sql),
        () => adapter.queryRaw(statement),
      ),
    executeRaw: (statement) =>
      reported(
        () => mayWrite(statement.sql),
        () => adapter.executeRaw(statement),
      ),
    executeScript: (script) =>
      reported(
        () => true,
        () => adapter.executeScript(script),
      ),
    startTransaction: async (isolationLevel) =>
      reportingTransaction(await adapter.startTransaction(isolationLevel), adapter),
  })
}

function reportingTransaction(transaction: Transaction, adapter: Adapter): Transaction {
  let hasWritten = false
  let hasFailed = false
  const noted = async <Result>(sql: string, run: () => Promise<Result>): Promise<Result> => {
    // Where nobody wants to know, nobody pays for looking at the statement.
    hasWritten ||= !wantsCommits() || mayWrite(sql)
    try {
      return await run()
    } catch (error) {
      hasFailed = true
      throw error
    }
  }
  /** After a failure a COMMIT may roll back, and answers the same; so the server is asked before. */
  const willWrite = async (): Promise<boolean> => {
    if (!hasWritten || !hasFailed) return hasWritten
    try {
      return (await transaction.queryRaw(transactionId())).rows[0]?.[0] != null
    } catch {
      return false
    }
  }
  const committed = async <Result>(asked: Queryable, run: () => Promise<Result>): Promise<Result> => {
    const isReported = wantsCommits() && (await willWrite())
    const result = await run()
    if (isReported) noteCommit(await positionAfter(asked))
    return result
  }
  return override<Transaction>(transaction, {
    queryRaw: (statement) => noted(statement.sql, () => transaction.queryRaw(statement)),
    executeRaw: (statement) =>
      COMMIT.test(statement.sql)
        ? committed(transaction, () => transaction.executeRaw(statement))
        : noted(statement.sql, () => transaction.executeRaw(statement)),
    commit: () =>
      transaction.options.usePhantomQuery
        ? committed(adapter, () => transaction.commit())
        : transaction.commit(),
  })
}

/** The end of the WAL, or null: what was written is written, whatever becomes of the question after it. */
async function positionAfter(asked: Queryable): Promise<Lsn | null> {
  try {
    const [row] = (await asked.queryRaw(position())).rows
    return typeof row?.[0] === 'string' ? parseLsn(row[0]) : null
  } catch {
    return null
  }
}

/** The object with other methods; its own are called on itself, since they may use private members. */
function override<Base extends object, Target extends Base = Base>(
  target: Target,
  methods: Partial<Base>,
): Target {
  return new Proxy(target, {
    get(_, name) {
      const own: unknown = Reflect.get(name in methods ? methods : target, name)
      return typeof own === 'function' ? own.bind(target) : own
    },
  })
}
