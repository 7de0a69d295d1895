import type { Checked } from '../check/check-column.ts'
import { capabilityOf } from '../check/capabilities.ts'
import type { CallIr, ExpressionIr, TypeIr } from '../view-ir.ts'
import { allOf } from './logic-functions.ts'
import { naturalType } from './natural-literal.ts'
import type { CallCheck, RowFunction } from './row-function.ts'
import {
  anyNullable,
  areComparable,
  baseOf,
  commonType,
  isNumber,
  isText,
  numberTypeOf,
  typeOf,
} from './types.ts'

/** `coalesce`, `nullif` and CASE. Types that differ are cast in the SQL, so that nothing is left to Postgres' guess. */
export const CONDITIONAL_FUNCTIONS = {
  coalesce: {
    check: checkCoalesce,
    write: (parts, call) => `coalesce(${parts.map((part, at) => cast(part, call, at)).join(', ')})`,
  },
  nullif: {
    check: checkNullif,
    write: (parts, call) => `nullif(${cast(parts[0] ?? '', call, 0)}, ${parts[1]})`,
  },
  case: { check: checkCase, write: writeCase },
} as const satisfies Readonly<Record<string, RowFunction>>

function checkCoalesce(call: CallCheck): Checked<CallIr> {
  const values = sameType(call, call.args)
  if (values === null) return null
  const nullable = values.args.every(({ type }) => type.nullable)
  return { kind: 'call', name: 'coalesce', args: values.args, type: { ...values.type, nullable } }
}

function checkNullif(call: CallCheck): Checked<CallIr> {
  const [raw, other] = call.args
  const left = call.expression(raw)
  if (left === null) return null
  const right = call.isExpression(other)
    ? call.expression(other)
    : call.literal(other, left.type, `${call.label(left)} is compared with`)
  if (right === null) return null
  for (const side of [left, right]) {
    const capability = capabilityOf(side.type)
    if (!capability.equality) {
      return call.notExact(`${call.label(side)} cannot be compared with nullif exactly: ${capability.reason}`)
    }
  }
  if (!areComparable(left.type, right.type)) {
    return call.invalid(
      `nullif compares ${call.label(left)} with ${call.label(right)}; both sides must be numbers, or of the same type`,
    )
  }
  const type = { ...promoted(left.type, right.type), nullable: true }
  return { kind: 'call', name: 'nullif', args: [left, right], type }
}

/** `nullif` gives what is compared: an integer becomes numeric beside a numeric, and a varchar is compared as text. */
function promoted(left: TypeIr, right: TypeIr): TypeIr {
  if (isText(left)) return { ...left, pgType: 'text' }
  if (!isNumber(left) || !isNumber(right)) return left
  const base = numberTypeOf(left, right)
  const isExact = base === 'smallint' || base === 'integer' || base === 'bigint' || base === baseOf(left)
  return isExact ? left : typeOf(base, left.nullable)
}

/** Conditions and values by turns, then the value of ELSE where there is one. */
function checkCase(call: CallCheck): Checked<CallIr> {
  const { args } = call
  const branches = Math.floor(args.length / 2)
  const hasElse = args.length % 2 === 1
  const conditions = allOf(
    args
      .slice(0, branches * 2)
      .filter((_, at) => at % 2 === 0)
      .map((raw) => call.condition(raw)),
  )
  const raws = args.filter((_, at) => at % 2 === 1 || (hasElse && at === args.length - 1))
  const values = sameType(call, raws)
  if (conditions === null || values === null) return null
  const checked = conditions.flatMap((condition, at) => {
    const value = values.args[at]
    return value === undefined ? [condition] : [condition, value]
  })
  const last = hasElse ? values.args.at(-1) : undefined
  const type = { ...values.type, nullable: last === undefined || anyNullable(values.args) }
  const otherwise = last ?? { kind: 'literal' as const, text: null, type: { ...type, nullable: true } }
  return { kind: 'call', name: 'case', args: [...checked, otherwise], type }
}

function writeCase(parts: readonly string[], call: CallIr): string {
  const branches = Array.from(
    { length: Math.floor(parts.length / 2) },
    (_, at) => ` WHEN ${parts[at * 2]} THEN ${cast(parts[at * 2 + 1] ?? '', call, at * 2 + 1)}`,
  )
  return `CASE${branches.join('')} ELSE ${cast(parts.at(-1) ?? '', call, parts.length - 1)} END`
}

function cast(part: string, { args, type }: CallIr, at: number): string {
  const from = args[at]?.type
  const isSame = from === undefined || type.list || type.enum !== undefined || baseOf(from) === baseOf(type)
  return isSame ? part : `CAST(${part} AS ${type.pgType})`
}

interface SameType {
  readonly args: readonly ExpressionIr[]
  readonly type: TypeIr
}

/** The arguments with the type that holds them all; constants have the type of the columns beside them, if they fit it. */
function sameType(call: CallCheck, raws: readonly unknown[]): SameType | null {
  const expressions = allOf(raws.filter((raw) => call.isExpression(raw)).map((raw) => call.expression(raw)))
  if (expressions === null) return null
  let type: TypeIr | null = null
  for (const { type: next } of expressions) {
    const common: TypeIr | null = type === null ? next : commonType(type, next)
    if (common === null) return mismatch(call)
    type = common
  }
  const context: TypeIr | null = type
  let index = 0
  const args: ExpressionIr[] = []
  for (const raw of raws) {
    const expression = call.isExpression(raw) ? expressions[index++] : constant(call, raw, context)
    if (expression === null || expression === undefined) return null
    if (expression !== NULL) {
      type = type === null ? expression.type : commonType(type, expression.type)
      if (type === null) return mismatch(call)
    }
    args.push(expression)
  }
  if (type === null) return call.invalid(`${call.name} has no value but null; it needs one`)
  const found = type
  return {
    args: args.map((item) => (item === NULL ? { ...NULL, type: { ...found, nullable: true } } : item)),
    type: { ...found, nullable: anyNullable(args) },
  }
}

/** Stands for null until the type is known. */
const NULL: ExpressionIr = { kind: 'literal', text: null, type: typeOf('text', true) }

function constant(call: CallCheck, raw: unknown, context: TypeIr | null): Checked<ExpressionIr> {
  if (raw === null) return NULL
  const fitting = context === null ? undefined : call.tryLiteral(raw, { ...context, nullable: false })
  if (fitting !== undefined) return fitting
  const natural = naturalType(raw, context)
  if (natural === undefined) return call.invalid(`${call.name} has a constant that is no value of SQL`)
  if (context !== null && commonType(context, natural) === null) {
    return call.literal(raw, context, `${call.name} has`)
  }
  return call.literal(raw, natural, `${call.name} has`)
}

function mismatch(call: CallCheck): null {
  return call.invalid(
    `the values of ${call.name} are of types that have none in common; it needs numbers, or values of one type; use cast`,
  )
}
