import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { inject } from 'vitest'
import { migrate } from './migrate.ts'

export { migrate }

/** A database of its own, dropped when the test ends. */
export interface TestDatabase extends AsyncDisposable {
  readonly url: string
  readonly name: string
  /** One statement or several, over one shared connection. */
  query<Row extends pg.QueryResultRow = pg.QueryResultRow>(sql: string, values?: unknown[]): Promise<Row[]>
  /** A further connection, closed with the database. */
  connect(config?: pg.ClientConfig): Promise<pg.Client>
}

/** Creates an empty database, or one with the running example's tables. */
export async function testDatabase(
  options: { readonly schema?: 'example' | 'empty'; readonly serverUrl?: string } = {},
): Promise<TestDatabase> {
  const serverUrl = options.serverUrl ?? inject('serverUrl')
  const name = `t_${randomBytes(6).toString('hex')}`
  await run(serverUrl, `CREATE DATABASE ${name}`)
  const url = new URL(serverUrl)
  url.pathname = `/${name}`
  const clients: pg.Client[] = []
  const connect = async (config: pg.ClientConfig = {}): Promise<pg.Client> => {
    const client = new pg.Client({ connectionString: url.href, ...config })
    client.on('error', () => {})
    await client.connect()
    clients.push(client)
    return client
  }
  const main = await connect()
  if ((options.schema ?? 'example') === 'example') await migrate(main)
  return {
    url: url.href,
    name,
    connect,
    async query<Row extends pg.QueryResultRow>(sql: string, values?: unknown[]) {
      return (await main.query<Row>(sql, values)).rows
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(clients.map((client) => client.end().catch(() => {})))
      const admin = new pg.Client({ connectionString: serverUrl })
      await admin.connect()
      try {
        await admin.query(
          'SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE database = $1 AND active',
          [name],
        )
        for (let attempt = 0; ; attempt += 1) {
          try {
            await admin.query(
              'SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE database = $1',
              [name],
            )
            await admin.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`)
            break
          } catch (error) {
            if (attempt > 50) throw error
            await new Promise((done) => setTimeout(done, 50))
          }
        }
      } finally {
        await admin.end()
      }
    },
  }
}

async function run(url: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    await client.query(sql)
  } finally {
    await client.end()
  }
}
