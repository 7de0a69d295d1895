import type { ColumnContract, DecimalConstructor } from '../contract/schema-contract.ts'
import { DbsyncError } from '../core/errors.ts'
import { undecodable, unfit } from './codec-errors.ts'
import { formatScaled, isNumericText, parseNumeric } from './numeric.ts'
import { bigintOfWords, readFloat, readInt64, readInteger, readScaled } from './read-number.ts'
import { numericOfText, textOfNumeric } from './value-of-text.ts'
import { isNumeric } from './value.ts'
import type { BytesCodec, Float64Codec, Int32Codec, Int64Codec } from './value-codec.ts'

/** smallint and integer: wire `42`, public `42`. */
export function integerCodec(column: ColumnContract, place: string): Int32Codec {
  const limit = column.pgType === 'smallint' ? 0x7fff : 0x7fff_ffff
  const parse = (bytes: Uint8Array, start: number, end: number): number => {
    const value = readInteger(bytes, start, end)
    if (value >= -limit - 1 && value <= limit) return value
    throw undecodable(place, column.pgType, 'no integer of that size')
  }
  return {
    storage: 'int32',
    column,
    place,
    parse,
    publicOf: (value) => value,
    valueOf: (kept) => kept,
    keptOf: Number,
    publicFromText: (text) => parseText(parse, text),
    textFromPublic(value) {
      if (Number.isInteger(value)) return String(value)
      throw unfit(place, 'an integer number', value)
    },
  }
}

/** oid: wire `4294967295`, public number. */
export function oidCodec(column: ColumnContract, place: string): Float64Codec {
  const parse = (bytes: Uint8Array, start: number, end: number): number => {
    const value = readInteger(bytes, start, end)
    if (value >= 0 && value <= 0xffff_ffff) return value
    throw undecodable(place, column.pgType, 'no unsigned 32-bit integer')
  }
  return {
    storage: 'float64',
    scale: 0,
    column,
    place,
    parse,
    publicOf: (value) => value,
    valueOf: (kept) => kept,
    keptOf: Number,
    publicFromText: (text) => parseText(parse, text),
    textFromPublic(value) {
      if (Number.isInteger(value)) return String(value)
      throw unfit(place, 'an integer number', value)
    },
  }
}

/** bigint: wire `9007199254740993`, kept as two words, public bigint. */
export function bigintCodec(column: ColumnContract, place: string): Int64Codec {
  const parse = (bytes: Uint8Array, start: number, end: number, out: Int32Array): void => {
    if (!readInt64(bytes, start, end, out)) throw undecodable(place, column.pgType, 'no 64-bit integer')
  }
  const scratch = new Int32Array(2)
  return {
    storage: 'int64',
    column,
    place,
    parse,
    publicOf: bigintOfWords,
    valueOf: bigintOfWords,
    write(value, out) {
      const bits = BigInt.asIntN(64, typeof value === 'bigint' ? value : BigInt(Number(value)))
      out[0] = Number(bits >> 32n)
      out[1] = Number(BigInt.asIntN(32, bits))
    },
    publicFromText(text) {
      const bytes = Buffer.from(text)
      parse(bytes, 0, bytes.length, scratch)
      return bigintOfWords(scratch[0] ?? 0, scratch[1] ?? 0)
    },
    textFromPublic(value) {
      if (typeof value === 'bigint' || Number.isSafeInteger(value)) return String(value)
      throw unfit(place, 'a bigint', value)
    },
  }
}

/** real and double precision: wire `0.1`, `NaN`, `-Infinity`; public number. */
export function floatCodec(column: ColumnContract, place: string): Float64Codec {
  const parse = (bytes: Uint8Array, start: number, end: number): number => {
    const value = readFloat(bytes, start, end)
    if (value !== undefined) return value
    throw undecodable(place, column.pgType, 'no floating point number')
  }
  return {
    storage: 'float64',
    scale: null,
    column,
    place,
    parse,
    publicOf: (value) => value,
    valueOf: (kept) => kept,
    keptOf: Number,
    publicFromText: (text) => parseText(parse, text),
    textFromPublic(value) {
      if (typeof value !== 'number') throw unfit(place, 'a number', value)
      return Object.is(value, -0) ? '-0' : String(value)
    },
  }
}

