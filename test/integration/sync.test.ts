import { expect, test } from 'vitest'
import { testDatabase } from '../support/database.ts'
import { exampleSync, exampleViews, expectExact } from '../support/views.ts'
import { randomSource, randomTransaction, seedExample, startWriters } from '../support/workload.ts'

test('views are exact after the start, after each transaction, and when everything is gone', async () => {
  await using db = await testDatabase()
  const client = await db.connect()
  await seedExample(client, { users: 50, restaurants: 30, visits: 900 })
  const { sync, events } = exampleSync(db.url)
  await using _ = sync
  await sync.start()
  expect(events.filter((event) => event.kind === 'state').map(({ state }) => state)).toEqual([
    'connecting',
    'hydrating',
    'live',
  ])
  await expectExact(db, sync)
  const seed = Date.now() % 1_000_000
  const random = randomSource(seed)
  for (let round = 0; round < 40; round += 1) {
    await randomTransaction(client, random)
    await sync.catchUp()
    if (round % 5 === 0) await expectExact(db, sync)
  }
  await expectExact(db, sync)
  await db.query('DELETE FROM visit')
  await expectExact(db, sync)
  expect([...sync.views.grandTotal.rows()]).toHaveLength(1)
  await db.query('TRUNCATE users, restaurant CASCADE')
  await expectExact(db, sync)
  expect([...sync.views.restaurantRating.rows()]).toEqual([])
  await client.query("INSERT INTO restaurant (id, name) VALUES ('r1', 'Again')")
  await expectExact(db, sync)
  expect(sync.views.restaurantRating.get('r1')?.name).toBe('Again')
})

test('tables are read while writers write, in many chunks, and no row is stale', async () => {
  await using db = await testDatabase()
  const main = await db.connect()
  await seedExample(main, { users: 3_000, restaurants: 300, visits: 60_000 })
  const seed = Date.now() % 1_000_000
  const clients = await Promise.all([1, 2, 3, 4].map(() => db.connect()))
  const writers = startWriters(clients, seed)
  const { sync, events } = exampleSync(db.url)
  await using _ = sync
  await sync.start()
  const count = await writers.stop()
  expect(count).toBeGreaterThan(10)
  await expectExact(db, sync)
  const progress = events.filter((event) => event.kind === 'progress')
  expect(progress.length).toBeGreaterThan(8)
  expect(progress.at(-1)?.tables.every((table) => table.state === 'covered')).toBe(true)
})

test('chunks follow the key order of the database, whatever its collation', async () => {
  await using db = await testDatabase()
  const client = await db.connect()
  // An ICU order that differs from the order of bytes, and a key of two columns.
  await client.query(`
    ALTER TABLE visit DROP CONSTRAINT visit_restaurant_id_fkey;
    ALTER TABLE restaurant ALTER id TYPE varchar(255) COLLATE "en-x-icu";
    ALTER TABLE visit ALTER restaurant_id TYPE varchar(255) COLLATE "en-x-icu"`)
  await client.query(`
    INSERT INTO users (first_name, user_name, email) SELECT 'a', 'a', i::text FROM generate_series(1, 30) i;
    INSERT INTO restaurant (id, name)
      SELECT (ARRAY['a', 'B', 'ä', 'Z', '_', 'é', 'ß', '''', E'\\\\', E'x\\ty'])[1 + i % 10] || i, 'n'
      FROM generate_series(1, 12000) i;
    INSERT INTO visit SELECT 1 + n % 30, id, 1, 1 FROM (SELECT id, row_number() OVER () AS n FROM restaurant) r`)
  const { sync, events } = exampleSync(db.url)
  await using _ = sync
  await sync.start()
  await expectExact(db, sync)
  expect(sync.views.restaurantRating.size).toBe(12_000)
  expect(events.filter((event) => event.kind === 'progress').length).toBeGreaterThan(6)
})

test('subscribers get one batch a commit, and batches fold to the state', async () => {
  await using db = await testDatabase()
  const client = await db.connect()
  await seedExample(client, { users: 20, restaurants: 10, visits: 100 })
  const { sync } = exampleSync(db.url)
  await using _ = sync
  await sync.start()
  const view = sync.views.restaurantRating
  const folded = new Map([...view.rows()].map((row) => [row.id, row]))
  const sizes: number[] = []
  const unsubscribe = view.subscribe(({ changes, lsn }) => {
    expect(lsn).toBe(view.lsn)
    sizes.push(changes.length)
    for (const { key, before, after } of changes) {
      expect(before).toEqual(folded.get(key) ?? null)
      if (after === null) folded.delete(key)
      else folded.set(after.id, after)
    }
  })
  await client.query("BEGIN; UPDATE visit SET amount_spent = 5 WHERE restaurant_id IN ('r1', 'r2'); COMMIT")
  await sync.catchUp()
  expect(sizes).toEqual([2])
  // Nothing that the view shows changes.
  await client.query("UPDATE restaurant SET description = 'new' WHERE id = 'r1'")
  await sync.catchUp()
  expect(sizes).toEqual([2])
  const random = randomSource(7)
  for (let round = 0; round < 30; round += 1) await randomTransaction(client, random)
  await sync.catchUp()
  expect(folded).toEqual(new Map([...view.rows()].map((row) => [row.id, row])))
  unsubscribe()
  const heard = sizes.length
  await client.query("DELETE FROM restaurant WHERE id = 'r3'")
  await sync.catchUp()
  expect(sizes).toHaveLength(heard)
})

