import pg from 'pg'
import { connectClient } from '../postgres/connect.ts'
import { resolveConnection } from '../postgres/resolve-connection.ts'

/**
 * A session as any program opens it, without the settings that a sync pins. A server for tests may be on another host without TLS.
 *
 * Throws: POSTGRES.CONNECTION_REFUSED, POSTGRES.AUTHENTICATION, POSTGRES.TLS, CONFIG.INVALID_OPTIONS.
 */
export async function openClient(url: string, config: pg.ClientConfig = {}): Promise<pg.Client> {
  const client = new pg.Client({
    ...resolveConnection({ connectionString: url, allowInsecure: true }),
    ...config,
  })
  await connectClient(client)
  return client
}
