import { nameOf, type Checked, type CheckScope } from './check-column.ts'
import { checkJoin, joinedFields } from './check-joins.ts'
import { checkCount, checkOrder, lackingOrder } from './check-order.ts'
import { checkPredicate } from './check-predicate.ts'
import { checkRelation } from './check-relation.ts'
import type { QueryContext } from './query-context.ts'
import type { RawNested } from '../build/raw-query.ts'
import { refuseSubqueries } from './refuse-subqueries.ts'
import type { ColumnIr, NestedIr, OutputIr } from '../view-ir.ts'

/** The query around a nested result. */
export interface NestedContext {
  readonly context: QueryContext
  readonly scope: CheckScope
  /** Checks a select list. */
  readonly outputs: (context: QueryContext, scope: CheckScope, raw: unknown) => readonly OutputIr[]
}

/** Checks `nest(...)`: a relation tied to the row around it, in an order that leaves nothing open. */
export function checkNested(
  { context: outer, scope, outputs }: NestedContext,
  raw: RawNested,
  place: string,
): Checked<NestedIr> {
  const problems = outer.problems.at(place)
  const context = { ...outer, problems }
  const taken = scope.sources.map(({ alias }) => alias)
  const relation = checkRelation(context, raw.tables, taken, 'nest')
  if (relation === null) return null
  const { alias, from, key, columns } = relation
  const step = `nest.${alias}`
  if (refuseSubqueries(problems, raw.on, step)) return null
  const own = { ...relation, optional: false }
  const { schema } = scope
  const visible: CheckScope = { schema, problems, sources: [...scope.sources, own] }
  const inner: CheckScope = { schema, problems, sources: [own] }
  const on = checkPredicate(visible, raw.on, step)
  const tied = on !== null && checkJoin(visible, alias, on, step)
  const select = outputs(context, inner, raw.select)
  const order = checkOrder(inner, raw.order)
  const limit = checkCount(inner, raw.limit?.count, 1, 'limit')
  const offset = checkCount(inner, raw.limit?.offset, 0, 'offset') ?? 0
  if (problems.any || on === null || !tied) return null

  const fixed = joinedFields(alias, on)
  const identity = key
    ?.filter((field) => !fixed.has(field))
    .flatMap((field): ColumnIr[] =>
      columns
        .filter((column) => column.field === field)
        .map(({ type }) => ({ kind: 'column', source: alias, field, type })),
    )
  const lacking = lackingOrder(
    order.map(({ expression }) => expression),
    identity ?? null,
    select,
  )
  if (lacking.length > 0) {
    return problems.add(
      'VIEW.NOT_EXACT',
      'orderBy',
      `the order leaves open which of equal rows come first; add ${lacking.map(nameOf).join(', ')} to it`,
    )
  }
  return {
    kind: 'nested',
    source: { alias, from },
    on,
    select,
    order,
    limit,
    offset,
    type: { scalar: 'Json', pgType: 'jsonb', list: false, nullable: false },
  }
}
