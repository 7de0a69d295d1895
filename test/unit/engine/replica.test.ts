import { expect, test } from 'vitest'
import { count } from 'prisma-dbsync'
import { Replica } from '../../../src/engine/replica.ts'
import { Unsettled } from '../../../src/snapshot/unsettled.ts'
import { defineView } from '../../../src/views/define-view.ts'
import { Sale, Shop } from '../../conformance/fixture.ts'
import { capture } from '../../support/captured.ts'
import { message, transactionOf } from '../../support/pgoutput.ts'

const shops = defineView('shops', (q) =>
  q.from({ h: Shop }).select(({ h }) => ({ id: h.id, name: h.name, city: h.city })),
)
const sales = defineView('sales', (q) =>
  q
    .from({ s: Sale })
    .groupBy(({ s }) => [s.line])
    .select(({ s }) => ({ line: s.line, sales: count(), qty: count(s.qty) })),
)

/** A replica of two tables, and what it tells. */
function lineUp() {
  const shop = capture('Shop', [shops, sales])
  const sale = capture('Sale', [shops, sales], { oid: 7, replica: shop.replica })
  const catalog = new Map([shop, sale].map(({ model, catalog: own }) => [model.model, own]))
  const replica = new Replica(shop.replica, catalog, new Map(), new Unsettled())
  const told: string[] = []
  replica.onTables({
    onBroken: (model, error) => told.push(`broken ${model} ${error.code}`),
    onDoubt: (model, error) => told.push(`doubt ${model} ${error.code}`),
    onDescribed: (model) => told.push(`described ${model}`),
  })
  let xid = 10
  const apply = (...messages: Buffer[]): void => {
    xid += 1
    const { spans, relations } = transactionOf(xid, BigInt(xid), messages)
    replica.applier.apply(spans, relations)
  }
  const view = (name: string): unknown => {
    try {
      return [...(replica.compiled.views.get(name)?.rows() ?? [])]
    } catch (error) {
      return Reflect.get(error as object, 'code')
    }
  }
  return { shop, sale, replica, told, apply, view }
}

test('a value that a column cannot hold stops the views over its table and nothing else', () => {
  const { shop, sale, replica, told, apply, view } = lineUp()
  apply(
    message.relation(shop.wire),
    message.relation(sale.wire),
    message.insert(shop.wire, shop.row({ id: 'a', name: 'A' })),
    message.insert(sale.wire, sale.row({ line: '1', id: '1', qty: '3' })),
    message.update(sale.wire, sale.row({ line: '1', id: '1', qty: 'many' })),
    message.insert(sale.wire, sale.row({ line: '1', id: '2', qty: '4' })),
    message.insert(shop.wire, shop.row({ id: 'b', name: 'B' })),
  )
  expect(told).toEqual(['broken Sale CHANGES.UNDECODABLE_VALUE'])
  expect(view('sales')).toBe('CHANGES.UNDECODABLE_VALUE')
  expect(view('shops')).toMatchObject([{ id: 'a' }, { id: 'b' }])
  expect([sale.table.size, shop.table.size]).toEqual([0, 2])
  expect(replica.tables.map(({ progress }) => [progress.model, progress.state])).toEqual([
    ['Shop', 'pending'],
    ['Sale', 'failed'],
  ])
  // Whatever comes of it is passed over, described again or not.
  apply(message.relation(sale.wire), message.insert(sale.wire, sale.row({ line: '2', id: '3', qty: '4' })))
  expect([sale.table.size, told.length]).toEqual([0, 1])
})

test('a view that is removed takes its tables along, and why they were given up; the others go on', () => {
  const { shop, sale, replica, told, apply, view } = lineUp()
  const [, lost] = replica.tables
  apply(
    message.relation(shop.wire),
    message.relation(sale.wire),
    message.insert(sale.wire, sale.row({ line: '1', id: '1', qty: 'many' })),
  )
  expect([replica.failure?.code, lost?.isBroken]).toEqual(['CHANGES.UNDECODABLE_VALUE', true])
  replica.removeView('sales')
  expect([replica.failure, replica.failureOf('Sale'), lost?.isBroken]).toEqual([null, null, true])
  expect(replica.tables.map(({ model }) => model.model)).toEqual(['Shop'])
  apply(
    message.relation(shop.wire),
    message.relation(sale.wire),
    message.insert(sale.wire, sale.row({ line: '1', id: '2', qty: '3' })),
    message.insert(shop.wire, shop.row({ id: 'a', name: 'A' })),
  )
  expect([view('shops'), sale.table.size, told.length]).toMatchObject([[{ id: 'a' }], 0, 1])
})

test('a table that is described as it cannot be followed is passed over and doubted, not broken', () => {
  const { shop, sale, told, apply, view } = lineUp()
  const narrow = { ...sale.wire, columns: sale.wire.columns.filter(({ name }) => name !== 'qty') }
  apply(message.relation(sale.wire), message.insert(sale.wire, sale.row({ line: '1', id: '1', qty: '3' })))
  apply(message.relation(narrow), message.relation(shop.wire), message.truncate([narrow, shop.wire]))
  expect(told).toEqual(['described Sale', 'doubt Sale CONTRACT.COLUMN_MISSING'])
  expect(view('sales')).toEqual([{ line: 1, sales: 1, qty: 1 }])
  apply(message.relation(sale.wire), message.insert(sale.wire, sale.row({ line: '1', id: '2', qty: '3' })))
  expect(view('sales')).toEqual([{ line: 1, sales: 2, qty: 2 }])
  expect(told.slice(2)).toEqual(['described Sale'])
})

test('another table that takes the name is followed by its oid, the former one no more', () => {
  const { sale, replica, apply, view } = lineUp()
  const other = { ...sale.wire, oid: 70 }
  apply(message.relation(other), message.insert(other, sale.row({ line: '1', id: '1', qty: '3' })))
  expect(view('sales')).toEqual([])
  replica.rebind('Sale', { ...sale.catalog, oid: 70 })
  apply(
    message.relation(sale.wire),
    message.relation(other),
    message.insert(other, sale.row({ line: '1', id: '2', qty: '3' })),
    message.insert(sale.wire, sale.row({ line: '1', id: '3', qty: '3' })),
  )
  expect(view('sales')).toEqual([{ line: 1, sales: 1, qty: 1 }])
  expect(
    replica.isOver(
      new Map([
        ['Shop', replica.tables[0]!.catalog],
        ['Sale', { ...sale.catalog, oid: 70 }],
      ]),
    ),
  ).toBe(true)
})
