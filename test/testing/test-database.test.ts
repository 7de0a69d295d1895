import { randomBytes } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import pg from 'pg'
import { expect, inject, test } from 'vitest'
import { createSync } from 'prisma-dbsync'
import { testDatabase } from 'prisma-dbsync/testing'
import { templateName } from '../../src/testing/template.ts'
import { schema } from '../../generated/dbsync/index.ts'
import { exampleViews } from '../support/example-views.ts'
import { until } from '../support/faults.ts'
import { workspace } from '../support/workspace.ts'

const server = inject('serverUrl')

/** SQL outside of any test database. */
async function onServer<Row extends pg.QueryResultRow>(sql: string, values: unknown[] = []): Promise<Row[]> {
  const client = new pg.Client({ connectionString: server })
  await client.connect()
  try {
    return (await client.query<Row>(sql, values)).rows
  } finally {
    await client.end()
  }
}

/** A schema without tables. */
const empty = { ...schema.contract, models: [], enums: [] }

/** Whether the server has the template that `sql` alone makes. */
async function hasTemplate(sql: string): Promise<boolean> {
  const name = templateName({ contract: empty, migrations: [{ name: 'sql', sql }] }, 'postgres')
  return (await onServer('SELECT FROM pg_database WHERE datname = $1', [name])).length > 0
}

test('a database has the tables of the project, and is gone afterwards', async () => {
  let name: string
  {
    await using db = await testDatabase(schema, { server })
    ;({ name } = db)
    await db.query("INSERT INTO restaurant (id, name) VALUES ('r1', 'Nona')")
    expect(await db.query('SELECT 1; SELECT id, name FROM restaurant')).toEqual([{ id: 'r1', name: 'Nona' }])
    expect(new URL(db.url).pathname).toBe(`/${name}`)
    const other = await db.connect({ application_name: 'other' })
    expect((await other.query('SHOW application_name')).rows).toEqual([{ application_name: 'other' }])
  }
  expect(await onServer('SELECT FROM pg_database WHERE datname = $1', [name])).toEqual([])
})

test('migrations run once for many databases at once, and each database is its own', async () => {
  const table = `once_${randomBytes(4).toString('hex')}`
  const sql = `CREATE TABLE ${table} (made timestamptz); INSERT INTO ${table} VALUES (clock_timestamp())`
  const databases = await Promise.all(
    Array.from({ length: 5 }, () => testDatabase({ contract: empty }, { server, sql })),
  )
  try {
    const made = await Promise.all(databases.map((db) => db.query(`SELECT made::text FROM ${table}`)))
    expect(new Set(made.map((rows) => JSON.stringify(rows))).size).toBe(1)
    await databases[0]?.query(`DELETE FROM ${table}`)
    expect(await databases[1]?.query(`SELECT FROM ${table}`)).toHaveLength(1)
  } finally {
    for (const db of databases) await db[Symbol.asyncDispose]()
  }
})

test('a template that is a week old is dropped when another is made, and made anew when it is wanted again', async () => {
  const tag = randomBytes(4).toString('hex')
  const [first, second] = [`CREATE TABLE a_${tag} ()`, `CREATE TABLE b_${tag} ()`]
  const use = async (sql: string): Promise<void> => {
    await using db = await testDatabase({ contract: empty }, { server, sql })
    expect(await db.query("SELECT FROM pg_class WHERE relname LIKE '%' || $1", [tag])).toHaveLength(1)
  }
  await use(first)
  const name = templateName({ contract: empty, migrations: [{ name: 'sql', sql: first }] }, 'postgres')
  await onServer(`COMMENT ON DATABASE ${name} IS 'dbsync_template_2020-01-01 00:00:00+00'`)
  await use(second)
  expect([await hasTemplate(first), await hasTemplate(second)]).toEqual([false, true])
  await use(first)
  expect([await hasTemplate(first), await hasTemplate(second)]).toEqual([true, true])
})

test('roles that share a server have templates of their own, and none is in the way of the other', async () => {
  const tag = randomBytes(4).toString('hex')
  const sql = `CREATE TABLE c_${tag} ()`
  await onServer(`CREATE ROLE r_${tag} LOGIN CREATEDB REPLICATION PASSWORD 'secret'`)
  {
    await using _ = await testDatabase({ contract: empty }, { server, sql })
  }
  const name = templateName({ contract: empty, migrations: [{ name: 'sql', sql }] }, 'postgres')
  await onServer(`COMMENT ON DATABASE ${name} IS 'dbsync_template_2020-01-01 00:00:00+00'`)
  const url = new URL(server)
  url.username = `r_${tag}`
  url.password = 'secret'
  {
    await using db = await testDatabase({ contract: empty }, { server: url.href, sql })
    expect(await db.query(`SELECT FROM c_${tag}`)).toEqual([])
  }
  const own = templateName({ contract: empty, migrations: [{ name: 'sql', sql }] }, `r_${tag}`)
  await onServer(`DROP DATABASE ${own}`)
  await onServer(`DROP ROLE r_${tag}`)
})

