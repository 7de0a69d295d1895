import { createSync, defineView, eq, max } from 'prisma-dbsync'
import { expect, test } from 'vitest'
import { Restaurant, schema, Visit } from '../../../generated/dbsync/index.ts'
import { testDatabase, type TestDatabase } from '../../support/database.ts'
import { until } from '../../support/faults.ts'
import { seedVisits, startWriters } from '../../support/workload.ts'

const best = defineView('best', (q) =>
  q
    .from({ r: Restaurant })
    .leftJoin({ v: Visit }, ({ r, v }) => eq(v.restaurantId, r.id))
    .groupBy(({ r }) => [r.id])
    .select(({ r, v }) => ({ id: r.id, best: max(v.visitRating) })),
)

const syncOf = (db: TestDatabase) =>
  createSync({
    schema,
    connection: db.url,
    slot: { name: db.name },
    columns: { best: { view: best, model: Restaurant, set: { rating: 'best' } } },
  })

/** Restaurants whose column is not what the view's SQL says. */
function wrong(db: TestDatabase): Promise<unknown> {
  return db.query(
    `SELECT id, rating, best FROM restaurant JOIN (${best.sql}) AS v USING (id) WHERE rating IS DISTINCT FROM best`,
  )
}

test('columns of a model follow a view under writers, and do not feed back', async () => {
  await using db = await testDatabase()
  await seedVisits(db)
  await using sync = syncOf(db)
  await sync.start()
  expect(await wrong(db)).toEqual([])
  const seed = Number(process.env['DBSYNC_SEED'] ?? Math.floor(Math.random() * 2 ** 31))
  const writers = startWriters(await Promise.all([db.connect(), db.connect()]), seed)
  await until(() => sync.status().changes > 400)
  await writers.stop()
  await sync.catchUp()
  expect([seed, await wrong(db)]).toEqual([seed, []])
  const checkpoint = (): Promise<unknown> => db.query('SELECT lsn FROM dbsync.checkpoint')
  const before = await checkpoint()
  await new Promise((done) => setTimeout(done, 700))
  expect(await checkpoint()).toEqual(before)
})

test('a view that does not read the model, or reads what it writes, is refused', () => {
  const perRestaurant = defineView('per_restaurant', (q) =>
    q
      .from({ v: Visit })
      .groupBy(({ v }) => [v.restaurantId])
      .select(({ v }) => ({ id: v.restaurantId, best: max(v.visitRating) })),
  )
  const own = defineView('own', (q) =>
    q.from({ r: Restaurant }).select(({ r }) => ({ id: r.id, rating: r.rating })),
  )
  const make = (view: typeof own | typeof perRestaurant, output: string) => () =>
    createSync({
      schema,
      connection: 'postgresql://localhost/x',
      columns: { x: { view, model: Restaurant, set: { rating: output } } },
    })
  expect(() =>
    createSync({ schema, connection: 'postgresql://localhost/x', tables: { own }, slot: { durable: false } }),
  ).toThrow(/slot\.durable/)
  const set = { rating: 'best' }
  expect(() =>
    createSync({
      schema,
      connection: 'postgresql://localhost/x',
      columns: { a: { view: best, model: Restaurant, set }, b: { view: best, model: Restaurant, set } },
    }),
  ).toThrow(/columns: the view "best" is written twice/)
  expect(make(perRestaurant, 'best')).toThrow(/does not read Restaurant/)
  expect(make(own, 'rating')).toThrow(expect.objectContaining({ code: 'STORE.LOOP' }))
})
