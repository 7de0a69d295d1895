import type { ExpressionIr } from './view-ir.ts'
import { columnsIn } from './walk-ir.ts'

/** A value of one relation and the value of others that it equals. */
export interface JoinPair {
  readonly own: ExpressionIr
  readonly other: ExpressionIr
}

/** The two sides, if a condition is `own = other` with `own` of that relation alone and `other` of others alone. */
export function joinPair(alias: string, expression: ExpressionIr): JoinPair | null {
  if (expression.kind !== 'call' || expression.name !== 'eq') return null
  const [left, right] = expression.args
  if (left === undefined || right === undefined) return null
  const [ofLeft, ofRight] = [sideOf(alias, left), sideOf(alias, right)]
  if (ofLeft === 'own' && ofRight === 'other') return { own: left, other: right }
  return ofLeft === 'other' && ofRight === 'own' ? { own: right, other: left } : null
}

/** Whether an expression reads that relation alone or others alone; null: both, or no column. */
export function sideOf(alias: string, expression: ExpressionIr): 'own' | 'other' | null {
  const columns = columnsIn(expression)
  const own = columns.filter(({ source }) => source === alias).length
  if (columns.length === 0) return null
  if (own === columns.length) return 'own'
  return own === 0 ? 'other' : null
}
