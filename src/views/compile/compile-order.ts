import { invariant } from '../../core/errors.ts'
import { kindOf } from '../../ivm/evaluate.ts'
import type { OrderPart, OrderValue } from '../../ivm/row-order.ts'
import { makeValueComparison } from '../../values/compare-values.ts'
import type { Value } from '../../values/value.ts'
import type { OutputContext } from './compile-aggregates.ts'
import { evaluatorOfGroup, partOf } from './group-values.ts'
import type { ColumnIr, ExpressionIr } from '../view-ir.ts'

/** Compiles the order of a view's rows. Throws: VIEW.UNSUPPORTED for values without an order. */
export function compileOrder(context: OutputContext): readonly OrderPart[] {
  const { order = [] } = context.plan.ir
  return order.map(({ expression, descending, nullsFirst }) => {
    const kind = kindOf(expression.type)
    const compare = makeValueComparison(kind, kind)
    invariant(compare !== undefined, 'an order of values without one')
    return {
      value: compileValue(expression, context),
      compare: (a, b) => compare(a, b),
      descending,
      nullsFirst,
    }
  })
}

function compileValue(
  expression: ExpressionIr,
  context: OutputContext,
): (group: number) => OrderValue | null {
  const { tuples, plan } = context
  if (tuples === null) {
    invariant(expression.kind === 'column', 'rows of a group in the order of a computed value')
    return groupValue(expression, context)
  }
  return evaluatorOfGroup(context, tuples, expression, `${plan.ir.name}.orderBy`)
}

function groupValue(expression: ColumnIr, context: OutputContext): (group: number) => Value {
  const { groups } = context
  const operand = context.resolve(expression)
  const { column } = operand
  const part = partOf(groups, operand)
  return (group) => {
    const word = groups.word(group, part.at)
    if (part.nullAt >= 0 ? groups.word(group, part.nullAt) === 1 : column.interned && word === 0) return null
    return column.valueOfWords(word, column.width === 2 ? groups.word(group, part.at + 1) : 0)
  }
}
