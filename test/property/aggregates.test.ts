import fc from 'fast-check'
import { expect, test } from 'vitest'
import { boolAnd, boolOr, count, countDistinct, sum } from '../../src/views/build/aggregates.ts'
import { gt } from '../../src/views/build/comparisons.ts'
import { defineView } from '../../src/views/define-view.ts'
import { arrayAgg, jsonAgg, stringAgg } from '../../src/views/build/ordered-aggregates.ts'
import { asc, desc } from '../../src/views/build/order.ts'
import { Sale, schema } from '../conformance/fixture.ts'
import { Mirror, type TextRow } from '../conformance/mirror.ts'

const view = defineView('v', (q) =>
  q
    .from({ s: Sale })
    .groupBy(({ s }) => [s.shopId])
    .select(({ s }) => ({
      shop: s.shopId,
      rows: count().filter(s.flag),
      distinct: countDistinct(s.note),
      distinctSold: countDistinct(s.note).filter(gt(s.qty, 0)),
      all: boolAnd(s.flag),
      someSold: boolOr(s.flag).filter(gt(s.qty, 0)),
      qty: sum(s.qty).filter(s.flag),
      ids: arrayAgg(s.id).orderBy(desc(s.qty), asc(s.note, { nulls: 'first' }), asc(s.line), asc(s.id)),
      notes: stringAgg(s.note, '|').orderBy(asc(s.qty), asc(s.line), desc(s.id)),
      sold: jsonAgg(s.qty).orderBy(asc(s.line), asc(s.id)).filter(gt(s.qty, 0)),
    })),
)

interface Row {
  readonly id: number
  readonly shop: string
  readonly qty: number | null
  readonly note: string | null
  readonly flag: boolean | null
}

const row: fc.Arbitrary<Row> = fc.record({
  id: fc.nat({ max: 11 }),
  shop: fc.constantFrom('a', 'b'),
  qty: fc.option(fc.integer({ min: -2, max: 2 })),
  note: fc.option(fc.constantFrom('', 'x', 'y', 'yy')),
  flag: fc.option(fc.boolean()),
})

function texts({ id, shop, qty, note, flag }: Row): TextRow {
  return {
    line: '0',
    id: String(id),
    shopId: shop,
    qty: qty === null ? null : String(qty),
    note,
    flag: flag === null ? null : flag ? 't' : 'f',
  }
}

/** Nulls last, or first. */
function by<T extends number | string>(a: T | null, b: T | null, nullsFirst: boolean): number {
  if (a === null || b === null) return a === b ? 0 : (a === null) === nullsFirst ? -1 : 1
  return a < b ? -1 : a > b ? 1 : 0
}

/** A group computed from scratch. */
function naive(shop: string, rows: readonly Row[]): unknown {
  const sold = rows.filter(({ qty }) => qty !== null && qty > 0)
  const flags = rows.map(({ flag }) => flag).filter((flag) => flag !== null)
  const soldFlags = sold.map(({ flag }) => flag).filter((flag) => flag !== null)
  const distinct = (some: readonly Row[]): number =>
    new Set(some.map(({ note }) => note).filter((note) => note !== null)).size
  const flagged = rows.filter(({ flag }) => flag === true)
  const summed = flagged.map(({ qty }) => qty).filter((qty) => qty !== null)
  const byQty = rows.toSorted((a, b) => -by(a.qty, b.qty, false) || by(a.note, b.note, true) || a.id - b.id)
  const notes = rows
    .toSorted((a, b) => by(a.qty, b.qty, false) || b.id - a.id)
    .map(({ note }) => note)
    .filter((note) => note !== null)
  const json = sold.toSorted((a, b) => a.id - b.id).map(({ qty }) => qty)
  return {
    shop,
    rows: flagged.length,
    distinct: distinct(rows),
    distinctSold: distinct(sold),
    all: flags.length === 0 ? null : !flags.includes(false),
    someSold: soldFlags.length === 0 ? null : soldFlags.includes(true),
    qty: summed.length === 0 ? null : summed.reduce((total, qty) => total + qty, 0),
    ids: byQty.map(({ id }) => BigInt(id)),
    notes: notes.length === 0 ? null : notes.join('|'),
    sold: json.length === 0 ? null : json,
  }
}

test('aggregates equal a recomputation after every change, and the changes fold to them', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(row, fc.boolean()), { maxLength: 60, size: 'max' }),
      fc.nat({ max: 5 }),
      (steps, tick) => {
        const mirror = new Mirror(schema, [view.ir])
        const state = mirror.replica.views.get('v')
        state?.retain(true)
        const rows = new Map<number, Row>()
        const folded = new Map<unknown, unknown>()
        steps.forEach(([next, deletes], index) => {
          const old = rows.get(next.id)
          if (deletes && old !== undefined) {
            mirror.change('Sale', texts(old), null)
            rows.delete(next.id)
          } else {
            mirror.change('Sale', old === undefined ? null : texts(old), texts(next))
            rows.set(next.id, next)
          }
          if (index % (tick + 1) !== 0) return
          for (const { key, before, after } of state?.flush() ?? []) {
            expect(folded.get(key) ?? null).toEqual(before)
            if (after === null) folded.delete(key)
            else folded.set(key, after)
          }
          for (const shop of ['a', 'b']) {
            const group = [...rows.values()].filter((item) => item.shop === shop)
            const expected = group.length === 0 ? undefined : naive(shop, group)
            expect(state?.get(shop)).toEqual(expected)
            expect(folded.get(shop)).toEqual(expected)
          }
        })
      },
    ),
    { numRuns: 150 },
  )
})
