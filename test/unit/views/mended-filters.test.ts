import { expect, test } from 'vitest'
import { count, sum } from '../../../src/views/build/aggregates.ts'
import { divide } from '../../../src/views/build/arithmetic.ts'
import { eq, gt } from '../../../src/views/build/comparisons.ts'
import { defineView } from '../../../src/views/define-view.ts'
import { Mirror, type TextRow } from '../../conformance/mirror.ts'
import { Restaurant, schema, Visit } from '../../types/fixture.ts'

const visit = (user: number, visitRating: string): TextRow => {
  return { userId: String(user), restaurantId: 'a', amountSpent: '1.00', visitRating }
}

const filtered = defineView('filtered', (q) =>
  q
    .from({ v: Visit })
    .groupBy(({ v }) => [v.restaurantId])
    .select(({ v }) => ({ id: v.restaurantId, times: count().filter(gt(divide(10, v.visitRating), 2)) })),
)
const every = defineView('every', (q) =>
  q
    .from({ v: Visit })
    .groupBy(({ v }) => [v.restaurantId])
    .select(({ v }) => ({ id: v.restaurantId, times: count() })),
)

test('a filter of an aggregate that a transaction breaks and mends again stops no view', () => {
  const mirror = new Mirror(schema, [filtered.ir])
  mirror.change('Visit', null, visit(1, '2'))
  mirror.replica.flush()
  mirror.change('Visit', visit(1, '2'), visit(1, '0'))
  mirror.change('Visit', null, visit(2, '0'))
  mirror.change('Visit', visit(1, '0'), visit(1, '1'))
  mirror.change('Visit', visit(2, '0'), null)
  mirror.replica.flush()
  expect(mirror.replica.views.get('filtered')?.all()).toEqual([{ id: 'a', times: 1 }])
})

test('a filter that is left broken stops its view and no other', () => {
  const mirror = new Mirror(schema, [filtered.ir, every.ir])
  mirror.change('Visit', null, visit(1, '0'))
  mirror.replica.flush()
  expect(() => mirror.replica.views.get('filtered')?.all()).toThrow(/division by zero/)
  expect(mirror.replica.views.get('every')?.all()).toEqual([{ id: 'a', times: 1 }])
})

test('a row that a join meets in the middle of a flush alone breaks no filter', () => {
  const joined = defineView('joined', (q) =>
    q
      .from({
        r: q
          .from({ r: Restaurant })
          .where(({ r }) => gt(r.rating, 0))
          .select(({ r }) => ({ id: r.id, half: divide(r.rating, 2) })),
      })
      .innerJoin(
        {
          s: q
            .from({ v: Visit })
            .groupBy(({ v }) => [v.restaurantId])
            .select(({ v }) => ({ id: v.restaurantId, stars: sum(v.visitRating) })),
        },
        ({ r, s }) => eq(r.id, s.id),
      )
      .groupBy(({ r }) => [r.id])
      .select(({ r, s }) => ({ id: r.id, good: count().filter(gt(divide(10, s.stars), 1)) })),
  )
  const mirror = new Mirror(schema, [joined.ir])
  mirror.change('Visit', null, visit(1, '0'))
  mirror.replica.flush()
  mirror.change('Restaurant', null, { id: 'a', name: 'a', rating: '1', tags: null })
  mirror.change('Visit', visit(1, '0'), visit(1, '3'))
  mirror.replica.flush()
  expect(mirror.replica.views.get('joined')?.all()).toEqual([{ id: 'a', good: 1 }])
})
