import { createSync, type AnyChange } from 'prisma-dbsync'
import { expect, test } from 'vitest'
import { schema } from '../../generated/dbsync/index.ts'
import { testDatabase } from '../support/database.ts'
import { exampleSync, exampleViews, expectExact } from '../support/views.ts'
import { seedExample } from '../support/workload.ts'
import { cutStream, sleep, until, within } from '../support/faults.ts'

test('F20 handlers that missed changes of a dropped publication are not silent', async () => {
  await using db = await testDatabase()
  const client = await db.connect()
  await seedExample(client, { users: 30, restaurants: 10, visits: 200 })
  const seen: AnyChange[] = []
  const events: string[] = []
  const sync = createSync({
    schema,
    connection: db.url,
    slot: { name: `s_${db.name}` },
    views: exampleViews,
    handlers: {
      Visit: {
        update: (change: AnyChange) => {
          seen.push(change)
        },
      },
    },
    onEvent: (event) =>
      events.push(
        'error' in event ? `${event.kind} ${String(Reflect.get(event.error as object, 'code'))}` : event.kind,
      ),
  })
  await using _ = sync
  await sync.start()
  await client.query('DROP PUBLICATION dbsync')
  await client.query('UPDATE visit SET amount_spent = 9 WHERE user_id = 1')
  await until(() => sync.status().reconnects > 0 || sync.state === 'failed')
  await sleep(3_000)
  const state = sync.state
  const spent = state === 'live' ? String(sync.views.grandTotal.get()?.spent) : null
  const [truth] = await db.query<{ s: string }>('SELECT sum(amount_spent)::text AS s FROM visit')
  console.log(
    'B1',
    JSON.stringify({
      state,
      seen: seen.length,
      spent,
      truth: truth?.s,
      reconnects: sync.status().reconnects,
      events: events.slice(-12),
    }),
  )
  expect({ state }).toEqual({ state: 'failed' })
})

test('F20 a durable slot that is older than a remade publication does not loop at start', async () => {
  await using db = await testDatabase()
  const client = await db.connect()
  await seedExample(client, { users: 30, restaurants: 10, visits: 200 })
  const slot = { name: `s_${db.name}`, durable: true }
  const first = exampleSync(db.url, { slot }).sync
  await first.start()
  await first.close()
  await client.query('DROP PUBLICATION dbsync')
  await client.query('UPDATE visit SET amount_spent = 9')
  const { sync, events } = exampleSync(db.url, { slot })
  const outcome = await within(12_000, sync.start())
  console.log(
    'B2',
    outcome,
    events.filter((e) => e.kind === 'reconnecting').map((e) => e.error.code + ' ' + e.waitMs.toFixed(0)),
  )
  await sync.close()
  expect({
    outcome,
    errors: events.filter((e) => e.kind === 'reconnecting').map((e) => e.error.code),
  }).toMatchObject({ outcome: 'done' })
})

test('F16 a slot that was dropped and made again under its name is noticed', async () => {
  await using db = await testDatabase()
  const client = await db.connect()
  await seedExample(client, { users: 30, restaurants: 10, visits: 200 })
  const slot = `s_${db.name}`
  const { sync, events } = exampleSync(db.url, { slot: { name: slot, durable: true } })
  await using _ = sync
  await sync.start()
  await sync.catchUp()
  for (;;) {
    await cutStream(db)
    const done = await client.query(`SELECT pg_drop_replication_slot('${slot}')`).then(
      () => true,
      () => false,
    )
    if (!done) continue
    await client.query('UPDATE visit SET amount_spent = 9')
    const made = await client.query(`SELECT pg_create_logical_replication_slot('${slot}', 'pgoutput')`).then(
      () => true,
      () => false,
    )
    if (made) break
    await sync.ready()
  }
  await until(() => sync.status().reconnects > 0)
  await sync.ready()
  await expectExact(db, sync)
  expect(
    events.flatMap((event) =>
      event.kind === 'warning' && event.code !== 'SLOT.UNBOUNDED_WAL' ? [event.code] : [],
    ),
  ).toHaveLength(1)
})

test('F21 a table that is taken out of the publication and put back is read anew', async () => {
  await using db = await testDatabase()
  const client = await db.connect()
  await seedExample(client, { users: 30, restaurants: 10, visits: 200 })
  const { sync } = exampleSync(db.url, { slot: { name: `s_${db.name}`, durable: true } })
  await using _ = sync
  await sync.start()
  await client.query('ALTER PUBLICATION dbsync DROP TABLE visit')
  await client.query('UPDATE visit SET amount_spent = 9')
  await cutStream(db)
  await until(() => sync.status().reconnects > 0)
  await sync.ready()
  await sleep(300)
  await expectExact(db, sync)
})

test('F37 a table that is dropped and made again is noticed, at the latest by a reconnect', async () => {
  await using db = await testDatabase()
  const client = await db.connect()
  await seedExample(client, { users: 30, restaurants: 10, visits: 200 })
  const { sync } = exampleSync(db.url, { slot: { name: `s_${db.name}`, durable: true } })
  await using _ = sync
  await sync.start()
  await client.query(
    'BEGIN; CREATE TABLE v2 (LIKE visit INCLUDING ALL); DROP TABLE visit; ALTER TABLE v2 RENAME TO visit; COMMIT',
  )
  await client.query("INSERT INTO visit VALUES (1, 'r1', 5, 5)")
  await cutStream(db)
  await until(() => sync.status().reconnects > 0)
  await sync.ready().catch(() => {})
  if (sync.state === 'failed') return
  await expectExact(db, sync)
})

