import { DbsyncError } from '../../core/errors.ts'
import { tableName } from '../../postgres/table-name.ts'
import type { TableKey } from './checkpoint.ts'
import type { StoreSession, TextRow } from './store-session.ts'

/** A table that is written and published. */
export interface PublishedTable {
  /** Qualified and quoted. */
  readonly table: string
  /** Whether the publication is for all tables. */
  readonly isAll: boolean
}

const BOOKKEEPING: readonly TableKey[] = [
  { schema: 'dbsync', table: 'checkpoint' },
  { schema: 'dbsync', table: 'derived_table' },
]

/**
 * Which of the tables that a sync writes, the bookkeeping among them, a publication holds: by name, with their schema, or with all
 * tables. `query` runs a statement in the database of the tables.
 */
export async function findPublished(
  query: (sql: string, values: readonly unknown[]) => Promise<readonly TextRow[]>,
  publication: string,
  tables: readonly TableKey[],
): Promise<readonly PublishedTable[]> {
  const written = [...tables, ...BOOKKEEPING]
  const rows = await query(
    `SELECT t.schemaname::text, t.tablename::text, p.puballtables::text
     FROM pg_catalog.pg_publication p JOIN pg_catalog.pg_publication_tables t USING (pubname)
     JOIN unnest($2::text[], $3::text[]) WITH ORDINALITY AS w (schema, name, place) ON w.schema = t.schemaname AND w.name = t.tablename
     WHERE p.pubname = $1 ORDER BY w.place`,
    [publication, written.map(({ schema }) => schema), written.map(({ table }) => table)],
  )
  return rows.map(([schema, table, isAll]) => ({
    table: tableName({ schema: schema ?? '', table: table ?? '' }),
    isAll: isAll === 'true',
  }))
}

/** What is to be done about a table that is written and published. */
export function takeOut({ isAll }: PublishedTable): string {
  return isAll
    ? 'It is for all tables; have the sync use a publication of its own that lists the tables of its views.'
    : 'Take the table, or its schema, out of the publication.'
}

/**
 * Makes sure that what is written does not come back on the stream: neither a derived table nor the bookkeeping may be in the
 * publication.
 *
 * Throws: STORE.LOOP.
 */
export async function assertNotPublished(
  session: StoreSession,
  publication: string,
  tables: readonly TableKey[],
): Promise<void> {
  const [first] = await findPublished(
    async (sql, values) =>
      (await session.run({ doing: 'look for derived tables in the publication' }, sql, values)).rows,
    publication,
    tables,
  )
  if (first === undefined) return
  throw new DbsyncError(
    'STORE.LOOP',
    `Publication "${publication}" holds ${first.table}, which this sync writes: each write would come back as a change. ${takeOut(first)}`,
    { details: { publication, table: first.table } },
  )
}
