import { isDeepStrictEqual } from 'node:util'
import { Decimal } from '@prisma/client/runtime/client'
import fc from 'fast-check'
import { beforeAll, expect, test } from 'vitest'
import { count, defineTable, defineView, isDbsyncError, type ViewDefinition } from 'prisma-dbsync'
import type { ColumnContract, ModelContract, Schema } from '../../src/contract/schema-contract.ts'
import { columnOf } from '../../src/contract/lookup.ts'
import { quoteIdentifier } from '../../src/core/quote.ts'
import { isUnshowable } from '../../src/values/codec-errors.ts'
import { codecFor } from '../../src/values/codec-for.ts'
import { redisKey } from '../../src/stores/redis/redis-key.ts'
import { makeRowNamer } from '../../src/stores/redis/row-commands.ts'
import { identityOf } from '../../src/values/row-identity.ts'
import { jsonOfText } from '../../src/stores/redis/json-of-text.ts'
import type { StoredColumn } from '../../src/stores/view-store.ts'
import { makeRowsJson } from '../../src/views/compile/rows-json.ts'
import { makeRowsReader, rowsText } from '../../src/views/compile/show-rows.ts'
import { TEXT_SETTINGS } from '../../src/testing/canonical-text.ts'
import { testDatabase, type TestDatabase } from '../support/database.ts'
import { createTables, everyType, insertRows, rowsOf, tableOf } from './fixture.ts'

const NAMES = ['Everything', 'Lists']
const ROWS = 200

interface Printed {
  readonly schema: Schema
  readonly model: ModelContract
  /** What the server prints of each row, in the order of the model's columns. */
  readonly rows: readonly (readonly (string | null)[])[]
}
const PRINTED = new Map<string, Printed>()
const seed = Date.now() % 1_000_000_000

beforeAll(async () => {
  const { schema } = await everyType()
  await using db = await testDatabase({ schema: 'empty' })
  await createTables(db)
  for (const model of schema.contract.models) {
    if (!NAMES.includes(model.model)) continue
    await insertRows(db, model, rowsOf(schema, model, ROWS, seed))
    PRINTED.set(model.model, { schema, model, rows: await printedRows(db, model) })
  }
})

function printedOf(name: string): Printed {
  const found = PRINTED.get(name)
  if (found === undefined) throw new Error(`no model ${name}`)
  return found
}

test.each(NAMES)('JSON of every type of %s is what a reader of a view has', (name) => {
  const { schema, model, rows: printed } = printedOf(name)
  const columns = model.columns
  const shape = columns.map(storedColumn)
  const differences = shape.flatMap((column, at) => {
    const contract = columnOf(model, column.name)
    const codec = codecFor(schema, name, contract)
    return printed.flatMap((row) => {
      const text = row[at] ?? null
      const json: unknown = JSON.parse(jsonOfText(text, column))
      const expected = text === null ? (column.type.list ? [] : null) : codec.publicFromText(text)
      const isSame = isDeepStrictEqual(plain(json, contract), jsonValue(expected, contract, schema))
      return isSame ? [] : [`seed ${seed} ${column.name}: ${String(text).slice(0, 60)}`]
    })
  })
  expect(differences).toEqual([])
  expect(printed).toHaveLength(ROWS)

  // The same values as members of nested results, whose text is the JSON that the view's SQL gives.
  const outer: StoredColumn = {
    name: 'rows',
    type: ROWS_TYPE,
    rows: shape.concat({ name: 'inner', type: ROWS_TYPE, rows: shape }),
  }
  const small = printed.filter((row) => row.every((text) => text === null || text.length < 1_000)).slice(-100)
  const text = rowsText(small.map((row) => row.concat(rowsText(small.slice(0, 2)))))
  const shown = makeRowsReader(schema, name, outer.rows ?? [])(text)
  const json = JSON.parse(jsonOfText(makeRowsJson(outer.rows ?? [])(text), outer)) as Nested[]
  const plainOf = (row: Nested): Nested =>
    Object.fromEntries(columns.map((column) => [column.field, plain(row[column.field], column)]))
  const jsonOfRow = (row: Nested): Nested =>
    Object.fromEntries(columns.map((column) => [column.field, jsonValue(row[column.field], column, schema)]))
  const inner = (row: Nested): readonly Nested[] => row['inner'] as readonly Nested[]
  expect(json.map(plainOf)).toEqual(shown.map(jsonOfRow))
  expect(json.map((row) => inner(row).map(plainOf))).toEqual(shown.map((row) => inner(row).map(jsonOfRow)))
  expect(shown.length).toBeGreaterThan(20)
})

