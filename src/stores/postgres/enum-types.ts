import type { Schema } from '../../contract/schema-contract.ts'

/**
 * By the contract's name of an enum: its type in the source database, as `format_type` prints it under the default search path. For a
 * derived table in the same database.
 */
export function sourceEnumTypes({ contract }: Schema): ReadonlyMap<string, string> {
  const types = new Map<string, string>()
  for (const { columns } of contract.models) {
    for (const { enum: name, pgType } of columns) if (name !== undefined) types.set(name, pgType)
  }
  return types
}
