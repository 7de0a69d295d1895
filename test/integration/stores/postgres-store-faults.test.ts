import { connect, createServer } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { isDbsyncError } from '../../../src/core/errors.ts'
import { testDatabase, type TestDatabase } from '../../support/database.ts'
import { proxy, sessions, sleep, until } from '../../support/faults.ts'
import { holdCommits, localClient } from '../../support/held-commits.ts'
import { at, storedView, storeOf, write } from '../../support/postgres-store.ts'
import { startEmbedded, type OwnServer } from '../../support/server.ts'
import { startStandby } from '../../support/standby.ts'

const view = storedView('v', ['id'], { id: 'integer', word: 'text' })
const other = storedView('w', ['id'], { id: 'integer', word: 'text' })

const rows = (db: TestDatabase, table = 'v'): Promise<unknown> =>
  db.query(`SELECT id, word FROM derived.${table} ORDER BY id`)
const position = async (db: TestDatabase): Promise<unknown> =>
  (await db.query('SELECT lsn::text FROM dbsync.checkpoint'))[0]?.['lsn']

const codeOf = (error: unknown): unknown => (isDbsyncError(error) ? error.code : error)

/** A store over one view at position 16, with one row. */
async function started(db: TestDatabase, url = db.url): Promise<ReturnType<typeof storeOf>> {
  const store = storeOf({ url }, [view])
  await store.open([view], { takeOver: true })
  await write(store, 'whole', 16, [{ view, rows: [['1', 'old']] }])
  return store
}

test('rows and position are seen together or not at all', async () => {
  await using db = await testDatabase({ schema: 'empty' })
  await using store = await started(db)
  const reader = await db.connect()
  let isOver = false
  const seen = new Set<string>()
  const reading = (async () => {
    while (!isOver) {
      const { rows: read } = await reader.query<{ word: string; lsn: string }>(
        `SELECT (SELECT word FROM derived.v WHERE id = 2) AS word, lsn - '0/0'::pg_lsn AS lsn,
                (SELECT lsn FROM dbsync.derived_table) - '0/0'::pg_lsn AS noted FROM dbsync.checkpoint`,
      )
      seen.add(JSON.stringify(read[0]))
    }
  })()
  for (let step = 17; step < 120; step += 1) {
    await store.begin({ kind: 'changes', views: [view] })
    await store.upsert(view, [['2', String(step)]])
    await store.upsert(view, [['3', String(step)]])
    await store.commit(at(step))
  }
  isOver = true
  await reading
  expect(seen.size).toBeGreaterThan(5)
  const torn = [...seen]
    .map((text) => JSON.parse(text) as { word: string | null; lsn: string; noted: string })
    .filter(({ word, lsn, noted }) => lsn !== noted || (word ?? '16') !== lsn)
  expect(torn).toEqual([])
})

test('whoever was taken over from is refused at its next step, whichever that is', async () => {
  await using db = await testDatabase({ schema: 'empty' })
  const steps: [name: string, step: (zombie: ReturnType<typeof storeOf>) => Promise<unknown>][] = [
    ['begin changes', (zombie) => zombie.begin({ kind: 'changes', views: [view] })],
    ['begin whole', (zombie) => zombie.begin({ kind: 'whole', views: [view] })],
    ['fail', (zombie) => zombie.fail(view, 'VIEW.EVALUATION')],
    ['open', (zombie) => zombie.open([view], { takeOver: false })],
  ]
  for (const [name, step] of steps) {
    await using zombie = await started(db)
    await using heir = storeOf(db, [view])
    expect(await heir.open([view], { takeOver: true })).toBe(at(16))
    await expect(step(zombie)).rejects.toMatchObject({ code: 'STORE.FENCED', recovery: 'yield' })
    await write(heir, 'changes', 32, [{ view, rows: [['1', name]] }])
    expect(await rows(db)).toEqual([{ id: 1, word: name }])
    expect(await db.query('SELECT state FROM dbsync.derived_table')).toEqual([{ state: 'live' }])
  }
})

