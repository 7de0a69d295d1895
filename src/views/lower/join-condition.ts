import { invariant } from '../../core/errors.ts'
import type { ColumnIr, ExpressionIr } from '../view-ir.ts'
import { distinct, sameExpression } from '../same-expression.ts'
import { aliasesIn, columnsIn, conjuncts } from '../walk-ir.ts'
import type { Draft } from './draft.ts'

/** Two expressions that a join equates: of the new source, and of those before it. */
export interface Pair {
  readonly own: ExpressionIr
  readonly other: ExpressionIr
}

/** The condition of a join, taken apart. */
export interface JoinCondition {
  readonly pairs: readonly Pair[]
  /** Of the new source alone. */
  readonly own: readonly ExpressionIr[]
  readonly rest: readonly ExpressionIr[]
}

/** Takes the condition of a join apart; `own` are the aliases of the new source. */
export function takeApart(on: ExpressionIr, own: ReadonlySet<string>): JoinCondition {
  const pairs: Pair[] = []
  const ownOnly: ExpressionIr[] = []
  const rest: ExpressionIr[] = []
  const isOwn = (expression: ExpressionIr): boolean => {
    const aliases = aliasesIn(expression)
    return aliases.size > 0 && [...aliases].every((alias) => own.has(alias))
  }
  const isOther = (expression: ExpressionIr): boolean => {
    const aliases = aliasesIn(expression)
    return aliases.size > 0 && [...aliases].every((alias) => !own.has(alias))
  }
  for (const condition of conjuncts(on)) {
    const [a, b] = condition.kind === 'call' && condition.name === 'eq' ? condition.args : []
    const pair =
      a === undefined || b === undefined
        ? null
        : isOwn(a) && isOther(b)
          ? { own: a, other: b }
          : isOwn(b) && isOther(a)
            ? { own: b, other: a }
            : null
    // Each value stands in one pair; a second equality of it is a further condition.
    if (pair !== null && !pairs.some((known) => shares(known, pair))) pairs.push(pair)
    else if (isOwn(condition)) ownOnly.push(condition)
    else rest.push(condition)
  }
  return { pairs, own: ownOnly, rest }
}

function shares(a: Pair, b: Pair): boolean {
  return sameExpression(a.own, b.own) || sameExpression(a.other, b.other)
}

/** The condition as the other side sees it: what was its own alone is not the new own side's. */
export function turned({ pairs, own, rest }: JoinCondition, alias: string): JoinCondition {
  const other = (expression: ExpressionIr): boolean => {
    const aliases = aliasesIn(expression)
    return aliases.size > 0 && !aliases.has(alias)
  }
  return {
    pairs: pairs.map((pair) => ({ own: pair.other, other: pair.own })),
    own: rest.filter(other),
    rest: [...own, ...rest.filter((condition) => !other(condition))],
  }
}

/** Whether all equalities tie the new source to one other, each column in one of them. */
export function isOneEdge(on: readonly ExpressionIr[]): boolean {
  const columns = on.flatMap(columnsIn)
  return aliasesIn(...on).size === 2 && distinct(columns).length === columns.length
}

/** The column of an equality that is of the only source of a draft. */
export function sideOf(pair: ExpressionIr, { sources }: Draft): ColumnIr {
  const column = columnsIn(pair).find(({ source }) => source === sources[0]?.alias)
  invariant(column !== undefined, 'an equality of other sources')
  return column
}

export function otherSide(pair: ExpressionIr, { sources }: Draft): ColumnIr {
  const column = columnsIn(pair).find(({ source }) => source !== sources[0]?.alias)
  invariant(column !== undefined, 'an equality of one source')
  return column
}
