import type pg from 'pg'
import { socketOf } from './connect.ts'

const CLOSE_MS = 2_000

/** Ends a session with a goodbye, and cuts it where nobody listens to that. Never throws. */
export async function closeClient(client: pg.Client): Promise<void> {
  const timer = setTimeout(() => socketOf(client).destroy(), CLOSE_MS)
  await client.end().catch(() => {})
  clearTimeout(timer)
}
