import { capabilityOf } from './capabilities.ts'
import { label, refuse, type Checked, type CheckScope } from './check-column.ts'
import { checkAggregate } from './check-aggregate.ts'
import { checkExists, checkWhere } from './check-exists.ts'
import { checkNested } from './check-nested.ts'
import { checkLimit, checkOrder } from './check-order.ts'
import { checkExpression, checkPredicate, checkSelectable } from './check-predicate.ts'
import { checkSources } from './check-sources.ts'
import { groupedIdentity, ungroupedIdentity } from './infer-key.ts'
import type { CheckedQuery, QueryContext } from './query-context.ts'
import { isNested, type RawSelect } from '../build/raw-query.ts'
import { refuseSubqueries } from './refuse-subqueries.ts'
import { anyNullable } from '../functions/types.ts'
import { conjunction } from '../make-condition.ts'
import { sameExpression } from '../same-expression.ts'
import type { CallIr, ExpressionIr, OutputIr } from '../view-ir.ts'
import { columnsIn, hasAggregate } from '../walk-ir.ts'

/** Checks a SELECT. */
export function checkSelect(context: QueryContext, raw: RawSelect): CheckedQuery | null {
  const { problems } = context
  const from = checkSources(context, raw.sources)
  // Without its tables nothing else in a query has a meaning.
  if (from === null) return null
  const { scope, sources, joined } = from
  const groups: CheckScope = { ...scope, aggregate: (one, place) => checkAggregate(scope, one, place) }

  const where = checkWhere(context, scope, raw.where)
  const exists = raw.exists.map((one) => checkExists(context, scope, one)).filter((one) => one !== null)
  const groupBy = raw.groupBy === null ? null : checkGroupBy(scope, raw.groupBy)
  const having = checkHaving(groups, raw.having)
  const select = checkOutputs(context, groups, raw.select)
  const order = checkOrder(groups, raw.order)
  const aggregated = [...select, ...order].some(({ expression }) => hasAggregate(expression))
  const group = groupBy ?? (aggregated || having !== null ? [] : null)
  if (problems.any) return null

  const rows = group === null ? ungroupedIdentity(joined) : groupedIdentity(joined, group)
  const identity = raw.distinct ? select.map(({ expression }) => expression) : rows
  if (raw.distinct) checkDistinct(scope, select)
  const limit = checkLimit(groups, raw.limit, { order, identity, select })
  const ordered = [
    ...order.map(({ expression }, index) => ({ place: `orderBy.${index}`, expression })),
    ...(limit?.by ?? []).map((expression, index) => ({ place: `limitPer.${index}`, expression })),
  ]
  if (raw.distinct) checkSelected(scope, ordered, select)
  if (group !== null) {
    const values = select.map(({ name, expression }) => ({ place: `select.${name}`, expression }))
    const conditions = having === null ? [] : [{ place: 'having', expression: having }]
    checkGrouping(scope, group, [...values, ...conditions, ...ordered])
  }
  if (problems.any) return null
  return {
    ir: {
      kind: 'select',
      sources,
      where: where.condition,
      exists: [...where.exists, ...exists],
      groupBy: group,
      having,
      select,
      distinct: raw.distinct,
      order,
      limit,
    },
    identity,
  }
}

function checkGroupBy(scope: CheckScope, raw: unknown): readonly ExpressionIr[] {
  if (!Array.isArray(raw) || raw.length === 0) {
    scope.problems.add(
      'VIEW.INVALID_DEFINITION',
      'groupBy',
      'it needs an array of at least one column; for one row over everything leave groupBy out',
    )
    return []
  }
  const groups = raw.flatMap((item: unknown, index): ExpressionIr[] => {
    const place = `groupBy.${index}`
    if (refuseSubqueries(scope.problems, item, place)) return []
    const expression = checkExpression(scope, item, place, 'groupBy')
    if (expression === null) return []
    const capability = capabilityOf(expression.type)
    if (capability.key) return [expression]
    refuse(scope, expression, capability, 'grouped', place)
    return []
  })
  return groups.filter((item, index) => groups.findIndex((other) => sameExpression(other, item)) === index)
}

function checkHaving(scope: CheckScope, conditions: readonly unknown[]): CallIr | null {
  const checked = conditions
    .map((condition) =>
      refuseSubqueries(scope.problems, condition, 'having')
        ? null
        : checkPredicate(scope, condition, 'having'),
    )
    .filter((condition) => condition !== null)
  return conjunction(checked, anyNullable(checked))
}

/** Checks the outputs of a query, whatever they are of. */
export function checkOutputs(context: QueryContext, scope: CheckScope, raw: unknown): readonly OutputIr[] {
  const entries = typeof raw === 'object' && raw !== null ? Object.entries(raw) : []
  if (entries.length === 0) {
    scope.problems.add('VIEW.INVALID_DEFINITION', 'select', 'it is empty; it needs at least one column')
  }
  return entries.flatMap(([name, value]): OutputIr[] => {
    const place = `select.${name}`
    if (name === '' || name.includes('\0') || Buffer.byteLength(name) > 63) {
      scope.problems.add(
        'VIEW.INVALID_DEFINITION',
        place,
        'it is not a name for a column: it must have 1 to 63 bytes and no NUL',
      )
      return []
    }
    const expression = checkOutput(context, scope, value, place)
    return expression === null ? [] : [{ name, expression }]
  })
}

function checkOutput(
  context: QueryContext,
  scope: CheckScope,
  raw: unknown,
  place: string,
): Checked<ExpressionIr> {
  if (refuseSubqueries(scope.problems, raw, place)) return null
  return isNested(raw)
    ? checkNested({ context, scope, outputs: checkOutputs }, raw.raw, place)
    : checkSelectable(scope, raw, place)
}

/** A part of a query and where it stands. */
interface Placed {
  readonly place: string
  readonly expression: ExpressionIr
}

/** Every column that stands outside an aggregate must be one of the group. */
function checkGrouping(scope: CheckScope, group: readonly ExpressionIr[], parts: readonly Placed[]): void {
  for (const { place, expression } of parts) {
    for (const column of ungrouped(group, expression)) {
      scope.problems.add(
        'VIEW.INVALID_DEFINITION',
        place,
        `${label(column)} is neither grouped nor inside an aggregate; add it to groupBy or aggregate it`,
      )
    }
  }
}

function ungrouped(group: readonly ExpressionIr[], expression: ExpressionIr): readonly ExpressionIr[] {
  if (group.some((item) => sameExpression(item, expression))) return []
  switch (expression.kind) {
    case 'column':
      return [expression]
    case 'call':
      return expression.args.flatMap((arg) => ungrouped(group, arg))
    case 'nested':
      return columnsIn(expression).flatMap((column) => ungrouped(group, column))
    default:
      return []
  }
}

/** Rows are told apart by all outputs, so equal values must have one form. */
export function checkDistinct(scope: CheckScope, select: readonly OutputIr[]): void {
  for (const { name, expression } of select) {
    const capability = capabilityOf(expression.type)
    if (!capability.key) refuse(scope, expression, capability, 'told apart', `select.${name}`)
  }
}

function checkSelected(scope: CheckScope, ordered: readonly Placed[], select: readonly OutputIr[]): void {
  for (const { place, expression } of ordered) {
    if (select.some((output) => sameExpression(output.expression, expression))) continue
    scope.problems.add(
      'VIEW.INVALID_DEFINITION',
      place,
      `${label(expression)} is not selected, and the rows of selectDistinct have only what is selected; select it too`,
    )
  }
}
