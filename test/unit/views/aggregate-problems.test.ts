import { expect, test } from 'vitest'
import { DbsyncError } from '../../../src/core/errors.ts'
import { boolAnd, boolOr, count, countDistinct, sum } from '../../../src/views/build/aggregates.ts'
import { eq, gt } from '../../../src/views/build/comparisons.ts'
import { compileViews } from '../../../src/views/compile/compile.ts'
import { defineView } from '../../../src/views/define-view.ts'
import type { Aggregate, Selection } from '../../../src/views/build/expression.ts'
import { arrayAgg, jsonAgg, stringAgg } from '../../../src/views/build/ordered-aggregates.ts'
import { asc, desc } from '../../../src/views/build/order.ts'
import { Sample, schema, Visit } from '../../types/fixture.ts'

/** What plain JavaScript gets past the types. */
const loose = (value: unknown): never => value as never

type Columns = Parameters<Parameters<ReturnType<typeof sample>['select']>[0]>[0]['s']
const sample = (q: Parameters<Parameters<typeof defineView>[1]>[0]) => q.from({ s: Sample })

function problemOf(make: (s: Columns) => Selection): string {
  try {
    defineView('v', (q) => sample(q).select(({ s }) => ({ x: make(s) })))
  } catch (error) {
    if (error instanceof DbsyncError) return `${error.code} ${error.message}`
    throw error
  }
  return ''
}

const INVALID = 'VIEW.INVALID_DEFINITION v.select.x'
const NOT_EXACT = 'VIEW.NOT_EXACT v.select.x'

test.each<[what: string, make: (s: Columns) => Selection, expected: string]>([
  [
    'distinct values that are equal and look different',
    (s) => countDistinct(s.unbound),
    `${NOT_EXACT}: s.unbound (numeric) cannot be counted by its distinct values exactly: 1.0 and 1.00 are equal`,
  ],
  [
    'distinct JSON',
    (s) => countDistinct(s.jsonb),
    `${NOT_EXACT}: s.jsonb (jsonb) cannot be counted by its distinct values exactly`,
  ],
  [
    'distinct lists',
    (s) => countDistinct(s.list),
    `${NOT_EXACT}: s.list (text[]) cannot be counted by its distinct values exactly`,
  ],
  [
    'a number as a condition',
    (s) => boolAnd(loose(s.int)),
    `${INVALID}: boolAnd needs conditions, and s.int (integer) is not one`,
  ],
  [
    'a constant as a condition',
    () => boolOr(loose(true)),
    `${INVALID}: boolOr needs a column; it got a boolean`,
  ],
  [
    'an array without an order',
    (s) => loose(arrayAgg(s.int)),
    `${NOT_EXACT}.orderBy: arrayAgg without an order has whatever order the server reads rows in; add .orderBy(asc(...))`,
  ],
  [
    'a joined text without an order',
    (s) => loose(stringAgg(s.text, ',').filter(s.boolean)),
    `${NOT_EXACT}.orderBy: stringAgg without an order`,
  ],
  [
    'an order that leaves a choice',
    (s) => arrayAgg(s.int).orderBy(asc(s.text), asc(s.small)),
    `${NOT_EXACT}.orderBy: rows that are equal in this order may have different values, so Postgres may answer one way or another; add asc(s.sel"ect ✓)`,
  ],
  [
    'an order by values that are equal and look different',
    (s) => arrayAgg(s.double).orderBy(asc(s.double)),
    `${NOT_EXACT}.orderBy: rows that are equal in this order may have different values`,
  ],
  [
    'an order by an enum',
    (s) => arrayAgg(s.mood).orderBy(asc(s.mood)),
    `${NOT_EXACT}.orderBy: s.mood ("mood type") cannot be ordered by exactly: its labels have the order of the catalog`,
  ],
  [
    'an order by padded text',
    (s) => arrayAgg(s.small).orderBy(asc(s.char)),
    `${NOT_EXACT}.orderBy: s.char (character(5)) cannot be ordered by exactly`,
  ],
  [
    'an order without a direction',
    (s) => arrayAgg(s.small).orderBy(loose(s.small)),
    `${INVALID}.orderBy: orderBy takes asc(...) and desc(...); it got a Object`,
  ],
  [
    'an order by an aggregate',
    (s) => arrayAgg(s.small).orderBy(asc(count())),
    `${INVALID}.orderBy: the aggregate count stands inside another expression`,
  ],
  [
    'an array of lists',
    (s) => arrayAgg(s.list).orderBy(asc(s.small)),
    `${NOT_EXACT}: s.list (text[]) cannot be used in arrayAgg exactly: lists of different lengths make no array`,
  ],
  [
    'money in an array',
    (s) => arrayAgg(s.money).orderBy(asc(s.small)),
    `${NOT_EXACT}: s.money (money) cannot be kept in a view exactly`,
  ],
  [
    'a joined number',
    (s) => stringAgg(loose(s.int), ',').orderBy(asc(s.int)),
    `${INVALID}: stringAgg needs texts, and s.int (integer) is not one`,
  ],
  [
    'a joined enum',
    (s) => stringAgg(s.mood, ',').orderBy(asc(s.small)),
    `${INVALID}: stringAgg needs texts, and s.mood ("mood type") is not one`,
  ],
  [
    'no separator',
    (s) => stringAgg(s.text, loose(undefined)).orderBy(asc(s.text)),
    `${INVALID}: stringAgg needs a string without NUL between the values; it got undefined`,
  ],
  [
    'a separator that SQL cannot hold',
    (s) => stringAgg(s.text, '\0').orderBy(asc(s.text)),
    `${INVALID}: stringAgg needs a string without NUL between the values; it got a string`,
  ],
  [
    'JSON of a bigint',
    (s) => jsonAgg(s.big).orderBy(asc(s.big)),
    `${NOT_EXACT}: s.big (bigint) cannot be used in jsonAgg exactly: its JSON depends on settings or has more digits than JavaScript reads; use arrayAgg`,
  ],
  [
    'JSON of a time',
    (s) => jsonAgg(s.timestamptz).orderBy(asc(s.timestamptz)),
    `${NOT_EXACT}: s.timestamptz`,
  ],
  [
    'JSON of json',
    (s) => jsonAgg(s.json).orderBy(asc(s.small)),
    `${NOT_EXACT}: s.json (json) cannot be used in jsonAgg`,
  ],
  [
    'a filter that is no condition',
    (s) => sum(s.int).filter(loose(s.int)),
    `${INVALID}.filter: s.int (integer) is not a condition; compare it`,
  ],
  [
    'an aggregate in a filter',
    (s) => sum(s.int).filter(loose(count())),
    `${INVALID}.filter: the aggregate count stands inside another expression`,
  ],
])('%s: refused with the reason', (_, make, expected) => {
  expect(problemOf(make)).toContain(expected)
})

