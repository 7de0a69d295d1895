import type { ScalarType } from '../src/contract/schema-contract.ts'

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
