import { modelOf } from './lookup.ts'
import type { Schema, Table } from './schema-contract.ts'

/**
 * Makes the handle of one table, which views and `refresh` take. Generated code calls this.
 *
 * Throws: CONTRACT.INVALID if the schema has no such model.
 *
 * @example
 * ```ts
 * import { defineTable, type Schema } from 'prisma-dbsync'
 *
 * export const visits = (schema: Schema) => defineTable<'Visit', { id: number }, 'id'>(schema, 'Visit')
 * ```
 */
export function defineTable<Model extends string, Row, KeyField extends string, After = unknown>(
  schema: Schema,
  model: Model,
): Table<Model, Row, KeyField, After> {
  modelOf(schema, model)
  return Object.freeze({ kind: 'table', model, schema })
}
