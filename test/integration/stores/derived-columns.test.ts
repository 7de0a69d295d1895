import { expect, test } from 'vitest'
import type { DerivedColumnsOptions } from '../../../src/stores/postgres/derived-columns.ts'
import type { StoredView } from '../../../src/stores/view-store.ts'
import { testDatabase, type TestDatabase } from '../../support/database.ts'
import { sleep, until } from '../../support/faults.ts'
import { at, storedView, storeOf, write } from '../../support/postgres-store.ts'

const view = storedView('rating', ['b', 'a'], {
  a: 'integer',
  average: 'numeric?',
  b: 'text',
  visits: 'bigint',
})

const columns = (set: Readonly<Record<string, string>>): DerivedColumnsOptions => ({
  schema: 'public',
  table: 'Restaurant',
  key: new Map([
    ['id', 'a'],
    ['city', 'b'],
  ]),
  set: new Map(Object.entries(set)),
})

const both = columns({ rating: 'average', 'number of visits': 'visits' })

const storeOn = (
  db: Pick<TestDatabase, 'url'>,
  options = both,
  one: StoredView = view,
  pipeline = 'p',
): ReturnType<typeof storeOf> => storeOf(db, [], { pipeline, columns: new Map([[one.name, options]]) })

async function example(): Promise<TestDatabase> {
  const db = await testDatabase({ schema: 'empty' })
  await db.query(`CREATE TABLE "Restaurant" (id integer, city text, name text, rating numeric(10,2),
                  "number of visits" bigint NOT NULL DEFAULT 3 * 4, PRIMARY KEY (id, city))`)
  await db.query(
    `INSERT INTO "Restaurant" VALUES (1, 'x', 'a', 9, 9), (2, 'x', 'b', NULL, 12), (1, 'y', 'c', 8, 8)`,
  )
  return db
}

const rows = (db: TestDatabase): Promise<unknown> =>
  db.query(
    `SELECT concat_ws(' ', id, city, name, coalesce(rating::text, 'null'), "number of visits") AS row FROM "Restaurant" ORDER BY city, id`,
  )
const are = (...texts: string[]): unknown => texts.map((row) => ({ row }))

test('rows of a view are written into the rows of its keys; those that it lacks get the default', async () => {
  await using db = await example()
  await using store = storeOn(db)
  expect(await store.open([view], { takeOver: true })).toBe(null)
  await store.begin({ kind: 'whole', views: [view] })
  await store.upsert(view, [
    ['1', '1.00', 'x', '1'],
    ['5', '1.00', 'x', '1'],
    ['2', '1', 'x', '1'],
  ])
  // What changed meanwhile.
  await store.delete(view, [['x', '2']])
  await store.upsert(view, [['1', '4.5000', 'x', '2']])
  await store.commit(at(16))
  expect(await rows(db)).toEqual(are('1 x a 4.50 2', '2 x b null 12', '1 y c null 12'))
  await write(store, 'changes', 32, [
    {
      view,
      deletes: [
        ['x', '1'],
        ['nowhere', '1'],
      ],
      rows: [
        ['2', null, 'x', '0'],
        ['1', '3', 'y', '1'],
        ['7', '3', 'y', '1'],
      ],
    },
  ])
  expect(await rows(db)).toEqual(are('1 x a null 12', '2 x b null 0', '1 y c 3.00 1'))
  expect(
    await db.query('SELECT name, view, state, lsn::text FROM dbsync.derived_table ORDER BY name'),
  ).toEqual([
    { name: 'Restaurant.number of visits', view: 'rating', state: 'live', lsn: '0/20' },
    { name: 'Restaurant.rating', view: 'rating', state: 'live', lsn: '0/20' },
  ])
  await using next = storeOn(db)
  expect(await next.open([view], { takeOver: true })).toBe(at(32))
  // Another default, and another set of columns: all rows are needed.
  await db.query('ALTER TABLE "Restaurant" ALTER COLUMN "number of visits" SET DEFAULT 0')
  expect(await next.open([view], { takeOver: true })).toBe(null)
  await using fewer = storeOn(db, columns({ rating: 'average' }))
  expect(await fewer.open([view], { takeOver: true })).toBe(null)
})

test('rows whose values do not change are not touched, however the values are written', async () => {
  await using db = await example()
  await using store = storeOn(db)
  await store.open([view], { takeOver: true })
  await write(store, 'whole', 16, [
    {
      view,
      rows: [
        ['1', '4.5', 'x', '2'],
        ['2', '1.005', 'x', '1'],
      ],
    },
  ])
  const versions = (): Promise<unknown> =>
    db.query('SELECT id, city, ctid, xmin, xmax FROM "Restaurant" ORDER BY id, city')
  const before = await versions()
  await write(store, 'changes', 32, [
    {
      view,
      rows: [
        ['1', '4.50000', 'x', '2'],
        ['2', '1.005', 'x', '1'],
      ],
    },
  ])
  await write(store, 'changes', 48, [{ view, deletes: [['y', '1']] }])
  await write(store, 'whole', 64, [
    {
      view,
      rows: [
        ['1', '4.5', 'x', '2'],
        ['2', '1.01', 'x', '1'],
      ],
    },
  ])
  expect(await versions()).toEqual(before)
})

