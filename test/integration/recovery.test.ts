import pg from 'pg'
import { expect, test } from 'vitest'
import { testDatabase, type TestDatabase } from '../support/database.ts'
import { cutStream, sleep, until } from '../support/faults.ts'
import { startEmbedded } from '../support/server.ts'
import { exampleSync, expectExact } from '../support/views.ts'
import { seedExample, startWriters } from '../support/workload.ts'

test('F08 after the stream is cut the old rows stay readable, and the tables are read anew', async () => {
  await using db = await testDatabase()
  const client = await db.connect()
  await seedExample(client, { users: 30, restaurants: 10, visits: 200 })
  const { sync, events } = exampleSync(db.url)
  await using _ = sync
  await sync.start()
  await sync.catchUp()
  const before = sync.views.restaurantRating.get('r1')
  const heard: unknown[] = []
  sync.views.restaurantRating.subscribe(({ changes }) => heard.push(...changes))
  await cutStream(db)
  await client.query("UPDATE visit SET amount_spent = amount_spent + 1 WHERE restaurant_id = 'r1'")
  await until(() => sync.state === 'reconnecting')
  expect(sync.views.restaurantRating.readiness).toBe('stale')
  expect(sync.views.restaurantRating.get('r1')).toBe(before)
  await sync.ready()
  await expectExact(db, sync)
  expect(sync.views.restaurantRating.readiness).toBe('live')
  // Subscribers are told what is different, once.
  expect(heard).toEqual([{ key: 'r1', before, after: sync.views.restaurantRating.get('r1') }])
  expect(
    events.some((event) => event.kind === 'reconnecting' && event.error.code === 'POSTGRES.CONNECTION_LOST'),
  ).toBe(true)
})

test('F08 a durable slot goes on where it was: nothing is read again', async () => {
  await using db = await testDatabase()
  const client = await db.connect()
  await seedExample(client, { users: 30, restaurants: 10, visits: 200 })
  const { sync, events } = exampleSync(db.url, { slot: { name: `s_${db.name}`, durable: true } })
  await using _ = sync
  await sync.start()
  const progress = events.filter((event) => event.kind === 'progress').length
  const writers = startWriters(await Promise.all([db.connect(), db.connect()]), 3)
  for (let round = 0; round < 4; round += 1) {
    await sleep(200)
    await cutStream(db)
    await until(() => sync.status().reconnects > round)
    await sync.ready()
  }
  await writers.stop()
  await expectExact(db, sync)
  expect(events.filter((event) => event.kind === 'progress')).toHaveLength(progress)
})

test('F08 a table being read survives the loss of its own session', async () => {
  await using db = await testDatabase()
  const client = await db.connect()
  await seedExample(client, { users: 3_000, restaurants: 100, visits: 100_000 })
  const { sync } = exampleSync(db.url)
  await using _ = sync
  const starting = sync.start()
  let isOver = false
  void starting.then(() => {
    isOver = true
  })
  let cuts = 0
  while (!isOver && cuts < 3) {
    const cut = await db.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${db.name}' AND application_name = 'dbsync snapshot'`,
    )
    cuts += cut.length
    await sleep(20)
  }
  await starting
  expect(cuts).toBeGreaterThan(0)
  await expectExact(db, sync)
})

test('F08 a stream that is lost while tables are read begins them anew', async () => {
  await using db = await testDatabase()
  const client = await db.connect()
  await seedExample(client, { users: 3_000, restaurants: 100, visits: 100_000 })
  const { sync, events } = exampleSync(db.url)
  await using _ = sync
  const starting = sync.start()
  await until(() => events.some((event) => event.kind === 'progress'))
  await cutStream(db)
  await starting
  await expectExact(db, sync)
  expect(sync.status().reconnects).toBe(1)
})

