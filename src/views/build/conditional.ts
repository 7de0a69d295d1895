import type { DecimalLike } from '../../contract/schema-contract.ts'
import {
  computed,
  EXPRESSION,
  type Computed,
  type Expression,
  type Operand,
  type Predicate,
} from './expression.ts'
import type { AlternativeTo, ComparableTo, NullOf, ValueOf } from './infer.ts'

/**
 * The first of the values that is not null; null if all are. A constant has the type of the column before it.
 *
 * @example
 * ```ts
 * import { coalesce, defineView } from 'prisma-dbsync'
 * import { Visit } from './generated/dbsync/index.ts'
 *
 * export const ratings = defineView('ratings', (q) =>
 *   q.from({ v: Visit }).select(({ v }) => ({
 *     userId: v.userId, restaurantId: v.restaurantId, rating: coalesce(v.visitRating, 0),
 *   })))
 * ```
 */
export function coalesce<First extends Operand, const Others extends readonly AlternativeTo<First>[]>(
  first: First,
  ...others: Others
): Computed<CoalesceOf<First, Others>> {
  return computed('coalesce', [first, ...others])
}

/** Null only if all of the values may be. */
type CoalesceOf<First, Others extends readonly unknown[]> =
  | NonNullable<Shown<First> | Shown<Others[number]>>
  | (null extends ValueOf<First> ? NeverPresent<Others> : never)

type NeverPresent<Others extends readonly unknown[]> = Others extends readonly [infer One, ...infer Rest]
  ? null extends ValueOf<One>
    ? NeverPresent<Rest>
    : never
  : null

/** What a value is shown as: constants that are numbers are any number, texts stay what they are. */
type Shown<X> = X extends number
  ? number
  : X extends bigint
    ? bigint
    : X extends boolean
      ? boolean
      : ValueOf<X>

/**
 * Null if the two are equal, else the first.
 *
 * @example
 * ```ts
 * import { defineView, divide, nullif } from 'prisma-dbsync'
 * import { Visit } from './generated/dbsync/index.ts'
 *
 * export const perStar = defineView('per_star', (q) =>
 *   q.from({ v: Visit }).select(({ v }) => ({
 *     userId: v.userId, restaurantId: v.restaurantId, price: divide(v.amountSpent, nullif(v.visitRating, 0)),
 *   })))
 * ```
 */
export function nullif<T>(value: Expression<T>, other: ComparableTo<Expression<T>>): Computed<T | null> {
  return computed('nullif', [value, other])
}

/** A CASE that can go on; as it is, it is null where no condition is true. `First` is its first value. */
export interface CaseWhen<T, First> extends Computed<T | null> {
  /** A further condition, asked where none before it is true. */
  when<const V extends AlternativeTo<First> | null>(
    condition: Predicate,
    value: V,
  ): CaseWhen<T | Shown<V>, First>
  /** The value where no condition is true. */
  else<const V extends AlternativeTo<First> | null>(value: V): Computed<T | Shown<V>>
}

/**
 * `CASE WHEN condition THEN value … END`: the value of the first condition that is true. Go on with `.when(…)`, end with
 * `.else(…)`; without it the result is null where no condition is true.
 *
 * @example
 * ```ts
 * import { caseWhen, defineView, gt } from 'prisma-dbsync'
 * import { Visit } from './generated/dbsync/index.ts'
 *
 * export const moods = defineView('moods', (q) =>
 *   q.from({ v: Visit }).select(({ v }) => ({
 *     userId: v.userId, restaurantId: v.restaurantId,
 *     mood: caseWhen(gt(v.visitRating, 3), 'good').when(gt(v.visitRating, 1), 'fair').else('bad'),
 *   })))
 * ```
 */
export function caseWhen<const V extends Operand>(condition: Predicate, value: V): CaseWhen<Shown<V>, V> {
  return caseOf([condition, value])
}

function caseOf<T, First>(args: readonly unknown[]): CaseWhen<T, First> {
  return Object.freeze({
    [EXPRESSION]: true,
    kind: 'call',
    name: 'case',
    args: Object.freeze([...args]),
    when: <V>(condition: Predicate, value: V) => caseOf<T | Shown<V>, First>([...args, condition, value]),
    else: <V>(value: V) => computed<T | Shown<V>>('case', [...args, value]),
  } as const)
}

/** The types that `cast` converts to, by their names in Postgres. */
export type CastTarget =
  | 'smallint'
  | 'integer'
  | 'bigint'
  | 'numeric'
  | `numeric(${number})`
  | `numeric(${number},${number})`
  | `numeric(${number}, ${number})`
  | 'double precision'
  | 'text'
  | 'boolean'
  | 'date'
  | 'timestamp'
  | 'timestamptz'

type CastOf<Target extends CastTarget> = Target extends 'smallint' | 'integer' | 'double precision'
  ? number
  : Target extends 'bigint'
    ? bigint
    : Target extends 'text'
      ? string
      : Target extends 'boolean'
        ? boolean
        : Target extends 'date' | 'timestamp' | 'timestamptz'
          ? Date
          : DecimalLike

/**
 * `CAST(value AS type)`, with Postgres' rounding and errors: a view whose row has a value that does not fit the type stops
 * with VIEW.EVALUATION. Time zones are UTC. Casts whose answer depends on settings of the session, as that of a Float to
 * text, are refused.
 *
 * @example
 * ```ts
 * import { cast, defineView } from 'prisma-dbsync'
 * import { Visit } from './generated/dbsync/index.ts'
 *
 * export const euros = defineView('euros', (q) =>
 *   q.from({ v: Visit }).select(({ v }) => ({
 *     userId: v.userId, restaurantId: v.restaurantId, euros: cast(v.amountSpent, 'integer'),
 *   })))
 * ```
 */
export function cast<V extends Expression<unknown>, Target extends CastTarget>(
  value: V,
  type: Target,
): Computed<CastOf<Target> | NullOf<V>> {
  return computed('cast', [value, type])
}
