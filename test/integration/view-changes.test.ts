import { count, createSync, defineView, eq, gt, max, sum } from 'prisma-dbsync'
import { expect, test } from 'vitest'
import { type Handlers, Restaurant, schema, User, Visit } from '../../generated/dbsync/index.ts'
import { compareView, formatDifference } from '../../src/testing/compare-view.ts'
import { testDatabase, type TestDatabase } from '../support/database.ts'
import { cutStream, sleep, until, within } from '../support/faults.ts'
import { exampleSync, exampleViews, expectExact } from '../support/views.ts'
import { seedVisits, startWriters } from '../support/workload.ts'
import type { ViewDefinition } from '../../src/views/define-view.ts'
import type { ExpressionIr, TypeIr } from '../../src/views/view-ir.ts'

/** Over columns and indexes that the example's views have. */
const ratings = defineView('ratings', (q) =>
  q
    .from({ v: Visit })
    .where(({ v }) => gt(v.amountSpent, new schema.Decimal('1')))
    .groupBy(({ v }) => [v.visitRating])
    .select(({ v }) => ({ rating: v.visitRating, visits: count(), spent: sum(v.amountSpent) })),
)

/** Over columns that none of them has. */
const names = defineView('names', (q) =>
  q
    .from({ u: User })
    .leftJoin({ v: Visit }, ({ u, v }) => eq(v.userId, u.id))
    .groupBy(({ u }) => [u.id, u.userName, u.email])
    .select(({ u, v }) => ({ id: u.id, name: u.userName, email: u.email, best: max(v.visitRating) })),
)

/** Over a table alone. */
const restaurants = defineView('restaurants', (q) =>
  q.from({ r: Restaurant }).select(({ r }) => ({ id: r.id, name: r.name, tags: r.tags })),
)

async function differences(
  db: TestDatabase,
  view: ViewDefinition,
  live: { rows(): Iterable<unknown> },
): Promise<readonly string[]> {
  const client = await db.connect()
  const found = await compareView(view, live.rows(), client)
  await client.end()
  return found.map(formatDifference)
}

test('a view over columns that are kept is live at once, and nothing is read for it', async () => {
  await using db = await testDatabase()
  await seedVisits(db)
  const { sync, events } = exampleSync(db.url)
  await sync.start()
  const before = events.length
  const view = await sync.addView(ratings)
  expect(view.readiness).toBe('live')
  expect(await differences(db, ratings, view)).toEqual([])
  expect(view.get(3)?.visits).toBeGreaterThan(0)
  expect(events.slice(before)).toEqual([])
  const batches: unknown[] = []
  view.subscribe((batch) => batches.push(batch))
  await db.query("UPDATE visit SET visit_rating = 9 WHERE user_id = 1 AND restaurant_id = 'r1'; ")
  await db.query(
    "UPDATE visit SET amount_spent = 99, visit_rating = 9 WHERE user_id = 2 AND restaurant_id = 'r1'",
  )
  await sync.catchUp()
  expect(batches.length).toBeGreaterThan(0)
  expect(await differences(db, ratings, view)).toEqual([])
  await expectExact(db, sync)
  await sync.close()
})

test('a view over other columns is read beside the others, which stay live and are told nothing', async () => {
  await using db = await testDatabase()
  await seedVisits(db)
  const { sync, events } = exampleSync(db.url)
  await sync.start()
  const told: unknown[] = []
  sync.views.restaurantRating.subscribe((batch) => told.push(batch))
  const states: string[] = []
  const watching = setInterval(() => states.push(sync.views.restaurantRating.readiness), 1)
  const row = sync.views.restaurantRating.get('r1')
  const before = events.length
  const view = await sync.addView(names)
  clearInterval(watching)
  expect(new Set(states)).toEqual(new Set(['live']))
  expect(told).toEqual([])
  expect(sync.views.restaurantRating.get('r1')).toEqual(row)
  expect(new Set(events.slice(before).map(({ kind }) => kind))).toEqual(new Set(['progress']))
  expect(await differences(db, names, view)).toEqual([])
  await db.query(
    "UPDATE users SET user_name = 'changed' WHERE id = 3; UPDATE restaurant SET name = 'New' WHERE id = 'r1'",
  )
  await expectExact(db, sync, exampleViews)
  expect(view.get(3)?.name).toBe('changed')
  expect(told.length).toBe(1)
  expect(sync.status().views.map(({ name }) => name)).toContain('names')
  expect(sync.status().reconnects).toBe(0)
  await sync.close()
})

