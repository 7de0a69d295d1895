import { DbsyncError, isDbsyncError } from '../../core/errors.ts'
import { quoteIdentifier } from '../../core/quote.ts'
import type { StoreSession } from './store-session.ts'

/** The statements that make the bookkeeping of derived tables; for a role that may not run them, to be run by one that may. */
export const BOOKKEEPING_SQL: readonly string[] = [
  'CREATE SCHEMA IF NOT EXISTS dbsync',
  'CREATE TABLE IF NOT EXISTS dbsync.checkpoint (pipeline text PRIMARY KEY, epoch bigint NOT NULL, lsn pg_lsn, ' +
    'updated_at timestamptz NOT NULL DEFAULT now())',
  'CREATE TABLE IF NOT EXISTS dbsync.derived_table (schema text, name text, pipeline text NOT NULL, view text NOT NULL, ' +
    "fingerprint text NOT NULL, ddl_hash text NOT NULL, shape text NOT NULL, state text NOT NULL CHECK (state IN ('building', " +
    "'live', 'failed', 'detached')), lsn pg_lsn, error text, updated_at timestamptz NOT NULL DEFAULT now(), " +
    'PRIMARY KEY (schema, name))',
]

/** Held while schemas are made: two that do so at once would fail. */
const MAKING_LOCK = "SELECT pg_advisory_xact_lock(hashtext('dbsync derived tables'))"

/** Whoever makes schemas or tables takes turns, until the transaction ends. */
export async function takeTurn(session: StoreSession): Promise<void> {
  await session.run({ doing: 'wait for another sync that makes derived tables' }, MAKING_LOCK)
}

/** What lets a role use the bookkeeping that somebody else has made. */
export function bookkeepingGrant(role: string): string {
  return (
    `GRANT USAGE ON SCHEMA dbsync TO ${quoteIdentifier(role)}; ` +
    `GRANT SELECT, INSERT, UPDATE, DELETE ON dbsync.checkpoint, dbsync.derived_table TO ${quoteIdentifier(role)}`
  )
}

/**
 * Makes the bookkeeping where it is missing: `dbsync.checkpoint`, a row for each pipeline, and `dbsync.derived_table`, where readers
 * see how fresh a table is and whether it has stopped. Inside a transaction.
 *
 * Throws: POSTGRES.PERMISSION with the SQL to run.
 */
export async function ensureBookkeeping(session: StoreSession): Promise<void> {
  const doing = 'make the tables dbsync.checkpoint and dbsync.derived_table'
  const { rows } = await session.run(
    { doing },
    `SELECT (to_regclass('dbsync.checkpoint') IS NOT NULL AND to_regclass('dbsync.derived_table') IS NOT NULL)::text`,
  )
  if (rows[0]?.[0] === 'true') return
  const sql = [...BOOKKEEPING_SQL, bookkeepingGrant(session.role)].join('; ')
  try {
    await takeTurn(session)
    const { rows: schemas } = await session.run({ doing }, "SELECT to_regnamespace('dbsync')::text")
    // Also with IF NOT EXISTS it takes the right to make schemas.
    const isThere = schemas[0]?.[0] != null
    await session.runAll({ doing }, isThere ? BOOKKEEPING_SQL.slice(1) : BOOKKEEPING_SQL)
  } catch (error) {
    if (!isDbsyncError(error, 'POSTGRES.PERMISSION')) throw error
    throw new DbsyncError(
      'POSTGRES.PERMISSION',
      `The role "${session.role}" may not ${doing}, where a sync notes how far it has written derived tables. Have an owner of ` +
        `the database run: ${sql}`,
      { details: { sql } },
    )
  }
}
