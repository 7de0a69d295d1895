import { Decimal } from '@prisma/client/runtime/client'
import { expect, test } from 'vitest'
import { defineSchema } from '../../../src/contract/define-schema.ts'
import { defineTable } from '../../../src/contract/define-table.ts'
import { sealContract } from '../../../src/contract/hash-contract.ts'
import { defineView } from '../../../src/views/define-view.ts'
import { contract, Restaurant, Sample, User, Visit } from '../../types/fixture.ts'
import { define, f, problemsOf, type Refs, type Steps } from './loose-builder.ts'

const INVALID = 'VIEW.INVALID_DEFINITION'
const UNSUPPORTED = 'VIEW.UNSUPPORTED'
const NOT_EXACT = 'VIEW.NOT_EXACT'

type Columns = Readonly<Record<'r' | 'u' | 'v' | 's' | 't', Readonly<Record<string, unknown>>>>
const visits = (q: Steps) => q.from({ v: Visit })
const ids = (q: Steps) => visits(q).select(({ v }: Columns) => ({ id: v['userId'] }))
const places = (q: Steps) => visits(q).select(({ v }: Columns) => ({ id: v['restaurantId'] }))
const spent = (q: Steps) =>
  visits(q).select(({ v }: Columns) => ({ user: v['userId'], spent: v['amountSpent'] }))
const byPlace = (q: Steps) => visits(q).groupBy(({ v }: Columns) => [v['restaurantId']])
const samples = (q: Steps, select: (s: Columns['s']) => unknown) =>
  q.from({ s: Sample }).select(({ s }: Columns) => select(s))
const where = (condition: (v: Columns['v'], q: Steps) => unknown) => (q: Steps) =>
  visits(q)
    .where(({ v }: Columns) => condition(v, q))
    .select(({ v }: Columns) => ({ id: v['userId'] }))
const nested = (make: (v: Columns['v']) => unknown) => (q: Steps) =>
  visits(q).select(({ v }: Columns) => ({ user: v['userId'], nested: make(v) }))

