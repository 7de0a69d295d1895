import { createSync, redisKey, redisStore } from 'prisma-dbsync'
import { expect, test } from 'vitest'
import { schema } from '../../../generated/dbsync/index.ts'
import { testDatabase } from '../../support/database.ts'
import { forget, redisClient, redisPlace, redisRows, startRedis } from '../../support/redis.ts'
import { exampleViews } from '../../support/views.ts'

test('a sync keeps its views in Redis: after catchUp every row is there as a reader of the view has it', async () => {
  await using db = await testDatabase()
  await using server = await startRedis()
  await using client = await redisClient(server.url)
  await using at = redisPlace(client)
  const { prefix } = at
  const { restaurantRating, userSpend } = exampleViews
  await db.query(
    "INSERT INTO restaurant (id, name) VALUES ('r:1', 'Café'), ('r2', 'Bar'); INSERT INTO users (first_name, user_name, email) VALUES ('Ann', 'ann', 'a')",
  )
  await using sync = createSync({
    schema,
    connection: db.url,
    slot: { name: db.name },
    views: exampleViews,
    stores: [{ store: redisStore(client, { prefix, format: 'json' }), views: [restaurantRating, userSpend] }],
  })
  await sync.start()
  const expectSame = async (): Promise<void> => {
    await sync.catchUp()
    const ratings = [...sync.views.restaurantRating.rows()]
    const found = await client.mGet(ratings.map((row) => redisKey(restaurantRating, row.id, { prefix })))
    expect(found.map((text): unknown => JSON.parse(text ?? 'null'))).toEqual(
      ratings.map((row): unknown => JSON.parse(JSON.stringify(row))),
    )
    expect(Object.keys(await redisRows(client, prefix))).toHaveLength(
      ratings.length + sync.views.userSpend.size,
    )
  }
  await expectSame()
  await db.query(
    "INSERT INTO visit (user_id, restaurant_id, amount_spent, visit_rating) VALUES (1, 'r:1', 10.25, 4)",
  )
  await expectSame()
  await db.query(
    "DELETE FROM restaurant WHERE id = 'r2'; UPDATE restaurant SET name = 'Bistro' WHERE id = 'r:1'",
  )
  await expectSame()
  await forget(client, prefix)
  await db.query("UPDATE restaurant SET name = 'Brasserie' WHERE id = 'r:1'")
  await expectSame()
})
