import type pg from 'pg'

/** A logical slot of the connected database and how far it is behind. */
export interface SlotReport {
  readonly name: string
  readonly plugin: string
  readonly temporary: boolean
  /** The backend that streams from it, or null. */
  readonly activePid: number | null
  /** What that backend calls itself. */
  readonly application: string | null
  /** `reserved`, `extended`, `unreserved` or `lost`, as `pg_replication_slots` has it. */
  readonly walStatus: string | null
  /** Why the server gave up on the slot; null while it is good. */
  readonly invalid: string | null
  readonly confirmed: string | null
  /** Bytes of WAL after the confirmed position. */
  readonly lagBytes: number | null
  /** Seconds by which confirming is late; null if nobody streams or the server has measured nothing lately. */
  readonly lagSeconds: number | null
  /** Bytes of WAL that the server keeps because of the slot. */
  readonly retainedBytes: number | null
  /** Bytes of WAL that may still be written before the slot is in danger; null without `max_slot_wal_keep_size`. */
  readonly safeBytes: number | null
  /** Seconds since somebody last streamed from it; null while active and before version 17. */
  readonly idleSeconds: number | null
}

// `invalidation_reason` and `inactive_since` came with 17 and `conflicting` with 16; the row as JSON has them where they exist.
// Rights: none; `pg_monitor` for the names and lags of other roles' sessions. Version: 14.
const READ_SLOTS = `
  WITH wal AS (SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END AS now)
  SELECT s.slot_name::text AS name, s.plugin::text AS plugin, s.temporary, s.active_pid AS pid,
         nullif(a.application_name, '') AS application, s.wal_status,
         coalesce(to_jsonb(s) ->> 'invalidation_reason', CASE WHEN s.wal_status = 'lost' THEN 'wal_removed' END) AS invalid,
         s.confirmed_flush_lsn::text AS confirmed,
         pg_wal_lsn_diff(wal.now, s.confirmed_flush_lsn)::float8 AS lag_bytes,
         extract(epoch FROM r.flush_lag)::float8 AS lag_seconds,
         pg_wal_lsn_diff(wal.now, s.restart_lsn)::float8 AS retained_bytes, s.safe_wal_size::float8 AS safe_bytes,
         extract(epoch FROM now() - (to_jsonb(s) ->> 'inactive_since')::timestamptz)::float8 AS idle_seconds
  FROM wal, pg_catalog.pg_replication_slots s
  LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = s.active_pid
  LEFT JOIN pg_catalog.pg_stat_replication r ON r.pid = s.active_pid
  WHERE s.database = current_database() AND s.plugin = 'pgoutput'
  ORDER BY s.slot_name`

/** Every slot of the connected database that speaks pgoutput, by name. */
export async function readSlots(client: pg.ClientBase): Promise<readonly SlotReport[]> {
  const { rows } = await client.query<{
    name: string
    plugin: string
    temporary: boolean
    pid: number | null
    application: string | null
    wal_status: string | null
    invalid: string | null
    confirmed: string | null
    lag_bytes: number | null
    lag_seconds: number | null
    retained_bytes: number | null
    safe_bytes: number | null
    idle_seconds: number | null
  }>(READ_SLOTS)
  return rows.map((row) => ({
    name: row.name,
    plugin: row.plugin,
    temporary: row.temporary,
    activePid: row.pid,
    application: row.application,
    walStatus: row.wal_status,
    invalid: row.invalid,
    confirmed: row.confirmed,
    lagBytes: row.lag_bytes,
    lagSeconds: row.lag_seconds,
    retainedBytes: row.retained_bytes,
    safeBytes: row.safe_bytes,
    idleSeconds: row.idle_seconds,
  }))
}
