import type { Schema } from '../../contract/schema-contract.ts'
import type { LoweredRows, LoweredView } from '../compile/plan-node.ts'
import type { ViewIr } from '../view-ir.ts'
import { Nodes } from './nodes.ts'
import { QueryLowering } from './query-lowering.ts'

/**
 * Takes a view apart into blocks: each joins, filters and groups tables by plain columns, and is read by later ones.
 *
 * Meaning: the last block's rows are the view's. What a block cannot do itself becomes a block before it: a computed
 *   column, HAVING, EXISTS, an outer join with further conditions, a set operation, LIMIT.
 * Throws: VIEW.UNSUPPORTED for what no blocks keep in time that depends on the change alone.
 */
export function lowerView(schema: Schema, { name, query, key }: ViewIr): LoweredView {
  const nodes = new Nodes(schema, name)
  const lowering = new QueryLowering(nodes)
  const last = lowering.last(query, key)
  return { nodes: nodes.all, models: nodes.models, last }
}

/** As {@link lowerView}, to keep the rows in a table of their own, whose fields are the view's outputs. */
export function lowerRows(schema: Schema, { name, query }: ViewIr): LoweredRows {
  const nodes = new Nodes(schema, name)
  const rows = new QueryLowering(nodes).table(query)
  return { nodes: nodes.all, models: nodes.models, rows }
}
