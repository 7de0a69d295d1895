import type pg from 'pg'
import { connectSql } from '../postgres/connect.ts'
import type { ConnectionTarget } from '../postgres/resolve-connection.ts'

/** Does some work over a session of its own, with the settings that a sync reads values under. Throws: as `connectSql`, and what the work throws. */
export async function withClient<T>(
  target: ConnectionTarget,
  work: (client: pg.Client) => Promise<T>,
): Promise<T> {
  const client = await connectSql(target, 'test')
  try {
    return await work(client)
  } finally {
    await client.end()
  }
}
