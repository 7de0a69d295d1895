import { fork } from 'node:child_process'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { createSync, sink, type AnyChange, type SyncEvent } from 'prisma-dbsync'
import { expect, test } from 'vitest'
import { Restaurant, schema } from '../../generated/dbsync/index.ts'
import { testDatabase } from '../support/database.ts'
import { cutStream, sleep, until } from '../support/faults.ts'
import type { MemoryReport } from '../support/memory-child.ts'
import { startEmbedded } from '../support/server.ts'
import { exampleSync, exampleViews, expectExact } from '../support/views.ts'
import { seedExample } from '../support/workload.ts'

const MB = 1024 * 1024

test('a transaction of 300 000 changes goes through views and a handler in bounded memory', async () => {
  await using db = await testDatabase()
  const client = await db.connect()
  await seedExample(client, { users: 300, restaurants: 100, visits: 30_000 })
  const updates = 10
  const child = fork(
    resolve(import.meta.dirname, '../support/memory-child.ts'),
    [db.url, `s_${db.name}`, String(30_000 * updates)],
    { execArgv: ['--import', 'tsx', '--conditions=prisma-dbsync-source'] },
  )
  const reports: MemoryReport[] = []
  child.on('message', (report) => reports.push(report as MemoryReport))
  const exited = new Promise<void>((done) => child.on('exit', () => done()))
  try {
    await until(() => reports.length > 0 || child.exitCode !== null, 60_000)
    const update = 'UPDATE visit SET amount_spent = amount_spent + 1'
    await client.query(`BEGIN; ${Array.from({ length: updates }, () => update).join('; ')}; COMMIT`)
    await until(() => reports.length > 1 || child.exitCode !== null, 120_000)
    const report = reports[1]
    if (report?.kind !== 'done') throw new Error('the process has ended before its time')
    expect(report.rows).toBe(300_000)
    // About 130 where the collector comes in time; decoded all at once, out of memory, the changes are 300.
    expect((report.peak - report.base) / MB).toBeLessThan(224)
    await exited
  } finally {
    child.kill('SIGKILL')
  }
}, 240_000)

test('every consumer gets a spilled transaction whole and in order, with its messages, and views read it as one step', async () => {
  await using db = await testDatabase()
  const client = await db.connect()
  const folder = await mkdtemp(join(tmpdir(), 'dbsync-large-'))
  const rows = 40_000
  const handled: number[] = []
  const seqs: number[] = []
  const sunk = new Set<string>()
  const messages: string[] = []
  let isInOrder = true
  let partial = 0
  {
    await using sync = createSync({
      schema,
      connection: db.url,
      slot: { name: `s_${db.name}` },
      tempDir: folder,
      views: exampleViews,
      handlers: {
        Restaurant: {
          insert({ key, tx }) {
            isInOrder &&= key.id === `r${handled.length + 1}`
            handled.push(tx.seq)
          },
        },
      },
      sinks: [
        sink({
          models: [Restaurant],
          maxRows: 5_000,
          upsert: (_, some) => {
            for (const { id } of some) sunk.add(id)
          },
          delete() {},
        }),
      ],
      changes: [Restaurant],
    })
    const feed = sync.changes()
    await sync.start()
    sync.views.grandTotal.subscribe(() => {})
    await client.query(`
      BEGIN; SELECT pg_logical_emit_message(true, 'first', 'a');
      INSERT INTO restaurant (id, name, description) SELECT 'r' || i, 'n', repeat('text ', 30) FROM generate_series(1, ${rows}) i;
      SELECT pg_logical_emit_message(true, 'last', 'b');
      INSERT INTO restaurant (id, name) VALUES ('r${rows + 1}', 'n'); COMMIT`)
    const reading = (async () => {
      const { value } = (await feed.next()) as IteratorYieldResult<{ changes: Iterable<AnyChange> }>
      // Twice: a file can be read again.
      for (let time = 0; time < 2; time += 1) {
        for (const event of value.changes) {
          if (time === 0) seqs.push(event.tx.seq)
          if (Reflect.get(event, 'prefix') !== undefined) messages.push(String(Reflect.get(event, 'prefix')))
        }
        await sleep(1)
      }
    })()
    await until(() => sync.views.restaurantRating.size > 0 || handled.length > 0, 60_000)
    partial = sync.views.restaurantRating.size
    await reading
    await until(() => handled.length === rows + 1 && sunk.size === rows + 1, 60_000)
    // Nothing of it has a name on the disk, while it is read or afterwards.
    expect(await readdir(folder)).toEqual([])
    const waiting = feed.next()
    await until(() => (sync.status().slot?.confirmed ?? 0n) >= sync.status().position)
    await sync.close()
    expect(await waiting).toMatchObject({ done: true })
  }
  expect(partial).toBe(rows + 1)
  expect(isInOrder).toBe(true)
  expect(messages).toEqual(['first', 'last', 'first', 'last'])
  expect(seqs).toEqual(Array.from({ length: rows + 3 }, (_, index) => index))
  expect([handled[0], handled.at(-1)]).toEqual([1, rows + 2])
  await rm(folder, { recursive: true })
}, 120_000)

