import type { ControlSession } from './control-session.ts'

/** A slot as the catalog has it. */
export interface SlotStatus {
  readonly name: string
  readonly plugin: string
  readonly database: string
  readonly activePid: number | null
  /** Whether the session that uses it is one of DBSync, or has the name that the connection gives to all of ours. */
  readonly isOurs: boolean
  /** Whether the server has discarded WAL that the slot needs, or given up on it otherwise. */
  readonly isInvalid: boolean
  readonly confirmedFlush: string | null
  /** Whether standbys keep it too (17); `isSynced` on a server that took over from the one where it was made. */
  readonly isFailover: boolean
  readonly isSynced: boolean
}

/** Reads one slot, or null. Rights: none. Version: 14. */
export async function readSlot(control: ControlSession, name: string): Promise<SlotStatus | null> {
  // `invalidation_reason`, `failover` and `synced` came with 17; the row as JSON has them where they exist.
  const [row] = await control.query(
    `SELECT coalesce(plugin, ''), coalesce(database, ''), active_pid::text,
            (coalesce(wal_status, '') = 'lost' OR (to_jsonb(s) ->> 'invalidation_reason') IS NOT NULL)::text,
            confirmed_flush_lsn::text, to_jsonb(s) ->> 'failover', to_jsonb(s) ->> 'synced',
            (SELECT application_name IN ('dbsync replication', current_setting('application_name'))
             FROM pg_catalog.pg_stat_activity a WHERE a.pid = s.active_pid)::text
     FROM pg_catalog.pg_replication_slots s WHERE slot_name = $1`,
    [name],
  )
  if (row === undefined) return null
  const [plugin, database, activePid, isInvalid, confirmedFlush, failover, synced, isOurs] = row
  return {
    name,
    plugin: plugin ?? '',
    database: database ?? '',
    activePid: activePid == null ? null : Number(activePid),
    isOurs: isOurs === 'true',
    isInvalid: isInvalid === 'true',
    confirmedFlush: confirmedFlush ?? null,
    isFailover: failover === 'true',
    isSynced: synced === 'true',
  }
}

/** Pids and ages of the transactions that slot creation waits for, for a message. */
export async function describeBlockers(control: ControlSession): Promise<string> {
  const rows = await control.query(
    `SELECT pid::text, extract(epoch FROM now() - xact_start)::int::text FROM pg_catalog.pg_stat_activity
     WHERE backend_xid IS NOT NULL AND pid <> pg_backend_pid() ORDER BY xact_start LIMIT 5`,
  )
  return rows.map(([pid, seconds]) => `pid ${pid} (${seconds} s)`).join(', ')
}

/** What the server keeps for a slot, in bytes. */
export interface SlotRetention {
  /** Whether the server has given it up, or will with its next checkpoint. */
  readonly isEnding: boolean
  readonly retainedBytes: number
  /** How much WAL may be written before the slot is given up; null where the server has no limit. */
  readonly safeBytes: number | null
  readonly limitBytes: number | null
  /** The end of the server's WAL. */
  readonly serverEnd: string
}

/** Reads what a slot keeps, or null if it is not there. Rights: none. Version: 14. */
export async function readRetention(control: ControlSession, name: string): Promise<SlotRetention | null> {
  const [row] = await control.query(
    `SELECT (coalesce(wal_status, 'lost') IN ('unreserved', 'lost'))::text,
            coalesce(pg_current_wal_lsn() - restart_lsn, 0)::text, safe_wal_size::text,
            (SELECT nullif(setting, '-1')::int8 * 1048576 FROM pg_catalog.pg_settings
             WHERE name = 'max_slot_wal_keep_size')::text,
            pg_current_wal_lsn()::text
     FROM pg_catalog.pg_replication_slots WHERE slot_name = $1`,
    [name],
  )
  if (row === undefined) return null
  const [isEnding, retained, safe, limit, serverEnd] = row
  return {
    isEnding: isEnding === 'true',
    retainedBytes: Number(retained ?? 0),
    safeBytes: safe == null ? null : Number(safe),
    limitBytes: limit == null ? null : Number(limit),
    serverEnd: serverEnd ?? '0/0',
  }
}

/** The settings under which a durable slot lives: limits in bytes and seconds, null for none. */
export interface SlotSettings {
  readonly keepBytes: number | null
  /** From version 18 on. */
  readonly idleSeconds: number | null
}

/** Reads the server's settings for slots. Rights: none. Version: 14. */
export async function readSlotSettings(control: ControlSession): Promise<SlotSettings> {
  const rows = await control.query(
    `SELECT name, setting FROM pg_catalog.pg_settings
     WHERE name IN ('max_slot_wal_keep_size', 'idle_replication_slot_timeout')`,
  )
  const settings = new Map(rows.map(([name, setting]) => [name, Number(setting)]))
  const keepMb = settings.get('max_slot_wal_keep_size') ?? -1
  const idle = settings.get('idle_replication_slot_timeout') ?? 0
  return { keepBytes: keepMb < 0 ? null : keepMb * 1_048_576, idleSeconds: idle === 0 ? null : idle }
}
