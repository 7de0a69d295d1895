import type { Decimal } from '@prisma/client/runtime/client'
import { count, max, sum } from '../../src/views/build/aggregates.ts'
import { eq, gt, inArray, isNull } from '../../src/views/build/comparisons.ts'
import { defineView, type ViewKey, type ViewRow } from '../../src/views/define-view.ts'
import { and } from '../../src/views/build/logic.ts'
import { nest } from '../../src/views/build/nest.ts'
import { asc, desc } from '../../src/views/build/order.ts'
import { except, intersect, union, unionAll } from '../../src/views/build/set-operations.ts'
import type { Equal, Expect } from './equal.ts'
import { Restaurant, Sample, User, Visit } from './fixture.ts'

/** What the compiler must accept, refuse and infer of whole queries. Nothing here runs. */

export const spent = defineView('spent', (q) =>
  q
    .from({ v: Visit })
    .groupBy(({ v }) => [v.restaurantId])
    .having(({ v }) => and(gt(count(), 2), gt(sum(v.amountSpent), 10), gt(v.restaurantId, 'r')))
    .select(({ v }) => ({ place: v.restaurantId, spent: sum(v.amountSpent), visits: count() })),
)

// The types do not see where a computed group is selected; `key` tells them.
export const computedGroup = defineView('computed_group', (q) =>
  q
    .from({ v: Visit })
    .groupBy(({ v }) => [v.restaurantId, isNull(v.visitRating)])
    .select(({ v }) => ({ place: v.restaurantId, unrated: isNull(v.visitRating), visits: count() })),
)
export type ComputedGroupKey = Expect<Equal<ViewKey<typeof computedGroup>, never>>
export const keyedGroup = defineView(
  'keyed_group',
  (q) =>
    q
      .from({ v: Visit })
      .groupBy(({ v }) => [v.restaurantId, isNull(v.visitRating)])
      .select(({ v }) => ({ place: v.restaurantId, unrated: isNull(v.visitRating), visits: count() }))
      .orderBy(({ v }) => [asc(v.restaurantId), asc(isNull(v.visitRating))])
      .limit(5),
  { key: ['place', 'unrated'] },
)
export type KeyedGroupKey = Expect<
  Equal<ViewKey<typeof keyedGroup>, { readonly place: string; readonly unrated: boolean }>
>

// A view in a join: its key is the one column that the join fixes.
export const overView = defineView('over_view', (q) =>
  q
    .from({ r: Restaurant })
    .leftJoin({ s: spent }, ({ r, s }) => eq(s.place, r.id))
    .select(({ r, s }) => ({ id: r.id, spent: s.spent, visits: s.visits })),
)
export type OverView = Expect<
  Equal<
    ViewRow<typeof overView>,
    { readonly id: string; readonly spent: Decimal | null; readonly visits: number | null }
  >
>
export type OverViewKey = Expect<Equal<ViewKey<typeof overView>, string>>

// A key that was chosen is known to the views above.
export const chosen = defineView(
  'chosen',
  (q) =>
    q.from({ v: Visit }).select(({ v }) => ({ place: v.restaurantId, user: v.userId, paid: v.amountSpent })),
  { key: ['place', 'user'] },
)
export const overChosen = defineView('over_chosen', (q) =>
  q.from({ c: chosen }).select(({ c }) => ({ user: c.user, place: c.place, paid: c.paid })),
)
export type OverChosenKey = Expect<
  Equal<ViewKey<typeof overChosen>, { readonly place: string; readonly user: number }>
>

export const overQuery = defineView('over_query', (q) =>
  q
    .from({
      s: q
        .from({ v: Visit })
        .groupBy(({ v }) => [v.userId, v.restaurantId])
        .select(({ v }) => ({ user: v.userId, place: v.restaurantId, best: max(v.visitRating) })),
    })
    .innerJoin({ u: User }, ({ s, u }) => eq(u.id, s.user))
    .select(({ s, u }) => ({ user: s.user, place: s.place, best: s.best, role: u.role })),
)
export type OverQueryKey = Expect<
  Equal<ViewKey<typeof overQuery>, { readonly user: number; readonly place: string }>
>

// One row inside a query adds nothing to a key, and alone it is one row.
export const overOneRow = defineView('over_one_row', (q) =>
  q.from({ t: q.from({ v: Visit }).select(() => ({ n: count() })) }).select(({ t }) => ({ n: t.n })),
)
export type OverOneRow = Expect<Equal<ViewKey<typeof overOneRow>, void>>

