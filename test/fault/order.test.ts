import { createSync, type AnyChange, type Sync } from 'prisma-dbsync'
import { expect, test } from 'vitest'
import { lsn, parseLsn } from '../../src/core/lsn.ts'
import { Pipeline } from '../../src/engine/pipeline.ts'
import { schema } from '../../generated/dbsync/index.ts'
import { testDatabase, type TestDatabase } from '../support/database.ts'
import { sleep, until } from '../support/faults.ts'
import { firstColumns, rawStream } from '../support/raw-stream.ts'
import { exampleViews, expectExact } from '../support/views.ts'
import { seedExample } from '../support/workload.ts'

function noting(db: TestDatabase): {
  readonly sync: Sync<typeof exampleViews>
  readonly changes: AnyChange[]
} {
  const changes: AnyChange[] = []
  const sync = createSync({
    schema,
    connection: db.url,
    views: exampleViews,
    slot: { name: `s_${db.name}` },
    handlers: {
      Visit: {
        update: (change: AnyChange) => {
          changes.push(change)
        },
      },
    },
  })
  return { sync, changes }
}

const amounts = (changes: readonly AnyChange[]): number[] =>
  changes.map((change) => Number((change as { after: { amountSpent: unknown } }).after.amountSpent))

test('F33 a position that the server has not reached is never confirmed', async () => {
  await using db = await testDatabase({ schema: 'empty' })
  await db.query('CREATE TABLE item (id int PRIMARY KEY); CREATE PUBLICATION p FOR TABLE item')
  const slot = `s_${db.name}`
  await db.query("SELECT pg_create_logical_replication_slot($1, 'pgoutput')", [slot])
  const stream = await rawStream(db.url, slot, 'p')
  await db.query('INSERT INTO item VALUES (1)')
  await stream.until(1)
  stream.session.confirm(lsn(0xffff_0000_0000n))
  stream.session.sendStatus(true)
  await sleep(1_500)
  await stream.session.close()
  const [row] = await db.query<{ confirmed: string; now: string }>(
    'SELECT confirmed_flush_lsn::text AS confirmed, pg_current_wal_lsn()::text AS now FROM pg_replication_slots WHERE slot_name = $1',
    [slot],
  )
  expect(parseLsn(row?.confirmed ?? '') <= parseLsn(row?.now ?? '')).toBe(true)
  // The slot still has what comes.
  await db.query('INSERT INTO item VALUES (2)')
  const again = await rawStream(db.url, slot, 'p')
  await again.until(1)
  expect(again.transactions.flatMap(firstColumns)).toContain('2')
  await again.session.close()
})

test('F33 what was received counts at once, without waiting for the server to say so', async () => {
  await using db = await testDatabase({ schema: 'empty' })
  await db.query('CREATE TABLE item (id int PRIMARY KEY); CREATE PUBLICATION p FOR TABLE item')
  const slot = `s_${db.name}`
  await db.query("SELECT pg_create_logical_replication_slot($1, 'pgoutput')", [slot])
  const stream = await rawStream(db.url, slot, 'p', (transaction, session) => {
    session.confirm(transaction.endLsn)
    expect(session.confirmed).toBe(transaction.endLsn)
  })
  for (let id = 1; id <= 50; id += 1) await db.query('INSERT INTO item VALUES ($1)', [id])
  await stream.until(50)
  await stream.session.close()
  expect(await stream.session.closed).toBeNull()
})

test('F33 what only a lost server was heard to have does not count on the one that took over', async () => {
  const confirmed: bigint[] = []
  const pipeline = new Pipeline(
    { onStep() {}, onConfirm: (position) => confirmed.push(position), onProbeWanted() {}, onPause() {} },
    null,
  )
  pipeline.beginStream(lsn(100n))
  pipeline.onKeepalive(lsn(5_000n))
  expect(pipeline.position).toBe(5_000n)
  pipeline.leaveHistory()
  pipeline.beginSession()
  let isReached = false
  const reached = pipeline.waitFor(lsn(2_000n)).then(() => {
    isReached = true
  })
  pipeline.onKeepalive(lsn(1_000n))
  await Promise.resolve()
  expect({ position: pipeline.position, isReached, last: confirmed.at(-1) }).toEqual({
    position: 1_000n,
    isReached: false,
    last: 1_000n,
  })
  pipeline.onKeepalive(lsn(2_000n))
  await reached
})

test('F35 commit times that jump do not change the order, and the lag is never negative', async () => {
  await using db = await testDatabase()
  const client = await db.connect()
  await seedExample(client, { users: 4, restaurants: 4, visits: 10 })
  const { sync, changes } = noting(db)
  await using _ = sync
  await sync.start()
  // An origin gives its transactions the commit times that it says; the clocks of the two need not agree.
  const origin = `o_${db.name}`
  const writer = await db.connect()
  await writer.query('SELECT pg_replication_origin_create($1)', [origin])
  try {
    await writer.query('SELECT pg_replication_origin_session_setup($1)', [origin])
    const years = [2099, 2001, 2050, 1990, 2026]
    for (const [index, year] of years.entries()) {
      await writer.query('BEGIN')
      await writer.query(
        `UPDATE visit SET amount_spent = ${index + 1} WHERE user_id = 1 AND restaurant_id = 'r1'`,
      )
      await writer.query(
        `SELECT pg_replication_origin_xact_setup('0/${index + 1}', '${year}-01-01 00:00:00+00')`,
      )
      await writer.query('COMMIT')
      expect(sync.status().lagMs).toBeGreaterThanOrEqual(0)
    }
    await until(() => changes.length >= years.length)
    expect(amounts(changes)).toEqual([1, 2, 3, 4, 5])
    expect(changes.map(({ tx }) => tx.commitTime.getUTCFullYear())).toEqual(years)
    expect(changes.map(({ tx }) => tx.lsn)).toEqual(
      changes.map(({ tx }) => tx.lsn).toSorted((a, b) => (a < b ? -1 : 1)),
    )
    await expectExact(db, sync)
    expect(sync.status().lagMs).toBeGreaterThanOrEqual(0)
  } finally {
    await writer.query('SELECT pg_replication_origin_session_reset()')
    await writer.query('SELECT pg_replication_origin_drop($1)', [origin])
  }
})

test('F36 a transaction that began earlier and commits later comes later', async () => {
  await using db = await testDatabase()
  const client = await db.connect()
  await seedExample(client, { users: 4, restaurants: 4, visits: 10 })
  const { sync, changes } = noting(db)
  await using _ = sync
  await sync.start()
  const writers = await Promise.all([1, 2, 3].map(() => db.connect()))
  // Their xids are in the order of these statements, their commits in the opposite one.
  for (const [index, writer] of writers.entries())
    await writer.query(`BEGIN; UPDATE visit SET amount_spent = ${index + 1} WHERE user_id = ${index + 1}`)
  for (const writer of writers.toReversed()) await writer.query('COMMIT')
  await until(() => new Set(amounts(changes)).size >= 3)
  await sync.catchUp()
  const order = changes.filter(
    ({ tx }, index) => changes.findIndex((other) => other.tx.xid === tx.xid) === index,
  )
  expect(amounts(order)).toEqual([3, 2, 1])
  expect(order.map(({ tx }) => tx.xid)).toEqual(
    order.map(({ tx }) => tx.xid).toSorted((a, b) => (a > b ? -1 : 1)),
  )
  await expectExact(db, sync)
})
