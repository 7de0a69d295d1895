import { randomInt } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { ScalarType } from '../../../../src/contract/schema-contract.ts'
import { isAssignable, valueType } from '../../../../src/stores/postgres/is-assignable.ts'
import { queryOutputs } from '../../../../src/views/query-outputs.ts'
import { testDatabase } from '../../../support/database.ts'
import { valuesOf } from '../../../values/arbitraries.ts'
import { READING } from '../../../values/fixture.ts'
import { planDerivedColumns } from '../../../../src/stores/postgres/check-derived-columns.ts'
import { count, max, min, sum } from '../../../../src/views/build/aggregates.ts'
import { defineView, type ViewDefinition } from '../../../../src/views/define-view.ts'
import { codeAndMessage } from '../../../support/code-and-message.ts'
import { Sample, schema, User, Visit } from '../../../types/fixture.ts'

const SEED = Number(process.env['DBSYNC_SEED'] ?? randomInt(1 << 30))

/** What is said of a view that is written into a model. */
function verdict(view: ViewDefinition, model: string, set: Readonly<Record<string, string>>): string {
  return codeAndMessage(() => planDerivedColumns({ view, model, set })).join(' ')
}

const spent = defineView('spent', (q) =>
  q
    .from({ v: Visit })
    .groupBy(({ v }) => [v.restaurantId])
    .select(({ v }) => ({
      id: v.restaurantId,
      visits: count(),
      spent: sum(v.amountSpent),
      best: max(v.visitRating),
    })),
)
const pairs = defineView('pairs', (q) =>
  q.from({ v: Visit }).select(({ v }) => ({ restaurantId: v.restaurantId, one: 1, userId: v.userId })),
)
const renamed = defineView('renamed', (q) =>
  q.from({ v: Visit }).select(({ v }) => ({ guest: v.userId, restaurantId: v.restaurantId, one: 1 })),
)
const total = defineView('total', (q) => q.from({ v: Visit }).select(() => ({ visits: count() })))
const byUser = defineView('by_user', (q) =>
  q
    .from({ v: Visit })
    .groupBy(({ v }) => [v.userId])
    .select(({ v }) => ({ id: v.userId, best: max(v.visitRating) })),
)
const named = defineView('named', (q) =>
  q
    .from({ v: Visit })
    .groupBy(({ v }) => [v.restaurantId])
    .select(({ v }) => ({ place: v.restaurantId, best: max(v.visitRating), name: v.restaurantId })),
)
const emails = defineView('emails', (q) =>
  q
    .from({ u: User })
    .groupBy(({ u }) => [u.id])
    .select(({ u }) => ({ id: u.id, email: max(u.email) })),
)
const bag = defineView('some', (q) => q.from({ v: Visit }).select(({ v }) => ({ it: v.visitRating })))

