import { afterAll, beforeAll, expect, test } from 'vitest'
import type { SyncEvent } from 'prisma-dbsync'
import { ReplicationSession } from '../../src/replication/replication-session.ts'
import { testDatabase } from '../support/database.ts'
import { cutStream, until, within } from '../support/faults.ts'
import { startEmbedded, type OwnServer } from '../support/server.ts'
import { exampleSync, expectExact } from '../support/views.ts'
import { seedExample } from '../support/workload.ts'

/* A server with one walsender and one slot. */
let server: OwnServer

beforeAll(async () => {
  server = await startEmbedded(['-c', 'max_wal_senders=1', '-c', 'max_replication_slots=1'])
})

afterAll(async () => {
  await server.stop()
})

const warnings = (events: readonly SyncEvent[]): string[] =>
  events.flatMap((event) => (event.kind === 'warning' ? [event.code] : []))

test('F18 no free slot: start is refused with what to do, and nothing is left behind', async () => {
  await using db = await testDatabase({ serverUrl: server.url })
  await db.query("SELECT pg_create_logical_replication_slot('taken', 'pgoutput')")
  const { sync } = exampleSync(db.url)
  const error: unknown = await sync.start().catch((thrown: unknown) => thrown)
  expect(error).toMatchObject({
    code: 'POSTGRES.LIMIT',
    recovery: 'fix',
    message: expect.stringMatching(/SQLSTATE 53400.*max_replication_slots/),
  })
  expect(sync.state).toBe('failed')
  await sync.close()
  expect(await db.query('SELECT slot_name FROM pg_replication_slots')).toEqual([{ slot_name: 'taken' }])
  await db.query("SELECT pg_drop_replication_slot('taken')")
  await until(
    async () =>
      (await db.query("SELECT 1 FROM pg_stat_activity WHERE application_name LIKE 'dbsync%'")).length === 0,
  )
})

test('F19 no free walsender: start is refused, a sync that was running waits for one', async () => {
  await using db = await testDatabase({ serverUrl: server.url })
  const client = await db.connect()
  await seedExample(client, { users: 30, restaurants: 10, visits: 200 })
  const { sync, events } = exampleSync(db.url, { slot: { name: 's', durable: true } })
  await using _ = sync
  await sync.start()
  const refused = exampleSync(db.url)
  expect(await within(20_000, refused.sync.start())).toBe('POSTGRES.LIMIT')
  await refused.sync.close()
  // Somebody takes the only walsender as soon as it is free.
  await cutStream(db)
  let taken: ReplicationSession | null = null
  await until(async () => {
    taken = await ReplicationSession.connect(db.url).catch(() => null)
    if (taken === null) await cutStream(db)
    return taken !== null
  }, 30_000)
  await client.query('UPDATE visit SET amount_spent = 9')
  await until(() =>
    events.some((event) => event.kind === 'reconnecting' && event.error.code === 'POSTGRES.LIMIT'),
  )
  expect(sync.state).not.toBe('failed')
  await (taken as ReplicationSession | null)?.close()
  await until(() => sync.state === 'live', 30_000)
  await expectExact(db, sync)
  // A slot that waits for us has missed nothing.
  expect(warnings(events)).toEqual(['SLOT.UNBOUNDED_WAL'])
}, 90_000)

test('F26 a durable slot on a server without a limit for its WAL is warned of, a temporary one is not', async () => {
  await using db = await testDatabase({ serverUrl: server.url })
  const temporary = exampleSync(db.url)
  await temporary.sync.start()
  await temporary.sync.close()
  expect(warnings(temporary.events)).toEqual([])
  const durable = exampleSync(db.url, { slot: { name: 's', durable: true } })
  await durable.sync.start()
  await cutStream(db)
  await until(() => durable.sync.status().reconnects > 0)
  await durable.sync.ready()
  await durable.sync.close()
  // Once, not with each session.
  expect(warnings(durable.events)).toEqual(['SLOT.UNBOUNDED_WAL'])
  await db.query("ALTER SYSTEM SET max_slot_wal_keep_size = '10GB'")
  await db.query('SELECT pg_reload_conf()')
  await until(async () => {
    const [row] = await db.query<{ size: string }>("SELECT current_setting('max_slot_wal_keep_size') AS size")
    return row?.size === '10GB'
  })
  const bounded = exampleSync(db.url, { slot: { name: 's', durable: true } })
  await bounded.sync.start()
  await bounded.sync.close()
  expect(warnings(bounded.events)).toEqual([])
})
