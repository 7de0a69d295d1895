import { Decimal } from '@prisma/client/runtime/client'
import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  createSync,
  defineSchema,
  defineTable,
  defineView,
  eq,
  sealContract,
  type AnyChange,
  type ModelContract,
  type Schema,
  type ViewDefinition,
} from 'prisma-dbsync'
import { quoteIdentifier, quoteLiteral } from '../../src/core/quote.ts'
import { RawSession } from '../../src/postgres/raw-session.ts'
import { ChunkReader } from '../../src/snapshot/chunk-reader.ts'
import { copyFields, walkCopyRows } from '../../src/snapshot/copy-rows.ts'
import { testDatabase, type TestDatabase } from '../support/database.ts'
import { cutStream, until } from '../support/faults.ts'
import { startEmbedded, type OwnServer } from '../support/server.ts'
import { skeleton, STATEMENT_LOG_FLAGS, statementsOf } from '../support/statements.ts'

const NASTY = [
  'we"ird, T',
  "co'l",
  'line\nbreak\ttab',
  '"; DROP TABLE victim; --',
  "'; DROP TABLE victim; --",
  'x); DROP TABLE victim; --',
  '\\',
  "\\'; DROP TABLE victim; --",
  '%s %n %1$s',
  '${x} `y` $$ $1',
  '/* comment',
  '__proto__',
  'constructor',
  'toString',
  'Ünïcode 🦆\u2028',
  'é'.repeat(31) + 'x',
  ' ',
  '.',
]
const PLAIN = NASTY.map((_, index) => `plain_${index}`)

let server: OwnServer
let log = ''

beforeAll(async () => {
  server = await startEmbedded(STATEMENT_LOG_FLAGS, (text) => {
    log += text
  })
})

afterAll(() => server.stop())

/** One table for each name; its schema, its columns and its fields have the names that follow. */
function models(names: readonly string[]): ModelContract[] {
  const at = (index: number): string => names[index % names.length] ?? ''
  return names.map((table, index) => {
    const [key, text, number] = [at(index + 1), at(index + 2), at(index + 3)]
    return {
      model: `M${index}`,
      schema: at(0),
      table,
      key: [key, number],
      keyIsPrimary: true,
      columns: [
        { field: key, column: key, type: 'String', pgType: 'text', list: false, nullable: false },
        { field: text, column: text, type: 'Json', pgType: 'jsonb', list: false, nullable: true },
        { field: number, column: number, type: 'Int', pgType: 'integer', list: false, nullable: false },
      ],
      relations: [],
    }
  })
}

const nameOf = ({ schema, table }: ModelContract): string =>
  `${quoteIdentifier(schema)}.${quoteIdentifier(table)}`

async function createTables(db: TestDatabase, all: readonly ModelContract[]): Promise<void> {
  await db.query('CREATE TABLE victim (id int PRIMARY KEY); INSERT INTO victim VALUES (1)')
  await db.query(`CREATE SCHEMA ${quoteIdentifier(all[0]?.schema ?? '')}`)
  for (const model of all) {
    const columns = model.columns.map(({ column, pgType }) => `${quoteIdentifier(column)} ${pgType}`)
    const [key = '', , number = ''] = model.columns.map(({ column }) => quoteIdentifier(column))
    await db.query(`CREATE TABLE ${nameOf(model)} (${columns.join(', ')}, PRIMARY KEY (${key}, ${number}))`)
  }
}

