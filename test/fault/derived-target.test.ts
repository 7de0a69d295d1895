import { execFileSync } from 'node:child_process'
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { testDatabase, type TestDatabase } from '../support/database.ts'
import { until } from '../support/faults.ts'
import { holdCommits } from '../support/held-commits.ts'
import { isCommit, isRows } from '../support/kill-points.ts'
import { startEmbedded, type OwnServer } from '../support/server.ts'
import { connect } from '../support/standby.ts'
import { exampleSync, exampleViews } from '../support/views.ts'
import { writtenTables, type WrittenTables } from '../support/written-tables.ts'

/** Changes all three views. */
const CHANGE =
  'UPDATE visit SET amount_spent = amount_spent + 1, visit_rating = 1 + coalesce(visit_rating, 0) % 5'
const IS_LONG = process.env['SOAK'] === '1'

let server: OwnServer
beforeAll(async () => {
  server = await startEmbedded()
})
afterAll(() => server.stop())

/** Runs SQL over a connection of its own: the server may have been away since the last one. */
async function onTarget<Row extends pg.QueryResultRow>(sql: string, database = 'postgres'): Promise<Row[]> {
  const url = new URL(server.url)
  url.pathname = `/${database}`
  const client = await connect(url.href)
  try {
    return (await client.query<Row>(sql)).rows
  } finally {
    await client.end()
  }
}

const answers = (): Promise<boolean> =>
  onTarget('SELECT 1').then(
    () => true,
    () => false,
  )

/** A connection that is not the sync's. */
async function observer(): Promise<{ readonly client: pg.Client } & AsyncDisposable> {
  const client = await connect(server.url)
  return { client, [Symbol.asyncDispose]: () => client.end() }
}

/** A sync from the tests' server to the other. */
async function towards(db: TestDatabase, { url, name }: TestDatabase): Promise<WrittenTables> {
  return writtenTables(db, { targetUrl: url, reader: { query: (sql) => onTarget(sql, name) } })
}

const emptyTarget = (): Promise<TestDatabase> => testDatabase({ serverUrl: server.url, schema: 'empty' })

test('F58 a target that has become read-only is waited for', async () => {
  await using db = await testDatabase()
  await using target = await emptyTarget()
  await using written = await towards(db, target)
  await onTarget('ALTER SYSTEM SET default_transaction_read_only = on')
  await onTarget('SELECT pg_reload_conf()')
  await db.query(CHANGE)
  await until(() => written.of('store-retry').length > 1)
  expect(new Set(written.retried())).toEqual(new Set(['25006']))
  expect(written.sync.status().stores).toMatchObject([{ state: 'retrying' }])
  await onTarget('ALTER SYSTEM RESET default_transaction_read_only')
  await onTarget('SELECT pg_reload_conf()')
  expect(await written.differences()).toEqual([])
  expect(written.of('store-rebuilt')).toHaveLength(1)
})

test('a target that is away is waited for: nothing is dropped, and what waits is bounded by the rows', async () => {
  await using db = await testDatabase()
  await using target = await emptyTarget()
  await using written = await towards(db, target)
  await server.kill()
  for (let round = 0; round < 20; round += 1) await db.query(CHANGE)
  await db.query("DELETE FROM visit WHERE restaurant_id = 'r1'")
  await until(() => written.of('store-retry').length > 2)
  await until(() => written.sync.views.restaurantRating.get('r1')?.visits === 0)
  const rows = Object.values(written.sync.views).reduce((sum, view) => sum + view.size, 0)
  const [status] = written.sync.status().stores
  expect(status).toMatchObject({ state: 'retrying', failed: [] })
  expect(status?.pending).toBeGreaterThan(0)
  expect(status?.pending).toBeLessThanOrEqual(rows)
  expect(written.sync.state).toBe('live')
  await until(
    () =>
      server.start().then(
        () => true,
        () => false,
      ),
    60_000,
  )
  expect(await written.differences()).toEqual([])
  expect(written.sync.status().stores).toMatchObject([{ state: 'live', pending: 0 }])
  // It found the tables where it had left them.
  expect(written.of('store-rebuilt')).toHaveLength(1)
})

test('F58 a target that has become a standby is waited for until it is promoted, or another is', async () => {
  await using db = await testDatabase()
  await using target = await emptyTarget()
  await using written = await towards(db, target)
  await server.halt()
  await writeFile(join(server.dataDir, 'standby.signal'), '')
  // It calls itself ready only once it is promoted.
  const started = server.start()
  await until(answers, 60_000)
  await db.query(CHANGE)
  const isStandby = (): boolean =>
    written
      .of('store-retry')
      .some(({ error }) => error.code === 'STORE.UNAVAILABLE' && error.message.includes('standby'))
  await until(isStandby)
  await onTarget('SELECT pg_promote()')
  await started
  expect(await written.differences()).toEqual([])
})

