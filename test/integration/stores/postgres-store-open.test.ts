import { expect, test } from 'vitest'
import type { PostgresStoreOptions } from '../../../src/stores/postgres/postgres-store.ts'
import { testDatabase, type TestDatabase } from '../../support/database.ts'
import { sleep } from '../../support/faults.ts'
import { at, storedView, storeOf, write } from '../../support/postgres-store.ts'

const rating = storedView('rating', ['id'], { id: 'text', visits: 'bigint' })
const indexed = (name = 'rating', schema = 'derived'): Partial<PostgresStoreOptions> => ({
  tables: new Map([['rating', { schema, table: name, indexes: [['visits'], ['visits', 'id']] }]]),
})

/** Opens a store, takes it over and closes it; resolves with its answer. */
async function opened(
  db: Pick<TestDatabase, 'url'>,
  view = rating,
  options: Partial<PostgresStoreOptions> = {},
): Promise<unknown> {
  await using store = storeOf(db, [view], options)
  return await store.open([view], { takeOver: true })
}

async function fill(
  db: Pick<TestDatabase, 'url'>,
  options: Partial<PostgresStoreOptions> = {},
): Promise<void> {
  await using store = storeOf(db, [rating], options)
  await store.open([rating], { takeOver: true })
  await write(store, 'whole', 16, [{ view: rating, rows: [['r1', '2']] }])
}

/** Connection string of a role with these rights. */
async function roleUrl(db: TestDatabase, grants: (role: string) => string): Promise<string> {
  const role = `role ${db.name}`
  await db.query(`CREATE ROLE "${role}" LOGIN PASSWORD 'secret'`)
  await db.query(grants(`"${role}"`))
  const url = new URL(db.url)
  url.username = encodeURIComponent(role)
  url.password = 'secret'
  return url.href
}

const dropRole = (db: TestDatabase): Promise<unknown> =>
  db.query(`DROP OWNED BY "role ${db.name}" CASCADE; DROP ROLE "role ${db.name}"`)

test('a table that is there and not ours is left alone, and nothing is left behind', async () => {
  await using db = await testDatabase({ schema: 'empty' })
  await db.query('CREATE SCHEMA derived; CREATE TABLE derived.rating (id text PRIMARY KEY, visits bigint)')
  await db.query("INSERT INTO derived.rating VALUES ('mine', 1)")
  await expect(opened(db)).rejects.toMatchObject({
    code: 'STORE.TABLE_EXISTS',
    message: expect.stringContaining('"derived"."rating"'),
  })
  expect(await db.query('SELECT * FROM derived.rating')).toEqual([{ id: 'mine', visits: '1' }])
  expect(await db.query("SELECT FROM pg_namespace WHERE nspname = 'dbsync'")).toEqual([])
  await db.query('DROP TABLE derived.rating; CREATE VIEW derived.rating AS SELECT 1 AS id')
  await expect(opened(db)).rejects.toMatchObject({ code: 'STORE.TABLE_EXISTS' })
})

test('a table that another sync writes, or whose columns somebody changed, is refused', async () => {
  await using db = await testDatabase({ schema: 'empty' })
  await fill(db)
  await expect(opened(db, rating, { pipeline: 'other' })).rejects.toMatchObject({
    code: 'STORE.TABLE_IN_USE',
    details: { pipeline: 'p' },
  })
  await db.query('ALTER TABLE derived.rating ADD COLUMN note text')
  await expect(opened(db)).rejects.toMatchObject({ code: 'STORE.TABLE_CHANGED' })
  await db.query('ALTER TABLE derived.rating DROP COLUMN note')
  expect(await opened(db)).toBe(at(16))
  await db.query('ALTER TABLE derived.rating ALTER COLUMN visits TYPE integer')
  await expect(opened(db)).rejects.toMatchObject({ code: 'STORE.TABLE_CHANGED' })
  // What the message advises.
  await db.query('DROP TABLE derived.rating')
  expect(await opened(db)).toBe(null)
  expect(await db.query('SELECT state FROM dbsync.derived_table')).toEqual([{ state: 'building' }])
})

