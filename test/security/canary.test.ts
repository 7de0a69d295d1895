import { inspect } from 'node:util'
import { Decimal } from '@prisma/client/runtime/client'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import {
  createSync,
  defineSchema,
  defineTable,
  defineView,
  isDbsyncError,
  sealContract,
  type ColumnContract,
  type SyncOptions,
} from 'prisma-dbsync'
import { toDbsyncError } from '../../src/core/errors.ts'
import { ControlSession } from '../../src/postgres/control-session.ts'
import { RawSession } from '../../src/postgres/raw-session.ts'
import { ChunkReader } from '../../src/snapshot/chunk-reader.ts'
import { codecFor } from '../../src/values/codec-for.ts'
import { contract, schema as shopSchema } from '../conformance/fixture.ts'
import { testDatabase, type TestDatabase } from '../support/database.ts'
import { cutStream, until } from '../support/faults.ts'
import { exampleViews } from '../support/views.ts'
import { schema } from '../../generated/dbsync/index.ts'

/** Stands in every password, key, row value, payload and connection string here, and must stand in nothing that is told. */
const CANARY = 'canary7q'

/** All that was told while a test ran. */
let told: unknown[] = []
const CONSOLE = ['log', 'info', 'warn', 'error', 'debug', 'trace'] as const
const noteWarning = (warning: Error): void => void told.push(warning)

beforeEach(() => {
  told = []
  for (const method of CONSOLE) vi.spyOn(console, method).mockImplementation((...args) => told.push(args))
  process.on('warning', noteWarning)
})

afterEach(() => {
  process.off('warning', noteWarning)
  vi.restoreAllMocks()
})

/** Every way in which something may get into a log. */
function faces(value: unknown): string[] {
  const withBigints = (_: string, one: unknown): unknown => (typeof one === 'bigint' ? `${one}` : one)
  const all = [
    String(value),
    inspect(value, { depth: null, showHidden: true, getters: true }),
    JSON.stringify(value, withBigints) ?? '',
  ]
  if (value instanceof Error)
    all.push(value.message, value.stack ?? '', ...faces(value.cause), ...faces(Reflect.get(value, 'details')))
  return all
}

function expectNothingTold(): void {
  const leaks = told.flatMap((one) => faces(one).filter((face) => face.toLowerCase().includes(CANARY)))
  expect(leaks).toEqual([])
}

/** What a call throws, noted. */
async function failure(work: () => unknown): Promise<unknown> {
  try {
    await work()
  } catch (error) {
    told.push(error)
    return error
  }
  throw new Error('it did not fail')
}

/** What a call throws is noted, if it does. */
function attempt(work: () => unknown): void {
  try {
    work()
  } catch (error) {
    told.push(error)
  }
}

async function expectFailure(work: () => unknown, code: string): Promise<void> {
  expect(await failure(work)).toMatchObject({ code })
}

/** The example's sync, its events and itself noted. */
function watchedSync(url: string, options: Partial<SyncOptions> = {}): ReturnType<typeof createSync> {
  const sync = createSync({
    schema,
    connection: url,
    views: exampleViews,
    onEvent: (event) => told.push(event),
    ...options,
  })
  told.push(sync)
  return sync
}

const FILL = `
  INSERT INTO users (id, first_name, user_name, email, date_of_birth)
    VALUES (1, '${CANARY}', '${CANARY}', '${CANARY}', '2000-01-01');
  INSERT INTO restaurant (id, name) VALUES ('${CANARY}', '${CANARY}');
  INSERT INTO visit VALUES (1, '${CANARY}', 1, 1)`

/** A role of the database's own whose password has the canary in it. */
async function canaryUrl(db: TestDatabase): Promise<string> {
  await db.query(`CREATE ROLE r_${db.name} LOGIN SUPERUSER PASSWORD '${CANARY}'`)
  const url = new URL(db.url)
  url.username = `r_${db.name}`
  url.password = CANARY
  return url.href
}

async function dropRole(db: TestDatabase): Promise<void> {
  await db.query(`DROP OWNED BY r_${db.name}; DROP ROLE r_${db.name}`)
}

