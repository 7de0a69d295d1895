import { DbsyncError, isDbsyncError } from '../../core/errors.ts'
import { quoteIdentifier } from '../../core/quote.ts'
import { tableName } from '../../postgres/table-name.ts'
import type { TableKey } from './checkpoint.ts'
import type { WrittenColumn } from './row-sql.ts'
import type { StoreSession } from './store-session.ts'

/** A column of somebody else's table. */
export interface TargetColumn extends WrittenColumn {
  /** The value of its default in wire text; null: NULL. */
  readonly defaultText: string | null
}

interface FoundColumn {
  readonly sqlType: string
  readonly isNotNull: boolean
  readonly isGenerated: boolean
  /** As the server writes it; null: none. */
  readonly expression: string | null
}

/**
 * Reads the columns that are to be written, and those of the key, as the table has them. Inside a transaction.
 *
 * Throws: CONTRACT.TABLE_MISSING, CONTRACT.COLUMN_MISSING; STORE.UNSUPPORTED for a generated column, a default that is not the same
 * each time, and a column that takes no NULL and has no default.
 */
export async function readTargetColumns(
  session: StoreSession,
  table: TableKey,
  view: string,
  { key, values }: { readonly key: readonly string[]; readonly values: readonly string[] },
): Promise<{ readonly key: readonly WrittenColumn[]; readonly values: readonly TargetColumn[] }> {
  const found = await readColumns(session, table)
  const name = tableName(table)
  if (found.size === 0) {
    throw new DbsyncError(
      'CONTRACT.TABLE_MISSING',
      `There is no table ${name}, into columns of which view "${view}" is written. Create it, or generate the code anew.`,
      { details: { view, table: name } },
    )
  }
  const columnOf = (column: string): FoundColumn => {
    const one = found.get(column)
    if (one !== undefined) return one
    throw new DbsyncError(
      'CONTRACT.COLUMN_MISSING',
      `Table ${name} has no column "${column}", which view "${view}" is written by. Add it, or generate the code anew.`,
      { details: { view, table: name, column } },
    )
  }
  const unsupported = (column: string, why: string): DbsyncError =>
    new DbsyncError(
      'STORE.UNSUPPORTED',
      `View "${view}" cannot be written into ${name}, column "${column}": ${why}.`,
      {
        details: { view, table: name, column },
      },
    )
  const written: TargetColumn[] = []
  for (const column of values) {
    const { sqlType, isNotNull, isGenerated, expression } = columnOf(column)
    if (isGenerated) throw unsupported(column, 'Postgres generates its values. Name another column')
    if (expression !== null && !(await isConstant(session, sqlType, expression))) {
      throw unsupported(
        column,
        'its default, which rows get that the view lacks, is not the same each time. Give it a constant one, or none',
      )
    }
    const defaultText = expression === null ? null : await valueOf(session, sqlType, expression)
    if (isNotNull && defaultText === null) {
      throw unsupported(
        column,
        'it takes no NULL and has no default, and rows that the view lacks need a value. Give it a default, or allow NULL',
      )
    }
    written.push({ name: column, sqlType, defaultText })
  }
  return { key: key.map((column) => ({ name: column, sqlType: columnOf(column).sqlType })), values: written }
}

async function readColumns(
  session: StoreSession,
  table: TableKey,
): Promise<ReadonlyMap<string, FoundColumn>> {
  const { rows } = await session.run(
    { doing: 'look at a table with derived columns' },
    `SELECT a.attname::text, pg_catalog.format_type(a.atttypid, a.atttypmod), a.attnotnull::text,
            (a.attgenerated <> '' OR a.attidentity = 'a')::text,
            CASE a.attgenerated WHEN '' THEN pg_catalog.pg_get_expr(d.adbin, d.adrelid) END
     FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid
     LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
     WHERE n.nspname = $1 AND c.relname = $2 AND c.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped`,
    [table.schema, table.table],
  )
  return new Map(
    rows.map(([name, sqlType, isNotNull, isGenerated, expression]) => [
      name ?? '',
      {
        sqlType: sqlType ?? 'text',
        isNotNull: isNotNull === 'true',
        isGenerated: isGenerated === 'true',
        expression: expression ?? null,
      },
    ]),
  )
}

/** Whether an expression has one value for ever: the server takes no other for a generated column. */
async function isConstant(session: StoreSession, sqlType: string, expression: string): Promise<boolean> {
  const grant = `GRANT TEMPORARY ON DATABASE ${quoteIdentifier(session.database)} TO ${quoteIdentifier(session.role)}`
  const context = { doing: 'look at the default of a derived column', grant }
  const probe = quoteIdentifier('dbsync_probe')
  await session.run(context, 'SAVEPOINT probe')
  try {
    await session.run(
      context,
      `CREATE TEMPORARY TABLE ${probe} (c ${sqlType} GENERATED ALWAYS AS (${expression}) STORED)`,
    )
    return true
  } catch (error) {
    // 42P17: not immutable. 0A000: it has a subquery or the like, which no default has.
    if (isDbsyncError(error) && error.details['sqlState'] === '42P17') return false
    throw error
  } finally {
    if (!session.isLost)
      await session.runAll(context, ['ROLLBACK TO SAVEPOINT probe', 'RELEASE SAVEPOINT probe'])
  }
}

async function valueOf(session: StoreSession, sqlType: string, expression: string): Promise<string | null> {
  const { rows } = await session.run(
    { doing: 'read the default of a derived column' },
    `SELECT (${expression})::${sqlType}::text`,
  )
  return rows[0]?.[0] ?? null
}