test('a takeover waits for a batch that is under way, and finds where it led', async () => {
  await using db = await testDatabase({ schema: 'empty' })
  for (const [word, ends] of [
    ['new', 32],
    ['newer', null],
  ] as const) {
    await using former = await started(db)
    await former.begin({ kind: 'changes', views: [view] })
    await former.upsert(view, [['1', word]])
    await using heir = storeOf(db, [view])
    let isOpen = false
    const opening = heir.open([view], { takeOver: true }).finally(() => (isOpen = true))
    await until(async () => (await sessions(db, 'store')) === 2)
    await sleep(200)
    expect(isOpen).toBe(false)
    if (ends === null) await former.close()
    else await former.commit(at(ends))
    expect(await opening).toBe(at(ends ?? 16))
    expect(await rows(db)).toEqual([{ id: 1, word: ends === null ? 'old' : word }])
  }
})

test('a checkpoint that moves under a batch voids it, even in its own transaction', async () => {
  await using db = await testDatabase({ schema: 'empty' })
  await using store = await started(db)
  await db.query(`CREATE FUNCTION steal() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN UPDATE dbsync.checkpoint SET epoch = epoch + 1; RETURN NULL; END'`)
  await db.query('CREATE TRIGGER steal AFTER INSERT ON derived.v EXECUTE FUNCTION steal()')
  await store.begin({ kind: 'changes', views: [view] })
  await store.upsert(view, [['2', 'x']])
  await expect(store.commit(at(32))).rejects.toMatchObject({ code: 'STORE.FENCED' })
  expect(await rows(db)).toEqual([{ id: 1, word: 'old' }])
})

describe('a server of its own', () => {
  let server: OwnServer

  beforeAll(async () => {
    server = await startEmbedded()
  })

  afterAll(() => server.stop())

  test('a commit whose answer is lost is decided before the writer goes on', async () => {
    await using db = await testDatabase({ schema: 'empty', serverUrl: server.url })
    const link = await proxy(db.url)
    await using store = await started(db, link.url)
    const observer = await localClient(db)
    for (const [next, word] of [
      [32, 'new'],
      [48, 'newer'],
    ] as const) {
      await using hold = await holdCommits(observer)
      await store.begin({ kind: 'changes', views: [view] })
      await store.upsert(view, [['1', word]])
      const lost = store.commit(at(next))
      lost.catch(() => {})
      const waiting = "SELECT FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
      await until(async () => ((await observer.query(waiting)).rowCount ?? 0) > 0)
      link.links.at(-1)?.reset()
      await expect(lost).rejects.toMatchObject({ code: 'POSTGRES.CONNECTION_LOST', recovery: 'reconnect' })
      let isOpen = false
      const opening = store.open([view], { takeOver: false }).finally(() => (isOpen = true))
      opening.catch(() => {})
      await sleep(400)
      // Others still see the former rows and the former position; whoever went by that would write twice.
      expect((await observer.query('SELECT word FROM derived.v')).rows).not.toEqual([{ word }])
      expect(isOpen).toBe(false)
      await hold.release()
      expect(await opening).toBe(at(next))
      expect(await rows(db)).toEqual([{ id: 1, word }])
    }
    await write(store, 'changes', 64, [{ view, rows: [['2', 'on']] }])
    link.close()
  })

  test('a standby is no target until it is promoted', async () => {
    await using store = storeOf(server, [view])
    await store.open([view], { takeOver: true })
    await write(store, 'whole', 16, [{ view, rows: [['1', 'old']] }])
    await store.close()
    const standby = await startStandby(server)
    try {
      await using moved = storeOf(standby, [view])
      await expect(moved.open([view], { takeOver: true })).rejects.toMatchObject({
        code: 'STORE.UNAVAILABLE',
        recovery: 'retry',
        message: expect.stringContaining('standby'),
      })
      await standby.promote()
      expect(await moved.open([view], { takeOver: true })).toBe(at(16))
    } finally {
      await standby.stop()
    }
  })
})

