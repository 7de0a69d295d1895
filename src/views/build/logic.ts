import { condition, type Condition, type Predicate } from './expression.ts'
import type { EquatedBy, ValueOf } from './infer.ts'

/**
 * True if all conditions are, by SQL's three-valued logic. At least one condition.
 *
 * @example
 * ```ts
 * import { and, defineView, gt, isNotNull } from 'prisma-dbsync'
 * import { Visit } from './generated/dbsync/index.ts'
 *
 * export const dear = defineView('dear_visits', (q) =>
 *   q.from({ v: Visit })
 *     .where(({ v }) => and(isNotNull(v.visitRating), gt(v.amountSpent, 100)))
 *     .select(({ v }) => ({ userId: v.userId, restaurantId: v.restaurantId })))
 * ```
 */
export function and<const C extends readonly Predicate[]>(
  ...conditions: C
): Condition<EquatedBy<C[number]>, boolean | Extract<ValueOf<C[number]>, null>> {
  return condition('and', conditions)
}

/**
 * True if one of the conditions is, by SQL's three-valued logic. At least one condition.
 *
 * @example
 * ```ts
 * import { defineView, gt, isNull, or } from 'prisma-dbsync'
 * import { Visit } from './generated/dbsync/index.ts'
 *
 * export const notBad = defineView('not_bad', (q) =>
 *   q.from({ v: Visit })
 *     .where(({ v }) => or(isNull(v.visitRating), gt(v.visitRating, 2)))
 *     .select(({ v }) => ({ userId: v.userId, restaurantId: v.restaurantId })))
 * ```
 */
export function or<const C extends readonly Predicate[]>(
  ...conditions: C
): Condition<never, boolean | Extract<ValueOf<C[number]>, null>> {
  return condition('or', conditions)
}

/**
 * True if the condition is false; unknown if it is unknown.
 *
 * @example
 * ```ts
 * import { defineView, inArray, not } from 'prisma-dbsync'
 * import { Restaurant } from './generated/dbsync/index.ts'
 *
 * export const others = defineView('others', (q) =>
 *   q.from({ r: Restaurant }).where(({ r }) => not(inArray(r.id, ['r1']))).select(({ r }) => ({ id: r.id })))
 * ```
 */
export function not<C extends Predicate>(inner: C): Condition<never, boolean | Extract<ValueOf<C>, null>> {
  return condition('not', [inner])
}
