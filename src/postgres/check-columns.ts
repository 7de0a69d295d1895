import { quoteIdentifier } from '../core/quote.ts'
import { isJoinTable } from '../contract/is-join-table.ts'
import type { ColumnContract, ModelContract, SchemaContract } from '../contract/schema-contract.ts'
import type { CatalogTable } from './catalog.ts'
import { columnTypes } from './column-types.ts'
import { problem, type Problem } from './finding.ts'
import type { TableNeed } from './preflight.ts'
import { renamedColumns } from './renamed-columns.ts'
import { tableName } from './table-name.ts'

/** Checks that the needed columns are there, that the WAL carries them, and that they have the types of the contract. */
export function checkColumns(
  contract: SchemaContract,
  { model, fields }: TableNeed,
  table: CatalogTable,
): readonly Problem[] {
  return model.columns
    .filter(({ field }) => fields.includes(field))
    .flatMap((column) => checkColumn(contract, model, column, table))
}

/** A column as messages name it. */
export function columnPlace(model: ModelContract, { field, column }: ColumnContract): string {
  return `${model.model}.${field} (column ${quoteIdentifier(column)} of ${tableName(model)})`
}

function checkColumn(
  contract: SchemaContract,
  model: ModelContract,
  column: ColumnContract,
  table: CatalogTable,
): readonly Problem[] {
  const found = table.columns.find(({ name }) => name === column.column)
  const where = columnPlace(model, column)
  const details = { model: model.model, field: column.field, column: column.column }
  if (found === undefined) return [missingColumn(contract, model, column, table)]
  if (found.isGenerated) {
    return [
      problem(
        'CONTRACT.TYPE_MISMATCH',
        `${where} is a generated column; the WAL does not carry it. Leave it out of views and handlers.`,
        { details },
      ),
    ]
  }
  const problems: Problem[] = []
  if (!found.isDeterministic) {
    problems.push(
      problem(
        'VIEW.NOT_EXACT',
        `${where} has a non-deterministic collation, by which texts of different bytes may be equal. Give the column a ` +
          'deterministic collation, or leave it out of views and handlers.',
        { details },
      ),
    )
  }
  const [expected, actual] = columnTypes(contract, column, found)
  if (expected !== actual) {
    problems.push(
      problem(
        'CONTRACT.TYPE_MISMATCH',
        `${where} is ${actual} in the database and ${expected} in the contract. Apply your migrations, or correct ` +
          'schema.prisma (prisma db pull shows the database) and run prisma generate.',
        { details: { ...details, expected, actual } },
      ),
    )
  }
  return problems
}

function missingColumn(
  contract: SchemaContract,
  model: ModelContract,
  column: ColumnContract,
  table: CatalogTable,
): Problem {
  const where = columnPlace(model, column)
  const details = { model: model.model, field: column.field, column: column.column }
  const renamed = renamedColumns(contract, model, table).get(column.column)
  if (renamed === undefined) {
    return problem(
      'CONTRACT.COLUMN_MISSING',
      `The contract names ${where}, which the database does not have. Apply your migrations, or run prisma generate.`,
      { details },
    )
  }
  const [now, before] = [quoteIdentifier(renamed), quoteIdentifier(column.column)]
  const ways = isJoinTable(model)
    ? 'rename it back: Prisma has no other name for it'
    : `write @map(${JSON.stringify(renamed)}) at ${model.model}.${column.field} and run prisma generate, or rename it back`
  return problem(
    'CONTRACT.COLUMN_MISSING',
    `The contract names ${where}, which the database does not have; column ${now}, which the contract does not know, looks ` +
      `like it. If it was renamed, ${ways}. Else apply your migrations.`,
    {
      sql: [`ALTER TABLE ${tableName(model)} RENAME COLUMN ${now} TO ${before};`],
      details: { ...details, renamedTo: renamed },
    },
  )
}
