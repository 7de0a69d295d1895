import { expect, test } from 'vitest'
import { count, max } from '../../../src/views/build/aggregates.ts'
import { add } from '../../../src/views/build/arithmetic.ts'
import { eq, gt, inArray } from '../../../src/views/build/comparisons.ts'
import { coalesce } from '../../../src/views/build/conditional.ts'
import { and } from '../../../src/views/build/logic.ts'
import { nest } from '../../../src/views/build/nest.ts'
import { asc, desc } from '../../../src/views/build/order.ts'
import { arrayAgg } from '../../../src/views/build/ordered-aggregates.ts'
import { union } from '../../../src/views/build/set-operations.ts'
import { columnsRead } from '../../../src/views/columns-read.ts'
import { defineView, type ViewDefinition } from '../../../src/views/define-view.ts'
import { modelsOf } from '../../../src/views/models-of.ts'
import { Restaurant, User, Visit } from '../../types/fixture.ts'
import { NESTED, RELATIONAL } from './relational-views.ts'

/** Views each of which takes Restaurant.rating in one place, and nowhere else. */
const READERS: readonly ViewDefinition[] = [
  defineView('shown', (q) => q.from({ r: Restaurant }).select(({ r }) => ({ id: r.id, it: r.rating }))),
  defineView('computed', (q) =>
    q.from({ r: Restaurant }).select(({ r }) => ({ id: r.id, it: coalesce(add(r.rating, 1), 0) })),
  ),
  defineView('filtered', (q) =>
    q
      .from({ r: Restaurant })
      .where(({ r }) => gt(r.rating, 1))
      .select(({ r }) => ({ id: r.id, it: 1 })),
  ),
  defineView('joined', (q) =>
    q
      .from({ r: Restaurant })
      .innerJoin({ u: User }, ({ r, u }) => eq(u.id, r.rating))
      .select(({ r }) => ({ id: r.id, it: 1 })),
  ),
  defineView('existing', (q) =>
    q
      .from({ r: Restaurant })
      .whereExists({ v: Visit }, ({ r, v }) => and(eq(v.restaurantId, r.id), eq(v.userId, r.rating)))
      .select(({ r }) => ({ id: r.id, it: 1 })),
  ),
  defineView('existing_there', (q) =>
    q
      .from({ v: Visit })
      .whereExists({ r: Restaurant }, ({ r, v }) => and(eq(v.restaurantId, r.id), gt(r.rating, 1)))
      .groupBy(({ v }) => [v.restaurantId])
      .select(({ v }) => ({ id: v.restaurantId, it: 1 })),
  ),
  defineView('listed', (q) =>
    q
      .from({ v: Visit })
      .where(({ v }) =>
        inArray(
          v.userId,
          q.from({ r: Restaurant }).select(({ r }) => ({ id: coalesce(r.rating, 0) })),
        ),
      )
      .groupBy(({ v }) => [v.restaurantId])
      .select(({ v }) => ({ id: v.restaurantId, it: 1 })),
  ),
  defineView('grouped', (q) =>
    q
      .from({ r: Restaurant })
      .groupBy(({ r }) => [r.id, r.rating])
      .select(({ r }) => ({ id: r.id, it: 1 })),
  ),
  defineView('having', (q) =>
    q
      .from({ r: Restaurant })
      .groupBy(({ r }) => [r.id])
      .having(({ r }) => gt(max(r.rating), 1))
      .select(({ r }) => ({ id: r.id, it: 1 })),
  ),
  defineView('aggregated', (q) =>
    q
      .from({ r: Restaurant })
      .groupBy(({ r }) => [r.id])
      .select(({ r }) => ({ id: r.id, it: max(r.rating) })),
  ),
  defineView('aggregated_where', (q) =>
    q
      .from({ r: Restaurant })
      .groupBy(({ r }) => [r.id])
      .select(({ r }) => ({ id: r.id, it: count().filter(gt(r.rating, 1)) })),
  ),
  defineView('aggregated_in_order', (q) =>
    q
      .from({ r: Restaurant })
      .groupBy(({ r }) => [r.id])
      .select(({ r }) => ({ id: r.id, it: 1, names: arrayAgg(r.name).orderBy(asc(r.rating), asc(r.id)) })),
  ),
  defineView('ordered', (q) =>
    q
      .from({ r: Restaurant })
      .select(({ r }) => ({ id: r.id, it: 1 }))
      .orderBy(({ r }) => [desc(r.rating), asc(r.id)])
      .limit(3),
  ),
  defineView('limited', (q) =>
    q
      .from({ r: Restaurant })
      .select(({ r }) => ({ id: r.id, it: 1 }))
      .orderBy(({ r }) => [asc(r.id)])
      .limitPer(({ r }) => [r.rating], 2),
  ),
  defineView('nested', (q) =>
    q.from({ o: Restaurant }).select(({ o }) => ({
      id: o.id,
      it: 1,
      rows: nest({ r: Restaurant }, ({ r }) => eq(r.id, o.id)).select(({ r }) => ({ rating: r.rating })),
    })),
  ),
  defineView('nested_in_order', (q) =>
    q.from({ o: Restaurant }).select(({ o }) => ({
      id: o.id,
      it: 1,
      rows: nest({ r: Restaurant }, ({ r }) => eq(r.name, o.name))
        .orderBy(({ r }) => [asc(r.rating), asc(r.id)])
        .select(({ r }) => ({ id: r.id })),
    })),
  ),
  defineView('nested_by_the_row', (q) =>
    q.from({ r: Restaurant }).select(({ r }) => ({
      id: r.id,
      it: 1,
      rows: nest({ u: User }, ({ u }) => eq(u.id, r.rating)).select(({ u }) => ({ id: u.id })),
    })),
  ),
  defineView('below', (q) =>
    q
      .from({ x: q.from({ r: Restaurant }).select(({ r }) => ({ id: r.id, it: r.rating })) })
      .select(({ x }) => ({ id: x.id, it: x.it })),
  ),
  defineView('merged', (q) =>
    q
      .from({
        x: union(
          q.from({ v: Visit }).select(({ v }) => ({ id: v.restaurantId })),
          q
            .from({ r: Restaurant })
            .where(({ r }) => gt(r.rating, 1))
            .select(({ r }) => ({ id: r.id })),
        ),
      })
      .select(({ x }) => ({ id: x.id, it: 1 })),
  ),
]

test.each(READERS)('a column is read where it is $name', ({ ir }) => {
  expect(columnsRead(ir.query).get('Restaurant')?.has('rating')).toBe(true)
})

test('a column that a query takes nowhere is not read', () => {
  const visited = defineView('visited', (q) =>
    q
      .from({ r: Restaurant })
      .leftJoin({ v: Visit }, ({ r, v }) => eq(v.restaurantId, r.id))
      .groupBy(({ r }) => [r.id, r.name])
      .select(({ r, v }) => ({ id: r.id, rating: max(v.visitRating) })),
  )
  expect(columnsRead(visited.ir.query)).toEqual(
    new Map([
      ['Restaurant', new Set(['id', 'name'])],
      ['Visit', new Set(['restaurantId', 'visitRating'])],
    ]),
  )
})

test('the models of which columns are read are those of the view', () => {
  for (const { ir } of [...RELATIONAL, ...NESTED, ...READERS]) {
    expect([...columnsRead(ir.query).keys()].toSorted()).toEqual(modelsOf(ir.query).toSorted())
  }
})