/** What handlers hear of visits: the last state of each that changed, and whether anything came twice or out of order. */
function listener() {
  const visits = new Map<string, string | null>()
  const faults: string[] = []
  let last: readonly [bigint, number] = [0n, -1]
  const note = (
    tx: { readonly lsn: bigint; readonly seq: number },
    before: Partial<Record<'userId' | 'restaurantId', unknown>> | undefined,
    after: Partial<Record<'userId' | 'restaurantId' | 'amountSpent', unknown>> | undefined,
  ): void => {
    const isLater = tx.lsn > last[0] || (tx.lsn === last[0] && tx.seq > last[1])
    if (!isLater) faults.push(`${tx.lsn}/${tx.seq} after ${last.join('/')}`)
    last = [tx.lsn, tx.seq]
    if (before !== undefined) visits.set(`${String(before.userId)} ${String(before.restaurantId)}`, null)
    if (after !== undefined)
      visits.set(`${String(after.userId)} ${String(after.restaurantId)}`, String(after.amountSpent))
  }
  const handlers: Handlers = {
    Visit: {
      insert: ({ tx, after }) => note(tx, undefined, after),
      update: ({ tx, before, after }) => note(tx, before, after),
      delete: ({ tx, key }) => note(tx, key, undefined),
    },
  }
  return { visits, faults, handlers }
}

test.for([
  ['of views alone', false],
  ['with a handler on a durable slot', true],
] as const)('views come and go while writers run, in a sync %s', async ([, isDurable]) => {
  await using db = await testDatabase()
  await seedVisits(db)
  const { visits, faults, handlers } = listener()
  const { sync } = exampleSync(
    db.url,
    // The catalog is looked at all the while.
    { watchMs: 20, ...(isDurable ? { handlers, slot: { name: 'come_and_go', durable: true } } : {}) },
  )
  await sync.start()
  const writers = startWriters(
    await Promise.all([db.connect(), db.connect(), db.connect()]),
    isDurable ? 20_270_101 : 20_270_102,
  )
  for (let turn = 0; turn < 3; turn += 1) {
    const added = await Promise.all([sync.addView(names), sync.addView(ratings), sync.addView(restaurants)])
    await sleep(30)
    expect(added.map(({ readiness }) => readiness)).toEqual(['live', 'live', 'live'])
    sync.removeView(names)
    sync.removeView('ratings')
    sync.removeView(restaurants)
    await sleep(30)
  }
  const [first, second] = await Promise.all([sync.addView(restaurants), sync.addView(names)])
  await sleep(30)
  expect(await writers.stop()).toBeGreaterThan(10)
  await expectExact(db, sync)
  expect(await differences(db, restaurants, first)).toEqual([])
  expect(await differences(db, names, second)).toEqual([])
  expect(sync.status().reconnects).toBe(0)
  await sync.close()
  if (!isDurable) return
  expect(faults).toEqual([])
  expect(visits.size).toBeGreaterThan(10)
  const rows = await db.query<{ key: string; spent: string }>(
    "SELECT user_id || ' ' || restaurant_id AS key, amount_spent::text AS spent FROM visit",
  )
  const server = new Map(rows.map(({ key, spent }) => [key, Number(spent)]))
  const wrong = [...visits].filter(
    ([key, spent]) => server.get(key) !== (spent === null ? undefined : Number(spent)),
  )
  expect(wrong).toEqual([])
})