/** A proxy that has the server answer every COMMIT by a rollback, as it does where the transaction has failed. */
async function abortingProxy(url: string): Promise<{ url: string; isOn: boolean; close(): void }> {
  const target = new URL(url)
  const self = { url: '', isOn: false, close: () => {} }
  const server = createServer((client) => {
    const upstream = connect(Number(target.port), target.hostname)
    client.on('data', (chunk: Buffer) => {
      const text = chunk.toString('latin1')
      upstream.write(self.isOn ? Buffer.from(text.replace('COMMIT\0', 'ABORT \0'), 'latin1') : chunk)
    })
    upstream.on('data', (chunk: Buffer) => client.write(chunk))
    for (const [one, two] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      one.on('error', () => {})
      one.on('close', () => two.destroy())
    }
  })
  await new Promise<void>((done) => server.listen({ port: 0, host: '127.0.0.1' }, done))
  const address = server.address()
  const own = new URL(url)
  own.port = String(typeof address === 'object' ? address?.port : 0)
  self.url = own.href
  self.close = () => server.close()
  return self
}

test('a COMMIT that the server answers by ROLLBACK has not happened', async () => {
  await using db = await testDatabase({ schema: 'empty' })
  const link = await abortingProxy(db.url)
  await using store = await started(db, link.url)
  link.isOn = true
  await store.begin({ kind: 'changes', views: [view] })
  await store.upsert(view, [['1', 'new']])
  await expect(store.commit(at(32))).rejects.toMatchObject({ code: 'STORE.UNAVAILABLE', recovery: 'retry' })
  expect(await position(db)).toBe('0/10')
  link.isOn = false
  expect(await store.open([view], { takeOver: false })).toBe(at(16))
  await write(store, 'changes', 32, [{ view, rows: [['1', 'new']] }])
  expect(await rows(db)).toEqual([{ id: 1, word: 'new' }])
  link.close()
})

test('a deadlock with somebody else voids the batch, which can be written again', async () => {
  await using db = await testDatabase({ schema: 'empty' })
  await db.query(`ALTER DATABASE ${db.name} SET deadlock_timeout = '2s'`)
  await using store = await started(db)
  await write(store, 'changes', 17, [{ view, rows: [['2', 'old']] }])
  const rival = await db.connect()
  await rival.query("SET deadlock_timeout = '60s'; BEGIN; UPDATE derived.v SET word = 'theirs' WHERE id = 2")
  await store.begin({ kind: 'changes', views: [view] })
  const refused = store.upsert(view, [
    ['1', 'ours'],
    ['2', 'ours'],
  ])
  refused.catch(() => {})
  const blocked = `SELECT FROM pg_stat_activity WHERE datname = '${db.name}' AND application_name = 'dbsync store' AND wait_event_type = 'Lock'`
  await until(async () => (await db.query(blocked)).length > 0)
  await rival.query("UPDATE derived.v SET word = 'theirs' WHERE id = 1")
  await expect(refused).rejects.toMatchObject({ code: 'STORE.UNAVAILABLE', details: { sqlState: '40P01' } })
  await rival.query('COMMIT')
  expect(await store.open([view], { takeOver: false })).toBe(at(17))
  await write(store, 'changes', 32, [
    {
      view,
      rows: [
        ['1', 'ours'],
        ['2', 'ours'],
      ],
    },
  ])
  expect(await rows(db)).toEqual([
    { id: 1, word: 'ours' },
    { id: 2, word: 'ours' },
  ])
})