test('a stream cut in the middle of a spilled transaction forgets its beginning, and the transaction comes once', async () => {
  await using db = await testDatabase()
  const client = await db.connect()
  await seedExample(client, { users: 3, restaurants: 3, visits: 5 })
  const rows = 80_000
  const ids: string[] = []
  const { sync, events } = exampleSync(db.url, {
    slot: { name: `s_${db.name}` },
    handlers: {
      Restaurant: { insert: ({ key }: { readonly key: { readonly id: string } }) => void ids.push(key.id) },
    },
  })
  await using _ = sync
  await sync.start()
  await client.query(
    `INSERT INTO restaurant (id, name, description) SELECT 'x' || i, 'n', repeat('text ', 50) FROM generate_series(1, ${rows}) i`,
  )
  const sent = async (): Promise<number> => {
    const [row] = await db.query<{ n: number }>(
      `SELECT coalesce(max(r.sent_lsn - s.confirmed_flush_lsn), 0)::float8 AS n FROM pg_stat_replication r
       JOIN pg_replication_slots s ON s.active_pid = r.pid WHERE s.database = '${db.name}'`,
    )
    return row?.n ?? 0
  }
  await until(async () => (await sent()) > 12 * MB, 60_000)
  await cutStream(db)
  await until(() => events.some(({ kind }) => kind === 'reconnecting'), 60_000)
  await until(() => ids.length >= rows, 120_000)
  await expectExact(db, sync)
  expect(ids.length).toBe(rows)
  expect(new Set(ids).size).toBe(rows)
}, 240_000)

test('where there is no room for a large transaction the sync stops with a code and confirms nothing of it', async () => {
  await using db = await testDatabase()
  const client = await db.connect()
  const slot = { name: `s_${db.name}` }
  const missing = createSync({
    schema,
    connection: db.url,
    slot,
    tempDir: join(tmpdir(), 'dbsync-there-is-no-such-folder'),
    handlers: { Restaurant: { insert() {} } },
  })
  await missing.start()
  const insert = `INSERT INTO restaurant (id, name, description) SELECT 'x' || i, 'n', repeat('text ', 50) FROM generate_series(1, 30000) i`
  await client.query(insert)
  await until(() => missing.state === 'failed', 60_000)
  await expect(missing.ready()).rejects.toMatchObject({
    code: 'SYNC.SPILL_FAILED',
    details: { reason: 'ENOENT' },
  })
  let rows = 0
  await using sync = createSync({
    schema,
    connection: db.url,
    slot,
    handlers: { Restaurant: { insert: () => void (rows += 1) } },
  })
  await sync.start()
  await until(() => rows === 30_000, 60_000)
}, 120_000)

test('a consumer a hundred times slower than the writer neither grows the process nor loses the server', async () => {
  const server = await startEmbedded(['-c', 'wal_sender_timeout=3s'])
  try {
    await using db = await testDatabase({ serverUrl: server.url })
    const client = await db.connect()
    const events: SyncEvent[] = []
    const seen: string[] = []
    let isSlow = true
    await using sync = createSync({
      schema,
      connection: db.url,
      slot: { name: `s_${db.name}` },
      handlers: {
        Restaurant: {
          async insert({ key }) {
            if (isSlow) await sleep(250)
            seen.push(key.id)
          },
        },
      },
      onEvent: (event) => events.push(event),
    })
    await sync.start()
    const pid = async (): Promise<number | null> =>
      (await db.query<{ pid: number | null }>('SELECT active_pid AS pid FROM pg_replication_slots'))[0]
        ?.pid ?? null
    const first = await pid()
    const used = (): number => {
      const { heapUsed, external } = process.memoryUsage()
      return heapUsed + external
    }
    const base = used()
    let most = 0
    const timer = setInterval(() => {
      most = Math.max(most, used())
    }, 20)
    // 200 MB in 2 000 transactions.
    await client.query('ALTER TABLE restaurant ALTER description SET STORAGE EXTERNAL')
    await client.query(`
      DO $$ BEGIN
        FOR n IN 1..2000 LOOP
          INSERT INTO restaurant (id, name, description) VALUES ('r' || n, 'n', repeat('x', 100000));
          COMMIT;
        END LOOP;
      END $$`)
    // More than twice as long as the server is patient.
    await sleep(7_000)
    clearInterval(timer)
    expect(seen.length).toBeLessThan(1_000)
    expect(await pid()).toBe(first)
    // 32 MB wait, and what the socket and the collector have not given back yet; not the 200.
    expect((most - base) / MB).toBeLessThan(110)
    isSlow = false
    await until(() => seen.length === 2_000, 60_000)
    expect(seen).toEqual(Array.from({ length: 2_000 }, (_, index) => `r${index + 1}`))
    expect(events.filter(({ kind }) => kind === 'reconnecting')).toEqual([])
  } finally {
    await server.stop()
  }
}, 180_000)
