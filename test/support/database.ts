import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { inject } from 'vitest'
import { parseContract } from '../../src/contract/parse-contract.ts'
import type { SchemaContract } from '../../src/contract/schema-contract.ts'
import { testDatabase as freshDatabase, type TestDatabase } from '../../src/testing/test-database.ts'
import { MIGRATIONS } from './migrate.ts'

export type { TestDatabase }

const CONTRACT = resolve(import.meta.dirname, '../../generated/dbsync/contract.json')

let contract: SchemaContract | null = null

/** Creates an empty database, or one with the running example's tables. Many tests leave a sync open on purpose. */
export async function testDatabase(
  options: { readonly schema?: 'example' | 'empty'; readonly serverUrl?: string } = {},
): Promise<TestDatabase> {
  contract ??= parseContract(JSON.parse(readFileSync(CONTRACT, 'utf8')))
  return freshDatabase(
    { contract },
    {
      server: options.serverUrl ?? inject('serverUrl'),
      migrations: options.schema === 'empty' ? false : MIGRATIONS,
      onOpenSync: 'ignore',
    },
  )
}
