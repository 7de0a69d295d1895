import { randomInt } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { defineTable, type ModelContract, type Schema } from 'prisma-dbsync'
import { modelOf } from '../../src/contract/lookup.ts'
import { PIN_SQL } from '../../src/postgres/connect.ts'
import { tableName } from '../../src/postgres/table-name.ts'
import { quoteIdentifier } from '../../src/core/quote.ts'
import { columnForm } from '../../src/testing/column-form.ts'
import { columnTexts } from '../../src/testing/column-texts.ts'
import { textOfPublic } from '../../src/testing/canonical-text.ts'
import { insertRows } from '../../src/testing/insert-rows.ts'
import { database, rows } from '../../src/testing/rows.ts'
import {
  Restaurant,
  schema as example,
  User,
  Visit,
  type RestaurantRow,
  type UserRow,
  type VisitRow,
} from '../../generated/dbsync/index.ts'
import { codeAndMessage } from '../support/code-and-message.ts'
import { emptyTables } from '../../src/testing/empty-tables.ts'
import { knots, richSchema } from './own-schema.ts'
import { testDatabase, type TestDatabase } from '../support/database.ts'
import { everyType } from '../values/fixture.ts'
import { contractTables } from './contract-tables.ts'

const SEED = Number(process.env['DBSYNC_SEED'] ?? randomInt(1 << 30))

type AnyRow = Record<string, unknown>
const anyTable = (schema: Schema, model: string) => defineTable<string, AnyRow, string>(schema, model)

async function readRows(db: TestDatabase, schema: Schema, model: ModelContract): Promise<AnyRow[]> {
  const client = await db.connect()
  await client.query(PIN_SQL)
  const forms = model.columns.map((column) => columnForm(schema, model, column))
  const columns = model.columns.map(
    ({ column, pgType }) => `${quoteIdentifier(column)}${pgType === 'money' ? '::numeric' : ''}`,
  )
  const { rows: found } = await client.query<(string | null)[]>({
    text: `SELECT ${columns.join(', ')} FROM ${tableName(model)}`,
    rowMode: 'array',
    types: { getTypeParser: () => (text: string) => text },
  })
  await client.end()
  return found.map((row) =>
    Object.fromEntries(
      forms.map(({ column, publicOf }, index) => [column.field, publicOf(row[index] ?? null)]),
    ),
  )
}

/** The rows by their texts, in one order. */
function textsOf(model: ModelContract, some: readonly object[]): string[] {
  return some
    .map((row) =>
      JSON.stringify(
        model.columns.map((column) =>
          textOfPublic({ ...column, scalar: column.type }, Reflect.get(row, column.field)),
        ),
      ),
    )
    .toSorted()
}

async function expectTaken(
  db: TestDatabase,
  schema: Schema,
  name: string,
  made: readonly AnyRow[],
): Promise<void> {
  const model = modelOf(schema, name)
  await insertRows(db, anyTable(schema, name), made)
  const [found, meant] = [textsOf(model, await readRows(db, schema, model)), textsOf(model, made)]
  expect(found.filter((text) => !meant.includes(text)).slice(0, 3)).toEqual([])
  expect(found.length).toBe(meant.length)
}

test('the server takes rows of every type, and gives back what was inserted', async () => {
  const { withMoney: schema } = await everyType()
  await using db = await testDatabase({ schema: 'empty' })
  await db.query('CREATE EXTENSION citext')
  await db.query(await readFile('test/generator/fixtures/native-types/schema.sql', 'utf8'))
  for (const name of ['Everything', 'Lists']) {
    const [made = []] = fc.sample(rows(anyTable(schema, name), { size: 1000 }), { numRuns: 1, seed: SEED })
    expect([name, SEED, made.length]).toEqual([name, SEED, 1000])
    await expectTaken(db, schema, name, made)
  }
})

test('every plain and every special value of a type occurs, and NULL where it may', async () => {
  const { withMoney: schema } = await everyType()
  const missed = schema.contract.models.flatMap((model) =>
    model.columns.flatMap((column) => {
      const { pool, edges } = columnTexts(schema, column)
      const { texts } = columnForm(schema, model, column)
      // The same each time: a value of many is not always among a few thousand.
      const seen = new Set(fc.sample(texts, { numRuns: 2000, seed: 1 }))
      const must = [...pool, ...edges, ...(column.list || column.nullable ? [null] : [])]
      return must.filter((text) => !seen.has(text)).map((text) => `${model.model}.${column.field}: ${text}`)
    }),
  )
  expect(missed).toEqual([])
})

