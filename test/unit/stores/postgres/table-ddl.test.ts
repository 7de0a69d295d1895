import { expect, test } from 'vitest'
import { count, countDistinct, sum } from '../../../../src/views/build/aggregates.ts'
import { eq } from '../../../../src/views/build/comparisons.ts'
import { nest } from '../../../../src/views/build/nest.ts'
import { asc } from '../../../../src/views/build/order.ts'
import { unionAll } from '../../../../src/views/build/set-operations.ts'
import { defineView, type ViewDefinition } from '../../../../src/views/define-view.ts'
import { sourceEnumTypes } from '../../../../src/stores/postgres/enum-types.ts'
import { createTable, onlyColumn, tableParts } from '../../../../src/stores/postgres/table-ddl.ts'
import { storedViewOf } from '../../../../src/stores/stored-view.ts'
import type { StoredView } from '../../../../src/stores/view-store.ts'
import type { TypeIr } from '../../../../src/views/view-ir.ts'
import { codeAndMessage } from '../../../support/code-and-message.ts'
import { testDatabase } from '../../../support/database.ts'
import { schema, Restaurant, User, Visit } from '../../../types/fixture.ts'

const OPTIONS = { indexes: [], serverVersion: 180_000, enumTypes: sourceEnumTypes(schema) }
const NAME = { schema: 'derived', table: 'spent' }

const spent = defineView('spent', (q) =>
  q
    .from({ v: Visit })
    .innerJoin({ u: User }, ({ v, u }) => eq(u.id, v.userId))
    .groupBy(({ u, v }) => [v.restaurantId, u.role])
    .select(({ v, u }) => ({ id: v.restaurantId, role: u.role, visits: count(), spent: sum(v.amountSpent) })),
)

const total = defineView('total', (q) =>
  q.from({ v: Visit }).select(({ v }) => ({ only: count(), guests: countDistinct(v.userId) })),
)

const byRating = defineView('by_rating', (q) =>
  q
    .from({ v: Visit })
    .groupBy(({ v }) => [v.visitRating])
    .select(({ v }) => ({ stars: v.visitRating, visits: count() })),
)

const TEXT: TypeIr = { scalar: 'String', pgType: 'text', list: false, nullable: false }

/** A view of these columns, the first of which is its key. */
function viewOf(
  columns: Readonly<Record<string, Partial<TypeIr>>>,
  key = Object.keys(columns).slice(0, 1),
): StoredView {
  return {
    name: 'some_view',
    columns: Object.entries(columns).map(([name, type]) => ({
      name,
      type: { ...TEXT, ...type },
      rows: null,
    })),
    key,
    fingerprint: '',
  }
}

test('a table has the view’s columns, its key and the indexes that are asked for', () => {
  const sql = createTable(storedViewOf(spent), NAME, { ...OPTIONS, indexes: [['spent'], ['role', 'id']] })
  expect(sql).toEqual([
    `CREATE TABLE "derived"."spent" (
  "id" character varying(255) NOT NULL,
  "role" "Role" NOT NULL,
  "visits" bigint NOT NULL,
  "spent" numeric,
  CONSTRAINT "spent_ccadafe9_pkey" PRIMARY KEY ("id", "role")
)`,
    'CREATE INDEX "spent_spent_49cb02ae_idx" ON "derived"."spent" ("spent")',
    'CREATE INDEX "spent_role_id_2015c1a9_idx" ON "derived"."spent" ("role", "id")',
  ])
  expect(createTable(storedViewOf(spent), NAME, { ...OPTIONS, enumTypes: new Map() })[0]).toContain(
    '"role" text NOT NULL',
  )
})

test('a type without the length that DDL would give it has none in the table either', async () => {
  const view = viewOf({
    char: { pgType: 'character' },
    bit: { pgType: 'bit' },
    bits: { pgType: 'bit', list: true },
    mood: { pgType: 'x', enum: 'Unknown' },
  })
  await using db = await testDatabase({ schema: 'empty' })
  await db.query('CREATE SCHEMA derived')
  for (const sql of createTable(view, NAME, OPTIONS)) await db.query(sql)
  await db.query(`INSERT INTO derived.spent VALUES ('ab', '101', '{101,1}', 'any')`)
  expect(await db.query('SELECT char::text, bit::text, bits::text, mood FROM derived.spent')).toEqual([
    { char: 'ab', bit: '101', bits: '{101,1}', mood: 'any' },
  ])
})

