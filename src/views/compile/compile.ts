import type { Schema } from '../../contract/schema-contract.ts'
import type { ViewIr } from '../view-ir.ts'
import { ViewNetwork } from './view-network.ts'

/**
 * Compiles views into one network over one copy of each table. The rows of those in `stored` are kept in tables, to be
 * written elsewhere, whether they are shown too or not.
 *
 * Throws: VIEW.INVALID_DEFINITION, VIEW.UNSUPPORTED, VIEW.NOT_EXACT, CONFIG.DUPLICATE_VIEW, CONTRACT.INVALID.
 */
export function compileViews(
  schema: Schema,
  views: readonly ViewIr[],
  stored: readonly ViewIr[] = [],
): ViewNetwork {
  return new ViewNetwork(schema, views, stored)
}
