import type pg from 'pg'
import { quoteLiteral } from '../core/quote.ts'
import type { EnumContract, SchemaContract } from '../contract/schema-contract.ts'
import type { CatalogTable } from './catalog.ts'
import { hasType } from './column-types.ts'
import { advice, problem, type Finding } from './finding.ts'
import type { TableNeed } from './preflight.ts'
import { tableName } from './table-name.ts'

/**
 * Compares the labels of the enums that the columns use with those of the contract. Their order is not compared: nothing here
 * depends on it. Rights: none.
 */
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
      // Of a column of another type preflight speaks.
      if (found !== undefined && hasType(contract, column, found)) oids.set(column.enum, found.typeOid)
    }
  }
  const labels = await readLabels(client, [...oids.values()])
  return contract.enums.flatMap((declared) => {
    const oid = oids.get(declared.name)
    return oid === undefined ? [] : compareLabels(declared, labels.get(oid) ?? [])
  })
}

/** The labels, in order, of enums and of lists of enums, by the type's oid. */
async function readLabels(
  client: pg.ClientBase,
  oids: readonly number[],
): Promise<ReadonlyMap<number, readonly string[]>> {
  if (oids.length === 0) return new Map()
  const { rows } = await client.query<{ oid: number; labels: string[] }>(
    `SELECT t.oid, array_agg(e.enumlabel::text ORDER BY e.enumsortorder) AS labels
     FROM pg_catalog.pg_type AS t JOIN pg_catalog.pg_enum AS e ON e.enumtypid IN (t.oid, t.typelem)
     WHERE t.oid = ANY ($1::oid[]) GROUP BY t.oid`,
    [oids],
  )
  return new Map(rows.map(({ oid, labels }) => [oid, labels]))
}

function compareLabels(declared: EnumContract, actual: readonly string[]): readonly Finding[] {
  const { name } = declared
  const expected = declared.values.map(({ label }) => label)
  const unknown = actual.filter((label) => !expected.includes(label))
  const gone = expected.filter((label) => !actual.includes(label))
  const findings: Finding[] = []
  if (unknown.length > 0) {
    const renamed = renamedLabel(declared, actual, unknown, gone)
    findings.push(
      problem(
        'CHANGES.UNKNOWN_ENUM_LABEL',
        `Enum ${name} has the labels ${list(unknown)} in the database, which the contract does not know; the first row ` +
          `that holds one stops the sync. ${renamed?.fix ?? 'Add them to schema.prisma and run prisma generate.'}`,
        { sql: renamed === null ? [] : [renamed.sql], details: { enum: name, labels: unknown } },
      ),
    )
  }
  if (gone.length > 0) {
    findings.push(
      advice(
        'note',
        'CONTRACT.TYPE_MISMATCH',
        `Enum ${name} lacks the labels ${list(gone)} in the database. Apply your migrations, or take them out of schema.prisma ` +
          'and run prisma generate.',
        { details: { enum: name, labels: gone } },
      ),
    )
  }
  return findings
}

/** What to do if one label was renamed: it is gone, and an unknown one has its place in the order. */
function renamedLabel(
  declared: EnumContract,
  actual: readonly string[],
  unknown: readonly string[],
  gone: readonly string[],
): { readonly fix: string; readonly sql: string } | null {
  const [now, ...others] = unknown
  const [before, ...alsoGone] = gone
  if (now === undefined || before === undefined || others.length > 0 || alsoGone.length > 0) return null
  const place = declared.values.findIndex(({ label }) => label === before)
  if (actual[place] !== now) return null
  const { name, schema, pgName } = declared
  const value = declared.values[place]?.name ?? before
  return {
    fix:
      `If ${JSON.stringify(before)} was renamed, write @map(${JSON.stringify(now)}) at ${name}.${value} and run prisma generate, ` +
      'or rename it back. Else add it to schema.prisma and run prisma generate.',
    sql: `ALTER TYPE ${tableName({ schema, table: pgName })} RENAME VALUE ${quoteLiteral(now)} TO ${quoteLiteral(before)};`,
  }
}

function list(labels: readonly string[]): string {
  return labels.map((label) => JSON.stringify(label)).join(', ')
}