test('an async reader that falls behind gets the net changes', async () => {
  await using db = await testDatabase()
  const client = await db.connect()
  await seedExample(client, { users: 5, restaurants: 2, visits: 10 })
  const { sync } = exampleSync(db.url)
  await sync.start()
  const view = sync.views.grandTotal
  const before = view.get()
  const feed = view.changes()[Symbol.asyncIterator]()
  for (let round = 0; round < 600; round += 1) {
    await client.query('UPDATE visit SET amount_spent = amount_spent + 1 WHERE user_id = 1')
  }
  await sync.catchUp()
  const batches = []
  const after = view.get()
  await sync.close()
  for (let step = await feed.next(); step.done !== true; step = await feed.next()) batches.push(step.value)
  expect(batches.length).toBeLessThan(400)
  expect(batches[0]?.changes[0]?.before).toEqual(before)
  expect(batches.at(-1)?.changes[0]?.after).toEqual(after)
})

test('a reader ends with its signal', async () => {
  await using db = await testDatabase()
  const { sync } = exampleSync(db.url)
  await using _ = sync
  await sync.start()
  const abort = new AbortController()
  const reading = (async () => {
    for await (const batch of sync.views.grandTotal.changes({ signal: abort.signal }))
      expect(batch).toBeDefined()
  })()
  const reason = new Error('enough')
  abort.abort(reason)
  await expect(reading).rejects.toBe(reason)
})

test('catchUp returns on an idle server', async () => {
  await using db = await testDatabase()
  const { sync } = exampleSync(db.url)
  await using _ = sync
  await sync.start()
  for (let round = 0; round < 5; round += 1) {
    const startMs = performance.now()
    await sync.catchUp()
    expect(performance.now() - startMs).toBeLessThan(3_000)
  }
})

test('F25 a transaction of many megabytes becomes visible all at once', async () => {
  await using db = await testDatabase()
  const client = await db.connect()
  await seedExample(client, { users: 400, restaurants: 400, visits: 0 })
  const { sync } = exampleSync(db.url)
  await using _ = sync
  await sync.start()
  const counts = new Set<number>()
  const total = sync.views.grandTotal
  const watch = setInterval(() => counts.add(total.get()?.visits ?? -1), 1)
  await client.query(`INSERT INTO visit SELECT u.id, r.id, 1.25, 3 FROM users u, restaurant r`)
  await sync.catchUp()
  clearInterval(watch)
  counts.add(total.get()?.visits ?? -1)
  expect([...counts].toSorted((a, b) => a - b)).toEqual([0, 160_000])
  await expectExact(db, sync)
})

test('closing leaves neither slot nor session behind', async () => {
  await using db = await testDatabase()
  const { sync } = exampleSync(db.url)
  await sync.start()
  await sync.close()
  await sync.close()
  expect(sync.state).toBe('closed')
  expect(await db.query(`SELECT 1 FROM pg_replication_slots WHERE database = '${db.name}'`)).toEqual([])
  expect(
    await db.query(
      `SELECT application_name FROM pg_stat_activity WHERE datname = '${db.name}' AND application_name LIKE 'dbsync%'`,
    ),
  ).toEqual([])
  await expect(sync.catchUp()).rejects.toMatchObject({ code: 'SYNC.CLOSED' })
})

test('status tells position, tables and views', async () => {
  await using db = await testDatabase()
  const client = await db.connect()
  await seedExample(client, { users: 5, restaurants: 2, visits: 10 })
  const { sync } = exampleSync(db.url)
  await using _ = sync
  expect(sync.status()).toMatchObject({ state: 'created', slot: null })
  expect(() => sync.views.grandTotal.get()).toThrow(expect.objectContaining({ code: 'SYNC.NOT_READY' }))
  await sync.start()
  const lsn = await sync.catchUp()
  const status = sync.status()
  expect(status.state).toBe('live')
  expect(status.position >= lsn).toBe(true)
  expect(status.tables.map(({ model, rows, state }) => [model, rows, state])).toEqual(
    expect.arrayContaining([['Visit', 10, 'covered']]),
  )
  expect(status.views.map(({ name }) => name)).toEqual(Object.values(exampleViews).map(({ name }) => name))
})
