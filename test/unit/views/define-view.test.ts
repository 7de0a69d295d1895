import { expect, test } from 'vitest'
import { avg, count, min, sum } from '../../../src/views/build/aggregates.ts'
import { eq, gt, isNull } from '../../../src/views/build/comparisons.ts'
import { defineView } from '../../../src/views/define-view.ts'
import { queryOutputs } from '../../../src/views/query-outputs.ts'
import type { Query } from '../../../src/views/build/query-builder.ts'
import { except, intersect, union, unionAll } from '../../../src/views/build/set-operations.ts'
import { or } from '../../../src/views/build/logic.ts'
import { Restaurant, schema, User, Visit } from '../../types/fixture.ts'

const rating = (name = 'restaurant_rating', least = 1) =>
  defineView(name, (q) =>
    q
      .from({ r: Restaurant })
      .leftJoin({ v: Visit }, ({ r, v }) => eq(v.restaurantId, r.id))
      .where(({ r }) => or(isNull(r.rating), gt(r.rating, least)))
      .groupBy(({ r }) => [r.id, r.name])
      .select(({ r, v }) => ({
        id: r.id,
        name: r.name,
        visits: count(v.userId),
        rating: avg(v.visitRating),
        spent: sum(v.amountSpent),
        first: min(v.restaurantId),
      })),
  )

test('the SQL of a view is Postgres text with every name quoted and every literal typed', () => {
  expect(rating().sql).toBe(
    [
      'SELECT',
      '  "r"."id" AS "id",',
      '  "r"."name" AS "name",',
      '  count("v"."user_id") AS "visits",',
      '  (avg("v"."visit_rating"))::float8 AS "rating",',
      '  sum("v"."amount_spent") AS "spent",',
      '  min("v"."restaurant_id" COLLATE "C") AS "first"',
      'FROM "public"."restaurant" AS "r"',
      'LEFT JOIN "public"."visit" AS "v" ON ("v"."restaurant_id" = "r"."id")',
      `WHERE (("r"."rating" IS NULL) OR ("r"."rating" > '1'::integer))`,
      'GROUP BY "r"."id", "r"."name"',
    ].join('\n'),
  )
})

test('the algebra carries the type of every expression', () => {
  const { ir } = rating()
  expect(queryOutputs(ir.query).map(({ name, expression: { type } }) => [name, type])).toEqual([
    ['id', { scalar: 'String', pgType: 'character varying(255)', list: false, nullable: false }],
    ['name', { scalar: 'String', pgType: 'character varying(255)', list: false, nullable: false }],
    ['visits', { scalar: 'Int', pgType: 'bigint', list: false, nullable: false }],
    ['rating', { scalar: 'Float', pgType: 'double precision', list: false, nullable: true }],
    ['spent', { scalar: 'Decimal', pgType: 'numeric', list: false, nullable: true }],
    ['first', { scalar: 'String', pgType: 'text', list: false, nullable: true }],
  ])
  expect(ir).toMatchObject({
    version: 2,
    name: 'restaurant_rating',
    query: {
      kind: 'select',
      sources: [
        { alias: 'r', from: { kind: 'table', model: 'Restaurant' }, join: null },
        {
          alias: 'v',
          from: { kind: 'table', model: 'Visit' },
          join: { kind: 'left', on: { kind: 'call', name: 'eq' } },
        },
      ],
      groupBy: [
        { source: 'r', field: 'id' },
        { source: 'r', field: 'name' },
      ],
    },
    key: ['id'],
  })
})

/** Whether each column of a join may be null. */
const nullability = (kind: 'innerJoin' | 'leftJoin') =>
  queryOutputs(
    defineView('joined', (q) => {
      const from = q.from({ v: Visit })
      const joined =
        kind === 'innerJoin'
          ? from.innerJoin({ r: Restaurant }, ({ v, r }) => eq(r.id, v.restaurantId))
          : from.leftJoin({ r: Restaurant }, ({ v, r }) => eq(r.id, v.restaurantId))
      return joined.select(({ v, r }) => ({
        u: v.userId,
        i: v.restaurantId,
        name: r.name,
        late: gt(r.name, 'm'),
      }))
    }).ir.query,
  ).map(({ expression }) => expression.type.nullable)

test('columns of a left-joined table may be null, those of an inner-joined one are as declared', () => {
  expect(nullability('innerJoin')).toEqual([false, false, false, false])
  expect(nullability('leftJoin')).toEqual([false, false, true, true])
})

test('a column of a set operation is null where one of its inputs may be, of the others where the first may', () => {
  type Numbers = Query<{ readonly n: number | null }, string | null>
  type Combine = (first: Numbers, second: Numbers) => Query<unknown, string | null>
  const nullable = (combine: Combine) =>
    [false, true].map((turned) => {
      const view = defineView('combined', (q) => {
        const ids: Numbers = q.from({ u: User }).select(({ u }) => ({ n: u.id }))
        const ratings: Numbers = q.from({ r: Restaurant }).select(({ r }) => ({ n: r.rating }))
        return turned ? combine(ratings, ids) : combine(ids, ratings)
      })
      return queryOutputs(view.ir.query).map(({ expression }) => expression.type.nullable)
    })
  expect(nullable(union)).toEqual([[true], [true]])
  expect(nullable(unionAll)).toEqual([[true], [true]])
  expect(nullable(intersect)).toEqual([[false], [true]])
  expect(nullable(except)).toEqual([[false], [true]])
})

test('a definition is frozen to the bottom and survives JSON', () => {
  const view = rating()
  const frozen = (value: unknown): boolean =>
    typeof value !== 'object' ||
    value === null ||
    (Object.isFrozen(value) && Object.values(value).every((item) => frozen(item)))
  expect(frozen(view)).toBe(true)
  expect(view.schema).toBe(schema)
  expect(JSON.parse(JSON.stringify(view))).toMatchObject({ name: view.name, ir: view.ir, sql: view.sql })
})

test('the fingerprint is the same for the same view and another for another', () => {
  expect(rating().fingerprint).toMatch(/^[0-9a-f]{64}$/)
  expect(rating().fingerprint).toBe(rating().fingerprint)
  expect(rating('other').fingerprint).not.toBe(rating().fingerprint)
  expect(rating('restaurant_rating', 2).fingerprint).not.toBe(rating().fingerprint)
})

test('columns spread into select are all selected', () => {
  const view = defineView('spread', (q) => q.from({ v: Visit }).select(({ v }) => ({ ...v })))
  expect(queryOutputs(view.ir.query).map(({ name }) => name)).toEqual([
    'userId',
    'restaurantId',
    'amountSpent',
    'visitRating',
  ])
})

test('several where calls are joined by AND; a Boolean column is a condition by itself', () => {
  const view = defineView('active', (q) =>
    q
      .from({ u: User })
      .where(({ u }) => u.active)
      .where(({ u }) => eq(u.role, 'ADMIN'))
      .select(({ u }) => ({ id: u.id })),
  )
  expect(view.sql.split('\n').at(-1)).toBe(`WHERE (("u"."active" = true) AND ("u"."role" = E'ad''min \\\\'))`)
})
