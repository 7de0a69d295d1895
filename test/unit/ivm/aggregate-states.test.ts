import { expect, test } from 'vitest'
import { DistinctValues } from '../../../src/ivm/distinct-values.ts'
import { GroupRecords } from '../../../src/ivm/group-records.ts'
import { OrderedRows } from '../../../src/ivm/ordered-rows.ts'
import { boolAnd, boolOr, count, countDistinct, max, sum } from '../../../src/views/build/aggregates.ts'
import { eq, gt } from '../../../src/views/build/comparisons.ts'
import { defineView } from '../../../src/views/define-view.ts'
import { arrayAgg, jsonAgg, stringAgg } from '../../../src/views/build/ordered-aggregates.ts'
import { asc, desc } from '../../../src/views/build/order.ts'
import { Interner } from '../../../src/zset/interner.ts'
import { SourceTable } from '../../../src/zset/source-table.ts'
import { Sale, schema, Shop } from '../../conformance/fixture.ts'
import { Mirror, type TextRow } from '../../conformance/mirror.ts'

const EMPTY: TextRow = Object.fromEntries(
  ['shopId', 'qty', 'big', 'amount', 'wide', 'free', 'dbl', 'at', 'day', 'clock', 'note', 'flag', 'mood'].map(
    (field) => [field, null],
  ),
)

function sale(id: number, more: TextRow = {}): TextRow {
  return { ...EMPTY, line: '0', id: String(id), shopId: 'a', doc: null, raw: null, ...more }
}

const everything = defineView('everything', (q) =>
  q
    .from({ s: Sale })
    .groupBy(({ s }) => [s.shopId])
    .select(({ s }) => ({
      shop: s.shopId,
      distinct: countDistinct(s.note),
      all: boolAnd(s.flag),
      some: boolOr(s.flag),
      sold: count().filter(gt(s.qty, 0)),
      qty: sum(s.qty).filter(s.flag),
      ids: arrayAgg(s.id).orderBy(desc(s.qty), asc(s.line), asc(s.id)),
      notes: stringAgg(s.note, ',').orderBy(asc(s.note)),
      json: jsonAgg(s.qty).orderBy(asc(s.line), asc(s.id)),
    })),
)

function emptyTable(fields: readonly string[], interner = new Interner()): SourceTable {
  return new SourceTable({
    schema,
    model: 'Sale',
    fields: new Set(fields),
    indexes: [],
    slotWords: 0,
    interner,
  })
}

function put(table: SourceTable, texts: TextRow): number {
  const slot = table.allocate()
  for (const column of table.columns) {
    const text = texts[column.contract.field] ?? null
    const bytes = Buffer.from(text ?? '')
    if (text === null && column.contract.nullable) column.setNull(slot)
    else if (text !== null) column.read(slot, bytes, 0, bytes.length)
  }
  return slot
}

test('a group without values shows 0, null and no empty array, as SQL has it', () => {
  const total = defineView('total', (q) =>
    q.from({ s: Sale }).select(({ s }) => ({
      distinct: countDistinct(s.note),
      all: boolAnd(s.flag),
      some: boolOr(s.flag),
      rows: count().filter(s.flag),
      ids: arrayAgg(s.id).orderBy(asc(s.line), asc(s.id)),
      text: stringAgg(s.note, ',').orderBy(asc(s.note)),
      json: jsonAgg(s.qty).orderBy(asc(s.qty)),
      few: arrayAgg(s.qty).orderBy(asc(s.qty)).filter(s.flag),
    })),
  )
  const mirror = new Mirror(schema, [total.ir])
  const empty = { distinct: 0, all: null, some: null, rows: 0, ids: null, text: null, json: null, few: null }
  const view = mirror.replica.views.get('total')
  expect(view?.get()).toEqual(empty)
  mirror.change('Sale', null, sale(1))
  // A row of NULLs: arrays and JSON have it, the others pass it over.
  expect(view?.get()).toEqual({ ...empty, ids: [1n], json: [null] })
  mirror.change('Sale', sale(1), null)
  expect(view?.get()).toEqual(empty)
})

