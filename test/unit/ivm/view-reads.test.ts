import { expect, test } from 'vitest'
import { isDbsyncError } from '../../../src/core/errors.ts'
import type { IndexColumn } from '../../../src/ivm/row-index.ts'
import type { ViewState } from '../../../src/ivm/view-state.ts'
import { count, sum } from '../../../src/views/build/aggregates.ts'
import { eq } from '../../../src/views/build/comparisons.ts'
import { defineView, type ViewDefinition } from '../../../src/views/define-view.ts'
import { indexColumnsOf } from '../../../src/views/check/view-indexes.ts'
import { Sale, schema, Shop } from '../../conformance/fixture.ts'
import { Mirror, type TextRow } from '../../conformance/mirror.ts'
import { SaleView } from '../../support/sale-view.ts'

const byShop = defineView(
  'by_shop',
  (q) =>
    q
      .from({ h: Shop })
      .leftJoin({ s: Sale }, ({ h, s }) => eq(s.shopId, h.id))
      .groupBy(({ h }) => [h.id, h.city])
      .select(({ h, s }) => ({ id: h.id, city: h.city, sales: count(s.line), qty: sum(s.qty) })),
  { indexes: [['sales'], ['city', 'qty']] },
)
const tagged = defineView(
  'tagged',
  (q) => q.from({ h: Shop }).select(({ h }) => ({ id: h.id, city: h.city, tags: h.tags })),
  { indexes: [['city']] },
)

const shop = (id: string, city: string | null, tags = '{}'): TextRow => ({
  id,
  name: id,
  city,
  regionId: null,
  tags,
})
const sale = (id: number, shopId: string, qty: number | null): TextRow => ({
  id: String(id),
  line: '1',
  shopId,
  qty: qty === null ? null : String(qty),
})

function stateOf(mirror: Mirror, view: ViewDefinition): ViewState {
  const state = mirror.replica.views.get(view.name)
  if (state === undefined) throw new Error(view.name)
  for (const index of indexColumnsOf(view)) state.addIndex(index)
  return state
}

test('rows are found by what their groups add up to, as that changes', () => {
  const mirror = new Mirror(schema, [byShop.ir])
  const state = stateOf(mirror, byShop)
  for (const id of ['a', 'b', 'c']) mirror.change('Shop', null, shop(id, id === 'c' ? null : 'Kiel'))
  expect(state.where({ sales: 0 })).toHaveLength(3)
  expect(state.where({ city: null, qty: null })).toEqual([{ id: 'c', city: null, sales: 0, qty: null }])
  mirror.change('Sale', null, sale(1, 'a', 4))
  expect(state.where({ sales: 1 })).toEqual([state.get('a')])
  expect(state.where({ sales: 1 })[0]).toBe(state.get('a'))
  expect(state.where({ qty: 4, city: 'Kiel' })).toEqual([state.get('a')])
  mirror.change('Sale', sale(1, 'a', 4), null)
  expect(state.where({ sales: 1 })).toEqual([])
  mirror.change('Shop', shop('a', 'Kiel'), shop('a', 'Bonn'))
  expect(state.where({ city: 'Bonn', qty: null }).map((row) => row['id'])).toEqual(['a'])
  expect(state.where({ city: 'Kiel', qty: null }).map((row) => row['id'])).toEqual(['b'])
})

test('what was read stays as it was read', () => {
  const view = new SaleView({ bag: false, order: [{ field: 'qty', descending: true, nullsFirst: false }] })
  const { state } = view
  state.addIndex([{ name: 'note', text: String }])
  const row = (id: number, qty: number | null) => ({ id, shopId: null, qty, note: 'x' })
  for (const [id, qty] of [
    [1, 5],
    [2, null],
    [3, 9],
  ] as const)
    view.put(null, row(id, qty))
  const ids = (rows: Iterable<Readonly<Record<string, unknown>>>): unknown[] =>
    [...rows].map(({ id }) => Number(id))
  const before = state.all()
  const found = state.where({ note: 'x' })
  const reading = state.rows()[Symbol.iterator]()
  reading.next()
  view.put(2, row(2, 7))
  view.remove(3)
  expect([ids(before), ids(found)]).toEqual([
    [3, 1, 2],
    [3, 1, 2],
  ])
  expect(ids({ [Symbol.iterator]: () => reading })).toEqual([1, 2])
  expect([ids(state.all()), ids(state.rows()), ids(state.where({ note: 'x' }))]).toEqual([
    [2, 1],
    [2, 1],
    [2, 1],
  ])
  // A row that did not change is the same object.
  expect(state.all()[1]).toBe(before[1])
})

