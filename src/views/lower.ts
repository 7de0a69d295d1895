import { DbsyncError } from '../core/errors.ts'
import type { BlockIr } from './block-ir.ts'
import type { ColumnIr, ViewIr } from './view-ir.ts'

/**
 * Takes a view apart into the blocks that keep it.
 *
 * Throws: VIEW.UNSUPPORTED for what no block keeps.
 */
export function lower({ name, query, key }: ViewIr): BlockIr {
  const refuse = (what: string): DbsyncError =>
    new DbsyncError(
      'VIEW.UNSUPPORTED',
      `${name}: found ${what}; this version does not keep that. Leave it out.`,
    )
  if (query.kind !== 'select') throw refuse('a set operation')
  const sources = query.sources.map(({ alias, from, join }) => {
    if (from.kind === 'query') throw refuse('a subquery')
    if (join === null) return { alias, model: from.model, join }
    const { kind } = join
    if (kind !== 'inner' && kind !== 'left') throw refuse(`a ${kind} join`)
    return { alias, model: from.model, join: { kind, on: join.on } }
  })
  const groupBy =
    query.groupBy?.map((item): ColumnIr => {
      if (item.kind !== 'column') throw refuse('a computed group')
      return item
    }) ?? null
  return { name, sources, where: query.where, groupBy, select: query.select, key }
}
