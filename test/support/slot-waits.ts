import pg from 'pg'

const EVERY_MS = 5_000
const WAITS = `
  SELECT w.datname || ' has waited ' || extract(epoch FROM now() - w.query_start)::int || ' s for ' || h.datname || ', pid ' || h.pid
    || ' (' || concat_ws(', ', h.state, h.wait_event, 'waits for ' || nullif(pg_blocking_pids(h.pid)::text, '{}')) || '): '
    || left(h.query, 200) AS wait
  FROM pg_stat_activity AS w JOIN pg_stat_activity AS h ON h.pid = ANY (pg_blocking_pids(w.pid))
  WHERE w.query LIKE 'CREATE_REPLICATION_SLOT%' AND w.query_start < now() - interval '15 seconds'`

/**
 * Tells of slots that wait long for a transaction: a test that keeps one open holds up every other test that makes a slot, whichever
 * database it is in, and those are the ones that fail. The result ends it.
 */
export async function tellSlotWaits(serverUrl: string): Promise<() => Promise<void>> {
  const client = new pg.Client({ connectionString: serverUrl })
  client.on('error', () => {})
  await client.connect()
  const timer = setInterval(() => {
    client.query<{ wait: string }>(WAITS).then(
      ({ rows }) => rows.forEach(({ wait }) => console.warn(`A slot of ${wait}`)),
      () => clearInterval(timer),
    )
  }, EVERY_MS)
  return async () => {
    clearInterval(timer)
    await client.end()
  }
}
