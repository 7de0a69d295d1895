import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createSync, defineView, eq, type ViewDefinition } from 'prisma-dbsync'
import { expect, test } from 'vitest'
import { Restaurant, schema, Visit } from '../../../generated/dbsync/index.ts'
import { testDatabase, type TestDatabase } from '../../support/database.ts'
import { cutStream, until } from '../../support/faults.ts'
import { exampleSync, exampleViews } from '../../support/views.ts'
import { seedVisits, startWriters } from '../../support/workload.ts'

const TABLES = { restaurantRating: {}, userSpend: {}, grandTotal: {} }

/** Rows on which the derived tables and the views' SQL disagree. */
async function expectDerived(db: TestDatabase, views: readonly ViewDefinition[]): Promise<void> {
  const found: unknown[] = []
  for (const { name, sql, ir } of views) {
    const columns = ir.query.kind === 'select' ? ir.query.select.map((output) => `"${output.name}"`) : ['*']
    const table = `SELECT ${columns.join(', ')} FROM derived.${name}`
    found.push(
      ...(await db.query(`(${sql}) EXCEPT ALL (${table})`)).map((row) => [name, 'lacks', row]),
      ...(await db.query(`(${table}) EXCEPT ALL (${sql})`)).map((row) => [name, 'has', row]),
    )
  }
  expect(found).toEqual([])
}

const VIEWS = Object.values(exampleViews)

test('derived tables are the views’ SQL after every catchUp, under writers, cuts of the stream and restarts', async () => {
  await using db = await testDatabase()
  await seedVisits(db, 2_400)
  const seed = Number(process.env['DBSYNC_SEED'] ?? Math.floor(Math.random() * 2 ** 31))
  for (let run = 0; run < 3; run += 1) {
    const { sync, events } = exampleSync(db.url, { slot: { name: db.name }, tables: TABLES })
    await sync.start()
    const writers = startWriters(await Promise.all([db.connect(), db.connect()]), seed + run)
    await until(() => sync.status().changes > 200)
    if (run === 1) await cutStream(db)
    await until(() => sync.status().changes > 400)
    await writers.stop()
    await sync.catchUp()
    await expectDerived(db, VIEWS)
    expect(events.filter(({ kind }) => kind === 'failed')).toEqual([])
    await sync.close()
    // Away: what changes meanwhile is found by comparing.
    await db.query('UPDATE visit SET visit_rating = 1 + (visit_rating + 1) % 5 WHERE user_id % 7 = 0')
  }
}, 60_000)

test('a restart writes only what differs, and readers have the old rows until then', async () => {
  await using db = await testDatabase()
  await seedVisits(db)
  const first = exampleSync(db.url, { slot: { name: db.name }, tables: TABLES })
  await first.sync.start()
  await first.sync.close()
  const before = await db.query<{ id: string; xmin: string }>(
    'SELECT id, xmin::text FROM derived.restaurant_rating ORDER BY id',
  )
  await db.query("UPDATE visit SET visit_rating = 5 WHERE restaurant_id = 'r3'")
  const second = exampleSync(db.url, { slot: { name: db.name }, tables: TABLES })
  await second.sync.start()
  const after = await db.query<{ id: string; xmin: string }>(
    'SELECT id, xmin::text FROM derived.restaurant_rating ORDER BY id',
  )
  const changed = after.filter(({ id, xmin }) => before.find((row) => row.id === id)?.xmin !== xmin)
  expect(changed.map(({ id }) => id)).toEqual(['r3'])
  await expectDerived(db, VIEWS)
  await second.sync.close()
})

test('writing derived tables does not feed back: with no writers nothing is written', async () => {
  await using db = await testDatabase()
  await seedVisits(db)
  const { sync } = exampleSync(db.url, { slot: { name: db.name }, tables: TABLES })
  await sync.start()
  await db.query('UPDATE visit SET visit_rating = 4')
  await sync.catchUp()
  const state = (): Promise<unknown> => db.query('SELECT lsn, xmin::text FROM dbsync.checkpoint')
  const before = await state()
  await new Promise((done) => setTimeout(done, 1_500))
  expect(await state()).toEqual(before)
  await sync.close()
})

test('a table that only a derived table needs is kept without a view in memory', async () => {
  await using db = await testDatabase()
  await seedVisits(db)
  const visits = defineView('visited', (q) =>
    q
      .from({ v: Visit })
      .innerJoin({ r: Restaurant }, ({ v, r }) => eq(r.id, v.restaurantId))
      .select(({ v, r }) => ({
        user: v.userId,
        restaurant: v.restaurantId,
        name: r.name,
        spent: v.amountSpent,
      })),
  )
  await using sync = createSync({ schema, connection: db.url, slot: { name: db.name }, tables: { visits } })
  await sync.start()
  expect(Object.keys(sync.views)).toEqual([])
  await db.query("UPDATE restaurant SET name = 'Neu' WHERE id = 'r2'; DELETE FROM visit WHERE user_id = 3")
  await sync.catchUp()
  await expectDerived(db, [visits])
})

test('a table that is somebody else’s is refused by start(), and no slot is left behind', async () => {
  await using db = await testDatabase()
  await seedVisits(db)
  await db.query('CREATE SCHEMA derived; CREATE TABLE derived.grand_total (x int)')
  const { sync } = exampleSync(db.url, { slot: { name: db.name }, tables: TABLES })
  await expect(sync.start()).rejects.toMatchObject({ code: 'STORE.TABLE_EXISTS' })
  expect(sync.state).toBe('failed')
  expect(
    await db.query('SELECT slot_name FROM pg_replication_slots WHERE slot_name = $1', [db.name]),
  ).toEqual([])
  expect(await db.query("SELECT to_regnamespace('dbsync')::text AS made")).toEqual([{ made: null }])
})

test('with a saved state a restart writes what changed since, and no row is compared', async () => {
  await using db = await testDatabase()
  await seedVisits(db)
  const folder = await mkdtemp(join(tmpdir(), 'dbsync-state-'))
  const options = { slot: { name: db.name }, tables: TABLES, stateDir: folder }
  const first = exampleSync(db.url, options)
  await first.sync.start()
  await first.sync.close()
  await db.query("UPDATE visit SET visit_rating = 5 WHERE restaurant_id = 'r3'")
  const second = exampleSync(db.url, options)
  await second.sync.start()
  await second.sync.catchUp()
  expect(second.events.filter(({ kind }) => kind === 'checkpoint-loaded')).toHaveLength(1)
  expect(second.events.filter(({ kind }) => kind === 'store-rebuilt')).toEqual([])
  await expectDerived(db, VIEWS)
  await second.sync.close()
  // A store that is older than the state, as after a restore, is compared as a whole.
  await db.query("UPDATE dbsync.checkpoint SET lsn = '0/1'")
  await db.query('DELETE FROM derived.user_spend WHERE id < 5')
  const third = exampleSync(db.url, options)
  await third.sync.start()
  expect(third.events.filter(({ kind }) => kind === 'store-rebuilt')).toHaveLength(1)
  await expectDerived(db, VIEWS)
  await third.sync.close()
  await rm(folder, { recursive: true })
})
