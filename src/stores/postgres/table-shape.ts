import type { TableKey } from './checkpoint.ts'
import type { StoreSession } from './store-session.ts'

/** A table as the catalog has it. */
export interface TableShape {
  readonly oid: string
  /** Its kind, and its columns with their types: a text that is the same for the same form, also after a dump and a restore. */
  readonly text: string
}

/** Reads the form of a relation; null: there is none of that name. Constraints and indexes are not part of it. */
export async function readShape(session: StoreSession, key: TableKey): Promise<TableShape | null> {
  const { rows } = await session.run(
    { doing: 'look at a derived table' },
    `SELECT c.oid::text, json_build_array(c.relkind, (
         SELECT json_agg(json_build_array(a.attname, tn.nspname, t.typname, a.atttypmod) ORDER BY a.attnum)
         FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
         JOIN pg_catalog.pg_namespace tn ON tn.oid = t.typnamespace
         WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped))::text
     FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     WHERE n.nspname = $1 AND c.relname = $2`,
    [key.schema, key.table],
  )
  const [oid, text] = rows[0] ?? []
  return oid == null || text == null ? null : { oid, text }
}
