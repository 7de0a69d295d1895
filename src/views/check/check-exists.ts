import type { Checked, CheckScope } from './check-column.ts'
import { checkJoin, checkPair } from './check-joins.ts'
import { checkColumnOperand, label } from './check-column.ts'
import { checkPredicate } from './check-predicate.ts'
import { checkMovingBound, isMovingBound } from './check-moving-bound.ts'
import { checkInnerQuery, checkRelation } from './check-relation.ts'
import { capabilityOf } from './capabilities.ts'
import type { QueryContext } from './query-context.ts'
import { queryOutputs } from '../query-outputs.ts'
import type { RawExists } from '../build/raw-query.ts'
import { refuseSubqueries, subqueryOf } from './refuse-subqueries.ts'
import { isExpression } from '../build/expression.ts'
import { anyNullable } from '../functions/types.ts'
import { conjunction, equality } from '../make-condition.ts'
import type { CallIr, ColumnIr, ExistsIr } from '../view-ir.ts'

/** Checks `whereExists` and `whereNotExists`. */
export function checkExists(
  context: QueryContext,
  scope: CheckScope,
  { tables, negated, on: raw }: RawExists,
): Checked<ExistsIr> {
  const step = negated ? 'whereNotExists' : 'whereExists'
  const taken = scope.sources.map(({ alias }) => alias)
  const relation = checkRelation(context, tables, taken, step)
  if (relation === null) return null
  const { alias, from } = relation
  const place = `${step}.${alias}`
  if (refuseSubqueries(scope.problems, raw, place)) return null
  const visible = { ...scope, sources: [...scope.sources, { ...relation, optional: false }] }
  const on = checkPredicate(visible, raw, place)
  return on !== null && checkJoin(visible, alias, on, place) ? { negated, source: { alias, from }, on } : null
}

/** WHERE, taken apart: conditions on rows, and the queries of `inArray`. */
export interface CheckedWhere {
  readonly condition: CallIr | null
  readonly exists: readonly ExistsIr[]
}

/** Checks what `where` was given; a query in `inArray` becomes EXISTS. */
export function checkWhere(
  context: QueryContext,
  scope: CheckScope,
  conditions: readonly unknown[],
): CheckedWhere {
  const exists: ExistsIr[] = []
  const checked = conditions.flatMap(rawConjuncts).map((condition): Checked<CallIr> => {
    const subquery = subqueryOf(condition)
    if (subquery === null) {
      return refuseSubqueries(scope.problems, condition, 'where')
        ? null
        : isMovingBound(condition)
          ? checkMovingBound(scope, condition, 'where')
          : checkPredicate(scope, condition, 'where')
    }
    const alias = freeAlias(scope, exists)
    const one = checkInQuery(context, scope, subquery.tested, subquery.query, alias)
    if (one !== null) exists.push(one)
    return null
  })
  const all = checked.filter((condition) => condition !== null)
  return { condition: conjunction(all, anyNullable(all)), exists }
}

/** `x IN (SELECT y …)` as a whole condition is true exactly where a row with `y = x` exists. */
function checkInQuery(
  context: QueryContext,
  scope: CheckScope,
  rawTested: unknown,
  rawQuery: unknown,
  alias: string,
): Checked<ExistsIr> {
  const place = 'where'
  const tested = checkColumnOperand(scope, rawTested, 'inArray', place)
  const inner = checkInnerQuery(context, rawQuery, 'where.inArray')
  if (tested === null || inner === null) return null
  const [output, ...others] = queryOutputs(inner.query)
  if (output === undefined || others.length > 0) {
    return scope.problems.add(
      'VIEW.INVALID_DEFINITION',
      place,
      `inArray needs a query of one column; it got one of ${others.length + 1}`,
    )
  }
  const own: ColumnIr = { kind: 'column', source: alias, field: output.name, type: output.expression.type }
  if (capabilityOf(own.type).family !== capabilityOf(tested.type).family) {
    return scope.problems.add(
      'VIEW.INVALID_DEFINITION',
      place,
      `inArray compares ${label(tested)} with a query of ${own.type.pgType}; both must be numbers, or of the same type`,
    )
  }
  if (!checkPair(scope, { own, other: tested }, place)) return null
  return {
    negated: false,
    source: { alias, from: { kind: 'query', query: inner.query } },
    on: equality(own, tested, anyNullable([own, tested])),
  }
}

function freeAlias(scope: CheckScope, exists: readonly ExistsIr[]): string {
  let number = exists.length + 1
  while (scope.sources.some(({ alias }) => alias === `in${number}`)) number += 1
  return `in${number}`
}

function rawConjuncts(raw: unknown): readonly unknown[] {
  return isExpression(raw) && raw.kind === 'call' && raw.name === 'and' && raw.args.length > 0
    ? raw.args.flatMap(rawConjuncts)
    : [raw]
}
