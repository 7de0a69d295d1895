import type { ColumnRef, Condition, NestedRows } from './expression.ts'
import type { AddSource, Refs, Scope, Sources, ValueOf } from './infer.ts'
import type { Order } from './order.ts'
import type { RawLimit, RawNested } from './raw-query.ts'
import { refsOf } from './refs.ts'

/** What the rows of a nested result hold. */
export type NestedSelection = Readonly<
  Record<string, ColumnRef<unknown, string> | Condition | NestedRows<unknown>>
>

/** The end of a nested result. */
export interface NestSelect<S extends Scope> {
  /** The columns of its rows by name; a nested result among them is nested in these rows. */
  select<const Selected extends NestedSelection>(
    columns: (tables: Refs<S>) => Selected,
  ): NestedRows<{ readonly [N in keyof Selected]: ValueOf<Selected[N]> }>
}

/** After `nest`. */
export interface NestStep<S extends Scope> extends NestSelect<S> {
  /** The order of the rows in the array. It must be total: hold what tells the rows apart. */
  orderBy(order: (tables: Refs<S>) => readonly Order[]): NestOrdered<S>
}

/** After `orderBy` of a nested result. */
export interface NestOrdered<S extends Scope> extends NestSelect<S> {
  /** The first rows only. */
  limit(count: number): NestLimited<S>
  /** Without the first rows. */
  offset(count: number): NestSelect<S>
}

/** After `limit` of a nested result. */
export interface NestLimited<S extends Scope> extends NestSelect<S> {
  /** Begins after so many rows. */
  offset(count: number): NestSelect<S>
}

/**
 * The rows of a relation that belong to a row, as an array of objects inside it; empty where there are none. `on` holds
 * at least one `eq` between the relation and the query around it.
 *
 * @example
 * ```ts
 * import { asc, defineView, desc, eq, nest } from 'prisma-dbsync'
 * import { Restaurant, Visit } from './generated/dbsync/index.ts'
 *
 * export const withVisits = defineView('restaurants_with_visits', (q) =>
 *   q.from({ r: Restaurant })
 *     .select(({ r }) => ({
 *       id: r.id,
 *       name: r.name,
 *       dearest: nest({ v: Visit }, ({ v }) => eq(v.restaurantId, r.id))
 *         .orderBy(({ v }) => [desc(v.amountSpent), asc(v.userId)])
 *         .limit(3)
 *         .select(({ v }) => ({ user: v.userId, spent: v.amountSpent })),
 *     })))
 * ```
 */
export function nest<T extends Sources>(
  source: T,
  on: (tables: Refs<AddSource<unknown, T, false, never>>) => Condition,
): NestStep<AddSource<unknown, T, false, never>> {
  // One untyped object stands behind all the typed steps, as in the query builder.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  const condition = on as (tables: object) => unknown
  const step = new Nest({
    tables: source,
    on: condition(refsOf([source])),
    select: null,
    order: null,
    limit: null,
  })
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return step as unknown as NestStep<AddSource<unknown, T, false, never>>
}

type Callback = (tables: object) => unknown

/** The one object behind the steps of a nested result. */
class Nest {
  readonly #raw: RawNested

  constructor(raw: RawNested) {
    this.#raw = raw
  }

  orderBy(order: Callback): Nest {
    return new Nest({ ...this.#raw, order: order(this.#refs()) })
  }

  limit(count: unknown): Nest {
    return this.#limit({ count })
  }

  offset(offset: unknown): Nest {
    return this.#limit({ offset })
  }

  select(columns: Callback): NestedRows<unknown> {
    return Object.freeze({
      kind: 'nested',
      raw: { ...this.#raw, select: columns(this.#refs()) },
    } as const)
  }

  #refs(): object {
    return refsOf([this.#raw.tables])
  }

  #limit(more: RawLimit): Nest {
    return new Nest({ ...this.#raw, limit: { ...this.#raw.limit, ...more } })
  }
}
