import { randomInt } from 'node:crypto'
import fc from 'fast-check'
import { expect, inject, test } from 'vitest'
import { quoteIdentifier } from '../../../src/core/quote.ts'
import { max } from '../../../src/views/build/aggregates.ts'
import { arrayAgg, stringAgg } from '../../../src/views/build/ordered-aggregates.ts'
import { asc } from '../../../src/views/build/order.ts'
import { hasNullableKey } from '../../../src/stores/postgres/nullable-key.ts'
import { storedViewOf } from '../../../src/stores/stored-view.ts'
import { defineView, type ViewDefinition } from '../../../src/views/define-view.ts'
import { AGGREGATE_VIEWS } from '../../conformance/aggregate-views.ts'
import { CONSTANTS, SELECTED } from '../../conformance/expressions.ts'
import { DDL as SALES } from '../../conformance/fixture.ts'
import { COLUMNS, DDL as ITEMS, VALUES } from '../../conformance/item.ts'
import { definePair, Refusals } from '../../conformance/pairs/define-pairs.ts'
import { randomHistory } from '../../conformance/pairs/history.ts'
import { Random } from '../../conformance/pairs/random.ts'
import { doubles, singles } from '../../conformance/pairs/structures.ts'
import { DDL as PEOPLE } from '../../conformance/pairs/world.ts'
import { VIEWS } from '../../conformance/views.ts'
import { testDatabase, type TestDatabase } from '../../support/database.ts'
import { derivedMismatches } from '../../support/derived-tables.ts'
import { exampleViews } from '../../support/example-views.ts'
import { DDL, Sample } from '../../types/fixture.ts'
import { insertData, relationalData } from '../../unit/views/relational-data.ts'
import { NESTED, RELATIONAL } from '../../unit/views/relational-views.ts'

/*
 * The derived table of a view has the types that Postgres itself finds for the view's SQL, one by one; it takes all rows that the SQL
 * answers, over data full of NULLs and of rows without a partner, and gives them back as they were.
 */

const SOAK = process.env['SOAK'] === '1'
const SEED = Number(process.env['DBSYNC_SEED'] ?? randomInt(1 << 30))

/** A bag has no table, and before version 15 neither has a key that may be NULL. */
const withKey = (views: readonly ViewDefinition[]): readonly ViewDefinition[] =>
  views.filter(
    (view) => view.ir.key !== null && (inject('serverMajor') >= 15 || !hasNullableKey(storedViewOf(view))),
  )

/** Sales of few different values, a quarter of them NULL, some of shops that are not there; and one that has nothing but NULLs. */
async function fillSales(db: TestDatabase): Promise<void> {
  const some = (value: string, by: number): string =>
    `CASE WHEN (i * ${by} + i / 7) % 4 = 0 THEN NULL ELSE ${value} END`
  await db.query(`
    INSERT INTO region VALUES (0, 'R0'), (1, 'R1');
    INSERT INTO shop VALUES ('h0', 'S0', 'Bonn', 0, '{a,b}'), ('h1', 'S1', NULL, 7, NULL), ('h2', 'S1', 'Kiel', NULL, '{}'), ('h9', 'S2', NULL, NULL, NULL);
    INSERT INTO sale SELECT i, i % 3, ${some("'h' || i % 4", 1)}, ${some('i % 5 - 2', 3)}, ${some('i * 9007199254740993', 5)},
      ${some('i / 8.0', 7)}, ${some('i * 123456789012345678.5', 9)}, ${some("('1.' || repeat('0', i % 3))::numeric", 11)},
      ${some("CASE i % 3 WHEN 0 THEN 'NaN' ELSE i / 3.0 END", 13)}, ${some("'2024-01-01Z'::timestamptz + i * interval '1.000001s'", 15)},
      ${some("'2024-02-27'::date + i", 17)}, ${some("'24:00'::time", 19)}, ${some("repeat('é', i % 3)", 21)}, ${some('i % 2 = 0', 23)},
      ${some("CASE i % 2 WHEN 0 THEN 'bäd'::mood ELSE 'good mood' END", 25)}, ${some("jsonb_build_object('a', i)", 27)},
      ${some("decode(lpad(to_hex(i), 2, '0'), 'hex')", 29)} FROM generate_series(0, 60) i;
    INSERT INTO sale (id, line, shopid) VALUES (100, 9, 'none')`)
}