test.each<[what: string, build: (q: Steps) => unknown, expected: string]>([
  [
    'an unfinished query in from',
    (q) => q.from({ s: visits(q) }).select(() => ({ n: f.count() })),
    `${INVALID} v.from.s: it is not a table handle of the generated code, nor a finished query`,
  ],
  [
    'a mistake in a query in from, with its place',
    (q) =>
      q
        .from({ r: Restaurant })
        .leftJoin({ s: visits(q).select(({ v }: Columns) => ({ id: v['nmae'] })) }, ({ r, s }: Columns) =>
          f.eq(r['id'], s['id']),
        )
        .select(({ r }: Columns) => ({ id: r['id'] })),
    `${INVALID} v.leftJoin.s.select.id: Visit has no field "nmae"`,
  ],
  [
    'a column that a query in from does not give',
    (q) => q.from({ s: ids(q) }).select(({ s }: Columns) => ({ id: s['userId'] })),
    `${INVALID} v.select.id: the query has no field "userId"; it has: id`,
  ],
  [
    'a column of the query around one in from',
    (q) =>
      q
        .from({ r: Restaurant })
        .innerJoin(
          {
            s: visits(q)
              .where(({ r, v }: Columns) => f.eq(r['id'], v['restaurantId']))
              .select(({ v }: Columns) => ({ id: v['restaurantId'] })),
          },
          ({ r, s }: Columns) => f.eq(r['id'], s['id']),
        )
        .select(({ r }: Columns) => ({ id: r['id'] })),
    `${INVALID} v.innerJoin.s.where: there is no table "r" here; there are: v`,
  ],
  [
    'a full join without equality',
    (q) =>
      visits(q)
        .fullJoin({ u: User }, ({ v, u }: Columns) => f.gt(v['userId'], u['id']))
        .select(() => ({ n: f.count() })),
    `${UNSUPPORTED} v.fullJoin.u: nothing ties "u" to an earlier table`,
  ],
  [
    'EXISTS without equality',
    (q) =>
      visits(q)
        .whereExists({ u: User }, ({ u }: Columns) => u['active'])
        .select(({ v }: Columns) => ({ id: v['userId'] })),
    `${UNSUPPORTED} v.whereExists.u: nothing ties "u"`,
  ],
  [
    'NOT EXISTS under a taken alias',
    (q) =>
      visits(q)
        .whereNotExists({ v: User }, ({ v }: Columns) => f.eq(v['id'], v['userId']))
        .select(({ v }: Columns) => ({ id: v['userId'] })),
    `${INVALID} v.whereNotExists.v: the alias "v" is taken`,
  ],
  [
    'a column of EXISTS outside of it',
    (q) =>
      visits(q)
        .whereExists({ u: User }, ({ v, u }: Columns) => f.eq(u['id'], v['userId']))
        .select(({ u }: Columns) => ({ id: u['id'] })),
    `${INVALID} v.select.id: there is no table "u" here; there are: v`,
  ],

  [
    'NOT IN a query',
    where((v, q) => f.not(f.inArray(v['userId'], ids(q)))),
    `${UNSUPPORTED} v.where: not(inArray(..., query)) is never true once the query gives a null; use whereNotExists`,
  ],
  [
    'a query inside or',
    where((v, q) => f.or(f.eq(v['userId'], 1), f.inArray(v['userId'], ids(q)))),
    `${UNSUPPORTED} v.where: inArray with a query stands in where by itself`,
  ],
  [
    'a query inside or inside not',
    where((v, q) => f.not(f.or(f.eq(v['userId'], 1), f.inArray(v['userId'], ids(q))))),
    `${UNSUPPORTED} v.where: not(inArray(..., query)) is never true`,
  ],
  [
    'a query in on',
    (q) =>
      visits(q)
        .innerJoin({ u: User }, ({ v, u }: Columns) =>
          f.and(f.eq(u['id'], v['userId']), f.inArray(u['id'], ids(q))),
        )
        .select(() => ({ n: f.count() })),
    `${UNSUPPORTED} v.innerJoin.u: inArray with a query stands in where by itself`,
  ],
  [
    'a query in select',
    (q) => visits(q).select(({ v }: Columns) => ({ id: v['userId'], is: f.inArray(v['userId'], ids(q)) })),
    `${UNSUPPORTED} v.select.is: inArray with a query stands in where by itself`,
  ],
  [
    'inArray with a query of two columns',
    where((v, q) => f.inArray(v['userId'], spent(q))),
    `${INVALID} v.where: inArray needs a query of one column; it got one of 2`,
  ],
  [
    'inArray with a query of another type',
    where((v, q) => f.inArray(v['userId'], places(q))),
    `${INVALID} v.where: inArray compares v.userId (integer) with a query of character varying(255)`,
  ],

  [
    'an ungrouped column in having',
    (q) =>
      byPlace(q)
        .having(({ v }: Columns) => f.gt(v['visitRating'], 3))
        .select(({ v }: Columns) => ({ id: v['restaurantId'] })),
    `${INVALID} v.having: v.visitRating (integer) is neither grouped`,
  ],
  [
    'an ungrouped column in orderBy',
    (q) =>
      byPlace(q)
        .select(({ v }: Columns) => ({ id: v['restaurantId'] }))
        .orderBy(({ v }: Columns) => [f.asc(v['userId'])]),
    `${INVALID} v.orderBy.0: v.userId (integer) is neither grouped`,
  ],
  [
    'an ungrouped column in a nested result',
    (q) =>
      byPlace(q).select(({ v }: Columns) => ({
        id: v['restaurantId'],
        user: f
          .nest({ u: User }, ({ u }: Columns) => f.eq(u['id'], v['userId']))
          .select(({ u }: Columns) => u),
      })),
    `${INVALID} v.select.user: v.userId (integer) is neither grouped`,
  ],
  [
    'another function than the grouped one',
    (q) =>
      visits(q)
        .groupBy(({ v }: Columns) => [f.isNull(v['visitRating'])])
        .select(({ v }: Columns) => ({ rated: f.isNotNull(v['visitRating']) })),
    `${INVALID} v.select.rated: v.visitRating (integer) is neither grouped`,
  ],
  [
    'an aggregate in where beside a comparison',
    where(() => f.gt(f.count(), 3)),
    `${INVALID} v.where: the aggregate count stands inside another expression`,
  ],
  [
    'an aggregate in groupBy',
    (q) =>
      visits(q)
        .groupBy(() => [f.count()])
        .select(() => ({ n: f.count() })),
    `${INVALID} v.groupBy.0: the aggregate count stands inside`,
  ],

  [
    'distinct rows with a floating point number',
    (q) => q.from({ s: Sample }).selectDistinct(({ s }: Columns) => ({ double: s['double'] })),
    `${NOT_EXACT} v.select.double: s.double (double precision) cannot be told apart exactly: adding`,
  ],
  [
    'distinct rows with a list',
    (q) => q.from({ s: Sample }).selectDistinct(({ s }: Columns) => ({ list: s['list'] })),
    `${NOT_EXACT} v.select.list: s.list (text[]) cannot be told apart exactly`,
  ],
  [
    'distinct rows in the order of what is not selected',
    (q) =>
      visits(q)
        .selectDistinct(({ v }: Columns) => ({ id: v['userId'] }))
        .orderBy(({ v }: Columns) => [f.asc(v['visitRating'])]),
    `${INVALID} v.orderBy.0: v.visitRating (integer) is not selected`,
  ],

  ['a union of one query', (q) => f.union(ids(q)), `${INVALID} v.union: it needs at least two queries`],
  ['a union with a table', (q) => f.union(ids(q), User), `${INVALID} v.union.1: it is not a finished query`],
  [
    'a mistake in a part of a union, with its place',
    (q) =>
      f.union(
        ids(q),
        visits(q).select(({ v }: Columns) => ({ id: v['nmae'] })),
      ),
    `${INVALID} v.union.1.select.id: Visit has no field "nmae"`,
  ],
  [
    'a union of different names',
    (q) =>
      f.union(
        ids(q),
        visits(q).select(({ v }: Columns) => ({ id: v['userId'], no: v['visitRating'] })),
      ),
    `${INVALID} v.union.1: its column "no" is not in the first query`,
  ],
  [
    'a union that lacks a name',
    (q) =>
      f.unionAll(
        spent(q),
        visits(q).select(({ v }: Columns) => ({ user: v['userId'] })),
      ),
    `${INVALID} v.unionAll.1: it has no column "spent", which the first query has`,
  ],
  [
    'an intersection of different types',
    (q) => f.intersect(ids(q), places(q)),
    `${INVALID} v.intersect.1: its column "id" is character varying(255), that of the first query integer; select values of one type`,
  ],
  [
    'a difference of numbers of different types',
    (q) =>
      f.except(
        ids(q),
        samples(q, (s) => ({ id: s['big'] })),
      ),
    `${INVALID} v.except.1: its column "id" is bigint, that of the first query integer`,
  ],
  [
    'a union of times of different precision',
    (q) =>
      f.union(
        samples(q, (s) => ({ at: s['timestamp'] })),
        samples(q, (s) => ({ at: s['seconds'] })),
      ),
    `${INVALID} v.union.1: its column "at" is timestamp(0) without time zone, that of the first query timestamp(3)`,
  ],
  [
    'a union of two enums',
    (q) =>
      f.union(
        q.from({ u: User }).select(({ u }: Columns) => ({ label: u['role'] })),
        samples(q, (s) => ({ label: s['mood'] })),
      ),
    `${INVALID} v.union.1: its column "label" is "mood type", that of the first query "Role"`,
  ],
  [
    'a union with a floating point number',
    (q) =>
      f.union(
        samples(q, (s) => ({ d: s['double'] })),
        samples(q, (s) => ({ d: s['double'] })),
      ),
    `${NOT_EXACT} v.union: d (double precision) cannot be told apart exactly`,
  ],

  [
    'an order without a direction',
    (q) => ids(q).orderBy(({ v }: Columns) => [v['userId']]),
    `${INVALID} v.orderBy.0: it has no direction; write asc(...) or desc(...)`,
  ],
  ['an empty order', (q) => ids(q).orderBy(() => []), `${INVALID} v.orderBy: it needs an array`],
  [
    'an order by an enum',
    (q) =>
      q
        .from({ u: User })
        .select(({ u }: Columns) => ({ id: u['id'] }))
        .orderBy(({ u }: Columns) => [f.asc(u['role'])]),
    `${NOT_EXACT} v.orderBy.0: u.role ("Role") cannot be ordered exactly: its labels have the order of the catalog`,
  ],
  [
    'a limit without an order',
    (q) => ids(q).limit(3),
    `${NOT_EXACT} v.limit: the order leaves open which of equal rows come first; add v.userId, v.restaurantId to orderBy`,
  ],
  [
    'a limit without a total order',
    (q) =>
      ids(q)
        .orderBy(({ v }: Columns) => [f.asc(v['visitRating']), f.asc(v['userId'])])
        .limit(3),
    `${NOT_EXACT} v.limit: the order leaves open which of equal rows come first; add v.restaurantId to orderBy`,
  ],
  [
    'an offset without a total order',
    (q) =>
      ids(q)
        .orderBy(({ v }: Columns) => [f.asc(v['userId'])])
        .offset(3),
    `${NOT_EXACT} v.limit: the order leaves open which of equal rows come first; add v.restaurantId to orderBy`,
  ],
  [
    'a limit of a union without a total order',
    (q) =>
      f
        .union(spent(q), spent(q))
        .orderBy((out: Columns['v']) => [f.asc(out['user'])])
        .limit(3),
    `${NOT_EXACT} v.limit: the order leaves open which of equal rows come first; add spent to orderBy`,
  ],
  [
    'a limit of rows that nothing identifies, some column left out',
    (q) =>
      f
        .unionAll(spent(q), spent(q))
        .orderBy((out: Columns['v']) => [f.asc(out['user'])])
        .limit(3),
    `${NOT_EXACT} v.limit: the order leaves open which of equal rows come first; add spent to orderBy`,
  ],
  [
    'a limit for each group without a total order',
    (q) =>
      ids(q)
        .orderBy(({ v }: Columns) => [f.asc(v['visitRating'])])
        .limitPer(({ v }: Columns) => [v['userId']], 1),
    `${NOT_EXACT} v.limitPer: the order leaves open which of equal rows come first; add v.restaurantId to orderBy`,
  ],
  [
    'a limit for each of no column',
    (q) => ids(q).limitPer(() => [], 1),
    `${INVALID} v.limitPer: it needs an array of at least one column`,
  ],
  [
    'a limit for each floating point number',
    (q) =>
      samples(q, (s) => ({ id: s['small'] }))
        .orderBy(({ s }: Columns) => [f.asc(s['small']), f.asc(s['sel"ect ✓'])])
        .limitPer(({ s }: Columns) => [s['double']], 1),
    `${NOT_EXACT} v.limitPer.0: s.double (double precision) cannot be grouped exactly`,
  ],
  [
    'two limits',
    (q) =>
      ids(q)
        .limitPer(({ v }: Columns) => [v['userId']], 1)
        .limit(3),
    `${INVALID} v.limitPer: it stands beside limit; put one of them into a query in from`,
  ],
  ...[0, -1, 1.5, 2 ** 31, '3', null].map((count): [string, (q: Steps) => unknown, string] => [
    `a limit of ${JSON.stringify(count)}`,
    (q) => ids(q).limit(count),
    `${INVALID} v.limit: it needs a whole number from 1 to 2147483647`,
  ]),
  [
    'an offset below zero',
    (q) => ids(q).offset(-1),
    `${INVALID} v.offset: it needs a whole number from 0 to 2147483647`,
  ],

  [
    'a nested result without equality',
    nested((v) =>
      f.nest({ u: User }, () => f.eq(v['userId'], 1)).select(({ u }: Columns) => ({ id: u['id'] })),
    ),
    `${UNSUPPORTED} v.select.nested.nest.u: nothing ties "u"`,
  ],
  [
    'a nested result under a taken alias',
    nested((v) =>
      f.nest({ v: User }, () => f.eq(v['userId'], v['id'])).select(({ v: u }: Columns) => ({ id: u['id'] })),
    ),
    `${INVALID} v.select.nested.nest.v: the alias "v" is taken`,
  ],
  [
    'a nested result of several rows without an order',
    (q) =>
      q.from({ u: User }).select(({ u }: Columns) => ({
        id: u['id'],
        visits: f
          .nest({ v: Visit }, ({ v }: Columns) => f.eq(v['userId'], u['id']))
          .select(({ v }: Columns) => ({ id: v['restaurantId'] })),
      })),
    `${NOT_EXACT} v.select.visits.orderBy: the order leaves open which of equal rows come first; add v.restaurantId to it`,
  ],
  [
    'an aggregate in a nested result',
    nested((v) =>
      f.nest({ u: User }, ({ u }: Columns) => f.eq(u['id'], v['userId'])).select(() => ({ n: f.count() })),
    ),
    `${INVALID} v.select.nested.select.n: the aggregate count stands inside`,
  ],
  [
    'a column of the row around in a nested select',
    nested((v) =>
      f.nest({ u: User }, ({ u }: Columns) => f.eq(u['id'], v['userId'])).select(() => ({ n: v['userId'] })),
    ),
    `${INVALID} v.select.nested.select.n: there is no table "v" here; there are: u`,
  ],
  [
    'a nested limit that is no number',
    nested((v) =>
      f
        .nest({ u: User }, ({ u }: Columns) => f.eq(u['id'], v['userId']))
        .limit(Infinity)
        .select(({ u }: Columns) => ({ id: u['id'] })),
    ),
    `${INVALID} v.select.nested.limit: it needs a whole number`,
  ],
  [
    'a nested result that tells rows apart',
    (q) =>
      visits(q).selectDistinct(({ v }: Columns) => ({
        id: v['userId'],
        user: f
          .nest({ u: User }, ({ u }: Columns) => f.eq(u['id'], v['userId']))
          .select(({ u }: Columns) => u),
      })),
    `${NOT_EXACT} v.select.user: a nested result (jsonb) cannot be told apart exactly`,
  ],
])('%s is refused', (_, build, expected) => {
  const problems = problemsOf(build)
  expect(problems).toHaveLength(1)
  expect(problems[0]).toContain(expected)
})

