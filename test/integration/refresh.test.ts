import { createSync, type RefreshProgress, type SyncEvent } from 'prisma-dbsync'
import { expect, test } from 'vitest'
import { Restaurant, schema, User, Visit } from '../../generated/dbsync/index.ts'
import { ChunkWriter } from '../../src/changes/chunk-writer.ts'
import { testDatabase, type TestDatabase } from '../support/database.ts'
import { cutStream, sleep, until, within } from '../support/faults.ts'
import { TestLine } from '../support/line.ts'
import { exampleSync, exampleViews, expectExact } from '../support/views.ts'
import { seedVisits, startWriters } from '../support/workload.ts'

/** A line over the seeded example whose visits are wrong in three ways: one lacks, one differs, one is not in the database. */
async function damagedLine(db: TestDatabase): Promise<TestLine> {
  await seedVisits(db)
  const line = await TestLine.open(db)
  await line.hydrate()
  const visits = line.replica.table('Visit')?.table
  if (visits === undefined) throw new Error('no view reads visits')
  const fields = visits.columns.map(({ contract }) => contract.field)
  const put = (row: Readonly<Record<string, string>>): void => {
    const text = Buffer.from(fields.map((field) => row[field] ?? '\\N').join('\t'))
    new ChunkWriter(visits).write(text, 0, text.length)
  }
  const lost = [...visits.slots()].find((slot) => visits.column('userId').value(slot) === 7)
  if (lost === undefined) throw new Error('nobody has number 7')
  visits.remove(lost)
  put({ userId: '7', restaurantId: 'r3', amountSpent: '12345.00', visitRating: '1' })
  put({ userId: '8', restaurantId: 'r999', amountSpent: '99999.00', visitRating: '1' })
  expect((await line.differences()).length).toBeGreaterThan(0)
  return line
}

test.for([
  ['of the whole table', {}],
  ['of a range of keys', { from: { userId: 7 }, to: { userId: 8, restaurantId: 'r999' } }],
  ['from a key on', { from: { userId: 6, restaurantId: 'r1' } }],
  ['up to a key', { to: { userId: 8 } }],
  ['of what a condition selects', { where: 'user_id IN (7, 8) -- and no others' }],
] as const)('a refresh %s mends rows that lack, differ or are too many', async ([, options]) => {
  await using db = await testDatabase()
  await using line = await damagedLine(db)
  const { rows } = await line.refresh('Visit', options)
  expect(rows).toBeGreaterThan(0)
  expect(await line.differences()).toEqual([])
})

test('chunks whose watermarks will never come are read again', async () => {
  await using db = await testDatabase()
  await using line = await damagedLine(db)
  // As after a failover: the chunk was read on the server that is gone, and its watermark is not in the new history.
  let dropped = 0
  line.onWatermark = () => {
    dropped += 1
  }
  const refresh = line.refresh('Visit')
  await until(() => dropped > 0)
  line.onWatermark = (seen) => seen()
  line.readAgain()
  expect(await within(10_000, Promise.resolve(refresh))).toBe('done')
  expect(await line.differences()).toEqual([])
})

test('a refresh of keys mends these and leaves the others alone', async () => {
  await using db = await testDatabase()
  await using line = await damagedLine(db)
  await line.refresh('Visit', { keys: [{ userId: 8, restaurantId: 'r999' }] })
  const left = await line.differences()
  expect(left.length).toBeGreaterThan(0)
  expect(left.join()).not.toContain('r999')
  const rest = Array.from({ length: 40 }, (_, index) => ({ userId: 7, restaurantId: `r${index + 1}` }))
  await line.refresh('Visit', { keys: rest })
  expect(await line.differences()).toEqual([])
})

test('a refresh of another range leaves ghosts where they are', async () => {
  await using db = await testDatabase()
  await using line = await damagedLine(db)
  await line.refresh('Visit', { from: { userId: 9 } })
  expect((await line.differences()).length).toBeGreaterThan(0)
})

test('views stay exact while tables are refreshed under writers, paused and resumed', async () => {
  await using db = await testDatabase()
  await seedVisits(db)
  const { sync, events } = exampleSync(db.url)
  await sync.start()
  const writers = startWriters(await Promise.all([db.connect(), db.connect(), db.connect()]), 20_261_122)
  for (let turn = 0; turn < 6; turn += 1) {
    const all = sync.refresh(undefined, { rowsPerSecond: 4_000 })
    const some = sync.refresh(Visit, { from: { userId: 10 }, to: { userId: 30 } })
    await sleep(50)
    all.pause()
    await some
    all.resume()
    all.throttle(null)
    await all
  }
  expect(await writers.stop()).toBeGreaterThan(10)
  await expectExact(db, sync)
  expect(sync.status().refreshes).toEqual([])
  await sync.close()
  const { progress } = refreshEvents(events).at(-1) ?? {}
  expect(progress).toMatchObject({ state: 'done', models: ['Restaurant', 'Visit', 'User'], etaMs: 0 })
})

function refreshEvents(events: readonly SyncEvent[]): { readonly progress: RefreshProgress }[] {
  return events.filter((event) => event.kind === 'refresh')
}

