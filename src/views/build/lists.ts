import { computed, condition, type Computed, type Condition, type Expression } from './expression.ts'
import type { LiteralFor } from './infer.ts'

/*
 * Lists are read as Prisma shows them: a list that is NULL is empty.
 */

/**
 * Whether a list has the element; false for null.
 *
 * @example
 * ```ts
 * import { arrayContains, defineView } from 'prisma-dbsync'
 * import { User } from './generated/dbsync/index.ts'
 *
 * export const cooks = defineView('cooks', (q) =>
 *   q.from({ u: User }).where(({ u }) => arrayContains(u.interests, 'cooking')).select(({ u }) => ({ id: u.id })))
 * ```
 */
export function arrayContains<T>(
  list: Expression<readonly T[] | null>,
  element: LiteralFor<NonNullable<T>> | Expression<T | null>,
): Condition<never, boolean> {
  return condition('arrayContains', [list, element])
}

/**
 * How many elements a list has.
 *
 * @example
 * ```ts
 * import { arrayLength, defineView } from 'prisma-dbsync'
 * import { User } from './generated/dbsync/index.ts'
 *
 * export const interests = defineView('interests', (q) =>
 *   q.from({ u: User }).select(({ u }) => ({ id: u.id, interests: arrayLength(u.interests) })))
 * ```
 */
export function arrayLength(list: Expression<readonly unknown[] | null>): Computed<number> {
  return computed('arrayLength', [list])
}
