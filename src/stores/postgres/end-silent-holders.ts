import { sleep } from '../../core/backoff.ts'
import { closeClient } from '../../postgres/close-client.ts'
import { connectSql } from '../../postgres/connect.ts'
import type { ConnectionTarget } from '../../postgres/resolve-connection.ts'

/** A batch of a writer that is alive ends or goes on within that time. */
const PATIENCE_MS = 1_000

/** Ends sessions of stores that a process waits for and that wait for their client; a superuser's only another superuser may. */
const END_HOLDERS = `
  SELECT pg_catalog.pg_terminate_backend(a.pid)
  FROM unnest(pg_catalog.pg_blocking_pids($1::int)) AS b (pid) JOIN pg_catalog.pg_stat_activity a ON a.pid = b.pid
  WHERE a.application_name = pg_catalog.current_setting('application_name') AND a.state LIKE 'idle in transaction%'
    AND a.state_change < pg_catalog.clock_timestamp() - interval '500 ms'`

/**
 * Waits for what a session is doing; whoever holds a lock against it in an open transaction and does nothing is ended meanwhile.
 *
 * A former writer that has stopped in the middle of a batch, or whose machine is gone, would otherwise keep the checkpoint until
 * the server gives up on it. Whoever has the slot may take over, and a batch that was cut off is no loss.
 */
export async function endingSilentHolders<Result>(
  connection: ConnectionTarget,
  pid: number,
  waiting: Promise<Result>,
): Promise<Result> {
  const isOver = new AbortController()
  void endAgainAndAgain(connection, pid, isOver.signal).catch(() => {})
  try {
    return await waiting
  } finally {
    isOver.abort()
  }
}

/** Until the signal; throws its reason. */
async function endAgainAndAgain(
  connection: ConnectionTarget,
  pid: number,
  signal: AbortSignal,
): Promise<never> {
  for (;;) {
    await sleep(PATIENCE_MS, signal)
    // One that may not be ended, or a server without room, is waited for.
    await endHolders(connection, pid).catch(() => {})
  }
}

async function endHolders(connection: ConnectionTarget, pid: number): Promise<void> {
  const client = await connectSql(connection, 'store')
  try {
    await client.query(END_HOLDERS, [pid])
  } finally {
    await closeClient(client)
  }
}
