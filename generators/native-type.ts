import type { ColumnContract, ScalarType } from '../src/contract/schema-contract.ts'

/** What a Prisma scalar becomes in Postgres where no `@db` attribute says otherwise. */
const DEFAULTS: Readonly<Record<Exclude<ScalarType, 'Enum'>, string>> = {
  String: 'text',
  Int: 'integer',
  BigInt: 'bigint',
  Float: 'double precision',
  Decimal: 'numeric(65,30)',
  Boolean: 'boolean',
  DateTime: 'timestamp(3) without time zone',
  Json: 'jsonb',
  Bytes: 'bytea',
}

/** Postgres' spelling of each `@db` attribute; `#` stands for the arguments in brackets, if there are any. */
const NATIVE: Readonly<Record<string, string>> = {
  Text: 'text',
  Char: 'character#',
  VarChar: 'character varying#',
  Bit: 'bit#',
  VarBit: 'bit varying#',
  Uuid: 'uuid',
  Xml: 'xml',
  Inet: 'inet',
  Citext: 'citext',
  Boolean: 'boolean',
  Integer: 'integer',
  SmallInt: 'smallint',
  Oid: 'oid',
  BigInt: 'bigint',
  DoublePrecision: 'double precision',
  Real: 'real',
  Decimal: 'numeric#',
  Money: 'money',
  Timestamp: 'timestamp# without time zone',
  Timestamptz: 'timestamp# with time zone',
  Date: 'date',
  Time: 'time# without time zone',
  Timetz: 'time# with time zone',
  Json: 'json',
  JsonB: 'jsonb',
  ByteA: 'bytea',
}

/** Types whose length is 1 where none is written. */
const ONE_LONG = new Set(['Char', 'Bit'])

/** Whether a name is one of Prisma's scalar types. */
export function isScalar(type: string): type is Exclude<ScalarType, 'Enum'> {
  return Object.hasOwn(DEFAULTS, type)
}

/**
 * The Postgres type of a scalar as `format_type` prints it; undefined for a `@db` attribute that this
 * version does not know.
 */
export function nativeTypeName(
  type: Exclude<ScalarType, 'Enum'>,
  native: readonly [string, readonly string[]] | null | undefined,
): string | undefined {
  if (native === null || native === undefined) return DEFAULTS[type]
  const [name, args] = native
  if (!Object.hasOwn(NATIVE, name)) return undefined
  const length = args.length > 0 ? `(${args.join(',')})` : ONE_LONG.has(name) ? '(1)' : ''
  return NATIVE[name]?.replace('#', length)
}

/** Smallest stored size, in bytes, from which Postgres may move a value out of its row. */
const TOAST_POINTER_BYTES = 24

/**
 * Whether Postgres may store a value out of its row (TOAST), in which case an update that leaves the value
 * alone does not carry it. Bounded by the type alone, since row width and storage settings can change:
 * types of fixed size and those that never pass 24 bytes with their header stay in the row.
 *
 * Source: PostgreSQL, `toast_tuple_find_biggest_attribute`; text at 4 bytes a character, UTF-8's most.
 */
export function mayBeOutOfLine(column: ColumnContract): boolean {
  return column.list || (column.type !== 'Enum' && maxStoredBytes(column.pgType) > TOAST_POINTER_BYTES)
}

function maxStoredBytes(pgType: string): number {
  const [, name = pgType, first, second = '0'] = /^([a-z ]+?)(?:\((\d+)(?:,(\d+))?\))?$/.exec(pgType) ?? []
  const length = first === undefined ? Infinity : Number(first)
  switch (name) {
    case 'text':
    case 'citext':
    case 'xml':
    case 'json':
    case 'jsonb':
    case 'bytea':
      return Infinity
    case 'character':
    case 'character varying':
      return 4 + 4 * length
    case 'bit':
    case 'bit varying':
      return 8 + Math.ceil(length / 8)
    case 'numeric': {
      // Two bytes for each four decimal digits, counted from the decimal point in both directions.
      const scale = Number(second)
      return 8 + 2 * (Math.ceil(Math.max(length - scale, 0) / 4) + Math.ceil(scale / 4))
    }
    default:
      // Of fixed size, or inet with at most 22 bytes.
      return 0
  }
}
