import { expect, test } from 'vitest'
import { DbsyncError } from '../../../src/core/errors.ts'
import type { PendingRows, StoredRows } from '../../../src/ivm/pending-rows.ts'
import { count, defineView } from '../../../src/index.ts'
import { Mirror } from '../../conformance/mirror.ts'
import { Visit, schema } from '../../types/fixture.ts'

const perUser = defineView('per_user', (q) =>
  q
    .from({ v: Visit })
    .groupBy(({ v }) => [v.userId])
    .select(({ v }) => ({ id: v.userId, visits: count() })),
)

const visit = (user: string, restaurant: string) => ({
  userId: user,
  restaurantId: restaurant,
  amountSpent: '1.00',
  visitRating: null,
})

function made(): { readonly mirror: Mirror; readonly stored: StoredRows; readonly pending: PendingRows } {
  const mirror = new Mirror(schema, [], [perUser.ir])
  const stored = mirror.replica.stored.get('per_user')
  if (stored === undefined) throw new Error('not stored')
  mirror.change('Visit', null, visit('1', 'a'))
  mirror.change('Visit', null, visit('2', 'a'))
  mirror.replica.flush()
  return { mirror, stored, pending: stored.follow() }
}

test('nothing waits before somebody follows, and then what changed, each row once', () => {
  const { mirror, pending } = made()
  expect(pending.size).toBe(0)
  mirror.change('Visit', null, visit('1', 'b'))
  mirror.replica.flush()
  mirror.change('Visit', null, visit('1', 'c'))
  mirror.replica.flush()
  const { changed, gone } = pending.take()
  expect(pending.rows(changed)).toEqual([['1', '3']])
  expect(gone).toEqual([])
  expect(pending.size).toBe(0)
})

test('a row that went is its key; one that went and came back has only changed', () => {
  const { mirror, pending } = made()
  mirror.change('Visit', visit('1', 'a'), null)
  mirror.change('Visit', visit('2', 'a'), null)
  mirror.replica.flush()
  mirror.change('Visit', null, visit('2', 'b'))
  mirror.replica.flush()
  const { changed, gone } = pending.take()
  expect(gone).toEqual([['1']])
  expect(pending.rows(changed)).toEqual([['2', '1']])
})

test('what was taken and not written waits again, but for rows that have gone since', () => {
  const { mirror, pending } = made()
  pending.markAll()
  const batch = pending.take()
  expect(batch.changed).toHaveLength(2)
  mirror.change('Visit', visit('1', 'a'), null)
  mirror.replica.flush()
  pending.restore(batch)
  const again = pending.take()
  expect(again.gone).toEqual([['1']])
  expect(pending.rows(again.changed)).toEqual([['2', '1']])
})

test('of a view that has stopped nothing waits, whatever becomes of its rows', () => {
  const { mirror, stored, pending } = made()
  pending.markAll()
  const batch = pending.take()
  stored.fail(new DbsyncError('CONTRACT.COLUMN_MISSING', 'gone'))
  mirror.replica.tables.get('Visit')?.clear()
  mirror.replica.flush()
  pending.restore(batch)
  expect(pending.size).toBe(0)
})

test('who writes takes nothing away from another, and one that stops does not stop the other', () => {
  const { mirror, stored, pending } = made()
  const other = stored.follow()
  mirror.change('Visit', visit('1', 'a'), null)
  mirror.replica.flush()
  expect(pending.take().gone).toEqual([['1']])
  expect(other.take().gone).toEqual([['1']])
  pending.fail(new DbsyncError('STORE.ROW_REFUSED', 'no'))
  expect(stored.failure).toBeNull()
  mirror.change('Visit', visit('2', 'a'), null)
  mirror.replica.flush()
  expect([pending.size, other.size]).toEqual([0, 1])
  stored.fail(new DbsyncError('CONTRACT.COLUMN_MISSING', 'gone'))
  expect(other.size).toBe(0)
  expect(stored.follow().failure).not.toBeNull()
})