test('a change that is undone gives the same array again', () => {
  const view = new SaleView({ bag: false, order: [{ field: 'qty', descending: false, nullsFirst: false }] })
  const { state } = view
  const row = (qty: number) => ({ id: 1, shopId: null, qty, note: null })
  view.put(null, row(1))
  view.put(null, { ...row(2), id: 2 })
  state.retain(true)
  const before = state.all()
  view.put(1, row(3))
  expect(state.all()).toBe(before)
  view.put(1, row(1))
  expect(state.flush()).toEqual([])
  expect(state.all()).toBe(before)
})

test('a row that cannot be shown fails the reads that would show it, until it changes', () => {
  const mirror = new Mirror(schema, [tagged.ir])
  mirror.change('Shop', null, shop('a', 'Kiel', '{x,NULL}'))
  const state = stateOf(mirror, tagged)
  mirror.change('Shop', null, shop('b', 'Bonn'))
  const codeOf = (read: () => unknown): unknown => {
    try {
      return read()
    } catch (error) {
      return isDbsyncError(error) ? error.code : error
    }
  }
  // The index itself needs the city alone.
  expect(codeOf(() => state.where({ city: 'Bonn' }))).toEqual([{ id: 'b', city: 'Bonn', tags: [] }])
  expect(codeOf(() => state.where({ city: 'Kiel' }))).toBe('CHANGES.UNDECODABLE_VALUE')
  expect(codeOf(() => state.all())).toBe('CHANGES.UNDECODABLE_VALUE')
  mirror.change('Shop', null, shop('c', 'Bonn'))
  expect(codeOf(() => state.all())).toBe('CHANGES.UNDECODABLE_VALUE')
  mirror.change('Shop', shop('a', 'Kiel'), shop('a', 'Kiel'))
  expect(state.where({ city: 'Kiel' })).toEqual([{ id: 'a', city: 'Kiel', tags: [] }])
  expect(state.all()).toHaveLength(3)
})

test('an index whose values cannot be shown says so when it is read, and is whole once they can', () => {
  const view = new SaleView({ bag: false, order: [] })
  const { state } = view
  let isBroken = true
  const note: IndexColumn = {
    name: 'note',
    text(value) {
      if (isBroken && value === 'bad') throw new Error('cannot be shown')
      return String(value)
    },
  }
  view.put(null, { id: 1, shopId: null, qty: 1, note: 'good' })
  view.put(null, { id: 2, shopId: null, qty: 1, note: 'bad' })
  view.put(null, { id: 3, shopId: null, qty: 1, note: 'good' })
  state.addIndex([note])
  expect(() => state.where({ note: 'good' })).toThrow('cannot be shown')
  view.put(1, { id: 1, shopId: null, qty: 2, note: 'better' })
  expect(() => state.where({ note: 'good' })).toThrow('cannot be shown')
  isBroken = false
  expect(state.where({ note: 'good' }).map(({ id }) => id)).toEqual([3n])
  expect(state.where({ note: 'better' }).map(({ id }) => id)).toEqual([1n])
})

test('a match that no index has is refused with what there is', () => {
  const mirror = new Mirror(schema, [byShop.ir])
  const state = stateOf(mirror, byShop)
  expect(() => state.where({ city: 'Kiel' })).toThrow(
    'by_shop.where: found a match by city; need exactly the columns of one of its indexes, (sales) or (city, qty). ' +
      'Name the columns in the option indexes of defineView.',
  )
  expect(() => state.where({})).toThrow(/found a match by nothing/)
  expect(() => state.where({ sales: 'many' })).toThrow(
    expect.objectContaining({ code: 'CONFIG.INVALID_OPTIONS' }),
  )
  state.fail(new Error('on purpose'))
  expect(() => state.where({ sales: 1 })).toThrow(expect.objectContaining({ code: 'INTERNAL.INVARIANT' }))
  expect(() => state.all()).toThrow(expect.objectContaining({ code: 'INTERNAL.INVARIANT' }))
})

