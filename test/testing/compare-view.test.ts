import { Decimal } from '@prisma/client/runtime/client'
import { expect, test } from 'vitest'
import { avg, count, max, sum } from '../../src/views/build/aggregates.ts'
import { eq } from '../../src/views/build/comparisons.ts'
import { defineView } from '../../src/views/define-view.ts'
import { DDL, Restaurant, Sample, User, Visit } from '../types/fixture.ts'
import { compareView, formatDifference } from '../../src/testing/compare-view.ts'
import { testDatabase } from '../support/database.ts'

const everyType = defineView('every_type', (q) =>
  q.from({ s: Sample }).select(({ s: { citext: _citext, money: _money, ...columns } }) => ({ ...columns })),
)

/** What Prisma Client shows of the row that the test below inserts, written out by hand. */
const ROW: Readonly<Record<string, unknown>> = {
  small: -7,
  int: null,
  oid: 4_294_967_295,
  big: 9_007_199_254_740_993n,
  bigNullable: null,
  real: 0.1,
  double: -0,
  decimal: new Decimal('1.5'),
  wide: new Decimal('12345678901234567890.000000000000000000000000000001'),
  unbound: new Decimal('NaN'),
  boolean: true,
  text: 'Café "Zoë"',
  varchar: '',
  char: 'ab   ',
  uuid: '0c5a1f3e-0000-4000-8000-0000000000ab',
  inet: '10.0.0.1',
  bit: '101',
  varbit: '1',
  xml: '<a/>',
  json: { b: [1, null], a: 'é' },
  jsonb: null,
  bytes: new Uint8Array([0, 255]),
  date: new Date('2024-02-29T00:00:00Z'),
  timestamp: new Date('1969-12-31T23:59:59.999Z'),
  seconds: new Date('2024-01-02T03:04:05Z'),
  timestamptz: new Date('2024-01-02T01:34:05.678Z'),
  time: new Date('1970-01-02T00:00:00Z'),
  timetz: new Date('1970-01-01T13:14:15Z'),
  mood: 'GOOD',
  list: ['a,b', '"', '\\', 'NULL', ''],
  'sel"ect ✓': 1,
}

const INSERT = `
  INSERT INTO "Order ""x"""."group ""by"" ✓" (small, oid, big, "real", double, "decimal", wide, unbound, "boolean", "text",
    "varchar", "char", uuid, inet, "bit", varbit, "xml", "json", jsonb, bytes, date, timestamp, seconds, timestamptz,
    time, timetz, mood, list, "sel""ect ✓")
  VALUES (-7, 4294967295, 9007199254740993, 0.1, '-0', 1.50, 12345678901234567890.000000000000000000000000000001, 'NaN',
    true, 'Café "Zoë"', '', 'ab', '0C5A1F3E-0000-4000-8000-0000000000AB', '10.0.0.1', '101', '1', '<a/>',
    '{"a":"é","b":[1,null]}', 'null', '\\x00ff', '2024-02-29', '1969-12-31 23:59:59.999', '2024-01-02 03:04:05',
    '2024-01-02 07:04:05.678901+05:30', '24:00:00', '13:14:15+05:30', 'good',
    ARRAY['a,b', '"', '\\', 'NULL', ''], 1)`

/** For every column a value that is as near to the right one as can be, or of another JavaScript type. */
const NEAR: Readonly<Record<string, unknown>> = {
  small: -7n,
  int: 0,
  oid: -1,
  big: 9_007_199_254_740_992n,
  bigNullable: 0n,
  real: Math.fround(0.1),
  double: 0,
  decimal: 1.5,
  wide: new Decimal('12345678901234567890.000000000000000000000000000002'),
  unbound: null,
  boolean: 1,
  text: 'Cafe\u0301 "Zoë"',
  varchar: null,
  char: 'ab',
  uuid: '0C5A1F3E-0000-4000-8000-0000000000AB',
  inet: '10.0.0.1/32',
  bit: '100',
  varbit: '10',
  xml: '<a />',
  json: { b: [1, 2], a: 'é' },
  jsonb: 'null',
  bytes: new Uint8Array([0, 254]),
  date: '2024-02-29',
  timestamp: new Date('1970-01-01T00:00:00Z'),
  seconds: new Date('2024-01-02T03:04:05.001Z'),
  timestamptz: new Date('2024-01-02T01:34:05.679Z'),
  time: new Date('1970-01-01T00:00:00Z'),
  timetz: new Date('1970-01-01T07:44:15Z'),
  mood: 'good',
  list: ['a', 'b', '"', '\\', 'NULL', ''],
  'sel"ect ✓': undefined,
}

test('a value of every type equals the value that Prisma Client shows, and no other', async () => {
  await using db = await testDatabase({ schema: 'empty' })
  await db.query(DDL)
  await db.query(INSERT)
  const client = await db.connect()
  await client.query(`SET timezone = 'Asia/Kolkata'; SET datestyle = 'German'; SET bytea_output = 'escape'`)
  expect(await compareView(everyType, [ROW], client)).toEqual([])
  expect(Object.keys(NEAR)).toEqual(Object.keys(ROW))
  for (const [name, value] of Object.entries(NEAR)) {
    const found = await compareView(everyType, [{ ...ROW, [name]: value }], client)
    const expected = found.find((difference) => difference.expected !== null)?.expected
    const actual = found.find((difference) => difference.actual !== null)?.actual
    const differing = Object.keys(ROW).filter((column) => expected?.[column] !== actual?.[column])
    expect([expected, actual]).not.toContain(undefined)
    expect(differing).toEqual([name])
  }
})

