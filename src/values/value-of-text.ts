import { INSTANT_INFINITY, INSTANT_MINUS_INFINITY } from './calendar.ts'
import { formatNumeric, parseNumeric } from './numeric.ts'
import { parsePgTypeName } from './pg-type.ts'
import { instantMicroseconds, readDays, readInstant, readTime } from './read-date-time.ts'
import { isNumeric, type NumericValue, type Value } from './value.ts'

/** How values of one Postgres type are passed around. */
export type ValueKind =
  | 'integer'
  | 'bigint'
  | 'numeric'
  | 'real'
  | 'double'
  | 'boolean'
  | 'text'
  | 'date'
  | 'instant'
  | 'time'

const KINDS: Readonly<Record<string, ValueKind>> = {
  smallint: 'integer',
  integer: 'integer',
  oid: 'integer',
  bigint: 'bigint',
  numeric: 'numeric',
  real: 'real',
  'double precision': 'double',
  boolean: 'boolean',
  date: 'date',
  'timestamp without time zone': 'instant',
  'timestamp with time zone': 'instant',
  'time without time zone': 'time',
}

/** The kind of a type; lists, and types that are kept as their text, are texts. */
export function valueKind(pgType: string, isList = false): ValueKind {
  return isList ? 'text' : (KINDS[parsePgTypeName(pgType).base] ?? 'text')
}

/** Reads Postgres' own text of a value of that kind. */
export function valueOfText(text: string, kind: ValueKind): Value {
  switch (kind) {
    case 'integer':
    case 'real':
    case 'double':
      return Number(text)
    case 'bigint':
      return BigInt(text)
    case 'numeric':
      return numericOfText(text)
    case 'boolean':
      return text === 't' || text === 'true'
    case 'date': {
      const bytes = Buffer.from(text)
      return readDays(bytes, 0, bytes.length)
    }
    case 'instant': {
      const bytes = Buffer.from(text)
      readInstant(bytes, 0, bytes.length, WORDS)
      return instantOfWords(WORDS[0]!, WORDS[1]!)
    }
    case 'time': {
      const bytes = Buffer.from(text)
      readTime(bytes, 0, bytes.length, WORDS)
      return timeOfWords(WORDS[0]!, WORDS[1]!)
    }
    default:
      return text
  }
}

const WORDS = new Int32Array(2)

/** The numeric that Postgres prints so. */
export function numericOfText(text: string): NumericValue {
  const finite = parseNumeric(text)
  if (finite !== undefined) return finite
  return text === 'Infinity' || text === '-Infinity' ? text : 'NaN'
}

/** Writes a numeric as Postgres does. */
export function textOfNumeric(value: Value): string {
  return isNumeric(value) ? formatNumeric(value) : String(value)
}

/** The text of a value that is kept as text. */
export function textOfValue(value: Value): string {
  return typeof value === 'string' ? value : textOfNumeric(value)
}

/** The instant of two kept words. */
export function instantOfWords(hours: number, microseconds: number): bigint {
  const instant = instantMicroseconds(hours, microseconds)
  return instant ?? (hours > 0 ? INSTANT_INFINITY : INSTANT_MINUS_INFINITY)
}

/** The time of two kept words. */
export function timeOfWords(hours: number, microseconds: number): number {
  return hours * 3_600_000_000 + (microseconds >>> 0)
}