test('another definition of the same form is written in place; until then the table says how old it is', async () => {
  await using db = await testDatabase({ schema: 'empty' })
  await fill(db)
  const next = { ...rating, fingerprint: '2' }
  await using store = storeOf(db, [next])
  expect(await store.open([next], { takeOver: true })).toBe(null)
  const oid = await db.query("SELECT 'derived.rating'::regclass::oid AS oid")
  await write(store, 'whole', 32, [{ view: next, rows: [['r9', '1']] }])
  expect(await db.query('SELECT id FROM derived.rating')).toEqual([{ id: 'r9' }])
  expect(await db.query("SELECT 'derived.rating'::regclass::oid AS oid")).toEqual(oid)
  expect(await opened(db, next)).toBe(at(32))
})

const LONGER = storedView(
  'rating',
  ['id'],
  { id: 'text', visits: 'numeric', 'average "of all"': 'numeric?' },
  '2',
)

test('a definition of another form gets a new table, swapped in when it is full, with rights and names', async () => {
  await using db = await testDatabase({ schema: 'empty' })
  await fill(db, indexed())
  const reader = `reader ${db.name}`
  await db.query(`CREATE ROLE "${reader}"; GRANT USAGE ON SCHEMA derived TO "${reader}";
                  GRANT SELECT ON derived.rating TO "${reader}" WITH GRANT OPTION;
                  GRANT UPDATE (visits) ON derived.rating TO "${reader}"; GRANT SELECT ON derived.rating TO PUBLIC`)
  // Rights that new tables get, and that this one does not have.
  await db.query(`ALTER DEFAULT PRIVILEGES IN SCHEMA derived GRANT DELETE ON TABLES TO "${reader}"`)
  const names = async (): Promise<unknown> =>
    db.query(
      `SELECT conname AS name, contype::text AS kind FROM pg_constraint WHERE conrelid = 'derived.rating'::regclass
       UNION SELECT indexrelid::regclass::text, 'i' FROM pg_index WHERE indrelid = 'derived.rating'::regclass
       ORDER BY 2, 1`,
    )
  const rights = async (): Promise<unknown> =>
    db.query(
      `SELECT c.relowner::regrole, a.grantee::regrole, a.privilege_type, a.is_grantable FROM pg_class c, aclexplode(c.relacl) a
       WHERE c.oid = 'derived.rating'::regclass AND a.grantee <> c.relowner
       UNION SELECT null, a.grantee::regrole, a.privilege_type || ' ' || t.attname, a.is_grantable
       FROM pg_attribute t, aclexplode(t.attacl) a WHERE t.attrelid = 'derived.rating'::regclass ORDER BY 3, 2`,
    )
  const before = { names: await names(), rights: await rights() }
  try {
    await using store = storeOf(db, [LONGER], indexed())
    expect(await store.open([LONGER], { takeOver: true })).toBe(null)
    // Readers hold the old table, one in an open transaction.
    const holder = await db.connect()
    await holder.query('BEGIN; SELECT * FROM derived.rating')
    await store.begin({ kind: 'whole', views: [LONGER] })
    await store.upsert(LONGER, [
      ['r1', '2.5', null],
      ['r2', '1', '3'],
    ])
    expect(await db.query('SELECT * FROM derived.rating')).toEqual([{ id: 'r1', visits: '2' }])
    let isDone = false
    const swapped = store.commit(at(32)).then(() => (isDone = true))
    await sleep(1_200)
    expect(isDone).toBe(false)
    // New readers are let in between, and the one that holds the old rows keeps them.
    expect(await db.query('SELECT * FROM derived.rating')).toEqual([{ id: 'r1', visits: '2' }])
    expect((await holder.query('SELECT * FROM derived.rating')).rows).toEqual([{ id: 'r1', visits: '2' }])
    await holder.query('COMMIT')
    await swapped
    expect(await db.query('SELECT * FROM derived.rating ORDER BY id')).toEqual([
      { id: 'r1', visits: '2.5', 'average "of all"': null },
      { id: 'r2', visits: '1', 'average "of all"': '3' },
    ])
    expect({ names: await names(), rights: await rights() }).toEqual(before)
    expect(await db.query("SELECT relname FROM pg_class WHERE relname LIKE 'dbsync_next%'")).toEqual([])
    // It is written on like any other.
    await write(store, 'changes', 48, [{ view: LONGER, deletes: [['r1']], rows: [['r2', '2', '4']] }])
    expect(await db.query('SELECT id, visits FROM derived.rating')).toEqual([{ id: 'r2', visits: '2' }])
    expect(await opened(db, LONGER, indexed())).toBe(at(48))
  } finally {
    await db.query(`DROP OWNED BY "${reader}"; DROP ROLE "${reader}"`)
  }
})

