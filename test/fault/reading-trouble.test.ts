import { afterEach, expect, test, vi } from 'vitest'
import { ChunkWriter } from '../../src/changes/chunk-writer.ts'
import { DbsyncError } from '../../src/core/errors.ts'
import { Restaurant, Visit } from '../../generated/dbsync/index.ts'
import { testDatabase } from '../support/database.ts'
import { proxy, sleep, until, within } from '../support/faults.ts'
import { exampleSync, expectExact } from '../support/views.ts'
import { seedExample, seedVisits } from '../support/workload.ts'

afterEach(() => {
  vi.restoreAllMocks()
})

test('a chunk that ends in the middle of its merge is not gone on with: the tables are read anew', async () => {
  await using db = await testDatabase()
  await seedVisits(db, 500)
  const { sync, events } = exampleSync(db.url, { slot: { name: `s_${db.name}`, durable: true } })
  await sync.start()
  // oxlint-disable-next-line typescript/unbound-method -- called with its object below
  const { write } = ChunkWriter.prototype
  let rows = 0
  vi.spyOn(ChunkWriter.prototype, 'write').mockImplementation(function (this: ChunkWriter, ...args) {
    rows += 1
    if (rows === 10) throw new DbsyncError('WAL.MALFORMED', 'torn by the test')
    write.apply(this, args)
  })
  expect(await within(10_000, Promise.resolve(sync.refresh(Visit)))).toBe('WAL.MALFORMED')
  vi.restoreAllMocks()
  await until(() => events.some(({ kind }) => kind === 'reconnecting'))
  await sync.ready()
  const hydrations = events.filter((event) => event.kind === 'state' && event.state === 'hydrating')
  expect(hydrations.length).toBe(2)
  await expectExact(db, sync)
  await sync.close()
})

test('a lock that keeps a chunk waiting keeps neither transactions in memory nor WAL at the server', async () => {
  await using db = await testDatabase()
  await seedVisits(db, 500)
  const { sync } = exampleSync(db.url, { slot: { name: `s_${db.name}`, durable: true } })
  await sync.start()
  const holder = await db.connect()
  await holder.query('BEGIN; LOCK TABLE restaurant IN ACCESS EXCLUSIVE MODE')
  const refresh = sync.refresh(Restaurant)
  await sleep(500)
  await db.query('UPDATE visit SET amount_spent = 1')
  const [written] = await db.query<{ lsn: string }>('SELECT pg_current_wal_insert_lsn()::text AS lsn')
  const isConfirmed = async (): Promise<boolean> => {
    const [row] = await db.query<{ ok: boolean }>(
      `SELECT confirmed_flush_lsn >= '${written?.lsn ?? ''}' AS ok FROM pg_replication_slots WHERE slot_name = 's_${db.name}'`,
    )
    return row?.ok === true
  }
  expect(await within(20_000, until(isConfirmed, 18_000))).toBe('done')
  await holder.query('ROLLBACK')
  await refresh
  await sync.close()
}, 40_000)

test('a refresh of a part outlives control sessions that are lost while it looks for what is gone', async () => {
  await using db = await testDatabase()
  const client = await db.connect()
  await seedExample(client, { users: 300, restaurants: 100, visits: 25_000 })
  const { sync } = exampleSync(db.url)
  await sync.start()
  let isOver = false
  let cuts = 0
  const cutting = (async () => {
    // So many and no more: each makes the next wait longer, and on a slow machine no batch would fit between two.
    while (!isOver && cuts < 6) {
      const { rowCount } = await client.query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'dbsync control' AND datname = '${db.name}'`,
      )
      cuts += rowCount ?? 0
      await sleep(60)
    }
  })()
  // Whatever the condition does not select is looked for, batch by batch.
  expect(await within(30_000, Promise.resolve(sync.refresh(Visit, { where: 'false' })))).toBe('done')
  isOver = true
  await cutting
  expect(cuts).toBeGreaterThan(0)
  await expectExact(db, sync)
  await sync.close()
}, 40_000)

test('closing while the stream begins leaves no timer behind', async () => {
  await using db = await testDatabase()
  await seedVisits(db, 500)
  const link = await proxy(db.url)
  const timers = vi.spyOn(globalThis, 'setInterval')
  const ended = vi.spyOn(globalThis, 'clearInterval')
  const { sync } = exampleSync(link.url)
  const closing: Promise<void>[] = []
  link.onDown = ({ name }, chunk) => {
    // The answer to START_REPLICATION is on its way.
    if (name === 'dbsync replication' && chunk[0] === 0x57) closing.push(sync.close())
  }
  await within(10_000, sync.start())
  expect(closing.length).toBeGreaterThan(0)
  await Promise.all(closing)
  const open = new Set(timers.mock.results.map(({ value }) => value as unknown))
  for (const [timer] of ended.mock.calls) open.delete(timer)
  expect(open.size).toBe(0)
  link.close()
})
