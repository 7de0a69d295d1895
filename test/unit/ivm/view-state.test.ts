import { expect, test } from 'vitest'
import { isDbsyncError } from '../../../src/core/errors.ts'
import { avg, count, max, sum } from '../../../src/views/build/aggregates.ts'
import { compileViews } from '../../../src/views/compile/compile.ts'
import { eq, gt } from '../../../src/views/build/comparisons.ts'
import { defineView, type ViewDefinition } from '../../../src/views/define-view.ts'
import type { ViewState } from '../../../src/ivm/view-state.ts'
import { Region, Sale, schema, Shop } from '../../conformance/fixture.ts'
import { Mirror, type TextRow } from '../../conformance/mirror.ts'

const byShop = defineView('by_shop', (q) =>
  q
    .from({ h: Shop })
    .leftJoin({ s: Sale }, ({ h, s }) => eq(s.shopId, h.id))
    .groupBy(({ h }) => [h.id, h.name])
    .select(({ h, s }) => ({
      id: h.id,
      name: h.name,
      sales: count(s.line),
      qty: sum(s.qty),
      mean: avg(s.qty),
      top: max(s.qty),
    })),
)
const shops = defineView('shops', (q) =>
  q.from({ h: Shop }).select(({ h }) => ({ id: h.id, name: h.name, tags: h.tags })),
)
const total = defineView('total', (q) =>
  q.from({ s: Sale }).select(({ s }) => ({ sales: count(), qty: sum(s.qty) })),
)
const notes = defineView('notes', (q) => q.from({ s: Sale }).select(({ s }) => ({ note: s.note })))

function mirrorOf(...views: ViewDefinition[]): Mirror {
  return new Mirror(
    schema,
    views.map(({ ir }) => ir),
  )
}

function viewOf(mirror: Mirror, name: string): ViewState {
  const view = mirror.replica.views.get(name)
  if (view === undefined) throw new Error(name)
  return view
}

const shop = (id: string, more: Record<string, string | null> = {}): TextRow => ({
  id,
  name: `Shop ${id}`,
  city: null,
  regionId: null,
  tags: '{}',
  ...more,
})
const sale = (
  id: number,
  shopId: string | null,
  qty: number | null,
  note: string | null = null,
): TextRow => ({
  id: String(id),
  line: '1',
  shopId,
  qty: qty === null ? null : String(qty),
  note,
})

function codeOf(work: () => unknown): unknown {
  try {
    work()
    return 'no error'
  } catch (error) {
    return isDbsyncError(error) ? error.code : error
  }
}

test('a row is the same frozen object until it changes', () => {
  const mirror = mirrorOf(byShop)
  const view = viewOf(mirror, 'by_shop')
  mirror.change('Shop', null, shop('a'))
  mirror.change('Shop', null, shop('b'))
  mirror.change('Sale', null, sale(1, 'a', 4))
  const row = view.get('a')
  const other = view.get('b')
  expect(row).toEqual({ id: 'a', name: 'Shop a', sales: 1, qty: 4, mean: 4, top: 4 })
  expect(Object.isFrozen(row)).toBe(true)
  expect(Object.keys(row ?? {})).toEqual(['id', 'name', 'sales', 'qty', 'mean', 'top'])
  expect(view.get({ id: 'a' })).toBe(row)
  expect([...view.rows()]).toContain(row)
  mirror.change('Sale', sale(1, 'a', 4), sale(1, 'a', 4, 'a note that no view reads'))
  expect(view.get('a')).toBe(row)
  mirror.change('Sale', sale(1, 'a', 4), sale(1, 'a', 5))
  expect(view.get('a')).toEqual({ ...row, qty: 5, mean: 5, top: 5 })
  expect(view.get('b')).toBe(other)
})

test('a group without tuples is gone, a left-joined one stays with NULLs', () => {
  const mirror = mirrorOf(byShop, total)
  mirror.change('Sale', null, sale(1, 'a', 4))
  expect(viewOf(mirror, 'by_shop').size).toBe(0)
  mirror.change('Shop', null, shop('a'))
  expect(viewOf(mirror, 'by_shop').get('a')).toMatchObject({ sales: 1, qty: 4 })
  mirror.change('Sale', sale(1, 'a', 4), null)
  expect(viewOf(mirror, 'by_shop').get('a')).toMatchObject({ sales: 0, qty: null, mean: null, top: null })
  expect(viewOf(mirror, 'total').get()).toEqual({ sales: 0, qty: null })
  mirror.change('Shop', shop('a'), null)
  expect(viewOf(mirror, 'by_shop').get('a')).toBeUndefined()
  expect(viewOf(mirror, 'total').size).toBe(1)
})

