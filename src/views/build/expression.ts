import type { DecimalLike } from '../../contract/schema-contract.ts'
import type { AggregateName, CallName } from '../view-ir.ts'

/**
 * What the functions of the builder make: unchecked pieces of a definition. `defineView` checks them all
 * at once, so that every problem is reported with its place.
 */

/** The registry symbol marks our objects even where two copies of the package are loaded. */
export const EXPRESSION = Symbol.for('prisma-dbsync.expression')

/** Anything that has a value: of a row, or of a whole group. */
export interface Expression<T> {
  readonly [EXPRESSION]: true
  readonly kind: 'column' | 'call' | 'aggregate'
  /** Types only; never present at run time. */
  readonly $type?: T
}

/** A value of a row: a column, or a function of columns. */
export interface RowValue<T> extends Expression<T> {
  readonly kind: 'column' | 'call'
}

/** A column of a table in scope, `r.name`; `Path` is `r.name`. */
export interface ColumnRef<T, Path extends string> extends Expression<T> {
  readonly kind: 'column'
  readonly source: string
  readonly field: string
  /** Types only; never present at run time. */
  readonly $path?: Path
}

/** A function of a row, or of aggregates. */
export interface Computed<T> extends Expression<T> {
  readonly kind: 'call'
  readonly name: CallName
  readonly args: readonly unknown[]
  /** Types only: it ties no column to another table. */
  readonly $equated?: never
}

/** True, false or unknown for a row. `Equated` are the columns that it ties to another table. */
export interface Condition<
  Equated extends string = string,
  T extends boolean | null = boolean | null,
> extends Expression<T> {
  readonly kind: 'call'
  readonly name: CallName
  readonly args: readonly unknown[]
  /** Types only; never present at run time. */
  readonly $equated?: Equated
}

/** A moment that moves with the clock; `nowMinus` makes it. It is no value of a row: only `where` compares with it. */
export interface MovingTime {
  readonly [EXPRESSION]: true
  readonly kind: 'moving'
  readonly interval: unknown
}

/** What an aggregate is told beside its argument. */
export interface AggregateOptions {
  /** Only rows for which it is true count. */
  readonly filter?: unknown
  readonly order?: readonly unknown[]
  readonly separator?: unknown
}

/** A function of a whole group. */
export interface Aggregate<T> extends Expression<T> {
  readonly kind: 'aggregate'
  readonly name: AggregateName
  readonly argument: unknown
  readonly options: AggregateOptions
  /** `FILTER (WHERE …)`: only the rows for which the condition is true count; several calls are joined by AND. */
  filter(condition: Predicate): Aggregate<T>
}

/** The rows of a relation that belong to a row, as an array of objects; `nest` makes it. */
export interface NestedRows<Row> {
  readonly kind: 'nested'
  readonly raw: unknown
  /** Types only; never present at run time. */
  readonly $type?: readonly Row[]
}

/** A value that stands for itself. */
export type Literal = string | number | bigint | boolean | Date | Uint8Array | DecimalLike

/** An argument of a function, or a side of a comparison. */
export type Operand = Expression<unknown> | Literal

/** What `where`, `and`, `or` and `not` take; a Boolean column stands for itself. */
export type Predicate = Expression<boolean | null>

/** What a select list may hold. */
export type Selection = Expression<unknown> | NestedRows<unknown> | Literal

/** Any piece of a definition, not yet checked. */
export type RawExpression =
  | ColumnRef<unknown, string>
  | Computed<unknown>
  | Condition
  | Aggregate<unknown>
  | MovingTime

/** Tells whether a value was made by the builder; everything else is a literal. */
export function isExpression(value: unknown): value is RawExpression {
  return typeof value === 'object' && value !== null && EXPRESSION in value
}

/** Makes a column. */
export function columnRef(source: string, field: string): ColumnRef<unknown, string> {
  return Object.freeze({ [EXPRESSION]: true, kind: 'column', source, field } as const)
}

/** Makes a condition; the caller's signature gives it its types. */
export function condition<Equated extends string, T extends boolean | null>(
  name: CallName,
  args: readonly unknown[],
): Condition<Equated, T> {
  return Object.freeze({ [EXPRESSION]: true, kind: 'call', name, args: Object.freeze([...args]) } as const)
}

/** Makes a function of a row; the caller's signature gives it its type. */
export function computed<T>(name: CallName, args: readonly unknown[]): Computed<T> {
  return Object.freeze({ [EXPRESSION]: true, kind: 'call', name, args: Object.freeze([...args]) } as const)
}
