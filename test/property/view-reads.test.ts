import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { IndexColumn } from '../../src/ivm/row-index.ts'
import type { Row, ViewState } from '../../src/ivm/view-state.ts'
import { type SaleField, type SaleOrder, type SaleRow, SaleView } from '../support/sale-view.ts'

const indexOn = (...names: readonly SaleField[]): readonly IndexColumn[] =>
  names.map((name) => ({ name, text: String }))

/** What readers must see: the rows of now, or while retained those of the last flush. */
class Model {
  readonly sales = new Map<number, SaleRow>()
  retained = false
  readonly #bag: boolean
  readonly #order: readonly SaleOrder[]
  #flushed: readonly SaleRow[] = []

  constructor(bag: boolean, order: readonly SaleOrder[]) {
    this.#bag = bag
    this.#order = order
  }

  flush(): void {
    this.#flushed = [...this.sales.values()]
  }

  rows(match: Row = {}): readonly Row[] {
    const seen = this.retained ? this.#flushed : [...this.sales.values()]
    return seen
      .map(({ id, shopId, qty, note }): Row => {
        return this.#bag ? { shopId, qty, note } : { id: BigInt(id), shopId, qty, note }
      })
      .filter((row) => Object.entries(match).every(([name, value]) => row[name] === value))
      .toSorted((a, b) => this.compare(a, b))
  }

  compare(a: Row, b: Row): number {
    for (const { field, descending, nullsFirst } of this.#order) {
      const [x, y] = [a[field] as number | null, b[field] as number | null]
      if (x === y) continue
      if (x === null || y === null) return (x === null) === nullsFirst ? -1 : 1
      return x < y === descending ? 1 : -1
    }
    return 0
  }
}

const sale: fc.Arbitrary<SaleRow> = fc.record({
  id: fc.nat(15),
  shopId: fc.constantFrom('a', 'b', null),
  qty: fc.constantFrom(-1, 0, 7, null),
  note: fc.constantFrom('', 'Z', null),
})
const kinds = [
  'put',
  'put',
  'put',
  'change',
  'change',
  'remove',
  'flush',
  'flush',
  'read',
  'read',
  'find',
  'find',
]
const step = fc.record({ kind: fc.constantFrom(...kinds, 'retain'), sale, pick: fc.nat() })
const orders = (bag: boolean): fc.Arbitrary<readonly SaleOrder[]> =>
  fc
    .shuffledSubarray<SaleField>(['shopId', 'qty', 'note'], bag ? { minLength: 3 } : {})
    .chain((fields) =>
      fc.tuple(
        ...[...fields, ...(bag ? [] : ['id' as const])].map((field) =>
          fc.record({ field: fc.constant(field), descending: fc.boolean(), nullsFirst: fc.boolean() }),
        ),
      ),
    )
const setting = fc.boolean().chain((bag) =>
  fc.record({
    bag: fc.constant(bag),
    order: fc.oneof(fc.constant([]), orders(bag), orders(bag)),
    /** Before or after the first rows. */
    early: fc.boolean(),
  }),
)

/** Rows without an order are compared as sets. */
function inOrder(rows: readonly Row[], order: readonly SaleOrder[]): readonly unknown[] {
  const texts = rows.map((row) => Object.values(row).map(String).join('|'))
  return order.length > 0 ? texts : texts.toSorted()
}

function expectRows(state: ViewState, expected: readonly Row[], order: readonly SaleOrder[]): void {
  const rows = state.all()
  expect(inOrder(rows, order)).toEqual(inOrder(expected, order))
  expect(inOrder([...state.rows()], order)).toEqual(inOrder(rows, order))
  expect(state.all()).toBe(rows)
  expect(Object.isFrozen(rows)).toBe(true)
  expect(state.size).toBe(rows.length)
}

function expectFound(
  state: ViewState,
  match: Row,
  expected: readonly Row[],
  order: readonly SaleOrder[],
): void {
  const rows = state.where(match)
  expect(inOrder(rows, order)).toEqual(inOrder(expected, order))
  expect(state.where(match)).toBe(rows)
  expect(Object.isFrozen(rows)).toBe(true)
}

test('lists and indexes show at any moment what sorting and filtering the rows gives, retained or not', () => {
  fc.assert(
    fc.property(setting, fc.array(step, { maxLength: 80, size: 'max' }), ({ bag, order, early }, steps) => {
      const view = new SaleView({ bag, order })
      const model = new Model(bag, order)
      const { state } = view
      const addIndexes = (): void => {
        state.addIndex(indexOn('shopId'))
        state.addIndex(indexOn('qty', 'note'))
      }
      if (early) addIndexes()
      steps.forEach(({ kind, sale: row, pick }, index) => {
        if (index === 10) addIndexes()
        const ids = [...model.sales.keys()]
        const id = ids[pick % ids.length]
        if (kind === 'put') {
          view.put(model.sales.has(row.id) ? row.id : null, row)
          model.sales.set(row.id, row)
        } else if (kind === 'change' && id !== undefined && (id === row.id || !model.sales.has(row.id))) {
          view.put(id, row)
          model.sales.delete(id)
          model.sales.set(row.id, row)
        } else if (kind === 'remove' && id !== undefined) {
          view.remove(id)
          model.sales.delete(id)
        } else if (kind === 'flush') {
          state.flush()
          model.flush()
        } else if (kind === 'retain') {
          model.retained = !model.retained
          state.retain(model.retained)
          model.flush()
        } else if (kind === 'read') expectRows(state, model.rows(), order)
        else if (kind === 'find' && (early || index >= 10)) {
          for (const match of [{ shopId: row.shopId }, { note: row.note, qty: row.qty }]) {
            expectFound(state, match, model.rows(match), order)
          }
        }
      })
      expect(inOrder(state.all(), order)).toEqual(inOrder(model.rows(), order))
    }),
    { numRuns: process.env['SOAK'] === '1' ? 30_000 : 350 },
  )
})
