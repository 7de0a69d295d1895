import {
  dayTimeOf,
  INSTANT_INFINITY,
  INSTANT_MINUS_INFINITY,
  instantOf,
  isInfiniteInstant,
} from './calendar.ts'
import { toDouble, toNumeric } from './compare-values.ts'
import { evaluationError } from './evaluation-error.ts'
import { roundHalfEvenFloat } from './float-arithmetic.ts'
import { bigintInRange, integerInRange } from './integer-arithmetic.ts'
import { fitNumeric, roundNumeric } from './numeric-arithmetic.ts'
import { parsePgTypeName } from './pg-type.ts'
import { DAYS_INFINITY, DAYS_MINUS_INFINITY, END_OF_INSTANTS } from './read-date-time.ts'
import { significantDigits } from './shortest-real.ts'
import { booleanOfText, doubleOfText, integerOfText, numericOfUserText } from './text-casts.ts'
import { numericOfText, textOfNumeric, textOfValue, valueKind, type ValueKind } from './value-of-text.ts'
import { isNumeric, type NumericValue, type Value } from './value.ts'

/** Converts a value that is not null. Throws: VIEW.EVALUATION as Postgres does. */
export type Cast = (value: Value) => Value

/**
 * The conversion between two types (as `format_type` prints them) where Postgres' answer depends on the value alone;
 * timestamps with a time zone are those of UTC.
 *
 * Returns undefined where there is no such conversion.
 */
export function makeCast(from: string, to: string): Cast | undefined {
  const source = valueKind(from)
  const { base, modifiers } = parsePgTypeName(to)
  switch (base) {
    case 'smallint':
    case 'integer':
    case 'bigint':
      return castToInteger(source, from, base)
    case 'numeric':
      return castToNumeric(source, from, modifiers)
    case 'double precision':
      return castToDouble(source, from)
    case 'text':
      return castToText(source, from)
    case 'boolean':
      return castToBoolean(source, from)
    default:
      return castToDate(source, from, to)
  }
}

function castToInteger(
  source: ValueKind,
  from: string,
  to: 'smallint' | 'integer' | 'bigint',
): Cast | undefined {
  const fit = (value: number | bigint): Value => {
    if (to === 'bigint') return bigintInRange(BigInt(value))
    return integerInRange(Number(value), to === 'integer' ? 0x7fff_ffff : 0x7fff)
  }
  switch (source) {
    case 'integer':
    case 'bigint':
      return from === 'oid' ? undefined : (value) => fit(integerOf(value))
    case 'numeric':
      return (value) => {
        const rounded = roundNumeric(toNumeric(value), 0)
        if (typeof rounded === 'string') throw evaluationError('0A000')
        return fit(rounded.unscaled)
      }
    case 'real':
    case 'double':
      return (value) => {
        const rounded = roundHalfEvenFloat(toDouble(value, source))
        if (!Number.isFinite(rounded)) throw evaluationError('22003')
        return fit(rounded + 0)
      }
    case 'boolean':
      return to === 'integer' ? (value) => (value === true ? 1 : 0) : undefined
    case 'text':
      return isText(from) ? (value) => fit(integerOfText(textOfValue(value))) : undefined
    default:
      return undefined
  }
}

function integerOf(value: Value): number | bigint {
  return typeof value === 'bigint' ? value : Number(value)
}

function castToNumeric(source: ValueKind, from: string, modifiers: readonly number[]): Cast | undefined {
  const [precision, scale = 0] = modifiers
  const fit = (value: NumericValue): NumericValue =>
    precision === undefined ? value : fitNumeric(value, precision, scale)
  switch (source) {
    case 'integer':
    case 'bigint':
    case 'numeric':
      return from === 'oid' ? undefined : (value) => fit(toNumeric(value))
    case 'real':
    case 'double': {
      // Postgres takes the digits that the type is sure to hold.
      const digits = source === 'real' ? 6 : 15
      return (value) => fit(numericOfDouble(toDouble(value, source), digits))
    }
    case 'text':
      return isText(from) ? (value) => fit(numericOfUserText(textOfValue(value))) : undefined
    default:
      return undefined
  }
}

function numericOfDouble(value: number, digits: number): NumericValue {
  if (!Number.isFinite(value)) return numericOfText(textOfValue(value))
  // As printf's %g has it, without zeros at the end.
  return numericOfText(significantDigits(value, digits).replace(/\.?0*e/, 'e'))
}

function castToDouble(source: ValueKind, from: string): Cast | undefined {
  switch (source) {
    case 'integer':
    case 'bigint':
    case 'real':
    case 'double':
      return from === 'oid' ? undefined : (value) => toDouble(value, source)
    case 'numeric':
      return (value) => {
        const double = toDouble(value, source)
        const isLost = double === 0 && isNumeric(value) && value.unscaled !== 0n
        if (isLost || (isNumeric(value) && !Number.isFinite(double))) throw evaluationError('22003')
        return double
      }
    case 'text':
      return isText(from) ? (value) => doubleOfText(textOfValue(value)) : undefined
    default:
      return undefined
  }
}

/** Texts of floats and dates depend on settings of the session. */
function castToText(source: ValueKind, from: string): Cast | undefined {
  switch (source) {
    case 'integer':
    case 'bigint':
      return textOfValue
    case 'numeric':
      return textOfNumeric
    case 'boolean':
      return (value) => (value === true ? 'true' : 'false')
    case 'text':
      return from === 'uuid' || isText(from) ? (value) => value : undefined
    default:
      return undefined
  }
}

function castToBoolean(source: ValueKind, from: string): Cast | undefined {
  if (source === 'boolean') return (value) => value
  if (from === 'integer') return (value) => value !== 0
  return isText(from) ? (value) => booleanOfText(textOfValue(value)) : undefined
}

function castToDate(source: ValueKind, from: string, to: string): Cast | undefined {
  const isInstant = valueKind(to) === 'instant'
  if (to === 'date') {
    if (source === 'instant') return dayOfInstant
    return from === 'date' ? (value) => value : undefined
  }
  if (!isInstant) return undefined
  if (source === 'instant') return (value) => value
  return source === 'date' ? midnightOf : undefined
}

function dayOfInstant(value: Value): number {
  if (typeof value !== 'bigint') return 0
  if (isInfiniteInstant(value)) return value > 0n ? DAYS_INFINITY : DAYS_MINUS_INFINITY
  return dayTimeOf(value).days
}

function midnightOf(value: Value): bigint {
  const days = Number(value)
  if (days === DAYS_INFINITY) return INSTANT_INFINITY
  if (days === DAYS_MINUS_INFINITY) return INSTANT_MINUS_INFINITY
  if (days >= END_OF_INSTANTS) throw evaluationError('22008')
  return instantOf(days, 0)
}

function isText(pgType: string): boolean {
  const { base } = parsePgTypeName(pgType)
  return base === 'text' || base === 'character varying'
}
