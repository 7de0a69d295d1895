import { inspect } from 'node:util'
import { expect, test } from 'vitest'
import { testDatabase, type TestDatabase } from '../support/database.ts'
import { derivedDifferences } from '../support/derived-differences.ts'
import { serverVersion, until } from '../support/faults.ts'
import { isCommit, isRows } from '../support/kill-points.ts'
import { exampleSync, exampleViews } from '../support/views.ts'
import { seedVisits } from '../support/workload.ts'
import { waitingStore, writtenTables } from '../support/written-tables.ts'

const { restaurantRating, userSpend, grandTotal } = exampleViews

/** Changes all three views. */
const CHANGE =
  'UPDATE visit SET amount_spent = amount_spent + 1, visit_rating = 1 + coalesce(visit_rating, 0) % 5'

const noted = async (db: TestDatabase): Promise<unknown> =>
  db.query('SELECT name, state, error FROM dbsync.derived_table ORDER BY name')

const LIVE = ['grand_total', 'restaurant_rating', 'user_spend'].map((name) => ({
  name,
  state: 'live',
  error: null,
}))

/** A role of the target that owns what it makes, and a connection string with it. */
async function targetRole(
  db: TestDatabase,
): Promise<{ readonly name: string; readonly url: string } & AsyncDisposable> {
  const name = `${db.name}_target`
  await db.query(
    `CREATE ROLE ${name} LOGIN PASSWORD 'canary7q'; GRANT CREATE ON DATABASE ${db.name} TO ${name}`,
  )
  const url = new URL(db.url)
  url.username = name
  url.password = 'canary7q'
  return {
    name,
    url: url.href,
    async [Symbol.asyncDispose]() {
      await db.query(`DROP OWNED BY ${name}; DROP ROLE ${name}`)
    },
  }
}

test('F53 a deadlock with somebody who locks rows of a derived table in another order passes', async () => {
  await using db = await testDatabase()
  await using written = await writtenTables(db)
  const other = await db.connect()
  // The store is the one that looks first, and so the one that gives way.
  await other.query("SET deadlock_timeout = '1min'; BEGIN")
  await other.query("SELECT FROM derived.restaurant_rating WHERE id = 'r5' FOR UPDATE")
  await db.query(CHANGE)
  await waitingStore(db)
  await other.query("SELECT FROM derived.restaurant_rating WHERE id = 'r1' FOR UPDATE; ROLLBACK")
  expect(await written.differences()).toEqual([])
  expect(written.retried()).toEqual(['40P01'])
  expect(written.of('store-rebuilt')).toHaveLength(1)
  expect(await noted(db)).toEqual(LIVE)
})

test('F54 a target that is serializable by default fails no batch, and one that fails for it is written again', async () => {
  await using db = await testDatabase()
  await using written = await writtenTables(db, {
    parameters: '-c default_transaction_isolation=serializable',
  })
  const race = async (): Promise<void> => {
    const held = written.hold(({ from, type, sql }) => from === 'client' && type === 'E' && isRows(sql))
    await db.query(CHANGE)
    const link = await held
    await db.query(
      'UPDATE derived.restaurant_rating SET visits = 0; UPDATE derived.user_spend SET visits = 0',
    )
    link.release()
    expect(await written.differences()).toEqual([])
  }
  await race()
  expect(written.retried()).toEqual([])
  written.target.rewrite = (sql) =>
    sql.replace('ISOLATION LEVEL READ COMMITTED', 'ISOLATION LEVEL SERIALIZABLE')
  await race()
  expect(written.retried()).toEqual(['40001'])
})

test('F54 a COMMIT that the server answers by ROLLBACK is no commit', async () => {
  await using db = await testDatabase()
  await using written = await writtenTables(db)
  let isBroken = false
  written.target.onMessage = ({ from, type, sql }, link) => {
    if (from === 'client' && type === 'Q' && isCommit(sql) && !isBroken) {
      isBroken = true
      link.inject('SELECT 1 / 0')
    }
    return 'pass'
  }
  await db.query(CHANGE)
  expect(await written.differences()).toEqual([])
  expect(written.of('store-retry')).toMatchObject([{ error: { details: { command: 'ROLLBACK' } } }])
})

