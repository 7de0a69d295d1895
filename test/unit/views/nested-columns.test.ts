import { expect, test } from 'vitest'
import { coalesce } from '../../../src/views/build/conditional.ts'
import { eq } from '../../../src/views/build/comparisons.ts'
import { defineView } from '../../../src/views/define-view.ts'
import { nest } from '../../../src/views/build/nest.ts'
import { asc } from '../../../src/views/build/order.ts'
import { arrayAgg, jsonAgg } from '../../../src/views/build/ordered-aggregates.ts'
import { startQuery } from '../../../src/views/build/query-builder.ts'
import { unionAll } from '../../../src/views/build/set-operations.ts'
import { User, Visit } from '../../types/fixture.ts'

function withVisits(name: string) {
  return startQuery()
    .from({ u: User })
    .select(({ u }) => ({
      id: u.id,
      visits: nest({ v: Visit }, ({ v }) => eq(v.userId, u.id))
        .orderBy(({ v }) => [asc(v.restaurantId)])
        .select(({ v }) => ({ [name]: v.restaurantId })),
    }))
}

test('a nested result is passed on, and refused where its value would be taken', () => {
  const x = withVisits('place')
  const refused = { code: 'VIEW.UNSUPPORTED' }
  expect(() =>
    defineView('a_list', (q) =>
      q.from({ x }).select(({ x: t }) => ({ all: arrayAgg(t.visits).orderBy(asc(t.id)) })),
    ),
  ).toThrow(expect.objectContaining(refused))
  expect(() =>
    defineView('a_json', (q) =>
      q.from({ x }).select(({ x: t }) => ({ all: jsonAgg(t.visits).orderBy(asc(t.id)) })),
    ),
  ).toThrow(expect.objectContaining(refused))
  expect(() =>
    defineView('a_value', (q) =>
      q.from({ x }).select(({ x: t }) => ({ id: t.id, visits: coalesce(t.visits, t.visits) })),
    ),
  ).toThrow(/coalesce of a nested result/)
  expect(defineView('whole', (q) => q.from({ x }).select(({ x: t }) => ({ ...t }))).ir.key).toEqual(['id'])
})

test('nested results of different columns are no column of one set operation', () => {
  expect(() => defineView('mixed', () => unionAll(withVisits('place'), withVisits('where')))).toThrow(
    /different columns under the name visits/,
  )
  expect(defineView('alike', () => unionAll(withVisits('place'), withVisits('place'))).ir.key).toBe(null)
})
