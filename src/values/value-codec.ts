import type { ColumnContract } from '../contract/schema-contract.ts'
import type { Value } from './value.ts'

/** What every codec can do, whatever form it keeps values in. */
interface CodecBase {
  readonly column: ColumnContract
  /** `Model.field`, for messages. */
  readonly place: string
  /**
   * The public value, as Prisma Client returns it, of a value in Postgres' text form.
   *
   * Throws: CHANGES.UNDECODABLE_VALUE, CHANGES.UNKNOWN_ENUM_LABEL.
   */
  publicFromText(text: string): unknown
  /**
   * Postgres' text form of a public value.
   *
   * Throws: CONFIG.INVALID_OPTIONS if the value is not of the column's type.
   */
  textFromPublic(value: unknown): string
}

/** Kept in 32 bits: int2, int4, boolean, date (days), enums (index in the contract). */
export interface Int32Codec extends CodecBase {
  readonly storage: 'int32'
  parse(bytes: Uint8Array, start: number, end: number): number
  publicOf(value: number): unknown
  /** What expressions see of the kept number. */
  valueOf(kept: number): Value
  /** The number that a value of an expression, not null, is kept as. */
  keptOf(value: Value): number
}

/** Kept in a double: floats, oid, and numeric of at most 15 digits as an integer in units of 10^-scale. */
export interface Float64Codec extends CodecBase {
  readonly storage: 'float64'
  /** Digits behind the point of a numeric; null for a binary float. */
  readonly scale: number | null
  parse(bytes: Uint8Array, start: number, end: number): number
  publicOf(value: number): unknown
  /** What expressions see of the kept number. */
  valueOf(kept: number): Value
  /** The number that a value of an expression, not null, is kept as. */
  keptOf(value: Value): number
}

/**
 * Kept in two words that sort high signed, low unsigned: int8, and date-times as hours and microseconds
 * within the hour.
 */
export interface Int64Codec extends CodecBase {
  readonly storage: 'int64'
  parse(bytes: Uint8Array, start: number, end: number, out: Int32Array): void
  publicOf(high: number, low: number): unknown
  /** What expressions see of the kept words. */
  valueOf(high: number, low: number): Value
  /** Writes the words that a value of an expression, not null, is kept as. */
  write(value: Value, out: Int32Array): void
}

/** Kept as interned wire bytes: text, uuid, json, bytea, wide numeric, lists and everything else. */
export interface BytesCodec extends CodecBase {
  readonly storage: 'bytes'
  /** What expressions see of the kept text. */
  valueOf(text: string): Value
  /** The text that a value of an expression, not null, is kept as. */
  textOf(value: Value): string
}

/** How one column is read, kept and shown; one codec a column. */
export type ValueCodec = Int32Codec | Float64Codec | Int64Codec | BytesCodec
