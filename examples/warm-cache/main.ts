/*
 * An HTTP API that serves ratings from memory, next to Prisma, which writes. After a write it answers with what the write made of
 * the view: `$fresh` waits for it.
 *
 *   npm run example examples/warm-cache/main.ts
 *   curl localhost:3000/restaurants/r1
 *   curl -X POST localhost:3000/restaurants/r1/visits -d '{ "userId": 1, "amountSpent": "12.30", "visitRating": 5 }'
 *   curl localhost:3000/top
 */
import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import { json } from 'node:stream/consumers'
import { PrismaPg } from '@prisma/adapter-pg'
import { avg, count, createSync, defineView, desc, asc, eq, isNotNull, withViews } from 'prisma-dbsync'
import { testDatabase } from 'prisma-dbsync/testing'
import * as z from 'zod'
import { PrismaClient } from '../../generated/client/client.ts'
import { Restaurant, schema, Visit } from '../../generated/dbsync/index.ts'

const ratings = defineView('ratings', (q) =>
  q
    .from({ r: Restaurant })
    .leftJoin({ v: Visit }, ({ r, v }) => eq(v.restaurantId, r.id))
    .groupBy(({ r }) => [r.id, r.name])
    .select(({ r, v }) => ({ id: r.id, name: r.name, visits: count(v.userId), rating: avg(v.visitRating) })),
)

// A view over the view: the ten best, in order, kept as rows move.
const top = defineView('top', (q) =>
  q
    .from({ s: ratings })
    .where(({ s }) => isNotNull(s.rating))
    .select(({ s }) => ({ id: s.id, name: s.name, rating: s.rating }))
    .orderBy(({ s }) => [desc(s.rating), asc(s.id)])
    .limit(10),
)

const visitForm = z.object({
  userId: z.int(),
  amountSpent: z.string().regex(/^\d+(\.\d\d?)?$/),
  visitRating: z.int().min(1).max(5).nullable().default(null),
})

// Your app's own database: process.env.DATABASE_URL.
await using db = await testDatabase(schema)
await using sync = createSync({ schema, connection: db.url, views: { ratings, top } })
const prisma = new PrismaClient({ adapter: new PrismaPg({ connectionString: db.url }) }).$extends(
  withViews(sync),
)
await prisma.user.createMany({
  data: ['ada', 'bob', 'eve'].map((name) => ({
    firstName: name,
    userName: name,
    email: `${name}@example.com`,
  })),
})
await prisma.restaurant.createMany({ data: ['r1', 'r2', 'r3'].map((id) => ({ id, name: `Bistro ${id}` })) })
await sync.start()

/** Status and body of an answer. */
async function answer(request: IncomingMessage): Promise<[status: number, body: unknown]> {
  const [resource, id = '', action] = (request.url ?? '/').slice(1).split('/')
  if (request.method === 'GET' && resource === 'top') return [200, prisma.$views.top.all()]
  if (resource !== 'restaurants') return [404, { error: 'not found' }]
  if (request.method === 'POST' && action === 'visits') {
    const visit = visitForm.safeParse(await json(request).catch(() => null))
    if (!visit.success) return [400, { error: z.prettifyError(visit.error) }]
    const key = { userId: visit.data.userId, restaurantId: id }
    await prisma.visit.upsert({
      where: { userId_restaurantId: key },
      create: { ...key, ...visit.data },
      update: visit.data,
    })
    await prisma.$fresh()
  }
  // No query, no cache to invalidate: a look into this process's memory.
  const rating = prisma.$views.ratings.get(id)
  return rating === undefined ? [404, { error: `there is no restaurant ${id}` }] : [200, rating]
}

const server = createServer((request, response) => {
  answer(request)
    .catch((): [number, unknown] => [500, { error: 'the visit could not be written' }])
    .then(([status, body]) => {
      response.writeHead(status, { 'content-type': 'application/json' }).end(`${JSON.stringify(body)}\n`)
    }, console.error)
})
server.listen(Number(process.env['PORT'] ?? 3000), () => {
  const address = server.address()
  if (address !== null && typeof address === 'object') console.log(`http://localhost:${address.port}/top`)
})
await Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')])
server.close()
await prisma.$disconnect()