export const selfJoin = defineView('self_join', (q) =>
  q
    .from({ a: Visit })
    .innerJoin({ b: Visit }, ({ a, b }) => eq(a.restaurantId, b.restaurantId))
    .select(({ a, b }) => ({ place: a.restaurantId, first: a.userId, second: b.userId })),
)
export type SelfJoinKey = Expect<
  Equal<ViewKey<typeof selfJoin>, { readonly place: string; readonly first: number; readonly second: number }>
>

export const rightJoin = defineView('right_join', (q) =>
  q
    .from({ v: Visit })
    .innerJoin({ u: User }, ({ v, u }) => eq(u.id, v.userId))
    .rightJoin({ r: Restaurant }, ({ v, r }) => and(eq(v.restaurantId, r.id), gt(v.visitRating, 2)))
    .select(({ v, u, r }) => ({
      id: r.id,
      user: v.userId,
      place: v.restaurantId,
      name: u.userName,
      rated: gt(v.userId, 3),
    })),
)
export type RightJoin = Expect<
  Equal<
    ViewRow<typeof rightJoin>,
    {
      readonly id: string
      readonly user: number | null
      readonly place: string | null
      readonly name: string | null
      readonly rated: boolean | null
    }
  >
>
export type RightJoinKey = Expect<
  Equal<
    ViewKey<typeof rightJoin>,
    { readonly id: string; readonly user: number | null; readonly place: string | null }
  >
>

export const fullJoin = defineView('full_join', (q) =>
  q
    .from({ r: Restaurant })
    .fullJoin({ u: User }, ({ r, u }) => eq(r.rating, u.id))
    .select(({ r, u }) => ({ restaurant: r.id, user: u.id, active: u.active })),
)
export type FullJoin = Expect<
  Equal<
    ViewRow<typeof fullJoin>,
    { readonly restaurant: string | null; readonly user: number | null; readonly active: boolean | null }
  >
>
export type FullJoinKey = Expect<
  Equal<ViewKey<typeof fullJoin>, { readonly restaurant: string | null; readonly user: number | null }>
>

// The groups of both sides have a NULL, which join nothing: two rows of nulls, so no key.
export const fullJoinOfNulls = defineView('full_join_of_nulls', (q) => {
  const stars = q
    .from({ v: Visit })
    .groupBy(({ v }) => [v.visitRating])
    .select(({ v }) => ({ stars: v.visitRating }))
  return q
    .from({ a: stars })
    .fullJoin({ b: stars }, ({ a, b }) => eq(a.stars, b.stars))
    .select(({ a, b }) => ({ a: a.stars, b: b.stars }))
})
export type FullJoinOfNulls = Expect<Equal<ViewKey<typeof fullJoinOfNulls>, never>>

export const exists = defineView('exists', (q) =>
  q
    .from({ u: User })
    .whereExists({ v: Visit }, ({ u, v }) => and(eq(v.userId, u.id), gt(v.visitRating, 3)))
    .whereNotExists({ v: Visit }, ({ u, v }) => eq(v.userId, u.id))
    .where(({ u }) =>
      inArray(
        u.id,
        q.from({ v: Visit }).select(({ v }) => ({ user: v.userId })),
      ),
    )
    .select(({ u }) => ({ id: u.id, role: u.role })),
)
export type ExistsKey = Expect<Equal<ViewKey<typeof exists>, number>>

export const distinct = defineView('distinct', (q) =>
  q.from({ v: Visit }).selectDistinct(({ v }) => ({ place: v.restaurantId, stars: v.visitRating })),
)
export type DistinctKey = Expect<
  Equal<ViewKey<typeof distinct>, { readonly place: string; readonly stars: number | null }>
>

export const merged = defineView('merged', (q) =>
  union(
    q.from({ u: User }).select(({ u }) => ({ name: u.userName, n: u.id })),
    q.from({ r: Restaurant }).select(({ r }) => ({ n: r.rating, name: r.name })),
  ),
)
export type Merged = Expect<
  Equal<ViewRow<typeof merged>, { readonly name: string; readonly n: number | null }>
>
export type MergedKey = Expect<
  Equal<ViewKey<typeof merged>, { readonly name: string; readonly n: number | null }>
>

export const appended = defineView('appended', (q) =>
  unionAll(
    q.from({ u: User }).select(({ u }) => ({ n: u.id })),
    q.from({ v: Visit }).select(({ v }) => ({ n: v.userId })),
  ),
)
export type AppendedKey = Expect<Equal<ViewKey<typeof appended>, never>>