test('a sync that reads, streams, loses its session and fails tells nothing of values or password', async () => {
  await using db = await testDatabase()
  const url = await canaryUrl(db)
  await db.query(FILL)
  const sync = watchedSync(url)
  await sync.start()
  await db.query(`INSERT INTO restaurant (id, name) VALUES ('${CANARY}2', '${CANARY}')`)
  await db.query(`SELECT pg_logical_emit_message(true, '${CANARY}', '${CANARY}')`)
  await sync.catchUp()
  await cutStream(db)
  await until(() => sync.status().reconnects > 0 && sync.state === 'live')
  told.push(sync.status())
  await db.query(`ALTER TABLE visit ALTER visit_rating TYPE text USING '${CANARY}'`)
  await db.query(`UPDATE visit SET visit_rating = '${CANARY}'`)
  // The views over the table stop, and the sync goes on.
  const failed = (): boolean => sync.status().views.some(({ readiness }) => readiness === 'failed')
  await until(failed, 30_000)
  await expectFailure(async () => {
    for (const view of Object.values(sync.views)) view.rows()
    await sync.catchUp()
  }, 'CONTRACT.TYPE_MISMATCH')
  told.push(sync, sync.status())
  await sync.close()
  await expectFailure(() => watchedSync(url).start(), 'CONTRACT.TYPE_MISMATCH')
  expect(told.length).toBeGreaterThan(10)
  expectNothingTold()
  await dropRole(db)
})

test('a handler that fails: its own error is handed on, nothing is added to it', async () => {
  await using db = await testDatabase()
  const url = await canaryUrl(db)
  const sync = watchedSync(url, {
    handlers: {
      Visit: {
        insert() {
          throw new Error('the mail server is down')
        },
      },
    },
    handlerAttempts: 2,
    slot: { name: `s_${db.name}` },
  })
  await sync.start()
  await db.query(FILL)
  await until(() => sync.state === 'failed')
  await expectFailure(() => sync.ready(), 'HANDLER.FAILED')
  told.push(sync, sync.status())
  await sync.close()
  expect(inspect(told)).toContain('the mail server is down')
  expectNothingTold()
  await dropRole(db)
})

test('a value that cannot be decoded is not quoted', async () => {
  const types: readonly [ColumnContract['type'], string][] = [
    ['Int', 'smallint'],
    ['Int', 'integer'],
    ['Int', 'oid'],
    ['BigInt', 'bigint'],
    ['Float', 'real'],
    ['Float', 'double precision'],
    ['Boolean', 'boolean'],
    ['Decimal', 'numeric(10,2)'],
    ['Decimal', 'numeric(40,2)'],
    ['Decimal', 'numeric'],
    ['DateTime', 'date'],
    ['DateTime', 'time without time zone'],
    ['DateTime', 'time with time zone'],
    ['DateTime', 'timestamp(3) without time zone'],
    ['DateTime', 'timestamp(6) with time zone'],
    ['Json', 'jsonb'],
    ['Bytes', 'bytea'],
    ['Enum', 'mood'],
  ]
  for (const [type, pgType] of types) {
    for (const list of [false, true]) {
      const column: ColumnContract = {
        field: 'f',
        column: 'f',
        type,
        pgType,
        list,
        nullable: false,
        ...(type === 'Enum' ? { enum: 'Mood' } : {}),
      }
      const codec = codecFor({ ...shopSchema, contract }, 'T', column)
      for (const text of [
        CANARY,
        `{"${CANARY}`,
        `${CANARY}-01-01`,
        `2024-01-01 ${CANARY}`,
        `1${CANARY}`,
        `{{${CANARY}}}`,
      ]) {
        attempt(() => codec.publicFromText(text))
      }
      attempt(() => codec.textFromPublic({ v: CANARY }))
    }
  }
  expect(told.length).toBeGreaterThan(150)
  expect(told.filter((error) => !isDbsyncError(error))).toEqual([])
  expectNothingTold()
})

