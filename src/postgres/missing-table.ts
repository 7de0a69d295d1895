import type pg from 'pg'
import { quoteIdentifier } from '../core/quote.ts'
import { isJoinTable } from '../contract/is-join-table.ts'
import type { ModelContract, SchemaContract } from '../contract/schema-contract.ts'
import { readCatalogTable, type CatalogTable } from './catalog.ts'
import { hasType } from './column-types.ts'
import { problem, type Problem } from './finding.ts'
import { similarity } from './name-similarity.ts'
import { tableName } from './table-name.ts'

interface TableName {
  readonly schema: string
  readonly table: string
}

/** Of the columns of a model, so many a table must have to be taken for the model's own. */
const ENOUGH = 0.75

// Tables that no model names, with the most columns in common. Rights: none. Version: 14.
const READ_CANDIDATES = `
  SELECT n.nspname::text AS schema, c.relname::text AS table
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  CROSS JOIN LATERAL (SELECT count(*) AS columns FROM pg_catalog.pg_attribute a
                      WHERE a.attrelid = c.oid AND NOT a.attisdropped AND a.attname::text = ANY ($1)) AS shared
  WHERE c.relkind IN ('r', 'p') AND c.relpersistence = 'p' AND NOT c.relispartition
    AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\\_%'
    AND NOT EXISTS (SELECT FROM unnest($2::text[], $3::text[]) AS known (schema, name)
                    WHERE known.schema = n.nspname AND known.name = c.relname)
    AND shared.columns >= $4
  ORDER BY shared.columns DESC, n.nspname, c.relname LIMIT 10`

/** What to say of a table that is not there: whether another one looks as if it had been renamed or moved. Rights: none. */
export async function missingTable(
  client: pg.ClientBase,
  contract: SchemaContract,
  model: ModelContract,
): Promise<Problem> {
  const details = { model: model.model, table: model.table }
  const missing = `The contract names table ${tableName(model)} (model ${model.model}), which the database does not have`
  const found = await findRenamed(client, contract, model)
  if (found === null) {
    return problem(
      'CONTRACT.TABLE_MISSING',
      `${missing}. Apply your migrations (prisma migrate deploy), or run prisma generate if the table was renamed.`,
      { details },
    )
  }
  const isMoved = found.schema !== model.schema
  const isRenamed = found.table !== model.table
  const attributes = [
    ...(isRenamed ? [`@@map(${JSON.stringify(found.table)})`] : []),
    ...(isMoved ? [`@@schema(${JSON.stringify(found.schema)})`] : []),
  ]
  const moved = { ...found, schema: model.schema }
  const sql = [
    ...(isMoved ? [`ALTER TABLE ${tableName(found)} SET SCHEMA ${quoteIdentifier(model.schema)};`] : []),
    ...(isRenamed ? [`ALTER TABLE ${tableName(moved)} RENAME TO ${quoteIdentifier(model.table)};`] : []),
  ]
  const [what, back] = isRenamed ? ['renamed', 'rename'] : ['moved', 'move']
  // Prisma names it after the relation, and has no other word for it.
  const relation = isRenamed && !isMoved && found.table.startsWith('_') ? found.table.slice(1) : ''
  const named =
    relation === ''
      ? ''
      : `, or write @relation(${JSON.stringify(relation)}) at both ends of the relation and run prisma generate`
  const ways = isJoinTable(model)
    ? `${back} it back${named}`
    : `write ${attributes.join(' and ')} in model ${model.model} and run prisma generate, or ${back} it back`
  return problem(
    'CONTRACT.TABLE_MISSING',
    `${missing}; ${tableName(found)}, which the contract does not know, has its columns. If it was ${what}, ${ways}. ` +
      'Else apply your migrations (prisma migrate deploy).',
    { sql, details: { ...details, renamedTo: tableName(found) } },
  )
}

async function findRenamed(
  client: pg.ClientBase,
  contract: SchemaContract,
  model: ModelContract,
): Promise<TableName | null> {
  const { rows } = await client.query<{ schema: string; table: string }>(READ_CANDIDATES, [
    model.columns.map(({ column }) => column),
    contract.models.map(({ schema }) => schema),
    contract.models.map(({ table }) => table),
    Math.ceil(model.columns.length * ENOUGH),
  ])
  const fitting: { readonly name: TableName; readonly weight: number }[] = []
  for (const name of rows) {
    const table = await readCatalogTable(client, name)
    const share = table === null ? 0 : sharedColumns(contract, model, table)
    if (share >= ENOUGH) {
      const isSame = name.table === model.table
      fitting.push({ name, weight: share + (isSame ? 2 : similarity(name.table, model.table)) })
    }
  }
  const [best, next] = fitting.toSorted((a, b) => b.weight - a.weight)
  // Two that fit alike are no evidence for either.
  return best === undefined || best.weight === next?.weight ? null : best.name
}

/** The share of the model's columns that a table has, by name and type; 0 if it lacks one of the key. */
function sharedColumns(contract: SchemaContract, model: ModelContract, table: CatalogTable): number {
  const shared = model.columns.filter((column) =>
    table.columns.some((found) => found.name === column.column && hasType(contract, column, found)),
  )
  const hasKey = model.key.every((field) => shared.some((column) => column.field === field))
  return hasKey ? shared.length / model.columns.length : 0
}
