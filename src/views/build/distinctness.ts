import { and } from './logic.ts'
import { gte, lte } from './comparisons.ts'
import { condition, type Condition, type Operand } from './expression.ts'
import type { ComparableTo, NullOf } from './infer.ts'

/**
 * `left IS DISTINCT FROM right`: as `ne`, but null is a value like any other, so it is never unknown.
 *
 * @example
 * ```ts
 * import { defineView, isDistinctFrom } from 'prisma-dbsync'
 * import { Visit } from './generated/dbsync/index.ts'
 *
 * export const notFive = defineView('not_five', (q) =>
 *   q.from({ v: Visit })
 *     .where(({ v }) => isDistinctFrom(v.visitRating, 5))
 *     .select(({ v }) => ({ userId: v.userId, restaurantId: v.restaurantId })))
 * ```
 */
export function isDistinctFrom<L extends Operand>(
  left: L,
  right: ComparableTo<L>,
): Condition<never, boolean> {
  return condition('isDistinctFrom', [left, right])
}

/**
 * `left IS NOT DISTINCT FROM right`: as `eq`, but two nulls are the same, so it is never unknown.
 *
 * @example
 * ```ts
 * import { defineView, isNotDistinctFrom } from 'prisma-dbsync'
 * import { Visit } from './generated/dbsync/index.ts'
 *
 * export const five = defineView('five', (q) =>
 *   q.from({ v: Visit })
 *     .where(({ v }) => isNotDistinctFrom(v.visitRating, 5))
 *     .select(({ v }) => ({ userId: v.userId, restaurantId: v.restaurantId })))
 * ```
 */
export function isNotDistinctFrom<L extends Operand>(
  left: L,
  right: ComparableTo<L>,
): Condition<never, boolean> {
  return condition('isNotDistinctFrom', [left, right])
}

/**
 * `value BETWEEN low AND high`: `value >= low AND value <= high`.
 *
 * @example
 * ```ts
 * import { between, defineView } from 'prisma-dbsync'
 * import { Visit } from './generated/dbsync/index.ts'
 *
 * export const middling = defineView('middling', (q) =>
 *   q.from({ v: Visit })
 *     .where(({ v }) => between(v.visitRating, 2, 4))
 *     .select(({ v }) => ({ userId: v.userId, restaurantId: v.restaurantId })))
 * ```
 */
export function between<L extends Operand, R extends ComparableTo<L>, S extends ComparableTo<L>>(
  value: L,
  low: R,
  high: S,
): Condition<never, boolean | NullOf<L> | NullOf<R> | NullOf<S>> {
  return and(gte(value, low), lte(value, high))
}
