import type { AnyChange } from 'prisma-dbsync'
import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { readSnapshot } from '../../src/snapshot/read-snapshot.ts'
import { testDatabase } from '../support/database.ts'
import { until } from '../support/faults.ts'
import { hang, holdCommits, localClient } from '../support/held-commits.ts'
import { TestLine } from '../support/line.ts'
import { startEmbedded, type OwnServer } from '../support/server.ts'
import { exampleSync, expectExact } from '../support/views.ts'
import { seedExample } from '../support/workload.ts'
import { setNextXid } from '../support/xid-epoch.ts'

/*
 * A server whose transaction ids have gone round three times and are about to go round once more. The stream tells their
 * low 32 bits, snapshots tell all 64.
 */
const EPOCH = 3n
const END_OF_EPOCH = (EPOCH + 1n) << 32n
/** As many as the tests before the last one may take. */
const LEFT = 5_000n

let server: OwnServer

beforeAll(async () => {
  server = await startEmbedded(['-c', 'autovacuum=off'])
  for (const database of ['postgres', 'template1']) {
    const url = new URL(server.url)
    url.pathname = `/${database}`
    const client = new pg.Client({ connectionString: url.href })
    await client.connect()
    await client.query('VACUUM (FREEZE)')
    await client.end()
  }
  await server.halt()
  await setNextXid(server.dataDir, END_OF_EPOCH - LEFT)
  await server.start()
})

afterAll(async () => {
  await server.stop()
})

const HELD_UPDATE = "UPDATE visit SET amount_spent = 4711 WHERE restaurant_id = 'r1'"

/** Reads the tables while a delivered commit is invisible; what differs in the end. */
async function mergeUnderHeldCommit(without: 'nothing' | 'epoch'): Promise<string[]> {
  await using db = await testDatabase({ serverUrl: server.url })
  const observer = await localClient(db)
  await seedExample(observer, { users: 20, restaurants: 9, visits: 100 })
  await using line = await TestLine.open(db)
  await using held = await holdCommits(observer)
  const { ended } = await hang(db, observer, HELD_UPDATE)
  await line.delivered(1)
  await line.hydrate(without)
  await held.release()
  await ended
  return await line.differences()
}

test('a chunk that does not see a delivered commit is exact in a later epoch', async () => {
  expect(await mergeUnderHeldCommit('nothing')).toEqual([])
})

test('a merge that takes 32 bits for the whole transaction id loses that commit', async () => {
  expect(await mergeUnderHeldCommit('epoch')).not.toEqual([])
})

test('what is invisible in a later epoch is neither settled nor confirmed', async () => {
  await using db = await testDatabase({ serverUrl: server.url })
  const observer = await localClient(db)
  await seedExample(observer, { users: 2, restaurants: 2, visits: 4 })
  await using line = await TestLine.open(db)
  await using held = await holdCommits(observer)
  const { ended } = await hang(db, observer, HELD_UPDATE)
  await line.delivered(1)
  await observer.query("UPDATE users SET address = 'a'")
  await line.delivered(2)
  await line.settle()
  expect(line.pipeline.unsettled.size).toBe(1)
  expect(line.confirmed).toBe(line.pipeline.unsettled.all()[0]?.commitLsn)
  await held.release()
  await ended
  await line.settle()
  expect(line.pipeline.unsettled.size).toBe(0)
})

test('handlers are told the whole transaction id, and views stay exact', async () => {
  await using db = await testDatabase({ serverUrl: server.url })
  const client = await db.connect()
  await seedExample(client, { users: 30, restaurants: 10, visits: 200 })
  const told: bigint[] = []
  const { sync } = exampleSync(db.url, {
    slot: { name: `s_${db.name}` },
    handlers: { Visit: { update: ({ tx }: AnyChange) => void told.push(tx.xid) } },
  })
  await using _ = sync
  await sync.start()
  await client.query("BEGIN; UPDATE visit SET visit_rating = 3 WHERE user_id = 1 AND restaurant_id = 'r1'")
  const { rows } = await client.query<{ id: string }>('SELECT pg_current_xact_id()::text AS id')
  await client.query('COMMIT')
  await expectExact(db, sync)
  await until(() => told.length > 0)
  expect(told).toEqual([BigInt(rows[0]?.id ?? 0)])
  expect((told[0] ?? 0n) >> 32n).toBe(EPOCH)
})

/** Uses up transaction ids until `left` of the epoch are left. */
async function approachTurn(client: pg.ClientBase, left: bigint): Promise<void> {
  const next = async (): Promise<bigint> => {
    const { rows } = await client.query<{ id: string }>('SELECT pg_current_xact_id()::text AS id')
    return BigInt(rows[0]?.id ?? 0) + 1n
  }
  const count = END_OF_EPOCH - left - (await next())
  await client.query(
    `DO $$ BEGIN FOR i IN 1..${count} LOOP PERFORM pg_current_xact_id(); COMMIT; END LOOP; END $$`,
  )
}

test('chunks before and after the turn of an epoch are exact: what they do not see lies on both sides of it', async () => {
  await using db = await testDatabase({ serverUrl: server.url })
  const observer = await localClient(db)
  await seedExample(observer, { users: 20, restaurants: 9, visits: 100 })
  await using before = await TestLine.open(db)
  await using after = await TestLine.open(db, { slot: `after_${db.name}` })
  await approachTurn(observer, 3n)
  await using held = await holdCommits(observer)
  const ended: Promise<unknown>[] = []
  for (const user of [1, 2, 3, 4, 5, 6]) {
    const hung = await hang(db, observer, `UPDATE visit SET amount_spent = 4711 WHERE user_id = ${user}`)
    ended.push(hung.ended)
  }
  await Promise.all([before.delivered(6), after.delivered(6)])
  const low = before.pipeline.unsettled.all().map(({ xid }) => xid as number)
  expect([Math.min(...low), Math.max(...low)]).toEqual([3, 2 ** 32 - 1])
  expect((await readSnapshot(before.control)).xmax).toBeLessThan(END_OF_EPOCH)
  await before.hydrate()
  await observer.query("UPDATE users SET address = 'after the turn'")
  expect((await readSnapshot(after.control)).xmax).toBeGreaterThan(END_OF_EPOCH)
  await after.hydrate()
  await held.release()
  await Promise.all(ended)
  for (const line of [before, after]) {
    expect(await line.differences()).toEqual([])
    await line.settle()
    expect(line.pipeline.unsettled.size).toBe(0)
  }
})
