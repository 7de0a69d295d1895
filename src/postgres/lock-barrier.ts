import { sleep } from '../core/backoff.ts'
import type { ControlSession } from './control-session.ts'

const POLL_MS = 20

/**
 * Waits until every transaction that is writing one of the tables at this moment has ended and is visible.
 *
 * Locks are let go only after a commit is visible, so afterwards no commit that came before this call is invisible any
 * more. A slot that existed before us may have streamed, and been confirmed past, a commit that is not visible yet;
 * without this wait it would be neither in the stream nor in a chunk. Who writes a partition by its own name locks that
 * alone, so the partitions of a table count as the table.
 * Rights: none. `onWait` is told what it waits for, about once a second.
 */
export async function awaitWriters(
  control: ControlSession,
  oids: readonly number[],
  signal: AbortSignal,
  onWait: (holders: number) => void,
): Promise<void> {
  const holders = async (): Promise<Set<string>> => {
    const rows = await control.query(
      `WITH RECURSIVE tree AS (
         SELECT unnest($1::oid[]) AS oid
         UNION SELECT h.inhrelid FROM tree JOIN pg_catalog.pg_inherits h ON h.inhparent = tree.oid)
       SELECT DISTINCT virtualtransaction FROM pg_catalog.pg_locks
       WHERE locktype = 'relation' AND granted AND relation IN (SELECT oid FROM tree)
         AND database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
         AND mode IN ('RowExclusiveLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')`,
      [oids],
    )
    return new Set(rows.map(([holder]) => holder ?? ''))
  }
  let waiting = await holders()
  for (let turn = 0; waiting.size > 0; turn += 1) {
    if (turn % 50 === 1) onWait(waiting.size)
    await sleep(POLL_MS, signal)
    const now = await holders()
    waiting = new Set([...waiting].filter((holder) => now.has(holder)))
  }
}

/** Pids and ages of the sessions that hold a strong lock on one of the tables (qualified, quoted names), for a message. */
export async function describeLockHolders(
  control: ControlSession,
  tables: readonly string[],
): Promise<string> {
  const rows = await control.query(
    `SELECT DISTINCT l.pid::text, extract(epoch FROM now() - a.xact_start)::int::text
     FROM pg_catalog.pg_locks l LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid
     WHERE l.relation IN (SELECT to_regclass(name) FROM unnest($1::text[]) name) AND l.granted
       AND l.mode IN ('ShareUpdateExclusiveLock', 'ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')
     LIMIT 5`,
    [tables],
  )
  return rows.map(([pid, seconds]) => `pid ${pid}${seconds == null ? '' : ` (${seconds} s)`}`).join(', ')
}
