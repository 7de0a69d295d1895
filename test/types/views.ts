import type { Decimal } from '@prisma/client/runtime/client'
import { avg, count, max, min, sum } from '../../src/views/build/aggregates.ts'
import { eq, gt, gte, inArray, isNotNull, isNull, lt, ne } from '../../src/views/build/comparisons.ts'
import { defineView, type ViewKey, type ViewRow } from '../../src/views/define-view.ts'
import type { ChangedKey } from '../../src/stores/memory-view.ts'
import { and, not, or } from '../../src/views/build/logic.ts'
import type { Equal, Expect } from './equal.ts'
import { Restaurant, Sample, User, Visit, type Mood, type Role } from './fixture.ts'

/** What the compiler must accept, refuse and infer. Nothing here runs. */

declare const decimal: Decimal

export const rating = defineView('restaurant_rating', (q) =>
  q
    .from({ r: Restaurant })
    .leftJoin({ v: Visit }, ({ r, v }) => eq(v.restaurantId, r.id))
    .where(({ v }) => or(isNull(v.userId), gt(v.amountSpent, decimal), lt(10, v.userId)))
    .groupBy(({ r }) => [r.id, r.name])
    .select(({ r, v }) => ({
      id: r.id,
      name: r.name,
      visits: count(v.userId),
      rows: count(),
      rating: avg(v.visitRating),
      stars: sum(v.visitRating),
      spent: sum(v.amountSpent),
      mean: avg(v.amountSpent),
      best: max(v.visitRating),
      first: min(r.name),
    })),
)
export type Rating = Expect<
  Equal<
    ViewRow<typeof rating>,
    {
      readonly id: string
      readonly name: string
      readonly visits: number
      readonly rows: number
      readonly rating: number | null
      readonly stars: number | null
      readonly spent: Decimal | null
      readonly mean: Decimal | null
      readonly best: number | null
      readonly first: string | null
    }
  >
>
// The name depends on the key of its own table.
export type RatingKey = Expect<Equal<ViewKey<typeof rating>, string>>

export const joined = defineView('joined', (q) =>
  q
    .from({ u: User })
    .leftJoin({ v: Visit }, ({ u, v }) => eq(u.id, v.userId))
    .select(({ u, v }) => ({
      id: u.id,
      role: u.role,
      born: u.dateOfBirth,
      interests: u.interests,
      restaurantId: v.restaurantId,
      amount: v.amountSpent,
      rated: gt(v.visitRating, 3),
      missing: isNull(v.visitRating),
      active: and(u.active, not(eq(u.id, 4))),
    })),
)
export type Joined = Expect<
  Equal<
    ViewRow<typeof joined>,
    {
      readonly id: number
      readonly role: Role
      readonly born: Date | null
      readonly interests: string[]
      readonly restaurantId: string | null
      readonly amount: Decimal | null
      readonly rated: boolean | null
      readonly missing: boolean
      readonly active: boolean
    }
  >
>
// The join fixes the other half of the visit's key.
export type JoinedKey = Expect<
  Equal<ViewKey<typeof joined>, { readonly id: number; readonly restaurantId: string | null }>
>

export const numbers = defineView('numbers', (q) =>
  q.from({ s: Sample }).select(({ s }) => ({
    big: sum(s.big),
    bigMean: avg(s.bigNullable),
    bigMax: max(s.bigNullable),
    latest: max(s.timestamp),
  })),
)
export type Numbers = Expect<
  Equal<
    ViewRow<typeof numbers>,
    {
      readonly big: bigint | null
      readonly bigMean: number | null
      readonly bigMax: bigint | null
      readonly latest: Date | null
    }
  >
>
// One row over everything: get() takes nothing.
export type NumbersKey = Expect<Equal<ViewKey<typeof numbers>, void>>