test('a view of one row has a hidden column that admits one row, whatever its outputs are called', async () => {
  const stored = storedViewOf(total)
  expect([onlyColumn(stored), onlyColumn(storedViewOf(spent))]).toEqual(['only_', null])
  await using db = await testDatabase({ schema: 'empty' })
  await db.query('CREATE SCHEMA derived')
  for (const sql of createTable(stored, NAME, OPTIONS)) await db.query(sql)
  const insert = 'INSERT INTO derived.spent ("only", guests) VALUES (1, 1)'
  await db.query(insert)
  await expect(db.query(insert)).rejects.toMatchObject({ code: '23505' })
  await expect(db.query('UPDATE derived.spent SET only_ = false')).rejects.toMatchObject({ code: '23514' })
})

test('a key that may be NULL holds one row for NULL, from version 15 on', async () => {
  const stored = storedViewOf(byRating)
  await using db = await testDatabase({ schema: 'empty' })
  await db.query('CREATE SCHEMA derived')
  for (const sql of createTable(stored, NAME, { ...OPTIONS, serverVersion: 150_000 })) await db.query(sql)
  const insert = 'INSERT INTO derived.spent VALUES (NULL, 1)'
  await db.query(insert)
  await expect(db.query(insert)).rejects.toMatchObject({ code: '23505' })
  expect(() => createTable(stored, NAME, { ...OPTIONS, serverVersion: 140_020 })).toThrow(
    expect.objectContaining({
      code: 'STORE.UNSUPPORTED',
      message: expect.stringMatching(/key columns that may be NULL \(stars\) on PostgreSQL 14; .*coalesce/),
    }),
  )
  expect(createTable(storedViewOf(spent), NAME, { ...OPTIONS, serverVersion: 140_020 })).toHaveLength(1)
})

test('names of parts are unique and fit, wherever a name has to be cut', async () => {
  const long = 'é'.repeat(31)
  const view = viewOf({ b_c: {}, c: {}, [long]: {}, [`${long}x`]: {} })
  const indexes = [['c'], ['b_c'], [long], [`${long}x`], [`${long}x`, 'c'], ['c', `${long}x`]]
  const tables = ['a', 'a_b', `x${long}`, `y${long}`]
  const names = tables.flatMap((table) => {
    const { constraint, indexes: of } = tableParts(view, { table }, indexes)
    return [constraint, ...of]
  })
  expect(new Set(names).size).toBe(names.length)
  expect(names.filter((name) => Buffer.byteLength(name) > 63 || name.includes('\uFFFD'))).toEqual([])
  await using db = await testDatabase({ schema: 'empty' })
  await db.query('CREATE SCHEMA derived')
  for (const table of tables) {
    for (const sql of createTable(view, { schema: 'derived', table }, { ...OPTIONS, indexes }))
      await db.query(sql)
  }
  const found = await db.query<{ name: string }>(
    `SELECT indexname AS name FROM pg_indexes WHERE schemaname = 'derived'`,
  )
  expect(found.map(({ name }) => name).toSorted()).toEqual(names.toSorted())
})

interface Change {
  readonly schema?: string
  readonly table?: string
  readonly indexes?: readonly (readonly string[])[]
}

