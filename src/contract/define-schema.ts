import { DbsyncError } from '../core/errors.ts'
import { parseContract } from './parse-contract.ts'
import type { DecimalConstructor, Schema } from './schema-contract.ts'

/**
 * Makes the `schema` that generated code exports: a checked, deeply frozen contract and the Decimal class
 * of the Prisma Client beside it. `Handlers` and `Changes` are types alone; they let `createSync` know the models' events.
 *
 * Throws: CONTRACT.INVALID if the contract is not what this version of the package reads.
 *
 * @example
 * ```ts
 * import { defineSchema, type SchemaContract } from 'prisma-dbsync'
 * import { Decimal } from '@prisma/client/runtime/client'
 *
 * export const load = (contract: SchemaContract) => defineSchema({ contract, Decimal })
 * ```
 */
export function defineSchema<Handlers = unknown, Changes = unknown>(parts: {
  readonly contract: unknown
  readonly Decimal: DecimalConstructor
}): Schema<Handlers, Changes> {
  const contract = parseContract(parts.contract)
  if (typeof parts.Decimal !== 'function') {
    throw new DbsyncError(
      'CONTRACT.INVALID',
      'defineSchema got no Decimal class; it must be the one of the Prisma Client; run `prisma generate`.',
    )
  }
  return Object.freeze({ contract: deepFreeze(contract), Decimal: parts.Decimal })
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value)
    for (const item of Object.values(value)) deepFreeze(item)
  }
  return value
}
