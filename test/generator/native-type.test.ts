import { readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { generate } from '../../generators/generate.ts'
import { fromDmmf } from '../../generators/from-dmmf.ts'
import { mayBeOutOfLine } from '../../src/contract/may-be-absent.ts'
import { QUOTED_KEYWORDS, quoteIdentifier } from '../../generators/quote-identifier.ts'
import { createReport } from '../../generators/report.ts'
import { readSchemaText } from '../../generators/schema-text.ts'
import type { SchemaContract } from '../../src/contract/schema-contract.ts'
import { testDatabase, type TestDatabase } from '../support/database.ts'
import { fixture, inputOf } from './input.ts'

function contractOf(schema: string): SchemaContract {
  const input = inputOf(schema)
  generate(input)
  const text = readSchemaText(schema)
  return fromDmmf(input.dmmf.datamodel, text, { defaultSchema: 'public', schemas: 'none' }, createReport())
    .contract
}

/** What the catalog says of every table, in the words of the contract. */
async function catalogColumns(db: TestDatabase): Promise<readonly object[]> {
  return db.query(`
    SELECT n.nspname || '.' || c.relname || '.' || a.attname AS path,
      regexp_replace(format_type(a.atttypid, a.atttypmod), '\\[\\]$', '') AS "pgType",
      t.typcategory = 'A' AS list,
      NOT a.attnotnull AND t.typcategory <> 'A' AS nullable
    FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
      JOIN pg_type t ON t.oid = a.atttypid
    WHERE c.relkind = 'r' AND a.attnum > 0 AND n.nspname NOT IN ('pg_catalog', 'information_schema')
    ORDER BY n.nspname COLLATE "C", c.relname COLLATE "C", a.attnum`)
}

function contractColumns(contract: SchemaContract): readonly object[] {
  return contract.models
    .toSorted((a, b) => (`${a.schema}.${a.table}` < `${b.schema}.${b.table}` ? -1 : 1))
    .flatMap(({ schema, table, columns }) =>
      columns.map(({ column, pgType, list, nullable }) => ({
        path: `${schema}.${table}.${column}`,
        pgType,
        list,
        nullable,
      })),
    )
}

test('pgType of every native type is what format_type prints for the column that Prisma creates', async () => {
  await using db = await testDatabase({ schema: 'empty' })
  await db.query('CREATE EXTENSION citext')
  await db.query(await readFile('test/generator/fixtures/native-types/schema.sql', 'utf8'))
  const expected = await catalogColumns(db)
  expect(expected.length).toBeGreaterThan(70)
  expect(contractColumns(contractOf(await fixture('native-types')))).toEqual(expected)
})

test('the committed migration is what the schema of the running example says', async () => {
  await using db = await testDatabase()
  const contract = contractOf(await readFile('prisma/schema.prisma', 'utf8'))
  expect(contractColumns(contract)).toEqual(await catalogColumns(db))
  const keys = await db.query(`
    SELECT c.relname AS "table", array_agg(a.attname::text ORDER BY k.position) AS key
    FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid,
      unnest(i.indkey) WITH ORDINALITY k (attnum, position) JOIN pg_attribute a ON true
    WHERE i.indisprimary AND a.attrelid = i.indrelid AND a.attnum = k.attnum AND c.relnamespace = 'public'::regnamespace
    GROUP BY c.relname ORDER BY c.relname COLLATE "C"`)
  const columnOfField = new Map(
    contract.models.flatMap((model) =>
      model.columns.map((item) => [`${model.model}.${item.field}`, item.column]),
    ),
  )
  expect(keys).toEqual(
    contract.models
      .map(({ model, table, key }) => ({
        table,
        key: key.map((field) => columnOfField.get(`${model}.${field}`)),
      }))
      .toSorted((a, b) => (a.table < b.table ? -1 : 1)),
  )
  const foreignKeys = await db.query(`
    SELECT conrelid::regclass::text AS "table", confrelid::regclass::text AS target, confdeltype AS "onDelete"
    FROM pg_constraint WHERE contype = 'f' ORDER BY confrelid::regclass::text`)
  expect(foreignKeys).toEqual([
    { table: 'visit', target: 'restaurant', onDelete: 'c' },
    { table: 'visit', target: 'users', onDelete: 'c' },
  ])
  const uniques = await db.query(`SELECT indexrelid::regclass::text AS name FROM pg_index WHERE indisunique
    AND NOT indisprimary AND indrelid = 'users'::regclass`)
  expect(uniques).toEqual([{ name: 'users_email_key' }])
})

test('an identifier is quoted exactly where Postgres quotes it', async () => {
  await using db = await testDatabase({ schema: 'empty' })
  const words = await db.query<{ word: string }>(`SELECT word FROM pg_get_keywords() WHERE catcode <> 'U'`)
  expect(new Set(words.map(({ word }) => word))).toEqual(QUOTED_KEYWORDS)
  const names = [
    'plain',
    'Upper',
    '_under',
    '1digit',
    'dollar$',
    'abort',
    'order',
    'position',
    'a"b',
    'é',
    'two words',
  ]
  const [quoted] = await db.query<{ list: string[] }>(
    'SELECT array_agg(quote_ident(name) ORDER BY at) AS list FROM unnest($1::text[]) WITH ORDINALITY n (name, at)',
    [names],
  )
  expect(names.map(quoteIdentifier)).toEqual(quoted?.list)
})

test('a type that always stays in the row is never moved out of one, its wider sibling is', async () => {
  await using db = await testDatabase({ schema: 'empty' })
  const cases = [
    ['character varying(5)', `repeat('😀', 5)`, false],
    ['character varying(6)', `repeat('😀', 6)`, true],
    ['character(5)', `repeat('😀', 5)`, false],
    ['bit varying(128)', `repeat('10', 64)`, false],
    ['bit varying(200)', `repeat('10', 100)`, true],
    ['numeric(28,8)', `repeat('9', 20) || '.' || repeat('9', 8)`, false],
    ['inet', `'2001:db8:85a3::8a2e:370:7334/64'`, false],
    ['uuid', `'123e4567-e89b-12d3-a456-426614174000'`, false],
    ['text', `repeat('x', 40)`, true],
  ] as const
  for (const [pgType, value, isMoved] of cases) {
    // Many columns make the row too wide; EXTERNAL forbids compression, the strictest setting there is.
    const names = Array.from({ length: 150 }, (_, index) => `c${index}`)
    await db.query(`CREATE TABLE wide (${names.map((name) => `${name} ${pgType}`).join(', ')})`)
    const external = await db.query(
      `SELECT 1 FROM pg_attribute WHERE attrelid = 'wide'::regclass AND attnum > 0 AND attstorage <> 'p'`,
    )
    if (external.length > 0) {
      await db.query(
        `ALTER TABLE wide ${names.map((name) => `ALTER ${name} SET STORAGE EXTERNAL`).join(', ')}`,
      )
    }
    await db.query(`INSERT INTO wide SELECT ${names.map(() => `(${value})::${pgType}`).join(', ')}`)
    const [moved] = await db.query<{ count: number }>(
      `SELECT count(*)::int AS count FROM wide, LATERAL (VALUES ${names.map((name) => `(pg_column_toast_chunk_id(${name}))`).join(', ')}) v (id) WHERE id IS NOT NULL`,
    )
    expect({ pgType, isMoved: (moved?.count ?? 0) > 0 }).toEqual({ pgType, isMoved })
    const column = { field: 'c', column: 'c', type: 'String', pgType, list: false, nullable: false } as const
    expect({ pgType, may: mayBeOutOfLine(column) }).toEqual({ pgType, may: isMoved })
    await db.query('DROP TABLE wide')
  }
})
