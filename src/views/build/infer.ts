import type { DecimalLike, Table } from '../../contract/schema-contract.ts'
import type { Aggregate, ColumnRef, Condition, Expression, Literal, MovingTime } from './expression.ts'
import type { Order } from './order.ts'

/**
 * The types behind the builder. `Path` is `alias.field`; a scope maps each alias to what the types must
 * know of what stands in FROM.
 *
 * What identifies rows is a union of names or paths. `never`, the empty set, is one row; `null` is nothing that
 * the types know of.
 */

/** A finished query or a view: its row, and the names that identify a row. */
export interface QueryType<Row, Names extends string | null> {
  readonly kind: 'query' | 'view'
  /** Types only; never present at run time. */
  readonly $types?: { readonly row: Row; readonly names: Names }
}

/** What can stand in FROM. */
export type Relation = Table | QueryType<unknown, string | null>

/** A relation in a scope. `Needed` are the fields of its key that its join does not already determine. */
export interface SourceType<
  Row,
  Key extends string | null,
  Optional extends boolean,
  Needed extends string | null,
> {
  readonly row: Row
  readonly key: Key
  readonly optional: Optional
  readonly needed: Needed
}

export type Scope = Readonly<Record<string, SourceType<unknown, string | null, boolean, string | null>>>

/** What `from` and the joins take: `{ r: Restaurant }`. */
export type Sources = Readonly<Record<string, Relation>>

/** Refuses an alias that the scope already has. */
export type NewAlias<S extends Scope> = { readonly [A in keyof S]?: never }

/** The scope with one more relation: `AddSource<{}, { r: typeof Restaurant }, false, never>`. */
export type AddSource<S, T extends Sources, Optional extends boolean, Bound extends string> = S & {
  readonly [A in keyof T & string]: SourceType<
    RowIn<T[A]>,
    NamesIn<T[A]>,
    Optional,
    Exclude<NamesIn<T[A]>, FieldOf<Bound, A>>
  >
}

/** The scope after a right join: the earlier relations may be missing. */
export type AddRight<S extends Scope, T extends Sources> = AddSource<Missing<S>, T, false, never>

/** The scope after a full join. A key that may be null throughout does not tell rows of the two sides apart. */
export type AddFull<S extends Scope, T extends Sources> = Missing<S> & {
  readonly [A in keyof T & string]: SourceType<
    RowIn<T[A]>,
    NamesIn<T[A]>,
    true,
    NeverNull<RowIn<T[A]>, NamesIn<T[A]>> extends false ? null : NamesIn<T[A]>
  >
}

type Missing<S extends Scope> = {
  readonly [A in keyof S]: SourceType<S[A]['row'], S[A]['key'], true, S[A]['needed']>
}

/** Whether one of these columns is never null. */
type NeverNull<Row, Names> = true extends {
  [N in Names & keyof Row]: null extends Row[N] ? false : true
}[Names & keyof Row]
  ? true
  : false

type RowIn<R> =
  R extends Table<string, infer Row> ? Row : R extends QueryType<infer Row, string | null> ? Row : never

type NamesIn<R> =
  R extends Table<string, unknown, infer Key>
    ? Key
    : R extends QueryType<unknown, infer Names>
      ? Names
      : never

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
type Widen<T> = T extends string ? string : T extends number ? number : T extends boolean ? boolean : T

/** What the other side of a comparison with `Left` may be. */
export type ComparableTo<Left> =
  Left extends Expression<infer T>
    ? LiteralFor<NonNullable<T>> | Expression<Peer<NonNullable<T>> | null>
    : Expression<Peer<Widen<Left>> | null>

/** What the other side of `gt`, `gte`, `lt` or `lte` may be: a timestamp is compared with a moving time too. */
export type OrderedWith<Left> =
  | ComparableTo<Left>
  | (Left extends MovingTime
      ? Expression<Date | null>
      : Left extends Expression<infer T>
        ? MovingOf<T>
        : never)

type MovingOf<T> = T extends Date ? MovingTime : never

/** What stands beside `First` in `coalesce` and CASE: values that one type holds. */
export type AlternativeTo<First> =
  | ComparableTo<First>
  | (First extends Expression<infer T> ? Expression<T | null> : LiteralFor<Widen<First>>)

/** A query of one column whose values can be compared with a column of type `T`. */
export type ColumnOf<T> = QueryType<Readonly<Record<string, Peer<NonNullable<T>> | null>>, string | null>

/** The value of a column, a function, an aggregate or a constant. */
export type ValueOf<X> = X extends Literal | null ? X : X extends { readonly $type?: infer T } ? T : never

/** `null` if one of the sides may be null. */
export type NullOf<X> = X extends Expression<infer T> ? Extract<T, null> : never

/** A number of any kind: a column, a function or a constant. */
export type NumberOperand = Expression<number | bigint | DecimalLike | null> | number | bigint | DecimalLike

/** What arithmetic of two numbers answers: Decimal if one is, else bigint if one is, else number; null if one is null. */
export type ArithmeticOf<L, R> =
  | NumberOf<NonNullable<ValueOf<L>>, NonNullable<ValueOf<R>>>
  | NullOf<L>
  | NullOf<R>

