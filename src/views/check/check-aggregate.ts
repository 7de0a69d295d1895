import { COUNT_TYPE, isOrderedAggregate, typeAggregate } from './aggregate-types.ts'
import { checkAggregateOrder } from './check-aggregate-order.ts'
import { checkColumnOperand, describe, label, type Checked, type CheckScope } from './check-column.ts'
import { checkExpression, checkPredicate } from './check-predicate.ts'
import { isExpression, type RawExpression } from '../build/expression.ts'
import { refuseSubqueries } from './refuse-subqueries.ts'
import type { AggregateIr, CallIr } from '../view-ir.ts'

type RawAggregate = Extract<RawExpression, { kind: 'aggregate' }>

/** Checks an aggregate and gives it its type. */
export function checkAggregate(scope: CheckScope, raw: RawAggregate, place: string): Checked<AggregateIr> {
  // Inside an aggregate are values of rows.
  const { schema, sources, problems } = scope
  const rows: CheckScope = { schema, sources, problems }
  const filter =
    raw.options.filter === undefined ? undefined : checkFilter(rows, raw.options.filter, `${place}.filter`)
  const checked = checkBare(rows, raw, place)
  if (checked === null || filter === null) return null
  const filtered = filter === undefined ? checked : { ...checked, filter }
  if (!isOrderedAggregate(raw.name)) return filtered
  const order = checkAggregateOrder(rows, filtered, raw.options.order ?? [], `${place}.orderBy`)
  if (order === null) return null
  if (raw.name !== 'stringAgg') return { ...filtered, order }
  const { separator } = raw.options
  if (typeof separator === 'string' && !separator.includes('\0')) return { ...filtered, order, separator }
  return scope.problems.add(
    'VIEW.INVALID_DEFINITION',
    place,
    `stringAgg needs a string without NUL between the values; it got ${describe(separator)}`,
  )
}

/** The aggregate without what it is told beside its argument. */
function checkBare(scope: CheckScope, raw: RawAggregate, place: string): Checked<AggregateIr> {
  const { name } = raw
  if (raw.argument === null && name === 'count') {
    return { kind: 'aggregate', name, argument: null, type: COUNT_TYPE }
  }
  const argument = isExpression(raw.argument)
    ? checkExpression(scope, raw.argument, place, name)
    : checkColumnOperand(scope, raw.argument, name, place)
  if (argument === null) return null
  const typing = typeAggregate(name, argument.type)
  if ('type' in typing) return { kind: 'aggregate', name, argument, type: typing.type }
  if ('needs' in typing) {
    return scope.problems.add(
      'VIEW.INVALID_DEFINITION',
      place,
      `${name} needs ${typing.needs}, and ${label(argument)} is not one`,
    )
  }
  return scope.problems.add(
    'VIEW.NOT_EXACT',
    place,
    `${label(argument)} cannot be ${typing.use} exactly: ${typing.reason}`,
  )
}

function checkFilter(scope: CheckScope, raw: unknown, place: string): Checked<CallIr> {
  return refuseSubqueries(scope.problems, raw, place) ? null : checkPredicate(scope, raw, place)
}
