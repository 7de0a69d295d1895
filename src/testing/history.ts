import { quoteLiteral } from '../core/quote.ts'

/** What a statement of a history does. `move` is an update that gives a row another key. */
export type HistoryOp =
  | 'insert'
  | 'update'
  | 'move'
  | 'delete'
  | 'truncate'
  | 'savepoint'
  | 'rollback-to'
  | 'release'

/** One statement. */
export interface HistoryStatement {
  readonly op: HistoryOp
  /** The model of its table; null for a savepoint. */
  readonly model: string | null
  /** With `$1`, `$2` … for the values. */
  readonly sql: string
  /** Texts as Postgres reads them; null is NULL. */
  readonly values: readonly (string | null)[]
  /** Whether the server may refuse it, as by a foreign key. It is run under a savepoint then, and the transaction goes on. */
  readonly mayFail: boolean
}

/** Statements that are committed, or rolled back, as one. */
export interface HistoryTransaction {
  readonly statements: readonly HistoryStatement[]
  readonly end: 'commit' | 'rollback'
}

/** What happened in a database that was empty, in order. Plain data: it may be kept as JSON and applied again. */
export interface History {
  readonly transactions: readonly HistoryTransaction[]
}

/**
 * A history as a script, which any client can run in a database with empty tables. A statement that may be refused stands in a DO block
 * that goes on without it.
 *
 * @example
 * ```ts
 * import fc from 'fast-check'
 * import { toSql, transactions } from 'prisma-dbsync/testing'
 * import { schema } from './generated/dbsync/index.ts'
 *
 * export const scripts: readonly string[] = fc.sample(transactions(schema).map(toSql), 3)
 * ```
 */
export function toSql({ transactions }: History): string {
  const scripts = transactions.map(({ statements, end }) =>
    ['BEGIN;', ...statements.map((statement) => `${scriptOf(statement)};`), `${end.toUpperCase()};`].join(
      '\n',
    ),
  )
  return scripts.join('\n\n')
}

function scriptOf(statement: HistoryStatement): string {
  const sql = withLiterals(statement)
  if (!statement.mayFail) return sql
  return `DO ${quoteLiteral(`BEGIN ${sql}; EXCEPTION WHEN OTHERS THEN RAISE NOTICE 'refused: %', SQLERRM; END`)}`
}

/** The values in their places; a name may hold what looks like one. */
function withLiterals({ sql, values }: HistoryStatement): string {
  return sql.replaceAll(/"(?:[^"]|"")*"|\$(\d+)/g, (text, number: string | undefined) => {
    if (number === undefined) return text
    const value = values[Number(number) - 1] ?? null
    return value === null ? 'NULL' : quoteLiteral(value)
  })
}
