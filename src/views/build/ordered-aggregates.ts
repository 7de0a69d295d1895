import type { RowValue } from './expression.ts'
import { orderedAggregate, type AggregateWithoutOrder } from './make-aggregate.ts'

/**
 * The values in the order of `orderBy`, null where they are null; null if there is no row. The array is frozen, and the
 * same object until the group changes.
 *
 * @example
 * ```ts
 * import { arrayAgg, asc, defineView, desc } from 'prisma-dbsync'
 * import { Visit } from './generated/dbsync/index.ts'
 *
 * export const spenders = defineView('spenders', (q) =>
 *   q.from({ v: Visit })
 *     .groupBy(({ v }) => [v.restaurantId])
 *     .select(({ v }) => ({
 *       id: v.restaurantId,
 *       users: arrayAgg(v.userId).orderBy(desc(v.amountSpent), asc(v.restaurantId), asc(v.userId)),
 *     })))
 * ```
 */
export function arrayAgg<T>(value: RowValue<T>): AggregateWithoutOrder<readonly T[] | null> {
  return orderedAggregate('arrayAgg', value)
}

/**
 * The texts that are not null, in the order of `orderBy`, with `separator` between them; null if there is none.
 *
 * @example
 * ```ts
 * import { asc, defineView, stringAgg } from 'prisma-dbsync'
 * import { Restaurant } from './generated/dbsync/index.ts'
 *
 * export const names = defineView('names', (q) =>
 *   q.from({ r: Restaurant }).select(({ r }) => ({ names: stringAgg(r.name, ', ').orderBy(asc(r.name)) })))
 * ```
 */
export function stringAgg(
  value: RowValue<string | null>,
  separator: string,
): AggregateWithoutOrder<string | null> {
  return orderedAggregate('stringAgg', value, { separator })
}

/**
 * The values as Postgres' `jsonb_agg` has them, in the order of `orderBy`: of an enum its label in the database, null for
 * null; null if there is no row. Of Int, String, uuid, Boolean, enums and jsonb; other types lose something in JSON.
 *
 * @example
 * ```ts
 * import { asc, defineView, jsonAgg } from 'prisma-dbsync'
 * import { Visit } from './generated/dbsync/index.ts'
 *
 * export const ratings = defineView('ratings', (q) =>
 *   q.from({ v: Visit })
 *     .groupBy(({ v }) => [v.restaurantId])
 *     .select(({ v }) => ({ id: v.restaurantId, ratings: jsonAgg(v.visitRating).orderBy(asc(v.userId)) })))
 * ```
 */
export function jsonAgg<T>(value: RowValue<T>): AggregateWithoutOrder<readonly JsonOf<T>[] | null> {
  return orderedAggregate('jsonAgg', value)
}

/** An enum's label need not be its name in the schema. */
type JsonOf<T> = T extends string ? string : T
