import type { Decimal } from '@prisma/client/runtime/client'
import type { MemoryView } from '../../src/stores/memory-view.ts'
import { count } from '../../src/views/build/aggregates.ts'
import { defineView, type ViewKey, type ViewMatch, type ViewRow } from '../../src/views/define-view.ts'
import type { Equal, Expect } from './equal.ts'
import { Restaurant, Visit } from './fixture.ts'

/** What finds rows of a view by its indexes. Nothing here runs. */

export const visits = defineView(
  'visits',
  (q) =>
    q.from({ v: Visit }).select(({ v }) => ({
      user: v.userId,
      restaurant: v.restaurantId,
      rating: v.visitRating,
      spent: v.amountSpent,
    })),
  { indexes: [['rating'], ['restaurant', 'spent']] },
)
type Visits = MemoryView<ViewRow<typeof visits>, ViewKey<typeof visits>, ViewMatch<typeof visits>>
// Indexes change neither rows nor key.
export type Key = Expect<
  Equal<ViewKey<typeof visits>, { readonly user: number; readonly restaurant: string }>
>

export const plain = defineView('plain', (q) => q.from({ r: Restaurant }).select(({ r }) => ({ id: r.id })))
export type NoMatch = Expect<Equal<ViewMatch<typeof plain>, never>>

export function reads(view: Visits, none: MemoryView<{ readonly id: string }, string>, spent: Decimal) {
  const found: readonly ViewRow<typeof visits>[] = view.where({ rating: 5 })
  return [
    found,
    view.where({ rating: null }),
    view.where({ spent, restaurant: 'r' }),
    // @ts-expect-error half of an index
    view.where({ restaurant: 'r' }),
    // @ts-expect-error columns of two indexes
    view.where({ rating: 5, restaurant: 'r', spent }),
    // @ts-expect-error no index
    view.where({ user: 1 }),
    // @ts-expect-error nothing
    view.where({}),
    // @ts-expect-error a rating is a number
    view.where({ rating: '5' }),
    // @ts-expect-error a restaurant is never null
    view.where({ restaurant: null, spent }),
    // @ts-expect-error the view has no index
    none.where({ id: 'r' }),
  ]
}

export const refused = [
  defineView('unknown', (q) => q.from({ v: Visit }).select(() => ({ rows: count() })), {
    // @ts-expect-error no such output
    indexes: [['visits']],
  }),
  defineView('flat', (q) => q.from({ v: Visit }).select(() => ({ rows: count() })), {
    // @ts-expect-error an index is a list of names
    indexes: ['rows'],
  }),
  defineView('both', (q) => q.from({ v: Visit }).select(({ v }) => ({ a: v.userId, b: v.restaurantId })), {
    key: ['b', 'a'],
    indexes: [['a']],
  }),
]
