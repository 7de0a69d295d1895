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
  /** Of `arrayAgg`'s list: it may be NULL, which is not the empty list, and hold NULLs. */
  readonly nulls?: true
}

/** A column of one source in scope; of the outputs where `source` is empty, as in ORDER BY of a set operation. */
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
  | 'isDistinctFrom'
  | 'isNotDistinctFrom'
  | 'and'
  | 'or'
  | 'not'
  | 'isNull'
  | 'isNotNull'
  | 'inArray'
  | 'like'
  | 'ilike'
  | 'coalesce'
  | 'nullif'
  | 'case'
  | 'cast'
  | 'add'
  | 'subtract'
  | 'multiply'
  | 'divide'
  | 'modulo'
  | 'negate'
  | 'abs'
  | 'round'
  | 'floor'
  | 'ceil'
  | 'concat'
  | 'upper'
  | 'lower'
  | 'length'
  | 'trim'
  | 'substring'
  | 'replace'
  | 'startsWith'
  | 'datePart'
  | 'dateTrunc'
  | 'nowMinus'
  | 'arrayContains'
  | 'arrayLength'

/**
 * A function of a row. `inArray` has the tested expression first, then the candidates; `case` has condition and value by
 * turns and the value of ELSE last; `cast` converts to its own type; `datePart` and `dateTrunc` have the unit first; `nowMinus` has
 * microseconds and is one side of an order in a conjunct of WHERE alone.
 */
export interface CallIr {
  readonly kind: 'call'
  readonly name: CallName
  readonly args: readonly ExpressionIr[]
  readonly type: TypeIr
}

export type AggregateName =
  | 'count'
  | 'countDistinct'
  | 'sum'
  | 'avg'
  | 'min'
  | 'max'
  | 'boolAnd'
  | 'boolOr'
  | 'arrayAgg'
  | 'stringAgg'
  | 'jsonAgg'

/** An aggregate of a group. `count` without an argument is `count(*)`. */
export interface AggregateIr {
  readonly kind: 'aggregate'
  readonly name: AggregateName
  readonly argument: ExpressionIr | null
  /** FILTER (WHERE …). */
  readonly filter?: ExpressionIr
  /** ORDER BY inside the aggregate: of `arrayAgg`, `stringAgg` and `jsonAgg`, always total. */
  readonly order?: readonly OrderIr[]
  /** What `stringAgg` puts between two values. */
  readonly separator?: string
  readonly type: TypeIr
}

/** The rows of a query that belong to a row, as an array of objects. */
export interface NestedIr {
  readonly kind: 'nested'
  readonly source: QuerySourceIr
  /** May use the columns of the outer query; holds an equality with one at least. */
  readonly on: ExpressionIr
  readonly select: readonly OutputIr[]
  readonly order: readonly OrderIr[]
  readonly limit: number | null
  readonly offset: number
  readonly type: TypeIr
}

export type ExpressionIr = ColumnIr | LiteralIr | CallIr | AggregateIr | NestedIr

/** One item of ORDER BY; NULLs last ascending and first descending unless it says otherwise, as in Postgres. */
export interface OrderIr {
  readonly expression: ExpressionIr
  readonly descending: boolean
  readonly nullsFirst: boolean
}

/** What stands in FROM: a table of the schema, or a query (a subquery, or another view's). */
export type RelationIr =
  | { readonly kind: 'table'; readonly model: string }
  | { readonly kind: 'query'; readonly query: QueryIr }

/** A relation under its alias. */
export interface QuerySourceIr {
  readonly alias: string
  readonly from: RelationIr
}

export type JoinKind = 'inner' | 'left' | 'right' | 'full'

/** One relation in FROM: the first has no join. */
export interface SourceIr extends QuerySourceIr {
  readonly join: { readonly kind: JoinKind; readonly on: ExpressionIr } | null
}

/** EXISTS or NOT EXISTS over one relation: a semi or an anti join. */
export interface ExistsIr {
  readonly negated: boolean
  readonly source: QuerySourceIr
  /** Ties the relation to the sources of the query: one equality at least, and further conditions. */
  readonly on: ExpressionIr
}

export interface OutputIr {
  readonly name: string
  readonly expression: ExpressionIr
}

/** LIMIT and OFFSET; with `by`, of each combination of those values. */
export interface LimitIr {
  readonly count: number | null
  readonly offset: number
  readonly by: readonly ExpressionIr[]
}

/** SELECT. */
export interface SelectIr {
  readonly kind: 'select'
  readonly sources: readonly SourceIr[]
  readonly where: ExpressionIr | null
  /** Joined to WHERE by AND. */
  readonly exists: readonly ExistsIr[]
  /** Null: no grouping. Empty: one group that is always there. */
  readonly groupBy: readonly ExpressionIr[] | null
  readonly having: ExpressionIr | null
  readonly select: readonly OutputIr[]
  readonly distinct: boolean
  /** Over the sources, as `select` is; with `distinct` each is one of the selected expressions. */
  readonly order: readonly OrderIr[]
  readonly limit: LimitIr | null
}

/** UNION, INTERSECT or EXCEPT of queries whose outputs have the same names and types in the same order. */
export interface SetIr {
  readonly kind: 'union' | 'intersect' | 'except'
  /** UNION ALL alone: every row of every input. */
  readonly all: boolean
  readonly inputs: readonly QueryIr[]
  /** Over the outputs: columns without a source. */
  readonly order: readonly OrderIr[]
  readonly limit: LimitIr | null
}

export type QueryIr = SelectIr | SetIr

/** A whole view. */
export interface ViewIr {
  readonly version: 2
  readonly name: string
  readonly query: QueryIr
  /** Output names that identify a row, in order; null: a bag; empty: one row. */
  readonly key: readonly string[] | null
}