/** How often an order and an index look at values for one change among that many rows, and for a reading after it. */
function looksOf(rows: number): { readonly compared: number; readonly indexed: number } {
  const looks = { compared: 0, indexed: 0 }
  const view = new SaleView({
    bag: false,
    order: [{ field: 'id', descending: true, nullsFirst: false }],
    onCompare: () => (looks.compared += 1),
  })
  const { state } = view
  state.addIndex([
    {
      name: 'qty',
      text(value) {
        looks.indexed += 1
        return String(value)
      },
    },
  ])
  for (let id = 0; id < rows; id += 1) view.put(null, { id, shopId: null, qty: id % 7, note: null })
  state.all()
  state.where({ qty: 1 })
  looks.compared = 0
  looks.indexed = 0
  view.put(3, { id: 3, shopId: null, qty: 100, note: null })
  expect(state.all()).toHaveLength(rows)
  expect(state.where({ qty: 100 })).toHaveLength(1)
  return looks
}

test('a read after a change looks at what changed, not at the whole view', () => {
  const few = looksOf(100)
  const many = looksOf(10_000)
  expect(many.indexed).toBe(few.indexed)
  expect(many.indexed).toBeLessThanOrEqual(3)
  // One way down the order: 14 steps halve 10 000 rows.
  expect(few.compared).toBeLessThanOrEqual(8)
  expect(many.compared).toBeLessThanOrEqual(15)
})

test('a row is got by any value of its key, and by no other', () => {
  const texts = ['', 'a', 'A', 'é', '日本', '😀', 'x'.repeat(64), 'x'.repeat(65), `${'x'.repeat(63)}é`]
  const bigints = [0n, 1n, -1n, 4294967296n, -4294967297n, 9007199254740993n, -9223372036854775808n]
  const numbers = [0, -1, 2147483647, -2147483648]
  const byNote = defineView('by_note', (q) =>
    q
      .from({ s: Sale })
      .groupBy(({ s }) => [s.note])
      .select(({ s }) => ({ note: s.note })),
  )
  const byBoth = defineView('by_both', (q) =>
    q
      .from({ s: Sale })
      .groupBy(({ s }) => [s.big, s.qty])
      .select(({ s }) => ({ big: s.big, qty: s.qty })),
  )
  const mirror = new Mirror(schema, [byNote.ir, byBoth.ir])
  for (const [id, note] of texts.entries()) mirror.change('Sale', null, { id: String(id), line: '1', note })
  bigints.forEach((big, row) => {
    for (const [line, qty] of numbers.entries()) {
      mirror.change('Sale', null, {
        id: String(row),
        line: String(line + 2),
        note: 'a',
        big: String(big),
        qty: String(qty),
      })
    }
  })
  const notes = stateOf(mirror, byNote)
  expect(texts.map((note) => notes.get(note))).toEqual(texts.map((note) => ({ note })))
  const others = ['b', 'x', 'x'.repeat(63), 'x'.repeat(66), 'É', '\u00c3', 'e']
  expect(others.filter((note) => notes.get(note) !== undefined)).toEqual([])
  const both = stateOf(mirror, byBoth)
  for (const big of bigints) {
    expect(numbers.map((qty) => both.get({ big, qty }))).toEqual(numbers.map((qty) => ({ big, qty })))
    expect([5, 2 ** 32, 2147483648].map((qty) => both.get({ big, qty }))).toEqual([
      undefined,
      undefined,
      undefined,
    ])
  }
  expect(both.get({ big: 2n, qty: 0 })).toBeUndefined()
  expect(both.get({ big: 1, qty: -0 })).toEqual({ big: 1n, qty: 0 })
  expect(both.get({ qty: null, big: null })).toEqual({ big: null, qty: null })
})