test.for(['reached', 'did not reach'] as const)(
  'F59 a COMMIT that %s the server and whose answer is lost is decided by the checkpoint',
  async (fate) => {
    await using db = await testDatabase()
    await using target = await emptyTarget()
    await using written = await towards(db, target)
    await using observing = await observer()
    const waiting = async (condition: string): Promise<boolean> =>
      (await observing.client.query(`SELECT FROM pg_stat_activity WHERE ${condition}`)).rows.length > 0
    const held =
      fate === 'reached'
        ? null
        : written.hold(({ from, type, sql }) => from === 'client' && type === 'Q' && isCommit(sql))
    await using commits = fate === 'reached' ? await holdCommits(observing.client) : null
    const position = (): Promise<{ lsn: string }[]> =>
      onTarget('SELECT lsn::text FROM dbsync.checkpoint', target.name)
    const [before] = await position()
    await db.query(CHANGE)
    if (commits !== null) await until(() => waiting("wait_event = 'SyncRep'"))
    await held
    written.target.cut()
    if (commits !== null) {
      // A reader would be told that nothing was committed; the next session waits for the row.
      await until(() => waiting("application_name = 'dbsync store' AND wait_event_type = 'Lock'"))
      const [after] = await position()
      if (after?.lsn !== before?.lsn) throw new Error('the commit is visible')
      await commits.release()
    }
    expect(await written.differences()).toEqual([])
    expect(written.of('store-rebuilt')).toHaveLength(1)
    expect(written.of('reconnecting')).toEqual([])
    const registry = await onTarget(
      'SELECT count(DISTINCT d.lsn)::int AS n FROM dbsync.derived_table d JOIN dbsync.checkpoint c ON c.lsn = d.lsn',
      target.name,
    )
    expect(registry).toEqual([{ n: 1 }])
  },
)

/** A file system of its own for a tablespace; null where we may not make one. */
async function tinyDisk(megabytes: number): Promise<({ readonly path: string } & AsyncDisposable) | null> {
  const path = await mkdtemp(join(tmpdir(), 'dbsync-disk-'))
  const { uid, gid } = await stat(server.dataDir)
  try {
    const options = `size=${megabytes}m,mode=0700,uid=${uid},gid=${gid}`
    execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', path], { stdio: 'ignore' })
  } catch {
    await rm(path, { recursive: true })
    return null
  }
  return {
    path,
    async [Symbol.asyncDispose]() {
      execFileSync('umount', ['-l', path])
      await rm(path, { recursive: true })
    },
  }
}

test('F57 a disk that is really full is waited for', async ({ skip }) => {
  await using disk = await tinyDisk(2)
  if (disk === null) skip()
  const path = disk?.path ?? ''
  await using db = await testDatabase()
  const target = await emptyTarget()
  try {
    await using written = await towards(db, target)
    await onTarget(`CREATE TABLESPACE tiny LOCATION '${path}'`)
    await onTarget('ALTER TABLE derived.user_spend SET TABLESPACE tiny', target.name)
    await onTarget('CREATE TABLE filler (t text) TABLESPACE tiny', target.name)
    const fill = "INSERT INTO filler SELECT repeat('x', 1000) FROM generate_series(1, 20)"
    await until(async () =>
      onTarget(fill, target.name).then(
        () => false,
        () => true,
      ),
    )
    await db.query(
      `INSERT INTO users (first_name, user_name, email)
       SELECT 'Jane', 'jane' || i, 'jane' || i || '@example.org' FROM generate_series(1, 3000) i`,
    )
    await until(() => written.of('store-retry').length > 1)
    expect(new Set(written.retried())).toEqual(new Set(['53100']))
    await onTarget('DROP TABLE filler', target.name)
    expect(await written.differences()).toEqual([])
  } finally {
    await target[Symbol.asyncDispose]()
    await onTarget('DROP TABLESPACE IF EXISTS tiny')
  }
})

test.runIf(IS_LONG)(
  'F56 a transaction whose writer has stopped is ended by the server, and written again',
  async () => {
    await using db = await testDatabase()
    await using target = await emptyTarget()
    await using written = await towards(db, target)
    const held = written.hold(({ from, type, sql }) => from === 'client' && /[PB]/.test(type) && isRows(sql))
    await db.query(CHANGE)
    const link = await held
    // idle_in_transaction_session_timeout
    await until(() => link.isEnded, 90_000)
    expect(await written.differences()).toEqual([])
    expect(written.of('store-rebuilt')).toHaveLength(1)
  },
  120_000,
)

test('a sync that is started while its target is away says so, and leaves no slot behind', async () => {
  await using db = await testDatabase()
  await using target = await emptyTarget()
  await server.halt()
  const { sync, events } = exampleSync(db.url, {
    tables: exampleViews,
    target: target.url,
    slot: { name: db.name },
  })
  await expect(sync.start()).rejects.toMatchObject({ code: 'POSTGRES.CONNECTION_REFUSED' })
  await sync.close()
  expect(events.filter(({ kind }) => kind === 'failed')).toHaveLength(1)
  expect(await db.query('SELECT FROM pg_replication_slots WHERE database = current_database()')).toEqual([])
  await server.start()
})