export const common = defineView('common', (q) =>
  except(
    intersect(
      q.from({ u: User }).select(({ u }) => ({ n: u.id })),
      q.from({ r: Restaurant }).select(({ r }) => ({ n: r.rating })),
    ),
    appended,
  ),
)
export type Common = Expect<Equal<ViewRow<typeof common>, { readonly n: number }>>
export type CommonKey = Expect<Equal<ViewKey<typeof common>, number>>

export const top = defineView('top', (q) =>
  q
    .from({ v: Visit })
    .innerJoin({ r: Restaurant }, ({ v, r }) => eq(v.restaurantId, r.id))
    .select(({ v, r }) => ({ user: v.userId, name: r.name }))
    .orderBy(({ v }, { name }) => [desc(v.amountSpent), asc(name), asc(v.userId), asc(v.restaurantId)])
    .limit(3)
    .offset(1),
)
// What is ordered need not be selected; without it the rows have no key.
export type TopKey = Expect<Equal<ViewKey<typeof top>, never>>

export const topGroups = defineView('top_groups', (q) =>
  q
    .from({ v: Visit })
    .groupBy(({ v }) => [v.restaurantId])
    .select(({ v }) => ({ id: v.restaurantId, visits: count() }))
    .orderBy(({ v }, { visits }) => [desc(visits), asc(v.restaurantId)])
    .limit(3),
)
export type TopGroupsKey = Expect<Equal<ViewKey<typeof topGroups>, string>>

export const perPlace = defineView('per_place', (q) =>
  q
    .from({ v: Visit })
    .select(({ v }) => ({ ...v }))
    .orderBy(({ v }) => [desc(v.amountSpent), asc(v.userId)])
    .limitPer(({ v }) => [v.restaurantId], 2)
    .offset(1),
)
export type PerPlaceKey = Expect<
  Equal<ViewKey<typeof perPlace>, { readonly userId: number; readonly restaurantId: string }>
>

export const firstOfAll = defineView('first_of_all', (q) =>
  union(
    q.from({ u: User }).select(({ u }) => ({ n: u.id })),
    q.from({ v: Visit }).select(({ v }) => ({ n: v.userId })),
  )
    .orderBy((out) => [asc(out.n)])
    .limit(3),
)
export type FirstOfAllKey = Expect<Equal<ViewKey<typeof firstOfAll>, number>>

export const withVisits = defineView('with_visits', (q) =>
  q.from({ r: Restaurant }).select(({ r }) => ({
    id: r.id,
    visits: nest({ v: Visit }, ({ v }) => eq(v.restaurantId, r.id))
      .orderBy(({ v }) => [asc(v.userId)])
      .limit(3)
      .select(({ v }) => ({
        spent: v.amountSpent,
        stars: v.visitRating,
        guest: nest({ u: User }, ({ u }) => eq(u.id, v.userId)).select(({ u }) => ({ role: u.role })),
      })),
  })),
)
export type WithVisits = Expect<
  Equal<
    ViewRow<typeof withVisits>,
    {
      readonly id: string
      readonly visits: readonly {
        readonly spent: Decimal
        readonly stars: number | null
        readonly guest: readonly { readonly role: 'ADMIN' | 'USER' }[]
      }[]
    }
  >
>

