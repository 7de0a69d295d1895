import type pg from 'pg'
import type { SchemaContract } from '../contract/schema-contract.ts'
import type { CatalogTable } from './catalog.ts'
import { advice, problem, type Finding } from './finding.ts'
import type { TableNeed } from './preflight.ts'

/** Compares the labels of the enums that the columns use with those of the contract. Rights: none. */
export async function checkEnums(
  client: pg.ClientBase,
  contract: SchemaContract,
  needs: readonly TableNeed[],
  tables: ReadonlyMap<string, CatalogTable>,
): Promise<readonly Finding[]> {
  const oids = new Map<string, number>()
  for (const { model, fields } of needs) {
    for (const column of model.columns) {
      if (column.enum === undefined || !fields.includes(column.field)) continue
      const found = tables.get(model.model)?.columns.find(({ name }) => name === column.column)
      if (found?.isEnum === true) oids.set(column.enum, found.typeOid)
    }
  }
  const findings: Finding[] = []
  for (const [name, oid] of oids) {
    const expected = contract.enums.find((item) => item.name === name)?.values.map(({ label }) => label) ?? []
    const { rows } = await client.query<{ label: string }>(
      `SELECT enumlabel::text AS label FROM pg_catalog.pg_enum
       WHERE enumtypid = $1 OR enumtypid = (SELECT typelem FROM pg_catalog.pg_type WHERE oid = $1) ORDER BY enumsortorder`,
      [oid],
    )
    const actual = rows.map(({ label }) => label)
    const unknown = actual.filter((label) => !expected.includes(label))
    const gone = expected.filter((label) => !actual.includes(label))
    if (unknown.length > 0) {
      findings.push(
        problem(
          'CHANGES.UNKNOWN_ENUM_LABEL',
          `Enum ${name} has the labels ${list(unknown)} in the database, which the contract does not know; the first row ` +
            'that holds one stops the sync. Add them to schema.prisma and run prisma generate.',
          { details: { enum: name, labels: unknown } },
        ),
      )
    }
    if (gone.length > 0) {
      findings.push(
        advice(
          'note',
          'CONTRACT.TYPE_MISMATCH',
          `Enum ${name} lacks the labels ${list(gone)} in the database. Apply your migrations.`,
          { details: { enum: name, labels: gone } },
        ),
      )
    }
  }
  return findings
}

function list(labels: readonly string[]): string {
  return labels.map((label) => JSON.stringify(label)).join(', ')
}
