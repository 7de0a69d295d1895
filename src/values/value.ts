import type { Numeric } from './numeric.ts'

/** A value of the type numeric; the specials are kept by their text. */
export type NumericValue = Numeric | 'NaN' | 'Infinity' | '-Infinity'

/**
 * A value as expressions pass it around; null is SQL's NULL.
 *
 * Integers, oid, floats, dates (days since 1970-01-01) and times (microseconds of the day) are numbers; bigint and
 * timestamps (microseconds since 1970-01-01 UTC) bigints; numeric is a {@link NumericValue}; boolean a boolean; everything
 * else, lists, bytes, JSON and enum labels too, Postgres' own text.
 */
export type Value = null | boolean | number | bigint | string | Numeric

/** Tells a finite numeric from every other value. */
export function isNumeric(value: Value): value is Numeric {
  return typeof value === 'object' && value !== null
}