test('an enum label and a date that nobody can show are not quoted', async () => {
  await using db = await testDatabase({ schema: 'empty' })
  await db.query(
    `CREATE TYPE mood AS ENUM ('glad'); CREATE TABLE guest (id int PRIMARY KEY, mood mood, born date, doc jsonb)`,
  )
  const column = (field: string, type: ColumnContract['type'], pgType: string): ColumnContract => ({
    field,
    column: field,
    type,
    pgType,
    list: false,
    nullable: field !== 'id',
  })
  const guests = defineSchema({
    Decimal,
    contract: sealContract({
      version: 1,
      enums: [{ name: 'Mood', schema: 'public', pgName: 'mood', values: [{ name: 'GLAD', label: 'glad' }] }],
      models: [
        {
          model: 'Guest',
          schema: 'public',
          table: 'guest',
          key: ['id'],
          keyIsPrimary: true,
          relations: [],
          columns: [
            column('id', 'Int', 'integer'),
            { ...column('mood', 'Enum', 'mood'), enum: 'Mood' },
            column('born', 'DateTime', 'date'),
          ],
        },
      ],
    }),
  })
  const Guest = defineTable<'Guest', { id: number; mood: 'GLAD' | null; born: Date | null }, 'id'>(
    guests,
    'Guest',
  )
  const view = defineView('guests', (q) =>
    q.from({ g: Guest }).select(({ g }) => ({ id: g.id, mood: g.mood, born: g.born })),
  )
  await db.query(`ALTER TYPE mood ADD VALUE '${CANARY}'`)
  for (const row of [`(1, '${CANARY}', NULL)`, `(1, NULL, '294276-07-07')`, `(1, NULL, 'infinity')`]) {
    for (const handlers of [undefined, { Guest: { insert() {} } }]) {
      const options = {
        schema: guests,
        views: { view },
        ...(handlers === undefined ? {} : { handlers, slot: { durable: false } }),
      }
      const streaming = watchedSync(db.url, options)
      await streaming.start()
      await db.query(`INSERT INTO guest VALUES ${row}`)
      await streaming.catchUp().catch((error: unknown) => told.push(error))
      const views: Readonly<Record<string, { rows(): Iterable<unknown> }>> = streaming.views
      attempt(() => [...(views['view']?.rows() ?? [])])
      told.push(streaming.status())
      await streaming.close()
      const reading = watchedSync(db.url, options)
      await reading.start().catch((error: unknown) => told.push(error))
      told.push(reading.status())
      await reading.close()
      await db.query('TRUNCATE guest')
    }
  }
  expect(inspect(told, { depth: 5 })).toContain('CHANGES.UNKNOWN_ENUM_LABEL')
  expect(inspect(told, { depth: 5 })).toContain('CHANGES.UNDECODABLE_VALUE')
  const faced = told.flatMap(faces)
  expect(faced.filter((face) => face.includes('294276'))).toEqual([])
  expectNothingTold()
})

test('what the server says of values, in its message, DETAIL, HINT, CONTEXT or query, is not handed on', async () => {
  await using db = await testDatabase()
  await db.query('CREATE TABLE region (id int PRIMARY KEY, title text)')
  const raise = `DO $$ BEGIN RAISE '${CANARY}' USING DETAIL = '${CANARY}', HINT = '${CANARY}', ERRCODE = '%'; END $$`
  const statements = [
    `SELECT '${CANARY}'::int`,
    `INSERT INTO restaurant (id, name) VALUES ('${CANARY}', 'a'), ('${CANARY}', 'b')`,
    `INSERT INTO users (first_name) VALUES ('${CANARY}')`,
    ...['22012', '23514', 'P0001', '44000', '38000', 'HV000', 'ZZ999'].map((code) =>
      raise.replace('%', code),
    ),
  ]
  const raw = await RawSession.connect(db.url, 'test', false)
  const control = new ControlSession(db.url)
  for (const sql of statements) {
    await expectFailure(() => raw.query(sql), 'POSTGRES.QUERY_FAILED')
    await expectFailure(() => control.query(sql), 'POSTGRES.QUERY_FAILED')
    await expectFailure(
      () => control.use('do a test', (client) => client.query(sql)),
      'POSTGRES.QUERY_FAILED',
    )
  }
  // What names no values is told: it says what is wrong.
  expect(String(await failure(() => raw.query('SELECT * FROM nowhere')))).toContain(
    'relation "nowhere" does not exist',
  )
  const [model] = contract.models
  if (model === undefined) throw new Error('no model')
  const range = { kind: 'keys', keys: [[CANARY]] } as const
  const read = (): unknown =>
    new ChunkReader(raw).read({ model, columns: ['id'], key: ['id'] }, range, 'mark')
  await expectFailure(read, 'SNAPSHOT.CHUNK_FAILED')
  await raw.close()
  await control.close()
  await db.query(`CREATE FUNCTION refuse() RETURNS event_trigger LANGUAGE plpgsql AS
    'BEGIN RAISE ''${CANARY}'' USING DETAIL = ''${CANARY}'', HINT = ''${CANARY}''; END';
    CREATE EVENT TRIGGER refuse ON ddl_command_start WHEN TAG IN ('CREATE PUBLICATION') EXECUTE FUNCTION refuse()`)
  await expectFailure(() => watchedSync(db.url).start(), 'POSTGRES.QUERY_FAILED')
  expectNothingTold()
})

