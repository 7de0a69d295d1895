import { Decimal } from '@prisma/client/runtime/client'
import { expect, test } from 'vitest'
import { quoteLiteral } from '../../../src/core/quote.ts'
import {
  avg,
  boolAnd,
  boolOr,
  count,
  countDistinct,
  max,
  min,
  sum,
} from '../../../src/views/build/aggregates.ts'
import { eq, gt, gte, inArray, isNotNull, isNull, lt, lte, ne } from '../../../src/views/build/comparisons.ts'
import { compileViews } from '../../../src/views/compile/compile.ts'
import { defineView, type ViewDefinition } from '../../../src/views/define-view.ts'
import { queryOutputs } from '../../../src/views/query-outputs.ts'
import { and, not, or } from '../../../src/views/build/logic.ts'
import { asc, desc } from '../../../src/views/build/order.ts'
import { arrayAgg, jsonAgg, stringAgg } from '../../../src/views/build/ordered-aggregates.ts'
import { testDatabase } from '../../support/database.ts'
import { NESTED, RELATIONAL } from './relational-views.ts'
import { DDL, Restaurant, Sample, User, Visit } from '../../types/fixture.ts'

/** The whole of the language, with names as hostile as Postgres allows. */
const VIEWS: readonly ViewDefinition[] = [
  defineView('every_comparison', (q) =>
    q
      .from({ 'se"l ✓': Sample })
      .where(({ 'se"l ✓': s }) =>
        and(
          or(lt(s.small, 5), lte(5, s.int), ne(s.big, s.int), eq(s.decimal, s.big)),
          not(inArray(s.text, ["it's", '\\', '✓'])),
          isNotNull(s.json),
          eq(s.mood, 'GOOD'),
          inArray(s.mood, ['GOOD', 'BAD']),
          eq(s.oid, 5),
          eq(s.real, 0.1),
          gt(s.double, s.double),
          gte(s.wide, new Decimal('0.5')),
          s.boolean,
          gt(s.varchar, s.text),
          gt(s.varchar, 'x'),
          gt('x', s.text),
          eq(s.char, 'ab'),
          eq(s.uuid, '0c5a1f3e-0000-4000-8000-0000000000ab'),
          eq(s.bit, '101'),
          eq(s.varbit, '1'),
          eq(s.bytes, new Uint8Array([1])),
          gt(s.date, new Date('2024-01-01')),
          gt(s.timestamp, new Date(0)),
          gt(s.timestamptz, new Date(0)),
          gt(s.time, new Date(0)),
        ),
      )
      .select(({ 'se"l ✓': s }) => ({
        key: s.small,
        'a"b': s['sel"ect ✓'],
        select: s.small,
        'ñ ✓': s.list,
        "it's": gt(s.text, 'x'),
        '\n': and(s.boolean, isNull(s.int)),
        ['x'.repeat(63)]: s.varchar,
      })),
  ),
  defineView('every_type', (q) =>
    // The server of the tests may lack citext, and money is refused.
    q
      .from({ order: Sample })
      .select(({ order }) =>
        Object.fromEntries(Object.entries(order).filter(([name]) => name !== 'citext' && name !== 'money')),
      ),
  ),
  defineView('every_aggregate', (q) =>
    q.from({ s: Sample }).select(({ s }) => ({
      rows: count(),
      json: count(s.json),
      small_sum: sum(s.small),
      small_avg: avg(s.small),
      small_min: min(s.small),
      int_sum: sum(s.int),
      int_avg: avg(s.int),
      int_max: max(s.int),
      big_sum: sum(s.big),
      big_avg: avg(s.big),
      big_max: max(s.big),
      decimal_sum: sum(s.decimal),
      decimal_avg: avg(s.decimal),
      decimal_max: max(s.decimal),
      wide_avg: avg(s.wide),
      unbound_sum: sum(s.unbound),
      unbound_avg: avg(s.unbound),
      oid_max: max(s.oid),
      real_max: max(s.real),
      double_min: min(s.double),
      text_min: min(s.text),
      varchar_max: max(s.varchar),
      date_max: max(s.date),
      timestamp_max: max(s.timestamp),
      timestamptz_min: min(s.timestamptz),
      time_max: max(s.time),
    })),
  ),
  defineView('every_new_aggregate', (q) =>
    q.from({ s: Sample }).select(({ s }) => ({
      filtered: count().filter(or(s.boolean, eq(s.text, "it's"))),
      mean: avg(s.int).filter(gt(s.int, 0)),
      distinct_text: countDistinct(s.varchar),
      distinct_uuid: countDistinct(s.uuid),
      distinct_enum: countDistinct(s.mood),
      distinct_double: countDistinct(s.double),
      distinct_bytes: countDistinct(s.bytes),
      all: boolAnd(s.boolean),
      some: boolOr(s.boolean).filter(isNull(s.int)),
      ints: arrayAgg(s.int).orderBy(asc(s.int)),
      bigs: arrayAgg(s.big).orderBy(desc(s.big)),
      texts: arrayAgg(s.varchar).orderBy(asc(s.varchar, { nulls: 'first' })),
      moods: arrayAgg(s.mood).orderBy(desc(s.uuid), asc(s.boolean), asc(s.small), asc(s['sel"ect ✓'])),
      decimals: arrayAgg(s.decimal).orderBy(asc(s.decimal)),
      jsons: arrayAgg(s.json).orderBy(asc(s.int), asc(s.small), asc(s['sel"ect ✓'])),
      times: arrayAgg(s.timestamptz).orderBy(asc(s.timestamptz)),
      joined: stringAgg(s.varchar, "' \\ ✓").orderBy(asc(s.text), asc(s.small), asc(s['sel"ect ✓'])),
      json_ints: jsonAgg(s.int).orderBy(asc(s.int)),
      json_moods: jsonAgg(s.mood).orderBy(desc(s.int, { nulls: 'last' }), asc(s.small), asc(s['sel"ect ✓'])),
    })),
  ),
  defineView('every_join', (q) =>
    q
      .from({ v: Visit })
      .innerJoin({ u: User }, ({ v, u }) => and(eq(u.id, v.userId), or(u.active, gt(v.visitRating, 3))))
      .leftJoin({ 'r"': Restaurant }, ({ v, 'r"': r }) => eq(r.id, v.restaurantId))
      .where(({ u }) => eq(u.role, 'ADMIN'))
      .groupBy(({ v, 'r"': r, u }) => [v.restaurantId, r.name, u.role, u.dateOfBirth])
      .select(({ v, 'r"': r, u }) => ({
        id: v.restaurantId,
        name: r.name,
        role: u.role,
        best: max(v.visitRating),
      })),
  ),
]

