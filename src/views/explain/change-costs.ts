import { isOrderedAggregate } from '../check/aggregate-types.ts'
import { uniquesOf } from '../compile/plan-columns.ts'
import type { JoinEdge, PlannedSource, ViewPlan } from '../compile/plan.ts'
import type { TopNode } from '../compile/plan-node.ts'
import type { AggregateIr } from '../view-ir.ts'
import { describe, readable } from './describe-expression.ts'
import type { ExplainedFactor } from './explanation.ts'

/** Whether no two rows of a source have the same values in those fields. */
function isUnique({ model }: PlannedSource, fields: readonly string[]): boolean {
  return uniquesOf(model).some((unique) => unique.every((field) => fields.includes(field)))
}

/**
 * Why a change of one row of a block's source costs more than O(1).
 *
 * A change is joined with the other sources: up to the first one of FROM, then down to the rest. Each step finds at most one
 * row where the columns that it looks by tell the row, else as many as match.
 */
export function costOfSource(
  plan: ViewPlan,
  index: number,
  at: string,
  nameOf: (model: string) => string,
): readonly ExplainedFactor[] {
  const factors: ExplainedFactor[] = []
  const { sources } = plan
  const note = (target: PlannedSource, fields: readonly string[]): void => {
    if (isUnique(target, fields)) return
    const by = fields.map(readable).join(', ')
    factors.push({
      factor: 'matches',
      at,
      reason: `each row of ${nameOf(target.model.model)} with the same ${by} is gone through`,
    })
  }
  const path = new Set([index])
  for (let child = index, edge = edgeOf(sources, child); edge !== null; edge = edgeOf(sources, child)) {
    const parent = sources[edge.parent]
    if (parent !== undefined) note(parent, edge.parentFields)
    child = edge.parent
    path.add(child)
  }
  sources.forEach((source, child) => {
    if (source.edge !== null && !path.has(child)) note(source, source.edge.childFields)
  })
  for (const aggregate of aggregatesOf(plan)) {
    const { name } = aggregate
    if (name === 'min' || name === 'max') {
      factors.push({
        factor: 'log group',
        at,
        reason: `${describe(aggregate)} keeps the values of a group in order`,
      })
    } else if (isOrderedAggregate(name)) {
      factors.push({
        factor: 'log group',
        at,
        reason: `${describe(aggregate)} keeps the rows of a group in order`,
      })
      factors.push({
        factor: 'group',
        at,
        reason: `${describe(aggregate)} is made anew when it is next shown`,
      })
    }
  }
  if (plan.ir.rows !== undefined) {
    const name = readable(plan.ir.rows.name)
    factors.push({ factor: 'log group', at, reason: `the nested rows ${name} are kept in order` })
    factors.push({ factor: 'group', at, reason: `the nested rows ${name} are written anew` })
  }
  return factors
}

/** Why a change of one row under a limit costs more than O(1). */
export function costOfLimit({ partition }: TopNode, at: string): readonly ExplainedFactor[] {
  const rows = partition.length === 0 ? 'all rows' : 'the rows of each partition'
  return [
    {
      factor: 'log n',
      at,
      reason: `${rows} are kept in order, so that a row that leaves is replaced at once`,
    },
  ]
}

/** All factors in one figure: each row that matches pays for the rest. */
export function costOf(factors: readonly ExplainedFactor[]): string {
  const has = (factor: ExplainedFactor['factor']): boolean => factors.some((item) => item.factor === factor)
  const each = (['group', 'log group', 'log n'] as const).filter(has)
  if (!has('matches')) return `O(${each.length === 0 ? '1' : each.join(' + ')})`
  if (each.length === 0) return 'O(matches)'
  return `O(matches × ${each.length === 1 ? each.join('') : `(${each.join(' + ')})`})`
}

/** The aggregates of a block. */
export function aggregatesOf({ ir }: ViewPlan): readonly AggregateIr[] {
  return ir.select.flatMap(({ expression }) => (expression.kind === 'aggregate' ? [expression] : []))
}

function edgeOf(sources: readonly PlannedSource[], index: number): JoinEdge | null {
  return sources[index]?.edge ?? null
}
