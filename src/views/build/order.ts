import type { Expression } from './expression.ts'
import type { PathOf } from './infer.ts'

/** One item of an order. `Path` is the column, if it is one. */
export interface Order<Path extends string = string> {
  readonly kind: 'order'
  readonly expression: unknown
  readonly descending: boolean
  readonly nullsFirst: boolean
  /** Types only; never present at run time. */
  readonly $path?: Path
}

/** Where NULLs stand; without it last ascending and first descending, as in Postgres. */
export interface OrderOptions {
  readonly nulls?: 'first' | 'last'
}

/**
 * From the least to the greatest. Text is ordered by `COLLATE "C"`, its UTF-8 bytes.
 *
 * @example
 * ```ts
 * import { asc, defineView, desc } from 'prisma-dbsync'
 * import { Restaurant } from './generated/dbsync/index.ts'
 *
 * export const best = defineView('best_restaurants', (q) =>
 *   q.from({ r: Restaurant })
 *     .select(({ r }) => ({ id: r.id, name: r.name, rating: r.rating }))
 *     .orderBy(({ r }) => [desc(r.rating, { nulls: 'last' }), asc(r.id)])
 *     .limit(10))
 * ```
 */
export function asc<X extends Expression<unknown>>(expression: X, options?: OrderOptions): Order<PathOf<X>> {
  return order(expression, false, options?.nulls === 'first')
}

/**
 * From the greatest to the least; as {@link asc}.
 *
 * @example
 * ```ts
 * import { asc, defineView, desc } from 'prisma-dbsync'
 * import { Visit } from './generated/dbsync/index.ts'
 *
 * export const dearest = defineView('dearest_visits', (q) =>
 *   q.from({ v: Visit })
 *     .select(({ v }) => ({ ...v }))
 *     .orderBy(({ v }) => [desc(v.amountSpent), asc(v.userId), asc(v.restaurantId)])
 *     .limit(3))
 * ```
 */
export function desc<X extends Expression<unknown>>(expression: X, options?: OrderOptions): Order<PathOf<X>> {
  return order(expression, true, options?.nulls !== 'last')
}

/** Tells whether a value is an item of an order. */
export function isOrder(value: unknown): value is Order {
  return typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'order'
}

function order<Path extends string>(
  expression: unknown,
  descending: boolean,
  nullsFirst: boolean,
): Order<Path> {
  return Object.freeze({ kind: 'order', expression, descending, nullsFirst } as const)
}
