import type { DecimalConstructor, ScalarType } from '../contract/schema-contract.ts'
import { DbsyncError } from '../core/errors.ts'
import { nearestQuotient, QUOTIENT_LIMIT } from '../values/nearest-quotient.ts'
import { divideNumeric, formatNumeric } from '../values/numeric.ts'
import type { Value } from '../values/value.ts'
import type { Summing } from './sum-accumulator.ts'

/**
 * Shows `sum(x)` as Prisma Client would: number for Int, bigint for BigInt, Decimal for Decimal; null for no input.
 *
 * Throws: VIEW.OUT_OF_RANGE where the sum of an Int column is no safe integer.
 */
export function makeSum(
  sums: Summing,
  type: ScalarType,
  Decimal: DecimalConstructor,
  path: string,
): (group: number) => unknown {
  return (group) => {
    if (sums.count(group) === 0) return null
    if (type === 'Int') {
      const safe = sums.safeTotal(group)
      if (!Number.isNaN(safe)) return safe
      const exact = sums.total(group)
      const value = typeof exact === 'string' ? Number.NaN : Number(exact.total)
      if (Number.isSafeInteger(value)) return value
      throw new DbsyncError(
        'VIEW.OUT_OF_RANGE',
        `${path}: found a sum past 2^53; need one that a number holds exactly. Make the column a BigInt or a Decimal.`,
      )
    }
    const total = sums.total(group)
    if (typeof total === 'string') return new Decimal(total)
    return type === 'BigInt'
      ? total.total
      : new Decimal(formatNumeric({ unscaled: total.total, scale: total.scale }))
  }
}

/**
 * Shows `avg(x)`: the quotient with Postgres' own scale and rounding, as Decimal for Decimal, else as the number that
 * `::float8` makes of it; null for no input.
 */
export function makeAverage(
  sums: Summing,
  type: ScalarType,
  Decimal: DecimalConstructor,
): (group: number) => unknown {
  return (group) => {
    const count = sums.count(group)
    if (count === 0) return null
    if (type !== 'Decimal') {
      const safe = sums.safeTotal(group)
      // An exact quotient needs no digits behind the point; NaN falls through.
      if (safe % count === 0) return safe / count + 0
      if (count < QUOTIENT_LIMIT && !Number.isNaN(safe)) {
        const nearest = nearestQuotient(safe, count)
        if (!Number.isNaN(nearest)) return nearest
      }
    }
    const total = sums.total(group)
    const text =
      typeof total === 'string'
        ? total
        : formatNumeric(divideNumeric({ unscaled: total.total, scale: total.scale }, BigInt(count)))
    return type === 'Decimal' ? new Decimal(text) : Number(text)
  }
}

/** `sum(x)` as expressions see it: a bigint where Postgres' type is bigint, else a numeric. */
export function makeSumValue(sums: Summing, isBigint: boolean): (group: number) => Value {
  return (group) => {
    if (sums.count(group) === 0) return null
    const total = sums.total(group)
    if (typeof total === 'string') return total
    return isBigint ? total.total : { unscaled: total.total, scale: total.scale }
  }
}

/** `avg(x)` of a numeric as expressions see it, with all its digits. */
export function makeAverageValue(sums: Summing): (group: number) => Value {
  return (group) => {
    const count = sums.count(group)
    if (count === 0) return null
    const total = sums.total(group)
    if (typeof total === 'string') return total
    return divideNumeric({ unscaled: total.total, scale: total.scale }, BigInt(count))
  }
}
