import type { ColumnIr, ExpressionIr, OrderIr, OutputIr } from '../view-ir.ts'

/**
 * What one circuit keeps: a join of tables by equal columns, filtered, and grouped by columns. The planner takes a
 * view apart into blocks; each reads source tables or the rows of earlier blocks.
 */

/** One table in FROM: the first has no join. */
export interface BlockSourceIr {
  readonly alias: string
  /** A model of the schema, or the name of an earlier block. */
  readonly model: string
  readonly join: { readonly kind: 'inner' | 'left'; readonly on: ExpressionIr } | null
}

/** Some columns of the rows of each group, in order: one text, which a view shows as an array of objects. */
export interface RowsIr {
  readonly name: string
  readonly columns: readonly ColumnIr[]
  /** Over columns of the same source. */
  readonly order: readonly OrderIr[]
}

/** One block. */
export interface BlockIr {
  readonly name: string
  readonly sources: readonly BlockSourceIr[]
  readonly where: ExpressionIr | null
  /** Null: no grouping. Empty: one group that is always there. */
  readonly groupBy: readonly ColumnIr[] | null
  readonly select: readonly OutputIr[]
  /** One more output of a grouped block. */
  readonly rows?: RowsIr
  /** Of a view's rows: over the sources of an ungrouped block. */
  readonly order?: readonly OrderIr[]
  /** Output names that identify a row, in order; null: a bag; empty: one row. */
  readonly key: readonly string[] | null
}
