import type { ColumnContract } from '../../contract/schema-contract.ts'
import { parsePgTypeName } from '../../values/pg-type.ts'
import type { ExpressionIr, TypeIr } from '../../views/view-ir.ts'

/** Whole numbers by how many decimal digits they have at most. */
const WHOLE: Readonly<Record<string, number>> = { smallint: 5, integer: 10, bigint: 19 }

const TEXTS: ReadonlySet<string> = new Set(['text', 'character varying'])

/**
 * The type that the values of an output have: of `min` and `max` that of the column, whose digits and length Postgres leaves out of the
 * aggregate's own type.
 */
export function valueType(expression: ExpressionIr): TypeIr {
  if (expression.kind !== 'aggregate' || expression.argument === null) return expression.type
  if (expression.name !== 'min' && expression.name !== 'max') return expression.type
  return { ...expression.type, pgType: valueType(expression.argument).pgType }
}

/** Whether a column holds every value of a type, NULL apart, as it is: without rounding, cutting or an overflow. */
export function isAssignable(from: TypeIr, to: ColumnContract): boolean {
  if (from.list !== to.list || from.enum !== to.enum) return false
  if (from.enum !== undefined || from.pgType === to.pgType) return true
  const [source, target] = [parsePgTypeName(from.pgType), parsePgTypeName(to.pgType)]
  const digits = WHOLE[source.base]
  if (digits !== undefined) return holdsWhole(digits, target.base, target.modifiers)
  if (TEXTS.has(source.base) && TEXTS.has(target.base)) return fits(source.modifiers, target.modifiers)
  if (source.base !== target.base) return false
  if (source.base === 'numeric') return holdsNumeric(source.modifiers, target.modifiers)
  // Digits of seconds, 6 where none are said.
  if (source.base.startsWith('time')) return (source.modifiers[0] ?? 6) <= (target.modifiers[0] ?? 6)
  // The length of blank-padded text and of other bits is part of the value.
  return source.base === 'bit varying' && fits(source.modifiers, target.modifiers)
}

function holdsWhole(digits: number, base: string, modifiers: readonly number[]): boolean {
  if (base === 'numeric') return holdsNumeric([digits, 0], modifiers)
  if (base === 'double precision') return digits < 16
  return digits <= (WHOLE[base] ?? 0)
}

function holdsNumeric(source: readonly number[], target: readonly number[]): boolean {
  const [toPrecision, toScale = 0] = target
  if (toPrecision === undefined) return true
  const [precision, scale = 0] = source
  return precision !== undefined && scale <= toScale && precision - scale <= toPrecision - toScale
}

/** None is the largest. */
function fits([from]: readonly number[], [to]: readonly number[]): boolean {
  return to === undefined || (from !== undefined && from <= to)
}
