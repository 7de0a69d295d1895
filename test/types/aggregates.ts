import type { Decimal } from '@prisma/client/runtime/client'
import { avg, boolAnd, boolOr, count, countDistinct, max, sum } from '../../src/views/build/aggregates.ts'
import { eq, gt } from '../../src/views/build/comparisons.ts'
import { defineView, type ViewKey, type ViewRow } from '../../src/views/define-view.ts'
import { arrayAgg, jsonAgg, stringAgg } from '../../src/views/build/ordered-aggregates.ts'
import { asc, desc } from '../../src/views/build/order.ts'
import type { Equal, Expect } from './equal.ts'
import { Restaurant, Sample, User, Visit, type Role } from './fixture.ts'

/** What the compiler must accept, refuse and infer of aggregates. Nothing here runs. */

export const byRestaurant = defineView('by_restaurant', (q) =>
  q
    .from({ r: Restaurant })
    .leftJoin({ v: Visit }, ({ r, v }) => eq(v.restaurantId, r.id))
    .groupBy(({ r }) => [r.id])
    .select(({ r, v }) => ({
      id: r.id,
      guests: countDistinct(v.userId),
      good: count().filter(gt(v.visitRating, 3)),
      spent: sum(v.amountSpent).filter(gt(v.visitRating, 3)).filter(eq(v.userId, 1)),
      mean: avg(v.visitRating).filter(gt(v.amountSpent, 10)),
      dearest: max(v.amountSpent).filter(gt(v.visitRating, 3)),
      always: boolAnd(gt(v.visitRating, 3)),
      users: arrayAgg(v.userId).orderBy(desc(v.visitRating, { nulls: 'last' }), asc(v.userId)),
      amounts: arrayAgg(v.amountSpent).orderBy(asc(v.amountSpent)).filter(gt(v.visitRating, 3)),
    })),
)
export type ByRestaurant = Expect<
  Equal<
    ViewRow<typeof byRestaurant>,
    {
      readonly id: string
      readonly guests: number
      readonly good: number
      readonly spent: Decimal | null
      readonly mean: number | null
      readonly dearest: Decimal | null
      readonly always: boolean | null
      // The missing side of the left join is a null in the array.
      readonly users: readonly (number | null)[] | null
      readonly amounts: readonly (Decimal | null)[] | null
    }
  >
>
export type ByRestaurantKey = Expect<Equal<ViewKey<typeof byRestaurant>, string>>

export const overall = defineView('overall', (q) =>
  q.from({ u: User }).select(({ u }) => ({
    active: boolOr(u.active),
    names: stringAgg(u.userName, ', ').filter(u.active).orderBy(asc(u.userName)),
    roles: arrayAgg(u.role).orderBy(asc(u.id)),
    labels: jsonAgg(u.role).orderBy(asc(u.id)),
    ids: jsonAgg(u.id).orderBy(asc(u.id)),
  })),
)
export type Overall = Expect<
  Equal<
    ViewRow<typeof overall>,
    {
      readonly active: boolean | null
      readonly names: string | null
      readonly roles: readonly Role[] | null
      // The labels of the database need not be the names of the schema.
      readonly labels: readonly string[] | null
      readonly ids: readonly number[] | null
    }
  >
>
// One row over everything.
export type OverallKey = Expect<Equal<ViewKey<typeof overall>, void>>

export function refusals(): unknown {
  return [
    defineView('no_order', (q) =>
      q.from({ u: User }).select(({ u }) => ({
        id: count(),
        // @ts-expect-error an array needs an order
        ids: arrayAgg(u.id),
      })),
    ),
    defineView('no_order_with_filter', (q) =>
      // @ts-expect-error a filter does not make an order
      q.from({ u: User }).select(({ u }) => ({ names: stringAgg(u.userName, ',').filter(u.active) })),
    ),
    defineView('arguments', (q) =>
      q.from({ s: Sample }).select(({ s }) => ({
        // @ts-expect-error at least one item
        none: arrayAgg(s.int).orderBy(),
        // @ts-expect-error a direction is said
        bare: arrayAgg(s.int).orderBy(s.int),
        // @ts-expect-error a number is no text
        joined: stringAgg(s.int, ',').orderBy(asc(s.int)),
        // @ts-expect-error texts have something between them
        glued: stringAgg(s.text).orderBy(asc(s.text)),
        // @ts-expect-error a number is no condition
        all: boolAnd(s.int),
        // @ts-expect-error a number is no condition
        some: count().filter(s.int),
        // @ts-expect-error first or last
        nulls: arrayAgg(s.int).orderBy(asc(s.int, { nulls: 'middle' })),
        // @ts-expect-error an aggregate of an aggregate
        twice: countDistinct(count()),
      })),
    ),
  ]
}