test.for([
  [
    'a unique index',
    'CREATE UNIQUE INDEX ours ON derived.restaurant_rating (name)',
    '23505',
    'DROP INDEX derived.ours',
  ],
  [
    'a unique constraint that is put off to the COMMIT',
    'ALTER TABLE derived.restaurant_rating ADD CONSTRAINT ours UNIQUE (name) DEFERRABLE INITIALLY DEFERRED',
    '23505',
    'ALTER TABLE derived.restaurant_rating DROP CONSTRAINT ours',
  ],
  [
    'NOT NULL',
    'ALTER TABLE derived.restaurant_rating ALTER rating SET NOT NULL',
    '23502',
    'ALTER TABLE derived.restaurant_rating ALTER rating DROP NOT NULL',
  ],
  [
    'a CHECK',
    "ALTER TABLE derived.restaurant_rating ADD CONSTRAINT ours CHECK (name NOT LIKE 'canary%')",
    '23514',
    'ALTER TABLE derived.restaurant_rating DROP CONSTRAINT ours',
  ],
] as const)(
  'F55 %s that somebody put on a derived table, and a row of the view that violates it, stop that view alone',
  async ([, sql, sqlState, undo]) => {
    await using db = await testDatabase()
    await seedVisits(db, 300)
    await db.query(
      'UPDATE visit SET visit_rating = 1; DELETE FROM restaurant r WHERE NOT EXISTS (SELECT FROM visit WHERE restaurant_id = r.id)',
    )
    await using written = await writtenTables(db)
    await db.query(sql)
    const rows = (): Promise<unknown> => db.query('SELECT * FROM derived.restaurant_rating ORDER BY id')
    const before = await rows()
    await db.query(
      `UPDATE visit SET visit_rating = NULL, amount_spent = 7;
       UPDATE restaurant SET name = 'canary7q' WHERE id IN ('r1', 'r2')`,
    )
    expect(await written.differences([userSpend, grandTotal])).toEqual([])
    expect(written.of('view-not-written')).toMatchObject([
      { view: 'restaurant_rating', error: { code: 'STORE.ROW_REFUSED', details: { sqlState } } },
    ])
    expect(written.of('store-retry')).toEqual([])
    expect(await rows()).toEqual(before)
    expect(await noted(db)).toEqual(
      LIVE.map((row) =>
        row.name === 'restaurant_rating' ? { ...row, state: 'failed', error: 'STORE.ROW_REFUSED' } : row,
      ),
    )
    expect(written.sync.status().stores).toMatchObject([{ state: 'live', failed: ['restaurant_rating'] }])
    // In memory it is what it was.
    expect(written.sync.views.restaurantRating.get('r1')?.name).toBe('canary7q')
    expect(inspect([written.events, written.sync.status()], { depth: null })).not.toContain('canary')
    await written.sync.close()
    // It is so at a start too, and mended by the next one after the constraint has gone.
    await using again = await writtenTables(db)
    expect(again.of('view-not-written')).toHaveLength(1)
    expect(await rows()).toEqual(before)
    expect(await again.differences([userSpend, grandTotal])).toEqual([])
    await again.sync.close()
    await db.query(undo)
    await using mended = await writtenTables(db)
    expect(await mended.differences()).toEqual([])
    expect(await noted(db)).toEqual(LIVE)
  },
)

/** What ends a session or a statement of a store that waits for a lock. */
const ENDS: readonly {
  readonly what: string
  readonly code: string
  readonly parameters?: string
  readonly from?: number
  readonly sql?: string
}[] = [
  { what: 'a cancelled statement', code: '57014', sql: 'SELECT pg_cancel_backend($1)' },
  { what: 'a terminated session', code: '57P01', sql: 'SELECT pg_terminate_backend($1)' },
  { what: 'transaction_timeout', code: '25P04', parameters: '-c transaction_timeout=2s', from: 170_000 },
  { what: 'lock_timeout', code: '55P03' },
]

for (const { what, code, parameters, from = 0, sql } of ENDS) {
  test.concurrent(`F56 ${what} costs a batch, which is written again`, async ({ expect: expects, skip }) => {
    await using db = await testDatabase()
    if ((await serverVersion(db)) < from) skip()
    await using written = await writtenTables(db, parameters === undefined ? {} : { parameters })
    const other = await db.connect()
    await other.query("BEGIN; SELECT FROM derived.restaurant_rating WHERE id = 'r2' FOR UPDATE")
    await db.query(CHANGE)
    const pid = await waitingStore(db)
    // A slow start may have met the timeout too.
    const before = written.of('store-retry').length
    if (sql !== undefined) await db.query(sql, [pid])
    await until(() => written.of('store-retry').length > before, 30_000)
    expects(written.of('store-retry').at(-1)?.pending).toBeGreaterThan(0)
    await other.query('ROLLBACK')
    expects(await written.differences()).toEqual([])
    expects(written.retried()).toContain(code)
    expects(written.of('store-rebuilt')).toHaveLength(1)
  })
}

