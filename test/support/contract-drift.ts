import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { generate } from '../../generators/generate.ts'
import { parseContract } from '../../src/contract/parse-contract.ts'
import type { SchemaContract } from '../../src/contract/schema-contract.ts'
import { inputOf } from '../generator/input.ts'
import { testDatabase, type TestDatabase } from './database.ts'

/** Schema and migration of which the tests of drift change the database. */
export const DRIFT_FOLDER = resolve(import.meta.dirname, '../integration/fixtures/contract-drift')

/** The contract that the generator makes of the schema. */
export async function driftContract(): Promise<SchemaContract> {
  const schema = await readFile(`${DRIFT_FOLDER}/schema.prisma`, 'utf8')
  return parseContract(JSON.parse(generate(inputOf(schema)).files.get('contract.json') ?? ''))
}

/** A database that is as the contract says. */
export async function driftDatabase(): Promise<TestDatabase> {
  const db = await testDatabase({ schema: 'empty' })
  await db.query(await readFile(`${DRIFT_FOLDER}/migration.sql`, 'utf8'))
  return db
}
