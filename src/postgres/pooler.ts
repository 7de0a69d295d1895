import type pg from 'pg'
import { DbsyncError } from '../core/errors.ts'

/**
 * Makes sure that a session keeps its backend. Behind a transaction pooler two sessions that are open at once share one: settings
 * would end up with strangers, and ours be gone in the middle of a reading. `open` makes a second client.
 *
 * A middleman is known by the process id of its greeting, which is not the backend's. One that gives each session a
 * backend of its own is no harm here.
 * Throws: POSTGRES.POOLER; as `open`.
 */
export async function assertOwnBackend(client: pg.ClientBase, open: () => Promise<pg.Client>): Promise<void> {
  const pid = await backendPid(client)
  if (pid === Reflect.get(client, 'processID')) return
  const second = await open()
  try {
    if ((await backendPid(second)) !== pid) return
    // What was set for us was set for whoever gets the backend next.
    await client.query('RESET ALL')
  } finally {
    await second.end().catch(() => {})
  }
  throw new DbsyncError(
    'POSTGRES.POOLER',
    'The connection goes through a pooler that lends one backend to several sessions. Give DBSync a connection string that ' +
      'leads to the server itself.',
  )
}

async function backendPid(client: pg.ClientBase): Promise<number> {
  const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')
  return rows[0]?.pid ?? 0
}
