import type { ExpressionIr } from '../view-ir.ts'

/** Whether an expression is of a whole group. */
export function hasAggregate(expression: ExpressionIr): boolean {
  if (expression.kind === 'call') return expression.args.some(hasAggregate)
  return expression.kind === 'aggregate'
}
