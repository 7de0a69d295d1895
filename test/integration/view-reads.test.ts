import { expect, test } from 'vitest'
import { asc, count, createSync, defineView, desc, eq, sum } from 'prisma-dbsync'
import { Restaurant, schema, Visit } from '../../generated/dbsync/index.ts'
import { testDatabase } from '../support/database.ts'
import { cutStream, until } from '../support/faults.ts'
import { randomSource, randomTransaction, seedExample } from '../support/workload.ts'

const visits = defineView(
  'visits',
  (q) =>
    q.from({ v: Visit }).select(({ v }) => ({
      user: v.userId,
      restaurant: v.restaurantId,
      rating: v.visitRating,
      spent: v.amountSpent,
    })),
  { indexes: [['rating'], ['restaurant', 'rating']] },
)
const spending = defineView(
  'spending',
  (q) =>
    q
      .from({ r: Restaurant })
      .leftJoin({ v: Visit }, ({ r, v }) => eq(v.restaurantId, r.id))
      .groupBy(({ r }) => [r.id])
      .select(({ r, v }) => ({ id: r.id, visits: count(v.userId), spent: sum(v.amountSpent) })),
  { indexes: [['visits'], ['spent']] },
)

/** Ordered by what it does not show. */
const best = defineView(
  'best',
  (q) =>
    q
      .from({ v: Visit })
      .select(({ v }) => ({ user: v.userId, restaurant: v.restaurantId }))
      .orderBy(({ v }) => [
        desc(v.visitRating, { nulls: 'last' }),
        asc(v.amountSpent),
        asc(v.restaurantId),
        desc(v.userId),
      ]),
  { indexes: [['user']] },
)
const secondTen = defineView('second_ten', (q) =>
  q
    .from({ v: Visit })
    .select(({ v }) => ({ user: v.userId, restaurant: v.restaurantId, rating: v.visitRating }))
    .orderBy(({ v }) => [asc(v.visitRating), desc(v.restaurantId), asc(v.userId)])
    .limit(10)
    .offset(10),
)

test('rows stand in the order of the SQL at every moment, found ones too', async () => {
  await using db = await testDatabase()
  const client = await db.connect()
  await seedExample(client, { users: 20, restaurants: 15, visits: 200 })
  const sync = createSync({ schema, connection: db.url, views: { best, secondTen } })
  await using _ = sync
  await sync.start()
  const seed = Date.now() % 1_000_000
  const random = randomSource(seed)
  const keysOf = (rows: Iterable<object>): readonly string[] =>
    [...rows].map((row) => Object.values(row).map(String).join(' '))
  for (let round = 0; round < 20; round += 1) {
    if (round === 6) sync.views.best.subscribe(() => {})
    if (round === 8) sync.views.secondTen.subscribe(() => {})
    for (let turn = 0; turn < 4; turn += 1) await randomTransaction(client, random)
    await sync.catchUp()
    const rows = keysOf(await db.query(best.sql))
    expect([`seed ${seed}`, ...keysOf(sync.views.best.rows())]).toEqual([`seed ${seed}`, ...rows])
    expect(keysOf(sync.views.best.where({ user: 7 }))).toEqual(rows.filter((key) => key.startsWith('7 ')))
    expect(keysOf(sync.views.secondTen.all())).toEqual(keysOf(await db.query(secondTen.sql)))
  }
})

test('rows are found by the indexes of a view as SQL finds them, over commits and reconnects', async () => {
  await using db = await testDatabase()
  const client = await db.connect()
  await seedExample(client, { users: 20, restaurants: 15, visits: 200 })
  const sync = createSync({ schema, connection: db.url, views: { visits, spending } })
  await using _ = sync
  await sync.start()
  const seed = Date.now() % 1_000_000
  const random = randomSource(seed)

  /** What is found by each value that there is, and by one that there is not, beside what the server finds. */
  const expectFound = async (): Promise<void> => {
    await sync.catchUp()
    for (const rating of [null, 1, 2, 3, 4, 5, 77]) {
      const rows = await db.query(
        'SELECT user_id, restaurant_id FROM visit WHERE visit_rating IS NOT DISTINCT FROM $1',
        [rating],
      )
      const keys = rows.map(({ user_id: user, restaurant_id: restaurant }) => `${user} ${restaurant}`)
      const found = sync.views.visits.where({ rating })
      expect(found.map(({ user, restaurant }) => `${user} ${restaurant}`).toSorted(), `seed ${seed}`).toEqual(
        keys.toSorted(),
      )
      const inOne = sync.views.visits.where({ restaurant: 'r3', rating })
      expect(inOne.map(({ user }) => `${user} r3`).toSorted()).toEqual(
        keys.filter((key) => key.endsWith(' r3')).toSorted(),
      )
    }
    for (const row of sync.views.spending.all()) {
      expect(sync.views.spending.where({ visits: row.visits })).toContain(row)
      expect(sync.views.spending.where({ spent: row.spent })).toContain(row)
    }
    const grouped = await db.query<{ n: number; rows: number }>(
      'SELECT n::int, count(*)::int AS rows FROM (SELECT count(v.user_id) AS n FROM restaurant r ' +
        'LEFT JOIN visit v ON v.restaurant_id = r.id GROUP BY r.id) g GROUP BY n',
    )
    for (const { n, rows } of grouped) expect(sync.views.spending.where({ visits: n })).toHaveLength(rows)
    expect(sync.views.spending.all()).toHaveLength(sync.views.spending.size)
  }

  await expectFound()
  for (let round = 0; round < 12; round += 1) {
    if (round === 4) sync.views.visits.subscribe(() => {})
    for (let turn = 0; turn < 5; turn += 1) await randomTransaction(client, random)
    await expectFound()
  }
  const before = sync.status().reconnects
  await cutStream(db)
  await until(() => sync.status().reconnects > before && sync.state === 'live')
  await randomTransaction(client, random)
  await expectFound()
  await client.query('TRUNCATE visit')
  await expectFound()
  expect(sync.views.visits.where({ rating: 3 })).toEqual([])
})
