/*
 * The first minute: define a view, start the sync, read the view from memory, change a row, read again.
 *
 *   npm run example examples/quickstart/main.ts
 */
import { PrismaPg } from '@prisma/adapter-pg'
import { avg, count, createSync, defineView, eq } from 'prisma-dbsync'
import { testDatabase } from 'prisma-dbsync/testing'
import { PrismaClient } from '../../generated/client/client.ts'
import { Restaurant, schema, Visit } from '../../generated/dbsync/index.ts'

// One row a restaurant, also without a visit. `restaurantRating.sql` is the statement that it means.
const restaurantRating = defineView('restaurant_rating', (q) =>
  q
    .from({ r: Restaurant })
    .leftJoin({ v: Visit }, ({ r, v }) => eq(v.restaurantId, r.id))
    .groupBy(({ r }) => [r.id, r.name])
    .select(({ r, v }) => ({ id: r.id, name: r.name, visits: count(v.userId), rating: avg(v.visitRating) })),
)

// An empty database with the migrations applied. In your app: process.env.DATABASE_URL.
await using db = await testDatabase(schema)
const prisma = new PrismaClient({ adapter: new PrismaPg({ connectionString: db.url }) })

const ada = await prisma.user.create({
  data: { firstName: 'Ada', userName: 'ada', email: 'ada@example.com' },
})
await prisma.restaurant.create({ data: { id: 'r1', name: 'Trattoria Zoë' } })
await prisma.visit.create({
  data: { userId: ada.id, restaurantId: 'r1', amountSpent: '42.50', visitRating: 4 },
})

await using sync = createSync({ schema, connection: db.url, views: { restaurantRating } })
await sync.start() // the tables are read, and from here on the stream is followed
const { restaurantRating: ratings } = sync.views
console.log('at the start ', ratings.get('r1'))

// Whoever changes the tables, by Prisma, SQL or another process: the view follows.
ratings.subscribe(({ changes }) => {
  for (const { key, after } of changes) console.log(`${key} is now rated ${after?.rating}`)
})
const bob = await prisma.user.create({
  data: { firstName: 'Bob', userName: 'bob', email: 'bob@example.com' },
})
await prisma.visit.create({
  data: { userId: bob.id, restaurantId: 'r1', amountSpent: '18.00', visitRating: 5 },
})

await sync.catchUp() // read your own write: everything committed before this call is in the views
console.log('after a visit', ratings.get('r1'))

await prisma.$disconnect()