test('a reader finds the key that a row of any type was written under', () => {
  const { schema, model, rows } = printedOf('Everything')
  const table = defineTable<string, Record<string, unknown>, string>(schema, model.model)
  const differences: string[] = []
  let found = 0
  for (const [at, contract] of model.columns.entries()) {
    const view = definedBy(table, contract.field)
    if (view === null) continue
    const column = storedColumn(contract)
    const { ofRow } = makeRowNamer('p', { ...view, columns: [column], key: [column.name] })
    const codec = codecFor(schema, model.model, contract)
    const identities = new Map<string, string>()
    for (const text of rows.map((row) => row[at] ?? null)) {
      // A Date has no microseconds and no zone of its own.
      const isLossy = /\.\d{4}|[+-](?!00)\d\d(?::\d+)*[",}]?$/.test(text ?? '')
      if (contract.type === 'DateTime' && isLossy) continue
      const value = text === null ? null : codec.publicFromText(text)
      const [written, read] = [ofRow([text]), redisKey(view, value, { prefix: 'p' })]
      const identity = identityOf(value)
      if (written !== read) differences.push(`seed ${seed} ${contract.field}: ${read} is not ${written}`)
      if ((identities.get(written) ?? identity) !== identity) differences.push(`two values have ${written}`)
      identities.set(written, identity)
      found += 1
    }
  }
  expect(differences).toEqual([])
  expect(found).toBeGreaterThan(2_000)
})

/** A view with a row for each value of a field; null where that is refused. */
function definedBy(table: ReturnType<typeof defineTable>, field: string): ViewDefinition | null {
  try {
    return defineView('by_value', (q) =>
      q
        .from({ t: table })
        .groupBy(({ t }) => [Reflect.get(t, field)])
        .select(({ t }) => ({ [field]: Reflect.get(t, field), n: count() })),
    )
  } catch (error) {
    if (!isDbsyncError(error)) throw error
    return null
  }
}

const ROWS_TYPE = { scalar: 'Json', pgType: 'jsonb', list: false, nullable: false } as const

test('a value that no reader can have is the text that Postgres prints', () => {
  const column = (pgType: string, list = false): StoredColumn => ({
    name: 'value',
    type: { scalar: 'DateTime', pgType, list, nullable: true },
    rows: null,
  })
  const cases: readonly (readonly [string, StoredColumn, unknown])[] = [
    ['infinity', column('date'), 'infinity'],
    ['10000-01-01', column('date'), '10000-01-01'],
    ['0044-03-15 BC', column('date'), '0044-03-15 BC'],
    ['-infinity', column('timestamp(3) without time zone'), '-infinity'],
    ['0044-03-15 12:00:00+00 BC', column('timestamp with time zone'), '0044-03-15 12:00:00+00 BC'],
    ['{2024-01-01,NULL}', column('date', true), ['2024-01-01T00:00:00.000Z', null]],
    ['{{2024-01-01},{2024-01-02}}', column('date', true), '{{2024-01-01},{2024-01-02}}'],
    ['9007199254740993', { ...column('bigint'), type: { scalar: 'Int', pgType: 'bigint', list: false, nullable: false } }, '9007199254740993'], // prettier-ignore
  ]
  for (const [text, stored, expected] of cases) {
    expect(JSON.parse(jsonOfText(text, stored))).toEqual(expected)
  }
  const dates = cases.filter(([, { type }]) => !type.list && type.scalar === 'DateTime')
  const schema = { contract: { enums: [], models: [] } } as unknown as Schema
  for (const [text, { type }] of dates) {
    const contract = { field: 'value', column: 'value', ...type, type: type.scalar }
    const read = (): unknown => codecFor(schema, 'Model', contract).publicFromText(text)
    expect(thrown(read)).toSatisfy(isUnshowable)
  }
})

test('an outer join without a partner has null where a row of its own has an empty list', () => {
  const column = (nullable: boolean): StoredColumn => ({
    name: 'value',
    type: { scalar: 'String', pgType: 'text', list: true, nullable },
    rows: null,
  })
  expect([jsonOfText(null, column(true)), jsonOfText(null, column(false))]).toEqual(['null', '[]'])
})

test('JSON is kept digit for digit', () => {
  fc.assert(
    fc.property(fc.json(), (text) => {
      const column = { name: 'value', type: { ...ROWS_TYPE, nullable: true }, rows: null }
      return jsonOfText(text, column) === text
    }),
  )
  expect(jsonOfText('{"n": 12345678901234567890}', { name: 'value', type: ROWS_TYPE, rows: null })).toBe(
    '{"n": 12345678901234567890}',
  )
})

/** What JSON has for a value of a view, and for an enum its label in the database. */
function jsonValue(value: unknown, column: ColumnContract, schema: Schema): unknown {
  if (Array.isArray(value)) return value.map((item: unknown) => jsonValue(item, column, schema))
  if (value === null || column.type === 'Json') return value
  if (value instanceof Date) return value.toISOString()
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64')
  if (typeof value === 'number' && !Number.isFinite(value)) return String(value)
  if (column.enum !== undefined) {
    const contract = schema.contract.enums.find(({ name }) => name === column.enum)
    return contract?.values.find(({ name }) => name === value)?.label
  }
  return typeof value === 'bigint' || Decimal.isDecimal(value) ? value.toString() : value
}

/** JSON has all digits of a decimal's scale, which a reader's Decimal does not keep. */
function plain(json: unknown, column: ColumnContract): unknown {
  if (column.type === 'Json') return json
  if (Array.isArray(json)) return json.map((item: unknown) => plain(item, column))
  return column.type === 'Decimal' && typeof json === 'string' ? new Decimal(json).toString() : json
}

type Nested = Readonly<Record<string, unknown>>

function storedColumn(column: ColumnContract): StoredColumn {
  const { field: name, type: scalar, pgType, list, nullable } = column
  const label = column.enum === undefined ? {} : { enum: column.enum }
  return { name, type: { scalar, ...label, pgType, list, nullable }, rows: null }
}

async function printedRows(
  db: TestDatabase,
  model: ModelContract,
): Promise<readonly (readonly (string | null)[])[]> {
  const client = await db.connect()
  await client.query(`${TEXT_SETTINGS}; SET client_encoding = 'UTF8'; SET standard_conforming_strings = on`)
  const { rows } = await client.query<(string | null)[]>({
    text: `SELECT ${model.columns.map(({ column }) => quoteIdentifier(column)).join(', ')} FROM ${tableOf(model)} ORDER BY id`,
    rowMode: 'array',
    types: { getTypeParser: () => (text: string) => text },
  })
  await client.end()
  return rows
}

function thrown(work: () => unknown): unknown {
  try {
    return work()
  } catch (error) {
    return error
  }
}
