/** Splits a double into two halves of 26 bits, so that products of halves are exact (Veltkamp). */
const SPLITTER = 2 ** 27 + 1

/** Divisors of {@link nearestQuotient} are less. */
export const QUOTIENT_LIMIT = 2 ** 26

/**
 * The double that `::float8` makes of Postgres' numeric quotient of two whole numbers, or NaN where only exact digits can tell.
 *
 * Postgres rounds twice: the quotient to decimal digits, then those to a double. Rounding once gives the same double unless the
 *   boundary between two doubles lies within half a unit of the last digit; how far away it is, the remainder tells.
 * `dividend` and `divisor` must be safe integers; `divisor` must lie between zero and {@link QUOTIENT_LIMIT}.
 */
export function nearestQuotient(dividend: number, divisor: number): number {
  const quotient = dividend / divisor
  // quotient * divisor is product + error, exactly.
  const product = quotient * divisor
  const shifted = quotient * SPLITTER
  const high = shifted - (shifted - quotient)
  const error = high * divisor - product + (quotient - high) * divisor
  const rest = (dividend - product - error) / divisor
  const unit = lastDigit(Math.abs(quotient))
  return quotient + (rest + unit) === quotient && quotient + (rest - unit) === quotient
    ? quotient
    : Number.NaN
}

/**
 * At least the value of the last digit of a quotient that is so large: 16 digits behind the point, four less for each further
 * group of four before it, and four more where nothing is before it (`select_div_scale` of `numeric.c`).
 */
function lastDigit(quotient: number): number {
  if (quotient < 1) return 1e-20
  if (quotient < 1e4) return 1e-16
  if (quotient < 1e8) return 1e-12
  return quotient < 1e12 ? 1e-8 : 1e-4
}