type NumberOf<A, B> = [A | B] extends [number]
  ? number
  : [A | B] extends [number | bigint]
    ? bigint
    : Exclude<A | B, number | bigint>

/** What `floor`, `ceil` and `round` answer: Decimal of a Decimal, else number. */
export type RoundedOf<T> = T extends number | bigint ? number : T

/** A text: a column or a function, or a constant. */
export type TextOperand = Expression<string | null> | string

/** What a function of these arguments answers: null if one of them is. */
export type StrictOf<T, Args> = T | NullOf<Args>

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

/** The row of a view, flat: `{ id: string; visits: number }`; constants are shown as what they are. */
export type RowOf<Selected> = { readonly [N in keyof Selected]: ValueOf<Selected[N]> }

/** The path of a column; the empty text for everything that is not one, so that it never matches. */
export type PathOf<X> = X extends ColumnRef<unknown, infer P> ? P : ''

/** What identifies a row of an ungrouped query: nothing if it aggregates, else the keys of its relations. */
export type UngroupedPaths<S extends Scope, Selected> =
  Extract<Selected[keyof Selected], Aggregate<unknown>> extends never
    ? OrNull<
        {
          [A in keyof S & string]: null extends S[A]['needed'] ? null : `${A}.${S[A]['needed'] & string}`
        }[keyof S & string]
      >
    : never

/**
 * What identifies a row of a grouped query: the group columns without those that the key of their own relation
 * determines. Null if a group is computed: the types do not see where that is selected.
 */
export type GroupedPaths<S extends Scope, Group extends string> = '' extends Group
  ? null
  : {
      [A in keyof S & string]: Determines<S[A], A, Group> extends true
        ? `${A}.${S[A]['key'] & string}`
        : Extract<Group, `${A}.${string}`>
    }[keyof S & string]

/** Whether the group has the whole key of a relation that is never missing. */
type Determines<Source extends Scope[string], Alias extends string, Group extends string> = true extends
  | Source['optional']
  | (null extends Source['key'] ? true : false)
  | ([Source['key']] extends [never] ? true : false)
  ? false
  : [`${Alias}.${Source['key'] & string}`] extends [Group]
    ? true
    : false

type OrNull<Paths extends string | null> = null extends Paths ? null : Paths

/** The names of the outputs that identify a row; null, a bag, if one of the paths is not selected. */
export type NamesOf<Selected, Paths extends string | null> = [Paths] extends [
  PathOf<Selected[keyof Selected]>,
]
  ? { [N in keyof Selected & string]: PathOf<Selected[N]> extends Paths ? N : never }[keyof Selected & string]
  : null

/** The paths of the outputs of a query: what identifies a row where no two rows are the same. */
export type OutputPaths<Selected> = Exclude<PathOf<Selected[keyof Selected]>, ''>

/** The columns of a set operation, as a callback sees them. */
export type Outputs<Row> = { readonly [N in keyof Row & string]: ColumnRef<Row[N], N> }

/** The row of UNION: a column may be null if it may be in one of the inputs. */
export type UnionRow<First, Others> = {
  readonly [N in keyof First]: First[N] | (Others extends { readonly [M in N]: infer T } ? T : never)
}

/** `Q` itself if its columns have the names and types of `First`; else a text that says what is wrong. */
export type SameColumns<First, Q> =
  Q extends QueryType<infer Row, string | null>
    ? [keyof Row, keyof First] extends [keyof First, keyof Row]
      ? [
          { [N in keyof Row]: NonNullable<Row[N]> },
          { [N in keyof Row]: NonNullable<First[N & keyof First]> },
        ] extends [
          { [N in keyof Row]: NonNullable<First[N & keyof First]> },
          { [N in keyof Row]: NonNullable<Row[N]> },
        ]
        ? Q
        : 'a column has another type than in the first query'
      : 'the columns have other names than in the first query'
    : never

/** A number, if the order holds all that identifies a row; else a text that says what it lacks. */
export type Total<Lacking extends string | null> = [Lacking] extends [null]
  ? number
  : `a limit needs a total order: add ${Lacking & string} to orderBy`

/** The paths of the columns in an order. */
export type OrderedPaths<O extends readonly Order[]> =
  O[number] extends Order<infer Path> ? Exclude<Path, ''> : never

/** What is looked up: nothing in one row, a value for one name, an object for several; never in a bag. */
export type KeyOf<Row, Names extends string | null> = [Names] extends [never]
  ? void
  : null extends Names
    ? never
    : KeyValue<Row, Names & keyof Row>

/** One column: its value. Several: an object of them. */
export type KeyValue<Row, Names extends keyof Row> =
  IsUnion<Names> extends true ? { readonly [N in Names]: Row[N] } : Row[Names]

type IsUnion<T, All = T> = T extends All ? ([All] extends [T] ? false : true) : never

/** What finds rows by an index: values of exactly its columns. `Index` are the lists of their names. */
export type MatchBy<Row, Index extends readonly string[]> = Index extends readonly (infer Name)[]
  ? { readonly [N in keyof Row as N extends Name ? N : never]: Row[N] } & {
      readonly [N in keyof Row as N extends Name ? never : N]?: never
    }
  : never
