import { quoteIdentifier } from '../core/quote.ts'
import type { ColumnContract, SchemaContract } from '../contract/schema-contract.ts'
import type { CatalogColumn } from './catalog.ts'
import { tableName } from './table-name.ts'

/** Whether a column of the database has the type that the contract says. */
export function hasType(contract: SchemaContract, column: ColumnContract, found: CatalogColumn): boolean {
  const [expected, actual] = columnTypes(contract, column, found)
  return expected === actual
}

/** The types of a column in the contract and in the database, written alike exactly if they are the same. */
export function columnTypes(
  contract: SchemaContract,
  column: ColumnContract,
  found: CatalogColumn,
): readonly [expected: string, actual: string] {
  const suffix = (isList: boolean): string => (isList ? '[]' : '')
  const declared = contract.enums.find(({ name }) => name === column.enum)
  // Without its schema where that tells nothing.
  const isPlain = !found.isEnum || found.typeSchema === declared?.schema
  const actual = found.isEnum
    ? enumName(isPlain ? null : found.typeSchema, found.typeName)
    : precise(found.type) === precise(column.pgType)
      ? column.pgType
      : found.type
  const expected =
    declared === undefined ? column.pgType : enumName(isPlain ? null : declared.schema, declared.pgName)
  return [`${expected}${suffix(column.list)}`, `${actual}${suffix(found.list)}`]
}

/** A time without a precision has six digits, and `prisma db pull` writes them: `@db.Timestamptz(6)`. */
function precise(pgType: string): string {
  return pgType.replace(/^(timestamp|time) (?=with)/, '$1(6) ')
}

function enumName(schema: string | null, name: string): string {
  return schema === null ? `enum ${quoteIdentifier(name)}` : `enum ${tableName({ schema, table: name })}`
}
