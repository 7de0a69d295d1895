import { DATE_PARTS, DAY_PARTS, TIME_PARTS, TRUNC_UNITS } from '../../values/date-part.ts'
import type { Checked } from '../check/check-column.ts'
import type { CallIr, TypeIr } from '../view-ir.ts'
import type { CallCheck, RowFunction } from './row-function.ts'
import { baseOf, typeOf } from './types.ts'

const ZONED = 'timestamp with time zone'

/** Parts and truncation of dates and times, in UTC. */
export const DATE_FUNCTIONS = {
  datePart: { check: checkPart, write: ([, value], call) => writePart(value ?? '', call) },
  dateTrunc: { check: checkTrunc, write: ([, value], call) => writeTrunc(value ?? '', call) },
} as const satisfies Readonly<Record<string, RowFunction>>

function checkPart(call: CallCheck): Checked<CallIr> {
  const [unit, raw] = call.args
  const argument = call.expression(raw)
  if (argument === null) return null
  const parts = partsOf(argument.type)
  if (parts.length === 0) return noDate(call, call.label(argument))
  if (typeof unit !== 'string' || !parts.includes(unit)) {
    return call.invalid(`datePart of ${call.label(argument)} has no such part; it has: ${parts.join(', ')}`)
  }
  const isWhole = unit !== 'second' && unit !== 'epoch'
  // An infinity has none of the parts that come round again.
  const isTotal = unit === 'year' || unit === 'epoch' || baseOf(argument.type) === 'time without time zone'
  const type = typeOf(isWhole ? 'integer' : 'double precision', argument.type.nullable || !isTotal)
  return { kind: 'call', name: 'datePart', args: [unitLiteral(unit), argument], type }
}

function checkTrunc(call: CallCheck): Checked<CallIr> {
  const [unit, raw] = call.args
  const argument = call.expression(raw)
  if (argument === null) return null
  const base = baseOf(argument.type)
  const units: readonly string[] = TRUNC_UNITS.filter(
    (name) => base !== 'date' || !(TIME_PARTS as readonly string[]).includes(name),
  )
  if (!['date', 'timestamp without time zone', ZONED].includes(base))
    return noDate(call, call.label(argument))
  if (typeof unit !== 'string' || !units.includes(unit)) {
    return call.invalid(`dateTrunc of ${call.label(argument)} has no such unit; it has: ${units.join(', ')}`)
  }
  const type = { ...argument.type, pgType: base }
  return { kind: 'call', name: 'dateTrunc', args: [unitLiteral(unit), argument], type }
}

function partsOf(type: TypeIr): readonly string[] {
  switch (baseOf(type)) {
    case 'date':
      return [...DAY_PARTS, 'epoch']
    case 'time without time zone':
      return [...TIME_PARTS, 'epoch']
    case 'timestamp without time zone':
    case ZONED:
      return DATE_PARTS
    default:
      return []
  }
}

function noDate(call: CallCheck, label: string): null {
  return call.invalid(`${call.name} needs a date or a timestamp, and ${label} is neither`)
}

function unitLiteral(unit: string): { kind: 'literal'; text: string; type: TypeIr } {
  return { kind: 'literal', text: unit, type: typeOf('text', false) }
}

function writePart(value: string, { args: [unit, argument], type }: CallIr): string {
  const name = unit?.kind === 'literal' ? (unit.text ?? '') : ''
  const isZoned = argument !== undefined && baseOf(argument.type) === ZONED
  const local = isZoned ? `(${value} AT TIME ZONE 'UTC')` : value
  return type.scalar === 'Int'
    ? `CAST(extract(${name} FROM ${local}) AS integer)`
    : `date_part('${name}', ${local})`
}

function writeTrunc(value: string, { args: [unit, argument] }: CallIr): string {
  const name = unit?.kind === 'literal' ? (unit.text ?? '') : ''
  switch (argument === undefined ? '' : baseOf(argument.type)) {
    case 'date':
      return `CAST(date_trunc('${name}', CAST(${value} AS timestamp without time zone)) AS date)`
    case ZONED:
      return `date_trunc('${name}', ${value}, 'UTC')`
    default:
      return `date_trunc('${name}', ${value})`
  }
}
