import { compareNumeric } from './numeric.ts'
import { compareText } from './text-functions.ts'
import { textOfNumeric, textOfValue, type ValueKind } from './value-of-text.ts'
import { isNumeric, type NumericValue, type Value } from './value.ts'

/** Negative, zero or positive; both values are not null. */
export type ValueComparison = (a: Value, b: Value) => number

/**
 * The order that Postgres gives values of two kinds: numbers by value whatever their types, as `double precision` if one
 * of them is a float; NaN greatest; text by bytes; false before true.
 *
 * Returns undefined if the kinds cannot be compared.
 */
export function makeValueComparison(left: ValueKind, right: ValueKind): ValueComparison | undefined {
  if (isNumberKind(left) && isNumberKind(right)) {
    if (left === right && left !== 'numeric') return left === 'bigint' ? compareBigints : compareDoubles
    if (isFloatKind(left) || isFloatKind(right)) {
      return (a, b) => compareDoubles(toDouble(a, left), toDouble(b, right))
    }
    return (a, b) => compareNumerics(toNumeric(a), toNumeric(b))
  }
  if (left !== right) return undefined
  if (left === 'text') return (a, b) => compareText(textOfValue(a), textOfValue(b))
  return left === 'instant' ? compareBigints : compareDoubles
}

/** Whether values of the kind are numbers in SQL. */
export function isNumberKind(kind: ValueKind): boolean {
  return kind === 'integer' || kind === 'bigint' || kind === 'numeric' || isFloatKind(kind)
}

/** `double precision` or `real`. */
export function isFloatKind(kind: ValueKind): boolean {
  return kind === 'double' || kind === 'real'
}

/** A number as `double precision`; a real by its exact value. */
export function toDouble(value: Value, kind: ValueKind): number {
  if (kind === 'real') return Math.fround(Number(value))
  return isNumeric(value) ? Number(textOfNumeric(value)) : Number(value)
}

/** An integer, a bigint or a numeric as numeric. */
export function toNumeric(value: Value): NumericValue {
  if (isNumeric(value)) return value
  if (value === 'NaN' || value === 'Infinity' || value === '-Infinity') return value
  return { unscaled: BigInt(typeof value === 'bigint' ? value : Number(value)), scale: 0 }
}

function compareBigints(a: Value, b: Value): number {
  if (typeof a !== 'bigint' || typeof b !== 'bigint') return 0
  return a < b ? -1 : a > b ? 1 : 0
}

/** Of numbers and booleans. */
function compareDoubles(a: Value, b: Value): number {
  const left = Number(a)
  const right = Number(b)
  if (left < right) return -1
  if (left > right) return 1
  if (left === right) return 0
  return (Number.isNaN(left) ? 1 : 0) - (Number.isNaN(right) ? 1 : 0)
}

function compareNumerics(a: NumericValue, b: NumericValue): number {
  if (typeof a !== 'string' && typeof b !== 'string') return compareNumeric(a, b)
  return rankOf(a) - rankOf(b)
}

function rankOf(value: NumericValue): number {
  if (value === 'NaN') return 2
  return value === 'Infinity' ? 1 : value === '-Infinity' ? -1 : 0
}