test('over every view of the aggregates and joins', async () => {
  await using db = await testDatabase({ schema: 'empty' })
  await db.query(SALES)
  const views = withKey([...VIEWS, ...AGGREGATE_VIEWS.map(renamed)])
  expect(await derivedMismatches(db, views)).toEqual([])
  await fillSales(db)
  expect(await derivedMismatches(db, views)).toEqual([])
})

/** Both lists have a view of some names. */
function renamed(view: ViewDefinition): ViewDefinition {
  return { ...view, name: `aggregates_${view.name}` }
}

test('over every function of a row', async () => {
  await using db = await testDatabase({ schema: 'empty' })
  await db.query(ITEMS)
  const views = [...SELECTED, CONSTANTS]
  const columns = COLUMNS.filter((name) => name !== 'id')
  await db.query('INSERT INTO item (id) VALUES (0)')
  const parameters = columns.map((_, index) => `$${index + 2}`).join(', ')
  for (let row = 1; row <= 60; row += 1) {
    const texts = columns.map((name, index) => {
      const values = VALUES[name] ?? []
      return (row + index) % 5 === 0 ? null : values[(row * (index + 1)) % values.length]
    })
    // Functions overflow for some values, which the query then answers with an error.
    await db.query(`INSERT INTO item (id, ${columns.join(', ')}) VALUES ($1, ${parameters})`, [row, ...texts])
    for (const { sql } of views) {
      const isRefused = await db.query(`SELECT v::text FROM (${sql}) AS v`).then(
        () => false,
        () => true,
      )
      if (!isRefused) continue
      await db.query('DELETE FROM item WHERE id = $1', [row])
      break
    }
  }
  const [{ count } = { count: 0 }] = await db.query<{ count: number }>('SELECT count(*)::int FROM item')
  expect(count).toBeGreaterThan(20)
  expect(await derivedMismatches(db, views)).toEqual([])
})

/** A value of each type. */
const VALUES_OF_SAMPLE: Readonly<Record<string, string>> = {
  small: '1',
  int: '1',
  oid: '5',
  big: '5',
  big_nullable: '6',
  real: '0.1',
  double: '0.1',
  decimal: '1.50',
  wide: '1',
  unbound: '1.00',

  boolean: 'true',
  text: "'x'",
  varchar: "'abcde'",
  char: "'ab'",
  uuid: "'0c5a1f3e-0000-4000-8000-0000000000ab'",
  inet: "'10.0.0.1/8'",
  bit: "'101'",
  varbit: "'1'",
  xml: "'<a/>'",
  json: `'{"a" : 1}'`,
  jsonb: `'{"a" : 1}'`,
  bytes: "'\\x00ff'",
  date: "'2024-02-29'",

  timestamp: "'2024-02-29 01:02:03.456'",
  seconds: "'2024-02-29 01:02:03'",
  timestamptz: "'2024-02-29 01:02:03.456789+02'",
  time: "'24:00'",
  timetz: "'12:00+02'",
  mood: "'good'",
  list: "'{a,NULL}'",
  'sel"ect ✓': '1',
}