const definitions: readonly ((s: Columns) => Aggregate<unknown>)[] = [
  (s) => arrayAgg(s.int).orderBy(desc(s.int)),
  (s) => arrayAgg(s.double).orderBy(asc(s.double), asc(s.small), asc(s['sel"ect ✓'])),
  (s) => arrayAgg(s.json).orderBy(asc(s.uuid), asc(s['sel"ect ✓']), desc(s.small)),
  (s) => arrayAgg(s.char).orderBy(asc(s.unbound), asc(s.small), asc(s['sel"ect ✓'])),
  (s) => jsonAgg(s.mood).orderBy(asc(s.boolean), asc(s.small), asc(s['sel"ect ✓'])),
  (s) => countDistinct(s.char),
  (s) => countDistinct(s.real),
]

test('what is exact is accepted and compiled: the value itself or the key in the order, odd types outside of it', () => {
  for (const make of definitions) {
    const view = defineView('v', (q) => sample(q).select(({ s }) => ({ x: make(s) })))
    expect(compileViews(schema, [view.ir]).views.size).toBe(1)
  }
})

test('the SQL says filter, order, collation and where NULLs stand', () => {
  const { sql } = defineView('v', (q) =>
    sample(q).select(({ s }) => ({
      a: stringAgg(s.varchar, "' \\")
        .orderBy(desc(s.varchar), asc(s.int, { nulls: 'first' }))
        .filter(gt(s.int, 1)),
      b: countDistinct(s.text),
      c: count().filter(s.boolean).filter(eq(s.small, 2)),
    })),
  )
  expect(sql.split('\n').slice(1, 4)).toEqual([
    `  string_agg("s"."varchar", E''' \\\\'::text ORDER BY "s"."varchar" COLLATE "C" DESC NULLS FIRST, ` +
      `"s"."int" ASC NULLS FIRST) FILTER (WHERE ("s"."int" > '1'::integer)) AS "a",`,
    '  count(DISTINCT "s"."text" COLLATE "C") AS "b",',
    `  count(*) FILTER (WHERE (("s"."boolean" = true) AND ("s"."small" = '2'::smallint))) AS "c"`,
  ])
})

test('an aggregate is a value: filter and orderBy make new ones', () => {
  const rows = count()
  expect(rows.filter(loose(true))).not.toBe(rows)
  expect(rows.options).toEqual({})
  expect(Object.isFrozen(rows)).toBe(true)
})

test('filter and order are part of what a view means', () => {
  const prints = [
    defineView('v', (q) =>
      q.from({ v: Visit }).select(({ v }) => ({ x: arrayAgg(v.userId).orderBy(asc(v.userId)) })),
    ),
    defineView('v', (q) =>
      q.from({ v: Visit }).select(({ v }) => ({ x: arrayAgg(v.userId).orderBy(desc(v.userId)) })),
    ),
    defineView('v', (q) =>
      q
        .from({ v: Visit })
        .select(({ v }) => ({ x: arrayAgg(v.userId).orderBy(asc(v.userId)).filter(eq(v.userId, 1)) })),
    ),
  ].map(({ fingerprint }) => fingerprint)
  expect(new Set(prints).size).toBe(3)
})