test('tables of another schema are refused wherever they stand', () => {
  const X = { name: 'X', schema: 'public', pgName: 'X', values: [{ name: 'A', label: 'a' }] }
  const other = defineSchema({
    contract: sealContract({
      ...contract,
      enums: [...contract.enums, X],
    }),
    Decimal,
  })
  const Strange = defineTable<'User', unknown, 'id'>(other, 'User')
  const strange = define('strange', (q) =>
    q.from({ u: Strange }).select(({ u }: Refs) => ({ id: u?.['id'] })),
  )
  const expected = expect.stringContaining('is of another generated schema than the first table')
  const on = ({ v, u }: Columns) => f.eq(v['userId'], u['id'])
  const one = (q: Steps) => q.from({ u: Strange }).select(({ u }: Columns) => ({ id: u['id'] }))
  for (const build of [
    (q: Steps) =>
      visits(q)
        .whereExists({ u: Strange }, on)
        .select(({ v }: Columns) => ({ id: v['userId'] })),
    (q: Steps) =>
      visits(q)
        .leftJoin({ u: strange }, on)
        .select(({ v }: Columns) => ({ id: v['userId'] })),
    (q: Steps) => f.union(ids(q), one(q)),
    where((v, q) => f.inArray(v['userId'], one(q))),
    nested((v) =>
      f.nest({ u: Strange }, ({ u }: Columns) => f.eq(u['id'], v['userId'])).select(({ u }: Columns) => u),
    ),
  ]) {
    expect(problemsOf(build)).toEqual([expected])
  }
})