/** bigint that is shown as a number, as a count is: wire `42`, public `42`. */
export function safeIntegerCodec(column: ColumnContract, place: string): Int64Codec {
  const codec = bigintCodec(column, place)
  const publicOf = (high: number, low: number): number => {
    const value = high * 0x1_0000_0000 + (low >>> 0)
    if (Number.isSafeInteger(value)) return value
    throw tooLarge(place)
  }
  return {
    ...codec,
    publicOf,
    publicFromText(text) {
      const value = Number(text)
      if (Number.isSafeInteger(value)) return value
      throw tooLarge(place)
    },
  }
}

/** numeric without a fraction that is shown as a bigint or a number, as a sum of integers is. */
export function wholeNumericCodec(column: ColumnContract, place: string): BytesCodec {
  return {
    storage: 'bytes',
    column,
    place,
    publicFromText(text) {
      if (column.type === 'BigInt') return BigInt(text)
      const value = Number(text)
      if (Number.isSafeInteger(value)) return value
      throw tooLarge(place)
    },
    textFromPublic(value) {
      if (typeof value === 'bigint' || Number.isSafeInteger(value)) return String(value)
      throw unfit(place, 'a whole number', value)
    },
    valueOf: numericOfText,
    textOf: textOfNumeric,
  }
}

function tooLarge(place: string): DbsyncError {
  return new DbsyncError(
    'VIEW.OUT_OF_RANGE',
    `${place}: found an integer past 2^53; need one that a number holds exactly. Use BigInt or Decimal columns.`,
  )
}

/** numeric(p,s) with p up to 15: wire `-1.50`, kept as -150, public Decimal. */
export function scaledCodec(
  column: ColumnContract,
  place: string,
  scale: number,
  Decimal: DecimalConstructor,
): Float64Codec {
  const parse = (bytes: Uint8Array, start: number, end: number): number => {
    const value = readScaled(bytes, start, end, scale)
    if (value !== Number.POSITIVE_INFINITY) return value
    throw undecodable(place, column.pgType, 'no numeric of that precision and scale')
  }
  const publicOf = (value: number): unknown =>
    new Decimal(Number.isNaN(value) ? 'NaN' : formatScaled(value, scale))
  return {
    storage: 'float64',
    scale,
    column,
    place,
    parse,
    publicOf,
    valueOf: (kept) => (Number.isNaN(kept) ? 'NaN' : { unscaled: BigInt(kept), scale }),
    keptOf: (value) =>
      isNumeric(value) && value.scale === scale
        ? Number(value.unscaled)
        : parseText(parse, textOfNumeric(value)),
    publicFromText: (text) => publicOf(parseText(parse, text)),
    textFromPublic: (value) => decimalText(place, value),
  }
}

/** Every other numeric: kept as its wire text, public Decimal. */
export function wideNumericCodec(
  column: ColumnContract,
  place: string,
  Decimal: DecimalConstructor,
): BytesCodec {
  const scale = fixedScale(column.pgType)
  return {
    storage: 'bytes',
    column,
    place,
    valueOf: numericOfText,
    textOf: textOfNumeric,
    publicFromText: (text) => decimalFromText(column, place, text, Decimal),
    textFromPublic(value) {
      const text = decimalText(place, value)
      // Keys are found by their wire text, which shows every digit of the column's scale.
      const numeric = scale === null ? undefined : parseNumeric(text)
      if (numeric === undefined || scale === null || numeric.scale >= scale) return text
      return `${text}${numeric.scale === 0 ? '.' : ''}${'0'.repeat(scale - numeric.scale)}`
    },
  }
}

/** The scale of `numeric(p,s)`, zero of `numeric(p)`, null of `numeric`. */
export function fixedScale(pgType: string): number | null {
  const match = /^numeric\((\d+)(?:,(-?\d+))?\)$/.exec(pgType)
  return match === null ? null : Number(match[2] ?? 0)
}

function parseText(parse: (bytes: Uint8Array, start: number, end: number) => number, text: string): number {
  const bytes = Buffer.from(text)
  return parse(bytes, 0, bytes.length)
}

function decimalFromText(
  column: ColumnContract,
  place: string,
  text: string,
  Decimal: DecimalConstructor,
): unknown {
  if (isNumericText(text)) return new Decimal(text)
  throw undecodable(place, column.pgType, 'no numeric')
}

function decimalText(place: string, value: unknown): string {
  if (typeof value === 'number' || typeof value === 'bigint') return String(value)
  if (typeof value === 'string' && parseNumeric(value) !== undefined) return value
  if (
    typeof value === 'object' &&
    value !== null &&
    'toFixed' in value &&
    typeof value.toFixed === 'function'
  ) {
    return String(value.toFixed())
  }
  throw unfit(place, 'a Decimal', value)
}
