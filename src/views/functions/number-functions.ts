import type { Checked } from '../check/check-column.ts'
import type { CallIr, ExpressionIr, TypeIr } from '../view-ir.ts'
import { naturalType } from './natural-literal.ts'
import type { CallCheck, RowFunction } from './row-function.ts'
import { anyNullable, baseOf, isFloat, isNumber, numberTypeOf, typeOf } from './types.ts'

/** Arithmetic with the result types, the scales and the errors of Postgres. */
export const NUMBER_FUNCTIONS = {
  add: { check: checkOperator, write: ([a, b]) => `(${a} + ${b})` },
  subtract: { check: checkOperator, write: ([a, b]) => `(${a} - ${b})` },
  multiply: { check: checkOperator, write: ([a, b]) => `(${a} * ${b})` },
  divide: { check: checkOperator, write: ([a, b]) => `(${a} / ${b})` },
  modulo: { check: checkOperator, write: ([a, b]) => `(${a} % ${b})` },
  negate: { check: checkUnary, write: ([a]) => `(- ${a})` },
  abs: { check: checkUnary, write: ([a]) => `abs(${a})` },
  round: { check: checkRounding, write: writeRounding },
  floor: { check: checkRounding, write: writeRounding },
  ceil: { check: checkRounding, write: writeRounding },
} as const satisfies Readonly<Record<string, RowFunction>>

function checkOperator(call: CallCheck): Checked<CallIr> {
  const { name } = call
  const [left, right] = call.args
  const [a, b] = [left, right].map((raw) => (call.isExpression(raw) ? number(call, raw) : undefined))
  if (a === null || b === null) return null
  if (a === undefined && b === undefined) {
    return call.invalid(`${name} computes with two constants; write the result, or use a column`)
  }
  const x = a ?? numberLiteral(call, left, b?.type ?? null)
  const y = b ?? numberLiteral(call, right, a?.type ?? null)
  if (x === null || y === null) return null
  const pgType = numberTypeOf(x.type, y.type)
  if (name === 'modulo' && (isFloat(x.type) || isFloat(y.type))) {
    return call.invalid(
      `modulo of ${call.label(x)} and ${call.label(y)}: Postgres has no remainder of floating point numbers; cast them to numeric`,
    )
  }
  const exact = [x, y].find(({ type }) => baseOf(type) === 'numeric' || baseOf(type) === 'bigint')
  if (isFloat(typeOf(pgType, false)) && exact !== undefined) {
    return call.invalid(
      `${name} mixes ${call.label(x)} with ${call.label(y)}, whose result Postgres rounds to double precision; cast one of them to the other's type`,
    )
  }
  return { kind: 'call', name, args: [x, y], type: typeOf(pgType, anyNullable([x, y])) }
}

function checkUnary(call: CallCheck): Checked<CallIr> {
  const argument = number(call, call.args[0])
  if (argument === null) return null
  // A sign does not change how many digits there are.
  const { type } = argument
  return { kind: 'call', name: call.name, args: [argument], type: typeOf(baseOf(type), type.nullable) }
}

function checkRounding(call: CallCheck): Checked<CallIr> {
  const { name } = call
  const [raw, digits] = call.args
  const argument = number(call, raw)
  if (argument === null) return null
  const isDecimal = baseOf(argument.type) === 'numeric'
  const type = typeOf(isDecimal ? 'numeric' : 'double precision', argument.type.nullable)
  if (digits === undefined) return { kind: 'call', name, args: [argument], type }
  if (!isDecimal) {
    return call.invalid(
      `round of ${call.label(argument)} to digits: Postgres rounds numeric alone to digits; cast it to numeric`,
    )
  }
  const places = call.literal(digits, typeOf('smallint', false), 'the digits of round are given as')
  return places && { kind: 'call', name, args: [argument, places], type }
}

/** Integers are rounded as `double precision`, as Postgres resolves it. */
function writeRounding([value, digits]: readonly string[], { name, args, type }: CallIr): string {
  const isSame = args[0]?.type.pgType === type.pgType || type.scalar === 'Decimal'
  const argument = isSame ? value : `CAST(${value} AS double precision)`
  return digits === undefined ? `${name}(${argument})` : `${name}(${argument}, ${digits})`
}

/** An expression that is a number. */
function number(call: CallCheck, raw: unknown): Checked<ExpressionIr> {
  const argument = call.expression(raw)
  if (argument === null) return null
  if (isNumber(argument.type)) return argument
  return call.invalid(`${call.name} needs numbers, and ${call.label(argument)} is not one`)
}

function numberLiteral(call: CallCheck, raw: unknown, context: TypeIr | null): Checked<ExpressionIr> {
  const type = naturalType(raw, context)
  if (type === undefined || !isNumber(type)) {
    return call.invalid(`${call.name} needs numbers, and one of its constants is not one`)
  }
  return call.literal(raw, type, `${call.name} has`)
}
