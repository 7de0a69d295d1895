import { Decimal } from '@prisma/client/runtime/client'
import { expect, test } from 'vitest'
import { defineSchema } from '../../../src/contract/define-schema.ts'
import { defineTable } from '../../../src/contract/define-table.ts'
import { sealContract } from '../../../src/contract/hash-contract.ts'
import { contract, Restaurant, Sample, User, Visit } from '../../types/fixture.ts'
import { define, f, problemsOf, type Refs, type Steps } from './loose-builder.ts'

const INVALID = 'VIEW.INVALID_DEFINITION'
const UNSUPPORTED = 'VIEW.UNSUPPORTED'
const NOT_EXACT = 'VIEW.NOT_EXACT'

const wrong = (q: Steps) =>
  q
    .from({ r: Restaurant })
    .leftJoin({ v: Visit }, ({ r, v }: Refs) => f.eq(v?.['restaurantId'], r?.['nmae']))
    .where(({ v }: Refs) => f.gt(v?.['visitRating'], 1.5))
    .groupBy(({ r }: Refs) => [r?.['id'], r?.['tags']])
    .select(({ r, v }: Refs) => ({
      id: r?.['id'],
      worst: f.min(v?.['nothing']),
      rating: f.sum(r?.['name']),
    }))

test('all problems of a view are reported at once, each with its place', () => {
  expect(problemsOf(wrong, { name: 'restaurant_rating' })).toEqual([
    `${INVALID} restaurant_rating.leftJoin.v: Restaurant has no field "nmae"; it has: id, name, rating, tags`,
    `${INVALID} restaurant_rating.where: v.visitRating (integer) is compared with a number that does not fit; it needs a whole number from -2147483648 to 2147483647, the range of integer`,
    `${NOT_EXACT} restaurant_rating.groupBy.1: r.tags (text[]) cannot be grouped exactly: a list cannot be compared, and Postgres may hold NULL where Prisma shows []`,
    `${INVALID} restaurant_rating.select.worst: Visit has no field "nothing"; it has: userId, restaurantId, amountSpent, visitRating`,
    `${INVALID} restaurant_rating.select.rating: sum needs numbers, and r.name (character varying(255)) is not one`,
  ])
  expect(() => define('restaurant_rating', wrong)).toThrow(
    expect.objectContaining({
      code: INVALID,
      message: expect.stringMatching(
        /^5 problems:\n- restaurant_rating.leftJoin.v: .*\n- restaurant_rating.where: .*\n(.*\n){2}- .*is not one$/,
      ),
    }),
  )
})

const visits = (q: Steps) => q.from({ v: Visit })
const where = (condition: (v: Refs[string]) => unknown) => (q: Steps) =>
  visits(q)
    .where(({ v = {} }: Refs) => condition(v))
    .select(({ v }: Refs) => ({ id: v?.['userId'] }))
const select = (columns: (v: Refs[string]) => unknown) => (q: Steps) =>
  visits(q).select(({ v = {} }: Refs) => columns(v))
const join =
  (kind: 'innerJoin' | 'leftJoin', on: (refs: Record<'u' | 'v' | 'r', Refs[string]>) => unknown) =>
  (q: Steps) => {
    const visited = q
      .from({ u: User })
      .innerJoin({ v: Visit }, ({ u, v }: Refs) => f.eq(u?.['id'], v?.['userId']))
    const joined =
      kind === 'innerJoin'
        ? visited.innerJoin({ r: Restaurant }, on)
        : visited.leftJoin({ r: Restaurant }, on)
    return joined.select(({ u }: Refs) => ({ id: u?.['id'] }))
  }

