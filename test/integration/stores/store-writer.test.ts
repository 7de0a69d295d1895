import { DbsyncError, type ViewDefinition } from 'prisma-dbsync'
import { expect, test } from 'vitest'
import { testDatabase, type TestDatabase } from '../../support/database.ts'
import { exampleSync, exampleViews } from '../../support/views.ts'
import { sleep, until } from '../../support/faults.ts'
import { MapServer, MapStore, type StoreStep } from '../../support/map-store.ts'
import { storedDifferences } from '../../support/stored-rows.ts'
import { seedVisits, startWriters } from '../../support/workload.ts'

const VIEWS: readonly ViewDefinition[] = Object.values(exampleViews)

const target = (db: TestDatabase, store: MapStore) => ({
  slot: { name: db.name },
  stores: [{ store, views: VIEWS }],
  views: {},
})

async function expectStored(db: TestDatabase, server: MapServer): Promise<void> {
  const client = await db.connect()
  const found: string[] = []
  for (const view of VIEWS) {
    const rows = server.rows.get(view.name) ?? new Map<string, never>()
    found.push(...(await storedDifferences(view, rows.values(), client)))
  }
  await client.end()
  expect(found).toEqual([])
}

test('start() resolves when a store shows the views, and catchUp() when it shows what was committed before', async () => {
  await using db = await testDatabase()
  await seedVisits(db)
  const server = new MapServer()
  const { sync, events } = exampleSync(db.url, target(db, new MapStore(server)))
  await sync.start()
  await expectStored(db, server)
  expect(server.commits).toBe(1)
  for (let round = 0; round < 20; round += 1) {
    await db.query(`UPDATE visit SET visit_rating = ${round % 6} WHERE restaurant_id = 'r${1 + (round % 9)}'`)
    if (round % 5 === 0) await db.query(`DELETE FROM visit WHERE user_id = ${1 + round}`)
    const position = await sync.catchUp()
    expect(server.position).toBeGreaterThan(0n)
    expect(sync.status().stores).toMatchObject([{ state: 'live', pending: 0 }])
    expect(position).toBeGreaterThanOrEqual(server.position ?? 0n)
    await expectStored(db, server)
  }
  expect(events.filter(({ kind }) => kind === 'store-rebuilt')).toHaveLength(1)
  const commits = server.commits
  // What changes no view is no batch, so that the writing of a derived table cannot feed itself.
  await db.query("UPDATE users SET interests = '{}'")
  await sync.catchUp()
  expect(server.commits).toBe(commits)
  await sync.close()
})

test('what waits when the sync is closed is written before it ends', async () => {
  await using db = await testDatabase()
  await seedVisits(db)
  const server = new MapServer()
  let isSlow = false
  const store = new MapStore(server, () => (isSlow ? new Promise((done) => setTimeout(done, 20)) : undefined))
  const { sync } = exampleSync(db.url, { ...target(db, store), views: exampleViews })
  await sync.start()
  isSlow = true
  await db.query('UPDATE visit SET visit_rating = 2')
  await until(() => sync.views.grandTotal.get()?.rating === 2)
  await sync.close()
  await expectStored(db, server)
})

test('a store that fails at any step, before or after it has done it, shows the views in the end', async () => {
  await using db = await testDatabase()
  await seedVisits(db, 6_000)
  const server = new MapServer()
  let wanted: readonly StoreStep[] = []
  const failures: StoreStep[] = []
  const store = new MapStore(server, (step) => {
    if (wanted[0] !== step) return
    wanted = wanted.slice(1)
    failures.push(step)
    throw new DbsyncError('STORE.UNAVAILABLE', `no ${step}`)
  })
  const { sync, events } = exampleSync(db.url, target(db, store))
  await sync.start()
  const seed = Number(process.env['DBSYNC_SEED'] ?? Math.floor(Math.random() * 2 ** 31))
  const writers = startWriters(await Promise.all([db.connect(), db.connect(), db.connect()]), seed)
  const series: readonly (readonly StoreStep[])[] = [
    ['begin'],
    ['delete', 'open'],
    ['upsert'],
    ['commit'],
    ['answer'],
    ['answer', 'open', 'commit', 'begin', 'answer'],
  ]
  for (const steps of series) {
    wanted = steps
    // Rows that come and go; what the writers delete is seldom.
    while (wanted.length > 0) {
      await db.query("INSERT INTO restaurant (id, name) VALUES ('brief', 'Brief')")
      await sleep(20)
      await db.query("DELETE FROM restaurant WHERE id = 'brief'")
    }
    await sync.catchUp()
  }
  await writers.stop()
  await sync.catchUp()
  expect(failures).toEqual(series.flat())
  await expectStored(db, server)
  expect(events.filter(({ kind }) => kind === 'failed')).toEqual([])
  expect(events.filter(({ kind }) => kind === 'store-retry')).toHaveLength(failures.length)
  await sync.close()
}, 60_000)

