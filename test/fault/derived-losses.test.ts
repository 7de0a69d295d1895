import { execFileSync } from 'node:child_process'
import type { SyncEvent } from 'prisma-dbsync'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { testDatabase } from '../support/database.ts'
import {
  EXAMPLE_TABLES,
  expectDerived,
  expectSpendElsewhere,
  queryable,
  startReader,
} from '../support/derived-readers.ts'
import { cutStream, proxy, until, within } from '../support/faults.ts'
import { startEmbedded, type OwnServer } from '../support/server.ts'
import { connect } from '../support/standby.ts'
import { exampleSync } from '../support/views.ts'
import { seedVisits } from '../support/workload.ts'

/* What becomes of derived tables when the stream behind them has a gap; a server of our own, since it is halted and restored. */
let server: OwnServer

beforeAll(async () => {
  server = await startEmbedded(['-c', 'max_slot_wal_keep_size=16MB', '-c', 'checkpoint_timeout=1h'])
})

afterAll(async () => {
  await within(10_000, server.stop())
})

type Instance = ReturnType<typeof exampleSync>

function instance(url: string, slot: string, target = url): Instance {
  return exampleSync(url, {
    tables: EXAMPLE_TABLES,
    slot: { name: slot },
    ...(target === url ? {} : { target }),
  })
}

const warnings = (events: readonly SyncEvent[]): string[] =>
  events.flatMap((event) =>
    event.kind === 'warning' && event.code !== 'SLOT.UNBOUNDED_WAL' ? [event.code] : [],
  )

const rebuilt = (events: readonly SyncEvent[]): number =>
  events.filter(({ kind }) => kind === 'store-rebuilt').length

/** A copy in the place of what is there, with owners and times. */
function copyFolder(from: string, to: string): void {
  execFileSync('sh', ['-c', `rm -rf ${to} && cp -a ${from} ${to}`])
}

test('F15 F16 a slot that is dropped, or made again by somebody, is told of; readers keep the rows until they are exact again', async () => {
  await using db = await testDatabase({ serverUrl: server.url })
  await seedVisits(db)
  const slot = `s_${db.name}`
  const { sync, events } = instance(db.url, slot)
  await sync.start()
  const reader = await startReader(db)
  for (const isMadeAgain of [false, true]) {
    const [told, times] = [warnings(events).length, rebuilt(events)]
    // Between two sessions of the sync; tried until it falls there.
    await until(async () => {
      await cutStream(db)
      try {
        await db.query('SELECT pg_drop_replication_slot($1)', [slot])
      } catch {
        return false
      }
      await db.query('UPDATE visit SET visit_rating = 6 - visit_rating, amount_spent = amount_spent + 1')
      if (!isMadeAgain) return true
      return db.query("SELECT pg_create_logical_replication_slot($1, 'pgoutput')", [slot]).then(
        () => true,
        () => false,
      )
    }, 30_000)
    await until(() => rebuilt(events) > times, 30_000)
    await sync.catchUp()
    await expectDerived(db)
    expect(warnings(events).slice(told)).toContain('SLOT.MISSING')
  }
  expect((await reader.stop()).wrong).toEqual([])
  await sync.close()
}, 90_000)

test('F12 F27 a slot that the server gave up while nobody streamed is told of, and the tables are mended at the next start', async () => {
  await using db = await testDatabase({ serverUrl: server.url })
  await seedVisits(db)
  const slot = `s_${db.name}`
  const first = instance(db.url, slot)
  await first.sync.start()
  await first.sync.close()
  await db.query(
    'DELETE FROM users WHERE id % 3 = 0; UPDATE visit SET amount_spent = 7 WHERE user_id % 3 = 1',
  )
  await db.query('CREATE TABLE ballast (body text); ALTER TABLE ballast ALTER body SET STORAGE EXTERNAL')
  await until(async () => {
    await db.query("INSERT INTO ballast SELECT repeat('x', 1048576) FROM generate_series(1, 16)")
    await db.query('CHECKPOINT')
    const [row] = await db.query<{ status: string }>(
      'SELECT wal_status AS status FROM pg_replication_slots WHERE slot_name = $1',
      [slot],
    )
    return row?.status === 'lost'
  }, 60_000)
  const reader = await startReader(db)
  const second = instance(db.url, slot)
  await second.sync.start()
  expect(warnings(second.events)).toContain('SLOT.INVALIDATED')
  await expectDerived(db)
  await db.query('UPDATE visit SET amount_spent = 8 WHERE user_id = 1')
  await second.sync.catchUp()
  await expectDerived(db)
  expect((await reader.stop()).wrong).toEqual([])
  await second.sync.close()
}, 90_000)

test('F31 F33 a source that comes back from a backup is told of, and tables there and elsewhere are brought back to what it has', async () => {
  await using db = await testDatabase({ serverUrl: server.url })
  await using elsewhere = await testDatabase({ schema: 'empty' })
  await seedVisits(db)
  const link = await proxy(db.url)
  const here = instance(link.url, `h_${db.name}`)
  const there = instance(link.url, `t_${db.name}`, elsewhere.url)
  try {
    await here.sync.start()
    await there.sync.start()
    const backup = `${server.dataDir}-backup`
    link.retarget('postgresql://127.0.0.1:9')
    await server.halt()
    copyFolder(server.dataDir, backup)
    await server.start()
    link.retarget(db.url)
    let source = await connect(db.url)
    await source.query('DELETE FROM visit WHERE user_id < 20; UPDATE visit SET amount_spent = 7')
    await here.sync.catchUp()
    await there.sync.catchUp()
    await expectDerived(queryable(source))
    await expectSpendElsewhere(queryable(source), elsewhere)
    await source.end()
    const since = { here: here.events.length, there: there.events.length }
    link.retarget('postgresql://127.0.0.1:9')
    await server.halt()
    copyFolder(backup, server.dataDir)
    execFileSync('rm', ['-rf', backup])
    await server.start()
    link.retarget(db.url)
    source = await connect(db.url)
    await until(
      () => rebuilt(here.events.slice(since.here)) > 0 && rebuilt(there.events.slice(since.there)) > 0,
      60_000,
    )
    await here.sync.catchUp()
    await there.sync.catchUp()
    const restored = queryable(source)
    await expectDerived(restored)
    await expectSpendElsewhere(restored, elsewhere)
    expect({
      here: warnings(here.events.slice(since.here)),
      there: warnings(there.events.slice(since.there)),
    }).toEqual({
      here: ['POSTGRES.HISTORY'],
      there: ['POSTGRES.HISTORY'],
    })
    await source.query('UPDATE visit SET amount_spent = 9 WHERE user_id = 1')
    await here.sync.catchUp()
    await there.sync.catchUp()
    await expectDerived(restored)
    await expectSpendElsewhere(restored, elsewhere)
    await source.end()
  } finally {
    await Promise.all([here, there].map(({ sync }) => within(10_000, sync.close())))
    link.close()
  }
}, 120_000)
