import type { BlockIr } from '../../src/views/compile/block-ir.ts'
import type { ViewIr } from '../../src/views/view-ir.ts'

/** The view that one block keeps. */
export function blockView({ name, sources, where, groupBy, select, key }: BlockIr): ViewIr {
  return {
    version: 2,
    name,
    query: {
      kind: 'select',
      sources: sources.map(({ alias, model, join }) => ({ alias, from: { kind: 'table', model }, join })),
      where,
      exists: [],
      groupBy,
      having: null,
      select,
      distinct: false,
      order: [],
      limit: null,
    },
    key,
  }
}