test('a connection that fails, whatever the reason, does not show its string or its password', async () => {
  await using db = await testDatabase()
  const good = new URL(await canaryUrl(db))
  const change = (edit: (url: URL) => void): string => {
    const url = new URL(good)
    edit(url)
    return url.href
  }
  const start = (connection: unknown, options: object = {}): Promise<void> =>
    watchedSync(connection as string, options).start()
  await expectFailure(() => start(change((url) => (url.port = '1'))), 'POSTGRES.CONNECTION_REFUSED')
  await expectFailure(
    () =>
      start(
        change((url) => (url.hostname = 'nowhere.invalid')),
        { allowInsecure: true },
      ),
    'POSTGRES.CONNECTION_REFUSED',
  )
  await expectFailure(
    () => start(change((url) => (url.password = `wrong ${CANARY}`))),
    'POSTGRES.AUTHENTICATION',
  )
  await expectFailure(() => start(change((url) => (url.pathname = '/nowhere'))), 'POSTGRES.AUTHENTICATION')
  await expectFailure(() => start(`${good.href}?sslmode=require`), 'POSTGRES.TLS')
  await expectFailure(
    () => start(change((url) => (url.hostname = 'db.example.com'))),
    'CONFIG.INSECURE_CONNECTION',
  )
  const fails = (): Promise<string> => Promise.reject(new Error(`no token ${CANARY}`))
  const host = { host: good.hostname, port: Number(good.port), user: good.username, database: db.name }
  await expectFailure(() => start({ ...host, password: fails }), 'POSTGRES.CONNECTION_REFUSED')
  for (const text of [
    `app:${CANARY}@localhost/shop`,
    `password=${CANARY} host=localhost`,
    `postgresql://app:${CANARY}/x@localhost/shop`,
    `postgresql://app:%FF${CANARY}@localhost/shop`,
    `postgresql://app:x@localhost:${CANARY}/shop`,
  ]) {
    await expectFailure(() => start(text), 'CONFIG.INVALID_OPTIONS')
  }
  await expectFailure(() => start([CANARY]), 'CONFIG.INVALID_OPTIONS')
  await expectFailure(() => start(good.href, { slot: { waitMs: CANARY } }), 'CONFIG.INVALID_OPTIONS')
  await db.query(`ALTER ROLE r_${db.name} NOSUPERUSER CONNECTION LIMIT 0`)
  await expectFailure(() => start(good.href), 'POSTGRES.LIMIT')
  expectNothingTold()
  await dropRole(db)
})

test('a bug is told by its kind and place, without the text that JavaScript made of it', async () => {
  const bugs = [
    () => BigInt(CANARY),
    () => JSON.parse(`{"${CANARY}`) as unknown,
    () => new Intl.NumberFormat(CANARY),
    () => {
      throw new RangeError(`line\n    at ${CANARY} (file.ts:1:1)\n`)
    },
    () => {
      // oxlint-disable-next-line typescript/only-throw-error -- JavaScript lets it
      throw CANARY
    },
  ]
  for (const bug of bugs) {
    const error = toDbsyncError(await failure(bug))
    told.pop()
    told.push(error)
    expect(error.message).toMatch(/^bug in DBSync: (?:\w*Error|string)/)
  }
  expect(inspect(told)).toContain('canary.test.ts')
  expectNothingTold()
})
