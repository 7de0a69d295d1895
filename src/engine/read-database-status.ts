import type { ConnectionTarget } from '../postgres/resolve-connection.ts'
import { ControlSession } from '../postgres/control-session.ts'
import { readSlots, type SlotReport } from '../postgres/read-slots.ts'

/** What the database knows of the syncs that read it. */
export interface DatabaseStatus {
  readonly database: string
  /** The end of the WAL. */
  readonly walEnd: string
  readonly slots: readonly SlotReport[]
  readonly publication: {
    readonly name: string
    /** Null if there is none of that name; else qualified names, in order. */
    readonly tables: readonly string[] | null
  }
  /** What durable syncs have noted of tables that they are reading, a row as its columns' texts; null if nothing is kept. */
  readonly snapshot: readonly Readonly<Record<string, string | null>>[] | null
}

/** Reads how slots and publication of a database stand. Throws: POSTGRES.*. */
export async function readDatabaseStatus(options: {
  readonly connection: ConnectionTarget
  readonly publication: string
}): Promise<DatabaseStatus> {
  const control = new ControlSession(options.connection)
  try {
    return await control.use('report its slots', async (client) => {
      const { rows } = await client.query<{
        database: string
        wal_end: string
        tables: string[] | null
        has_snapshot: boolean
      }>(
        `SELECT current_database()::text AS database,
                (CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END)::text AS wal_end,
                (SELECT ARRAY(SELECT format('%I.%I', t.schemaname, t.tablename) FROM pg_catalog.pg_publication_tables t
                              WHERE t.pubname = p.pubname ORDER BY 1)
                 FROM pg_catalog.pg_publication p WHERE p.pubname = $1) AS tables,
                EXISTS (SELECT FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
                        WHERE n.nspname = 'dbsync' AND c.relname = 'snapshot' AND has_schema_privilege(n.oid, 'USAGE')
                          AND has_table_privilege(c.oid, 'SELECT')) AS has_snapshot`,
        [options.publication],
      )
      const [row] = rows
      const snapshot =
        row?.has_snapshot === true
          ? (
              await client.query<{ texts: Record<string, string | null> }>(
                `SELECT (SELECT jsonb_object_agg(key, value) FROM jsonb_each_text(to_jsonb(s))) AS texts
                 FROM dbsync.snapshot s ORDER BY s::text LIMIT 1000`,
              )
            ).rows.map(({ texts }) => texts)
          : null
      return {
        database: row?.database ?? '',
        walEnd: row?.wal_end ?? '',
        slots: await readSlots(client),
        publication: { name: options.publication, tables: row?.tables ?? null },
        snapshot,
      }
    })
  } finally {
    await control.close()
  }
}