test('F01 F03 a server that restarts, and one that is killed, are waited for', async () => {
  const server = await startEmbedded()
  try {
    await using db = await testDatabase({ serverUrl: server.url })
    const client = await db.connect()
    await seedExample(client, { users: 30, restaurants: 10, visits: 200 })
    const { sync } = exampleSync(db.url, { slot: { name: 'restart', durable: true } })
    await using _ = sync
    await sync.start()
    const startMs = performance.now()
    await server.halt()
    expect(performance.now() - startMs).toBeLessThan(5_000)
    await until(() => sync.state === 'reconnecting')
    expect(sync.views.restaurantRating.get('r1')).toBeDefined()
    await server.start()
    await sync.ready()
    await using again = await reopen(db)
    await again.query('UPDATE visit SET amount_spent = 7')
    await expectExact(again, sync)
    await server.kill()
    await until(() => sync.state === 'reconnecting')
    await sleep(500)
    await server.start()
    await sync.ready()
    await using third = await reopen(db)
    await third.query('UPDATE visit SET amount_spent = 8')
    await expectExact(third, sync)
  } finally {
    await server.stop()
  }
})

test('F01 F06 a server under load shuts down at once, although the last commits are not proven visible', async () => {
  const server = await startEmbedded()
  try {
    await using db = await testDatabase({ serverUrl: server.url })
    const client = await db.connect()
    await seedExample(client, { users: 60, restaurants: 40, visits: 500 })
    const { sync } = exampleSync(db.url, { slot: { name: 'load', durable: true } })
    await using _ = sync
    await sync.start()
    const writers = startWriters(await Promise.all([1, 2, 3].map(() => db.connect())), 5)
    await sleep(700)
    const startMs = performance.now()
    await server.halt()
    expect(performance.now() - startMs).toBeLessThan(4_000)
    await writers.stop().catch(() => {})
    await server.start()
    await sync.ready()
    await using again = await reopen(db)
    await expectExact(again, sync)
  } finally {
    await server.stop()
  }
})

test('F15 a durable slot that is dropped is never silent: views are read anew with a warning', async () => {
  await using db = await testDatabase()
  const client = await db.connect()
  await seedExample(client, { users: 30, restaurants: 10, visits: 200 })
  const slot = `s_${db.name}`
  const { sync, events } = exampleSync(db.url, { slot: { name: slot, durable: true } })
  await using _ = sync
  await sync.start()
  await cutStream(db)
  for (let turn = 0; turn < 100; turn += 1) {
    const dropped = await client
      .query('SELECT pg_drop_replication_slot($1)', [slot])
      .then(() => true)
      .catch(() => false)
    if (dropped) break
  }
  await client.query('UPDATE visit SET amount_spent = 9')
  await until(() => sync.status().reconnects > 0)
  await sync.ready()
  await expectExact(db, sync)
  expect(events.filter((event) => event.kind === 'warning').map(({ code }) => code)).toContain('SLOT.MISSING')
})

test('F20 a publication that is dropped and made anew is never silent', async () => {
  await using db = await testDatabase()
  const client = await db.connect()
  await seedExample(client, { users: 30, restaurants: 10, visits: 200 })
  const { sync } = exampleSync(db.url, { slot: { name: `s_${db.name}`, durable: true } })
  await using _ = sync
  await sync.start()
  await client.query('DROP PUBLICATION dbsync')
  await client.query('UPDATE visit SET amount_spent = 9')
  await until(() => sync.status().reconnects > 0)
  await sync.ready()
  await client.query('UPDATE visit SET amount_spent = 10 WHERE user_id = 1')
  await expectExact(db, sync)
})

/** The database again after its server came back; the former handle's connections are gone. */
async function reopen(db: TestDatabase): Promise<TestDatabase> {
  const clients: pg.Client[] = []
  const connect = async (): Promise<pg.Client> => {
    const client = new pg.Client({ connectionString: db.url })
    client.on('error', () => {})
    await client.connect()
    clients.push(client)
    return client
  }
  const main = await connect()
  return {
    ...db,
    connect,
    async query<Row extends pg.QueryResultRow>(sql: string, values?: unknown[]) {
      return (await main.query<Row>(sql, values)).rows
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(clients.map((client) => client.end().catch(() => {})))
    },
  }
}