const refusals: readonly (readonly [string, StoredView, Change, RegExp])[] = [
  [
    'a key that Postgres cannot compare',
    viewOf({ id: { pgType: 'xml' } }),
    {},
    /^STORE\.UNSUPPORTED .*key column "id" of type xml; /,
  ],
  [
    'a key of lists that it cannot compare',
    viewOf({ id: { pgType: 'json', list: true } }),
    {},
    /^STORE\.UNSUPPORTED .*json/,
  ],
  ['the name of a system column', viewOf({ id: {}, ctid: {} }), {}, /^STORE\.UNSUPPORTED .*"ctid"/],
  [
    'a key of more columns than an index has',
    viewOf(
      Object.fromEntries(Array.from({ length: 33 }, (_, at) => [`c${at}`, {}])),
      Array.from({ length: 33 }, (_, at) => `c${at}`),
    ),
    {},
    /^STORE\.UNSUPPORTED .*33 columns/,
  ],
  [
    'more outputs than a table has columns, the hidden one among them',
    viewOf(Object.fromEntries(Array.from({ length: 1600 }, (_, at) => [`c${at}`, {}])), []),
    {},
    /^STORE\.UNSUPPORTED .*1600 outputs/,
  ],
  [
    'a name that would be cut off',
    viewOf({ id: {} }),
    { table: 'é'.repeat(32) },
    /^CONFIG\.INVALID_OPTIONS .*64 bytes/,
  ],
  ['an empty name', viewOf({ id: {} }), { schema: '' }, /^CONFIG\.INVALID_OPTIONS .*schema/],
  [
    'the schema of the bookkeeping',
    viewOf({ id: {} }),
    { schema: 'dbsync' },
    /^CONFIG\.INVALID_OPTIONS .*"dbsync"/,
  ],
  [
    'an index of what is no output',
    viewOf({ id: {} }),
    { indexes: [['it']] },
    /^CONFIG\.INVALID_OPTIONS .*no output "it"; it has: id/,
  ],
  ['an index of nothing', viewOf({ id: {} }), { indexes: [[]] }, /^CONFIG\.INVALID_OPTIONS .*0 columns/],
  [
    'an output twice in an index',
    viewOf({ id: {} }),
    { indexes: [['id', 'id']] },
    /^CONFIG\.INVALID_OPTIONS .*stands twice/,
  ],
  [
    'an index twice',
    viewOf({ id: {}, a: {} }),
    { indexes: [['a'], ['id', 'a'], ['a']] },
    /^CONFIG\.INVALID_OPTIONS .*indexes\.2: .*already/,
  ],
  [
    'an index of json',
    viewOf({ id: {}, doc: { pgType: 'json' } }),
    { indexes: [['doc']] },
    /^CONFIG\.INVALID_OPTIONS .*"doc" is of type json/,
  ],
]

test.each(refusals)('%s is refused', (_, view, change, message) => {
  const [code, text] = codeAndMessage(() =>
    createTable(view, { ...NAME, ...change }, { ...OPTIONS, ...change }),
  )
  expect(`${code} ${text}`).toMatch(message)
})

test('a bag is refused, with what to do', () => {
  const bag = defineView('bag', (q) => q.from({ v: Visit }).select(({ v }) => ({ spent: v.amountSpent })))
  expect(() => storedViewOf(bag)).toThrow(
    expect.objectContaining({
      code: 'STORE.UNSUPPORTED',
      message: expect.stringMatching(/Select the key columns/),
    }),
  )
})

test('a nested result has its shape where it is made and wherever a query passes it on', () => {
  const made = defineView('made', (q) =>
    q.from({ r: Restaurant }).select(({ r }) => ({
      id: r.id,
      guests: nest({ v: Visit }, ({ v }) => eq(v.restaurantId, r.id))
        .orderBy(({ v }) => [asc(v.userId)])
        .select(({ v }) => ({
          user: v.userId,
          known: nest({ u: User }, ({ u }) => eq(u.id, v.userId)).select(({ u }) => ({ name: u.userName })),
        })),
    })),
  )
  const shape = [
    { name: 'user', type: { scalar: 'Int', pgType: 'integer', list: false, nullable: false }, rows: null },
    {
      name: 'known',
      type: { scalar: 'Json', pgType: 'jsonb', list: false, nullable: false },
      rows: [
        {
          name: 'name',
          type: { scalar: 'String', pgType: 'character varying(255)', list: false, nullable: false },
          rows: null,
        },
      ],
    },
  ]
  const passedOn = defineView('passed_on', (q) =>
    q
      .from({
        both: unionAll(
          q.from({ m: made }).select(({ m }) => ({ key: m.id, list: m.guests })),
          q.from({ m: made }).select(({ m }) => ({ list: m.guests, key: m.id })),
        ),
      })
      .innerJoin({ r: Restaurant }, ({ both, r }) => eq(both.key, r.id))
      .select(({ both, r }) => ({ id: r.id, name: r.name, list: both.list })),
  )
  const rows = (view: ViewDefinition) =>
    storedViewOf({ ...view, ir: { ...view.ir, key: [] } }).columns.map(({ rows: of }) => of)
  expect(rows(made)).toEqual([null, shape])
  expect(rows(passedOn)).toEqual([null, null, shape])
})