test('migrations that are behind the schema are told by the names of what is missing', async () => {
  await using folder = await workspace()
  await folder.write(
    '20240101_init/migration.sql',
    'CREATE TABLE restaurant (id varchar(255) PRIMARY KEY, name text);',
  )
  await folder.write('migration_lock.toml', 'provider = "postgresql"')
  // The second time too: nothing half made is taken for whole.
  for (let turn = 0; turn < 2; turn += 1) {
    const error: unknown = await testDatabase(schema, { server, migrations: folder.path }).catch(
      (thrown: unknown) => thrown,
    )
    expect(error).toMatchObject({ code: 'TESTING.SCHEMA_DIFFERS', details: { migration: '20240101_init' } })
    const message = String(error)
    expect(message).toMatch(/20240101_init[^]*prisma migrate dev/)
    expect(message).toMatch(/TABLE_MISSING: The contract names table "public"\."users"/)
    expect(message).toMatch(/TYPE_MISMATCH: Restaurant\.name/)
    expect(message).toMatch(/COLUMN_MISSING: The contract names Restaurant\.description/)
  }
})

test('a migration that fails is told by its name', async () => {
  await using folder = await workspace()
  await folder.write('1_good/migration.sql', 'CREATE TABLE a ();')
  await folder.write('2_bad/migration.sql', 'CREATE TABLE b (); CREATE TABLE a ();')
  await expect(testDatabase(schema, { server, migrations: folder.path })).rejects.toMatchObject({
    code: 'TESTING.MIGRATIONS',
    message: expect.stringContaining('2_bad failed on an empty database: relation "a" already exists'),
    details: { migration: '2_bad', sqlState: '42P07' },
  })
})

test('a folder without migrations is refused with what to give', async () => {
  await using folder = await workspace()
  await mkdir(join(folder.path, 'nothing'))
  for (const [name, reason] of [
    ['nothing', 'it has no NAME/migration.sql'],
    ['missing', 'ENOENT'],
  ] as const) {
    await expect(testDatabase(schema, { server, migrations: join(folder.path, name) })).rejects.toMatchObject(
      {
        code: 'TESTING.MIGRATIONS',
        details: { reason },
      },
    )
  }
})

test('a database goes with the slots and the sync that still streams from it, which is told', async () => {
  const db = await testDatabase(schema, { server, onOpenSync: 'throw' })
  const sync = createSync({
    schema,
    connection: db.url,
    views: exampleViews,
    slot: { name: `open_${db.name}`, durable: true },
  })
  try {
    await sync.start()
    await expect(db[Symbol.asyncDispose]()).rejects.toMatchObject({ code: 'TESTING.SYNC_LEFT_OPEN' })
    expect(await onServer('SELECT FROM pg_replication_slots WHERE database = $1', [db.name])).toEqual([])
    expect(await onServer('SELECT FROM pg_database WHERE datname = $1', [db.name])).toEqual([])
  } finally {
    await sync.close()
  }
})

test('a durable slot of a sync that was closed is no leak', async () => {
  const db = await testDatabase(schema, { server, onOpenSync: 'throw' })
  const sync = createSync({
    schema,
    connection: db.url,
    views: exampleViews,
    slot: { name: `kept_${db.name}`, durable: true },
  })
  await sync.start()
  await sync.close()
  expect(await onServer('SELECT FROM pg_replication_slots WHERE database = $1', [db.name])).toHaveLength(1)
  await db[Symbol.asyncDispose]()
  expect(await onServer('SELECT FROM pg_replication_slots WHERE database = $1', [db.name])).toEqual([])
})

test('without a word a sync left open is a warning of the process', async () => {
  const warnings: Error[] = []
  const note = (warning: Error): number => warnings.push(warning)
  process.on('warning', note)
  const db = await testDatabase(schema, { server })
  const sync = createSync({ schema, connection: db.url, views: exampleViews })
  try {
    await sync.start()
    await db[Symbol.asyncDispose]()
    await until(() => warnings.length > 0)
    expect(warnings).toMatchObject([{ code: 'TESTING.SYNC_LEFT_OPEN' }])
  } finally {
    process.off('warning', note)
    await sync.close()
  }
})