test('the application’s rows are locked at the end of a batch alone, and its own changes stay', async () => {
  await using db = await example()
  await using store = storeOn(db)
  await store.open([view], { takeOver: true })
  await store.begin({ kind: 'whole', views: [view] })
  await store.upsert(view, [['1', '4.5', 'x', '2']])
  await db.query(`UPDATE "Restaurant" SET name = 'renamed' WHERE id = 1`)
  const app = await db.connect()
  await app.query(`BEGIN; UPDATE "Restaurant" SET name = 'again' WHERE id = 1 AND city = 'x'`)
  let isDone = false
  const committed = store.commit(at(16)).then(() => (isDone = true))
  await until(
    async () =>
      (
        await db.query(
          `SELECT FROM pg_stat_activity WHERE datname = '${db.name}' AND application_name = 'dbsync store' AND wait_event_type = 'Lock'`,
        )
      ).length > 0,
  )
  await sleep(100)
  expect(isDone).toBe(false)
  await app.query('COMMIT')
  await committed
  expect(await rows(db)).toEqual(are('1 x again 4.50 2', '2 x b null 12', '1 y renamed null 12'))
  // Of changes too.
  await store.begin({ kind: 'changes', views: [view] })
  await store.delete(view, [['x', '1']])
  await store.upsert(view, [['2', '1', 'x', '1']])
  await db.query(`UPDATE "Restaurant" SET name = 'third'`)
  await store.commit(at(32))
  expect(await rows(db)).toEqual(are('1 x third null 12', '2 x third 1.00 1', '1 y third null 12'))
})

test('columns that cannot be written, or not to a known value, are refused', async () => {
  await using db = await example()
  await db.query(`ALTER TABLE "Restaurant" ADD COLUMN made numeric GENERATED ALWAYS AS (id) STORED,
    ADD COLUMN strict bigint NOT NULL DEFAULT 0, ADD COLUMN stamp timestamptz DEFAULT now(), ADD COLUMN dice float8 DEFAULT random()`)
  await db.query('ALTER TABLE "Restaurant" ALTER COLUMN strict DROP DEFAULT')
  const refused = async (options: DerivedColumnsOptions): Promise<unknown> => {
    await using store = storeOn(db, options)
    return await store.open([view], { takeOver: true }).catch((error: { code: string }) => error.code)
  }
  expect(await refused(columns({ made: 'average' }))).toBe('STORE.UNSUPPORTED')
  expect(await refused(columns({ strict: 'visits' }))).toBe('STORE.UNSUPPORTED')
  expect(await refused(columns({ stamp: 'visits' }))).toBe('STORE.UNSUPPORTED')
  expect(await refused(columns({ dice: 'visits' }))).toBe('STORE.UNSUPPORTED')
  expect(await refused(columns({ none: 'visits' }))).toBe('CONTRACT.COLUMN_MISSING')
  expect(await refused({ ...both, table: 'restaurant' })).toBe('CONTRACT.TABLE_MISSING')
  expect(await db.query("SELECT FROM pg_namespace WHERE nspname = 'dbsync'")).toEqual([])
  expect(await refused(both)).toBe(null)
  await using other = storeOn(db, columns({ rating: 'average' }), view, 'other')
  await expect(other.open([view], { takeOver: true })).rejects.toMatchObject({ code: 'STORE.TABLE_IN_USE' })
})

test('a role that may not write the columns is told the SQL, and that is enough', async () => {
  await using db = await example()
  const role = `role ${db.name}`
  await db.query(
    `CREATE ROLE "${role}" LOGIN PASSWORD 'secret'; GRANT CREATE ON DATABASE ${db.name} TO "${role}"`,
  )
  const url = new URL(db.url)
  url.username = encodeURIComponent(role)
  url.password = 'secret'
  try {
    await using store = storeOn({ url: url.href })
    const error: unknown = await store.open([view], { takeOver: true }).catch((reason: unknown) => reason)
    expect(error).toMatchObject({ code: 'POSTGRES.PERMISSION' })
    await db.query((error as { details: { sql: string } }).details.sql)
    expect(await store.open([view], { takeOver: true })).toBe(null)
    await write(store, 'whole', 16, [{ view, rows: [['1', '4.5', 'x', '2']] }])
    await write(store, 'changes', 32, [{ view, deletes: [['x', '1']], rows: [['2', '1', 'x', '2']] }])
    expect(await rows(db)).toEqual(are('1 x a null 12', '2 x b 1.00 2', '1 y c null 12'))
    // A constraint of the application's is its view's trouble alone.
    await db.query('ALTER TABLE "Restaurant" ADD CHECK (rating < 5)')
    await store.begin({ kind: 'changes', views: [view] })
    await store.upsert(view, [['2', '6', 'x', '2']])
    await expect(store.commit(at(48))).rejects.toMatchObject({
      code: 'STORE.ROW_REFUSED',
      details: { view: 'rating', sqlState: '23514' },
    })
    // What was refused is forgotten.
    await write(store, 'changes', 48, [{ view, rows: [['1', '2', 'y', '7']] }])
    expect(await rows(db)).toEqual(are('1 x a null 12', '2 x b 1.00 2', '1 y c 2.00 7'))
  } finally {
    await db.query(`DROP OWNED BY "${role}" CASCADE; DROP ROLE "${role}"`)
  }
})
