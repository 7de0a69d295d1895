import { capabilityOf } from './capabilities.ts'
import { nameOf, refuse, type CheckScope } from './check-column.ts'
import { checkExpression } from './check-predicate.ts'
import type { Identity } from './infer-key.ts'
import { isOrder } from '../build/order.ts'
import type { RawLimit } from '../build/raw-query.ts'
import { sameExpression } from '../same-expression.ts'
import { isSortable } from './sortable.ts'
import type { ExpressionIr, LimitIr, OrderIr, OutputIr } from '../view-ir.ts'

/** The largest LIMIT and OFFSET. */
const MOST = 2 ** 31 - 1

/** Checks the items of `orderBy`. */
export function checkOrder(scope: CheckScope, raw: unknown): readonly OrderIr[] {
  if (raw === null) return []
  if (!Array.isArray(raw) || raw.length === 0) {
    scope.problems.add(
      'VIEW.INVALID_DEFINITION',
      'orderBy',
      'it needs an array of at least one asc(...) or desc(...)',
    )
    return []
  }
  return raw.flatMap((item: unknown, index): OrderIr[] => {
    const place = `orderBy.${index}`
    if (!isOrder(item)) {
      scope.problems.add('VIEW.INVALID_DEFINITION', place, 'it has no direction; write asc(...) or desc(...)')
      return []
    }
    const expression = checkExpression(scope, item.expression, place, 'orderBy')
    if (expression === null) return []
    if (!isSortable(expression.type)) {
      refuse(scope, expression, capabilityOf(expression.type), 'ordered', place)
      return []
    }
    return [{ expression, descending: item.descending, nullsFirst: item.nullsFirst }]
  })
}

/** What a limit is checked against. */
export interface LimitedRows {
  readonly order: readonly OrderIr[]
  readonly identity: Identity
  readonly select: readonly OutputIr[]
}

/** Checks `limit`, `offset` and `limitPer`: whole numbers, and an order that leaves no choice of rows. */
export function checkLimit(
  scope: CheckScope,
  raw: RawLimit | null,
  { order, identity, select }: LimitedRows,
): LimitIr | null {
  if (raw === null) return null
  const { problems } = scope
  const { per } = raw
  if (per !== undefined && raw.count !== undefined) {
    return problems.add(
      'VIEW.INVALID_DEFINITION',
      'limitPer',
      'it stands beside limit; put one of them into a query in from',
    )
  }
  const step = per === undefined ? 'limit' : 'limitPer'
  const count = checkCount(scope, per === undefined ? raw.count : per.count, 1, step)
  const offset = checkCount(scope, raw.offset, 0, 'offset') ?? 0
  const by = per === undefined ? [] : checkBy(scope, per.by)
  if (problems.any) return null
  const lacking = lackingOrder([...by, ...order.map(({ expression }) => expression)], identity, select)
  if (lacking.length > 0) {
    return problems.add(
      'VIEW.NOT_EXACT',
      step,
      `the order leaves open which of equal rows come first; add ${lacking.map(nameOf).join(', ')} to orderBy`,
    )
  }
  return { count, offset, by }
}

/** What identifies a row and is not in its order: without it Postgres may answer one way or another. */
export function lackingOrder(
  order: readonly ExpressionIr[],
  identity: Identity,
  select: readonly OutputIr[],
): readonly ExpressionIr[] {
  // Where nothing identifies a row, those that agree in all columns are the same whichever is taken.
  const needed = identity ?? select.map(({ expression }) => expression)
  return needed.filter((value) => !order.some((one) => sameExpression(one, value)))
}

/** A whole number within that range; null if it was not given. */
export function checkCount(scope: CheckScope, value: unknown, least: number, place: string): number | null {
  if (value === undefined) return null
  if (typeof value === 'number' && Number.isInteger(value) && value >= least && value <= MOST) return value
  return scope.problems.add(
    'VIEW.INVALID_DEFINITION',
    place,
    `it needs a whole number from ${least} to ${MOST}`,
  )
}

function checkBy(scope: CheckScope, raw: unknown): readonly ExpressionIr[] {
  if (!Array.isArray(raw) || raw.length === 0) {
    scope.problems.add(
      'VIEW.INVALID_DEFINITION',
      'limitPer',
      'it needs an array of at least one column; for the first rows of all use limit',
    )
    return []
  }
  return raw.flatMap((item: unknown, index): ExpressionIr[] => {
    const place = `limitPer.${index}`
    const expression = checkExpression(scope, item, place, 'limitPer')
    if (expression === null) return []
    const capability = capabilityOf(expression.type)
    if (capability.key) return [expression]
    refuse(scope, expression, capability, 'grouped', place)
    return []
  })
}
