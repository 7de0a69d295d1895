import type { EnumContract } from '../../contract/schema-contract.ts'
import { parsePgTypeName } from '../../values/pg-type.ts'
import { shortestReal } from '../../values/shortest-real.ts'
import type { TypeIr } from '../view-ir.ts'

/** The text, or what a value for that type must be. */
export type EncodedLiteral =
  | { readonly ok: true; readonly text: string }
  | { readonly ok: false; readonly needed: string }

const SURROGATE = /\p{Surrogate}/u
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i
const MS_PER_DAY = 86_400_000

/**
 * Writes a literal as Postgres would print it in a column of that type. A value that the column could not
 * hold is not encoded: a cast would silently change it.
 */
export function encodeLiteral(value: unknown, type: TypeIr, enums: readonly EnumContract[]): EncodedLiteral {
  if (type.scalar === 'Enum') return encodeEnum(value, type.enum ?? '', enums)
  const { base, modifiers } = parsePgTypeName(type.pgType)
  const [first, second] = modifiers
  switch (base) {
    case 'smallint':
      return encodeInteger(value, -(2n ** 15n), 2n ** 15n - 1n, type.pgType)
    case 'integer':
      return encodeInteger(value, -(2n ** 31n), 2n ** 31n - 1n, type.pgType)
    case 'oid':
      return encodeInteger(value, 0n, 2n ** 32n - 1n, type.pgType)
    case 'bigint':
      return encodeInteger(value, -(2n ** 63n), 2n ** 63n - 1n, type.pgType)
    case 'numeric':
      return first === undefined
        ? encodeUnbound(value)
        : encodeDecimal(value, first, second ?? 0, type.pgType)
    case 'double precision':
      return encodeFloat(value, (number) => number, type.pgType)
    case 'real':
      return encodeFloat(value, shortestReal, type.pgType)
    case 'boolean':
      return typeof value === 'boolean' ? ok(value ? 't' : 'f') : no('a boolean')
    case 'text':
    case 'character varying':
      return encodeText(value, first ?? Infinity, type.pgType)
    case 'character': {
      const text = encodeText(value, first ?? 1, type.pgType)
      return text.ok ? ok(text.text + ' '.repeat((first ?? 1) - characters(text.text))) : text
    }
    case 'uuid':
      return typeof value === 'string' && UUID.test(value)
        ? ok(value.toLowerCase())
        : no('a UUID with hyphens')
    case 'bit':
    case 'bit varying':
      return encodeBits(value, base === 'bit', first ?? (base === 'bit' ? 1 : Infinity), type.pgType)
    case 'bytea':
      return value instanceof Uint8Array
        ? ok(`\\x${Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('hex')}`)
        : no('a Uint8Array')
    case 'date':
      return encodeDate(value, 0, 'a Date at 00:00 UTC', (iso) => iso.slice(0, 10), MS_PER_DAY)
    case 'timestamp without time zone':
      return encodeDate(value, first ?? 6, 'a Date', (iso) => `${iso.slice(0, 10)} ${clock(iso)}`)
    case 'timestamp with time zone':
      return encodeDate(value, first ?? 6, 'a Date', (iso) => `${iso.slice(0, 10)} ${clock(iso)}+00`)
    case 'time without time zone':
      if (value instanceof Date && Math.floor(value.getTime() / MS_PER_DAY) !== 0)
        return no('a Date of 1970-01-01 UTC')
      return encodeDate(value, first ?? 6, 'a Date', clock)
    default:
      return no('no literal: there is none for this type')
  }
}

function ok(text: string): EncodedLiteral {
  return { ok: true, text }
}

function no(needed: string): EncodedLiteral {
  return { ok: false, needed }
}

function encodeEnum(value: unknown, name: string, enums: readonly EnumContract[]): EncodedLiteral {
  const values = enums.find((item) => item.name === name)?.values ?? []
  const label = values.find((item) => item.name === value)?.label
  return label === undefined ? no(`one of ${values.map((item) => item.name).join(', ')}`) : ok(label)
}

function encodeInteger(value: unknown, least: bigint, most: bigint, pgType: string): EncodedLiteral {
  const needed = `a whole number from ${least} to ${most}, the range of ${pgType}`
  if (typeof value !== 'bigint' && typeof value !== 'number') return no(needed)
  if (typeof value === 'number' && !Number.isSafeInteger(value)) return no(needed)
  const integer = BigInt(value)
  return integer >= least && integer <= most ? ok(integer.toString()) : no(needed)
}

