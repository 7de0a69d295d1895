import { quoteIdentifier } from '../../src/core/quote.ts'
import { sourceEnumTypes } from '../../src/stores/postgres/enum-types.ts'
import { createTable, tableColumns, type TableName } from '../../src/stores/postgres/table-ddl.ts'
import { storedViewOf } from '../../src/stores/stored-view.ts'
import type { ViewDefinition } from '../../src/views/define-view.ts'
import { TEXT_SETTINGS } from '../../src/testing/canonical-text.ts'
import type { TestDatabase } from './database.ts'

/** Where the tests' derived tables stand. */
export const DERIVED = 'derived'

/** The names of columns and their types as the catalog has them, in order. A time's 6 digits are the same as none said. */
async function catalogTypes(db: TestDatabase, relation: string): Promise<readonly string[]> {
  const rows = await db.query<{ text: string }>(
    `SELECT attname || ' ' || format_type(atttypid, atttypmod) AS text FROM pg_attribute
     WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum`,
    [relation],
  )
  return rows.map(({ text }) => text.replace('(6) with', ' with'))
}

async function rowTexts(db: TestDatabase, relation: string, columns: string): Promise<readonly string[]> {
  const rows = await db.query<{ text: string }>(
    `SELECT ROW(${columns})::text AS text FROM ${relation} ORDER BY 1`,
  )
  return rows.map(({ text }) => text)
}

/** Creates the derived table of a view, in a schema that is there. */
export async function createDerived(
  db: TestDatabase,
  view: ViewDefinition,
  name: TableName = { schema: DERIVED, table: view.name },
  indexes: readonly (readonly string[])[] = [],
): Promise<void> {
  const options = { indexes, serverVersion: 180_000, enumTypes: sourceEnumTypes(view.schema) }
  for (const sql of createTable(storedViewOf(view), name, options)) await db.query(sql)
}

/** Copies what a view's SQL answers into its derived table. */
export async function fillDerived(db: TestDatabase, view: ViewDefinition): Promise<void> {
  const names = storedViewOf(view)
    .columns.map(({ name }) => quoteIdentifier(name))
    .join(', ')
  const table = `${DERIVED}.${quoteIdentifier(view.name)}`
  await db.query(`INSERT INTO ${table} (${names}) SELECT ${names} FROM (${view.sql}) AS answer`)
}

/**
 * How the derived tables of views differ from what Postgres itself finds for their SQL: the names and types of the columns, and the rows,
 * once they are copied into the table. A NULL where the table takes none and two rows of one key throw on the way.
 */
export async function derivedMismatches(
  db: TestDatabase,
  views: readonly ViewDefinition[],
): Promise<readonly string[]> {
  await db.query(`${TEXT_SETTINGS}; DROP SCHEMA IF EXISTS ${DERIVED} CASCADE; CREATE SCHEMA ${DERIVED}`)
  const found: string[] = []
  for (const view of views) {
    await createDerived(db, view)
    await db.query(`CREATE TEMP VIEW answer AS ${view.sql}`)
    const table = `${DERIVED}.${quoteIdentifier(view.name)}`
    const options = { enumTypes: sourceEnumTypes(view.schema) }
    const columns = tableColumns(storedViewOf(view), options)
    const theirs = await catalogTypes(db, 'answer')
    const ours = (await catalogTypes(db, table)).slice(0, columns.length)
    theirs.forEach((type, index) => {
      if (type !== ours[index]) found.push(`${view.name}: Postgres has ${type}, the table ${ours[index]}`)
    })
    await fillDerived(db, view).catch((error: unknown) => found.push(`${view.name}: ${String(error)}`))
    const names = columns.map(({ name }) => quoteIdentifier(name)).join(', ')
    const [expected, actual] = [await rowTexts(db, 'answer', names), await rowTexts(db, table, names)]
    if (expected.join('\n') !== actual.join('\n')) found.push(`${view.name}: the rows differ`)
    await db.query('DROP VIEW answer')
  }
  return found
}
