import type pg from 'pg'
import { expect, test } from 'vitest'
import { generate } from '../../generators/generate.ts'
import { parseContract } from '../../src/contract/parse-contract.ts'
import type { SchemaContract } from '../../src/contract/schema-contract.ts'
import { wholeTable } from '../../src/engine/diagnose.ts'
import { checkDrift } from '../../src/postgres/check-drift.ts'
import type { Finding } from '../../src/postgres/finding.ts'
import { preflight } from '../../src/postgres/preflight.ts'
import { inputOf, schemaOf } from '../generator/input.ts'
import { testDatabase } from '../support/database.ts'

function contractOf(blocks: string): SchemaContract {
  return parseContract(JSON.parse(generate(inputOf(schemaOf(blocks))).files.get('contract.json') ?? ''))
}

async function findingsOf(client: pg.ClientBase, contract: SchemaContract): Promise<readonly Finding[]> {
  const needs = contract.models.map((model) => wholeTable(model))
  const { findings, tables } = await preflight(client, contract, needs)
  return [...findings, ...checkDrift(needs, tables)]
}

test('a time without a precision has the six digits that prisma db pull writes', async () => {
  await using db = await testDatabase({ schema: 'empty' })
  const client = await db.connect()
  await client.query(`CREATE TABLE "Log" (id int PRIMARY KEY, at timestamptz NOT NULL, local timestamp NOT NULL,
    hours time[], zoned timetz NOT NULL, exact timestamptz(6) NOT NULL)`)
  const log = (digits: number | null): SchemaContract => {
    const of = digits === null ? '' : `(${digits})`
    return contractOf(`
model Log {
  id    Int        @id
  at    DateTime   @db.Timestamptz${of}
  local DateTime   @db.Timestamp${of}
  hours DateTime[] @db.Time${of}
  zoned DateTime   @db.Timetz${of}
  exact DateTime   @db.Timestamptz${of}
}`)
  }
  expect(await findingsOf(client, log(6))).toEqual([])
  expect(await findingsOf(client, log(null))).toEqual([])
  const others = await findingsOf(client, log(3))
  expect(others.map(({ details }) => details['actual'])).toEqual([
    'timestamp with time zone',
    'timestamp without time zone',
    'time without time zone[]',
    'time with time zone',
    'timestamp(6) with time zone',
  ])
})

test('what is said of a join table can be done: it has no model in schema.prisma', async () => {
  await using db = await testDatabase({ schema: 'empty' })
  const client = await db.connect()
  const contract = contractOf(`
model Post {
  id   Int   @id
  tags Tag[]
}

model Tag {
  id    Int    @id
  posts Post[]
}`)
  await client.query(`CREATE TABLE "Post" (id int PRIMARY KEY); CREATE TABLE "Tag" (id int PRIMARY KEY); CREATE SCHEMA other;
    CREATE TABLE "_PostToTag" ("A" int NOT NULL, "B" int NOT NULL, CONSTRAINT "_PostToTag_AB_pkey" PRIMARY KEY ("A", "B"))`)
  expect(await findingsOf(client, contract)).toEqual([])
  const table = 'ALTER TABLE "_PostToTag"'
  const said: string[] = []
  for (const sql of [
    `${table} RENAME TO "_labels"`,
    `${table} RENAME TO labels`,
    `${table} SET SCHEMA other`,
    `${table} RENAME "A" TO post`,
    `${table} DROP CONSTRAINT "_PostToTag_AB_pkey", ADD id serial PRIMARY KEY`,
    `${table} DROP CONSTRAINT "_PostToTag_AB_pkey", ADD id serial PRIMARY KEY, ADD UNIQUE ("A", "B"), REPLICA IDENTITY FULL`,
    `${table} DROP CONSTRAINT "_PostToTag_AB_pkey", ADD UNIQUE ("A", "B"), REPLICA IDENTITY FULL, ALTER "A" DROP NOT NULL`,
  ]) {
    await client.query(`BEGIN; ${sql}`)
    const messages = (await findingsOf(client, contract)).map(({ message }) => message)
    expect([sql, messages.length > 0]).toEqual([sql, true])
    said.push(...messages)
    await client.query('ROLLBACK')
  }
  expect(
    said.filter((message) => /@@?map|@@schema|in model _|model _\w+ in|the model in|optional/.test(message)),
  ).toEqual([])
  expect(said[0]).toContain('rename it back, or write @relation("labels") at both ends of the relation')
  expect(said[1]).toContain('If it was renamed, rename it back. Else')
  expect(said[2]).toContain('If it was moved, move it back. Else')
})

test('the SQL that mends a key runs where the key is there and does not count', async () => {
  await using db = await testDatabase({ schema: 'empty' })
  const client = await db.connect()
  const contract = contractOf(`
model Guest {
  id    Int    @id
  email String @unique
}`)
  await client.query('CREATE TABLE "Guest" (id int PRIMARY KEY, email text NOT NULL UNIQUE)')
  expect(await findingsOf(client, contract)).toEqual([])
  const table = 'ALTER TABLE "Guest"'
  for (const [sql, code] of [
    [`${table} DROP CONSTRAINT "Guest_pkey", ADD PRIMARY KEY (id) DEFERRABLE`, 'CHANGES.REPLICA_IDENTITY'],
    [`${table} DROP CONSTRAINT "Guest_email_key", ADD UNIQUE (email) DEFERRABLE`, 'ADVICE.UNIQUE'],
    [
      `${table} DROP CONSTRAINT "Guest_email_key"; CREATE UNIQUE INDEX "Guest_email_key" ON "Guest" (email) WHERE id > 1`,
      'ADVICE.UNIQUE',
    ],
  ] as const) {
    await client.query(`BEGIN; ${sql}`)
    const findings = await findingsOf(client, contract)
    expect([sql, ...findings.map((finding) => finding.code)]).toEqual([sql, code])
    for (const statement of findings.flatMap((finding) => finding.sql)) await client.query(statement)
    expect(await findingsOf(client, contract)).toEqual([])
    await client.query('ROLLBACK')
  }
})
