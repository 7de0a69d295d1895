/*
 * A property test of a view of yours: random histories, made of your schema, are applied to a real database; after every
 * transaction the view must be what its SQL answers. A failure is made as small as it gets, and printed as SQL with its seed.
 *
 *   npm run example -- --test examples/schema-tests/ratings.test.ts
 *
 * It is node:test here; in vitest it is the same with `test` from there.
 */
import { test } from 'node:test'
import fc from 'fast-check'
import { avg, count, createSync, defineView, eq, gte } from 'prisma-dbsync'
import { checkViews, recordChanges, testDatabase, verifyView } from 'prisma-dbsync/testing'
import assert from 'node:assert/strict'
import { Restaurant, schema, User, Visit } from '../../generated/dbsync/index.ts'

const ratings = defineView('ratings', (q) =>
  q
    .from({ r: Restaurant })
    .leftJoin({ v: Visit }, ({ r, v }) => eq(v.restaurantId, r.id))
    .groupBy(({ r }) => [r.id, r.name])
    .select(({ r, v }) => ({ id: r.id, name: r.name, visits: count(v.userId), rating: avg(v.visitRating) })),
)

const regulars = defineView('regulars', (q) =>
  q
    .from({ u: User })
    .innerJoin({ v: Visit }, ({ u, v }) => eq(v.userId, u.id))
    .groupBy(({ u }) => [u.id, u.userName])
    .having(() => gte(count(), 2))
    .select(({ u }) => ({ id: u.id, name: u.userName, visits: count() })),
)

test('the views are their SQL after every commit of any history', async () => {
  await using db = await testDatabase(schema)
  await using sync = createSync({ schema, connection: db.url, views: { ratings, regulars } })
  await sync.start()
  await checkViews(
    sync,
    { ratings, regulars },
    {
      runs: 25,
      // What your application knows and the schema does not say.
      with: { Visit: { visitRating: fc.option(fc.integer({ min: 1, max: 5 })) } },
    },
  )
})

test('a restaurant that is deleted takes its visits with it', async () => {
  await using db = await testDatabase(schema)
  await db.query(`
    INSERT INTO users (id, first_name, user_name, email) VALUES (1, 'Ada', 'ada', 'ada@example.com');
    INSERT INTO restaurant (id, name) VALUES ('r1', 'Nona'), ('r2', 'Zoë');
    INSERT INTO visit (user_id, restaurant_id, amount_spent) VALUES (1, 'r1', 10), (1, 'r2', 20)`)
  await using sync = createSync({
    schema,
    connection: db.url,
    slot: { durable: false },
    views: { regulars },
    changes: true,
  })
  await using changes = recordChanges(sync)
  await sync.start()
  assert.equal(sync.views.regulars.get(1)?.visits, 2)

  await db.query("DELETE FROM restaurant WHERE id = 'r2'")
  const { key } = await changes.next({ model: 'Visit', op: 'delete' })
  assert.deepEqual(key, { userId: 1, restaurantId: 'r2' })
  await verifyView(sync, regulars)
  assert.equal(sync.views.regulars.size, 0)
})
