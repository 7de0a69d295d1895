import { condition, type Condition, type Expression, type MovingTime, type Operand } from './expression.ts'
import type { ColumnOf, ComparableTo, Equated, LiteralFor, NullOf, OrderedWith } from './infer.ts'

/**
 * Comparisons with SQL's meaning: unknown (null) if a side is null. At least one side is a column or a function of
 * some; a literal has the type that Prisma Client shows for that column.
 */

/**
 * `left = right`. In the `on` of a join it may tie the new table to an earlier one.
 *
 * @example
 * ```ts
 * import { defineView, eq } from 'prisma-dbsync'
 * import { Restaurant, Visit } from './generated/dbsync/index.ts'
 *
 * export const visitsOfR1 = defineView('visits_of_r1', (q) =>
 *   q.from({ v: Visit })
 *     .innerJoin({ r: Restaurant }, ({ v, r }) => eq(v.restaurantId, r.id))
 *     .where(({ r }) => eq(r.id, 'r1'))
 *     .select(({ v, r }) => ({ userId: v.userId, restaurantId: v.restaurantId, name: r.name })))
 * ```
 */
export function eq<L extends Operand, R extends ComparableTo<L>>(
  left: L,
  right: R,
): Condition<Equated<L, R>, boolean | NullOf<L> | NullOf<R>> {
  return condition('eq', [left, right])
}

/**
 * `left <> right`.
 *
 * @example
 * ```ts
 * import { defineView, ne } from 'prisma-dbsync'
 * import { Restaurant } from './generated/dbsync/index.ts'
 *
 * export const others = defineView('others', (q) =>
 *   q.from({ r: Restaurant }).where(({ r }) => ne(r.id, 'r1')).select(({ r }) => ({ id: r.id })))
 * ```
 */
export function ne<L extends Operand, R extends ComparableTo<L>>(
  left: L,
  right: R,
): Condition<never, boolean | NullOf<L> | NullOf<R>> {
  return condition('ne', [left, right])
}

/**
 * `left > right`. Text is ordered by `COLLATE "C"`, its UTF-8 bytes.
 *
 * @example
 * ```ts
 * import { defineView, gt } from 'prisma-dbsync'
 * import { Visit } from './generated/dbsync/index.ts'
 *
 * export const good = defineView('good_visits', (q) =>
 *   q.from({ v: Visit })
 *     .where(({ v }) => gt(v.visitRating, 3))
 *     .select(({ v }) => ({ userId: v.userId, restaurantId: v.restaurantId })))
 * ```
 */
export function gt<L extends Operand | MovingTime, R extends OrderedWith<L>>(
  left: L,
  right: R,
): Condition<never, boolean | NullOf<L> | NullOf<R>> {
  return condition('gt', [left, right])
}

/**
 * `left >= right`; as {@link gt}.
 *
 * @example
 * ```ts
 * import { defineView, gte } from 'prisma-dbsync'
 * import { Visit } from './generated/dbsync/index.ts'
 *
 * export const good = defineView('good_visits', (q) =>
 *   q.from({ v: Visit })
 *     .where(({ v }) => gte(v.visitRating, 4))
 *     .select(({ v }) => ({ userId: v.userId, restaurantId: v.restaurantId })))
 * ```
 */
export function gte<L extends Operand | MovingTime, R extends OrderedWith<L>>(
  left: L,
  right: R,
): Condition<never, boolean | NullOf<L> | NullOf<R>> {
  return condition('gte', [left, right])
}

/**
 * `left < right`; as {@link gt}.
 *
 * @example
 * ```ts
 * import { defineView, lt } from 'prisma-dbsync'
 * import { Visit } from './generated/dbsync/index.ts'
 *
 * export const cheap = defineView('cheap_visits', (q) =>
 *   q.from({ v: Visit })
 *     .where(({ v }) => lt(v.amountSpent, 10))
 *     .select(({ v }) => ({ userId: v.userId, restaurantId: v.restaurantId })))
 * ```
 */
export function lt<L extends Operand | MovingTime, R extends OrderedWith<L>>(
  left: L,
  right: R,
): Condition<never, boolean | NullOf<L> | NullOf<R>> {
  return condition('lt', [left, right])
}

/**
 * `left <= right`; as {@link gt}.
 *
 * @example
 * ```ts
 * import { defineView, lte } from 'prisma-dbsync'
 * import { Visit } from './generated/dbsync/index.ts'
 *
 * export const poor = defineView('poor_visits', (q) =>
 *   q.from({ v: Visit })
 *     .where(({ v }) => lte(v.visitRating, 2))
 *     .select(({ v }) => ({ userId: v.userId, restaurantId: v.restaurantId })))
 * ```
 */
export function lte<L extends Operand | MovingTime, R extends OrderedWith<L>>(
  left: L,
  right: R,
): Condition<never, boolean | NullOf<L> | NullOf<R>> {
  return condition('lte', [left, right])
}

/**
 * `column IN (candidates)`: equal to one of the literals. At least one candidate, none of them null. With a query
 * of one column instead: equal to one of its values; that stands in `where` by itself or inside `and` alone.
 *
 * @example
 * ```ts
 * import { defineView, inArray } from 'prisma-dbsync'
 * import { Restaurant } from './generated/dbsync/index.ts'
 *
 * export const ours = defineView('ours', (q) =>
 *   q.from({ r: Restaurant })
 *     .where(({ r }) => inArray(r.id, ['r1', 'r2']))
 *     .select(({ r }) => ({ id: r.id, name: r.name })))
 * ```
 */
export function inArray<T>(
  column: Expression<T>,
  candidates: readonly LiteralFor<NonNullable<T>>[] | ColumnOf<T>,
): Condition<never, boolean | Extract<T, null>> {
  return condition('inArray', 'kind' in candidates ? [column, candidates] : [column, ...candidates])
}

/**
 * `column IS NULL`; true too where a left join found no row.
 *
 * @example
 * ```ts
 * import { defineView, eq, isNull } from 'prisma-dbsync'
 * import { Restaurant, Visit } from './generated/dbsync/index.ts'
 *
 * export const neverVisited = defineView('never_visited', (q) =>
 *   q.from({ r: Restaurant })
 *     .leftJoin({ v: Visit }, ({ r, v }) => eq(v.restaurantId, r.id))
 *     .where(({ v }) => isNull(v.userId))
 *     .groupBy(({ r }) => [r.id])
 *     .select(({ r }) => ({ id: r.id })))
 * ```
 */
export function isNull(column: Expression<unknown>): Condition<never, boolean> {
  return condition('isNull', [column])
}

/**
 * `column IS NOT NULL`.
 *
 * @example
 * ```ts
 * import { count, defineView, isNotNull } from 'prisma-dbsync'
 * import { Visit } from './generated/dbsync/index.ts'
 *
 * export const rated = defineView('rated', (q) =>
 *   q.from({ v: Visit }).where(({ v }) => isNotNull(v.visitRating)).select(() => ({ visits: count() })))
 * ```
 */
export function isNotNull(column: Expression<unknown>): Condition<never, boolean> {
  return condition('isNotNull', [column])
}
