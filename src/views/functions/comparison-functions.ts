import type { Checked } from '../check/check-column.ts'
import { capabilityOf } from '../check/capabilities.ts'
import type { CallIr, ExpressionIr } from '../view-ir.ts'
import { collated } from './collate.ts'
import { allOf } from './logic-functions.ts'
import type { CallCheck, RowFunction } from './row-function.ts'
import { anyNullable, areComparable, typeOf } from './types.ts'

/** Comparisons with SQL's meaning; text by its bytes. */
export const COMPARISON_FUNCTIONS = {
  eq: { check: checkComparison, write: ([a, b]) => `(${a} = ${b})` },
  ne: { check: checkComparison, write: ([a, b]) => `(${a} <> ${b})` },
  gt: { check: checkComparison, write: (parts, call) => ordered('>', parts, call) },
  gte: { check: checkComparison, write: (parts, call) => ordered('>=', parts, call) },
  lt: { check: checkComparison, write: (parts, call) => ordered('<', parts, call) },
  lte: { check: checkComparison, write: (parts, call) => ordered('<=', parts, call) },
  isDistinctFrom: { check: checkComparison, write: ([a, b]) => `(${a} IS DISTINCT FROM ${b})` },
  isNotDistinctFrom: { check: checkComparison, write: ([a, b]) => `(${a} IS NOT DISTINCT FROM ${b})` },
  inArray: {
    check: checkMembership,
    write: ([tested, ...candidates]) => `(${tested} IN (${candidates.join(', ')}))`,
  },
  isNull: { check: checkNullTest, write: ([value]) => `(${value} IS NULL)` },
  isNotNull: { check: checkNullTest, write: ([value]) => `(${value} IS NOT NULL)` },
} as const satisfies Readonly<Record<string, RowFunction>>

function ordered(operator: string, [a, b]: readonly string[], { args }: CallIr): string {
  return `(${collated(a, args[0]?.type)} ${operator} ${collated(b, args[1]?.type)})`
}

function checkComparison(call: CallCheck): Checked<CallIr> {
  const { name } = call
  const operands = comparedOperands(call)
  if (operands === null) return null
  const neverNull = name === 'isDistinctFrom' || name === 'isNotDistinctFrom'
  const type = typeOf('boolean', !neverNull && anyNullable(operands))
  return { kind: 'call', name, args: operands, type }
}

/** The two arguments of a comparison: at least one expression; a constant has the type of the other side. */
export function comparedOperands(call: CallCheck): Checked<readonly ExpressionIr[]> {
  const { name } = call
  const [left, right] = call.args
  const [a, b] = [left, right].map((raw) => (call.isExpression(raw) ? call.expression(raw) : undefined))
  // Undefined: a constant. Null: an expression with a problem, already noted.
  if (a === null || b === null) return null
  const typed = a ?? b
  if (typed === undefined) {
    return call.invalid(`${name} compares two constants; one side must be a column`)
  }
  for (const side of [a, b]) if (side !== undefined && !mayCompare(call, side)) return null
  if (a !== undefined && b !== undefined && !areComparable(a.type, b.type)) {
    return call.invalid(
      `${name} compares ${call.label(a)} with ${call.label(b)}; both sides must be numbers, or of the same type`,
    )
  }
  return allOf([a ?? comparedLiteral(call, left, typed), b ?? comparedLiteral(call, right, typed)])
}

function checkMembership(call: CallCheck): Checked<CallIr> {
  const [raw, ...candidates] = call.args
  const tested = call.expression(raw)
  if (tested === null || !mayCompare(call, tested)) return null
  if (candidates.length === 0) {
    return call.invalid('inArray has no candidate, so it is never true; it needs at least one')
  }
  const literals = allOf(candidates.map((candidate) => comparedLiteral(call, candidate, tested)))
  if (literals === null) return null
  const args = [tested, ...literals]
  return { kind: 'call', name: 'inArray', args, type: typeOf('boolean', anyNullable(args)) }
}

function checkNullTest(call: CallCheck): Checked<CallIr> {
  const { name } = call
  const tested = call.expression(call.args[0])
  if (tested === null) return null
  const { list } = tested.type
  if (list) return call.notExact(refusal(call, tested, `used in ${name}`))
  return { kind: 'call', name, args: [tested], type: typeOf('boolean', false) }
}

/** Whether the function may compare values of that type; if not, the problem is noted. */
function mayCompare(call: CallCheck, side: ExpressionIr): boolean {
  const capability = capabilityOf(side.type)
  const isOrder = ['gt', 'gte', 'lt', 'lte'].includes(call.name)
  if (isOrder ? capability.order : capability.equality) return true
  call.notExact(refusal(call, side, `compared with ${call.name}`))
  return false
}

function refusal(call: CallCheck, side: ExpressionIr, use: string): string {
  return `${call.label(side)} cannot be ${use} exactly: ${capabilityOf(side.type).reason}`
}

function comparedLiteral(call: CallCheck, raw: unknown, other: ExpressionIr): Checked<ExpressionIr> {
  if (call.isExpression(raw)) {
    return call.unsupported('inArray takes constants; combine eq with or for columns')
  }
  if (raw === null || raw === undefined) {
    return call.invalid(
      `${call.label(other)} is compared with ${String(raw)}, which is never true; use isNull or isNotNull`,
    )
  }
  return call.literal(raw, other.type, `${call.label(other)} is compared with`)
}
