import { DbsyncError } from '../core/errors.ts'
import type { ColumnContract, EnumContract, ModelContract, Schema } from './schema-contract.ts'

/**
 * The model of that Prisma name.
 *
 * Throws: CONTRACT.INVALID if the schema has none.
 */
export function modelOf(schema: Schema, model: string): ModelContract {
  return found(
    schema.contract.models.find((item) => item.model === model),
    `model "${model}"`,
  )
}

/**
 * The column of that Prisma field name.
 *
 * Throws: CONTRACT.INVALID if the model has none.
 */
export function columnOf(model: ModelContract, field: string): ColumnContract {
  return found(
    model.columns.find((item) => item.field === field),
    `field "${model.model}.${field}"`,
  )
}

/**
 * The enum of that Prisma name.
 *
 * Throws: CONTRACT.INVALID if the schema has none.
 */
export function enumOf(schema: Schema, name: string): EnumContract {
  return found(
    schema.contract.enums.find((item) => item.name === name),
    `enum "${name}"`,
  )
}

function found<T>(item: T | undefined, what: string): T {
  if (item !== undefined) return item
  throw new DbsyncError(
    'CONTRACT.INVALID',
    `the contract has no ${what}; it must be in schema.prisma when \`prisma generate\` runs; run it again.`,
  )
}