test('a crash in the middle of a replacement leaves the former table, and nothing else', async () => {
  await using db = await testDatabase({ schema: 'empty' })
  await fill(db)
  for (let attempt = 0; attempt < 2; attempt += 1) {
    await using store = storeOf(db, [LONGER])
    expect(await store.open([LONGER], { takeOver: true })).toBe(null)
    await store.begin({ kind: 'whole', views: [LONGER] })
    await store.upsert(LONGER, [['r1', '2.5', null]])
  }
  expect(await db.query('SELECT * FROM derived.rating')).toEqual([{ id: 'r1', visits: '2' }])
  expect(await opened(db)).toBe(at(16))
})

test('a table that others depend on is not dropped for another', async () => {
  await using db = await testDatabase({ schema: 'empty' })
  await fill(db)
  const things = [
    ['CREATE VIEW v AS SELECT id FROM derived.rating', 'DROP VIEW v', 'view v'],
    ['CREATE TABLE f (id text REFERENCES derived.rating)', 'DROP TABLE f', 'table f'],
    [
      'ALTER TABLE derived.rating ENABLE ROW LEVEL SECURITY',
      'ALTER TABLE derived.rating DISABLE ROW LEVEL SECURITY',
      'row-level',
    ],
    ['CREATE PUBLICATION x FOR TABLE derived.rating', 'DROP PUBLICATION x', 'publication x'],
  ] as const
  for (const [make, drop, word] of things) {
    await db.query(make)
    await expect(opened(db, LONGER)).rejects.toMatchObject({
      code: 'STORE.UNSUPPORTED',
      message: expect.stringContaining(word),
    })
    await db.query(drop)
  }
  expect(await opened(db, LONGER)).toBe(null)
})

test('a derived table in the publication of its sync is refused, however it got in', async () => {
  await using db = await testDatabase({ schema: 'empty' })
  await db.query('CREATE TABLE source (id text PRIMARY KEY)')
  await db.query('CREATE SCHEMA derived; CREATE PUBLICATION others FOR ALL TABLES')
  await db.query('CREATE PUBLICATION own FOR TABLE source')
  const options = { publication: 'own' }
  expect(await opened(db, rating, options)).toBe(null)
  const [version] = await db.query<{ v: number }>("SELECT current_setting('server_version_num')::int AS v")
  const ways = [
    'ALTER PUBLICATION own SET TABLE source, derived.rating',
    'ALTER PUBLICATION own SET TABLE dbsync.checkpoint',
    'DROP PUBLICATION own; CREATE PUBLICATION own FOR ALL TABLES',
    ...((version?.v ?? 0) < 150_000
      ? []
      : ['DROP PUBLICATION own; CREATE PUBLICATION own FOR TABLES IN SCHEMA derived']),
  ]
  for (const way of ways) {
    await db.query(way)
    await expect(opened(db, rating, options)).rejects.toMatchObject({ code: 'STORE.LOOP' })
  }
  expect(await opened(db)).toBe(null)
})

