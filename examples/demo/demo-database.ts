import pg from 'pg'
import { migrate } from '../../test/support/migrate.ts'
import { startEmbedded } from '../../test/support/server.ts'

/** The database that the demo runs in; disposing of it removes what the demo has put there. */
export interface DemoDatabase extends AsyncDisposable {
  readonly url: string
  /** For people: version and place, without the password. */
  readonly description: string
  /** A connection for set-up and for the comparison at the end. */
  readonly client: pg.Client
}

/** The publication's name, so that a database of one's own keeps what it has. */
export const PUBLICATION = 'dbsync_demo'

const TABLES = ['users', 'restaurant', 'visit']

/**
 * Starts an embedded server, or connects to `url`, and creates the example's tables.
 *
 * Throws: an Error with the reason if the database cannot be used; then nothing has been changed in it.
 */
export async function openDatabase(url: string | null): Promise<DemoDatabase> {
  return url === null ? openEmbedded() : openOwn(url)
}

async function openEmbedded(): Promise<DemoDatabase> {
  const server = await startEmbedded()
  let client: pg.Client | null = null
  const close = async (): Promise<void> => {
    await client?.end().catch(() => {})
    await server.stop()
  }
  try {
    client = await connect(server.url)
    await migrate(client)
    const description = `PostgreSQL ${await show(client, 'server_version')}, embedded`
    return { url: server.url, description, client, [Symbol.asyncDispose]: close }
  } catch (error) {
    await close()
    throw error
  }
}

async function openOwn(url: string): Promise<DemoDatabase> {
  const client = await connect(url)
  try {
    // The migration's names have no schema; the generated tables are those of "public".
    await client.query('SET search_path = public')
    await checkWalLevel(client)
    const hasTables = await findEmptyTables(client)
    if (!hasTables) await migrate(client)
    return {
      url,
      description: `PostgreSQL ${await show(client, 'server_version')}, database "${client.database}" at ${client.host}`,
      client,
      async [Symbol.asyncDispose]() {
        try {
          await client.query(`DROP PUBLICATION IF EXISTS ${PUBLICATION}`)
          const tables = TABLES.join(', ')
          await client.query(hasTables ? `TRUNCATE ${tables} RESTART IDENTITY` : `DROP TABLE ${tables}`)
        } finally {
          await client.end()
        }
      },
    }
  } catch (error) {
    await client.end()
    throw error
  }
}

async function checkWalLevel(client: pg.Client): Promise<void> {
  const walLevel = await show(client, 'wal_level')
  if (walLevel === 'logical') return
  throw new Error(
    `The server's wal_level is ${walLevel}; the demo needs logical. ALTER SYSTEM SET wal_level = logical, then restart it.`,
  )
}

/** Whether all tables are there, and empty. Throws if some are, or if they have rows: those are somebody else's. */
async function findEmptyTables(client: pg.Client): Promise<boolean> {
  const { rows } = await client.query<{ name: string }>(
    `SELECT c.relname AS name FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     WHERE n.nspname = 'public' AND c.relname = ANY ($1)`,
    [TABLES],
  )
  if (rows.length === 0) return false
  const counts = rows.map(({ name }) => `SELECT 1 FROM public.${name} LIMIT 1`)
  const filled = await client.query(counts.map((sql) => `(${sql})`).join(' UNION ALL '))
  if (rows.length === TABLES.length && filled.rows.length === 0) return true
  throw new Error(
    `The database has ${rows.map(({ name }) => `"${name}"`).join(', ')} in schema "public"` +
      `${filled.rows.length > 0 ? ', with rows' : ''}; the demo fills and empties tables of these names. ` +
      'Give --url an empty database.',
  )
}

async function connect(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url, application_name: 'dbsync demo' })
  // A server that is stopped in between is reported by the next statement.
  client.on('error', () => {})
  await client.connect()
  return client
}

async function show(client: pg.Client, setting: string): Promise<string> {
  const { rows } = await client.query<{ value: string }>('SELECT current_setting($1) AS value', [setting])
  return rows[0]?.value ?? ''
}