test('an aggregated array keeps its NULLs, and is null rather than empty, through a query in FROM', () => {
  const outer = defineView('outer', (q) =>
    q
      .from({
        g: q
          .from({ s: Sale })
          .groupBy(({ s }) => [s.shopId])
          .select(({ s }) => ({
            shop: s.shopId,
            notes: arrayAgg(s.note).orderBy(asc(s.note)),
            few: arrayAgg(s.at).orderBy(asc(s.at)).filter(gt(s.qty, 0)),
          })),
      })
      .select(({ g }) => ({ shop: g.shop, notes: g.notes, few: g.few })),
  )
  const mirror = new Mirror(schema, [outer.ir])
  mirror.change('Sale', null, sale(1, { note: 'it,s "x"' }))
  mirror.change('Sale', null, sale(2))
  mirror.replica.flush()
  const view = mirror.replica.views.get('outer')
  expect([...(view?.rows() ?? [])]).toEqual([{ shop: 'a', notes: ['it,s "x"', null], few: null }])
  mirror.change('Sale', sale(2), sale(2, { qty: '1', at: '2024-01-01 00:00:00+00' }))
  mirror.replica.flush()
  expect([...(view?.rows() ?? [])]).toEqual([
    { shop: 'a', notes: ['it,s "x"', null], few: [new Date('2024-01-01')] },
  ])
})

test('the greatest time of a query in FROM has its microseconds', () => {
  const outer = defineView('outer', (q) =>
    q
      .from({
        g: q
          .from({ s: Sale })
          .groupBy(({ s }) => [s.shopId])
          .select(({ s }) => ({ shop: s.shopId, last: max(s.at) })),
      })
      .select(({ g }) => ({ times: countDistinct(g.last) })),
  )
  const mirror = new Mirror(schema, [outer.ir])
  mirror.change('Sale', null, sale(1, { at: '2024-01-01 00:00:00.000001+00' }))
  mirror.change('Sale', null, sale(2, { at: '2024-01-01 00:00:00.000002+00', shopId: 'b' }))
  mirror.replica.flush()
  expect(mirror.replica.views.get('outer')?.get()).toEqual({ times: 2 })
})

test('what an ordered aggregate shows is frozen, and the same object until one of its rows changes', () => {
  const mirror = new Mirror(schema, [everything.ir])
  const view = mirror.replica.views.get('everything')
  mirror.change('Sale', null, sale(1, { qty: '1' }))
  mirror.change('Sale', null, sale(2, { qty: '5' }))
  mirror.change('Sale', null, sale(3, { shopId: 'b' }))
  const { ids, json } = view?.get('a') ?? {}
  expect(ids).toEqual([2n, 1n])
  expect(Object.isFrozen(ids) && Object.isFrozen(json)).toBe(true)
  mirror.change('Sale', sale(3), sale(3, { shopId: 'b', note: 'x' }))
  mirror.change('Sale', sale(1), sale(1, { qty: '1', flag: 't' }))
  expect(view?.get('a')).toMatchObject({ all: true })
  expect(view?.get('a')?.['ids']).toBe(ids)
  mirror.change('Sale', sale(1), sale(1, { qty: '9' }))
  expect(view?.get('a')).toMatchObject({ ids: [1n, 2n], json: [9, 5] })
  expect(json).toEqual([1, 5])
})

test('a row that a join brings many times into a group keeps its places when it is renamed', () => {
  const names = defineView('names', (q) =>
    q
      .from({ h: Shop })
      .innerJoin({ s: Sale }, ({ h, s }) => eq(s.shopId, h.id))
      .groupBy(({ s }) => [s.line])
      .select(({ s, h }) => ({ line: s.line, names: arrayAgg(h.name).orderBy(asc(h.name), asc(h.id)) })),
  )
  const mirror = new Mirror(schema, [names.ir])
  const shop = (id: string, name: string): TextRow => ({ id, name, city: null, regionId: null, tags: '{}' })
  mirror.change('Shop', null, shop('a', 'n'))
  mirror.change('Shop', null, shop('b', 'm'))
  for (let id = 0; id < 4; id += 1) mirror.change('Sale', null, sale(id, { shopId: id === 1 ? 'b' : 'a' }))
  const view = mirror.replica.views.get('names')
  expect(view?.get(0)).toEqual({ line: 0, names: ['m', 'n', 'n', 'n'] })
  mirror.change('Shop', shop('a', 'n'), shop('a', 'a'))
  expect(view?.get(0)).toEqual({ line: 0, names: ['a', 'a', 'a', 'm'] })
  mirror.change('Sale', sale(2), null)
  mirror.change('Shop', shop('b', 'm'), null)
  expect(view?.get(0)).toEqual({ line: 0, names: ['a', 'a'] })
})