test('a NULL list is an empty one, and a joined row that is not there has null or none', async () => {
  await using db = await testDatabase({ schema: 'empty' })
  await db.query(DDL)
  await db.query(
    `INSERT INTO restaurant VALUES ('r', 'R', NULL, NULL); INSERT INTO visit VALUES (1, 'r', 1, 5)`,
  )
  const client = await db.connect()
  const tags = defineView('tags', (q) =>
    q.from({ r: Restaurant }).select(({ r }) => ({ id: r.id, tags: r.tags })),
  )
  expect(await compareView(tags, [{ id: 'r', tags: [] }], client)).toEqual([])
  expect(await compareView(tags, [{ id: 'r', tags: null }], client)).toHaveLength(1)
  const joined = defineView('joined', (q) =>
    q
      .from({ v: Visit })
      .leftJoin({ u: User }, ({ v, u }) => eq(u.id, v.userId))
      .select(({ v, u }) => ({ id: v.restaurantId, userId: v.userId, interests: u.interests })),
  )
  expect(await compareView(joined, [{ id: 'r', userId: 1, interests: null }], client)).toEqual([])
  expect(await compareView(joined, [{ id: 'r', userId: 1, interests: ['x'] }], client)).toHaveLength(1)
})

const perRestaurant = defineView('per_restaurant', (q) =>
  q
    .from({ v: Visit })
    .groupBy(({ v }) => [v.restaurantId])
    .select(({ v }) => ({
      id: v.restaurantId,
      visits: count(),
      spent: sum(v.amountSpent),
      rating: avg(v.visitRating),
    })),
)

test('rows that are wrong, missing or too many are reported once each, in words', async () => {
  await using db = await testDatabase({ schema: 'empty' })
  await db.query(DDL)
  await db.query(`INSERT INTO visit VALUES (1, 'a', 10.10, 4), (2, 'a', 0.90, NULL), (1, 'b', 5, 3)`)
  const client = await db.connect()
  const a = { id: 'a', visits: 2, spent: new Decimal('11'), rating: 4 }
  const b = { id: 'b', visits: 1, spent: new Decimal('5'), rating: 3 }
  const c = { id: 'c', visits: 1, spent: new Decimal('5'), rating: null }
  const compare = async (rows: readonly object[]): Promise<string[]> =>
    (await compareView(perRestaurant, rows, client)).map(formatDifference)
  expect(await compare([b, a])).toEqual([])
  expect(await compare([a])).toEqual([
    'per_restaurant: the view lacks the row { id: "b", visits: 1, spent: 5, rating: 3 }',
  ])
  expect(await compare([a, b, c])).toEqual([
    'per_restaurant: the server has no row { id: "c", visits: 1, spent: 5, rating: null }',
  ])
  expect(await compare([{ ...a, spent: new Decimal('11.01') }, b])).toEqual([
    'per_restaurant: spent is 11.01, on the server 11 in { id: "a", visits: 2, rating: 4 }',
  ])
  expect(await compare([a, b, b])).toHaveLength(1)
  expect(await compare([a, { ...b, more: 1 }])).toEqual([
    'per_restaurant: more is unexpected, on the server absent in { id: "b", visits: 1, spent: 5, rating: 3 }',
  ])
  expect(await compare([])).toHaveLength(2)
})

test('rows of a bag count as often as they are there', async () => {
  await using db = await testDatabase({ schema: 'empty' })
  await db.query(DDL)
  await db.query(`INSERT INTO visit VALUES (1, 'a', 1, 4), (2, 'a', 1, 4), (3, 'a', 1, 5)`)
  const client = await db.connect()
  const bag = defineView('bag', (q) => q.from({ v: Visit }).select(({ v }) => ({ rating: v.visitRating })))
  expect(bag.ir.key).toBeNull()
  const [four, five] = [{ rating: 4 }, { rating: 5 }]
  expect(await compareView(bag, [four, five, four], client)).toEqual([])
  expect(await compareView(bag, [four, five], client)).toEqual([
    { view: 'bag', expected: { rating: '4' }, actual: null },
  ])
  expect(await compareView(bag, [four, five, five, four], client)).toEqual([
    { view: 'bag', expected: null, actual: { rating: '5' } },
  ])
})

test('an aggregate over nothing is compared too', async () => {
  await using db = await testDatabase({ schema: 'empty' })
  await db.query(DDL)
  const client = await db.connect()
  const total = defineView('total', (q) =>
    q.from({ v: Visit }).select(({ v }) => ({ n: count(), best: max(v.visitRating) })),
  )
  expect(await compareView(total, [{ n: 0, best: null }], client)).toEqual([])
  expect(await compareView(total, [], client)).toHaveLength(1)
  expect(await compareView(total, [{ n: 0, best: 0 }], client)).toHaveLength(1)
})