/** Two columns of each table in a view each, under the columns' names; one view joins two tables. */
function viewsOf(schema: Schema, all: readonly ModelContract[]): Record<string, ViewDefinition> {
  const tableOf = (index: number): ReturnType<typeof table> => table(schema, `M${index}`)
  const fieldsOf = (index: number): [string, string, string] => {
    const [key = '', text = '', number = ''] = all[index]?.columns.map(({ field }) => field) ?? []
    return [key, text, number]
  }
  const views = all.map((model, index): [string, ViewDefinition] => {
    const [key, , number] = fieldsOf(index)
    const view = defineView(`v${index}`, (q) =>
      q.from({ t: tableOf(index) }).select(({ t }) =>
        named([
          [key, t[key]],
          [number, t[number]],
        ]),
      ),
    )
    return [model.table, view]
  })
  const [a, , an] = fieldsOf(0)
  const [b, , bn] = fieldsOf(1)
  const joined = defineView('joined', (q) =>
    q
      .from({ left: tableOf(0) })
      .innerJoin({ right: tableOf(1) }, ({ left, right }) => eq(given(left[a]), given(right[b])))
      .select(({ left, right }) => ({
        [a]: given(left[a]),
        [an]: given(left[an]),
        right: given(right[b]),
        'right number': given(right[bn]),
      })),
  )
  return Object.fromEntries([...views, ['joined', joined]])
}

const table = (schema: Schema, model: string) =>
  defineTable<string, Record<string, string>, string>(schema, model)

function given<T>(ref: T): NonNullable<T> {
  if (ref == null) throw new Error('the handle has no such field')
  return ref
}

function named<T>(entries: readonly (readonly [string, T])[]): Record<string, NonNullable<T>> {
  return Object.fromEntries(entries.map(([name, ref]) => [name, given(ref)]))
}

/** Key values of the same kind as the names, so that literals are as nasty. */
const insert = (model: ModelContract, key: string, number: number): string =>
  `INSERT INTO ${nameOf(model)} VALUES (${quoteLiteral(key)}, '{"polluted": true}', ${number})`

/** Hydrates, streams, reconnects, and returns what the sync's sessions sent. */
async function run(names: readonly string[], publication: string): Promise<string[]> {
  await using db = await testDatabase({ schema: 'empty', serverUrl: server.url })
  const all = models(names)
  await createTables(db, all)
  for (const model of all) for (const [n, key] of names.entries()) await db.query(insert(model, key, n))
  const contract = sealContract({ version: 1, enums: [], models: all })
  const schema = defineSchema({ contract, Decimal })
  const views = viewsOf(schema, all)
  const changes: AnyChange[] = []
  const note = (change: AnyChange): void => void changes.push(change)
  const sync = createSync({
    schema,
    connection: db.url,
    publication,
    views,
    handlers: Object.fromEntries(
      all.map(({ model }) => [model, { insert: note, update: note, delete: note }]),
    ),
    slot: { name: 'names' },
  })
  await sync.start()
  for (const model of all) {
    const [key = '', , number = ''] = model.columns.map(({ column }) => quoteIdentifier(column))
    await db.query(insert(model, 'streamed', 1000))
    await db.query(`UPDATE ${nameOf(model)} SET ${key} = 'moved' WHERE ${number} = 1000`)
    await db.query(`DELETE FROM ${nameOf(model)} WHERE ${number} = 0`)
  }
  await sync.catchUp()
  await cutStream(db)
  await until(() => sync.status().reconnects > 0 && sync.state === 'live')
  const [first] = all
  if (first === undefined) throw new Error('no table')
  await db.query(insert(first, 'after', 1001))
  await sync.catchUp()
  expect(Object.keys(sync.views)).toEqual(Object.keys(views))
  for (const [name, view] of Object.entries(views)) {
    const expected = await db.query(view.sql)
    const rows = [...(sync.views[name]?.rows() ?? [])] as Record<string, unknown>[]
    const sorted = (list: readonly unknown[]): string[] => list.map((row) => JSON.stringify(row)).toSorted()
    expect(sorted(rows)).toEqual(sorted(expected))
    expect(rows.length).toBeGreaterThan(0)
    for (const row of rows) expect(Object.getPrototypeOf(row)).toBe(Object.prototype)
  }
  await until(() => changes.length >= 3 * all.length + 1)
  for (const change of changes) {
    for (const row of [
      Reflect.get(change, 'key'),
      Reflect.get(change, 'after'),
      Reflect.get(change, 'before'),
    ] as unknown[]) {
      if (typeof row !== 'object' || row === null) continue
      expect(Object.getPrototypeOf(row)).toBe(Object.prototype)
      expect(Reflect.get(Object.getPrototypeOf(row), 'polluted')).toBeUndefined()
    }
  }
  await sync.close()
  await readByKeys(db, first, names)
  expect(await db.query('SELECT count(*)::int AS n FROM victim')).toEqual([{ n: 1 }])
  await db.query("DO $$ BEGIN RAISE LOG 'the end of it'; END $$")
  await until(() => log.includes('the end of it'))
  const statements = statementsOf(log, db.name)
  log = ''
  return statements
}

