import { expect, test } from 'vitest'
import { count, countDistinct, max } from '../../../src/views/build/aggregates.ts'
import { eq, gt, ne } from '../../../src/views/build/comparisons.ts'
import { defineView } from '../../../src/views/define-view.ts'
import { and } from '../../../src/views/build/logic.ts'
import { divide } from '../../../src/views/build/arithmetic.ts'
import { asc } from '../../../src/views/build/order.ts'
import { Sale, schema, Shop } from '../../conformance/fixture.ts'
import { Mirror } from '../../conformance/mirror.ts'

const shops = defineView('shops', (q) => q.from({ h: Shop }).select(({ h }) => ({ id: h.id })))
/** Through a derived table of groups, a limit, and text of its own. */
const busy = defineView('busy', (q) =>
  q
    .from({
      s: q
        .from({ s: Sale })
        .groupBy(({ s }) => [s.shopId, s.note])
        .select(({ s }) => ({
          shop: s.shopId,
          note: s.note,
          sales: count(),
          last: max(s.note),
          different: countDistinct(s.note).filter(gt(s.line, 0)),
        })),
    })
    .innerJoin({ h: Shop }, ({ s, h }) => eq(h.id, s.shop))
    .where(({ s }) => and(gt(s.sales, 0), ne(s.note, 'a constant')))
    .select(({ s, h }) => ({
      note: s.note,
      sales: s.sales,
      shop: h.id,
      last: s.last,
      different: s.different,
    }))
    .orderBy(({ s }) => [asc(s.note), asc(s.shop)])
    .limit(1_000),
)

/** A shop and its sales, each with a text that nothing else has. */
function fill(mirror: Mirror): void {
  mirror.change('Shop', null, { id: 'a', name: 'A', tags: '{}' })
  for (let id = 1; id <= 500; id += 1) {
    mirror.change('Sale', null, { line: '1', id: String(id), shopId: 'a', note: `note ${id}` })
  }
  mirror.replica.flush()
}

test('a removed view gives back tables, text, groups and indexes; what others need stays', () => {
  const mirror = new Mirror(schema, [shops.ir, busy.ir])
  fill(mirror)
  const { replica } = mirror
  const interner = replica.tables.get('Shop')?.interner
  expect(replica.views.get('busy')?.size).toBe(500)
  // The notes, the shop's id, and the constant.
  expect(interner?.size).toBe(502)
  const full = replica.byteLength
  replica.remove('busy')
  expect([...replica.tables.keys(), ...replica.views.keys()]).toEqual(['Shop', 'shops'])
  expect(replica.steps.map(({ views }) => views)).toEqual([['shops']])
  // The id of the one shop is left.
  expect(interner?.size).toBe(1)
  const fresh = new Mirror(schema, [shops.ir])
  fresh.change('Shop', null, { id: 'a', name: 'A', tags: '{}' })
  const own = replica.byteLength - (interner?.byteLength ?? 0)
  const alone = fresh.replica.byteLength - (fresh.replica.tables.get('Shop')?.interner.byteLength ?? 0)
  // The shops' table has an index of the join less in the fresh one.
  expect(own).toBeLessThan(full / 10)
  expect(own - alone).toBeLessThan(1_000)
  // What comes now is nobody's but the view's that is left.
  mirror.change('Shop', null, { id: 'b', name: 'B', tags: '{}' })
  expect(replica.views.get('shops')?.size).toBe(2)
})

test('views that come and go leave nothing behind', () => {
  const mirror = new Mirror(schema, [shops.ir, busy.ir, { ...busy.ir, name: 'keeper' }])
  fill(mirror)
  const { replica } = mirror
  const interner = replica.tables.get('Sale')?.interner
  replica.remove('busy')
  const before = { bytes: replica.byteLength, texts: interner?.size }
  for (let turn = 0; turn < 3; turn += 1) {
    expect(replica.add(busy.ir)).toBe(true)
    expect(replica.views.get('busy')?.size).toBe(500)
    replica.remove('busy')
  }
  expect({ bytes: replica.byteLength, texts: interner?.size }).toEqual(before)
  for (const name of ['keeper', 'shops']) replica.remove(name)
  expect(replica.tables.size + replica.views.size + replica.readers.size + replica.steps.length).toBe(0)
  expect(interner?.size).toBe(0)
})

test('a part that has failed is not shared with a view that comes later', () => {
  const [first, second] = ['first', 'second'].map((name) =>
    defineView(name, (q) =>
      q
        .from({
          s: q.from({ s: Sale }).select(({ s }) => ({ line: s.line, id: s.id, per: divide(10, s.qty) })),
        })
        .where(({ s }) => gt(s.per, 0))
        .select(({ s }) => ({ line: s.line, id: s.id, [name]: s.per })),
    ),
  )
  if (first === undefined || second === undefined) throw new Error('no views')
  const mirror = new Mirror(schema, [first.ir, second.ir])
  const { replica } = mirror
  const sale = (qty: string) => ({ line: '1', id: '1', shopId: null, qty })
  mirror.change('Sale', null, sale('0'))
  replica.flush()
  mirror.change('Sale', sale('0'), sale('5'))
  replica.flush()
  expect(replica.views.get('second')?.failure?.code).toBe('VIEW.EVALUATION')
  replica.remove('first')
  expect(replica.add(first.ir)).toBe(false)
  replica.remove('second')
  expect(replica.add(first.ir)).toBe(false)
})
