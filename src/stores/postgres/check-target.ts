import { DbsyncError } from '../../core/errors.ts'
import { tableName } from '../../postgres/table-name.ts'
import type { TableKey } from './checkpoint.ts'
import type { StoreSession } from './store-session.ts'

/**
 * Makes sure that what is written does not come back on the stream: neither a derived table nor the bookkeeping may be in the
 * publication, be it by name, with its schema, or with all tables.
 *
 * Throws: STORE.LOOP.
 */
export async function assertNotPublished(
  session: StoreSession,
  publication: string,
  tables: readonly TableKey[],
): Promise<void> {
  const written = [
    ...tables,
    { schema: 'dbsync', table: 'checkpoint' },
    { schema: 'dbsync', table: 'derived_table' },
  ]
  const { rows } = await session.run(
    { doing: 'look for derived tables in the publication' },
    `SELECT t.schemaname::text, t.tablename::text, p.puballtables::text
     FROM pg_catalog.pg_publication p JOIN pg_catalog.pg_publication_tables t USING (pubname)
     JOIN unnest($2::text[], $3::text[]) WITH ORDINALITY AS w (schema, name, place) ON w.schema = t.schemaname AND w.name = t.tablename
     WHERE p.pubname = $1 ORDER BY w.place`,
    [publication, written.map(({ schema }) => schema), written.map(({ table }) => table)],
  )
  const [first] = rows
  if (first === undefined) return
  const [schema, table, isAll] = first
  const name = tableName({ schema: schema ?? '', table: table ?? '' })
  throw new DbsyncError(
    'STORE.LOOP',
    `Publication "${publication}" holds ${name}, which this sync writes: each write would come back as a change. ` +
      (isAll === 'true'
        ? 'It is for all tables; have the sync use a publication of its own that lists the tables of its views.'
        : 'Take the table, or its schema, out of the publication.'),
    { details: { publication, table: name } },
  )
}