test.each<[what: string, build: (q: Steps) => unknown, expected: string]>([
  ['no table', (q) => q.select(() => ({ rows: f.count() })), `${INVALID} v.from: the view reads no table`],
  [
    'something else than a table',
    (q) => q.from({ u: 'User' }).select(() => ({ rows: f.count() })),
    `${INVALID} v.from.u: it is not a table handle`,
  ],
  [
    'a forged table',
    (q) => q.from({ u: { ...User, model: 'Usr' } }).select(() => ({ rows: f.count() })),
    `${INVALID} v.from.u: it is not a table handle`,
  ],
  [
    'two tables in one step',
    (q) => q.from({ u: User, v: Visit }).select(() => ({ rows: f.count() })),
    `${INVALID} v.from: it takes one table`,
  ],
  [
    'no alias',
    (q) => q.from({}).select(() => ({ rows: f.count() })),
    `${INVALID} v.from: it takes one table`,
  ],
  [
    'an alias with a dot',
    (q) => q.from({ 'a.b': User }).select(() => ({ rows: f.count() })),
    `${INVALID} v.from.a.b: an alias`,
  ],
  [
    'an alias that Postgres cuts',
    (q) => q.from({ ['é'.repeat(32)]: User }).select(() => ({ rows: f.count() })),
    `an alias has 1 to 63 bytes`,
  ],
  [
    'an alias twice',
    (q) =>
      q
        .from({ u: User })
        .innerJoin({ u: Visit }, ({ u }: Refs) => f.eq(u?.['userId'], u?.['userId']))
        .select(() => ({ rows: f.count() })),
    `${INVALID} v.innerJoin.u: the alias "u" is taken`,
  ],

  [
    'a left join by or',
    join('leftJoin', ({ v, r }) => f.or(f.eq(r['id'], v['restaurantId']))),
    `${UNSUPPORTED} v.leftJoin.r: nothing ties "r"`,
  ],
  [
    'an inner join without equality',
    join('innerJoin', ({ v, r }) => f.gt(r['rating'], v['visitRating'])),
    `${UNSUPPORTED} v.innerJoin.r: nothing ties "r"`,
  ],
  [
    'an inner join that ties only earlier tables',
    join('innerJoin', ({ u, v }) => f.eq(u['id'], v['userId'])),
    `${UNSUPPORTED} v.innerJoin.r: nothing ties "r"`,
  ],
  [
    'a join of two types',
    (q) =>
      q
        .from({ s: Sample })
        .innerJoin({ v: Visit }, ({ s, v }: Refs) => f.eq(s?.['wide'], v?.['amountSpent']))
        .select(() => ({ rows: f.count() })),
    `${UNSUPPORTED} v.innerJoin.v: v.amountSpent (numeric(10,2)) and s.wide (numeric(65,30)) are equal by value`,
  ],
  [
    'a join by a floating point number',
    (q) =>
      q
        .from({ s: Sample })
        .innerJoin({ v: Visit }, ({ s, v }: Refs) => f.eq(s?.['double'], v?.['userId']))
        .select(() => ({ rows: f.count() })),
    `${NOT_EXACT} v.innerJoin.v: s.double (double precision) cannot be joined exactly`,
  ],
  [
    'a later table in on',
    (q) =>
      q
        .from({ u: User })
        .innerJoin({ v: Visit }, ({ r, v }: Refs) => f.eq(r?.['id'], v?.['restaurantId']))
        .innerJoin({ r: Restaurant }, ({ r, v }: Refs) => f.eq(r?.['id'], v?.['restaurantId']))
        .select(() => ({ rows: f.count() })),
    `${INVALID} v.innerJoin.v: there is no table "r" here; there are: u, v`,
  ],
  [
    'an aggregate in on',
    join('innerJoin', () => f.count()),
    `${INVALID} v.innerJoin.r: the aggregate count stands inside another expression`,
  ],

  [
    'an aggregate in where',
    where((v) => f.sum(v['visitRating'])),
    `${INVALID} v.where: the aggregate sum stands`,
  ],
  [
    'an aggregate in a comparison',
    where((v) => f.gt(f.sum(v['visitRating']), 3)),
    `${INVALID} v.where: the aggregate sum stands`,
  ],
  ['an unknown table', where(() => f.eq(f, 3)), `${INVALID} v.where: eq compares two constants`],
  ['two constants', where(() => f.eq(3, 3)), `${INVALID} v.where: eq compares two constants`],
  ['a constant condition', where(() => true), `${INVALID} v.where: a boolean is not a condition`],
  [
    'a number as a condition',
    where((v) => v['visitRating']),
    `${INVALID} v.where: v.visitRating (integer) is not a condition`,
  ],
  [
    'a comparison with null',
    where((v) => f.eq(v['visitRating'], null)),
    `${INVALID} v.where: v.visitRating (integer) is compared with null, which is never true; use isNull`,
  ],
  ['a comparison with undefined', where((v) => f.eq(v['visitRating'], undefined)), `compared with undefined`],
  [
    'a number and a string',
    where((v) => f.eq(v['userId'], 'one')),
    `${INVALID} v.where: v.userId (integer) is compared with a string that does not fit`,
  ],
  [
    'a number and a string column',
    where((v) => f.lt(v['userId'], v['restaurantId'])),
    `${INVALID} v.where: lt compares v.userId (integer) with v.restaurantId (character varying(255))`,
  ],
  [
    'a condition and a number',
    where((v) => f.eq(f.isNull(v['userId']), v['userId'])),
    `${INVALID} v.where: eq compares isNull(…) (boolean) with v.userId (integer)`,
  ],
  ['and without conditions', where(() => f.and()), `${INVALID} v.where: and() has no condition`],
  [
    'inArray without candidates',
    where((v) => f.inArray(v['userId'], [])),
    `${INVALID} v.where: inArray has no candidate`,
  ],
  [
    'isNull of a constant',
    where(() => f.isNull(3)),
    `${INVALID} v.where: isNull needs a column; it got a number`,
  ],

  [
    'an empty groupBy',
    (q) =>
      visits(q)
        .groupBy(() => [])
        .select(() => ({ rows: f.count() })),
    `${INVALID} v.groupBy: it needs an array`,
  ],

  ['an empty select', select(() => ({})), `${INVALID} v.select: it is empty`],
  ['no select list', select(() => null), `${INVALID} v.select: it is empty`],
  [
    'a value that is none of SQL',
    select(() => ({ one: Symbol('one') })),
    `${UNSUPPORTED} v.select.one: a symbol is neither a column nor an aggregate nor a constant`,
  ],
  [
    'an aggregate of an aggregate',
    select((v) => ({ a: f.sum(f.count(v['userId'])) })),
    `${INVALID} v.select.a: the aggregate count stands inside`,
  ],
  [
    'an aggregate of a condition',
    select((v) => ({ a: f.sum(f.isNull(v['userId'])) })),
    `${INVALID} v.select.a: sum needs numbers, and isNull(…) (boolean) is not one`,
  ],
  [
    'a sum of nothing',
    select(() => ({ a: f.sum() })),
    `${INVALID} v.select.a: sum needs a column; it got undefined`,
  ],
  [
    'a column beside an aggregate',
    select((v) => ({ id: v['userId'], rows: f.count() })),
    `${INVALID} v.select.id: v.userId (integer) is neither grouped nor inside an aggregate`,
  ],
  [
    'a condition beside an aggregate',
    select((v) => ({ none: f.isNull(v['userId']), rows: f.count() })),
    `${INVALID} v.select.none: v.userId (integer) is neither grouped`,
  ],
  [
    'an ungrouped column',
    (q) =>
      visits(q)
        .groupBy(({ v }: Refs) => [v?.['userId']])
        .select(({ v }: Refs) => ({ id: v?.['userId'], rating: v?.['visitRating'] })),
    `${INVALID} v.select.rating: v.visitRating (integer) is neither grouped`,
  ],
  [
    'a name that Postgres cuts',
    select((v) => ({ ['é'.repeat(32)]: v['userId'] })),
    `it is not a name for a column`,
  ],
  ['an empty name', select((v) => ({ '': v['userId'] })), `it is not a name for a column`],
])('%s is refused', (_, build, expected) => {
  const problems = problemsOf(build)
  expect(problems).toHaveLength(1)
  expect(problems[0]).toContain(expected)
})

