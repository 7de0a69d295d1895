import type { SyncEvent } from 'prisma-dbsync'
import { expect, test } from 'vitest'
import { Visit } from '../../generated/dbsync/index.ts'
import { testDatabase, type TestDatabase } from '../support/database.ts'
import { until, within } from '../support/faults.ts'
import { exampleSync, expectExact } from '../support/views.ts'
import { seedExample } from '../support/workload.ts'

/** Holds a lock on visits; the pid of the holder. */
async function hold(
  db: TestDatabase,
  mode: string,
): Promise<{ pid: number; release: () => Promise<unknown> }> {
  const holder = await db.connect()
  const { rows } = await holder.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')
  await holder.query(`BEGIN; LOCK TABLE visit IN ${mode} MODE`)
  return { pid: rows[0]?.pid ?? 0, release: () => holder.query('COMMIT') }
}

const saysWhom = (events: readonly SyncEvent[], pid: number): boolean =>
  events.some((event) => event.kind === 'waiting' && event.reason.includes(`pid ${pid} `))

test.concurrent('start waits for a lock that keeps a table out of the publication, and says who holds it', async () => {
  await using db = await testDatabase()
  const client = await db.connect()
  await seedExample(client, { users: 30, restaurants: 10, visits: 200 })
  const { pid, release } = await hold(db, 'SHARE UPDATE EXCLUSIVE')
  const { sync, events } = exampleSync(db.url)
  await using _ = sync
  const starting = sync.start()
  starting.catch(() => {})
  await until(() => saysWhom(events, pid), 30_000)
  await until(() => events.filter(({ kind }) => kind === 'waiting').length >= 2, 60_000)
  expect(sync.state).toBe('connecting')
  await release()
  expect(await within(30_000, starting)).toBe('done')
  await expectExact(db, sync)
}, 120_000)

test.concurrent('a chunk that cannot have its table waits, and says who holds it', async () => {
  await using db = await testDatabase()
  const client = await db.connect()
  await seedExample(client, { users: 30, restaurants: 10, visits: 200 })
  const { sync, events } = exampleSync(db.url)
  await using _ = sync
  await sync.start()
  const { pid, release } = await hold(db, 'ACCESS EXCLUSIVE')
  const refresh = sync.refresh(Visit)
  await until(() => saysWhom(events, pid), 30_000)
  expect(sync.state).toBe('live')
  await release()
  expect((await refresh).rows).toBe(200)
  await expectExact(db, sync)
}, 60_000)

test.concurrent('a chunk that fails again and again is told of each time, with its reason, and the views stay', async () => {
  await using db = await testDatabase()
  const client = await db.connect()
  await seedExample(client, { users: 30, restaurants: 10, visits: 200 })
  const { sync, events } = exampleSync(db.url)
  await using _ = sync
  await sync.start()
  // Whoever reads so is cancelled, as by a statement timeout that is too short for the table.
  const refresh = sync.refresh(Visit, {
    where: 'pg_cancel_backend(pg_backend_pid()) AND pg_sleep(1) IS NOT NULL',
  })
  refresh.then(
    () => {},
    () => {},
  )
  const retries = (): Extract<SyncEvent, { kind: 'chunk-retry' }>[] =>
    events.filter((event) => event.kind === 'chunk-retry')
  await until(() => retries().length >= 3, 30_000)
  expect(
    retries()
      .map(({ model, attempt }) => [model, attempt])
      .slice(0, 3),
  ).toEqual([1, 2, 3].map((attempt) => ['Visit', attempt]))
  expect(retries()[0]?.error).toMatchObject({ code: 'SNAPSHOT.CHUNK_FAILED', details: { sqlState: '57014' } })
  expect(sync.state).toBe('live')
  refresh.cancel()
  await client.query('UPDATE visit SET amount_spent = 3')
  await expectExact(db, sync)
})
