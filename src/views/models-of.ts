import { invariant } from '../core/errors.ts'
import type { ExpressionIr, QueryIr, QuerySourceIr, RelationIr } from './view-ir.ts'

/** The models that a query reads, each once, subqueries included. */
export function modelsOf(query: QueryIr): readonly string[] {
  return [...new Set(read(query))]
}

/** The model of a source that is a table. */
export function tableOf({ from }: QuerySourceIr): string {
  invariant(from.kind === 'table', 'a query where a table is meant')
  return from.model
}

function read(query: QueryIr): readonly string[] {
  if (query.kind !== 'select') return query.inputs.flatMap(read)
  return [
    ...query.sources.flatMap(({ from }) => readRelation(from)),
    ...query.exists.flatMap(({ source }) => readRelation(source.from)),
    ...query.select.flatMap(({ expression }) => readNested(expression)),
  ]
}

function readRelation(from: RelationIr): readonly string[] {
  return from.kind === 'table' ? [from.model] : read(from.query)
}

function readNested(expression: ExpressionIr): readonly string[] {
  if (expression.kind !== 'nested') return []
  return [
    ...readRelation(expression.source.from),
    ...expression.select.flatMap((output) => readNested(output.expression)),
  ]
}
