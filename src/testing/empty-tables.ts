import type pg from 'pg'
import type { ModelContract } from '../contract/schema-contract.ts'
import { tableName } from '../postgres/table-name.ts'
import type { HistoryOp, HistoryStatement, HistoryTransaction } from './history.ts'
import { insertionOrder } from './insertion-order.ts'
import type { SqlSession } from './sql-session.ts'
import { deleteSql, truncateSql } from './statement-sql.ts'

/** Whether one of the tables holds a row. */
export async function holdsRows(client: pg.ClientBase, models: readonly ModelContract[]): Promise<boolean> {
  for (const model of models) {
    const { rows } = await client.query(`SELECT 1 FROM ${tableName(model)} LIMIT 1`)
    if (rows.length > 0) return true
  }
  return false
}

/**
 * Deletes all rows in one transaction; of tables that refer to each other by a TRUNCATE, which takes the server much longer. Resolves with
 * the transaction.
 */
export async function emptyTables(
  session: SqlSession,
  models: readonly ModelContract[],
): Promise<HistoryTransaction> {
  const ordered = insertionOrder(models).toReversed()
  const deletes = ordered.map((model) => statement('delete', model, deleteSql(model, []).sql))
  try {
    await session.query(`BEGIN; ${deletes.map(({ sql }) => sql).join('; ')}; COMMIT`)
    return { statements: deletes, end: 'commit' }
  } catch {
    // A row that others refer to in a circle, or from a table that no view reads.
    const [first] = ordered
    const truncate = truncateSql(models, true)
    await session.query(`ROLLBACK; ${truncate}`)
    return { statements: first === undefined ? [] : [statement('truncate', first, truncate)], end: 'commit' }
  }
}

function statement(op: HistoryOp, { model }: ModelContract, sql: string): HistoryStatement {
  return { op, model, sql, values: [], mayFail: false }
}
