import pg from 'pg'
import { migrate } from '../test/support/migrate.ts'
import { startEmbedded } from '../test/support/server.ts'

/** A PostgreSQL of the bench's own with the running example's tables, stopped and deleted at the end. */
export interface BenchServer extends AsyncDisposable {
  readonly url: string
  readonly version: string
  /** Runs one statement or several on one connection and returns the last one's rows. */
  query<Row extends pg.QueryResultRow = pg.QueryResultRow>(sql: string, values?: unknown[]): Promise<Row[]>
}

/**
 * The server's own defaults, `fsync=on` among them, but for what would start working in the middle of a round: no checkpoint
 * by size or time, no autovacuum. No session is cut off for being silent: a side that waits for its turn is.
 */
const FLAGS = [
  'fsync=on',
  'max_wal_size=32GB',
  'checkpoint_timeout=1d',
  'autovacuum=off',
  'wal_sender_timeout=0',
]

/** Starts the server. `flags` are further settings, as `name=value`. */
export async function benchServer(flags: readonly string[] = []): Promise<BenchServer> {
  const server = await startEmbedded([...FLAGS, ...flags].flatMap((flag) => ['-c', flag]))
  const client = new pg.Client({ connectionString: server.url })
  client.on('error', () => {})
  const stop = async (): Promise<void> => {
    await client.end().catch(() => {})
    await server.stop()
  }
  try {
    await client.connect()
    await migrate(client)
    const { rows } = await client.query<{ server_version: string }>('SHOW server_version')
    return {
      url: server.url,
      version: rows[0]?.server_version ?? '',
      async query<Row extends pg.QueryResultRow>(sql: string, values?: unknown[]) {
        const results: unknown = await client.query<Row>(sql, values)
        const last: unknown = Array.isArray(results) ? results.at(-1) : results
        return (last as pg.QueryResult<Row>).rows
      },
      [Symbol.asyncDispose]: stop,
    }
  } catch (error) {
    await stop()
    throw error
  }
}