test('a role without rights is told which SQL gives them, and that is enough', async () => {
  await using db = await testDatabase({ schema: 'empty' })
  const url = await roleUrl(db, (role) => `GRANT CONNECT ON DATABASE ${db.name} TO ${role}`)
  try {
    const asked: string[] = []
    for (;;) {
      const error: unknown = await opened({ url }).catch((reason: unknown) => reason)
      if (error === null) break
      expect(error).toMatchObject({
        code: 'POSTGRES.PERMISSION',
        message: expect.not.stringContaining('secret'),
      })
      const { sql } = (error as { details: { sql: string } }).details
      expect(asked).not.toContain(sql)
      asked.push(sql)
      await db.query(sql)
    }
    expect(asked.length).toBe(2)
    // A schema that somebody else owns.
    await db.query('CREATE SCHEMA theirs')
    await expect(opened({ url }, rating, indexed('rating', 'theirs'))).rejects.toMatchObject({
      code: 'POSTGRES.PERMISSION',
      details: { sql: expect.stringContaining('GRANT USAGE, CREATE ON SCHEMA "theirs"') },
    })
    await fill({ url })
    await db.query(`ALTER TABLE derived.rating OWNER TO postgres`)
    await using store = storeOf({ url }, [rating])
    await store.open([rating], { takeOver: true })
    await store.begin({ kind: 'changes', views: [rating] })
    const refused = store.upsert(rating, [['r1', '9']])
    await expect(refused).rejects.toMatchObject({
      code: 'POSTGRES.PERMISSION',
      details: {
        sql: expect.stringContaining('GRANT SELECT, INSERT, UPDATE, DELETE ON TABLE "derived"."rating"'),
      },
    })
  } finally {
    await dropRole(db)
  }
})

test('a table that was left behind needs all rows before the others count as whole', async () => {
  await using db = await testDatabase({ schema: 'empty' })
  const spend = storedView('spend', ['id'], { id: 'text', spent: 'numeric' })
  const both = [rating, spend]
  await using store = storeOf(db, both)
  await store.open(both, { takeOver: true })
  await write(store, 'whole', 16, [{ view: rating, rows: [['a', '1']] }, { view: spend }])
  await using heir = storeOf(db, both)
  expect(await heir.open(both, { takeOver: true })).toBe(at(16))
  // It goes on with one of them alone, and is gone.
  await write(heir, 'whole', 32, [{ view: rating, rows: [['a', '2']] }])
  await using last = storeOf(db, both)
  expect(await last.open(both, { takeOver: true })).toBe(null)
  await expect(last.begin({ kind: 'changes', views: both })).rejects.toMatchObject({
    code: 'INTERNAL.INVARIANT',
  })
})

test('tables that a sync does not write any more say so, and so does one whose view has stopped', async () => {
  await using db = await testDatabase({ schema: 'empty' })
  const spend = storedView('spend', ['id'], { id: 'text', spent: 'numeric' })
  {
    await using store = storeOf(db, [rating, spend])
    await store.open([rating, spend], { takeOver: true })
    await write(store, 'whole', 16, [
      { view: rating, rows: [['a', '1']] },
      { view: spend, rows: [['a', '1']] },
    ])
    await store.fail(spend, 'VIEW.EVALUATION')
    await write(store, 'changes', 32, [{ view: rating, rows: [['a', '2']] }])
  }
  const states = (): Promise<unknown> =>
    db.query('SELECT name, state, lsn::text, error FROM dbsync.derived_table ORDER BY name')
  expect(await states()).toEqual([
    { name: 'rating', state: 'live', lsn: '0/20', error: null },
    { name: 'spend', state: 'failed', lsn: '0/10', error: 'VIEW.EVALUATION' },
  ])
  await using store = storeOf(db, [spend])
  expect(await store.open([spend], { takeOver: true })).toBe(null)
  await write(store, 'whole', 48, [{ view: spend, rows: [['a', '3']] }])
  expect(await states()).toEqual([
    { name: 'rating', state: 'detached', lsn: '0/20', error: null },
    { name: 'spend', state: 'live', lsn: '0/30', error: null },
  ])
})
