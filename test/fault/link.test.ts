import { createSync, type AnyChange, type Sync } from 'prisma-dbsync'
import { expect, test } from 'vitest'
import { RawSession } from '../../src/postgres/raw-session.ts'
import { schema } from '../../generated/dbsync/index.ts'
import { testDatabase, type TestDatabase } from '../support/database.ts'
import { proxy, sleep, until, within } from '../support/faults.ts'
import { startEmbedded } from '../support/server.ts'
import { connect } from '../support/standby.ts'
import { exampleSync, exampleViews, expectExact } from '../support/views.ts'
import { seedExample } from '../support/workload.ts'

/** A sync with views, and handlers that note the amounts they were told; over a durable slot. */
function handling(
  db: TestDatabase,
  url: string,
): {
  readonly sync: Sync<typeof exampleViews>
  readonly amounts: number[]
  readonly codes: string[]
} {
  const amounts: number[] = []
  const codes: string[] = []
  const update = (change: AnyChange): void => {
    if (change.op === 'update') amounts.push(Number((change.after as { amountSpent: unknown }).amountSpent))
  }
  const sync = createSync({
    schema,
    connection: url,
    views: exampleViews,
    slot: { name: `s_${db.name}`, waitMs: 30_000 },
    handlers: { Visit: { update } },
    onEvent: (event) => {
      if (event.kind === 'reconnecting') codes.push(event.error.code)
    },
  })
  return { sync, amounts, codes }
}

const SET = "UPDATE visit SET amount_spent = $1 WHERE user_id = 1 AND restaurant_id = 'r1'"

test.concurrent('F04 a connection that is reset, again and again: every change is handled, in order', async () => {
  await using db = await testDatabase()
  const client = await db.connect()
  await seedExample(client, { users: 30, restaurants: 10, visits: 200 })
  const link = await proxy(db.url)
  const { sync, amounts, codes } = handling(db, link.url)
  try {
    await sync.start()
    for (let round = 1; round <= 3; round += 1) {
      for (let turn = 0; turn < 10; turn += 1) {
        await client.query(SET, [round * 100 + turn])
        if (turn === 5) for (const one of link.links) one.reset()
      }
      await until(() => sync.status().reconnects >= round)
      await sync.ready()
    }
    await until(() => amounts.includes(309))
    await expectExact(db, sync)
    const first = amounts.filter((amount, index) => amounts.indexOf(amount) === index)
    expect(first).toEqual(
      [1, 2, 3].flatMap((round) => Array.from({ length: 10 }, (_, turn) => round * 100 + turn)),
    )
    expect([...new Set(codes)]).toEqual(['POSTGRES.CONNECTION_LOST'])
  } finally {
    await within(10_000, sync.close())
    link.close()
  }
})

test.concurrent('F05 F09 a half-open link is noticed by its silence, and the slot is waited for until the server notices too', async () => {
  await using db = await testDatabase()
  const client = await db.connect()
  await seedExample(client, { users: 30, restaurants: 10, visits: 200 })
  // The silence that is allowed is twice this, and at least ten seconds.
  await db.query(`ALTER ROLE CURRENT_USER IN DATABASE ${db.name} SET wal_sender_timeout = '4s'`)
  const link = await proxy(db.url)
  const { sync, amounts, codes } = handling(db, link.url)
  try {
    await sync.start()
    await client.query(SET, [1])
    await until(() => amounts.includes(1))
    for (const one of link.links) if (one.name === 'dbsync replication') one.freeze()
    await client.query(SET, [2])
    await until(() => sync.state === 'reconnecting', 25_000)
    await sync.ready()
    await client.query(SET, [3])
    await until(() => amounts.includes(3))
    expect(amounts.filter((amount, index) => amounts.indexOf(amount) === index)).toEqual([1, 2, 3])
    expect(codes).toEqual(['POSTGRES.CONNECTION_LOST'])
    await expectExact(db, sync)
  } finally {
    await within(10_000, sync.close())
    link.close()
  }
})

