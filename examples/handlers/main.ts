/*
 * Typed events: a search index that a batch sink keeps, with all rows that were there before, and a handler that hears of each
 * new visit. Both get every committed change, at least once, in commit order, also over crashes.
 *
 *   npm run example examples/handlers/main.ts
 */
import { EventEmitter, once } from 'node:events'
import { PrismaPg } from '@prisma/adapter-pg'
import { createSync, sink } from 'prisma-dbsync'
import { testDatabase } from 'prisma-dbsync/testing'
import { PrismaClient } from '../../generated/client/client.ts'
import { Restaurant, schema, type RestaurantAfter, type VisitInsert } from '../../generated/dbsync/index.ts'
import { SearchIndex } from './search-index.ts'

// An empty database with the migrations applied. In your app: process.env.DATABASE_URL.
await using db = await testDatabase(schema)
const prisma = new PrismaClient({ adapter: new PrismaPg({ connectionString: db.url }) })
await prisma.restaurant.create({
  data: { id: 'r1', name: 'Trattoria Zoë', tags: ['pasta', 'wine'], description: 'By the river' },
})

const index = new SearchIndex()
const news = new EventEmitter()

/** A large value that an update left alone is not in the WAL: such a field is absent, and keeps its words. */
function wordsOf({ name, description, tags }: RestaurantAfter): Record<string, string | undefined> {
  return { name, description: description ?? '', tags: tags?.join(' ') }
}

const restaurants = sink({
  models: [Restaurant],
  maxRows: 5_000, // a batch: the final state of each key, at most so many
  maxMs: 50, // and at most so late
  upsert: (_, rows) => {
    for (const row of rows) index.put(row.id, wordsOf(row))
    console.log(`indexed ${rows.map(({ id }) => id).join(', ')}`)
  },
  delete: (_, keys) => {
    for (const { id } of keys) index.remove(id)
    console.log(`removed ${keys.map(({ id }) => id).join(', ')}`)
  },
  truncate: () => index.clear(),
})

await using sync = createSync({
  schema,
  connection: db.url,
  slot: { name: 'search_index' }, // durable: what happens while we are away is delivered later
  snapshot: 'initial', // the rows that are there already come first
  sinks: [restaurants],
  handlers: {
    Visit: {
      insert({ after, tx }: VisitInsert) {
        console.log(
          `user ${after.userId} spent ${after.amountSpent.toFixed(2)} at ${after.restaurantId} (xid ${tx.xid})`,
        )
        news.emit('visit')
      },
    },
  },
})
await sync.start()
await index.until(() => index.search('wine').length === 1) // what was there before

await prisma.restaurant.create({ data: { id: 'r2', name: 'Wine & Cheese', tags: ['wine'] } })
const visited = once(news, 'visit')
await prisma.user.create({
  data: {
    firstName: 'Ada',
    userName: 'ada',
    email: 'ada@example.com',
    visits: { create: { restaurantId: 'r2', amountSpent: '9.90' } },
  },
})
await Promise.all([visited, index.until(() => index.search('wine').length === 2)])
console.log(`wine: ${index.search('wine').join(', ')}`)

// One transaction; its batch ends with it.
await prisma.$transaction([
  prisma.restaurant.update({ where: { id: 'r1' }, data: { tags: ['pasta'] } }),
  prisma.restaurant.delete({ where: { id: 'r2' } }),
])
await index.until(() => index.search('wine').length === 0)
console.log(`wine: nobody; pasta: ${index.search('pasta').join(', ')}`)
await prisma.$disconnect()
