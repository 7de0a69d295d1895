import type { SyncEvent } from 'prisma-dbsync'
import { expect, test } from 'vitest'
import { testDatabase, type TestDatabase } from '../support/database.ts'
import { EXAMPLE_TABLES, expectDerived, startReader } from '../support/derived-readers.ts'
import { cutStream, proxy, sleep, until } from '../support/faults.ts'
import { StoringInstance } from '../support/storing-instance.ts'
import { exampleSync } from '../support/views.ts'
import { seedVisits, startWriters } from '../support/workload.ts'

/** Slots are the server's, and it has many databases. */
const slotOf = (db: TestDatabase): string => `s_${db.name}`

/** An instance in this process. */
function instance(db: TestDatabase, url = db.url): ReturnType<typeof exampleSync> {
  return exampleSync(url, { tables: EXAMPLE_TABLES, slot: { name: slotOf(db) } })
}

const isWaiting = (events: readonly SyncEvent[], since = 0): boolean =>
  events.slice(since).some((event) => event.kind === 'waiting' && event.reason.includes('is using'))

const codes = (events: readonly SyncEvent[]): string[] =>
  events.flatMap((event) =>
    event.kind === 'warning' && event.code !== 'SLOT.UNBOUNDED_WAL' ? [event.code] : [],
  )

/** Who has the checkpoint, and where it stands. */
async function checkpoint(db: TestDatabase): Promise<{ epoch: number; lsn: string }> {
  const [row] = await db.query<{ epoch: number; lsn: string }>(
    'SELECT epoch::int, lsn::text FROM dbsync.checkpoint WHERE pipeline = $1',
    [slotOf(db)],
  )
  if (row === undefined) throw new Error('there is no checkpoint')
  return row
}

/** Resolves once the derived tables are what the views' SQL says, with nobody writing. */
async function untilDerived(db: TestDatabase): Promise<void> {
  await until(async () => {
    try {
      await expectDerived(db)
      return true
    } catch {
      return false
    }
  }, 30_000).catch(() => {})
  await expectDerived(db)
}

test('one instance streams, the other waits, and goes on when the first is closed', async () => {
  await using db = await testDatabase()
  await seedVisits(db)
  const [first, second] = [instance(db), instance(db)]
  await first.sync.start()
  let hasStarted = false
  const starting = second.sync.start().then(() => {
    hasStarted = true
  })
  await until(() => isWaiting(second.events))
  await db.query('UPDATE visit SET visit_rating = 2 WHERE user_id = 3')
  await first.sync.catchUp()
  expect({ hasStarted, state: second.sync.state }).toEqual({ hasStarted: false, state: 'connecting' })
  expect((await checkpoint(db)).epoch).toBe(1)
  const reader = await startReader(db)
  await first.sync.close()
  await starting
  await db.query('DELETE FROM visit WHERE user_id = 4')
  await second.sync.catchUp()
  expect((await reader.stop()).wrong).toEqual([])
  await expectDerived(db)
  expect((await checkpoint(db)).epoch).toBe(2)
  expect(codes(second.events)).toEqual([])
  await second.sync.close()
})

test('an instance that waits is closed without having written anything', async () => {
  await using db = await testDatabase()
  await seedVisits(db, 200)
  const [first, second] = [instance(db), instance(db)]
  await first.sync.start()
  const starting = second.sync.start().catch((error: unknown) => error)
  await until(() => isWaiting(second.events))
  await second.sync.close()
  expect(await starting).toMatchObject({ code: 'SYNC.CLOSED' })
  expect(await checkpoint(db)).toMatchObject({ epoch: 1 })
  await first.sync.close()
})