test('a store that is fenced makes its sync wait for the slot and write all anew', async () => {
  await using db = await testDatabase()
  await seedVisits(db)
  const server = new MapServer()
  const { sync, events } = exampleSync(db.url, target(db, new MapStore(server)))
  await sync.start()
  // Somebody else writes, and is gone again.
  server.epoch += 1
  server.rows.clear()
  await db.query('UPDATE visit SET visit_rating = 5')
  await until(() => events.filter(({ kind }) => kind === 'store-rebuilt').length === 2)
  await sync.catchUp()
  await expectStored(db, server)
  expect(events).toContainEqual(expect.objectContaining({ kind: 'reconnecting' }))
  await sync.close()
})

test('a store that comes back without what was written gets all of it again', async () => {
  await using db = await testDatabase()
  await seedVisits(db)
  const server = new MapServer()
  let isLost = false
  const store = new MapStore(server, (step) => {
    if (!isLost || step !== 'begin') return
    isLost = false
    server.rows.clear()
    server.position = null
    throw new DbsyncError('STORE.UNAVAILABLE', 'restarted')
  })
  const { sync } = exampleSync(db.url, target(db, store))
  await sync.start()
  isLost = true
  await db.query("UPDATE visit SET visit_rating = 5 WHERE restaurant_id = 'r1'")
  await sync.catchUp()
  await expectStored(db, server)
  await sync.close()
})

test('a view whose row the store refuses stops there, and the others go on', async () => {
  await using db = await testDatabase()
  await seedVisits(db)
  const server = new MapServer()
  class Picky extends MapStore {
    override async upsert(...[view, rows]: Parameters<MapStore['upsert']>): Promise<void> {
      if (view.name === 'user_spend' && server.commits > 0) {
        throw new DbsyncError('STORE.ROW_REFUSED', 'a row', { details: { view: view.name } })
      }
      await super.upsert(view, rows)
    }
  }
  const { sync, events } = exampleSync(db.url, {
    ...target(db, new Picky(server)),
    views: exampleViews,
  })
  await sync.start()
  const before = [...(server.rows.get('user_spend') ?? [])]
  await db.query('UPDATE visit SET visit_rating = 3, amount_spent = 7')
  await sync.catchUp()
  expect(server.rows.get('grand_total')?.size).toBe(1)
  expect([...(server.rows.get('user_spend') ?? [])]).toEqual(before)
  expect(server.failed).toEqual(new Map([['user_spend', 'STORE.ROW_REFUSED']]))
  expect(events.filter(({ kind }) => kind === 'view-not-written')).toHaveLength(1)
  expect(sync.status().stores).toMatchObject([{ failed: ['user_spend'] }])
  // In memory it is what it was.
  expect(sync.views.userSpend.size).toBeGreaterThan(0)
  await sync.close()
})

test('a view that is written to several stores is whole in each, and one that refuses it stops there alone', async () => {
  await using db = await testDatabase()
  await seedVisits(db)
  const servers = [new MapServer(), new MapServer()] as const
  let isRefusing = false
  class Picky extends MapStore {
    override async upsert(...[view, rows]: Parameters<MapStore['upsert']>): Promise<void> {
      if (isRefusing && view.name === 'user_spend') {
        throw new DbsyncError('STORE.ROW_REFUSED', 'a row', { details: { view: view.name } })
      }
      await super.upsert(view, rows)
    }
  }
  const [one, other] = servers
  const { sync } = exampleSync(db.url, {
    slot: { name: db.name },
    views: {},
    stores: [
      { store: new MapStore(one), views: VIEWS },
      { store: new Picky(other), views: VIEWS },
    ],
  })
  await sync.start()
  for (let round = 0; round < 10; round += 1) {
    await db.query(`UPDATE visit SET visit_rating = ${round % 6} WHERE restaurant_id = 'r${1 + (round % 9)}'`)
    await sync.catchUp()
    await expectStored(db, one)
    await expectStored(db, other)
  }
  isRefusing = true
  await db.query('UPDATE visit SET amount_spent = 3')
  await sync.catchUp()
  await expectStored(db, one)
  expect(sync.status().stores).toMatchObject([{ failed: [] }, { failed: ['user_spend'] }])
  await sync.close()
})