test('over every relational form and nested result', async () => {
  await using db = await testDatabase({ schema: 'empty' })
  await db.query(DDL)
  const whole = defineView('whole', (q) =>
    // The server of the tests may lack citext, and money is refused.
    q
      .from({ s: Sample })
      .select(({ s }) =>
        Object.fromEntries(Object.entries(s).filter(([name]) => name !== 'citext' && name !== 'money')),
      ),
  )
  const lists = defineView('lists', (q) =>
    q
      .from({ s: Sample })
      .groupBy(({ s }) => [s.mood, s.char, s.bit, s.varbit])
      .select(({ s }) => ({
        mood: s.mood,
        char: s.char,
        bit: s.bit,
        varbit: s.varbit,
        most: max(s.varchar),
        last: max(s.seconds),
        chars: arrayAgg(s.char).orderBy(asc(s.small), asc(s['sel"ect ✓'])),
        bits: arrayAgg(s.bit).orderBy(asc(s.small), asc(s['sel"ect ✓'])),
        varbits: arrayAgg(s.varbit).orderBy(asc(s.small), asc(s['sel"ect ✓'])),
        varchars: arrayAgg(s.varchar).orderBy(asc(s.small), asc(s['sel"ect ✓'])),
        decimals: arrayAgg(s.decimal).orderBy(asc(s.small), asc(s['sel"ect ✓'])),
        times: arrayAgg(s.seconds).orderBy(asc(s.small), asc(s['sel"ect ✓'])),
        jsons: arrayAgg(s.json).orderBy(asc(s.small), asc(s['sel"ect ✓'])),
        moods: arrayAgg(s.mood).orderBy(asc(s.small), asc(s['sel"ect ✓'])),
        texts: stringAgg(s.varchar, ',').orderBy(asc(s.small), asc(s['sel"ect ✓'])),
      })),
  )
  const names = Object.keys(VALUES_OF_SAMPLE).map(quoteIdentifier)
  await db.query(
    `INSERT INTO "Order ""x"""."group ""by"" ✓" (${names.join(', ')}) VALUES (${Object.values(VALUES_OF_SAMPLE).join(', ')})`,
  )
  const views = withKey([whole, lists, ...RELATIONAL, ...NESTED])
  for (const data of fc.sample(relationalData, { numRuns: 3, seed: SEED })) {
    await db.query(insertData(data))
    expect([SEED, await derivedMismatches(db, views)]).toEqual([SEED, LENGTHS_KEPT])
  }
})

/** `array_agg` forgets a length that all its elements have; Prisma can name these types with it alone. */
const LENGTHS_KEPT = [
  'lists: Postgres has chars bpchar[], the table chars character(5)[]',
  'lists: Postgres has bits "bit"[], the table bits bit(3)[]',
  'lists: Postgres has varbits bit varying[], the table varbits bit varying(3)[]',
]

test('over the views of the example, whether there are rows or not', async () => {
  await using db = await testDatabase()
  const views = Object.values(exampleViews)
  expect(await derivedMismatches(db, views)).toEqual([])
  await db.query(`
    INSERT INTO restaurant (id, name) VALUES ('r1', 'One'), ('r2', 'Two');
    INSERT INTO users (id, first_name, user_name, email) VALUES (1, 'a', 'b', 'c'), (2, 'd', 'e', 'f');
    INSERT INTO visit VALUES (1, 'r1', 12.50, NULL), (2, 'r1', 3, 4)`)
  expect(await derivedMismatches(db, views)).toEqual([])
})

test('over generated queries', async () => {
  await using db = await testDatabase({ schema: 'empty' })
  await db.query(PEOPLE)
  const random = new Random(SEED)
  for (const sql of randomHistory(random, 1).flat()) await db.query(sql).catch(() => {})
  const answers = async ({ sql }: ViewDefinition): Promise<boolean> => {
    const rows = await db.query(`SELECT v::text FROM (${sql}) AS v`).catch(() => [])
    return rows.length > 0
  }
  const refusals = new Refusals()
  const views: ViewDefinition[] = []
  for (const [index, choice] of [
    ...singles(),
    ...random.sample(doubles(), SOAK ? Infinity : 120),
  ].entries()) {
    const pair = await definePair(random, `generated_${index}`, choice, refusals, answers)
    // What the server refuses over these rows has no answer to copy.
    if (pair !== null && withKey([pair.view]).length > 0 && (await answers(pair.view))) views.push(pair.view)
  }
  expect(views.length).toBeGreaterThan(40)
  expect([SEED, await derivedMismatches(db, views)]).toEqual([SEED, []])
}, 600_000)
