import type { ControlSession } from './control-session.ts'

/** A slot as the catalog has it. */
export interface SlotStatus {
  readonly plugin: string
  readonly database: string
  readonly activePid: number | null
  /** Whether the server has discarded WAL that the slot needs, or given up on it otherwise. */
  readonly isInvalid: boolean
  readonly confirmedFlush: string | null
}

/** Reads one slot, or null. Rights: none. Version: 14. */
export async function readSlot(control: ControlSession, name: string): Promise<SlotStatus | null> {
  // `invalidation_reason` came with 17 and `conflicting` with 16; the row as JSON has them where they exist.
  const [row] = await control.query(
    `SELECT coalesce(plugin, ''), coalesce(database, ''), active_pid::text,
            (coalesce(wal_status, '') = 'lost' OR (to_jsonb(s) ->> 'invalidation_reason') IS NOT NULL)::text,
            confirmed_flush_lsn::text
     FROM pg_catalog.pg_replication_slots s WHERE slot_name = $1`,
    [name],
  )
  if (row === undefined) return null
  const [plugin, database, activePid, isInvalid, confirmedFlush] = row
  return {
    plugin: plugin ?? '',
    database: database ?? '',
    activePid: activePid == null ? null : Number(activePid),
    isInvalid: isInvalid === 'true',
    confirmedFlush: confirmedFlush ?? null,
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
