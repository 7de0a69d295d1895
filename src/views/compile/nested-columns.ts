import type { BlockIr } from './block-ir.ts'
import { isDerived } from './plan-columns.ts'
import type { RowsShape } from './plan-node.ts'
import type { ModelContract } from '../../contract/schema-contract.ts'
import type { ExpressionIr } from '../view-ir.ts'

/** Sources of a block. */
type Sources = readonly { readonly alias: string; readonly model: ModelContract }[]

/** What a column of one of the sources shows, if it holds a nested result. */
export function shapeOf(sources: Sources, expression: ExpressionIr): RowsShape | undefined {
  if (expression.kind !== 'column') return undefined
  const model = sources.find(({ alias }) => alias === expression.source)?.model
  return model !== undefined && isDerived(model) ? model.shapes.get(expression.field) : undefined
}

/**
 * The function or aggregate in which a block takes the value of a nested result, which is kept in a form of our own; null
 * where it is only passed on, counted or asked whether it is NULL.
 */
export function nestedArgument({ select, where, order = [] }: BlockIr, sources: Sources): string | null {
  const taken = (expression: ExpressionIr | null | undefined): string | null => {
    if (expression?.kind === 'aggregate') {
      const { name, argument, filter, order: by = [] } = expression
      if (name !== 'count' && argument !== null && shapeOf(sources, argument) !== undefined) return name
      return first([argument, filter, ...by.map((item) => item.expression)])
    }
    if (expression?.kind !== 'call') return null
    const { name, args } = expression
    const isTest = name === 'isNull' || name === 'isNotNull'
    if (!isTest && args.some((argument) => shapeOf(sources, argument) !== undefined)) return name
    return first(args)
  }
  const first = (expressions: readonly (ExpressionIr | null | undefined)[]): string | null =>
    expressions.map(taken).find((name) => name !== null) ?? null
  return first([where, ...[...select, ...order].map(({ expression }) => expression)])
}
