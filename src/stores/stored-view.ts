import { DbsyncError, invariant } from '../core/errors.ts'
import type { RowsShape } from '../views/compile/plan-node.ts'
import type { ViewDefinition } from '../views/define-view.ts'
import { queryOutputs } from '../views/query-outputs.ts'
import type { ExpressionIr, QueryIr, QuerySourceIr } from '../views/view-ir.ts'
import type { StoredView } from './view-store.ts'

/**
 * A view as a store keeps it: its outputs in order, with their types and with what nested results hold.
 *
 * Throws: STORE.UNSUPPORTED for a bag, whose rows nothing tells apart.
 */
export function storedViewOf({ name, ir, fingerprint }: ViewDefinition): StoredView {
  const { query, key } = ir
  if (key === null) {
    throw new DbsyncError(
      'STORE.UNSUPPORTED',
      `The view ${name} cannot be stored: found nothing that tells its rows apart; need a key. Select the key columns of its tables ` +
        '(or its groups), or use union instead of unionAll.',
      { details: { view: name } },
    )
  }
  const shapes = outputShapes(query)
  const columns = queryOutputs(query).map((output) => ({
    name: output.name,
    type: output.expression.type,
    rows: shapes.get(output.name) ?? null,
  }))
  invariant(
    key.every((column) => columns.some((output) => output.name === column)),
    'a key of no output',
  )
  return { name, columns, key, fingerprint }
}

/** What the outputs that are nested results hold. The inputs of a set operation hold the same, or NULL. */
function outputShapes(query: QueryIr): ReadonlyMap<string, RowsShape> {
  const shapes = new Map<string, RowsShape>()
  if (query.kind !== 'select') {
    for (const input of query.inputs) for (const [name, shape] of outputShapes(input)) shapes.set(name, shape)
    return shapes
  }
  for (const { name, expression } of query.select) {
    const shape = shapeOf(query.sources, expression)
    if (shape !== null) shapes.set(name, shape)
  }
  return shapes
}

/** A nested result stands where it is made, or comes through a query below by its column alone. */
function shapeOf(sources: readonly QuerySourceIr[], expression: ExpressionIr): RowsShape | null {
  if (expression.kind === 'nested') {
    const { source, select } = expression
    return select.map(({ name, expression: value }) => ({
      name,
      type: value.type,
      rows: shapeOf([source], value),
    }))
  }
  if (expression.kind !== 'column') return null
  const from = sources.find(({ alias }) => alias === expression.source)?.from
  return from?.kind === 'query' ? (outputShapes(from.query).get(expression.field) ?? null) : null
}