test('a refresh tells how far it is, how fast, and how long the rest takes', async () => {
  await using db = await testDatabase()
  await seedVisits(db)
  const { sync, events } = exampleSync(db.url)
  await sync.start()
  const refresh = sync.refresh(Visit, { rowsPerSecond: 4_000 })
  const startMs = performance.now()
  const { id, rows } = await refresh
  // 2 000 rows at 4 000 a second; the last of the chunks need not be waited for.
  expect(performance.now() - startMs).toBeGreaterThan(250)
  expect(rows).toBe(2_000)
  const told = refreshEvents(events).map(({ progress }) => progress)
  expect(new Set(told.map((progress) => progress.id))).toEqual(new Set([id]))
  const reading = told.filter(({ state, rows: read }) => state === 'reading' && read > 0 && read < 2_000)
  expect(reading.length).toBeGreaterThan(0)
  for (const progress of reading) {
    expect(progress.estimatedRows).toBe(2_000)
    expect(progress.rowsPerSecond).toBeGreaterThan(0)
    expect(progress.etaMs).toBeGreaterThan(0)
  }
  await sync.close()
})

test('a paused refresh reads nothing, holds nothing back, and goes on where it was', async () => {
  await using db = await testDatabase()
  await seedVisits(db)
  const { sync } = exampleSync(db.url)
  await sync.start()
  const refresh = sync.refresh(Visit, { rowsPerSecond: 1_000 })
  await until(() => refresh.progress.rows > 0)
  refresh.pause()
  await sleep(300)
  const { rows } = refresh.progress
  await db.query('UPDATE visit SET amount_spent = 1 WHERE user_id = 1')
  const lsn = await sync.catchUp()
  // Transactions are settled meanwhile, and the slot is confirmed.
  await until(() => (sync.status().slot?.confirmed ?? 0n) >= lsn)
  expect(refresh.progress).toMatchObject({ state: 'paused', rows })
  refresh.resume()
  refresh.throttle(null)
  expect((await refresh).rows).toBe(2_000)
  await expectExact(db, sync)
  await sync.close()
})

test('a cancelled refresh ends with its code and leaves the views exact', async () => {
  await using db = await testDatabase()
  await seedVisits(db)
  const { sync } = exampleSync(db.url)
  await sync.start()
  const refresh = sync.refresh(Visit, { rowsPerSecond: 200 })
  await until(() => refresh.progress.rows > 0)
  refresh.cancel()
  await expect(refresh).rejects.toMatchObject({ code: 'REFRESH.CANCELLED' })
  expect(refresh.progress.state).toBe('cancelled')
  await expectExact(db, sync)
  // One that was cancelled before its turn.
  const late = sync.refresh(Restaurant)
  late.cancel()
  await expect(late).rejects.toMatchObject({ code: 'REFRESH.CANCELLED' })
  expect((await sync.refresh(User)).rows).toBe(60)
  await sync.close()
})

test.for([
  ['a durable slot', { slot: { name: 'refresh_cut', durable: true } }],
  ['a temporary slot', {}],
] as const)('a refresh outlives a lost stream on %s', async ([, options]) => {
  await using db = await testDatabase()
  await seedVisits(db)
  const { sync } = exampleSync(db.url, options)
  await sync.start()
  const refresh = sync.refresh(Visit, { rowsPerSecond: 1_000 })
  await until(() => refresh.progress.rows > 0)
  await cutStream(db)
  await until(() => sync.state !== 'live')
  await refresh
  await sync.ready()
  await expectExact(db, sync)
  await sync.close()
})

test('closing the sync ends a refresh', async () => {
  await using db = await testDatabase()
  await seedVisits(db)
  const { sync } = exampleSync(db.url)
  await sync.start()
  const refresh = sync.refresh(Visit, { rowsPerSecond: 100 })
  await until(() => refresh.progress.rows > 0)
  await sync.close()
  await expect(refresh).rejects.toMatchObject({ code: 'SYNC.CLOSED' })
  expect(() => sync.refresh(Visit)).toThrow(expect.objectContaining({ code: 'SYNC.STATE' }))
})

test('what refresh cannot do is told with a code, and nothing else stops', async () => {
  await using db = await testDatabase()
  await seedVisits(db)
  const sync = createSync({ schema, connection: db.url, views: { grandTotal: exampleViews.grandTotal } })
  expect(() => sync.refresh(Visit)).toThrow(expect.objectContaining({ code: 'SYNC.STATE' }))
  await sync.start()
  const invalid = expect.objectContaining({ code: 'CONFIG.INVALID_OPTIONS' })
  expect(() => sync.refresh(Restaurant)).toThrow(invalid)
  expect(() => sync.refresh(Visit, { keys: [{ userId: 1 } as never] })).toThrow(invalid)
  expect(() => sync.refresh(Visit, { keys: [], from: { userId: 1 } })).toThrow(invalid)
  expect(() => sync.refresh(Visit, { from: { restaurantId: 'r1' } })).toThrow(invalid)
  expect(() => sync.refresh(Visit, { rowsPerSecond: 0 })).toThrow(invalid)
  expect(() => sync.refresh(Visit, { to: { userId: 'one' } as never })).toThrow(invalid)
  await expect(sync.refresh(Visit, { where: 'no_such_column = 1' })).rejects.toMatchObject({
    code: 'SNAPSHOT.CHUNK_FAILED',
  })
  expect((await sync.refresh(Visit, { keys: [] })).rows).toBe(0)
  expect((await sync.refresh(Visit)).rows).toBe(2_000)
  expect(sync.state).toBe('live')
  await sync.close()
})