/** The re-reading of single rows, whose keys are literals in a statement. */
async function readByKeys(db: TestDatabase, model: ModelContract, names: readonly string[]): Promise<void> {
  const session = await RawSession.connect(db.url, 'snapshot', false)
  const columns = model.columns.map(({ column }) => column)
  const key = model.key.map((field) => model.columns.find((one) => one.field === field)?.column ?? '')
  const keys = names.map((name, index) => [name, String(index)])
  const chunk = await new ChunkReader(session).read({ model, columns, key }, { kind: 'keys', keys }, 'mark')
  const found: string[] = []
  walkCopyRows(chunk.spans, (buffer, start, end) => found.push(copyFields(buffer, start, end)[0] ?? 'NULL'))
  // The first one was deleted.
  expect(found.toSorted()).toEqual(names.slice(1).toSorted())
  await session.close()
}

test('no name and no key gets out of its quotes, in any statement of a sync', async () => {
  const plain = new Set((await run(PLAIN, 'plain')).map(skeleton))
  const nasty = (await run(NASTY, '"; DROP TABLE victim; -- \'\\, é')).map(skeleton)
  // Sent or not, depending on how soon the server answers; neither has a name in it.
  const timely = new Set([
    "BEGIN; SET LOCAL synchronous_commit = local; SELECT pg_logical_emit_message(true, 'text', 'text'); COMMIT",
    'SELECT pg_log_standby_snapshot()::text',
  ])
  expect(nasty.filter((statement) => !plain.has(statement) && !timely.has(statement))).toEqual([])
  expect(nasty.filter((statement) => statement.startsWith('BEGIN ISOLATION')).length).toBeGreaterThan(
    NASTY.length,
  )
  expect(nasty.some((statement) => statement.startsWith('START_REPLICATION'))).toBe(true)
  expect(nasty.some((statement) => statement.startsWith('CREATE PUBLICATION'))).toBe(true)
  expect(Object.prototype).not.toHaveProperty('polluted')
})

test('a slot or a publication that Postgres would cut or misread is refused where it is named', () => {
  const [model] = models(PLAIN)
  if (model === undefined) throw new Error('no model')
  const schema = defineSchema({ contract: sealContract({ version: 1, enums: [], models: [model] }), Decimal })
  const good = {
    schema,
    connection: 'postgresql://localhost/x',
    handlers: { M0: { insert() {} } },
  }
  const refused = expect.objectContaining({ code: 'CONFIG.INVALID_OPTIONS' })
  for (const publication of ['', 'x'.repeat(64), 'é'.repeat(32), 'nul\0', 'half \ud83e']) {
    expect(() => createSync({ ...good, publication })).toThrow(refused)
  }
  for (const name of ['', 'x'.repeat(64), 'Upper', 'a-b', 'a b', "a'b", 'a;b', 'é', 'nul\0', 'line\n']) {
    expect(() => createSync({ ...good, slot: { name } })).toThrow(refused)
  }
  for (const publication of ['x'.repeat(63), 'é'.repeat(31), '"', "'", '\\', ' ']) {
    expect(createSync({ ...good, publication, slot: { name: 'x'.repeat(63) } }).state).toBe('created')
  }
})
