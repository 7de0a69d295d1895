import type { AggregateIr, ExpressionIr } from '../view-ir.ts'

/** The expressions of a row that an aggregate reads: argument, filter and order. */
export function partsOf({ argument, filter, order = [] }: AggregateIr): readonly ExpressionIr[] {
  return [
    ...(argument === null ? [] : [argument]),
    ...(filter === undefined ? [] : [filter]),
    ...order.map(({ expression }) => expression),
  ]
}
