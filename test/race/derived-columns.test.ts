import { createSync, defineView, eq, max } from 'prisma-dbsync'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Restaurant, schema, Visit } from '../../generated/dbsync/index.ts'
import { testDatabase } from '../support/database.ts'
import { sleep, until } from '../support/faults.ts'
import { hang, holdCommits, localClient } from '../support/held-commits.ts'
import { startEmbedded, type OwnServer } from '../support/server.ts'
import { seedExample } from '../support/workload.ts'

let server: OwnServer

beforeAll(async () => {
  server = await startEmbedded()
})

afterAll(async () => {
  await server.stop()
})

const best = defineView('best', (q) =>
  q
    .from({ r: Restaurant })
    .leftJoin({ v: Visit }, ({ r, v }) => eq(v.restaurantId, r.id))
    .groupBy(({ r }) => [r.id])
    .select(({ r, v }) => ({ id: r.id, best: max(v.visitRating) })),
)

test('a row that is streamed before it is visible gets its derived columns once it is', async () => {
  await using db = await testDatabase({ serverUrl: server.url })
  const observer = await localClient(db)
  await seedExample(observer, { users: 20, restaurants: 9, visits: 100 })
  await using sync = createSync({
    schema,
    connection: db.url,
    columns: { best: { view: best, model: Restaurant, set: { rating: 'best' } } },
  })
  await sync.start()
  await using held = await holdCommits(observer)
  const { changes } = sync.status()
  const { ended } = await hang(
    db,
    observer,
    "BEGIN; INSERT INTO restaurant (id, name) VALUES ('new', 'New'); INSERT INTO visit VALUES (1, 'new', 1, 4); COMMIT",
  )
  await until(() => sync.status().changes >= changes + 2)
  // What the stream has told is not to be found yet.
  await sleep(300)
  await held.release()
  await ended
  await sync.catchUp()
  const { rows } = await observer.query("SELECT rating FROM restaurant WHERE id = 'new'")
  expect(rows).toEqual([{ rating: 4 }])
})