const misfits: readonly (readonly [string, ViewDefinition, string, Record<string, string>, RegExp])[] = [
  ['a model that is not there', spent, 'Nowhere', { rating: 'best' }, /^CONTRACT\.INVALID /],
  ['a field that is not there', spent, 'Restaurant', { stars: 'best' }, /the model has no field "stars"/],
  [
    'an output that is not there',
    spent,
    'Restaurant',
    { rating: 'worst' },
    /no output "worst"; it has: id, visits, spent, best/,
  ],
  ['nothing', spent, 'Restaurant', {}, /it sets no field/],
  ['the key', spent, 'Restaurant', { id: 'id' }, /"id" is part of the model's key/],
  [
    'a larger number',
    spent,
    'Restaurant',
    { rating: 'visits' },
    /"visits" is bigint and the field "rating" integer, .*cast it/,
  ],
  [
    'a value of another kind',
    spent,
    'Restaurant',
    { name: 'best' },
    /"best" is integer and the field "name"/,
  ],
  [
    'NULL into a required field',
    emails,
    'User',
    { userName: 'email' },
    /"email" may be NULL and the field "userName" may not; use coalesce/,
  ],
  [
    'a composite key by fewer',
    byUser,
    'Visit',
    { visitRating: 'best' },
    /the view has the key id; it needs one row for each key of the model \(userId, restaurantId\)/,
  ],
  ['a bag', bag, 'Restaurant', { rating: 'it' }, /the view has no key/],
  [
    'a key of another type',
    byUser,
    'Restaurant',
    { rating: 'best' },
    /the view's key "id" is integer, the model's "id" character varying\(255\)/,
  ],
  [
    'one row',
    total,
    'Restaurant',
    { rating: 'visits' },
    /the view has one row; it needs one row for each key/,
  ],
  [
    'a composite key by other names',
    renamed,
    'Visit',
    { visitRating: 'one' },
    /key is guest, restaurantId; call its parts as the model does: userId, restaurantId/,
  ],
]

test.each(misfits)('%s cannot be written', (_, view, model, set, message) => {
  expect(verdict(view, model, set)).toMatch(message)
})

test('a composite key is found by its names, a single one whatever it is called', () => {
  const plan = planDerivedColumns({ view: pairs, model: 'Visit', set: { visitRating: 'one' } })
  const columns = (of: typeof plan.key) => of.map(({ column, output }) => [column.column, output])
  expect(columns(plan.key)).toEqual([
    ['user_id', 'userId'],
    ['restaurant_id', 'restaurantId'],
  ])
  expect(columns(plan.set)).toEqual([['visit_rating', 'one']])
  const single = planDerivedColumns({
    view: named,
    model: 'Restaurant',
    set: { rating: 'best', name: 'name' },
  })
  expect([columns(single.key), columns(single.set)]).toEqual([
    [['id', 'place']],
    [
      ['rating', 'best'],
      ['name', 'name'],
    ],
  ])
})

test('min and max have the digits and the length of their column', () => {
  const seen = defineView('seen', (q) =>
    q
      .from({ s: Sample })
      .groupBy(({ s }) => [s.int])
      .select(({ s }) => ({ int: s.int, last: max(s.seconds), least: min(s.varchar), sum: sum(s.decimal) })),
  )
  const types = queryOutputs(seen.ir.query).map(({ expression }) => valueType(expression).pgType)
  expect(types).toEqual(['integer', 'timestamp(0) without time zone', 'character varying(5)', 'numeric'])
})

/** Types between which some values can be moved and others cannot. */
const TYPES: readonly (readonly [string, ScalarType])[] = [
  ['smallint', 'Int'],
  ['integer', 'Int'],
  ['bigint', 'BigInt'],
  ['numeric', 'Decimal'],
  ['numeric(5,0)', 'Decimal'],
  ['numeric(10,0)', 'Decimal'],
  ['numeric(10,2)', 'Decimal'],
  ['numeric(20,4)', 'Decimal'],
  ['real', 'Float'],
  ['double precision', 'Float'],
  ['boolean', 'Boolean'],
  ['text', 'String'],
  ['character varying', 'String'],
  ['character varying(5)', 'String'],
  ['character varying(9)', 'String'],
  ['character(5)', 'String'],
  ['character(9)', 'String'],
  ['uuid', 'String'],
  ['bit(3)', 'String'],
  ['bit(5)', 'String'],
  ['bit varying(3)', 'String'],
  ['bit varying', 'String'],
  ['date', 'DateTime'],
  ['timestamp without time zone', 'DateTime'],
  ['timestamp(3) without time zone', 'DateTime'],
  ['timestamp(6) without time zone', 'DateTime'],
  ['timestamp(3) with time zone', 'DateTime'],
  ['timestamp(6) with time zone', 'DateTime'],
  ['time(0) without time zone', 'DateTime'],
  ['time without time zone', 'DateTime'],
  ['jsonb', 'Json'],
  ['json', 'Json'],
  ['bytea', 'Bytes'],
]

test('a column holds the values of every type that is assignable to it as they are', async () => {
  await using db = await testDatabase({ schema: 'empty' })
  const client = await db.connect()
  await client.query(READING)
  const column = (pgType: string, type: ScalarType) =>
    ({ field: 'v', column: 'v', type, scalar: type, pgType, list: false, nullable: true }) as const
  const found: string[] = []
  for (const [from, scalar] of TYPES) {
    const { extremes, random } = valuesOf(column(from, scalar), schema.contract)
    const values = [...extremes, ...fc.sample(random, { numRuns: 50, seed: SEED })]
    const wider = TYPES.filter(
      ([to, type]) => to !== from && isAssignable(column(from, scalar), column(to, type)),
    ).map(([to]) => to)
    if (wider.length > 0) found.push(`${from} > ${wider.join(', ')}`)
    for (const to of wider) {
      const { rows } = await client.query<{ changed: number }>(
        `SELECT count(*)::int AS changed FROM (SELECT v::${from} AS own, v::${from}::${to} AS held FROM unnest($1::text[]) AS v) AS one
         WHERE own <> held OR held::${from} <> own`,
        [values],
      )
      expect([SEED, from, to, rows]).toEqual([SEED, from, to, [{ changed: 0 }]])
    }
  }
  expect(found).toEqual(WIDENINGS)
})

/** All that is more than a type into itself. */
const WIDENINGS: readonly string[] = [
  'smallint > integer, bigint, numeric, numeric(5,0), numeric(10,0), numeric(10,2), numeric(20,4), double precision',
  'integer > bigint, numeric, numeric(10,0), numeric(20,4), double precision',
  'bigint > numeric',
  'numeric(5,0) > numeric, numeric(10,0), numeric(10,2), numeric(20,4)',
  'numeric(10,0) > numeric, numeric(20,4)',
  'numeric(10,2) > numeric, numeric(20,4)',
  'numeric(20,4) > numeric',
  'text > character varying',
  'character varying > text',
  'character varying(5) > text, character varying, character varying(9)',
  'character varying(9) > text, character varying',
  'bit varying(3) > bit varying',
  'timestamp without time zone > timestamp(6) without time zone',
  'timestamp(3) without time zone > timestamp without time zone, timestamp(6) without time zone',
  'timestamp(6) without time zone > timestamp without time zone',
  'timestamp(3) with time zone > timestamp(6) with time zone',
  'time(0) without time zone > time without time zone',
]

test('an enum goes into the same one, a list into a list of the same values', () => {
  const mood = {
    field: 'v',
    column: 'v',
    type: 'Enum',
    enum: 'Mood',
    pgType: 'mood',
    list: false,
    nullable: true,
  } as const
  const from = { scalar: 'Enum', enum: 'Mood', pgType: 'mood', list: false, nullable: true } as const
  expect(isAssignable(from, mood)).toBe(true)
  expect(isAssignable({ ...from, enum: 'Role' }, mood)).toBe(false)
  expect(isAssignable({ ...from, list: true }, mood)).toBe(false)
  expect(isAssignable({ ...from, list: true }, { ...mood, list: true })).toBe(true)
  expect(isAssignable({ scalar: 'String', pgType: 'text', list: false, nullable: true }, mood)).toBe(false)
})
