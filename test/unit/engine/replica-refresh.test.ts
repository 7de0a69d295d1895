import { expect, test } from 'vitest'
import { Replica } from '../../../src/engine/replica.ts'
import { Unsettled } from '../../../src/snapshot/unsettled.ts'
import { defineView } from '../../../src/views/define-view.ts'
import { Shop } from '../../conformance/fixture.ts'
import { capture, chunkOf } from '../../support/captured.ts'
import { message, transactionOf } from '../../support/pgoutput.ts'

const shops = defineView('shops', (q) =>
  q.from({ h: Shop }).select(({ h }) => ({ id: h.id, name: h.name, city: h.city })),
)

test('a reading that begins while a large transaction is unsettled brings back nothing that this one has changed', () => {
  const shop = capture('Shop', [shops])
  const unsettled = new Unsettled()
  const replica = new Replica(shop.replica, new Map([['Shop', shop.catalog]]), new Map(), unsettled)
  const [table] = replica.tables
  if (table === undefined) throw new Error('no table')
  const small = transactionOf(101, 1_010n, [
    message.relation(shop.wire),
    message.insert(shop.wire, shop.row({ id: 'a', name: 'old' })),
    message.insert(shop.wire, shop.row({ id: 'b', name: 'old' })),
  ])
  const large = transactionOf(102, 1_020n, [
    message.relation(shop.wire),
    message.update(shop.wire, shop.row({ id: 'a', name: 'new' })),
    message.delete(shop.wire, { kind: 'K', row: shop.row({ id: 'b' }) }),
  ])
  for (const { spans, relations } of [small, large]) replica.applier.apply(spans, relations)
  unsettled.add(small)
  unsettled.add({ ...large, spans: [], bytes: 0, isPartial: true })
  const before = [...shop.rows()]
  const scan = table.begin()
  expect([...shop.rows()]).toEqual(before)
  // Once the large one is visible, so is the small one.
  expect(table.merge(chunkOf(shop, '103:103:', [{ id: 'a', name: 'new' }]))).toBe(true)
  table.end(scan, true)
  expect([...shop.rows()]).toEqual(before)
})