test('what passes is tried again, what a row does is its view’s, and no message has a value of it', async () => {
  await using db = await testDatabase({ schema: 'empty' })
  await using store = storeOf(db, [view, other])
  const views = [view, other]
  await store.open(views, { takeOver: true })
  await write(
    store,
    'whole',
    16,
    views.map((one) => ({ view: one, rows: [['1', 'old']] })),
  )
  await db.query(`CREATE FUNCTION raise() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN RAISE EXCEPTION ''canary %'', NEW.word USING ERRCODE = NEW.word, DETAIL = ''canary''; END'`)
  await db.query(
    'CREATE TRIGGER raise BEFORE INSERT ON derived.w FOR EACH ROW WHEN (length(NEW.word) = 5) EXECUTE FUNCTION raise()',
  )
  await db.query("ALTER TABLE derived.w ADD CHECK (word <> 'forbidden canary')")
  const attempt = async (word: string): Promise<Record<string, unknown>> => {
    await store.begin({ kind: 'changes', views })
    await store.upsert(view, [['1', word]])
    const error: unknown = await store.upsert(other, [['1', word]]).catch((reason: unknown) => reason)
    if (!isDbsyncError(error)) throw new Error('not refused')
    expect(`${error.message} ${JSON.stringify(error.details)}`).not.toMatch(/forbidden/)
    return { code: error.code, ...error.details }
  }
  // Serialization, disk full, I/O, cancelled, lock timeout, read-only server.
  for (const sqlState of ['40001', '53100', '53200', '58030', '57014', '55P03', '25006']) {
    expect(await attempt(sqlState)).toMatchObject({ code: 'STORE.UNAVAILABLE', sqlState })
    expect(await store.open(views, { takeOver: false })).toBe(at(16))
  }
  for (const sqlState of ['22003', '23505', 'P0001', '54000', '42703', '42P01']) {
    expect(await attempt(sqlState)).toMatchObject({ code: 'STORE.ROW_REFUSED', view: 'w', sqlState })
  }
  expect(await attempt('forbidden canary')).toMatchObject({
    code: 'STORE.ROW_REFUSED',
    view: 'w',
    sqlState: '23514',
    constraint: 'w_word_check',
    table: 'w',
  })
  // The other view goes on, at once.
  await store.fail(other, 'STORE.ROW_REFUSED')
  await write(store, 'changes', 32, [{ view, rows: [['1', 'forbidden canary']] }])
  expect(await rows(db)).toEqual([{ id: 1, word: 'forbidden canary' }])
  expect(await rows(db, 'w')).toEqual([{ id: 1, word: 'old' }])
  expect(await db.query('SELECT name, state, lsn::text, error FROM dbsync.derived_table ORDER BY 1')).toEqual(
    [
      { name: 'v', state: 'live', lsn: '0/20', error: null },
      { name: 'w', state: 'failed', lsn: '0/10', error: 'STORE.ROW_REFUSED' },
    ],
  )
})

test('a table that somebody drops, or takes the key from, stops its view alone', async () => {
  await using db = await testDatabase({ schema: 'empty' })
  for (const [sql, sqlState] of [
    ['ALTER TABLE derived.w DROP CONSTRAINT w_pkey', '42P10'],
    ['ALTER TABLE derived.w DROP COLUMN word', '42703'],
    ['DROP TABLE derived.w', '42P01'],
  ] as const) {
    await using store = storeOf(db, [view, other])
    await db.query('DROP SCHEMA IF EXISTS derived CASCADE')
    await store.open([view, other], { takeOver: true })
    const [key] = await db.query<{ name: string }>(
      "SELECT conname AS name FROM pg_constraint WHERE conrelid = 'derived.w'::regclass AND contype = 'p'",
    )
    await write(store, 'whole', 16, [{ view }, { view: other, rows: [['1', 'a']] }])
    await db.query(sql.replace('w_pkey', key?.name ?? ''))
    await store.begin({ kind: 'changes', views: [view, other] })
    await expect(store.upsert(other, [['1', 'b']])).rejects.toMatchObject({
      code: 'STORE.ROW_REFUSED',
      details: { view: 'w', sqlState },
    })
    await write(store, 'changes', 32, [{ view, rows: [['1', 'x']] }])
    // A new session does not ask for the table of a view that has stopped, and the others go on from where they were.
    expect(await store.open([view, other], { takeOver: false })).toBe(at(32))
    await store.fail(other, 'STORE.ROW_REFUSED')
    expect(await store.open([view, other], { takeOver: false })).toBe(at(32))
    await write(store, 'changes', 48, [{ view, rows: [['1', 'y']] }])
    expect(await rows(db)).toEqual([{ id: 1, word: 'y' }])
    // All rows of all views again: it is tried, and is its own trouble as before unless it can be made.
    const whole = { kind: 'whole', views: [view, other] } as const
    const tried = await store
      .begin(whole)
      .then(() => store.upsert(other, [['1', 'c']]).then(() => store.commit(at(64)), codeOf), codeOf)
    expect(tried).toBe(sqlState === '42P01' ? undefined : 'STORE.ROW_REFUSED')
    await write(store, 'changes', 80, [{ view, rows: [['1', 'z']] }])
  }
})