test('a row that starts or ends to pass the filter of an ordered aggregate comes and goes', () => {
  const flagged = defineView('flagged', (q) =>
    q.from({ s: Sale }).select(({ s }) => ({
      ids: arrayAgg(s.id).filter(s.flag).orderBy(asc(s.line), asc(s.id)),
    })),
  )
  const mirror = new Mirror(schema, [flagged.ir])
  const view = mirror.replica.views.get('flagged')
  for (let id = 0; id < 3; id += 1) mirror.change('Sale', null, sale(id))
  mirror.change('Sale', sale(1), sale(1, { flag: 't' }))
  mirror.change('Sale', null, sale(7))
  expect(view?.get()).toEqual({ ids: [1n] })
  mirror.change('Sale', sale(2), sale(2, { flag: 't' }))
  mirror.change('Sale', sale(1), sale(1, { flag: 'f' }))
  mirror.change('Sale', null, sale(8))
  expect(view?.get()).toEqual({ ids: [2n] })
})

test('0 and -0 are one distinct value, NaN is another', () => {
  const table = emptyTable(['dbl'])
  const records = new GroupRecords()
  const values = new DistinctValues(0, table.column('dbl'), records)
  const slots = ['0', '-0', 'NaN', 'NaN', '1', '0'].map((dbl) => put(table, { dbl }))
  for (const slot of slots) values.add(0, slot)
  expect(values.count(0)).toBe(3)
  for (const slot of slots.slice(0, 2)) values.remove(0, slot)
  expect(values.count(0)).toBe(3)
  values.remove(0, slots[5] ?? -1)
  expect(values.count(0)).toBe(2)
})

test('the memory of distinct values follows those that are there, and their texts are let go', () => {
  const interner = new Interner()
  const table = emptyTable(['note'], interner)
  const values = new DistinctValues(0, table.column('note'), new GroupRecords())
  for (let index = 0; index < 20_000; index += 1) {
    const slot = put(table, { note: `note ${index}` })
    values.add(index % 8, slot)
    values.remove(index % 8, slot)
    table.release(slot)
  }
  expect(values.byteLength).toBeLessThan(2048)
  expect(interner.size).toBe(0)
})

test('a change costs the same in a group of ten rows and of ten thousand', () => {
  const work = [10, 10_000].map((rows) => {
    const mirror = new Mirror(schema, [everything.ir])
    const texts = (id: number, more: TextRow = {}): TextRow =>
      sale(id, {
        qty: String((id * 7919) % 1000),
        note: `n${id % 50}`,
        flag: id % 3 === 0 ? 't' : 'f',
        ...more,
      })
    for (let id = 0; id < rows; id += 1) mirror.change('Sale', null, texts(id))
    const view = mirror.replica.views.get('everything')
    const before = view?.work ?? 0
    mirror.change('Sale', null, texts(rows))
    mirror.change('Sale', texts(3), texts(3, { note: 'other' }))
    mirror.change('Sale', texts(4), texts(4, { flag: 't' }))
    mirror.change('Sale', texts(5), texts(5, { qty: '-1' }))
    mirror.change('Sale', texts(6), null)
    return (view?.work ?? 0) - before
  })
  expect(work[1]).toBe(work[0])
})

test('a change of an ordered group compares a logarithm of its rows', () => {
  const costs = [16, 16_384].map((rows) => {
    const table = emptyTable(['qty'])
    const qty = table.column('qty')
    const ordered = new OrderedRows(0, [{ column: qty, descending: false, nullsFirst: false }])
    const slots = Array.from({ length: rows }, (_, index) =>
      put(table, { qty: String((index * 7919) % 99_991) }),
    )
    for (const slot of slots) ordered.add(0, slot)
    const before = ordered.work
    for (let index = 0; index < 200; index += 1) {
      const slot = slots[index % rows] ?? -1
      ordered.remove(0, slot)
      ordered.add(0, slot)
    }
    return (ordered.work - before) / 400
  })
  // Ten doublings: some 1.4 comparisons each.
  expect((costs[1] ?? 0) - (costs[0] ?? 0)).toBeLessThan(30)
})
