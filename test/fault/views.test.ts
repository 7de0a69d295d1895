import { createSync, defineView, eq, sum } from 'prisma-dbsync'
import { expect, test } from 'vitest'
import { schema, User, Visit } from '../../generated/dbsync/index.ts'
import { testDatabase } from '../support/database.ts'
import { exampleSync } from '../support/views.ts'
import { seedExample } from '../support/workload.ts'
import { cutStream, sleep, until, within } from '../support/faults.ts'

const wide = defineView('wide', (q) =>
  q
    .from({ a: User })
    .innerJoin({ b: Visit }, ({ a, b }) => eq(a.firstName, b.restaurantId))
    .groupBy(({ a }) => [a.firstName])
    .select(({ a, b }) => ({ id: a.firstName, total: sum(b.visitRating) })),
)

test('a view that failed while somebody listens does not stop the others from coming back', async () => {
  await using db = await testDatabase()
  const client = await db.connect()
  await client.query(`INSERT INTO restaurant (id, name) VALUES ('r', 'r');
    INSERT INTO users (first_name, user_name, email) SELECT 'r', 'x', i::text FROM generate_series(1, 2060) i;
    INSERT INTO visit SELECT i, 'r', 1, 2147483647 FROM generate_series(1, 2030) i`)
  const unhandled: unknown[] = []
  const note = (error: unknown): void => {
    unhandled.push(error)
  }
  const former = process.listeners('unhandledRejection')
  process.removeAllListeners('unhandledRejection')
  process.on('unhandledRejection', note)
  const events: string[] = []
  const sync = createSync({
    schema,
    connection: db.url,
    views: { wide },
    onEvent: (e) => events.push(e.kind === 'state' ? e.state : e.kind),
  })
  try {
    await sync.start()
    sync.views.wide.subscribe(() => {})
    await client.query("INSERT INTO visit SELECT i, 'r', 1, 2147483647 FROM generate_series(2031, 2058) i")
    await until(() => events.includes('view-failed'))
    await cutStream(db)
    await until(() => events.includes('reconnecting'))
    let status = 'ok'
    const poll = setInterval(() => {
      try {
        sync.status()
      } catch (error) {
        status = String(error)
      }
    }, 5)
    const ready = await within(15_000, sync.ready())
    clearInterval(poll)
    expect({ ready, status, unhandled: unhandled.map(String), state: sync.state }).toEqual({
      ready: 'done',
      status: 'ok',
      unhandled: [],
      state: 'live',
    })
  } finally {
    await sync.close()
    process.removeListener('unhandledRejection', note)
    for (const listener of former) process.on('unhandledRejection', listener)
  }
})

test('all views come back together: a listener of one sees the others at the same position', async () => {
  await using db = await testDatabase()
  const client = await db.connect()
  await seedExample(client, { users: 30, restaurants: 10, visits: 200 })
  const { sync } = exampleSync(db.url)
  await using _ = sync
  await sync.start()
  const pairs: string[] = []
  sync.views.restaurantRating.subscribe(() => {
    const a = [...sync.views.restaurantRating.rows()].reduce((s, r) => s + Number(r.spent ?? 0), 0)
    pairs.push(`${a.toFixed(2)} ${Number(sync.views.grandTotal.get()?.spent).toFixed(2)}`)
  })
  await cutStream(db)
  await client.query('UPDATE visit SET amount_spent = amount_spent + 1')
  await until(() => sync.status().reconnects === 1)
  await sync.ready()
  await sleep(100)
  for (const pair of pairs) {
    const [a, b] = pair.split(' ')
    expect(a).toBe(b)
  }
  expect(pairs.length).toBeGreaterThan(0)
})

test('two pending reads of one feed are both answered', async () => {
  await using db = await testDatabase()
  const client = await db.connect()
  await seedExample(client, { users: 30, restaurants: 10, visits: 200 })
  const { sync } = exampleSync(db.url)
  await using _ = sync
  await sync.start()
  const feed = sync.views.grandTotal.changes()[Symbol.asyncIterator]()
  const reads = [feed.next(), feed.next()]
  await client.query('UPDATE visit SET amount_spent = amount_spent + 1')
  await sync.catchUp()
  await client.query('UPDATE visit SET amount_spent = amount_spent + 1')
  await sync.catchUp()
  expect(await Promise.all(reads.map((read) => within(1000, read)))).toEqual(['done', 'done'])
})