export const manyToOne = defineView('many_to_one', (q) =>
  q
    .from({ v: Visit })
    .innerJoin({ r: Restaurant }, ({ v, r }) => and(eq(v.restaurantId, r.id), gt(r.rating, 2)))
    .leftJoin({ u: User }, ({ v, u }) => eq(u.id, v.userId))
    .select(({ v, r, u }) => ({ ...v, name: r.name, userName: u.userName })),
)
export type ManyToOne = Expect<
  Equal<ViewKey<typeof manyToOne>, { readonly userId: number; readonly restaurantId: string }>
>
export type Spread = Expect<
  Equal<
    ViewRow<typeof manyToOne>,
    {
      readonly userId: number
      readonly restaurantId: string
      readonly amountSpent: Decimal
      readonly visitRating: number | null
      readonly name: string
      readonly userName: string | null
    }
  >
>

export const bag = defineView('bag', (q) =>
  q.from({ v: Visit }).select(({ v }) => ({ spent: v.amountSpent })),
)
export type Bag = Expect<Equal<ViewKey<typeof bag>, never>>

export const groupedBag = defineView('grouped_bag', (q) =>
  q
    .from({ v: Visit })
    .groupBy(({ v }) => [v.userId, v.visitRating])
    .select(({ v }) => ({ rating: v.visitRating, visits: count() })),
)
export type GroupedBag = Expect<Equal<ViewKey<typeof groupedBag>, never>>

export const byNullable = defineView('by_nullable', (q) =>
  q
    .from({ v: Visit })
    .groupBy(({ v }) => [v.visitRating])
    .select(({ v }) => ({ stars: v.visitRating, visits: count() })),
)
export type ByNullable = Expect<Equal<ViewKey<typeof byNullable>, number | null>>
export type ChangedKeys = Expect<
  Equal<
    [
      ChangedKey<ViewKey<typeof rating>>,
      ChangedKey<ViewKey<typeof numbers>>,
      ChangedKey<ViewKey<typeof bag>>,
      ChangedKey<ViewKey<typeof byNullable>>,
    ],
    [string, null, null, number | null]
  >
>

// The nullable side of a left join: nothing drops out.
export const optional = defineView('optional', (q) =>
  q
    .from({ v: Visit })
    .leftJoin({ r: Restaurant }, ({ v, r }) => eq(r.id, v.restaurantId))
    .groupBy(({ r }) => [r.id, r.name])
    .select(({ r }) => ({ id: r.id, name: r.name })),
)
export type Optional = Expect<
  Equal<ViewKey<typeof optional>, { readonly id: string | null; readonly name: string | null }>
>

export const byMood = defineView('by_mood', (q) =>
  q
    .from({ s: Sample })
    .groupBy(({ s }) => [s.mood])
    .select(({ s }) => ({ mood: s.mood, rows: count() })),
)
export type ByMood = Expect<Equal<ViewKey<typeof byMood>, Mood>>

export const chosen = defineView(
  'chosen',
  (q) => q.from({ v: Visit }).select(({ v }) => ({ restaurant: v.restaurantId, user: v.userId })),
  { key: ['restaurant', 'user'] },
)
export type Chosen = Expect<
  Equal<ViewKey<typeof chosen>, { readonly restaurant: string; readonly user: number }>
>
// A comparison within one table fixes nothing.
export const within = defineView('within', (q) =>
  q
    .from({ r: Restaurant })
    .innerJoin({ s: Sample }, ({ r, s }) => and(eq(r.rating, s.small), eq(s.int, s['sel"ect ✓'])))
    .select(({ r, s }) => ({ id: r.id, int: s.int })),
)
export type Within = Expect<Equal<ViewKey<typeof within>, never>>

