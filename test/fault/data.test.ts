import { createSync, type AnyChange, type Sync } from 'prisma-dbsync'
import { expect, inject, test } from 'vitest'
import pg from 'pg'
import { schema, Visit } from '../../generated/dbsync/index.ts'
import { testDatabase } from '../support/database.ts'
import { cutStream, until, within } from '../support/faults.ts'
import { exampleSync, exampleViews, expectExact } from '../support/views.ts'
import { seedExample } from '../support/workload.ts'

/** A sync with views, and handlers that note every change. */
function noting(
  url: string,
  slot: string,
  act: (change: AnyChange) => Promise<unknown> = async () => {},
): { readonly sync: Sync<typeof exampleViews>; readonly changes: AnyChange[] } {
  const changes: AnyChange[] = []
  const note = async (change: AnyChange): Promise<void> => {
    await act(change)
    changes.push(change)
  }
  const all = { insert: note, update: note, delete: note, truncate: note }
  const sync = createSync({
    schema,
    connection: url,
    views: exampleViews,
    slot: { name: slot },
    handlers: { Visit: all, Restaurant: all, User: all },
  })
  return { sync, changes }
}

const ops = (changes: readonly AnyChange[]): string[] => changes.map(({ model, op }) => `${model} ${op}`)

test('F42 a database without an encoding is refused with a code', async () => {
  const name = `t_ascii_${Date.now().toString(36)}`
  const admin = new pg.Client({ connectionString: inject('serverUrl') })
  await admin.connect()
  try {
    await admin.query(`CREATE DATABASE ${name} ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0`)
    const url = new URL(inject('serverUrl'))
    url.pathname = `/${name}`
    const { sync } = exampleSync(url.href)
    const error: unknown = await sync.start().catch((thrown: unknown) => thrown)
    // The tables are missing too; all of it is said at once.
    expect(error).toMatchObject({ code: 'POSTGRES.ENCODING', recovery: 'fix' })
    expect(sync.state).toBe('failed')
    await sync.close()
  } finally {
    await admin.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`)
    await admin.end()
  }
})

test('F45 a key that changes is one change with both keys, and views follow it; also a swap within a transaction', async () => {
  await using db = await testDatabase()
  const client = await db.connect()
  await seedExample(client, { users: 4, restaurants: 4, visits: 10 })
  const { sync, changes } = noting(db.url, `s_${db.name}`)
  await using _ = sync
  await sync.start()
  await client.query("UPDATE restaurant SET id = 'moved' WHERE id = 'r1'")
  await client.query(`BEGIN; UPDATE restaurant SET id = 'x' WHERE id = 'r2'; UPDATE restaurant SET id = 'r2' WHERE id = 'r3';
    UPDATE restaurant SET id = 'r3' WHERE id = 'x'; COMMIT`)
  await expectExact(db, sync)
  const moves = (): unknown[] =>
    changes.flatMap((change) =>
      change.model === 'Restaurant' && change.op === 'update' ? [[change.before, change.key]] : [],
    )
  await until(() => moves().length >= 4)
  expect(moves()).toEqual([
    [{ id: 'r1' }, { id: 'moved' }],
    [{ id: 'r2' }, { id: 'x' }],
    [{ id: 'r3' }, { id: 'r2' }],
    [{ id: 'x' }, { id: 'r3' }],
  ])
})

test('F46 TRUNCATE of several tables, with CASCADE and RESTART IDENTITY, empties each in its place of the order', async () => {
  await using db = await testDatabase()
  const client = await db.connect()
  await seedExample(client, { users: 4, restaurants: 4, visits: 10 })
  const { sync, changes } = noting(db.url, `s_${db.name}`)
  await using _ = sync
  await sync.start()
  await client.query(`BEGIN; INSERT INTO restaurant (id, name) VALUES ('before', 'b');
    TRUNCATE restaurant RESTART IDENTITY CASCADE; INSERT INTO restaurant (id, name) VALUES ('after', 'a'); COMMIT`)
  await expectExact(db, sync)
  expect([...sync.views.restaurantRating.rows()].map(({ id }) => id)).toEqual(['after'])
  await until(() => changes.length >= 4)
  const told = ops(changes)
  expect([told[0], told.slice(1, 3).toSorted(), told[3]]).toEqual([
    'Restaurant insert',
    ['Restaurant truncate', 'Visit truncate'],
    'Restaurant insert',
  ])
  // And across a restart of the stream.
  await client.query('TRUNCATE users CASCADE')
  await cutStream(db)
  await until(() => sync.status().reconnects > 0)
  await sync.ready()
  await expectExact(db, sync)
  expect([...sync.views.userSpend.rows()]).toEqual([])
})

test('F48 a generated column that a view reads is refused with a code; one that nobody reads does no harm', async () => {
  await using db = await testDatabase()
  const client = await db.connect()
  await client.query(
    'ALTER TABLE visit ADD COLUMN twice numeric GENERATED ALWAYS AS (amount_spent * 2) STORED',
  )
  await seedExample(client, { users: 4, restaurants: 4, visits: 10 })
  const { sync } = exampleSync(db.url)
  await sync.start()
  await client.query('UPDATE visit SET amount_spent = 3')
  await expectExact(db, sync)
  await sync.close()
  await client.query(
    'ALTER TABLE visit DROP COLUMN twice, DROP COLUMN visit_rating; ALTER TABLE visit ADD COLUMN visit_rating int GENERATED ALWAYS AS (1) STORED',
  )
  const refused = exampleSync(db.url)
  expect(await within(20_000, refused.sync.start())).toBe('CONTRACT.TYPE_MISMATCH')
  expect(refused.sync.state).toBe('failed')
  await refused.sync.close()
})

for (const { what, sql } of [
  { what: 'a policy that hides rows', sql: 'ALTER TABLE visit ENABLE ROW LEVEL SECURITY' },
  { what: 'no right to read', sql: 'REVOKE SELECT ON visit FROM PUBLIC' },
]) {
  test(`F49 F50 ${what}, given while the sync runs, stops it at the next reading instead of hiding rows`, async () => {
    await using db = await testDatabase()
    const client = await db.connect()
    await seedExample(client, { users: 4, restaurants: 4, visits: 10 })
    const role = `r_${db.name}`
    await db.query(`CREATE ROLE ${role} LOGIN REPLICATION PASSWORD 'x'; GRANT SELECT ON ALL TABLES IN SCHEMA public TO PUBLIC;
      CREATE PUBLICATION dbsync FOR TABLE users, restaurant, visit`)
    const url = new URL(db.url)
    url.username = role
    url.password = 'x'
    const { sync, events } = exampleSync(url.href)
    try {
      await sync.start()
      const before = [...sync.views.restaurantRating.rows()].length
      await db.query(sql)
      await cutStream(db)
      // Either the views over the table stop, or the sync does.
      const codes = (): string[] =>
        events.flatMap((event) =>
          event.kind === 'view-failed' || event.kind === 'failed' ? [event.error.code] : [],
        )
      await until(() => codes().length > 0)
      expect(new Set(codes())).toEqual(new Set(['POSTGRES.PERMISSION']))
      expect(before).toBe(4)
    } finally {
      await sync.close()
      await db.query(`DROP OWNED BY ${role}; DROP ROLE ${role}`)
    }
  })
}

for (const { what, sql } of [
  { what: 'TRUNCATE', sql: "TRUNCATE visit; INSERT INTO visit VALUES (1, 'r1', 5, 5)" },
  { what: 'a rewrite', sql: 'CREATE INDEX ON visit (visit_rating); CLUSTER visit USING visit_pkey' },
  {
    what: 'a rewriting ALTER',
    sql: 'ALTER TABLE visit ALTER amount_spent TYPE numeric(10,2) USING round(amount_spent, 2)',
  },
]) {
  test(`F51 ${what} while a chunk waits for its lock is not read as an empty table`, async () => {
    await using db = await testDatabase()
    const client = await db.connect()
    await seedExample(client, { users: 30, restaurants: 10, visits: 200 })
    const { sync } = exampleSync(db.url)
    await using _ = sync
    await sync.start()
    const holder = await db.connect()
    await holder.query(`BEGIN; LOCK TABLE visit; ${sql}`)
    const refresh = sync.refresh(Visit)
    await until(async () => {
      const waiting = await db.query(
        "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'dbsync snapshot' AND wait_event_type = 'Lock'",
      )
      return waiting.length > 0
    })
    await holder.query('COMMIT')
    const { rows } = await refresh
    await expectExact(db, sync)
    expect({ rows, visits: sync.views.grandTotal.get()?.visits }).toEqual(
      what === 'TRUNCATE' ? { rows: 1, visits: 1 } : { rows: 200, visits: 200 },
    )
    expect(sync.state).toBe('live')
  })
}

test('F52 handlers that write into the database do not hear themselves', async () => {
  await using db = await testDatabase()
  const client = await db.connect()
  await seedExample(client, { users: 4, restaurants: 4, visits: 10 })
  await client.query('CREATE TABLE derived (id serial PRIMARY KEY, n int)')
  // The worst that somebody else may have set up.
  await client.query('CREATE PUBLICATION dbsync FOR ALL TABLES WITH (publish_via_partition_root = true)')
  const writer = await db.connect()
  const { sync, changes } = noting(db.url, `s_${db.name}`, () =>
    writer.query('INSERT INTO derived (n) VALUES (1)'),
  )
  await using _ = sync
  await sync.start()
  await client.query('UPDATE visit SET amount_spent = 3')
  await until(() => changes.length >= 10)
  await sync.catchUp()
  // A second lap would have begun by now: what the handlers wrote has been streamed too.
  await sync.catchUp()
  const [row] = await db.query<{ n: number }>('SELECT count(*)::int AS n FROM derived')
  expect({ changes: changes.length, written: row?.n }).toEqual({ changes: 10, written: 10 })
})

test('F52 the publication that a sync makes has its own tables and no others', async () => {
  await using db = await testDatabase()
  await db.query('CREATE TABLE other (id int PRIMARY KEY)')
  const { sync } = exampleSync(db.url)
  await sync.start()
  await sync.close()
  expect(
    await db.query(
      `SELECT puballtables AS all, (SELECT array_agg(tablename::text ORDER BY tablename) FROM pg_publication_tables
       WHERE pubname = 'dbsync') AS tables FROM pg_publication WHERE pubname = 'dbsync'`,
    ),
  ).toEqual([{ all: false, tables: ['restaurant', 'users', 'visit'] }])
})
