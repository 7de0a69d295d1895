import type { OrderedPaths, Outputs, QueryType, SameColumns, UnionRow } from './infer.ts'
import type { Order } from './order.ts'
import { Finished, type OrderedQuery, type Query } from './query-builder.ts'
import type { SetIr } from '../view-ir.ts'

/** The result of a set operation. `Lacking`, before an order, is what identifies a row. */
export interface SetQuery<Row, Names extends string | null> extends Query<Row, Names> {
  /** `ORDER BY`, by columns of the result. */
  orderBy<const O extends readonly Order[]>(
    order: (columns: Outputs<Row>) => O,
  ): OrderedQuery<Row, Names, Outputs<Row>, never, Exclude<Names, OrderedPaths<O>>>
}

type AnyQuery = QueryType<unknown, string | null>
type RowIn<Q> = Q extends QueryType<infer Row, string | null> ? Row : never
type Others<First, Q extends readonly AnyQuery[]> = {
  readonly [I in keyof Q]: SameColumns<RowIn<First>, Q[I]>
}

/**
 * `UNION`: the rows of all queries, each once. Columns are matched by name; their types must be the same.
 *
 * @example
 * ```ts
 * import { defineView, union } from 'prisma-dbsync'
 * import { Restaurant, User } from './generated/dbsync/index.ts'
 *
 * export const names = defineView('names', (q) =>
 *   union(
 *     q.from({ u: User }).select(({ u }) => ({ name: u.userName })),
 *     q.from({ r: Restaurant }).select(({ r }) => ({ name: r.name })),
 *   ))
 * ```
 */
export function union<First extends AnyQuery, const Q extends readonly AnyQuery[]>(
  first: First,
  ...others: Q & Others<First, Q>
): SetQuery<UnionRow<RowIn<First>, RowIn<Q[number]>>, keyof RowIn<First> & string> {
  return finish('union', false, [first, ...others])
}

/**
 * `UNION ALL`: the rows of all queries, as often as they come. Columns are matched by name. The result has no key.
 *
 * @example
 * ```ts
 * import { count, defineView, unionAll } from 'prisma-dbsync'
 * import { Restaurant, User } from './generated/dbsync/index.ts'
 *
 * export const howOften = defineView('how_often', (q) =>
 *   q.from({
 *     all: unionAll(
 *       q.from({ u: User }).select(({ u }) => ({ name: u.userName })),
 *       q.from({ r: Restaurant }).select(({ r }) => ({ name: r.name })),
 *     ),
 *   })
 *     .groupBy(({ all }) => [all.name])
 *     .select(({ all }) => ({ name: all.name, times: count() })))
 * ```
 */
export function unionAll<First extends AnyQuery, const Q extends readonly AnyQuery[]>(
  first: First,
  ...others: Q & Others<First, Q>
): SetQuery<UnionRow<RowIn<First>, RowIn<Q[number]>>, null> {
  return finish('union', true, [first, ...others])
}

/**
 * `INTERSECT`: the rows that all queries have, each once.
 *
 * @example
 * ```ts
 * import { defineView, intersect } from 'prisma-dbsync'
 * import { Restaurant, Visit } from './generated/dbsync/index.ts'
 *
 * export const visited = defineView('visited', (q) =>
 *   intersect(
 *     q.from({ r: Restaurant }).select(({ r }) => ({ id: r.id })),
 *     q.from({ v: Visit }).select(({ v }) => ({ id: v.restaurantId })),
 *   ))
 * ```
 */
export function intersect<First extends AnyQuery, const Q extends readonly AnyQuery[]>(
  first: First,
  ...others: Q & Others<First, Q>
): SetQuery<RowIn<First>, keyof RowIn<First> & string> {
  return finish('intersect', false, [first, ...others])
}

/**
 * `EXCEPT`: the rows of the first query that no other has, each once.
 *
 * @example
 * ```ts
 * import { defineView, except } from 'prisma-dbsync'
 * import { Restaurant, Visit } from './generated/dbsync/index.ts'
 *
 * export const unvisited = defineView('unvisited', (q) =>
 *   except(
 *     q.from({ r: Restaurant }).select(({ r }) => ({ id: r.id })),
 *     q.from({ v: Visit }).select(({ v }) => ({ id: v.restaurantId })),
 *   ))
 * ```
 */
export function except<First extends AnyQuery, const Q extends readonly AnyQuery[]>(
  first: First,
  ...others: Q & Others<First, Q>
): SetQuery<RowIn<First>, keyof RowIn<First> & string> {
  return finish('except', false, [first, ...others])
}

function finish<Row, Names extends string | null>(
  kind: SetIr['kind'],
  all: boolean,
  inputs: readonly unknown[],
): SetQuery<Row, Names> {
  const query = new Finished({ kind, all, inputs, order: null, limit: null })
  // One untyped object stands behind all the typed steps.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return query as unknown as SetQuery<Row, Names>
}
