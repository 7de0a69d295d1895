import type { DecimalLike, Table } from '../contract/schema-contract.ts'
import type { Aggregate, ColumnRef, Condition } from './expression.ts'

/**
 * The types behind the builder. `Path` is `alias.field`; a scope maps each alias to what the types must
 * know of its table.
 */

/** A table in a scope. `Needed` are the fields of its key that its join does not already determine. */
export interface SourceType<Row, Key extends string, Optional extends boolean, Needed extends string> {
  readonly row: Row
  readonly key: Key
  readonly optional: Optional
  readonly needed: Needed
}

export type Scope = Readonly<Record<string, SourceType<unknown, string, boolean, string>>>

/** What `from` and the joins take: `{ r: Restaurant }`. */
export type Sources = Readonly<Record<string, Table>>

/** Refuses an alias that the scope already has. */
export type NewAlias<S extends Scope> = { readonly [A in keyof S]?: never }

/** The scope with one more table: `AddSource<{}, { r: typeof Restaurant }, false, never>`. */
export type AddSource<S, T extends Sources, Optional extends boolean, Bound extends string> = S & {
  readonly [A in keyof T & string]: T[A] extends Table<string, infer Row, infer Key>
    ? SourceType<Row, Key, Optional, Exclude<Key, FieldOf<Bound, A>>>
    : never
}

/** `FieldOf<'v.userId' | 'r.id', 'v'>` is `'userId'`. */
type FieldOf<Path extends string, Alias extends string> = Path extends `${Alias}.${infer Field}`
  ? Field
  : never

/** The columns of one table, as a callback sees them: `r.name`. */
export type Columns<Alias extends string, Row, Optional extends boolean> = {
  readonly [F in keyof Row & string]: ColumnRef<
    Optional extends true ? Row[F] | null : Row[F],
    `${Alias}.${F}`
  >
}

/** What a callback gets: `({ r, v }) => ...`. */
export type Refs<S extends Scope> = {
  readonly [A in keyof S & string]: Columns<A, S[A]['row'], S[A]['optional']>
}

/** The literals that a column of type `T` is compared with: its own type; whole numbers for bigint, numbers for Decimal. */
export type LiteralFor<T> = T extends bigint
  ? bigint | number
  : T extends number
    ? number
    : T extends string
      ? T
      : T extends boolean
        ? boolean
        : T extends Date
          ? Date
          : T extends Uint8Array
            ? Uint8Array
            : T extends DecimalLike
              ? DecimalLike
              : never

/** The column types that a column of type `T` is compared with: numbers with numbers, an enum with itself. */
type Peer<T> = T extends number | bigint
  ? number | bigint | DecimalLike
  : T extends string
    ? string extends T
      ? string
      : T
    : T extends boolean
      ? boolean
      : T extends Date
        ? Date
        : T extends Uint8Array
          ? Uint8Array
          : T extends DecimalLike
            ? number | bigint | DecimalLike
            : never

/** Widens what is written in the code: `5` is a `number`. */
type Widen<T> = T extends string ? string : T

/** What the other side of a comparison with `Left` may be. */
export type ComparableTo<Left> =
  Left extends ColumnRef<infer T, string>
    ? LiteralFor<NonNullable<T>> | ColumnRef<Peer<NonNullable<T>> | null, string>
    : ColumnRef<Peer<Widen<Left>> | null, string>

/** The value of a column, a condition or an aggregate. */
export type ValueOf<X> = X extends { readonly $type?: infer T } ? T : never

/** `null` if one of the sides may be null. */
export type NullOf<X> = X extends ColumnRef<infer T, string> ? Extract<T, null> : never

/** The columns that `eq` ties to a column of another table. */
export type Equated<Left, Right> =
  Left extends ColumnRef<unknown, infer L>
    ? Right extends ColumnRef<unknown, infer R>
      ? SameAlias<L, R> extends true
        ? never
        : L | R
      : never
    : never

type SameAlias<L extends string, R extends string> = L extends `${infer Alias}.${string}`
  ? R extends `${Alias}.${string}`
    ? true
    : false
  : false

/** The columns that a condition ties to another table: those of all parts of a conjunction. */
export type EquatedBy<C> = C extends Condition<infer Tied> ? Tied : never

/** What `sum` answers: Int to number, BigInt to bigint, Decimal to Decimal; null without a value. */
export type SumOf<T> = T extends number ? number : T extends bigint ? bigint : T

/** What `avg` answers: Int and BigInt to number, Decimal to Decimal; null without a value. */
export type AverageOf<T> = T extends number | bigint ? number : T

/** The row of a view, flat: `{ id: string; visits: number }`. */
export type RowOf<Selected> = { readonly [N in keyof Selected]: ValueOf<Selected[N]> }

/** The path of a column; the empty text for everything that is not one, so that it never matches. */
export type PathOf<X> = X extends ColumnRef<unknown, infer P> ? P : ''

/** The key of an ungrouped view: one row if it aggregates, else the keys of its tables. */
export type UngroupedKey<S extends Scope, Selected> =
  Extract<Selected[keyof Selected], Aggregate<unknown>> extends never
    ? KeyBy<Selected, { [A in keyof S & string]: `${A}.${S[A]['needed']}` }[keyof S & string]>
    : void

/** The key of a grouped view: the group columns without those that the key of their own table determines. */
export type GroupedKey<S extends Scope, Group extends string, Selected> = KeyBy<
  Selected,
  {
    [A in keyof S & string]: S[A]['optional'] extends true
      ? Extract<Group, `${A}.${string}`>
      : [`${A}.${S[A]['key']}`] extends [Group]
        ? `${A}.${S[A]['key']}`
        : Extract<Group, `${A}.${string}`>
  }[keyof S & string]
>

/** The key if all its columns are selected; `never`, a bag, if not. */
type KeyBy<Selected, Paths extends string> = [Paths] extends [PathOf<Selected[keyof Selected]>]
  ? KeyValue<
      RowOf<Selected>,
      { [N in keyof Selected & string]: PathOf<Selected[N]> extends Paths ? N : never }[keyof Selected &
        string]
    >
  : never

/** One column: its value. Several: an object of them. */
export type KeyValue<Row, Names extends keyof Row> =
  IsUnion<Names> extends true ? { readonly [N in Names]: Row[N] } : Row[Names]

type IsUnion<T, All = T> = T extends All ? ([All] extends [T] ? false : true) : never
