/*
 * A view as a table of Postgres, which DBSync keeps and Prisma Client queries: filtered, sorted by an index, exact.
 * `schema.prisma` has its model, as `npx prisma-dbsync ddl` prints it.
 *
 *   npm run example examples/derived-table/main.ts
 */
import { PrismaPg } from '@prisma/adapter-pg'
import { avg, count, createSync, defineView, eq } from 'prisma-dbsync'
import { testDatabase } from 'prisma-dbsync/testing'
import { PrismaClient } from './generated/client/client.ts'
import { Restaurant, schema, Visit } from './generated/dbsync/index.ts'

const restaurantRating = defineView('restaurant_rating', (q) =>
  q
    .from({ r: Restaurant })
    .leftJoin({ v: Visit }, ({ r, v }) => eq(v.restaurantId, r.id))
    .groupBy(({ r }) => [r.id, r.city])
    .select(({ r, v }) => ({ id: r.id, city: r.city, visits: count(v.id), rating: avg(v.rating) })),
)

// An empty database with the migrations applied. In your app: process.env.DATABASE_URL.
await using db = await testDatabase(schema, { migrations: new URL('migrations', import.meta.url).pathname })
const prisma = new PrismaClient({ adapter: new PrismaPg({ connectionString: db.url }) })

for (const [id, city, ...ratings] of [
  ['zoe', 'Rome', 5, 4, 4],
  ['luca', 'Rome', 3, 2],
  ['nils', 'Oslo', 5],
] as const) {
  const visits = { create: ratings.map((rating) => ({ rating })) }
  await prisma.restaurant.create({ data: { id, name: `Chez ${id}`, city, visits } })
}

await using sync = createSync({
  schema,
  connection: db.url,
  tables: { restaurantRating: { view: restaurantRating, indexes: [['city', 'rating']] } },
})
await sync.start() // derived.restaurant_rating is there, and is the view's SQL

const bestIn = (city: string) =>
  prisma.restaurantRating.findMany({
    where: { city },
    orderBy: { rating: { sort: 'desc', nulls: 'last' } },
    take: 3,
  })

console.log('Rome:', await bestIn('Rome'))

await prisma.visit.deleteMany({ where: { restaurantId: 'luca' } })
await sync.catchUp() // what was committed before this call is in the table
console.log('Rome, without the visits of luca:', await bestIn('Rome'))

await prisma.$disconnect()