for (const [name, schema] of Object.entries({ example, rich: richSchema(), knots })) {
  test(`the server takes all rows of the tables of ${name} in the order of the models, references included`, async () => {
    await using db = await testDatabase({ schema: 'empty' })
    await db.query(contractTables(schema.contract))
    const client = await db.connect()
    const { models } = schema.contract
    let count = 0
    const references = new Map<string, number>()
    await fc.assert(
      fc.asyncProperty(
        database(schema, { size: 12 }),
        async (made: Readonly<Record<string, readonly AnyRow[]>>) => {
          await emptyTables(client, models)
          for (const [model, some] of Object.entries(made)) {
            await insertRows(db, anyTable(schema, model), some)
            count += some.length
            for (const { field, fields } of modelOf(schema, model).relations) {
              const place = `${model}.${field}`
              const met = some.filter((row) => fields.every((one) => row[one] !== null)).length
              references.set(place, (references.get(place) ?? 0) + met)
            }
          }
        },
      ),
      { numRuns: 25, seed: SEED },
    )
    expect(count).toBeGreaterThan(25 * 12)
    // Of a circle one side is NULL throughout.
    expect([...references].filter(([, met]) => met === 0).map(([place]) => place)).toEqual(
      name === 'knots' ? ['Room.owner'] : [],
    )
  })
}

test('rows refer to the rows that are given, and there are as many as are asked for', async () => {
  await using db = await testDatabase()
  const made = fc
    .tuple(rows(User, { size: 150 }), rows(Restaurant, { size: { min: 40, max: 50 } }))
    .chain(([users, restaurants]) =>
      rows(Visit, { size: 60, references: { User: users, Restaurant: restaurants } }).map((visits) => ({
        users,
        restaurants,
        visits,
      })),
    )
  const [one] = fc.sample(made, { numRuns: 1, seed: SEED })
  if (one === undefined) throw new Error('no sample')
  await insertRows(db, User, one.users)
  await insertRows(db, Restaurant, one.restaurants)
  await insertRows(db, Visit, one.visits)
  expect(one.users.length).toBe(150)
  expect(one.restaurants.length).toBeGreaterThanOrEqual(40)
  // A visit is told apart by what it refers to, so some are left out.
  expect(one.visits.length).toBeGreaterThan(30)
})

test('an arbitrary of a field takes the place of its own values', () => {
  const rating = fc.option(fc.integer({ min: 1, max: 5 }))
  const visits = rows(Restaurant, { size: 30, with: { rating, id: fc.uuid() } })
  const ratings = fc
    .sample(visits, { numRuns: 10, seed: SEED })
    .flat()
    .map((row) => row.rating)
  expect(new Set(ratings)).toEqual(new Set([null, 1, 2, 3, 4, 5]))
})

test('a counterexample shrinks to one plain row', () => {
  const isBad = (row: RestaurantRow): boolean => row.rating !== null && row.rating > 1
  const found = fc.check(
    fc.property(rows(Restaurant), (some) => !some.some(isBad)),
    { seed: SEED, numRuns: 1000 },
  )
  const [[row, ...others] = []] = found.counterexample ?? []
  expect(others).toEqual([])
  expect(row).toMatchObject({ id: 'a', name: 'a', description: null, address: null, tags: [] })
})

test('what cannot be made is refused with what is needed', () => {
  expect(codeAndMessage(() => rows(Visit))).toEqual([
    'CONFIG.INVALID_OPTIONS',
    'rows(Visit) needs rows of User for Visit.user, which may not be NULL. Pass them: { references: { User: […] } }, or take all tables ' +
      'at once by database(schema).',
  ])
  const strange: object = { with: { ratin: fc.constant(1) } }
  expect(codeAndMessage(() => rows(Restaurant, strange))).toEqual([
    'CONFIG.INVALID_OPTIONS',
    'The option "with" names "ratin", which is no column of Restaurant; it has id, name, description, address, rating, tags.',
  ])
  const wrong = rows(Restaurant, { size: 1, with: { rating: fc.constant('five' as unknown as number) } })
  expect(codeAndMessage(() => fc.sample(wrong, 1))[0]).toBe('CONFIG.INVALID_OPTIONS')
})

test('rows have the types of the generated client', () => {
  const visits: fc.Arbitrary<readonly VisitRow[]> = rows(Visit, { references: { User: [], Restaurant: [] } })
  const all: fc.Arbitrary<{ readonly Visit: readonly VisitRow[]; readonly User: readonly UserRow[] }> =
    database(example)
  // @ts-expect-error -- a rating is a number or null
  rows(Restaurant, { with: { rating: fc.string() } })
  // @ts-expect-error -- there is no such field
  expect(() => database(example, { with: { Restaurant: { ratin: fc.nat() } } })).toThrow(/"ratin"/)
  expect(fc.sample(visits, 3)).toEqual([[], [], []])
  expect(fc.sample(all, 1).flatMap((one) => Object.keys(one))).toEqual(['Restaurant', 'User', 'Visit'])
})
