/** One column that is kept of a table. */
export interface ExplainedColumn {
  readonly field: string
  readonly pgType: string
  /** In the row itself. */
  readonly bytes: number
  /** Whether the row has a number for a text, which is kept once however many rows have it. */
  readonly isShared: boolean
}

/** One index over a table, for joins. */
export interface ExplainedIndex {
  readonly fields: readonly string[]
  /** For each combination of values, beside the 8 bytes that each row has for it. Estimated. */
  readonly bytesPerKey: number
}

/** A table of the database, or of a step, and what a row of it takes. */
export interface ExplainedTable {
  /** The model, or the number of the step. */
  readonly name: string
  /** Its name in the database; null for the rows of a step. */
  readonly table: string | null
  readonly key: readonly string[]
  readonly columns: readonly ExplainedColumn[]
  readonly indexes: readonly ExplainedIndex[]
  /** The row's own words, with what views and indexes keep in them. Exact, for each row that there is room for. */
  readonly bytesPerRow: number
  /** To find the row by its key. Estimated: 4 to 16, by how dense the keys are. */
  readonly bytesPerKey: number
}

/** What a step keeps beside the table that it fills. */
export interface ExplainedState {
  /** What there is one of: a group, or a row of the result. */
  readonly per: 'group' | 'row'
  /** Words, numbers and marks; exact, for each that there is room for. */
  readonly bytes: number
  /** To find it. Estimated. */
  readonly bytesPerKey: number
  /** What depends on how many values or rows a group has. */
  readonly more: readonly string[]
}

/** A block, a limit or a moving time bound on the way from the tables to the views, after those that it reads. */
export interface ExplainedStep {
  /** `#1`, `#2` in order; the view's name where its rows are shown. */
  readonly name: string
  readonly kind: 'rows' | 'groups' | 'single row' | 'bag' | 'limit' | 'time'
  /** The views that it is for; more than one share it. */
  readonly views: readonly string[]
  /** The step shares its table with the other branches of a union. */
  readonly branch: number
  readonly from: readonly string[]
  readonly where: readonly string[]
  readonly groupBy: readonly string[]
  readonly select: readonly string[]
  readonly orderBy: readonly string[]
  readonly limit: string | null
  readonly state: ExplainedState
}

/** Why a change costs more than O(1). */
export interface ExplainedFactor {
  /** `log n`, `log group`, `matches` or `group`. */
  readonly factor: 'log n' | 'log group' | 'matches' | 'group'
  /** The step. */
  readonly at: string
  readonly reason: string
}

/** What a change of one row of a table costs. */
export interface ExplainedChange {
  /** The model. */
  readonly name: string
  /** The steps that it goes through. */
  readonly steps: readonly string[]
  /** Such as `O(1)`, `O(matches × log group)`. */
  readonly cost: string
  /** Empty for O(1). */
  readonly factors: readonly ExplainedFactor[]
}

/**
 * How views are kept: what is stored and what a change costs, known before any row is read.
 *
 * Frozen, and JSON can hold it; `toString()` is the same for people. Bytes are those of the real layouts of this version.
 */
export interface Explanation {
  readonly views: readonly string[]
  /** The tables of the database, then those that steps fill. */
  readonly tables: readonly ExplainedTable[]
  readonly steps: readonly ExplainedStep[]
  readonly changes: readonly ExplainedChange[]
  /** What holds of all the figures. */
  readonly notes: readonly string[]
  /** All of it in lines, for people. No part of the JSON. */
  toString(): string
}
