import { expect, test } from 'vitest'
import { checkLoops, type DerivedTable } from '../../../src/engine/check-loops.ts'
import { count, max } from '../../../src/views/build/aggregates.ts'
import { eq, gt } from '../../../src/views/build/comparisons.ts'
import { cast } from '../../../src/views/build/conditional.ts'
import { nest } from '../../../src/views/build/nest.ts'
import { defineView, type ViewDefinition } from '../../../src/views/define-view.ts'
import { codeAndMessage } from '../../support/code-and-message.ts'
import { Restaurant, User, Visit } from '../../types/fixture.ts'

/** What a sync of these views says of what is written. */
function verdict(
  views: readonly ViewDefinition[],
  written: Partial<Parameters<typeof checkLoops>[1]>,
): string {
  return codeAndMessage(() => checkLoops(views, { tables: [], columns: [], ...written })).join(' ')
}

const at = (view: ViewDefinition, table: string, schema = 'derived'): DerivedTable => ({
  view,
  schema,
  table,
})

const RATED = defineView('rated', (q) =>
  q
    .from({ v: Visit })
    .groupBy(({ v }) => [v.restaurantId])
    .select(({ v }) => ({ id: v.restaurantId, it: max(v.visitRating) })),
)

const WITHOUT = defineView('without', (q) =>
  q
    .from({ r: Restaurant })
    .leftJoin({ v: Visit }, ({ r, v }) => eq(v.restaurantId, r.id))
    .groupBy(({ r }) => [r.id, r.name])
    .select(({ r, v }) => ({
      id: r.id,
      name: r.name,
      it: max(v.visitRating),
    })),
)

test('a view is written into a column that it does not read, and into none that it reads, itself or through another view', () => {
  const reading = defineView('reading', (q) =>
    q
      .from({ r: Restaurant })
      .where(({ r }) => gt(r.rating, 1))
      .select(({ r }) => ({ id: r.id, it: 1 })),
  )
  const over = defineView('over', (q) => q.from({ x: reading }).select(({ x }) => ({ id: x.id, it: x.it })))
  for (const view of [reading, over]) {
    expect(verdict([], { columns: [{ view, model: 'Restaurant', set: { rating: 'it' } }] })).toMatch(
      new RegExp(`^STORE\\.LOOP The view ${view.name} reads Restaurant\\.rating, which it writes: `),
    )
  }
  expect(
    verdict([WITHOUT], { columns: [{ view: WITHOUT, model: 'Restaurant', set: { rating: 'it' } }] }),
  ).toMatch(/it is not refused/)
})

test('views that write in a circle what the next one reads are refused, a chain without an end is not', () => {
  const fromVisits = RATED
  const fromRatings = defineView('from_ratings', (q) =>
    q
      .from({ u: User })
      .innerJoin({ r: Restaurant }, ({ u, r }) => eq(r.rating, u.id))
      .groupBy(({ u }) => [u.id, u.email])
      .select(({ u }) => ({ id: u.id, name: u.email })),
  )
  const fromNames = defineView('from_names', (q) =>
    q
      .from({ u: User })
      .innerJoin({ v: Visit }, ({ u, v }) => eq(v.userId, u.id))
      .groupBy(({ v }) => [v.restaurantId])
      .having(({ u }) => gt(max(u.userName), 'a'))
      .select(({ v }) => ({ id: v.restaurantId, stars: cast(count(), 'integer') })),
  )
  const ratings = { view: fromVisits, model: 'Restaurant', set: { rating: 'it' } }
  const names = { view: fromRatings, model: 'User', set: { userName: 'name' } }
  expect(verdict([], { columns: [ratings, names] })).toMatch(/it is not refused/)
  const circle = { view: fromNames, model: 'Restaurant', set: { rating: 'stars' } }
  for (const columns of [
    [circle, names],
    [names, circle],
  ]) {
    expect(verdict([], { columns })).toMatch(
      /^STORE\.LOOP Views write what the next one reads, in a circle: (?=.*Restaurant\.rating, read by from_ratings)(?=.*User\.userName, read by from_names)/,
    )
  }
  // The circle is found from wherever one begins, also where the first view only leads to it.
  const leading = defineView('leading', (q) =>
    q
      .from({ v: Visit })
      .groupBy(({ v }) => [v.userId])
      .select(({ v }) => ({ id: v.userId, isActive: gt(count(), 1) })),
  )
  const activity = { view: leading, model: 'User', set: { active: 'isActive' } }
  expect(verdict([], { columns: [activity, circle, names] })).toMatch(/^STORE\.LOOP /)
})

test('a view that reads a derived table of the same sync is refused, also one that is written nowhere', () => {
  const reader = defineView('reader', (q) =>
    q.from({ v: Visit }).select(({ v }) => ({
      user: v.userId,
      restaurant: v.restaurantId,
      rows: nest({ u: User }, ({ u }) => eq(u.id, v.userId)).select(({ u }) => ({ id: u.id })),
    })),
  )
  expect(verdict([RATED, reader], { tables: [at(RATED, 'users', 'public')] })).toMatch(
    /^STORE\.LOOP The view reader reads User, which is the derived table public\.users of the view rated: /,
  )
  expect(verdict([RATED, reader], { tables: [at(RATED, 'users')] })).toMatch(/it is not refused/)
  expect(verdict([reader], { tables: [at(reader, 'visit', 'public')] })).toMatch(/^STORE\.LOOP /)
})

test('what two views would write is refused', () => {
  expect(verdict([], { tables: [at(RATED, 'x'), at(WITHOUT, 'x', 'other'), at(WITHOUT, 'x')] })).toMatch(
    /^CONFIG\.INVALID_OPTIONS The views rated and without are both written to the table derived\.x\./,
  )
  const columns = [RATED, WITHOUT].map((view) => ({ view, model: 'Restaurant', set: { rating: 'it' } }))
  expect(verdict([], { columns })).toMatch(
    /^CONFIG\.INVALID_OPTIONS The views rated and without are both written into Restaurant\.rating\./,
  )
  const [one] = columns
  expect(
    verdict([], { tables: [at(WITHOUT, 'restaurant', 'public')], columns: one === undefined ? [] : [one] }),
  ).toMatch(
    /^CONFIG\.INVALID_OPTIONS The view rated is written into columns of Restaurant, which is the derived table of the view without\./,
  )
})
