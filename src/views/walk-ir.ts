import type { AggregateIr, ColumnIr, ExpressionIr } from './view-ir.ts'

/** The parts of a conjunction, in order; none of no condition. */
export function conjuncts(expression: ExpressionIr | null): readonly ExpressionIr[] {
  if (expression === null) return []
  return expression.kind === 'call' && expression.name === 'and'
    ? expression.args.flatMap(conjuncts)
    : [expression]
}

/** Every column in an expression, as often as it is read; of a nested result those of the query around it. */
export function columnsIn(expression: ExpressionIr): readonly ColumnIr[] {
  switch (expression.kind) {
    case 'column':
      return [expression]
    case 'call':
      return expression.args.flatMap(columnsIn)
    case 'aggregate':
      return partsOf(expression).flatMap(columnsIn)
    case 'nested':
      return columnsIn(expression.on).filter(({ source }) => source !== expression.source.alias)
    default:
      return []
  }
}

/** The aliases of the sources that expressions read. */
export function aliasesIn(...expressions: readonly ExpressionIr[]): ReadonlySet<string> {
  return new Set(expressions.flatMap(columnsIn).map(({ source }) => source))
}

/** The aggregates in an expression, which have none inside. */
export function aggregatesIn(expression: ExpressionIr): readonly AggregateIr[] {
  if (expression.kind === 'aggregate') return [expression]
  return expression.kind === 'call' ? expression.args.flatMap(aggregatesIn) : []
}

/** Whether an expression is of a whole group. */
export function hasAggregate(expression: ExpressionIr): boolean {
  return aggregatesIn(expression).length > 0
}

/** The expressions of a row that an aggregate reads: argument, filter and order. */
function partsOf({ argument, filter, order = [] }: AggregateIr): readonly ExpressionIr[] {
  return [
    ...(argument === null ? [] : [argument]),
    ...(filter === undefined ? [] : [filter]),
    ...order.map(({ expression }) => expression),
  ]
}