test.concurrent('F05 a link that dies in the middle of a chunk ends the session instead of waiting for ever', async () => {
  await using db = await testDatabase()
  const link = await proxy(db.url)
  const session = await RawSession.connect(link.url, 'snapshot', false)
  try {
    // While bytes come there is no silence, however long it takes.
    const slow = 'SELECT pg_sleep(0.3) FROM generate_series(1, 5)'
    expect((await session.query(`COPY (${slow}) TO STDOUT; SELECT 1`, 20_000)).at(-1)?.rows).toEqual([['1']])
    const asked = session.query(
      "COPY (SELECT repeat('x', 100) FROM pg_class a, pg_class b, pg_class c) TO STDOUT",
      3_000,
    )
    asked.catch(() => {})
    await until(() => (link.links[0]?.down ?? 0) > 100_000)
    link.links[0]?.freeze()
    expect(await within(20_000, asked)).toBe('POSTGRES.CONNECTION_LOST')
    expect((await session.closed)?.message).toMatch(/snapshot connection was lost: no answer came for 3 s/)
  } finally {
    await session.close()
    link.close()
  }
})

test.concurrent(
  'F05 tables whose session dies without a word are read over another one',
  { skip: process.env['SOAK'] !== '1' },
  async () => {
    await using db = await testDatabase()
    const client = await db.connect()
    await seedExample(client, { users: 3_000, restaurants: 100, visits: 100_000 })
    const link = await proxy(db.url)
    const { sync, events } = exampleSync(link.url)
    try {
      let isFrozen = false
      link.onDown = (one) => {
        if (isFrozen || one.name !== 'dbsync snapshot' || one.down < 200_000) return
        isFrozen = true
        one.freeze()
      }
      const outcome = await within(150_000, sync.start())
      expect({ outcome, isFrozen }).toEqual({ outcome: 'done', isFrozen: true })
      await expectExact(db, sync)
      expect(
        events.some(
          (event) => event.kind === 'chunk-retry' && event.error.code === 'POSTGRES.CONNECTION_LOST',
        ),
      ).toBe(true)
    } finally {
      await within(10_000, sync.close())
      link.close()
    }
  },
)

test.concurrent('F08 F09 a second instance is refused while the first one lives, and takes over from where that was', async () => {
  await using db = await testDatabase()
  const client = await db.connect()
  await seedExample(client, { users: 30, restaurants: 10, visits: 200 })
  const first = handling(db, db.url)
  const second = handling(db, db.url)
  try {
    await first.sync.start()
    await client.query(SET, [1])
    await until(() => first.amounts.includes(1))
    const starting = second.sync.start()
    starting.catch(() => {})
    await sleep(500)
    expect({ state: first.sync.state, amounts: second.amounts }).toEqual({ state: 'live', amounts: [] })
    await first.sync.close()
    await client.query(SET, [2])
    await starting
    await until(() => second.amounts.includes(2))
    await expectExact(db, second.sync)
    // A change that both were told of may be; one that neither was may not.
    expect([...new Set([...first.amounts, ...second.amounts])]).toEqual([1, 2])
  } finally {
    await within(10_000, first.sync.close())
    await within(10_000, second.sync.close())
  }
})

test.concurrent('F02 a backend that is killed takes every session with it; the sync comes back and misses nothing', async () => {
  const server = await startEmbedded()
  try {
    await using db = await testDatabase({ serverUrl: server.url })
    const client = await db.connect()
    await seedExample(client, { users: 30, restaurants: 10, visits: 200 })
    const { sync, amounts, codes } = handling(db, db.url)
    await using _ = sync
    await sync.start()
    await client.query(SET, [1])
    await until(() => amounts.includes(1))
    const [victim] = await db.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')
    process.kill(victim?.pid ?? 0, 'SIGKILL')
    await until(() => sync.state === 'reconnecting')
    let writer = await connect(db.url).catch(() => null)
    await until(async () => {
      writer ??= await connect(db.url).catch(() => null)
      return writer !== null
    }, 30_000)
    await writer?.query(SET, [2])
    await sync.ready()
    await until(() => amounts.includes(2))
    await expectExact({ ...db, connect: () => connect(db.url) }, sync)
    expect(amounts.filter((amount, index) => amounts.indexOf(amount) === index)).toEqual([1, 2])
    expect(codes).not.toContain('INTERNAL.INVARIANT')
    await writer?.end()
  } finally {
    await server.stop()
  }
}, 90_000)
