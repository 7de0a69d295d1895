import { readFile } from 'node:fs/promises'
import { Decimal } from '@prisma/client/runtime/client'
import fc from 'fast-check'
import { defineTable, defineView, type ViewDefinition } from 'prisma-dbsync'
import { fromDmmf } from '../../generators/from-dmmf.ts'
import { createReport } from '../../generators/report.ts'
import { readSchemaText } from '../../generators/schema-text.ts'
import { sealContract } from '../../src/contract/hash-contract.ts'
import type { ColumnContract, ModelContract, Schema } from '../../src/contract/schema-contract.ts'
import { quoteIdentifier } from '../../src/core/quote.ts'
import { fixture, inputOf } from '../generator/input.ts'
import type { TestDatabase } from '../support/database.ts'
import { valuesOf } from './arbitraries.ts'

/** Values of each type that go through every way. */
export const VALUES_A_TYPE = 10_000
const ROWS_A_STATEMENT = 1_000

/** Settings of the database and of the role that change how values are printed and read. */
const HOSTILE: Readonly<Record<string, string>> = {
  datestyle: 'SQL, DMY',
  intervalstyle: 'postgres_verbose',
  timezone: 'Asia/Kolkata',
  extra_float_digits: '-15',
  bytea_output: 'escape',
  lc_monetary: 'C.utf8',
  client_encoding: 'LATIN1',
  standard_conforming_strings: 'off',
  xmlbinary: 'hex',
  xmloption: 'document',
  quote_all_identifiers: 'on',
  search_path: 'auth',
  default_transaction_isolation: 'serializable',
}

/** The contract of every type that the generator maps, its money column apart, which is refused. */
export async function everyType(): Promise<{ readonly schema: Schema; readonly withMoney: Schema }> {
  const text = await fixture('native-types')
  const report = createReport()
  const { contract } = fromDmmf(
    inputOf(text).dmmf.datamodel,
    readSchemaText(text),
    { defaultSchema: 'public', schemas: 'none' },
    report,
  )
  if (report.problems.length > 0) throw new Error('the fixture has problems')
  const models = contract.models.map((model) => ({
    ...model,
    columns: model.columns.filter(({ pgType }) => pgType !== 'money'),
  }))
  const sealed = sealContract({ version: 1, enums: contract.enums, models })
  return { schema: { contract: sealed, Decimal }, withMoney: { contract, Decimal } }
}

/** Creates the tables of every type, in a database and for a role that print everything otherwise. */
export async function createTables(db: TestDatabase): Promise<void> {
  await db.query('CREATE EXTENSION citext')
  await db.query(await readFile('test/generator/fixtures/native-types/schema.sql', 'utf8'))
  await db.query('ALTER TABLE "Everything" ALTER money DROP NOT NULL')
  for (const [name, value] of Object.entries(HOSTILE)) {
    await db.query(`ALTER DATABASE ${db.name} SET ${name} = '${value}'`)
    await db.query(`ALTER ROLE CURRENT_USER IN DATABASE ${db.name} SET ${name} = '${value}'`)
  }
}

/** Rows of a model, each with a value for every column but the key, which counts from `firstId`. */
export interface Rows {
  readonly columns: readonly ColumnContract[]
  /** By column, then by row. */
  readonly texts: readonly (readonly (string | null)[])[]
}

/** The values of every column: its extremes first, then random ones. */
export function rowsOf(schema: Schema, model: ModelContract, count: number, seed: number): Rows {
  const columns = model.columns.filter(({ field }) => field !== 'id')
  const texts = columns.map((column, index) => {
    const { extremes, random } = valuesOf(column, schema.contract)
    // Prisma creates list columns without NOT NULL.
    const first = column.list ? [null, ...extremes] : extremes
    const rest = Math.max(0, count - first.length)
    return [...first, ...fc.sample(random, { numRuns: rest, seed: seed + index })].slice(0, count)
  })
  return { columns, texts }
}

/** Inserts rows over a session whose settings read the texts as they are meant. */
export async function insertRows(
  db: TestDatabase,
  model: ModelContract,
  rows: Rows,
  firstId = 1,
): Promise<void> {
  const client = await db.connect()
  await client.query(READING)
  const [first = []] = rows.texts
  for (let from = 0; from < first.length; from += ROWS_A_STATEMENT) {
    await client.query(
      insertSql(model, rows.columns, firstId + from - 1),
      rows.texts.map((texts) => texts.slice(from, from + ROWS_A_STATEMENT)),
    )
  }
  await client.end()
}

/** What the texts are written under. */
export const READING =
  "SET datestyle = 'ISO, YMD'; SET timezone = 'UTC'; SET client_encoding = 'UTF8'; SET lc_monetary = 'C'; SET xmloption = 'content'; SET search_path = 'public'; " +
  'SET standard_conforming_strings = on'

function insertSql(model: ModelContract, columns: readonly ColumnContract[], base: number): string {
  const names = columns.map(({ column }) => quoteIdentifier(column))
  const parameters = columns.map((_, index) => `$${index + 1}::text[]`)
  const values = columns.map(({ pgType, list }, index) => `v${index}::${pgType}${list ? '[]' : ''}`)
  return (
    `INSERT INTO ${tableOf(model)} (id, ${names.join(', ')}) SELECT ${base} + ordinality::int, ${values.join(', ')} ` +
    `FROM unnest(${parameters.join(', ')}) WITH ORDINALITY AS t (${columns.map((_, index) => `v${index}`).join(', ')})`
  )
}

export function tableOf(model: ModelContract): string {
  return `${quoteIdentifier(model.schema)}.${quoteIdentifier(model.table)}`
}

/** A view of all columns of a model. */
export function wholeView(schema: Schema, model: ModelContract): ViewDefinition {
  const table = defineTable<string, Record<string, unknown>, string>(schema, model.model)
  return defineView(`all_${model.model.toLowerCase()}`, (q) =>
    q
      .from({ t: table })
      .select(({ t }) =>
        Object.fromEntries(model.columns.map(({ field }) => [field, Reflect.get(t, field)])),
      ),
  )
}