test('retained, a row that ends as it began is no change, and its object stays', () => {
  const mirror = mirrorOf(byShop, notes)
  const view = viewOf(mirror, 'by_shop')
  mirror.change('Shop', null, shop('a'))
  mirror.change('Sale', null, sale(1, 'a', 4, 'x'))
  view.retain(true)
  viewOf(mirror, 'notes').retain(true)
  const row = view.get('a')
  mirror.change('Sale', sale(1, 'a', 4), sale(1, 'a', 9, 'y'))
  mirror.change('Shop', shop('a'), null)
  expect(view.get('a')).toBe(row)
  mirror.change('Shop', null, shop('a'))
  mirror.change('Sale', sale(1, 'a', 9), sale(1, 'a', 4, 'x'))
  expect(mirror.replica.flush().size).toBe(0)
  expect(view.get('a')).toBe(row)
  mirror.change('Sale', sale(1, 'a', 4), sale(1, null, 4, 'x'))
  mirror.change('Sale', null, sale(2, null, 1, 'x'))
  const changes = mirror.replica.flush()
  expect(changes.get('by_shop')).toEqual([
    { key: 'a', before: row, after: { id: 'a', name: 'Shop a', sales: 0, qty: null, mean: null, top: null } },
  ])
  expect(changes.get('notes')).toEqual([{ key: null, before: null, after: { note: 'x' } }])
  expect([...viewOf(mirror, 'notes').rows()]).toEqual([{ note: 'x' }, { note: 'x' }])
})

test('a change of several key columns carries an object, a view of one row none', () => {
  const byTwo = defineView('by_two', (q) =>
    q
      .from({ s: Sale })
      .groupBy(({ s }) => [s.shopId, s.qty])
      .select(({ s }) => ({ shop: s.shopId, qty: s.qty, rows: count() })),
  )
  const mirror = mirrorOf(byTwo, total)
  for (const view of mirror.replica.views.values()) view.retain(true)
  mirror.change('Sale', null, sale(1, null, 3))
  const changes = mirror.replica.flush()
  expect(changes.get('by_two')).toEqual([
    { key: { shop: null, qty: 3 }, before: null, after: { shop: null, qty: 3, rows: 1 } },
  ])
  expect(changes.get('total')).toEqual([
    { key: null, before: { sales: 0, qty: null }, after: { sales: 1, qty: 3 } },
  ])
  expect(viewOf(mirror, 'by_two').get({ shop: null, qty: 3 })).toEqual({ shop: null, qty: 3, rows: 1 })
  expect(viewOf(mirror, 'by_two').get({ shop: null, qty: null })).toBeUndefined()
})

test('the end of retaining shows what is pending', () => {
  const mirror = mirrorOf(total)
  const view = viewOf(mirror, 'total')
  view.retain(true)
  mirror.change('Sale', null, sale(1, null, 3))
  expect(view.pending).toBe(true)
  expect(view.get()).toEqual({ sales: 0, qty: null })
  view.retain(false)
  expect(view.pending).toBe(false)
  expect(view.get()).toEqual({ sales: 1, qty: 3 })
  expect(mirror.replica.flush().size).toBe(0)
})

test('a view that fails is detached and says why, the others go on', () => {
  const mirror = mirrorOf(shops, byShop)
  viewOf(mirror, 'shops').retain(true)
  mirror.change('Shop', null, shop('a', { tags: '{x,NULL}' }))
  const changes = mirror.replica.flush()
  expect(changes.size).toBe(0)
  const failed = viewOf(mirror, 'shops')
  expect(failed.failure?.code).toBe('CHANGES.UNDECODABLE_VALUE')
  expect(codeOf(() => failed.get('a'))).toBe('CHANGES.UNDECODABLE_VALUE')
  expect(codeOf(() => [...failed.rows()])).toBe('CHANGES.UNDECODABLE_VALUE')
  expect(codeOf(() => failed.size)).toBe('CHANGES.UNDECODABLE_VALUE')
  mirror.change('Sale', null, sale(1, 'a', 2))
  mirror.change('Shop', shop('a'), shop('a', { name: 'new' }))
  expect(viewOf(mirror, 'by_shop').get('a')).toMatchObject({ name: 'new', sales: 1 })
  expect(viewOf(mirror, 'by_shop').failure).toBeNull()
})