test('a view can read only views that were defined before it, so that none reads itself', () => {
  const inner = defineView('inner', (q) => q.from({ u: User }).select(({ u }) => ({ id: u.id })))
  const outer = defineView('outer', (q) => q.from({ i: inner }).select(({ i }) => ({ id: i.id })))
  // The algebra of the inner view stands inside: plain data, frozen, which cannot hold itself.
  expect(outer.ir.query).toMatchObject({
    sources: [{ alias: 'i', from: { kind: 'query', query: inner.ir.query } }],
  })
  expect(() => {
    const itself = { v: undefined as unknown }
    itself.v = define('itself', (q) => q.from(itself).select(() => ({ n: f.count() })))
  }).toThrow(/v.from|itself.from.v: it is not a table handle/)
  expect(Object.isFrozen(inner.ir.query)).toBe(true)
})

test('a key that is not provably unique is refused', () => {
  const all = (q: Steps) => f.unionAll(ids(q), ids(q))
  expect(problemsOf(all, { key: ['id'] })).toEqual([
    `${INVALID} v.key: nothing tells the rows of this view apart, so it has no key; leave it out, or use union instead of unionAll`,
  ])
  expect(problemsOf((q) => f.union(spent(q), spent(q)), { key: ['user'] })).toEqual([
    `${INVALID} v.key: it does not tell all rows apart; it must hold spent too`,
  ])
  expect(problemsOf((q) => f.union(spent(q), spent(q)), { key: ['spent', 'user'] })).toEqual([])
})
