import { invariant } from '../../core/errors.ts'
import { type JoinPair, joinPair, sideOf } from '../join-pair.ts'
import { distinct, sameExpression } from '../same-expression.ts'
import type { ColumnIr, ExpressionIr } from '../view-ir.ts'
import { aliasesIn, columnsIn, conjuncts } from '../walk-ir.ts'
import type { Draft } from './draft.ts'

/** The condition of a join, taken apart. */
export interface JoinCondition {
  readonly pairs: readonly JoinPair[]
  /** Of the new source alone. */
  readonly own: readonly ExpressionIr[]
  readonly rest: readonly ExpressionIr[]
}

/** Takes the condition of a join apart; `alias` is the new source. */
export function takeApart(on: ExpressionIr, alias: string): JoinCondition {
  const pairs: JoinPair[] = []
  const own: ExpressionIr[] = []
  const rest: ExpressionIr[] = []
  for (const condition of conjuncts(on)) {
    const pair = joinPair(alias, condition)
    // Each value stands in one pair; a second equality of it is a further condition.
    if (pair !== null && !pairs.some((known) => shares(known, pair))) pairs.push(pair)
    else if (sideOf(alias, condition) === 'own') own.push(condition)
    else rest.push(condition)
  }
  return { pairs, own, rest }
}

function shares(a: JoinPair, b: JoinPair): boolean {
  return sameExpression(a.own, b.own) || sameExpression(a.other, b.other)
}

/** The condition as the other side sees it: what was its own alone is not the new own side's. */
export function turned({ pairs, own, rest }: JoinCondition, alias: string): JoinCondition {
  const isOther = (condition: ExpressionIr): boolean => sideOf(alias, condition) === 'other'
  return {
    pairs: pairs.map((pair) => ({ own: pair.other, other: pair.own })),
    own: rest.filter(isOther),
    rest: [...own, ...rest.filter((condition) => !isOther(condition))],
  }
}

/** Whether all equalities tie the new source to one other, each column in one of them. */
export function isOneEdge(on: readonly ExpressionIr[]): boolean {
  const columns = on.flatMap(columnsIn)
  return aliasesIn(...on).size === 2 && distinct(columns).length === columns.length
}

/** The column of an equality that is of the only source of a draft. */
export function ownColumn(pair: ExpressionIr, { sources }: Draft): ColumnIr {
  const column = columnsIn(pair).find(({ source }) => source === sources[0]?.alias)
  invariant(column !== undefined, 'an equality of other sources')
  return column
}

/** The column of an equality that is of another source than the only one of a draft. */
export function otherColumn(pair: ExpressionIr, { sources }: Draft): ColumnIr {
  const column = columnsIn(pair).find(({ source }) => source !== sources[0]?.alias)
  invariant(column !== undefined, 'an equality of one source')
  return column
}
