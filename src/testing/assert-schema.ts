import type pg from 'pg'
import type { SchemaContract } from '../contract/schema-contract.ts'
import { DbsyncError } from '../core/errors.ts'
import { preflight } from '../postgres/preflight.ts'
import type { Migration } from './migrations.ts'

/**
 * Makes sure that a database has every table and column of the contract, with its type. What else a sync asks for depends on what it
 * reads, and is told by `start`.
 *
 * Throws: TESTING.SCHEMA_DIFFERS, with every difference.
 */
export async function assertSchema(
  client: pg.ClientBase,
  contract: SchemaContract,
  migrations: readonly Migration[],
): Promise<void> {
  const needs = contract.models.map((model) => ({ model, fields: model.columns.map(({ field }) => field) }))
  const { findings, tables } = await preflight(client, contract, needs)
  const differences = findings.filter(
    ({ code, details }) =>
      (code === 'CONTRACT.TABLE_MISSING' && !tables.has(String(details['model']))) ||
      code === 'CONTRACT.COLUMN_MISSING' ||
      // A type that the wire does not carry is no difference.
      (code === 'CONTRACT.TYPE_MISMATCH' && 'expected' in details),
  )
  if (differences.length === 0) return
  const last = migrations.at(-1)?.name ?? 'none'
  throw new DbsyncError(
    'TESTING.SCHEMA_DIFFERS',
    `The migrations (the last is ${last}) do not make the tables of the generated schema. Write the migration that is missing (prisma ` +
      `migrate dev), or run prisma generate:${differences.map(({ code, message }) => `\n- ${code}: ${message}`).join('')}`,
    { details: { migration: last, findings: differences } },
  )
}
