import { columnsIn } from './walk-ir.ts'
import type {
  ExpressionIr,
  LimitIr,
  NestedIr,
  OrderIr,
  QueryIr,
  QuerySourceIr,
  RelationIr,
  SelectIr,
} from './view-ir.ts'

/**
 * The columns of tables that a query takes anywhere: shown, compared, joined, grouped, ordered, inside subqueries and nested results. By
 * model the names of fields; a model of which only the rows count has none.
 */
export function columnsRead(query: QueryIr): ReadonlyMap<string, ReadonlySet<string>> {
  const found = new Map<string, Set<string>>()
  readQuery(query, found)
  return found
}

type Found = Map<string, Set<string>>

function readQuery(query: QueryIr, found: Found): void {
  if (query.kind === 'select') return readSelect(query, found)
  // Its order and limit are over the outputs of its inputs.
  for (const input of query.inputs) readQuery(input, found)
}

function readSelect(query: SelectIr, found: Found): void {
  const { sources, where, exists, groupBy, having, select, order, limit } = query
  for (const { from } of sources) readRelation(from, found)
  for (const { source, on } of exists) {
    readRelation(source.from, found)
    readAll([on], [...sources, source], found)
  }
  const outputs = select.map(({ expression }) => expression)
  const joins = sources.flatMap(({ join }) => (join === null ? [] : [join.on]))
  const conditions = [where, having].filter((condition) => condition !== null)
  readAll(
    [...joins, ...conditions, ...(groupBy ?? []), ...outputs, ...ordered(order), ...parts(limit)],
    sources,
    found,
  )
}

function readRelation(from: RelationIr, found: Found): void {
  if (from.kind === 'query') readQuery(from.query, found)
  else if (!found.has(from.model)) found.set(from.model, new Set())
}

function readAll(
  expressions: readonly ExpressionIr[],
  sources: readonly QuerySourceIr[],
  found: Found,
): void {
  for (const expression of expressions) {
    for (const { source, field } of columnsIn(expression)) {
      const from = sources.findLast(({ alias }) => alias === source)?.from
      if (from?.kind === 'table') found.get(from.model)?.add(field)
    }
    if (expression.kind === 'nested') readNested(expression, sources, found)
  }
}

function readNested(
  { source, on, select, order }: NestedIr,
  outer: readonly QuerySourceIr[],
  found: Found,
): void {
  readRelation(source.from, found)
  const values = select.map(({ expression }) => expression)
  readAll([on, ...values, ...ordered(order)], [...outer, source], found)
}

function ordered(order: readonly OrderIr[]): readonly ExpressionIr[] {
  return order.map(({ expression }) => expression)
}

function parts(limit: LimitIr | null): readonly ExpressionIr[] {
  return limit?.by ?? []
}