test('F56 a session that the server ends for being idle is opened again, and nothing is written twice', async () => {
  await using db = await testDatabase()
  await using written = await writtenTables(db, { parameters: '-c idle_session_timeout=200ms' })
  const store = written.target.links.find(({ name }) => name === 'dbsync store')
  await until(() => store?.isEnded === true)
  await db.query(CHANGE)
  expect(await written.differences()).toEqual([])
  expect(written.of('store-rebuilt')).toHaveLength(1)
})

test('F57 a full disk is waited for: what waits is bounded by the rows, and all of it is written when there is room', async () => {
  await using db = await testDatabase()
  await using written = await writtenTables(db)
  const rows = Object.values(written.sync.views).reduce((sum, view) => sum + view.size, 0)
  await db.query(
    `CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS
       $$ BEGIN RAISE 'could not extend file: canary7q' USING ERRCODE = '53100'; END $$;
     CREATE TRIGGER full_disk BEFORE INSERT OR UPDATE ON derived.user_spend EXECUTE FUNCTION full_disk()`,
  )
  for (let round = 0; round < 30; round += 1) await db.query(CHANGE)
  await until(() => written.of('store-retry').length > 2)
  await until(() => written.sync.views.grandTotal.get()?.visits === 300)
  const [status] = written.sync.status().stores
  expect(status).toMatchObject({ state: 'retrying', failed: [] })
  expect(status?.pending).toBeGreaterThan(0)
  expect(status?.pending).toBeLessThanOrEqual(rows)
  expect(new Set(written.retried())).toEqual(new Set(['53100']))
  expect(written.sync.state).toBe('live')
  await db.query('DROP TRIGGER full_disk ON derived.user_spend')
  expect(await written.differences()).toEqual([])
  expect(written.sync.status().stores).toMatchObject([{ state: 'live', pending: 0 }])
})

/** What is wrong before a start. */
const REFUSED: readonly { readonly what: string; readonly code: string; readonly sql: string }[] = [
  {
    what: 'a table of its name that is somebody else’s',
    code: 'STORE.TABLE_EXISTS',
    sql: 'CREATE SCHEMA derived; GRANT ALL ON SCHEMA derived TO PUBLIC; CREATE TABLE derived.user_spend (id int)',
  },
  {
    what: 'a view of its name',
    code: 'STORE.TABLE_EXISTS',
    sql: 'CREATE SCHEMA derived; GRANT ALL ON SCHEMA derived TO PUBLIC; CREATE VIEW derived.user_spend AS SELECT 1 AS id',
  },
  {
    what: 'a schema that it may not use',
    code: 'POSTGRES.PERMISSION',
    sql: 'CREATE SCHEMA derived; REVOKE ALL ON SCHEMA derived FROM PUBLIC',
  },
]

for (const { what, code, sql } of REFUSED)
  test(`${what} refuses the start with ${code}, and nothing is made`, async () => {
    await using db = await testDatabase()
    await seedVisits(db, 300)
    await using role = await targetRole(db)
    await db.query(sql)
    const tables = (): Promise<unknown> =>
      db.query(
        "SELECT schemaname, tablename FROM pg_tables WHERE schemaname IN ('derived', 'dbsync') ORDER BY 1, 2",
      )
    const before = await tables()
    const { sync, events } = exampleSync(db.url, {
      tables: exampleViews,
      target: role.url,
      slot: { name: db.name },
    })
    const error: unknown = await sync.start().catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code, recovery: 'fix' })
    expect(inspect([error, events], { depth: null })).not.toContain('canary')
    await sync.close()
    expect(sync.state).toBe('failed')
    expect(events).toContainEqual({ kind: 'failed', error })
    expect(await tables()).toEqual(before)
    expect(await db.query('SELECT FROM pg_replication_slots WHERE database = current_database()')).toEqual([])
  })

test('a second sync that is configured for the table of another is refused, and the first goes on', async () => {
  await using db = await testDatabase()
  await using written = await writtenTables(db)
  const { sync } = exampleSync(db.url, { tables: { userSpend }, slot: { name: `second_${db.name}` } })
  await expect(sync.start()).rejects.toMatchObject({ code: 'STORE.TABLE_IN_USE' })
  await sync.close()
  await db.query(CHANGE)
  expect(await written.differences()).toEqual([])
})