test('a view over a table that was not followed has all of it, also what was being written when it was added', async () => {
  await using db = await testDatabase()
  await seedVisits(db)
  const sync = createSync({ schema, connection: db.url, views: { restaurants } })
  await sync.start()
  const writer = await db.connect()
  // It wrote before the publication had the table: nothing of it is streamed, so chunks must wait for it.
  await writer.query("BEGIN; UPDATE users SET user_name = 'early' WHERE id = 1")
  const adding = sync.addView(names)
  const waiting = await within(500, adding)
  await writer.query("UPDATE users SET user_name = 'late' WHERE id = 2; COMMIT")
  const view = await adding
  expect(waiting).toBe('timeout')
  await db.query("UPDATE users SET email = 'new@example.org' WHERE id = 1")
  await sync.catchUp()
  expect(await differences(db, names, view)).toEqual([])
  expect(view.get(1)).toMatchObject({ name: 'early', email: 'new@example.org' })
  // As when it is removed: the publication keeps the tables, and nobody follows them.
  sync.removeView(names)
  const { changes } = sync.status()
  await db.query('UPDATE users SET avatar = NULL; UPDATE visit SET visit_rating = 1')
  await db.query("UPDATE restaurant SET name = 'seen' WHERE id = 'r2'")
  await sync.catchUp()
  expect(sync.status().changes - changes).toBe(1)
  expect(sync.status().tables.map(({ model }) => model)).toEqual(['Restaurant'])
  const published = await db.query(
    "SELECT tablename FROM pg_publication_tables WHERE pubname = 'dbsync' ORDER BY 1",
  )
  expect(published.map(({ tablename }) => String(tablename))).toEqual(['restaurant', 'users', 'visit'])
  // A table that nobody follows may go.
  await db.query('DROP TABLE visit, users')
  await db.query("UPDATE restaurant SET name = 'again' WHERE id = 'r2'")
  await cutStream(db)
  await until(() => sync.status().reconnects > 0)
  await sync.ready()
  await sync.catchUp()
  expect(sync.views.restaurants.get('r2')?.name).toBe('again')
  await sync.close()
})

test('a view that cannot be added leaves everything as it was', async () => {
  await using db = await testDatabase()
  await seedVisits(db)
  const sync = createSync({ schema, connection: db.url, views: { restaurants } })
  await expect(sync.addView(names)).rejects.toMatchObject({ code: 'SYNC.STATE' })
  await sync.start()
  const before = sync.status()
  const rows = [...sync.views.restaurants.rows()]
  await db.query('ALTER TABLE users RENAME COLUMN email TO mail')
  await expect(sync.addView(names)).rejects.toMatchObject({ code: 'CONTRACT.COLUMN_MISSING' })
  await expect(sync.addView(restaurants)).rejects.toMatchObject({ code: 'CONFIG.DUPLICATE_VIEW' })
  await expect(sync.addView('names' as never)).rejects.toMatchObject({ code: 'CONFIG.INVALID_OPTIONS' })
  expect(() => sync.removeView('names')).toThrow('is no view of this sync')
  const published = await db.query("SELECT tablename FROM pg_publication_tables WHERE pubname = 'dbsync'")
  expect(published).toEqual([{ tablename: 'restaurant' }])
  await db.query('ALTER TABLE users RENAME COLUMN mail TO email')
  expect([...sync.views.restaurants.rows()]).toEqual(rows)
  expect(sync.views.restaurants.get('r1')).toBe(rows.find(({ id }) => id === 'r1'))
  expect({ ...sync.status(), position: 0n, received: 0n, lagBytes: 0, views: [], slot: null }).toEqual({
    ...before,
    position: 0n,
    received: 0n,
    lagBytes: 0,
    views: [],
    slot: null,
  })
  const view = await sync.addView(names)
  expect(await differences(db, names, view)).toEqual([])
  await sync.close()
  await expect(sync.addView(ratings)).rejects.toMatchObject({ code: 'SYNC.CLOSED' })
})

/** Visits by rating whose condition divides by the rating. */
function divided(): ViewDefinition {
  const integer: TypeIr = { scalar: 'Int', pgType: 'integer', list: false, nullable: true }
  const rating: ExpressionIr = { kind: 'column', source: 'v', field: 'visitRating', type: integer }
  const one: ExpressionIr = { kind: 'literal', text: '1', type: integer }
  const where: ExpressionIr = {
    kind: 'call',
    name: 'gte',
    args: [
      { kind: 'call', name: 'divide', args: [one, rating], type: integer },
      { ...one, text: '0' },
    ],
    type: { ...integer, scalar: 'Boolean', pgType: 'boolean' },
  }
  const { query } = ratings.ir
  if (query.kind !== 'select') throw new Error('a set operation')
  return { ...ratings, name: 'divided', ir: { ...ratings.ir, name: 'divided', query: { ...query, where } } }
}

