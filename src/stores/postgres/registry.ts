import { parseLsn, type Lsn } from '../../core/lsn.ts'
import { bookkeepingGrant } from './bookkeeping.ts'
import type { TableKey } from './checkpoint.ts'
import type { StoreSession } from './store-session.ts'

/** What `dbsync.derived_table` tells of a table. */
export interface RegistryRow extends TableKey {
  readonly pipeline: string
  readonly view: string
  /** Of the view whose rows it has. */
  readonly fingerprint: string
  readonly ddlHash: string
  /** Its columns and key as the catalog had them when it was made. */
  readonly shape: string
  /**
   * building: it has no rows yet. live: it shows its view at `lsn`, and goes on. failed: its view has stopped, for the reason in
   * `error`. detached: its sync does not write it any more.
   */
  readonly state: 'building' | 'live' | 'failed' | 'detached'
  readonly lsn: Lsn | null
}

const STATES: ReadonlyMap<string, RegistryRow['state']> = new Map([
  ['building', 'building'],
  ['live', 'live'],
  ['failed', 'failed'],
  ['detached', 'detached'],
])

/** Reads what is noted of one table; null: nothing. */
export async function readRegistry(session: StoreSession, key: TableKey): Promise<RegistryRow | null> {
  const { rows } = await session.run(
    { doing: 'read dbsync.derived_table', grant: bookkeepingGrant(session.role) },
    `SELECT pipeline, view, fingerprint, ddl_hash, shape, state, lsn::text FROM dbsync.derived_table
     WHERE schema = $1 AND name = $2`,
    [key.schema, key.table],
  )
  const [row] = rows
  if (row === undefined) return null
  const [pipeline, view, fingerprint, ddlHash, shape, state, lsn] = row
  return {
    schema: key.schema,
    table: key.table,
    pipeline: pipeline ?? '',
    view: view ?? '',
    fingerprint: fingerprint ?? '',
    ddlHash: ddlHash ?? '',
    shape: shape ?? '',
    state: STATES.get(state ?? '') ?? 'failed',
    lsn: lsn == null ? null : parseLsn(lsn),
  }
}

/** Notes a table whole; its position comes with the checkpoint's. */
export async function noteTable(session: StoreSession, row: Omit<RegistryRow, 'lsn'>): Promise<void> {
  await session.run(
    { doing: 'write dbsync.derived_table', grant: bookkeepingGrant(session.role) },
    `INSERT INTO dbsync.derived_table (schema, name, pipeline, view, fingerprint, ddl_hash, shape, state)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
     ON CONFLICT (schema, name) DO UPDATE SET pipeline = excluded.pipeline, view = excluded.view,
       fingerprint = excluded.fingerprint, ddl_hash = excluded.ddl_hash, shape = excluded.shape, state = excluded.state,
       lsn = NULL, error = NULL, updated_at = statement_timestamp()`,
    [row.schema, row.table, row.pipeline, row.view, row.fingerprint, row.ddlHash, row.shape, row.state],
  )
}

/** Notes that the view of tables has stopped; their position stays. */
export async function noteFailure(
  session: StoreSession,
  keys: readonly TableKey[],
  code: string,
): Promise<void> {
  await session.run(
    { doing: 'note in dbsync.derived_table that a view has stopped', grant: bookkeepingGrant(session.role) },
    `UPDATE dbsync.derived_table AS d SET state = 'failed', error = $3, updated_at = statement_timestamp()
     FROM unnest($1::text[], $2::text[]) AS k (schema, name) WHERE k.schema = d.schema AND k.name = d.name`,
    [keys.map(({ schema }) => schema), keys.map(({ table }) => table), code],
  )
}

/** Notes which tables a pipeline does not write any more: all but these. */
export async function noteDetached(
  session: StoreSession,
  pipeline: string,
  kept: readonly TableKey[],
): Promise<void> {
  await session.run(
    { doing: 'note in dbsync.derived_table what is written no more', grant: bookkeepingGrant(session.role) },
    `UPDATE dbsync.derived_table AS d SET state = 'detached', updated_at = statement_timestamp()
     WHERE pipeline = $1 AND state <> 'detached'
       AND NOT EXISTS (SELECT FROM unnest($2::text[], $3::text[]) AS k (schema, name) WHERE k.schema = d.schema AND k.name = d.name)`,
    [pipeline, kept.map(({ schema }) => schema), kept.map(({ table }) => table)],
  )
}