function encodeDecimal(value: unknown, precision: number, scale: number, pgType: string): EncodedLiteral {
  const needed = `a decimal number that ${pgType} holds without rounding`
  const match = /^(?<sign>-?)(?<whole>\d+)(?:\.(?<fraction>\d+))?$/.exec(decimalText(value))?.groups
  if (match === undefined || scale < 0) return no(needed)
  const fraction = (match['fraction'] ?? '').replace(/0+$/, '')
  if (fraction.length > scale) return no(needed)
  const digits = `${match['whole']}${fraction.padEnd(scale, '0')}`.replace(/^0+/, '')
  if (digits.length > precision) return no(needed)
  const padded = digits.padStart(scale + 1, '0')
  const sign = digits === '' ? '' : match['sign']
  const whole = padded.slice(0, padded.length - scale)
  return ok(scale === 0 ? `${sign}${whole}` : `${sign}${whole}.${padded.slice(-scale)}`)
}

function encodeUnbound(value: unknown): EncodedLiteral {
  const text = decimalText(value).replace(/^(-?)0+(?=\d)/, '$1')
  if (!/^-?\d+(?:\.\d+)?$/.test(text)) return no('a decimal number')
  return ok(/[1-9]/.test(text) ? text : text.replace('-', ''))
}

/** Plain notation without an exponent, or something that is not a number. */
function decimalText(value: unknown): string {
  if (typeof value === 'bigint') return value.toString()
  if (typeof value === 'number') return plainNotation(value)
  if (
    typeof value === 'object' &&
    value !== null &&
    'toFixed' in value &&
    typeof value.toFixed === 'function'
  ) {
    return String(value.toFixed())
  }
  return ''
}

/** The shortest digits that read back as the number: 1e-7 is `0.0000001`. */
function plainNotation(value: number): string {
  const match = /^(?<sign>-?)(?<head>\d)(?:\.(?<tail>\d+))?e(?<exponent>[+-]\d+)$/.exec(
    value.toExponential(),
  )?.groups
  if (match === undefined) return ''
  const digits = `${match['head']}${match['tail'] ?? ''}`
  const point = Number(match['exponent']) + 1
  if (point <= 0) return `${match['sign']}0.${'0'.repeat(-point)}${digits}`
  if (point >= digits.length) return `${match['sign']}${digits.padEnd(point, '0')}`
  return `${match['sign']}${digits.slice(0, point)}.${digits.slice(point)}`
}

function encodeFloat(value: unknown, round: (value: number) => number, pgType: string): EncodedLiteral {
  const needed = `a finite number in the range of ${pgType}`
  if (typeof value !== 'number') return no(needed)
  const rounded = round(value)
  if (!Number.isFinite(rounded) || (rounded === 0 && value !== 0)) return no(needed)
  // Adding 0 turns -0, which Postgres takes for equal, into 0.
  return ok(String(rounded + 0))
}

function encodeText(value: unknown, length: number, pgType: string): EncodedLiteral {
  if (typeof value !== 'string') return no('a string')
  if (value.includes('\0') || SURROGATE.test(value))
    return no('a string of Unicode characters other than NUL')
  return characters(value) <= length ? ok(value) : no(`a string that fits ${pgType}`)
}

/** Postgres counts code points. */
function characters(text: string): number {
  return Array.from(text).length
}

function encodeBits(value: unknown, exact: boolean, length: number, pgType: string): EncodedLiteral {
  const fits =
    typeof value === 'string' &&
    /^[01]*$/.test(value) &&
    (exact ? value.length === length : value.length <= length)
  return fits ? ok(value) : no(`a string of 0 and 1 that fits ${pgType}`)
}

function encodeDate(
  value: unknown,
  precision: number,
  needed: string,
  write: (iso: string) => string,
  unit = precision >= 3 ? 1 : 10 ** (3 - precision),
): EncodedLiteral {
  if (!(value instanceof Date)) return no(needed)
  const time = value.getTime()
  const year = value.getUTCFullYear()
  // Beyond these years Postgres' text and JavaScript's no longer agree; NaN fails the comparison too.
  if (!(year >= 1 && year <= 9999)) return no('a valid Date from year 1 to 9999')
  return time % unit === 0
    ? ok(write(value.toISOString()))
    : no(`${needed} without fractions that the column drops`)
}

/** `13:14:15.678` with the zeros trimmed as Postgres does. */
function clock(iso: string): string {
  return iso.slice(11, 23).replace(/\.?0+$/, '')
}