test.for([
  ['in place', exampleViews],
  ['beside', { restaurants }],
] as const)('a view without a value for some row is not added, %s', async ([, views]) => {
  await using db = await testDatabase()
  await seedVisits(db)
  await db.query('UPDATE visit SET visit_rating = 0 WHERE user_id = 3')
  const sync = createSync({ schema, connection: db.url, views })
  await sync.start()
  const before = sync.status().views.map(({ name }) => name)
  await expect(sync.addView(divided())).rejects.toMatchObject({ code: 'VIEW.EVALUATION' })
  expect(sync.status().views.map(({ name }) => name)).toEqual(before)
  expect(
    sync
      .status()
      .tables.map(({ model }) => model)
      .includes('Visit'),
  ).toBe('grandTotal' in views)
  await db.query('UPDATE visit SET visit_rating = 2 WHERE user_id = 3')
  await sync.catchUp()
  expect((await sync.addView(divided())).readiness).toBe('live')
  await sync.close()
})

test('readers of a removed view are let go of, and others read on', async () => {
  await using db = await testDatabase()
  await seedVisits(db)
  const { sync } = exampleSync(db.url)
  await sync.start()
  const { userSpend } = sync.views
  const batches: unknown[] = []
  userSpend.subscribe((batch) => batches.push(batch))
  const reading = (async () => {
    let batchesRead = 0
    for await (const _ of userSpend.changes()) batchesRead += 1
    return batchesRead
  })()
  sync.removeView(exampleViews.userSpend)
  expect(await within(5_000, reading)).toBe('done')
  expect(userSpend.readiness).toBe('removed')
  for (const read of [() => userSpend.get(1), () => userSpend.rows(), () => userSpend.size]) {
    expect(read).toThrow(expect.objectContaining({ code: 'VIEW.REMOVED' }))
  }
  await db.query('UPDATE visit SET amount_spent = 7 WHERE user_id = 1')
  const { userSpend: _, ...others } = exampleViews
  await expectExact(db, sync, others)
  expect(batches).toEqual([])
  // Its name is free again, and those of the others are not touched by what comes.
  const again = await sync.addView(exampleViews.userSpend)
  expect(await differences(db, exampleViews.userSpend, again)).toEqual([])
  for (const name of ['restaurant_rating', 'user_spend', 'grand_total']) sync.removeView(name)
  expect(sync.status()).toMatchObject({ state: 'live', tables: [], views: [] })
  await cutStream(db)
  await until(() => sync.status().reconnects > 0)
  await sync.catchUp()
  const last = await sync.addView(names)
  expect(await differences(db, names, last)).toEqual([])
  await sync.close()
})

test.for([
  ['a temporary slot', {}],
  ['a durable slot', { slot: { name: 'added_cut', durable: true } }],
] as const)('an addition outlives streams that are lost meanwhile, on %s', async ([, options]) => {
  await using db = await testDatabase()
  await seedVisits(db)
  const { sync, events } = exampleSync(db.url, options)
  await sync.start()
  const blocker = await db.connect()
  // Its lock holds the reading up.
  await blocker.query("BEGIN; UPDATE users SET user_name = 'held' WHERE id = 5")
  const adding = sync.addView(names)
  await until(() => events.some(({ kind }) => kind === 'waiting'))
  for (let turn = 1; turn <= 2; turn += 1) {
    await cutStream(db)
    await until(() => sync.status().reconnects >= turn)
    if (turn === 1) await blocker.query('COMMIT')
    await sync.ready()
  }
  const view = await adding
  await expectExact(db, sync)
  expect(await differences(db, names, view)).toEqual([])
  expect(view.get(5)?.name).toBe('held')
  await cutStream(db)
  await until(() => sync.status().reconnects >= 3)
  await db.query("UPDATE users SET user_name = 'after' WHERE id = 5")
  await expectExact(db, sync)
  expect(view.get(5)?.name).toBe('after')
  // With a slot that stays nothing was doubted, and nothing read anew for want of it.
  const codes = events.flatMap((event) => (event.kind === 'warning' ? [event.code] : []))
  expect(codes.filter((code) => code !== 'SLOT.UNBOUNDED_WAL')).toEqual([])
  await sync.close()
})

