import type { TypeIr } from '../view-ir.ts'
import { parsePgTypeName } from '../../values/pg-type.ts'

/**
 * What a view may do with values of one Postgres type so that the answer is exactly Postgres' own. The
 * engine works on the text of the wire; a type is listed as capable only where that text decides.
 */
export interface Capability {
  /** Values are compared only with values of the same family. */
  readonly family: string
  /** Whether a view may hold the column at all. */
  readonly read: boolean
  /** `eq ne inArray` in conditions. */
  readonly equality: boolean
  /** Grouping and joining: equal values must have one representation. */
  readonly key: boolean
  /** `gt gte lt lte`. */
  readonly order: boolean
  /** Postgres' result type of `min` and `max`, null where refused. */
  readonly minMax: string | null
  /** Postgres' result type of `sum`, null where refused. */
  readonly sum: string | null
  /** The type of `avg` as our SQL casts it, null where refused. */
  readonly avg: string | null
  /** Why something is refused and what to do instead. */
  readonly reason: string
}

const NOTHING = {
  read: true,
  equality: false,
  key: false,
  order: false,
  minMax: null,
  sum: null,
  avg: null,
} as const

function number(base: string, sum: string, avg: string): Capability {
  return {
    family: 'number',
    read: true,
    equality: true,
    key: true,
    order: true,
    minMax: base,
    sum,
    avg,
    reason: '',
  }
}

function ordered(family: string, base: string): Capability {
  return { ...NOTHING, family, equality: true, key: true, order: true, minMax: base, reason: '' }
}

function equalOnly(family: string, reason: string): Capability {
  return { ...NOTHING, family, equality: true, key: true, reason }
}

function nothing(family: string, reason: string): Capability {
  return { ...NOTHING, family, reason }
}

// 0 and -0 are equal and print differently, so a group or a join key would show either of them.
const FLOAT_REASON =
  'adding floating point numbers rounds differently in every order, and 0 and -0 are equal but not the same; ' +
  'use an Int, BigInt or Decimal column'

function float(base: string): Capability {
  return { ...NOTHING, family: base, equality: true, order: true, minMax: base, reason: FLOAT_REASON }
}

// Postgres has no min and max of these, or not before version 18.
const EQUALITY_ALONE = 'no order is kept for its type; use eq, or order by a DateTime or number column'

/** By `format_type` name without modifiers; enums, lists and unconstrained `numeric` are below. */
const BY_BASE: ReadonlyMap<string, Capability> = new Map([
  ['smallint', number('smallint', 'bigint', 'double precision')],
  ['integer', number('integer', 'bigint', 'double precision')],
  ['bigint', number('bigint', 'numeric', 'double precision')],
  ['numeric', number('numeric', 'numeric', 'numeric')],
  ['oid', ordered('oid', 'oid')],
  // Separate families: 0.1::real = 0.1::float8 is false although both print 0.1.
  ['real', float('real')],
  ['double precision', float('double precision')],
  ['text', ordered('text', 'text')],
  ['character varying', ordered('text', 'text')],
  ['character', equalOnly('character', 'trailing spaces do not count in its order; use a text column')],
  ['uuid', equalOnly('uuid', EQUALITY_ALONE)],
  ['boolean', equalOnly('boolean', EQUALITY_ALONE)],
  ['bytea', equalOnly('bytea', EQUALITY_ALONE)],
  ['bit', equalOnly('bit', EQUALITY_ALONE)],
  ['bit varying', equalOnly('bit varying', EQUALITY_ALONE)],
  ['date', ordered('date', 'date')],
  ['timestamp without time zone', ordered('timestamp', 'timestamp without time zone')],
  ['timestamp with time zone', ordered('timestamptz', 'timestamp with time zone')],
  ['time without time zone', ordered('time', 'time without time zone')],
  [
    'time with time zone',
    nothing('timetz', 'its order depends on the offset that Prisma drops; use @db.Time or @db.Timestamptz'),
  ],
  ['json', nothing('json', 'Postgres cannot compare json; keep what you compare in a column of its own')],
  [
    'jsonb',
    nothing(
      'jsonb',
      'equal jsonb values may differ in their text; keep what you compare in a column of its own',
    ),
  ],
  ['xml', nothing('xml', 'Postgres cannot compare xml; keep what you compare in a column of its own')],
  [
    'inet',
    nothing('inet', 'its order and equality are those of networks, not of its text; use a text column'),
  ],
  ['citext', nothing('citext', "its equality depends on the server's locale; use a text column")],
  [
    'money',
    { ...NOTHING, family: 'money', read: false, reason: 'its text depends on lc_monetary; use @db.Decimal' },
  ],
])

const UNBOUND_NUMERIC: Capability = {
  ...NOTHING,
  family: 'number',
  // They are compared by value; only what shows one of several equal ones is refused.
  equality: true,
  order: true,
  sum: 'numeric',
  avg: 'numeric',
  reason: '1.0 and 1.00 are equal but not the same in a numeric without a scale; declare @db.Decimal(p, s)',
}

const LIST = nothing('list', 'a list cannot be compared, and Postgres may hold NULL where Prisma shows []')

/** What a view may do with values of that type, or of a column's. */
export function capabilityOf(type: Pick<TypeIr, 'pgType' | 'list'> & Partial<TypeIr>): Capability {
  if (type.list) return LIST
  if (type.enum !== undefined) {
    return equalOnly(
      `enum ${type.enum}`,
      'its labels have the order of the catalog, which ALTER TYPE changes; use eq',
    )
  }
  const { base, modifiers } = parsePgTypeName(type.pgType)
  if (base === 'numeric' && modifiers.length === 0) return UNBOUND_NUMERIC
  if (base === 'character' && modifiers.length === 0) {
    return nothing('character', 'trailing spaces do not count in its equality; use a text column')
  }
  // `format_type` prints the schema of an extension that is not on the search path.
  const known = BY_BASE.get(base) ?? (base.endsWith('.citext') ? BY_BASE.get('citext') : undefined)
  // Blanks fill a char(n), so only columns of one length compare by their text.
  if (known !== undefined && base === 'character') return { ...known, family: type.pgType }
  return (
    known ?? {
      ...NOTHING,
      family: base,
      read: false,
      reason: 'this version does not know the type; leave the column out',
    }
  )
}
