import { modelOf } from '../contract/lookup.ts'
import type { Table } from '../contract/schema-contract.ts'
import { serverError } from '../postgres/server-error.ts'
import { columnForm } from './column-form.ts'
import type { RowOf } from './rows.ts'
import type { SqlSession } from './sql-session.ts'
import { insertListsSql } from './statement-sql.ts'

const ROWS_A_STATEMENT = 500

/**
 * Inserts rows as Prisma Client returns them, in their order, by few statements; `null` in a Json field is NULL.
 *
 * Throws: POSTGRES.QUERY_FAILED with the SQLSTATE if the server refuses one; CONFIG.INVALID_OPTIONS for a value of another type.
 *
 * @example
 * ```ts
 * import { Decimal } from '@prisma/client/runtime/client'
 * import { insertRows, testDatabase } from 'prisma-dbsync/testing'
 * import { schema, Visit } from './generated/dbsync/index.ts'
 *
 * export async function oneVisit(): Promise<void> {
 *   await using db = await testDatabase(schema)
 *   await db.query("INSERT INTO users VALUES (1, 'A', 'a', 'a@x'); INSERT INTO restaurant VALUES ('r1', 'R')")
 *   await insertRows(db, Visit, [{ userId: 1, restaurantId: 'r1', amountSpent: new Decimal('9.90'), visitRating: null }])
 * }
 * ```
 */
export async function insertRows<T extends Table>(
  session: SqlSession,
  table: T,
  rows: readonly RowOf<T>[],
): Promise<void> {
  const model = modelOf(table.schema, table.model)
  const forms = model.columns.map((column) => columnForm(table.schema, model, column))
  const sql = insertListsSql(model, model.columns)
  for (let from = 0; from < rows.length; from += ROWS_A_STATEMENT) {
    const some = rows.slice(from, from + ROWS_A_STATEMENT).map((row) => new Map(Object.entries(Object(row))))
    const lists = forms.map(({ column, textOf }) => some.map((row) => textOf(row.get(column.field))))
    try {
      await session.query(sql, lists)
    } catch (error) {
      throw serverError(error, `insert rows of ${model.model}`)
    }
  }
}