test('an instance that waits outlives the loss of its sessions, and takes over later', async () => {
  await using db = await testDatabase()
  await seedVisits(db, 200)
  const [first, second] = [instance(db), instance(db)]
  await first.sync.start()
  const starting = second.sync.start()
  await until(() => isWaiting(second.events))
  await db.query(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1 AND application_name LIKE 'dbsync %'
       AND pid NOT IN (SELECT active_pid FROM pg_replication_slots WHERE active_pid IS NOT NULL)`,
    [db.name],
  )
  await sleep(500)
  await first.sync.close()
  await starting
  await db.query('UPDATE visit SET visit_rating = 1')
  await second.sync.catchUp()
  await expectDerived(db)
  await second.sync.close()
})

test('a process that is killed is followed by the one that waits, and no change is lost', async () => {
  await using db = await testDatabase()
  await seedVisits(db)
  await using first = new StoringInstance(db.url, slotOf(db))
  await first.tells('started')
  await using second = new StoringInstance(db.url, slotOf(db))
  await second.tells('waiting')
  const reader = await startReader(db)
  const writers = startWriters(await Promise.all([db.connect(), db.connect()]), 11)
  await sleep(500)
  await first.kill()
  await second.tells('started')
  await writers.stop()
  await untilDerived(db)
  expect(second.told.filter((line) => line.startsWith('warning SLOT.M'))).toEqual([])
  expect((await reader.stop()).wrong).toEqual([])
  await second.close()
}, 60_000)

test('an instance that is cut off from the source waits for its successor, and takes over again when that is gone', async () => {
  await using db = await testDatabase()
  await seedVisits(db)
  const link = await proxy(db.url)
  const [first, second] = [instance(db, link.url), instance(db)]
  await first.sync.start()
  const starting = second.sync.start()
  await until(() => isWaiting(second.events))
  const since = first.events.length
  // Nothing listens there.
  link.retarget('postgresql://127.0.0.1:9')
  for (const one of link.links) one.reset()
  await starting
  link.retarget(db.url)
  await until(() => isWaiting(first.events, since), 30_000)
  await db.query('UPDATE visit SET visit_rating = 5 WHERE user_id < 30')
  await second.sync.catchUp()
  await expectDerived(db)
  await until(async () => {
    const [row] = await db.query<{ is: boolean }>(
      `SELECT confirmed_flush_lsn >= (SELECT lsn FROM dbsync.checkpoint) AS is FROM pg_replication_slots WHERE slot_name = $1`,
      [slotOf(db)],
    )
    return row?.is === true
  })
  await second.sync.close()
  await until(() => first.sync.state === 'live', 30_000)
  await db.query('UPDATE visit SET amount_spent = 3 WHERE user_id > 40')
  await first.sync.catchUp()
  await expectDerived(db)
  // Nobody has missed anything, and nobody is told so.
  expect({ first: codes(first.events.slice(since)), second: codes(second.events) }).toEqual({
    first: [],
    second: [],
  })
  await first.sync.close()
  link.close()
}, 60_000)

/** Ends the slot's connection of a process that stands still; the other one gets the slot. */
async function passSlot(db: TestDatabase, successor: StoringInstance): Promise<void> {
  await cutStream(db)
  await successor.tells('started')
}

test('a process that was stopped between two batches writes nothing of what it had received when it goes on', async () => {
  await using db = await testDatabase()
  await seedVisits(db)
  await using zombie = new StoringInstance(db.url, slotOf(db))
  await zombie.tells('started')
  await using second = new StoringInstance(db.url, slotOf(db))
  await second.tells('waiting')
  await untilDerived(db)
  zombie.freeze()
  // It lies in the zombie's socket when that goes on.
  await db.query('UPDATE visit SET amount_spent = 1 WHERE user_id = 1')
  await sleep(500)
  await passSlot(db, second)
  await db.query('UPDATE visit SET amount_spent = 2 WHERE user_id = 1')
  await untilDerived(db)
  const before = await checkpoint(db)
  const since = zombie.told.length
  zombie.thaw()
  await zombie.tells('warning STORE.FENCED', since)
  await zombie.tells('waiting', since)
  await expectDerived(db)
  expect(await checkpoint(db)).toEqual(before)
  // And as a standby it is as good as any.
  await second.close()
  await zombie.tells('store-rebuilt', since)
  await db.query('UPDATE visit SET amount_spent = 3 WHERE user_id = 1')
  await untilDerived(db)
  expect((await checkpoint(db)).epoch).toBe(before.epoch + 1)
}, 60_000)

test('a process that was stopped in the middle of a batch keeps nobody from taking over, and its batch leaves no trace', async () => {
  await using db = await testDatabase()
  await seedVisits(db)
  await using zombie = new StoringInstance(db.url, slotOf(db))
  await zombie.tells('started')
  await using second = new StoringInstance(db.url, slotOf(db))
  await second.tells('waiting')
  await untilDerived(db)
  const holder = await db.connect()
  await holder.query('BEGIN; SELECT 1 FROM derived.grand_total FOR UPDATE')
  await db.query('UPDATE visit SET amount_spent = 1')
  const batch = async (state: string): Promise<boolean> =>
    (
      await db.query(
        `SELECT 1 FROM pg_stat_activity WHERE datname = $1 AND application_name = 'dbsync store' AND ${state}`,
        [db.name],
      )
    ).length > 0
  await until(() => batch("wait_event_type = 'Lock'"))
  zombie.freeze()
  await holder.query('ROLLBACK')
  await until(() => batch("state = 'idle in transaction'"))
  await passSlot(db, second)
  await db.query('UPDATE visit SET amount_spent = 2')
  await untilDerived(db)
  const before = await checkpoint(db)
  const since = zombie.told.length
  zombie.thaw()
  await zombie.tells('warning STORE.FENCED', since)
  await zombie.tells('waiting', since)
  await expectDerived(db)
  expect(await checkpoint(db)).toEqual(before)
}, 60_000)

const HANDOVERS = process.env['SOAK'] === '1' ? 20 : 5

test(`${HANDOVERS} handovers of a rolling deploy under load lose nothing and apply nothing twice`, async () => {
  await using db = await testDatabase()
  await seedVisits(db)
  let current = instance(db)
  await current.sync.start()
  const reader = await startReader(db)
  for (let turn = 0; turn < HANDOVERS; turn += 1) {
    const next = instance(db)
    const starting = next.sync.start()
    const writers = startWriters(await Promise.all([db.connect(), db.connect()]), 100 + turn)
    await until(() => isWaiting(next.events))
    await sleep(100)
    await current.sync.close()
    await starting
    await until(() => next.sync.status().changes > 50, 60_000)
    await writers.stop()
    await next.sync.catchUp()
    await expectDerived(db)
    expect(codes(next.events)).toEqual([])
    current = next
  }
  expect((await checkpoint(db)).epoch).toBe(HANDOVERS + 1)
  await current.sync.close()
  const { wrong, looks } = await reader.stop()
  expect({ wrong, hasLooked: looks > HANDOVERS }).toEqual({ wrong: [], hasLooked: true })
}, 300_000)
