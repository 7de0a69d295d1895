import type { CallIr, ExpressionIr, TypeIr } from './view-ir.ts'

/** The type of a condition, which may be unknown. */
export const BOOLEAN: TypeIr = { scalar: 'Boolean', pgType: 'boolean', list: false, nullable: true }

/** The conjunction of conditions; null of none. It may be unknown unless `nullable` says otherwise. */
export function conjunction<Condition extends ExpressionIr>(
  conditions: readonly Condition[],
  nullable = true,
): Condition | CallIr | null {
  const [first, ...others] = conditions
  if (first === undefined) return null
  if (others.length === 0) return first
  return { kind: 'call', name: 'and', args: conditions, type: { ...BOOLEAN, nullable } }
}

/** `a = b`. It may be unknown unless `nullable` says otherwise. */
export function equality(a: ExpressionIr, b: ExpressionIr, nullable = true): CallIr {
  return { kind: 'call', name: 'eq', args: [a, b], type: { ...BOOLEAN, nullable } }
}