const joinedTo = (table: unknown) => (q: Steps) =>
  visits(q)
    .innerJoin({ u: table }, ({ v, u }: Refs) => f.eq(v?.['userId'], u?.['id']))
    .select(() => ({ rows: f.count() }))

test('tables of two schemas do not mix; two copies of one do', () => {
  const copy = defineSchema({ contract, Decimal })
  const other = defineSchema({
    contract: sealContract({
      ...contract,
      enums: [
        ...contract.enums,
        { name: 'X', schema: 'public', pgName: 'X', values: [{ name: 'A', label: 'a' }] },
      ],
    }),
    Decimal,
  })
  expect(problemsOf(joinedTo(defineTable(copy, 'User')))).toEqual([])
  expect(problemsOf(joinedTo(defineTable(other, 'User')))).toEqual([
    `${INVALID} v.innerJoin.u: User is of another generated schema than the first table; use handles of one schema`,
  ])
})

test('a query without select is refused', () => {
  expect(() => define('v', visits)).toThrow(/end it with select/)
})

test.each(['', 'V', '1v', 'v-1', 'v"', 'v'.repeat(64), 'é'])('the view name "%s" is refused', (name) => {
  const [problem] = problemsOf(
    select((v) => ({ id: v['userId'] })),
    { name },
  )
  expect(problem).toContain('the name of a view must be of the form')
})

const byVisit = (q: Steps) =>
  visits(q)
    .groupBy(({ v }: Refs) => [v?.['userId'], v?.['restaurantId']])
    .select(({ v }: Refs) => ({ user: v?.['userId'], place: v?.['restaurantId'], rows: f.count() }))

test.each<[readonly string[], string]>([
  [[], 'v.key: it is empty'],
  [['user'], 'v.key: it does not tell all rows apart; it must hold v.restaurantId too'],
  [
    ['user', 'place', 'nothing'],
    'v.key.2: "nothing" cannot be part of the key: the view selects no such name',
  ],
  [['user', 'place', 'user'], 'v.key.2: "user" stands twice in the key'],
  [['user', 'place', 'rows'], 'v.key.2: "rows" cannot be part of the key: it is not a column of a table'],
])('the key %j is refused', (key, expected) => {
  expect(problemsOf(byVisit, { key: [...key] })[0]).toContain(`${INVALID} ${expected}`)
  expect(problemsOf(byVisit, { key: ['place', 'user'] })).toEqual([])
})