export function refusals(): unknown {
  return [
    defineView('unknown_output', (q) =>
      // @ts-expect-error the view has no such column
      q.from({ s: spent }).select(({ s }) => ({ id: s.restaurantId })),
    ),
    defineView('unfinished', (q) =>
      // @ts-expect-error a query in from ends with select
      q.from({ s: q.from({ v: Visit }) }).select(() => ({ n: count() })),
    ),
    defineView('taken', (q) =>
      q
        .from({ v: Visit })
        // @ts-expect-error the alias is taken
        .whereExists({ v: User }, ({ v }) => eq(v.id, 1))
        .select(({ v }) => ({ id: v.userId })),
    ),
    defineView('column_of_exists', (q) =>
      q
        .from({ v: Visit })
        .whereExists({ u: User }, ({ v, u }) => eq(u.id, v.userId))
        // @ts-expect-error u is not there any more
        .select(({ u }) => ({ id: u.id })),
    ),
    defineView('in_a_query_of_texts', (q) => {
      const places = q.from({ r: Restaurant }).select(({ r }) => ({ id: r.id }))
      return (
        q
          .from({ u: User })
          // @ts-expect-error numbers for a number
          .where(({ u }) => inArray(u.id, places))
          .select(({ u }) => ({ id: u.id }))
      )
    }),
    defineView('having_without_groups', (q) =>
      q
        .from({ v: Visit })
        // @ts-expect-error having follows groupBy
        .having(() => gt(count(), 3))
        .select(() => ({ n: count() })),
    ),
    defineView('having_a_text', (q) =>
      q
        .from({ v: Visit })
        .groupBy(({ v }) => [v.userId])
        // @ts-expect-error a count is a number
        .having(() => gt(count(), '3'))
        .select(({ v }) => ({ id: v.userId })),
    ),
    defineView('ungrouped_order', (q) =>
      q
        .from({ v: Visit })
        .groupBy(({ v }) => [v.userId])
        .select(({ v }) => ({ id: v.userId }))
        // @ts-expect-error v.visitRating is not grouped
        .orderBy(({ v }) => [asc(v.visitRating)]),
    ),
    defineView('no_direction', (q) =>
      q
        .from({ v: Visit })
        .select(({ v }) => ({ id: v.userId }))
        // @ts-expect-error asc or desc
        .orderBy(({ v }) => [v.userId]),
    ),
    defineView('no_order', (q) =>
      q
        .from({ v: Visit })
        .select(({ v }) => ({ id: v.userId }))
        // @ts-expect-error a limit follows orderBy
        .limit(3),
    ),
    defineView('not_total', (q) =>
      q
        .from({ v: Visit })
        .select(({ v }) => ({ id: v.userId }))
        .orderBy(({ v }) => [asc(v.userId), desc(v.visitRating)])
        // @ts-expect-error add v.restaurantId
        .limit(3),
    ),
    defineView('offset_not_total', (q) =>
      q
        .from({ v: Visit })
        .groupBy(({ v }) => [v.userId])
        .select(({ v }) => ({ id: v.userId, n: count() }))
        .orderBy((_, { n }) => [desc(n)])
        // @ts-expect-error add v.userId
        .offset(3),
    ),
    defineView('distinct_not_total', (q) =>
      q
        .from({ v: Visit })
        .selectDistinct(({ v }) => ({ id: v.userId, stars: v.visitRating }))
        .orderBy(({ v }) => [asc(v.userId)])
        // @ts-expect-error add v.visitRating
        .limit(3),
    ),
    defineView('union_not_total', (q) =>
      union(
        q.from({ v: Visit }).select(({ v }) => ({ id: v.userId, stars: v.visitRating })),
        q.from({ v: Visit }).select(({ v }) => ({ id: v.userId, stars: v.visitRating })),
      )
        .orderBy((out) => [asc(out.id)])
        // @ts-expect-error add stars
        .limit(3),
    ),
    defineView('union_of_types', (q) =>
      union(
        q.from({ u: User }).select(({ u }) => ({ id: u.id })),
        // @ts-expect-error a text is not a number
        q.from({ r: Restaurant }).select(({ r }) => ({ id: r.id })),
      ),
    ),
    defineView('union_of_names', (q) =>
      union(
        q.from({ u: User }).select(({ u }) => ({ id: u.id })),
        // @ts-expect-error another name
        q.from({ v: Visit }).select(({ v }) => ({ user: v.userId })),
      ),
    ),
    defineView('union_with_more', (q) =>
      unionAll(
        q.from({ u: User }).select(({ u }) => ({ id: u.id })),
        // @ts-expect-error a name more
        q.from({ v: Visit }).select(({ v }) => ({ id: v.userId, stars: v.visitRating })),
      ),
    ),
    defineView('union_of_enums', (q) =>
      union(
        q.from({ u: User }).select(({ u }) => ({ label: u.role })),
        // @ts-expect-error another enum
        q.from({ s: Sample }).select(({ s }) => ({ label: s.mood })),
      ),
    ),
    defineView('aggregate_in_nested', (q) =>
      q.from({ r: Restaurant }).select(({ r }) => ({
        // @ts-expect-error rows, not groups
        visits: nest({ v: Visit }, ({ v }) => eq(v.restaurantId, r.id)).select(() => ({ n: count() })),
      })),
    ),
    defineView('limit_of_nested', (q) =>
      q.from({ r: Restaurant }).select(({ r }) => ({
        // @ts-expect-error a limit follows orderBy
        visits: nest({ v: Visit }, ({ v }) => eq(v.restaurantId, r.id)).limit(3),
      })),
    ),
    defineView(
      'no_such_key',
      (q) => q.from({ s: spent }).selectDistinct(({ s }) => ({ id: s.place })),
      // @ts-expect-error no such name
      { key: ['place'] },
    ),
  ]
}