/** What somebody may do to a derived table while it is written; `next`: how the start after it ends. */
const MEDDLING: readonly { readonly what: string; readonly sql: string; readonly next: string }[] = [
  { what: 'dropped', sql: 'DROP TABLE derived.user_spend', next: 'live' },
  { what: 'renamed', sql: 'ALTER TABLE derived.user_spend RENAME TO mine', next: 'STORE.TABLE_EXISTS' },
  {
    what: 'deprived of a column',
    sql: 'ALTER TABLE derived.user_spend DROP COLUMN best',
    next: 'STORE.TABLE_CHANGED',
  },
  {
    what: 'deprived of its key',
    sql: `DO $$ BEGIN EXECUTE (SELECT 'ALTER TABLE derived.user_spend DROP CONSTRAINT ' || quote_ident(conname)
            FROM pg_constraint WHERE conrelid = 'derived.user_spend'::regclass AND contype = 'p'); END $$`,
    next: 'live',
  },
]

for (const { what, sql, next } of MEDDLING)
  test(`a derived table that is ${what} while it is written stops its view with a code, and no other; the next start is ${next}`, async () => {
    await using db = await testDatabase()
    await using written = await writtenTables(db)
    await db.query(sql)
    await db.query(CHANGE)
    expect(await written.differences([restaurantRating, grandTotal])).toEqual([])
    expect(written.of('view-not-written')).toMatchObject([
      { view: 'user_spend', error: { code: 'STORE.ROW_REFUSED' } },
    ])
    // Another session does not ask for it again.
    written.target.cut()
    await db.query(CHANGE)
    expect(await written.differences([restaurantRating, grandTotal])).toEqual([])
    expect(written.sync.status().stores).toMatchObject([{ state: 'live', failed: ['user_spend'] }])
    expect(written.of('store-rebuilt')).toHaveLength(1)
    await written.sync.close()
    const { sync, events } = exampleSync(db.url, { tables: exampleViews, slot: { name: db.name } })
    const error: unknown = await sync.start().catch((thrown: unknown) => thrown)
    const ending: unknown = error ?? { code: 'live' }
    expect(ending).toMatchObject({ code: next })
    const wrong = next === 'live' ? await derivedDifferences(db, [restaurantRating, grandTotal]) : []
    const isMade = sql.startsWith('DROP')
    expect([...wrong, ...(isMade ? await derivedDifferences(db, [userSpend]) : [])]).toEqual([])
    const failed = events.flatMap((event) => (event.kind === 'view-not-written' ? [event.view] : []))
    expect(failed).toEqual(next === 'live' && !isMade ? ['user_spend'] : [])
    await sync.close()
  })

/** What stops all of a store. */
const FATAL: typeof REFUSED = [
  {
    what: 'whose rights are taken away',
    sql: `DO $$ BEGIN EXECUTE 'REVOKE ALL ON derived.user_spend FROM ' || current_database() || '_target'; END $$`,
    code: 'POSTGRES.PERMISSION',
  },
  {
    what: 'that is gone when it is opened again, and cannot be made',
    sql: `CREATE FUNCTION no_tables() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'canary7q'; END $$;
          CREATE EVENT TRIGGER no_tables ON ddl_command_start WHEN TAG IN ('CREATE TABLE') EXECUTE FUNCTION no_tables();
          DROP TABLE derived.user_spend`,
    code: 'STORE.ROW_REFUSED',
  },
]

for (const { what, sql, code } of FATAL)
  test(`a derived table ${what} ends the sync with ${code}`, async () => {
    await using db = await testDatabase()
    await using role = await targetRole(db)
    await using written = await writtenTables(db, { targetUrl: role.url })
    await db.query(sql)
    const rows = (): Promise<unknown> => db.query('SELECT * FROM derived.restaurant_rating ORDER BY id')
    const before = await rows()
    written.target.cut()
    await db.query(CHANGE)
    await expect(written.sync.catchUp()).rejects.toMatchObject({ code, recovery: 'fix' })
    await until(() => written.of('failed').length > 0)
    expect(written.of('failed')).toMatchObject([{ error: { code } }])
    expect(inspect(written.events, { depth: null })).not.toContain('canary')
    expect(await rows()).toEqual(before)
  })

test.for([
  ['the checkpoint’s row', 'DELETE FROM dbsync.checkpoint'],
  ['the checkpoint’s table', 'DROP TABLE dbsync.checkpoint'],
  ['a checkpoint of another time', "UPDATE dbsync.checkpoint SET lsn = '0/1'"],
] as const)('%s that somebody has taken away costs a comparison of all rows', async ([, sql]) => {
  await using db = await testDatabase()
  await using written = await writtenTables(db)
  await db.query(sql)
  await db.query('UPDATE derived.user_spend SET visits = -1')
  await db.query(CHANGE)
  await until(() => written.of('store-rebuilt').length === 2)
  expect(await written.differences()).toEqual([])
  expect(await noted(db)).toEqual(LIVE)
})