test('views that are removed while another one is being added are gone, and nothing else', async () => {
  await using db = await testDatabase()
  await seedVisits(db)
  const { sync, events } = exampleSync(db.url)
  await sync.start()
  const blocker = await db.connect()
  await blocker.query("BEGIN; UPDATE users SET user_name = 'held' WHERE id = 5")
  const adding = sync.addView(names)
  sync.removeView('user_spend')
  await until(() => events.some(({ kind }) => kind === 'waiting'))
  sync.removeView('grand_total')
  await blocker.query('COMMIT')
  const view = await adding
  expect(sync.status().views.map(({ name }) => name)).toEqual(['restaurant_rating', 'names'])
  await db.query('UPDATE visit SET amount_spent = 3 WHERE user_id < 9')
  await expectExact(db, sync, { restaurantRating: exampleViews.restaurantRating })
  expect(await differences(db, names, view)).toEqual([])
  sync.removeView(names)
  sync.removeView('restaurant_rating')
  expect(sync.status()).toMatchObject({ tables: [], views: [] })
  await sync.close()
})

test('a refresh that is under way when a view is added ends, and can be asked for anew', async () => {
  await using db = await testDatabase()
  await seedVisits(db)
  const { sync } = exampleSync(db.url)
  await sync.start()
  const refresh = sync.refresh(Visit, { rowsPerSecond: 400 })
  await until(() => refresh.progress.rows > 0)
  const view = await sync.addView(names)
  // Its table was read anew, which is a refresh too.
  expect((await refresh).rows).toBeLessThan(2_000)
  expect((await sync.refresh(User)).rows).toBe(60)
  expect(await differences(db, names, view)).toEqual([])
  await expectExact(db, sync)
  await sync.close()
})

test('an addition that waits ends with the sync', async () => {
  await using db = await testDatabase()
  await seedVisits(db)
  const { sync, events } = exampleSync(db.url)
  await sync.start()
  const blocker = await db.connect()
  await blocker.query("BEGIN; UPDATE users SET user_name = 'held' WHERE id = 5")
  const adding = within(10_000, sync.addView(names))
  await until(() => events.some(({ kind }) => kind === 'waiting'))
  await sync.close()
  expect(await adding).toBe('SYNC.CLOSED')
  await blocker.query('ROLLBACK')
})

test('what is written while tables are read for a view is in it, in whole transactions, however large', async () => {
  await using db = await testDatabase()
  await db.query(`INSERT INTO users (first_name, user_name, email, address)
    SELECT 'U', 'n' || i % 9, i || '@example.org', repeat('x', 100) FROM generate_series(1, 60000) i`)
  const sync = createSync({ schema, connection: db.url, views: { restaurants } })
  await sync.start()
  const [small, large] = [await db.connect(), await db.connect()]
  let isAdded = false
  const writing = (async () => {
    for (let turn = 1; !isAdded; turn += 1)
      await small.query("UPDATE users SET user_name = 'm' || id % 7 WHERE id = $1 OR id = $2", [
        turn,
        60_001 - turn,
      ])
  })()
  const flooding = (async () => {
    // The restaurants have been read by then, so that they come by the stream alone.
    await until(() => sync.status().tables.some(({ model, rows }) => model === 'User' && rows > 0))
    await large.query(
      "INSERT INTO restaurant (id, name, description) SELECT 'n' || i, 'new', repeat('y', 500) FROM generate_series(1, 9000) i",
    )
  })()
  const accounts = defineView('accounts', (q) =>
    q
      .from({ u: User })
      .groupBy(({ u }) => [u.userName])
      .select(({ u }) => ({ name: u.userName, n: count() })),
  )
  const view = await sync.addView(accounts)
  const total = [...view.rows()].reduce((rows, { n }) => rows + n, 0)
  expect(total).toBe(60_000)
  isAdded = true
  await Promise.all([writing, flooding])
  await sync.catchUp()
  expect(await differences(db, accounts, view)).toEqual([])
  expect(sync.views.restaurants.size).toBe(9_000)
  await sync.close()
})

test('a view that is added in the middle of a large transaction has all of it or nothing', async () => {
  await using db = await testDatabase()
  const sync = createSync({ schema, connection: db.url, views: { restaurants } })
  await sync.start()
  const total = defineView('total', (q) => q.from({ r: Restaurant }).select(() => ({ n: count() })))
  const seen = new Set<unknown>()
  const writing = db.query(
    "INSERT INTO restaurant (id, name, description) SELECT 'n' || i, 'new', repeat('y', 500) FROM generate_series(1, 30000) i",
  )
  while (!seen.has(30_000)) {
    const view = await sync.addView(total)
    seen.add(view.get()?.n)
    sync.removeView(total)
    await new Promise((done) => setImmediate(done))
  }
  await writing
  expect([...seen]).toEqual([0, 30_000])
  await sync.close()
})
