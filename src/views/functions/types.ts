import type { ScalarType } from '../../contract/schema-contract.ts'
import { parsePgTypeName } from '../../values/pg-type.ts'
import { capabilityOf } from '../check/capabilities.ts'
import type { ExpressionIr, TypeIr } from '../view-ir.ts'

const SCALARS: Readonly<Record<string, ScalarType>> = {
  smallint: 'Int',
  integer: 'Int',
  bigint: 'BigInt',
  numeric: 'Decimal',
  real: 'Float',
  'double precision': 'Float',
  boolean: 'Boolean',
  text: 'String',
  bytea: 'Bytes',
  date: 'DateTime',
  'timestamp without time zone': 'DateTime',
  'timestamp with time zone': 'DateTime',
}

/** The type of a computed value, by the name that `format_type` prints. */
export function typeOf(pgType: string, nullable: boolean): TypeIr {
  const scalar = SCALARS[parsePgTypeName(pgType).base] ?? 'String'
  return { scalar, pgType, list: false, nullable }
}

/** Whether one of the arguments may be null, so that a function of them may. */
export function anyNullable(args: readonly ExpressionIr[]): boolean {
  return args.some(({ type }) => type.nullable)
}

/** The type's name without modifiers; the empty text for lists and enums, which no function takes for their element. */
export function baseOf(type: TypeIr): string {
  return type.list || type.enum !== undefined ? '' : parsePgTypeName(type.pgType).base
}

/** `text` or `character varying`: what the text functions take. */
export function isText(type: TypeIr): boolean {
  const base = baseOf(type)
  return base === 'text' || base === 'character varying'
}

/** By rank: where two are mixed, Postgres converts the earlier one. */
const NUMBERS: readonly string[] = ['smallint', 'integer', 'bigint', 'numeric', 'real', 'double precision']

/** Whether the type is one of the numbers that can be computed with. */
export function isNumber(type: TypeIr): boolean {
  return NUMBERS.includes(baseOf(type))
}

/** `real` or `double precision`. */
export function isFloat(type: TypeIr): boolean {
  const base = baseOf(type)
  return base === 'real' || base === 'double precision'
}

/** The type in which Postgres computes with two numbers; a `real` alone stays one. */
export function numberTypeOf(left: TypeIr, right: TypeIr): string {
  const a = NUMBERS.indexOf(baseOf(left))
  const b = NUMBERS.indexOf(baseOf(right))
  const base = NUMBERS[Math.max(a, b)] ?? 'double precision'
  return base === 'real' && a !== b ? 'double precision' : base
}

/**
 * The type that holds the values of both, as `coalesce` and CASE need; null where there is none. Lengths and scales that
 * differ are dropped.
 */
export function commonType(left: TypeIr, right: TypeIr): TypeIr | null {
  const nullable = left.nullable || right.nullable
  if (left.list !== right.list || left.enum !== right.enum) return null
  if (left.pgType === right.pgType) return { ...left, nullable }
  if (left.list || left.enum !== undefined) return null
  if (isNumber(left) && isNumber(right)) return typeOf(numberTypeOf(left, right), nullable)
  if (isText(left) && isText(right)) return typeOf('text', nullable)
  return baseOf(left) === baseOf(right) && baseOf(left) !== 'character'
    ? { ...left, pgType: baseOf(left), nullable }
    : null
}

/** Whether values of the two types can be compared: of one family, or numbers of any kind. */
export function areComparable(left: TypeIr, right: TypeIr): boolean {
  if (isNumber(left) && isNumber(right)) return true
  return capabilityOf(left).family === capabilityOf(right).family
}
