import { parsePgTypeName } from '../../values/pg-type.ts'
import type { TypeIr } from '../../views/view-ir.ts'
import type { ColumnOptions } from './table-ddl.ts'

/** A field's type in a Prisma schema, without `?` and `[]`. */
export interface PrismaType {
  readonly scalar: string
  /** `@db.VarChar(255)`; null where Prisma's default is meant. */
  readonly native: string | null
  /** Prisma Client leaves such a field out. */
  readonly isUnsupported: boolean
}

/** Prisma's type and `@db` attribute by Postgres' name; `#` stands for the modifiers in brackets, if there are any. */
const TYPES: Readonly<Record<string, readonly [scalar: string, native: string | null]>> = {
  smallint: ['Int', 'SmallInt'],
  integer: ['Int', null],
  oid: ['Int', 'Oid'],
  bigint: ['BigInt', null],
  real: ['Float', 'Real'],
  'double precision': ['Float', null],
  numeric: ['Decimal', 'Decimal#'],
  boolean: ['Boolean', null],
  text: ['String', null],
  'character varying': ['String', 'VarChar#'],
  character: ['String', 'Char#'],
  uuid: ['String', 'Uuid'],
  citext: ['String', 'Citext'],
  inet: ['String', 'Inet'],
  bit: ['String', 'Bit#'],
  'bit varying': ['String', 'VarBit#'],
  xml: ['String', 'Xml'],
  json: ['Json', 'Json'],
  jsonb: ['Json', null],
  bytea: ['Bytes', null],
  date: ['DateTime', 'Date'],
  'timestamp without time zone': ['DateTime', 'Timestamp#'],
  'timestamp with time zone': ['DateTime', 'Timestamptz#'],
  'time without time zone': ['DateTime', 'Time#'],
  'time with time zone': ['DateTime', 'Timetz#'],
}

/** What Prisma takes where no attribute is written. */
const DEFAULTS: ReadonlySet<string> = new Set(['Decimal(65, 30)', 'Timestamp(3)'])

/** Without a length, Prisma means one of 1. */
const NEED_LENGTH: ReadonlySet<string> = new Set(['character', 'bit'])

/**
 * Prisma's type for a column of a derived table. It follows the column's type in the database, not the type that a view in memory
 * shows: a count is a BigInt.
 */
export function prismaTypeOf(type: TypeIr, { enumTypes }: ColumnOptions): PrismaType {
  if (type.enum !== undefined) {
    return { scalar: enumTypes.has(type.enum) ? type.enum : 'String', native: null, isUnsupported: false }
  }
  const { base, modifiers } = parsePgTypeName(type.pgType)
  // An extension's type is printed with its schema unless that is on the search path.
  const known = TYPES[base] ?? (base.endsWith('.citext') ? TYPES['citext'] : undefined)
  const isBare = NEED_LENGTH.has(base) && modifiers.length === 0
  if (known === undefined || isBare) {
    return { scalar: `Unsupported(${JSON.stringify(type.pgType)})`, native: null, isUnsupported: true }
  }
  const [scalar, pattern] = known
  const native = pattern?.replace('#', modifiers.length === 0 ? '' : `(${modifiers.join(', ')})`) ?? null
  return {
    scalar,
    native: native === null || DEFAULTS.has(native) ? null : `@db.${native}`,
    isUnsupported: false,
  }
}
