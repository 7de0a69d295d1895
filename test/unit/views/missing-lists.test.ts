import { expect, test } from 'vitest'
import { add } from '../../../src/views/build/arithmetic.ts'
import { eq } from '../../../src/views/build/comparisons.ts'
import { defineView } from '../../../src/views/define-view.ts'
import { asc } from '../../../src/views/build/order.ts'
import { Mirror } from '../../conformance/mirror.ts'
import { Restaurant, schema, User, Visit } from '../../types/fixture.ts'

test('a list of a row that an outer join misses is null, however the join is kept', () => {
  const plain = defineView('plain', (q) =>
    q
      .from({ v: Visit })
      .leftJoin({ r: Restaurant }, ({ v, r }) => eq(r.id, v.restaurantId))
      .select(({ v, r }) => ({ user: v.userId, place: v.restaurantId, tags: r.tags })),
  )
  const derived = defineView('derived', (q) =>
    q
      .from({ v: Visit })
      .leftJoin({ r: Restaurant }, ({ v, r }) => eq(r.id, v.restaurantId))
      .select(({ v, r }) => ({ user: v.userId, place: v.restaurantId, tags: r.tags }))
      .orderBy(({ v }) => [asc(v.userId), asc(v.restaurantId)])
      .limit(9),
  )
  const mirror = new Mirror(schema, [plain.ir, derived.ir])
  mirror.change('Visit', null, { userId: '1', restaurantId: 'a', amountSpent: '1', visitRating: '2' })
  mirror.change('Visit', null, { userId: '2', restaurantId: 'b', amountSpent: '1', visitRating: '2' })
  mirror.change('Restaurant', null, { id: 'a', name: 'a', rating: null, tags: '{x}' })
  mirror.replica.flush()
  const expected = [
    { user: 1, place: 'a', tags: ['x'] },
    { user: 2, place: 'b', tags: null },
  ]
  expect([...(mirror.replica.views.get(plain.name)?.rows() ?? [])]).toEqual(expected)
  expect([...(mirror.replica.views.get(derived.name)?.rows() ?? [])]).toEqual(expected)
})

test('a list that is NULL in a row that is there is empty, also through a query', () => {
  const through = defineView('through', (q) =>
    q
      .from({
        x: q.from({ r: Restaurant }).select(({ r }) => ({ id: r.id, tags: r.tags, next: add(r.rating, 1) })),
      })
      .select(({ x }) => ({ id: x.id, tags: x.tags, next: x.next })),
  )
  const mirror = new Mirror(schema, [through.ir])
  mirror.change('Restaurant', null, { id: 'a', name: 'a', rating: '1', tags: null })
  mirror.replica.flush()
  expect(mirror.replica.views.get('through')?.all()).toEqual([{ id: 'a', tags: [], next: 2 }])
})

test('a list that is NULL in an inner-joined row is empty, whatever the row it is joined to', () => {
  const joined = defineView('joined', (q) =>
    q
      .from({ r: Restaurant })
      .leftJoin({ v: Visit }, ({ r, v }) => eq(v.restaurantId, r.id))
      .innerJoin({ u: User }, ({ v, u }) => eq(u.id, v.userId))
      .select(({ u }) => ({ interests: u.interests })),
  )
  const mirror = new Mirror(schema, [joined.ir])
  mirror.change('Restaurant', null, { id: 'a', name: 'a', rating: '1', tags: null })
  mirror.change('Visit', null, { userId: '1', restaurantId: 'a', amountSpent: '1', visitRating: '2' })
  const person = { id: '1', userName: 'n', email: 'e', dateOfBirth: null, interests: null }
  mirror.change('User', null, { ...person, role: 'user', active: 't' })
  mirror.replica.flush()
  expect(mirror.replica.views.get('joined')?.all()).toEqual([{ interests: [] }])
})