test('Postgres accepts the SQL of every view and answers in the types of its algebra', async () => {
  await using db = await testDatabase({ schema: 'empty' })
  await db.query(DDL)
  const client = await db.connect()
  for (const view of [...VIEWS, ...RELATIONAL, ...NESTED]) {
    const { fields } = await client.query(`SELECT * FROM (${view.sql}) AS view LIMIT 0`)
    const types = await db.query<{ type: string }>(
      `SELECT format_type(oid::oid, modifier::int) AS type
       FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS t(oid, modifier, n) ORDER BY n`,
      [
        fields.map((field) => String(field.dataTypeID)),
        fields.map((field) => String(field.dataTypeModifier)),
      ],
    )
    const answered = fields.map(({ name }, index) => [name, types[index]?.type])
    const declared = queryOutputs(view.ir.query).map(({ name, expression: { type } }) => [
      name,
      type.list ? `${type.pgType}[]` : type.pgType,
    ])
    expect({ view: view.name, columns: answered }).toEqual({ view: view.name, columns: declared })
  }
})

test.each(VIEWS)('the engine compiles $name', ({ ir, schema }) => {
  expect([...compileViews(schema, [ir]).views.keys()]).toEqual([ir.name])
})

test('text is ordered by its bytes whatever the locale of its columns', async () => {
  await using db = await testDatabase({ schema: 'empty' })
  await db.query(DDL)
  await db.query(`ALTER TABLE restaurant ALTER name TYPE varchar(255) COLLATE "und-x-icu"`)
  for (const [index, name] of ['b', 'B', 'a', 'Z'].entries()) {
    await db.query(`INSERT INTO restaurant VALUES (${index}, ${quoteLiteral(name)}, NULL, NULL)`)
  }
  const least = defineView('least', (q) =>
    q.from({ r: Restaurant }).select(({ r }) => ({ min: min(r.name), max: max(r.name) })),
  )
  expect(await db.query(least.sql)).toEqual([{ min: 'B', max: 'b' }])
  const upper = defineView('upper', (q) =>
    q
      .from({ r: Restaurant })
      .where(({ r }) => lt(r.name, 'a'))
      .select(({ r }) => ({ name: r.name })),
  )
  expect((await db.query<{ name: string }>(upper.sql)).map(({ name }) => name).toSorted()).toEqual(['B', 'Z'])
})

test('an aggregate over nothing is one row, a group over nothing is none', async () => {
  await using db = await testDatabase({ schema: 'empty' })
  await db.query(DDL)
  const total = defineView('total', (q) =>
    q.from({ v: Visit }).select(({ v }) => ({ visits: count(), spent: sum(v.amountSpent) })),
  )
  const grouped = defineView('grouped', (q) =>
    q
      .from({ v: Visit })
      .groupBy(({ v }) => [v.userId])
      .select(({ v }) => ({ id: v.userId, visits: count() })),
  )
  expect(await db.query(total.sql)).toEqual([{ visits: '0', spent: null }])
  expect(await db.query(grouped.sql)).toEqual([])
})