test('a partitioned table in a publication without publish_via_partition_root is refused or followed', async () => {
  await using db = await testDatabase()
  const client = await db.connect()
  await client.query(`
    DROP TABLE visit;
    CREATE TABLE visit (user_id int NOT NULL, restaurant_id varchar(255) NOT NULL, amount_spent numeric(10,2) NOT NULL, visit_rating int,
      PRIMARY KEY (user_id, restaurant_id)) PARTITION BY HASH (user_id);
    CREATE TABLE visit_0 PARTITION OF visit FOR VALUES WITH (MODULUS 2, REMAINDER 0);
    CREATE TABLE visit_1 PARTITION OF visit FOR VALUES WITH (MODULUS 2, REMAINDER 1);
    CREATE PUBLICATION dbsync FOR TABLE users`)
  await seedExample(client, { users: 30, restaurants: 10, visits: 200 })
  const { sync } = exampleSync(db.url)
  await using _ = sync
  const outcome = await within(10_000, sync.start())
  expect(['done', 'PUBLICATION.INCOMPLETE']).toContain(outcome)
  if (outcome !== 'done') return
  await client.query('UPDATE visit SET amount_spent = 9')
  await expectExact(db, sync)
})

test('F41 a deferrable primary key is refused before it breaks the application', async () => {
  await using db = await testDatabase()
  const client = await db.connect()
  await seedExample(client, { users: 30, restaurants: 10, visits: 200 })
  await client.query(
    'ALTER TABLE visit DROP CONSTRAINT visit_pkey, ADD PRIMARY KEY (user_id, restaurant_id) DEFERRABLE',
  )
  const { sync } = exampleSync(db.url)
  await using _ = sync
  const start = await within(10_000, sync.start())
  const update = await within(5_000, client.query('UPDATE visit SET amount_spent = 9'))
  expect({ start, update }).toEqual({ start: 'CHANGES.REPLICA_IDENTITY', update: 'done' })
})

test('a deferrable key with FULL identity keeps rows whose keys shift', async () => {
  await using db = await testDatabase()
  const client = await db.connect()
  await seedExample(client, { users: 30, restaurants: 10, visits: 200 })
  await client.query(
    'ALTER TABLE visit DROP CONSTRAINT visit_user_id_fkey, DROP CONSTRAINT visit_pkey, ADD PRIMARY KEY (user_id, restaurant_id) DEFERRABLE, REPLICA IDENTITY FULL',
  )
  const { sync } = exampleSync(db.url)
  await using _ = sync
  const start = await within(10_000, sync.start())
  if (start !== 'done') return
  await client.query('UPDATE visit SET user_id = user_id + 1')
  await expectExact(db, sync)
})

test('a key that the database does not enforce is refused', async () => {
  await using db = await testDatabase()
  const client = await db.connect()
  await seedExample(client, { users: 30, restaurants: 10, visits: 200 })
  await client.query(
    'ALTER TABLE visit DROP CONSTRAINT visit_pkey; ALTER TABLE visit REPLICA IDENTITY FULL; INSERT INTO visit SELECT * FROM visit',
  )
  const { sync } = exampleSync(db.url)
  await using _ = sync
  const start = await within(10_000, sync.start())
  if (start !== 'done') return
  await expectExact(db, sync)
})

test('a temporary slot with handlers tells that changes were missed', async () => {
  await using db = await testDatabase()
  const client = await db.connect()
  await seedExample(client, { users: 30, restaurants: 10, visits: 200 })
  const seen: AnyChange[] = []
  const events: string[] = []
  const sync = createSync({
    schema,
    connection: db.url,
    slot: { durable: false },
    handlers: {
      Visit: {
        update: (change: AnyChange) => {
          seen.push(change)
        },
      },
    },
    onEvent: (event) => events.push(event.kind),
  })
  await using _ = sync
  await sync.start()
  await cutStream(db)
  await client.query('UPDATE visit SET amount_spent = 9 WHERE user_id = 1')
  await until(() => sync.status().reconnects > 0)
  await sync.ready()
  await client.query('UPDATE visit SET amount_spent = 10 WHERE user_id = 1')
  await sleep(1000)
  expect({
    state: sync.state,
    missed: seen.length < 14,
    told: events.includes('warning') || events.includes('failed'),
  }).toMatchObject({ told: true })
})

test('F20 a lost publication is noticed whatever client_min_messages the role has', async () => {
  await using db = await testDatabase()
  const client = await db.connect()
  await seedExample(client, { users: 30, restaurants: 10, visits: 200 })
  await client.query(`ALTER DATABASE ${db.name} SET client_min_messages = 'error'`)
  const { sync } = exampleSync(db.url)
  await using _ = sync
  await sync.start()
  await client.query('DROP PUBLICATION dbsync')
  await client.query('UPDATE visit SET amount_spent = 9')
  await client.query(
    'CREATE PUBLICATION dbsync FOR TABLE visit, users, restaurant WITH (publish_via_partition_root = true)',
  )
  await sleep(500)
  await sync.ready()
  await expectExact(db, sync)
})

test('a table with inheritance children is refused or followed', async () => {
  await using db = await testDatabase()
  const client = await db.connect()
  await seedExample(client, { users: 30, restaurants: 10, visits: 200 })
  await client.query(
    "CREATE TABLE old_visit (PRIMARY KEY (user_id, restaurant_id)) INHERITS (visit); INSERT INTO old_visit VALUES (1, 'r9', 5, 5)",
  )
  const { sync } = exampleSync(db.url)
  await using _ = sync
  const outcome = await within(10_000, sync.start())
  if (outcome !== 'done') return
  await client.query('UPDATE visit SET amount_spent = 9')
  await expectExact(db, sync)
})
