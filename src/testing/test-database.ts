import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type pg from 'pg'
import type { Schema } from '../contract/schema-contract.ts'
import { DbsyncError } from '../core/errors.ts'
import { quoteIdentifier } from '../core/quote.ts'
import { findMigrations, readMigrations, type Migration } from './migrations.ts'
import { openClient } from './open-client.ts'
import { copyTemplate, urlOf } from './template.ts'
import { sharedServer } from './test-server.ts'

/** A database of one test, gone when the test ends. */
export interface TestDatabase extends AsyncDisposable {
  /** Its connection string, for `createSync` and for Prisma Client. */
  readonly url: string
  /** Also good as the name of a durable slot: slots belong to the server, which tests that run at once share. */
  readonly name: string
  /** Runs a statement, or several without values, on one shared connection; the rows of the last. */
  query<Row extends pg.QueryResultRow = pg.QueryResultRow>(sql: string, values?: unknown[]): Promise<Row[]>
  /** A further connection, closed with the database. */
  connect(config?: pg.ClientConfig): Promise<pg.Client>
}

/** What {@link testDatabase} takes. */
export interface TestDatabaseOptions {
  /**
   * The folder of the migrations, from the current folder; false: none. Default: the project's own, as `prisma.config` says or
   * `prisma/migrations`; none where `sql` is given.
   */
  readonly migrations?: string | false
  /** Statements that make the tables, or that come after the migrations. */
  readonly sql?: string
  /** The connection string of the server. Default: that of `startTestServer`. */
  readonly server?: string
  /**
   * What happens if a sync still streams from the database when it is disposed of: it was not closed. It loses its connection in any
   * case. `warn`: a warning of the process; `throw`: TESTING.SYNC_LEFT_OPEN, which hides what the test itself has thrown. Default: `warn`.
   */
  readonly onOpenSync?: 'warn' | 'throw' | 'ignore'
}

/**
 * Makes a database for one test: empty, with the tables of your migrations, and compared with the generated schema.
 *
 * The migrations run once; each database is a copy. So is the server one for all: see `startTestServer`. Disposing of the database drops it with its
 * slots and publications, whatever is connected. A sync with consumers has a durable slot of one name for all: give those of tests a
 * temporary one (`slot: { durable: false }`) or a name (`slot: { name: db.name }`).
 * Throws: TESTING.MIGRATIONS, TESTING.SCHEMA_DIFFERS if the migrations do not make what the schema says, what `startTestServer` throws.
 *
 * @example
 * ```ts
 * import { createSync, defineView } from 'prisma-dbsync'
 * import { testDatabase, verifyView } from 'prisma-dbsync/testing'
 * import { Restaurant, schema } from './generated/dbsync/index.ts'
 *
 * const names = defineView('names', (q) => q.from({ r: Restaurant }).select(({ r }) => ({ id: r.id, name: r.name })))
 *
 * export async function followsARename(): Promise<void> {
 *   await using db = await testDatabase(schema)
 *   await using sync = createSync({ schema, connection: db.url, views: { names } })
 *   await sync.start()
 *   await db.query("UPDATE restaurant SET name = 'Nona' WHERE id = 'r1'")
 *   await verifyView(sync, names)
 * }
 * ```
 */
export async function testDatabase(
  schema: Pick<Schema, 'contract'>,
  options: TestDatabaseOptions = {},
): Promise<TestDatabase> {
  const migrations = await migrationsOf(options)
  const serverUrl = options.server ?? (await sharedServer()).url
  const name = `t_${randomBytes(6).toString('hex')}`
  await asAdmin(serverUrl, async (admin) => {
    if (migrations.length === 0) await admin.query(`CREATE DATABASE ${quoteIdentifier(name)}`)
    else await copyTemplate(admin, serverUrl, name, { contract: schema.contract, migrations })
  })
  const url = urlOf(serverUrl, name)
  const clients: pg.Client[] = []
  const connect = async (config: pg.ClientConfig = {}): Promise<pg.Client> => {
    const client = await openClient(url, config)
    clients.push(client)
    return client
  }
  let shared: Promise<pg.Client> | null = null
  return {
    url,
    name,
    connect,
    async query<Row extends pg.QueryResultRow>(sql: string, values?: unknown[]) {
      shared ??= connect()
      const results: unknown = await (await shared).query<Row>(sql, values)
      return rowsOf<Row>(results)
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(clients.map((client) => client.end().catch(() => {})))
      const isOpen = await asAdmin(serverUrl, (admin) =>
        dropDatabase(admin, name, options.onOpenSync ?? 'warn'),
      )
      if (isOpen) tellOpenSync(options.onOpenSync ?? 'warn')
    },
  }
}

async function migrationsOf({ migrations, sql }: TestDatabaseOptions): Promise<readonly Migration[]> {
  const folder = migrations ?? (sql === undefined ? await findMigrations(process.cwd()) : false)
  const found = folder === false ? [] : await readMigrations(folder)
  return sql === undefined ? found : [...found, { name: 'sql', sql }]
}

/** The rows of the last statement, where there were several. */
function rowsOf<Row extends pg.QueryResultRow>(results: unknown): Row[] {
  const last: unknown = Array.isArray(results) ? results.at(-1) : results
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the types of node-pg know one statement
  return (last as pg.QueryResult<Row>).rows
}

async function asAdmin<T>(serverUrl: string, work: (admin: pg.Client) => Promise<T>): Promise<T> {
  const admin = await openClient(serverUrl)
  try {
    return await work(admin)
  } finally {
    await admin.end()
  }
}

/** How long a session that was closed may take to end on the server's side. */
const CLOSING_MS = 1_000
const DROPPING_MS = 10_000
const POLL_MS = 20
const ACTIVE_SLOTS = 'SELECT active_pid FROM pg_replication_slots WHERE database = $1 AND active'

/** Drops a database with its slots; whether a session still streamed from one, unless nobody wants to know. */
async function dropDatabase(
  admin: pg.ClientBase,
  name: string,
  onOpenSync: 'warn' | 'throw' | 'ignore',
): Promise<boolean> {
  const isStreaming = async (): Promise<boolean> => (await admin.query(ACTIVE_SLOTS, [name])).rows.length > 0
  let isOpen = onOpenSync !== 'ignore'
  for (let waited = 0; isOpen && (isOpen = await isStreaming()) && waited < CLOSING_MS; waited += POLL_MS) {
    await sleep(POLL_MS)
  }
  for (let waited = 0; ; waited += POLL_MS) {
    await admin.query(`SELECT pg_terminate_backend(active_pid) FROM (${ACTIVE_SLOTS}) AS active`, [name])
    try {
      await admin.query(
        'SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE database = $1',
        [name],
      )
      await admin.query(`DROP DATABASE IF EXISTS ${quoteIdentifier(name)} WITH (FORCE)`)
      return isOpen
    } catch (error) {
      // What was told to end needs a moment, and a sync that is cut off may come back in between.
      if (waited > DROPPING_MS) throw error
      await sleep(POLL_MS)
    }
  }
}

function tellOpenSync(how: 'warn' | 'throw' | 'ignore'): void {
  const error = new DbsyncError(
    'TESTING.SYNC_LEFT_OPEN',
    'A sync still streamed from a test database when it was disposed of. Close the sync before: await using sync = createSync(…), or ' +
      'await sync.close().',
  )
  if (how === 'throw') throw error
  process.emitWarning(error)
}
