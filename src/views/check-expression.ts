import { checkAggregate } from './check-aggregate.ts'
import { checkColumn, misplacedAggregate, type Checked, type CheckScope } from './check-column.ts'
import { checkCall } from './check-predicate.ts'
import { isExpression } from './expression.ts'
import type { ExpressionIr } from './view-ir.ts'

/** Checks a value: a column, a function of a row, an aggregate where groups are meant. */
export function checkExpression(scope: CheckScope, raw: unknown, place: string): Checked<ExpressionIr> {
  if (!isExpression(raw)) {
    return scope.problems.add(
      'VIEW.UNSUPPORTED',
      place,
      'it is neither a column nor an aggregate; constants and nested objects cannot be selected',
    )
  }
  switch (raw.kind) {
    case 'column':
      return checkColumn(scope, raw, place)
    case 'call':
      return checkCall(scope, raw.name, raw.args, place)
    default:
      return scope.aggregates === true
        ? checkAggregate(scope, raw, place)
        : misplacedAggregate(scope, raw.name, place)
  }
}
