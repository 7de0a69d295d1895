import { createHash } from 'node:crypto'
import type { SchemaContract } from './schema-contract.ts'

/** A contract whose hash is not known yet. */
export type UnsealedContract = Omit<SchemaContract, 'hash'>

/**
 * SHA-256 of everything in a contract but its hash, 64 lower-case hex digits.
 *
 * The order of properties does not matter; the order of models, columns and labels does.
 *
 * @example
 * ```ts
 * import { hashContract, type Schema } from 'prisma-dbsync'
 *
 * export const isSame = (a: Schema, b: Schema): boolean => hashContract(a.contract) === hashContract(b.contract)
 * ```
 */
export function hashContract(contract: UnsealedContract): string {
  const { version, enums, models } = contract
  return createHash('sha256').update(canonicalJson({ version, enums, models })).digest('hex')
}

/**
 * The same contract with its hash: what the generator emits, and what a test needs that writes one by hand.
 *
 * @example
 * ```ts
 * import { sealContract, type ModelContract } from 'prisma-dbsync'
 *
 * const visit: ModelContract = {
 *   model: 'Visit',
 *   schema: 'public',
 *   table: 'visit',
 *   key: ['id'],
 *   keyIsPrimary: true,
 *   columns: [{ field: 'id', column: 'id', type: 'Int', pgType: 'integer', list: false, nullable: false }],
 *   relations: [],
 * }
 * export const contract = sealContract({ version: 1, enums: [], models: [visit] })
 * ```
 */
export function sealContract(contract: UnsealedContract): SchemaContract {
  const { version, enums, models } = contract
  return { version, hash: hashContract(contract), enums, models }
}

function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_, item: unknown) =>
    typeof item === 'object' && item !== null && !Array.isArray(item)
      ? Object.fromEntries(Object.entries(item).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : item,
  )
}
