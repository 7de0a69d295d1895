import type { Arithmetic } from './arithmetic.ts'
import { evaluationError } from './evaluation-error.ts'
import { divideRounded, pow10, quotientOf, type Numeric } from './numeric.ts'
import type { NumericValue } from './value.ts'

/** What Postgres keeps: digits before the point, digits after it. */
const MAX_WHOLE_DIGITS = 131_072
const MAX_SCALE = 16_383
/** Below it no count of digits is needed. */
const CERTAINLY_SMALL = 10n ** 1000n

/** Arithmetic of `numeric`, with the scale that Postgres gives each result. */
export const NUMERIC_ARITHMETIC: Arithmetic<NumericValue> = {
  add(a, b) {
    if (typeof a === 'string' || typeof b === 'string') return addSpecials(a, b)
    const scale = Math.max(a.scale, b.scale)
    return inRange({ unscaled: at(a, scale) + at(b, scale), scale })
  },
  subtract: (a, b) => NUMERIC_ARITHMETIC.add(a, NUMERIC_ARITHMETIC.negate(b)),
  multiply(a, b) {
    if (typeof a === 'string' || typeof b === 'string') {
      const sign = signOf(a) * signOf(b)
      return isNaN(a) || isNaN(b) || sign === 0 ? 'NaN' : infinity(sign)
    }
    const product = { unscaled: a.unscaled * b.unscaled, scale: a.scale + b.scale }
    return inRange(product.scale > MAX_SCALE ? rescaled(product, MAX_SCALE) : product)
  },
  divide(a, b) {
    if (isNaN(a) || isNaN(b)) return 'NaN'
    if (signOf(b) === 0) throw evaluationError('22012')
    if (typeof a === 'string') return typeof b === 'string' ? 'NaN' : infinity(signOf(a) * signOf(b))
    return typeof b === 'string' ? ZERO : inRange(quotientOf(a, b))
  },
  modulo(a, b) {
    if (isNaN(a) || isNaN(b)) return 'NaN'
    if (signOf(b) === 0) throw evaluationError('22012')
    if (typeof a === 'string') return 'NaN'
    if (typeof b === 'string') return a
    const scale = Math.max(a.scale, b.scale)
    return { unscaled: at(a, scale) % at(b, scale), scale }
  },
  negate(a) {
    if (typeof a === 'string') return a === 'NaN' ? a : infinity(-signOf(a))
    return { unscaled: -a.unscaled, scale: a.scale }
  },
  abs: (a) => (signOf(a) < 0 ? NUMERIC_ARITHMETIC.negate(a) : a),
}

const ZERO: Numeric = { unscaled: 0n, scale: 0 }

/** Rounds half away from zero to `digits` behind the point, before it where negative: `round(numeric, int)`. */
export function roundNumeric(value: NumericValue, digits: number): NumericValue {
  if (typeof value === 'string') return value
  const scale = Math.min(Math.max(digits, -MAX_WHOLE_DIGITS), MAX_SCALE)
  if (scale >= 0) return inRange(rescaled(value, scale))
  const rounded = divideRounded(value.unscaled, pow10(value.scale - scale))
  return inRange({ unscaled: rounded * pow10(-scale), scale: 0 })
}

/** The greatest whole number that is not above. */
export function floorNumeric(value: NumericValue): NumericValue {
  if (typeof value === 'string') return value
  const unit = pow10(value.scale)
  const cut = value.unscaled / unit
  return { unscaled: cut * unit > value.unscaled ? cut - 1n : cut, scale: 0 }
}

/** The least whole number that is not below. */
export function ceilNumeric(value: NumericValue): NumericValue {
  return NUMERIC_ARITHMETIC.negate(floorNumeric(NUMERIC_ARITHMETIC.negate(value)))
}

/**
 * The value in a `numeric(precision, scale)`.
 *
 * Throws: VIEW.EVALUATION 22003 if it has too many digits or is infinite.
 */
export function fitNumeric(value: NumericValue, precision: number, scale: number): NumericValue {
  if (value === 'NaN') return value
  if (typeof value === 'string') throw evaluationError('22003')
  const rounded = roundNumeric(value, scale)
  if (typeof rounded === 'string') return rounded
  const { unscaled } = rounded
  // A negative scale rounds before the point and shows no digit behind it.
  const limit = scale >= 0 ? pow10(precision) : pow10(precision - scale)
  if (unscaled >= limit || unscaled <= -limit) throw evaluationError('22003')
  return rounded
}

/** The value with exactly that scale, rounded half away from zero. */
function rescaled(value: Numeric, scale: number): Numeric {
  const { unscaled } = value
  return {
    unscaled:
      scale >= value.scale
        ? unscaled * pow10(scale - value.scale)
        : divideRounded(unscaled, pow10(value.scale - scale)),
    scale,
  }
}

/** The value if Postgres can hold it. Throws: VIEW.EVALUATION 22003. */
export function inRange(value: Numeric): Numeric {
  const { unscaled, scale } = value
  if (scale > MAX_SCALE) throw evaluationError('22003')
  if (unscaled < CERTAINLY_SMALL && unscaled > -CERTAINLY_SMALL) return value
  const digits = (unscaled < 0n ? -unscaled : unscaled).toString().length
  if (digits - scale > MAX_WHOLE_DIGITS) throw evaluationError('22003')
  return value
}

function addSpecials(a: NumericValue, b: NumericValue): NumericValue {
  if (isNaN(a) || isNaN(b)) return 'NaN'
  if (typeof a === 'string') return typeof b === 'string' && a !== b ? 'NaN' : a
  return b
}

function at(value: Numeric, scale: number): bigint {
  return value.scale === scale ? value.unscaled : value.unscaled * pow10(scale - value.scale)
}

function isNaN(value: NumericValue): boolean {
  return value === 'NaN'
}

function signOf(value: NumericValue): number {
  if (typeof value === 'string') return value === 'Infinity' ? 1 : -1
  return value.unscaled === 0n ? 0 : value.unscaled < 0n ? -1 : 1
}

function infinity(sign: number): NumericValue {
  return sign > 0 ? 'Infinity' : '-Infinity'
}
