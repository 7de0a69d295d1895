import type { DecimalLike } from '../../contract/schema-contract.ts'
import { computed, type Computed, type Expression } from './expression.ts'
import type { ArithmeticOf, NullOf, NumberOperand, RoundedOf } from './infer.ts'

/*
 * Arithmetic as Postgres computes it: the types and scales of its results, integer division that truncates, and errors. A
 * row for which there is an error (an overflow, a division by zero) stops the view with VIEW.EVALUATION.
 */

/**
 * `left + right`; null if one is. Int with Decimal is Decimal, with BigInt bigint. Float is computed with Int and Float
 * alone: cast a Decimal or a BigInt first.
 *
 * @example
 * ```ts
 * import { add, defineView } from 'prisma-dbsync'
 * import { Visit } from './generated/dbsync/index.ts'
 *
 * export const withFee = defineView('with_fee', (q) =>
 *   q.from({ v: Visit }).select(({ v }) => ({
 *     userId: v.userId, restaurantId: v.restaurantId, paid: add(v.amountSpent, 2.5),
 *   })))
 * ```
 */
export function add<L extends NumberOperand, R extends NumberOperand>(
  left: L,
  right: R,
): Computed<ArithmeticOf<L, R>> {
  return computed('add', [left, right])
}

/**
 * `left - right`; as {@link add}.
 *
 * @example
 * ```ts
 * import { defineView, subtract } from 'prisma-dbsync'
 * import { Visit } from './generated/dbsync/index.ts'
 *
 * export const net = defineView('net', (q) =>
 *   q.from({ v: Visit }).select(({ v }) => ({
 *     userId: v.userId, restaurantId: v.restaurantId, net: subtract(v.amountSpent, 2.5),
 *   })))
 * ```
 */
export function subtract<L extends NumberOperand, R extends NumberOperand>(
  left: L,
  right: R,
): Computed<ArithmeticOf<L, R>> {
  return computed('subtract', [left, right])
}

/**
 * `left * right`; as {@link add}.
 *
 * @example
 * ```ts
 * import { defineView, multiply } from 'prisma-dbsync'
 * import { Visit } from './generated/dbsync/index.ts'
 *
 * export const gross = defineView('gross', (q) =>
 *   q.from({ v: Visit }).select(({ v }) => ({
 *     userId: v.userId, restaurantId: v.restaurantId, gross: multiply(v.amountSpent, 1.19),
 *   })))
 * ```
 */
export function multiply<L extends NumberOperand, R extends NumberOperand>(
  left: L,
  right: R,
): Computed<ArithmeticOf<L, R>> {
  return computed('multiply', [left, right])
}

/**
 * `left / right`; as {@link add}. Whole numbers give whole numbers, cut towards zero: 7 / 2 is 3. Guard a divisor that may be
 * zero with {@link nullif}.
 *
 * @example
 * ```ts
 * import { defineView, divide } from 'prisma-dbsync'
 * import { Visit } from './generated/dbsync/index.ts'
 *
 * export const halves = defineView('halves', (q) =>
 *   q.from({ v: Visit }).select(({ v }) => ({
 *     userId: v.userId, restaurantId: v.restaurantId, half: divide(v.amountSpent, 2),
 *   })))
 * ```
 */
export function divide<L extends NumberOperand, R extends NumberOperand>(
  left: L,
  right: R,
): Computed<ArithmeticOf<L, R>> {
  return computed('divide', [left, right])
}

/**
 * `left % right`, the remainder with the sign of `left`; as {@link add}, but not of Float.
 *
 * @example
 * ```ts
 * import { defineView, eq, modulo } from 'prisma-dbsync'
 * import { User } from './generated/dbsync/index.ts'
 *
 * export const even = defineView('even', (q) =>
 *   q.from({ u: User }).where(({ u }) => eq(modulo(u.id, 2), 0)).select(({ u }) => ({ id: u.id })))
 * ```
 */
export function modulo<L extends NumberOperand, R extends NumberOperand>(
  left: L,
  right: R,
): Computed<ArithmeticOf<L, R>> {
  return computed('modulo', [left, right])
}

type Numbers = number | bigint | DecimalLike | null

/**
 * `- value`.
 *
 * @example
 * ```ts
 * import { defineView, negate } from 'prisma-dbsync'
 * import { Visit } from './generated/dbsync/index.ts'
 *
 * export const booked = defineView('booked', (q) =>
 *   q.from({ v: Visit }).select(({ v }) => ({
 *     userId: v.userId, restaurantId: v.restaurantId, booked: negate(v.amountSpent),
 *   })))
 * ```
 */
export function negate<T extends Numbers>(value: Expression<T>): Computed<T> {
  return computed('negate', [value])
}

/**
 * `abs(value)`.
 *
 * @example
 * ```ts
 * import { abs, defineView, subtract } from 'prisma-dbsync'
 * import { Visit } from './generated/dbsync/index.ts'
 *
 * export const distance = defineView('distance', (q) =>
 *   q.from({ v: Visit }).select(({ v }) => ({
 *     userId: v.userId, restaurantId: v.restaurantId, distance: abs(subtract(v.visitRating, 3)),
 *   })))
 * ```
 */
export function abs<T extends Numbers>(value: Expression<T>): Computed<T> {
  return computed('abs', [value])
}

/**
 * `round(value)` or, of a Decimal, `round(value, digits)`: halves away from zero. A Float's halves go to the even number, as
 * Postgres does; a whole number is rounded as a Float.
 *
 * @example
 * ```ts
 * import { defineView, multiply, round } from 'prisma-dbsync'
 * import { Visit } from './generated/dbsync/index.ts'
 *
 * export const gross = defineView('gross', (q) =>
 *   q.from({ v: Visit }).select(({ v }) => ({
 *     userId: v.userId, restaurantId: v.restaurantId, gross: round(multiply(v.amountSpent, 1.19), 2),
 *   })))
 * ```
 */
export function round<V extends Expression<Numbers>>(
  value: V,
  digits?: number,
): Computed<RoundedOf<NonNullable<V['$type']>> | NullOf<V>> {
  return computed('round', digits === undefined ? [value] : [value, digits])
}

/**
 * `floor(value)`: the greatest whole number that is not above. Decimal of a Decimal, else a number.
 *
 * @example
 * ```ts
 * import { defineView, floor } from 'prisma-dbsync'
 * import { Visit } from './generated/dbsync/index.ts'
 *
 * export const euros = defineView('euros', (q) =>
 *   q.from({ v: Visit }).select(({ v }) => ({
 *     userId: v.userId, restaurantId: v.restaurantId, euros: floor(v.amountSpent),
 *   })))
 * ```
 */
export function floor<V extends Expression<Numbers>>(
  value: V,
): Computed<RoundedOf<NonNullable<V['$type']>> | NullOf<V>> {
  return computed('floor', [value])
}

/**
 * `ceil(value)`: the least whole number that is not below; as {@link floor}.
 *
 * @example
 * ```ts
 * import { ceil, defineView } from 'prisma-dbsync'
 * import { Visit } from './generated/dbsync/index.ts'
 *
 * export const euros = defineView('euros', (q) =>
 *   q.from({ v: Visit }).select(({ v }) => ({
 *     userId: v.userId, restaurantId: v.restaurantId, euros: ceil(v.amountSpent),
 *   })))
 * ```
 */
export function ceil<V extends Expression<Numbers>>(
  value: V,
): Computed<RoundedOf<NonNullable<V['$type']>> | NullOf<V>> {
  return computed('ceil', [value])
}
