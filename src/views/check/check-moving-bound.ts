import { describe, label, type Checked, type CheckScope } from './check-column.ts'
import { checkExpression } from './check-predicate.ts'
import { isExpression, type MovingTime } from '../build/expression.ts'
import { baseOf, typeOf } from '../functions/types.ts'
import type { CallIr, CallName, LiteralIr } from '../view-ir.ts'

const TURNED = { gt: 'lt', gte: 'lte', lt: 'gt', lte: 'gte' } as const
type Order = keyof typeof TURNED

const MICROS = {
  weeks: 604_800_000_000,
  days: 86_400_000_000,
  hours: 3_600_000_000,
  minutes: 60_000_000,
  seconds: 1_000_000,
} as const
const UNITS = Object.keys(MICROS).join(', ')
/** A hundred years: a number holds so many microseconds without loss. */
const MOST = 36_525 * MICROS.days

/** Whether a raw condition orders something and a moving time, so that {@link checkMovingBound} checks it. */
export function isMovingBound(raw: unknown): boolean {
  if (!isExpression(raw) || raw.kind !== 'call' || !isOrder(raw.name)) return false
  return raw.args.some(isMoving)
}

/** Checks a conjunct of WHERE that compares a timestamp with `nowMinus`; the timestamp is the first argument of the result. */
export function checkMovingBound(scope: CheckScope, raw: unknown, place: string): Checked<CallIr> {
  if (!isExpression(raw) || raw.kind !== 'call' || !isOrder(raw.name)) return null
  const { problems } = scope
  const [left, right] = raw.args
  const [value, moving] = isMoving(right) ? [left, right] : [right, left]
  if (!isMoving(moving)) return null
  const name = isMoving(right) ? raw.name : TURNED[raw.name]
  const tested = checkExpression(scope, value, place, raw.name)
  const micros = checkInterval(scope, moving.interval, place)
  if (tested === null || micros === null) return null
  const base = baseOf(tested.type)
  if (base !== 'timestamp without time zone' && base !== 'timestamp with time zone') {
    return problems.add(
      'VIEW.INVALID_DEFINITION',
      place,
      `${label(tested)} is compared with nowMinus; it needs a timestamp. Cast a date to timestamp or timestamptz`,
    )
  }
  const bound: CallIr = { kind: 'call', name: 'nowMinus', args: [micros], type: typeOf(base, false) }
  return { kind: 'call', name, args: [tested, bound], type: typeOf('boolean', tested.type.nullable) }
}

function checkInterval({ problems }: CheckScope, interval: unknown, place: string): Checked<LiteralIr> {
  const refuse = (found: string): null =>
    problems.add(
      'VIEW.INVALID_DEFINITION',
      place,
      `nowMinus has ${found}; it needs an object of numbers under ${UNITS}`,
    )
  if (typeof interval !== 'object' || interval === null) return refuse(describe(interval))
  let micros = 0
  const parts = Object.entries(interval).filter(([, value]) => value !== undefined)
  if (parts.length === 0) return refuse('no length')
  for (const [unit, value] of parts) {
    if (unit === 'months' || unit === 'years') return refuse(`${unit}, which have no fixed length`)
    if (!isUnit(unit)) return refuse(`a unit "${unit}"`)
    if (typeof value !== 'number' || !Number.isFinite(value)) return refuse(`no number of ${unit}`)
    micros += Math.round(value * MICROS[unit])
  }
  if (Math.abs(micros) > MOST) return refuse('a length of more than a hundred years')
  return { kind: 'literal', text: String(BigInt(micros)), type: typeOf('bigint', false) }
}

function isUnit(name: string): name is keyof typeof MICROS {
  return Object.hasOwn(MICROS, name)
}

function isOrder(name: CallName): name is Order {
  return Object.hasOwn(TURNED, name)
}

function isMoving(raw: unknown): raw is MovingTime {
  return isExpression(raw) && raw.kind === 'moving'
}
