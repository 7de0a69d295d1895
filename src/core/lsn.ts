import { DbsyncError } from './errors.ts'

/**
 * A position in the write-ahead log, in bytes.
 *
 * Units: bytes since the start of the WAL; 64 bits, hence a `bigint`.
 * Order: compare with `<` and `>`; text forms do not sort.
 * Source: PostgreSQL manual, "pg_lsn Type".
 */
export type Lsn = bigint & { readonly __lsn: unique symbol }

/** The position before every other; a slot never confirms it. */
export const ZERO_LSN = 0n as Lsn

const LSN_TEXT = /^([0-9A-Fa-f]{1,8})\/([0-9A-Fa-f]{1,8})$/

/** Brands a 64-bit number read off the wire as an LSN. */
export function lsn(value: bigint): Lsn {
  return value as Lsn
}

/**
 * The position of Postgres' text form, `16/B374D848`.
 *
 * Throws: INTERNAL.INVARIANT if the text is not an LSN.
 *
 * @example
 * ```ts
 * import { parseLsn, type Sync } from 'prisma-dbsync'
 *
 * // The position came with a request, from the process that wrote.
 * export async function seen(sync: Sync, position: string): Promise<void> {
 *   await sync.at(parseLsn(position), { signal: AbortSignal.timeout(500) })
 * }
 * ```
 */
export function parseLsn(text: string): Lsn {
  const match = LSN_TEXT.exec(text)
  if (match === null) throw new DbsyncError('INTERNAL.INVARIANT', `"${text}" is not an LSN`)
  return ((BigInt(`0x${match[1]}`) << 32n) | BigInt(`0x${match[2]}`)) as Lsn
}

/**
 * Postgres' text form of a position, `16/B374D848`.
 *
 * @example
 * ```ts
 * import { formatLsn, type Sync } from 'prisma-dbsync'
 *
 * export const positionOf = (sync: Sync): string => formatLsn(sync.status().position)
 * ```
 */
export function formatLsn(value: Lsn): string {
  return `${(value >> 32n).toString(16).toUpperCase()}/${(value & 0xffffffffn).toString(16).toUpperCase()}`
}

/** The later of two positions. */
export function maxLsn(a: Lsn, b: Lsn): Lsn {
  return a > b ? a : b
}

/** The earlier of two positions. */
export function minLsn(a: Lsn, b: Lsn): Lsn {
  return a < b ? a : b
}