export function comparisons(): unknown {
  return defineView('comparisons', (q) =>
    q
      .from({ s: Sample })
      .innerJoin({ u: User }, ({ s, u }) => eq(s.int, u.id))
      .where(({ s, u }) =>
        and(
          eq(s.int, 1),
          eq(1, s.int),
          eq(s.small, s.big),
          eq(s.decimal, s.int),
          gte(s.decimal, decimal),
          gte(s.decimal, 5),
          ne(s.big, 5n),
          ne(s.big, 5),
          eq(u.role, 'ADMIN'),
          eq(s.text, s.varchar),
          eq(s.boolean, true),
          gt(s.timestamp, new Date(0)),
          gt(new Date(0), s.timestamp),
          eq(s.bytes, new Uint8Array()),
          inArray(u.role, ['ADMIN', 'USER']),
          inArray(s.int, [1, 2]),
          isNotNull(s.json),
          u.active,
          // @ts-expect-error a number is not a string
          eq(s.int, 'one'),
          // @ts-expect-error nor on the left
          eq('one', s.int),
          // @ts-expect-error a number column is not a string column
          eq(s.int, s.text),
          // @ts-expect-error a fraction of a bigint is asked for as a Decimal
          eq(s.big, '5'),
          // @ts-expect-error no such label
          eq(u.role, 'ROOT'),
          // @ts-expect-error two enums
          eq(u.role, s.mood),
          // @ts-expect-error an enum and a string column
          eq(u.role, s.text),
          // @ts-expect-error no such label
          inArray(u.role, ['ROOT']),
          // @ts-expect-error numbers for a number
          inArray(s.int, ['1']),
          // @ts-expect-error isNull is the test for null
          eq(s.int, null),
          // @ts-expect-error a Date is not a string
          gt(s.timestamp, '2024-01-01'),
          // @ts-expect-error a list cannot be compared
          eq(s.list, ['a']),
          // @ts-expect-error two constants
          eq(1, 1),
          eq(gt(s.int, 1), true),
          // @ts-expect-error a number is not a condition
          and(s.int),
          // @ts-expect-error a constant is not a condition
          or(true),
        ),
      )
      .select(({ s }) => ({ id: s.int })),
  )
}

export function refusals(): unknown {
  return [
    defineView('unknown_column', (q) =>
      // @ts-expect-error no such column
      q.from({ r: Restaurant }).select(({ r }) => ({ id: r.nmae })),
    ),
    defineView('unknown_alias', (q) =>
      // @ts-expect-error no such table
      q.from({ r: Restaurant }).select(({ v }) => ({ id: v.id })),
    ),
    defineView('aggregate_in_where', (q) =>
      q
        .from({ v: Visit })
        // @ts-expect-error an aggregate is not a condition
        .where(({ v }) => sum(v.visitRating))
        .select(({ v }) => ({ id: v.userId })),
    ),
    defineView('ungrouped', (q) =>
      q
        .from({ r: Restaurant })
        .groupBy(({ r }) => [r.id])
        // @ts-expect-error r.name is not grouped
        .select(({ r }) => ({ name: r.name })),
    ),
    defineView('duplicate', (q) =>
      q
        .from({ r: Restaurant })
        // @ts-expect-error the alias is taken
        .innerJoin({ r: Visit }, ({ r }) => eq(r.id, r.id))
        .select(() => ({ rows: count() })),
    ),
    defineView('sums', (q) =>
      q.from({ u: User }).select(({ u }) => ({
        // @ts-expect-error a string has no sum
        name: sum(u.userName),
        // @ts-expect-error a date has no average
        born: avg(u.dateOfBirth),
        // @ts-expect-error a boolean has no least value
        active: min(u.active),
        // @ts-expect-error an aggregate of an aggregate
        twice: sum(count()),
      })),
    ),
    defineView('constants', (q) =>
      // @ts-expect-error an object is no constant
      q.from({ u: User }).select(() => ({ one: { two: 2 } })),
    ),
    // @ts-expect-error a query ends with select
    defineView('unfinished', (q) => q.from({ u: User })),
    defineView('key', (q) => q.from({ u: User }).select(({ u }) => ({ id: u.id })), {
      // @ts-expect-error no such name in the view
      key: ['uid'],
    }),
    // @ts-expect-error not a table
    defineView('no_table', (q) => q.from({ u: 'User' }).select(() => ({ rows: count() }))),
  ]
}
