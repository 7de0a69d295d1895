import { capabilityOf } from './capabilities.ts'
import { describe, nameOf, refuse, type Checked, type CheckScope } from './check-column.ts'
import { checkExpression } from './check-predicate.ts'
import { isOrder } from '../build/order.ts'
import { isSortable } from './sortable.ts'
import { sameExpression } from '../same-expression.ts'
import type { AggregateIr, ExpressionIr, OrderIr } from '../view-ir.ts'
import { aliasesIn } from '../walk-ir.ts'

/** Checks ORDER BY inside an aggregate: that each item can be sorted, and that no order is left to Postgres. */
export function checkAggregateOrder(
  scope: CheckScope,
  { name, argument }: AggregateIr,
  raw: readonly unknown[],
  place: string,
): Checked<readonly OrderIr[]> {
  if (raw.length === 0) {
    return scope.problems.add(
      'VIEW.NOT_EXACT',
      place,
      `${name} without an order has whatever order the server reads rows in; add .orderBy(asc(...))`,
    )
  }
  const items = raw.map((item) => checkItem(scope, item, place))
  const order = items.filter((item) => item !== null)
  if (order.length < items.length) return null
  const advice = argument === null ? null : adviceFor(scope, argument, order)
  if (advice === null) return order
  return scope.problems.add(
    'VIEW.NOT_EXACT',
    place,
    `rows that are equal in this order may have different values, so Postgres may answer one way or another; ${advice}`,
  )
}

function checkItem(scope: CheckScope, raw: unknown, place: string): Checked<OrderIr> {
  if (!isOrder(raw)) {
    return scope.problems.add(
      'VIEW.INVALID_DEFINITION',
      place,
      `orderBy takes asc(...) and desc(...); it got ${describe(raw)}`,
    )
  }
  const expression = checkExpression(scope, raw.expression, place, 'orderBy')
  if (expression === null) return null
  if (!isSortable(expression.type)) {
    return refuse(scope, expression, capabilityOf(expression.type), 'ordered by', place)
  }
  return { expression, descending: raw.descending, nullsFirst: raw.nullsFirst }
}

/** What to add so that rows that are equal in the order have one value; null if nothing is missing. */
function adviceFor(scope: CheckScope, argument: ExpressionIr, order: readonly OrderIr[]): string | null {
  const isOrdered = (value: ExpressionIr): boolean =>
    order.some(({ expression }) => sameExpression(expression, value))
  // Equal values that look different would still leave a choice.
  if (isOrdered(argument) && capabilityOf(argument.type).key) return null
  const read = aliasesIn(argument)
  const sources = scope.sources.filter(({ alias }) => read.has(alias))
  const nameless = sources.find(({ key }) => key === null)
  if (nameless !== undefined) {
    return `nothing tells the rows of ${nameless.alias} apart, so order by ${nameOf(argument)} itself`
  }
  const names = new Set(
    order.flatMap(({ expression }) => (expression.kind === 'column' ? [nameOf(expression)] : [])),
  )
  const missing = sources
    .flatMap(({ alias, key }) => (key ?? []).map((field) => `${alias}.${field}`))
    .filter((name) => !names.has(name))
  return missing.length === 0 ? null : `add ${missing.map((name) => `asc(${name})`).join(', ')}`
}