test('a server that is gone without a word is no longer waited for after some time', async () => {
  await using db = await testDatabase({ schema: 'empty' })
  const link = await proxy(db.url)
  await using store = storeOf({ url: link.url }, [view], { statementTimeoutMs: 1_500 })
  await store.open([view], { takeOver: true })
  await store.begin({ kind: 'whole', views: [view] })
  link.links.at(-1)?.freeze()
  await expect(store.upsert(view, [['1', 'x']])).rejects.toMatchObject({ code: 'POSTGRES.CONNECTION_LOST' })
  expect(await store.open([view], { takeOver: false })).toBe(null)
  await write(store, 'whole', 16, [{ view, rows: [['1', 'x']] }])
  link.close()
})

test('a store that is closed while it connects stays closed', async () => {
  await using db = await testDatabase({ schema: 'empty' })
  await using store = storeOf(db, [view])
  const opening = store.open([view], { takeOver: true }).then(() => 'open', codeOf)
  await store.close()
  expect(await opening).toBe('POSTGRES.CONNECTION_LOST')
  await until(async () => (await sessions(db, 'store')) === 0)
})

test('a lost connection voids the batch and nothing else', async () => {
  await using db = await testDatabase({ schema: 'empty' })
  await using store = await started(db)
  const cut = (): Promise<unknown> =>
    db.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${db.name}' AND application_name = 'dbsync store'`,
    )
  await store.begin({ kind: 'changes', views: [view] })
  await store.upsert(view, [['1', 'new']])
  await cut()
  await expect(store.upsert(view, [['2', 'new']])).rejects.toMatchObject({ recovery: 'reconnect' })
  await expect(store.commit(at(32))).rejects.toMatchObject({ code: 'POSTGRES.CONNECTION_LOST' })
  await expect(store.begin({ kind: 'changes', views: [view] })).rejects.toMatchObject({
    recovery: 'reconnect',
  })
  expect(await rows(db)).toEqual([{ id: 1, word: 'old' }])
  expect(await store.open([view], { takeOver: false })).toBe(at(16))
  await write(store, 'changes', 32, [{ view, rows: [['1', 'new']] }])
  // Between batches too.
  await cut()
  await until(async () => (await sessions(db, 'store')) === 0)
  await expect(store.begin({ kind: 'changes', views: [view] })).rejects.toMatchObject({
    recovery: 'reconnect',
  })
  expect(await store.open([view], { takeOver: false })).toBe(at(32))
  await store.close()
  await expect(store.begin({ kind: 'changes', views: [view] })).rejects.toMatchObject({
    code: 'POSTGRES.CONNECTION_LOST',
  })
})

test('a target that was restored from a backup is written anew, and a former writer stays fenced', async () => {
  await using db = await testDatabase({ schema: 'empty' })
  await using store = await started(db)
  for (const [restore, epoch] of [
    ["UPDATE dbsync.checkpoint SET lsn = '0/8'; UPDATE dbsync.derived_table SET lsn = '0/8'", '2'],
    ['UPDATE dbsync.checkpoint SET epoch = 0', '3'],
    ['DELETE FROM dbsync.checkpoint', '4'],
    ['DROP SCHEMA dbsync, derived CASCADE', '5'],
  ] as const) {
    await db.query(restore)
    await expect(store.begin({ kind: 'changes', views: [view] })).rejects.toMatchObject({
      code: 'STORE.UNAVAILABLE',
    })
    expect(await store.open([view], { takeOver: false })).toBe(null)
    expect(await db.query('SELECT epoch, lsn FROM dbsync.checkpoint')).toEqual([{ epoch, lsn: null }])
    await write(store, 'whole', 64, [{ view, rows: [['7', epoch]] }])
    expect(await rows(db)).toEqual([{ id: 7, word: epoch }])
  }
})