test('a view that cannot show a value until it is read throws then, and recovers', () => {
  const mirror = mirrorOf(shops)
  mirror.change('Shop', null, shop('a', { tags: '{x,NULL}' }))
  const view = viewOf(mirror, 'shops')
  expect(codeOf(() => view.get('a'))).toBe('CHANGES.UNDECODABLE_VALUE')
  mirror.change('Shop', shop('a'), shop('a', { tags: null }))
  expect(view.get('a')).toEqual({ id: 'a', name: 'Shop a', tags: [] })
})

test('wrong keys are refused, a view without a key too', () => {
  const mirror = mirrorOf(byShop, notes, total)
  expect(codeOf(() => viewOf(mirror, 'by_shop').get(7))).toBe('CONFIG.INVALID_OPTIONS')
  expect(codeOf(() => viewOf(mirror, 'by_shop').get())).toBe('CONFIG.INVALID_OPTIONS')
  expect(codeOf(() => viewOf(mirror, 'notes').get('x'))).toBe('VIEW.INVALID_DEFINITION')
})

/** How many tuples each kind of change touches while one group has that many rows. */
function workOf(sales: number): readonly number[] {
  const mirror = mirrorOf(byShop, total, shops)
  for (const id of ['a', 'b']) mirror.change('Shop', null, shop(id))
  for (let id = 0; id < sales; id += 1) mirror.change('Sale', null, sale(id, 'a', id))
  const state = viewOf(mirror, 'by_shop')
  const work: number[] = []
  const measured = (change: () => void): void => {
    const start = state.work
    change()
    work.push(state.work - start)
  }
  measured(() => mirror.change('Sale', sale(0, 'a', 0), sale(0, 'a', 7)))
  measured(() => mirror.change('Sale', sale(0, 'a', 7), sale(0, 'b', 7)))
  measured(() => mirror.change('Sale', sale(0, 'b', 7), null))
  measured(() => mirror.change('Sale', null, sale(sales, 'a', 1)))
  measured(() => mirror.change('Shop', shop('a'), shop('a', { city: 'Kiel' })))
  measured(() => mirror.change('Sale', sale(sales, 'a', 1), sale(sales, 'a', 1, 'note')))
  return work
}

test('the work of a change does not grow with its group or its tables', () => {
  expect(workOf(2000)).toEqual(workOf(10))
  expect(workOf(10)).toEqual([1, 3, 2, 1, 0, 0])
})

test('views share tables, indexes and text', () => {
  const again = defineView('again', (q) =>
    q
      .from({ h: Shop })
      .innerJoin({ s: Sale }, ({ h, s }) => eq(h.id, s.shopId))
      .where(({ s }) => gt(s.qty, 1))
      .groupBy(({ h }) => [h.city])
      .select(({ h, s }) => ({ city: h.city, qty: sum(s.qty) })),
  )
  const { tables } = compileViews(schema, [byShop.ir, again.ir])
  expect([...tables.keys()].toSorted()).toEqual(['Sale', 'Shop'])
  expect(
    tables.get('Sale')?.indexes.map(({ columns }) => columns.map(({ contract }) => contract.field)),
  ).toEqual([['shopId']])
  expect(tables.get('Shop')?.indexes).toEqual([])
  expect(tables.get('Sale')?.columns.map(({ contract }) => contract.field)).toEqual([
    'id',
    'line',
    'shopId',
    'qty',
  ])
  expect(tables.get('Shop')?.columns.map(({ contract }) => contract.field)).toEqual(['id', 'name', 'city'])
})

test('two views of one name, and a key that does not tell rows apart, are refused', () => {
  expect(codeOf(() => compileViews(schema, [total.ir, total.ir]))).toBe('CONFIG.DUPLICATE_VIEW')
  const regions = defineView('regions', (q) =>
    q.from({ r: Region }).select(({ r }) => ({ id: r.id, title: r.title })),
  )
  const partial = { ...regions.ir, key: ['title'] }
  expect(codeOf(() => compileViews(schema, [partial]))).toBe('VIEW.INVALID_DEFINITION')
})
