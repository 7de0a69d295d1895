import { createSync } from 'prisma-dbsync'
import { expect, test } from 'vitest'
import { schema } from '../../generated/dbsync/index.ts'
import { testDatabase } from '../support/database.ts'
import { exampleSync, expectExact } from '../support/views.ts'
import { seedExample } from '../support/workload.ts'
import { cutStream, proxy, sessions, sleep, until, within } from '../support/faults.ts'

test('a reconnect of a temporary slot leaves no snapshot session', async () => {
  await using db = await testDatabase()
  const client = await db.connect()
  await seedExample(client, { users: 30, restaurants: 10, visits: 200 })
  const { sync } = exampleSync(db.url)
  await sync.start()
  for (let round = 1; round <= 3; round += 1) {
    await cutStream(db)
    await until(() => sync.status().reconnects === round)
    await sync.ready()
  }
  // The server's side of a session that was closed ends a moment later.
  await until(async () => (await sessions(db, 'snapshot')) === 0)
  await sync.close()
  await sleep(300)
  expect(await sessions(db, 'snapshot')).toBe(0)
})

test('a stream lost while tables are read leaves no second reader behind', async () => {
  await using db = await testDatabase()
  const client = await db.connect()
  await seedExample(client, { users: 3_000, restaurants: 100, visits: 100_000 })
  const { sync, events } = exampleSync(db.url)
  const starting = sync.start()
  await until(() => events.some((event) => event.kind === 'progress'))
  await cutStream(db)
  let most = 0
  let over = false
  void starting.then(() => {
    over = true
  })
  while (!over) {
    most = Math.max(most, await sessions(db, 'snapshot'))
    await sleep(5)
  }
  await expectExact(db, sync)
  await sleep(300)
  const live = await sessions(db, 'snapshot')
  await sync.close()
  await sleep(300)
  expect({ most, live, left: await sessions(db, 'snapshot') }).toEqual({ most: 1, live: 0, left: 0 })
})

test('F08 an error that the walsender reports in mid-stream is noticed at once', async () => {
  await using db = await testDatabase()
  const client = await db.connect()
  await seedExample(client, { users: 30, restaurants: 10, visits: 200 })
  const { sync } = exampleSync(db.url, { slot: { name: `s_${db.name}`, durable: true } })
  await using _ = sync
  await sync.start()
  await sync.catchUp()
  await db.query(
    `SELECT pg_cancel_backend(active_pid) FROM pg_replication_slots WHERE database = '${db.name}' AND active`,
  )
  await sleep(200)
  await client.query('UPDATE visit SET amount_spent = 9')
  const outcome = await within(12_000, sync.catchUp())
  expect({ outcome, state: sync.state, reconnects: sync.status().reconnects }).toEqual({
    outcome: 'done',
    state: 'live',
    reconnects: 1,
  })
})

test('a control session that is lost during the checks of a reconnect is a reconnect, not a bug', async () => {
  await using db = await testDatabase()
  const client = await db.connect()
  await seedExample(client, { users: 30, restaurants: 10, visits: 200 })
  const { sync, events } = exampleSync(db.url, { slot: { name: `s_${db.name}`, durable: true } })
  await using _ = sync
  await sync.start()
  const holder = await db.connect()
  await holder.query('BEGIN; LOCK TABLE pg_catalog.pg_publication IN ACCESS EXCLUSIVE MODE')
  await cutStream(db)
  await until(async () => {
    const [row] = await db.query<{ n: number }>(
      `SELECT count(pg_terminate_backend(pid))::int AS n FROM pg_stat_activity WHERE datname = '${db.name}' AND application_name = 'dbsync control' AND wait_event_type = 'Lock'`,
    )
    return row?.n === 1
  })
  await holder.query('ROLLBACK')
  await until(() => sync.state === 'live' || sync.state === 'failed')
  expect([
    sync.state,
    events
      .filter((event) => event.kind === 'failed')
      .map((event) => `${event.error.code} ${event.error.message}`),
  ]).toEqual(['live', []])
})

test('close does not wait for a lock that start waits for', async () => {
  await using db = await testDatabase()
  const holder = await db.connect()
  await holder.query('BEGIN; LOCK TABLE visit IN SHARE UPDATE EXCLUSIVE MODE')
  const { sync, events } = exampleSync(db.url)
  const starting = sync.start()
  starting.catch(() => {})
  await sleep(1500)
  const heard = events.filter((event) => event.kind === 'waiting').length
  const closed = await within(6_000, sync.close())
  await holder.query('ROLLBACK')
  await within(3000, sync.close())
  expect({ closed }).toEqual({ closed: 'done' })
  void heard
})

test('several syncs start at once on a fresh database', async () => {
  await using db = await testDatabase()
  const client = await db.connect()
  await seedExample(client, { users: 3, restaurants: 3, visits: 5 })
  const syncs = [0, 1, 2, 3].map(() => exampleSync(db.url).sync)
  const outcomes = await Promise.all(syncs.map((sync) => within(20_000, sync.start())))
  await Promise.all(syncs.map((sync) => sync.close()))
  expect(outcomes).toEqual(['done', 'done', 'done', 'done'])
})

test('a sync that is closed while its first stream begins leaves nothing that keeps the process alive', async () => {
  await using db = await testDatabase()
  const slot = `s_${db.name}`
  await db.query('CREATE PUBLICATION dbsync FOR TABLE users, restaurant, visit')
  await db.query('SELECT pg_create_logical_replication_slot($1, $2)', [slot, 'pgoutput'])
  await db.query("INSERT INTO restaurant (id, name) VALUES ('r1', 'One')")
  const link = await proxy(db.url)
  const timers = (): number => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length
  const before = timers()
  let [isStarted, isHeld, isAnswered] = [false, false, false]
  link.onUp = async (_, chunk) => {
    isStarted ||= chunk.includes('START_REPLICATION')
    // The question whether the slot is ours waits until somebody closes the sync.
    if (!isStarted || isHeld || !chunk.includes('pg_replication_slots')) return
    isHeld = true
    await until(() => closing !== null)
    isAnswered = true
  }
  let closing: Promise<void> | null = null
  const sync = createSync({
    schema,
    connection: link.url,
    slot: { name: slot },
    handlers: {
      Restaurant: {
        insert: async () => {
          await until(() => isHeld)
          closing = sync.close()
          // The closing waits for it, while the answer comes.
          await sleep(500)
        },
      },
    },
  })
  await within(5_000, sync.start())
  await until(() => sync.state === 'closed')
  await closing
  link.close()
  expect(isAnswered).toBe(true)
  await until(() => timers() <= before, 3_000)
})
