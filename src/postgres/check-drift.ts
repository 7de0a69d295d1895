import { quoteIdentifier } from '../core/quote.ts'
import { isJoinTable } from '../contract/is-join-table.ts'
import type { ModelContract } from '../contract/schema-contract.ts'
import { isOrdinary, type CatalogTable } from './catalog.ts'
import { columnPlace } from './check-columns.ts'
import { advice, problem, type Finding } from './finding.ts'
import type { TableNeed } from './preflight.ts'
import { checkIdentity, columnsOf, hasOtherKey } from './replica-identity.ts'
import { tableName } from './table-name.ts'

/** Longer names are cut by Postgres. */
const NAME_BYTES = 63

/**
 * What preflight lets pass although the contract says otherwise: columns that may hold NULL, unique indexes that are not
 * there, another primary key. What the database has beyond the contract is nobody's business. Pure.
 */
export function checkDrift(
  needs: readonly TableNeed[],
  tables: ReadonlyMap<string, CatalogTable>,
): readonly Finding[] {
  return needs.flatMap((need) => {
    const table = tables.get(need.model.model)
    // Of one that is no ordinary table preflight speaks.
    if (table === undefined || !isOrdinary(table)) return []
    return [...checkNulls(need, table), ...checkKey(need.model, table), ...checkUniques(need.model, table)]
  })
}

function checkNulls({ model, fields }: TableNeed, table: CatalogTable): readonly Finding[] {
  return model.columns
    .filter(({ field, column, nullable, list }) => {
      const found = table.columns.find(({ name }) => name === column)
      // A NULL list is an empty one to Prisma.
      return fields.includes(field) && !nullable && !list && found?.nullable === true
    })
    .map((column) =>
      problem(
        'CONTRACT.NULLABILITY',
        `${columnPlace(model, column)} may hold NULL in the database and may not in the contract: the first NULL stops the views ` +
          'that read the column, and is an error where a handler reads it. ' +
          (isJoinTable(model)
            ? 'Prisma never writes one there: correct the rows and set the column NOT NULL.'
            : 'Make the field optional in schema.prisma and run prisma generate, or correct the rows and set the column NOT NULL.'),
        {
          sql: [
            `ALTER TABLE ${tableName(model)} ALTER COLUMN ${quoteIdentifier(column.column)} SET NOT NULL;`,
          ],
          details: { model: model.model, field: column.field, column: column.column },
        },
      ),
    )
}

function checkKey(model: ModelContract, table: CatalogTable): readonly Finding[] {
  // What is wrong with the key says so itself.
  if (!hasOtherKey(model, table) || checkIdentity(model, table).length > 0) return []
  const [found, expected] = [table.primaryKey, columnsOf(model, model.key)]
  return [
    advice(
      'note',
      'ADVICE.KEY',
      `The primary key of ${tableName(model)} (model ${model.model}) is (${found.join(', ')}) in the database and ` +
        `(${expected.join(', ')}) in the contract; rows are told apart all the same. Apply your migrations` +
        (isJoinTable(model) ? '.' : ', or correct the model in schema.prisma and run prisma generate.'),
      { details: { model: model.model, table: model.table, expected, actual: found } },
    ),
  ]
}

function checkUniques(model: ModelContract, table: CatalogTable): readonly Finding[] {
  return (model.uniques ?? [])
    .map((fields) => columnsOf(model, fields))
    .filter((columns) => {
      const isThere = columns.every((column) => table.columns.some(({ name }) => name === column))
      const isUnique = table.uniqueKeys.some((key) => key.every((column) => columns.includes(column)))
      return isThere && !isUnique
    })
    .map((columns) => {
      // As Prisma names it, so that it is the one that the schema means.
      const name = `${model.table}_${columns.join('_')}_key`
      // One that does not count, as it is partial or deferrable, may have the name.
      const isTaken = table.indexNames.includes(name)
      const index =
        isTaken || Buffer.byteLength(name) > NAME_BYTES ? 'INDEX' : `INDEX ${quoteIdentifier(name)}`
      const list = columns.map(quoteIdentifier).join(', ')
      return advice(
        'note',
        'ADVICE.UNIQUE',
        `${tableName(model)} (model ${model.model}) has no unique index over (${columns.join(', ')}), which the contract names. ` +
          'Views and handlers do without. Create it, or take it out of schema.prisma and run prisma generate.',
        {
          sql: [`CREATE UNIQUE ${index} ON ${tableName(model)} (${list});`],
          details: { model: model.model, table: model.table, columns },
        },
      )
    })
}
