import type { DecimalLike } from '../../contract/schema-contract.ts'
import type { Aggregate, RowValue } from './expression.ts'
import type { AverageOf, SumOf } from './infer.ts'
import { aggregate } from './make-aggregate.ts'

/**
 * How many rows the group has; with a value, in how many of them it is not null. A number; 0 where a left
 * join found no row and the value is of the joined table.
 *
 * @example
 * ```ts
 * import { count, defineView } from 'prisma-dbsync'
 * import { Visit } from './generated/dbsync/index.ts'
 *
 * export const totals = defineView('totals', (q) =>
 *   q.from({ v: Visit }).select(({ v }) => ({ visits: count(), rated: count(v.visitRating) })))
 * ```
 */
export function count(value?: RowValue<unknown>): Aggregate<number> {
  return aggregate('count', value ?? null)
}

/**
 * The sum of the values that are not null; null if there is none. Int gives a number, BigInt a bigint,
 * Decimal a Decimal. Float is refused: its sum depends on the order of addition.
 *
 * @example
 * ```ts
 * import { defineView, sum } from 'prisma-dbsync'
 * import { Visit } from './generated/dbsync/index.ts'
 *
 * export const spent = defineView('spent', (q) =>
 *   q.from({ v: Visit })
 *     .groupBy(({ v }) => [v.userId])
 *     .select(({ v }) => ({ userId: v.userId, spent: sum(v.amountSpent) })))
 * ```
 */
export function sum<T extends number | bigint | DecimalLike | null>(
  value: RowValue<T>,
): Aggregate<SumOf<NonNullable<T>> | null> {
  return aggregate('sum', value)
}

/**
 * The mean of the values that are not null; null if there is none. Int and BigInt give a number, Decimal a
 * Decimal with the scale that Postgres gives it. Float is refused, as for {@link sum}.
 *
 * @example
 * ```ts
 * import { avg, defineView } from 'prisma-dbsync'
 * import { Visit } from './generated/dbsync/index.ts'
 *
 * export const rating = defineView('rating', (q) =>
 *   q.from({ v: Visit })
 *     .groupBy(({ v }) => [v.restaurantId])
 *     .select(({ v }) => ({ id: v.restaurantId, rating: avg(v.visitRating) })))
 * ```
 */
export function avg<T extends number | bigint | DecimalLike | null>(
  value: RowValue<T>,
): Aggregate<AverageOf<NonNullable<T>> | null> {
  return aggregate('avg', value)
}

/**
 * The least of the values that are not null; null if there is none. Text is ordered by `COLLATE "C"`.
 *
 * @example
 * ```ts
 * import { defineView, min } from 'prisma-dbsync'
 * import { Visit } from './generated/dbsync/index.ts'
 *
 * export const worst = defineView('worst', (q) =>
 *   q.from({ v: Visit })
 *     .groupBy(({ v }) => [v.restaurantId])
 *     .select(({ v }) => ({ id: v.restaurantId, worst: min(v.visitRating) })))
 * ```
 */
export function min<T extends number | bigint | string | Date | DecimalLike | null>(
  value: RowValue<T>,
): Aggregate<NonNullable<T> | null> {
  return aggregate('min', value)
}

/**
 * The greatest of the values that are not null; null if there is none. Text is ordered by `COLLATE "C"`.
 *
 * @example
 * ```ts
 * import { defineView, max } from 'prisma-dbsync'
 * import { Visit } from './generated/dbsync/index.ts'
 *
 * export const best = defineView('best', (q) =>
 *   q.from({ v: Visit })
 *     .groupBy(({ v }) => [v.restaurantId])
 *     .select(({ v }) => ({ id: v.restaurantId, best: max(v.visitRating) })))
 * ```
 */
export function max<T extends number | bigint | string | Date | DecimalLike | null>(
  value: RowValue<T>,
): Aggregate<NonNullable<T> | null> {
  return aggregate('max', value)
}

/**
 * How many different values there are that are not null. A number.
 *
 * @example
 * ```ts
 * import { countDistinct, defineView } from 'prisma-dbsync'
 * import { Visit } from './generated/dbsync/index.ts'
 *
 * export const reach = defineView('reach', (q) =>
 *   q.from({ v: Visit })
 *     .groupBy(({ v }) => [v.restaurantId])
 *     .select(({ v }) => ({ id: v.restaurantId, ratings: countDistinct(v.visitRating) })))
 * ```
 */
export function countDistinct(value: RowValue<unknown>): Aggregate<number> {
  return aggregate('countDistinct', value)
}

/**
 * Whether a condition is true in all rows where it is not null; null if there is none.
 *
 * @example
 * ```ts
 * import { boolAnd, defineView, isNotNull } from 'prisma-dbsync'
 * import { Visit } from './generated/dbsync/index.ts'
 *
 * export const allRated = defineView('all_rated', (q) =>
 *   q.from({ v: Visit })
 *     .groupBy(({ v }) => [v.restaurantId])
 *     .select(({ v }) => ({ id: v.restaurantId, allRated: boolAnd(isNotNull(v.visitRating)) })))
 * ```
 */
export function boolAnd(condition: RowValue<boolean | null>): Aggregate<boolean | null> {
  return aggregate('boolAnd', condition)
}

/**
 * Whether a condition is true in a row; null if it is null in all of them.
 *
 * @example
 * ```ts
 * import { boolOr, defineView, gte } from 'prisma-dbsync'
 * import { Visit } from './generated/dbsync/index.ts'
 *
 * export const loved = defineView('loved', (q) =>
 *   q.from({ v: Visit })
 *     .groupBy(({ v }) => [v.restaurantId])
 *     .select(({ v }) => ({ id: v.restaurantId, loved: boolOr(gte(v.visitRating, 5)) })))
 * ```
 */
export function boolOr(condition: RowValue<boolean | null>): Aggregate<boolean | null> {
  return aggregate('boolOr', condition)
}
