import type { TimeNode } from '../compile/plan-node.ts'
import type { ExpressionIr } from '../view-ir.ts'

/** A comparison of a row's time with a moment that moves with the clock. */
export interface MovingBound extends Pick<TimeNode, 'comparison' | 'micros'> {
  readonly value: ExpressionIr
}

/** What a conjunct of WHERE says of the clock; null if it says nothing. */
export function movingBound(condition: ExpressionIr): MovingBound | null {
  if (condition.kind !== 'call') return null
  const { name, args } = condition
  if (name !== 'gt' && name !== 'gte' && name !== 'lt' && name !== 'lte') return null
  const [value, moment] = args
  if (value === undefined || moment?.kind !== 'call' || moment.name !== 'nowMinus') return null
  const [length] = moment.args
  return length?.kind === 'literal' && length.text !== null
    ? { value, comparison: name, micros: length.text }
    : null
}
