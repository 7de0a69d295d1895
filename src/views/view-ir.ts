import type { ScalarType } from '../contract/schema-contract.ts'

/**
 * The relational algebra between the builder, the SQL compiler and the planner. It has SQL's meaning and
 * knows nothing of the builder; it is plain data, so it can be frozen, hashed and sent.
 */

/** What a value is: Prisma's type for the caller, Postgres' type for the meaning. */
export interface TypeIr {
  readonly scalar: ScalarType
  readonly enum?: string
  /** As `format_type` prints it, without the array brackets. */
  readonly pgType: string
  readonly list: boolean
  readonly nullable: boolean
}

/** A column of one source. */
export interface ColumnIr {
  readonly kind: 'column'
  readonly source: string
  readonly field: string
  readonly type: TypeIr
}

/** A constant. `text` is Postgres' text form of the value, or null. */
export interface LiteralIr {
  readonly kind: 'literal'
  readonly text: string | null
  readonly type: TypeIr
}

export type CallName =
  | 'eq'
  | 'ne'
  | 'gt'
  | 'gte'
  | 'lt'
  | 'lte'
  | 'and'
  | 'or'
  | 'not'
  | 'isNull'
  | 'isNotNull'
  | 'inArray'

/** A function of a row. `inArray` has the tested expression first, then the candidates. */
export interface CallIr {
  readonly kind: 'call'
  readonly name: CallName
  readonly args: readonly ExpressionIr[]
  readonly type: TypeIr
}

export type AggregateName = 'count' | 'sum' | 'avg' | 'min' | 'max'

/** An aggregate of a group. `count` without an argument is `count(*)`. */
export interface AggregateIr {
  readonly kind: 'aggregate'
  readonly name: AggregateName
  readonly argument: ExpressionIr | null
  readonly type: TypeIr
}

export type ExpressionIr = ColumnIr | LiteralIr | CallIr | AggregateIr

/** One table in FROM: the first has no join. */
export interface SourceIr {
  readonly alias: string
  readonly model: string
  readonly join: { readonly kind: 'inner' | 'left'; readonly on: ExpressionIr } | null
}

export interface OutputIr {
  readonly name: string
  readonly expression: ExpressionIr
}

/** A whole view. */
export interface ViewIr {
  readonly version: 1
  readonly name: string
  readonly sources: readonly SourceIr[]
  readonly where: ExpressionIr | null
  /** Null: no grouping. Empty: one group that is always there. */
  readonly groupBy: readonly ColumnIr[] | null
  readonly select: readonly OutputIr[]
  /** Output names that identify a row, in order; null: a bag; empty: one row. */
  readonly key: readonly string[] | null
}
