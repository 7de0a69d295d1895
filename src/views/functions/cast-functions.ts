import { makeCast } from '../../values/cast-value.ts'
import { parsePgTypeName } from '../../values/pg-type.ts'
import type { Checked } from '../check/check-column.ts'
import type { CallIr, TypeIr } from '../view-ir.ts'
import type { CallCheck, RowFunction } from './row-function.ts'
import { baseOf, typeOf } from './types.ts'

/** The types that `cast` converts to, as the builder and as `format_type` write them. */
const TARGETS: Readonly<Record<string, string>> = {
  smallint: 'smallint',
  integer: 'integer',
  bigint: 'bigint',
  numeric: 'numeric',
  'double precision': 'double precision',
  text: 'text',
  boolean: 'boolean',
  date: 'date',
  timestamp: 'timestamp without time zone',
  timestamptz: 'timestamp with time zone',
}

/** `CAST`, where the answer depends on the value alone. */
export const CAST_FUNCTIONS = {
  cast: { check: checkCast, write: ([value], call) => writeCast(value ?? '', call) },
} as const satisfies Readonly<Record<string, RowFunction>>

function checkCast(call: CallCheck): Checked<CallIr> {
  const [raw, wanted] = call.args
  const argument = call.expression(raw)
  if (argument === null) return null
  const pgType = targetOf(wanted)
  if (pgType === undefined) {
    return call.invalid(
      `cast does not know the type; it needs one of ${Object.keys(TARGETS).join(', ')}, numeric(precision, scale)`,
    )
  }
  const { type } = argument
  const exists =
    type.enum === undefined ? !type.list && makeCast(type.pgType, pgType) !== undefined : pgType === 'text'
  if (exists) return { kind: 'call', name: 'cast', args: [argument], type: typeOf(pgType, type.nullable) }
  const found = `a cast of ${call.label(argument)} to ${pgType}`
  const reason = settingOf(type, pgType)
  return reason === undefined
    ? call.invalid(`${found} is none that views know; leave it out`)
    : call.notExact(`${found} cannot be exact: ${reason}`)
}

function targetOf(wanted: unknown): string | undefined {
  if (typeof wanted !== 'string') return undefined
  const compact = wanted.replaceAll(/\s*([(),])\s*/g, '$1')
  const { base, modifiers } = parsePgTypeName(compact)
  if (base !== 'numeric' || modifiers.length === 0)
    return Object.hasOwn(TARGETS, compact) ? TARGETS[compact] : undefined
  const [precision = 0, scale = 0] = modifiers
  const isValid =
    modifiers.length <= 2 && precision >= 1 && precision <= 1000 && scale >= 0 && scale <= precision
  return isValid ? `numeric(${precision},${scale})` : undefined
}

/** Why Postgres' answer depends on more than the value. */
function settingOf(type: TypeIr, pgType: string): string | undefined {
  const base = baseOf(type)
  const isDate = type.scalar === 'DateTime'
  if (pgType === 'text' && (base === 'real' || base === 'double precision'))
    return 'the digits of a floating point number depend on extra_float_digits; cast it to numeric first'
  if (pgType === 'text' && isDate)
    return 'the text of a date depends on DateStyle; put it together from datePart'
  if (isText(base) && typeOf(pgType, false).scalar === 'DateTime')
    return 'the date that a text means depends on DateStyle and on the day; keep it in a DateTime column'
  return base === 'character'
    ? 'blanks at its end count in some functions and not in others; use a text column'
    : undefined
}

function isText(base: string): boolean {
  return base === 'text' || base === 'character varying'
}

/** Time zones are UTC, whatever the session's is. */
function writeCast(value: string, { args, type }: CallIr): string {
  const from = args[0] === undefined ? '' : baseOf(args[0].type)
  const to = type.pgType
  const zoned = 'timestamp with time zone'
  if (from === zoned && to !== zoned) {
    const local = `(${value} AT TIME ZONE 'UTC')`
    return to === 'date' ? `CAST(${local} AS date)` : local
  }
  if (to === zoned && from !== zoned) {
    return `(CAST(${value} AS timestamp without time zone) AT TIME ZONE 'UTC')`
  }
  return `CAST(${value} AS ${to})`
}
