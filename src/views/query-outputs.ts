import { invariant } from '../core/errors.ts'
import type { OutputIr, QueryIr } from './view-ir.ts'

/** The outputs of a query, in order; those of a set operation are called and shown as its first input's. */
export function queryOutputs(query: QueryIr): readonly OutputIr[] {
  if (query.kind === 'select') return query.select
  const [first] = query.inputs
  invariant(first !== undefined, 'a set operation without an input')
  return queryOutputs(first)
}
