import { randomInt } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { avg, count, max, min, sum } from '../../src/views/build/aggregates.ts'
import { defineView } from '../../src/views/define-view.ts'
import { compareView, formatDifference } from '../../src/testing/compare-view.ts'
import { TEXT_SETTINGS } from '../../src/testing/canonical-text.ts'
import { testDatabase } from '../support/database.ts'
import { DDL, Sale, schema } from './fixture.ts'
import { Mirror } from './mirror.ts'

const groups = defineView('groups', (q) =>
  q
    .from({ s: Sale })
    .groupBy(({ s }) => [s.shopId])
    .select(({ s }) => ({
      shop: s.shopId,
      rows: count(),
      qty: sum(s.qty),
      mean: avg(s.qty),
      big: sum(s.big),
      bigMean: avg(s.big),
      amount: sum(s.amount),
      price: avg(s.amount),
      wide: sum(s.wide),
      wideMean: avg(s.wide),
      free: sum(s.free),
      freeMean: avg(s.free),
      cheapest: min(s.amount),
      widest: max(s.wide),
    })),
)

/** The text of a decimal with that many digits, some of them behind the point. */
function decimal(digits: number, scale: number): fc.Arbitrary<string> {
  return fc
    .bigInt({ min: -(10n ** BigInt(digits)) + 1n, max: 10n ** BigInt(digits) - 1n })
    .map((value) => `${value}e-${scale}`)
}

test('sums and averages of hundreds of random groups are those of the server', async () => {
  await using db = await testDatabase({ schema: 'empty' })
  const client = await db.connect()
  await client.query(TEXT_SETTINGS)
  await client.query(DDL)
  const seed = randomInt(1 << 30)
  const row = fc.record({
    shopId: fc.nat({ max: 400 }).map((n) => `h${n}`),
    qty: fc
      .oneof(fc.integer({ min: -50, max: 50 }), fc.integer({ min: -0x8000_0000, max: 0x7fff_ffff }))
      .map(String),
    big: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(String),
    amount: fc.oneof(decimal(10, 2), decimal(3, 2)),
    wide: fc.oneof(decimal(40, 10), decimal(12, 10)),
    free: fc.oneof(decimal(3, 0), decimal(6, 3), decimal(30, 15)),
  })
  const rows = fc.sample(row, { numRuns: 2500, seed })
  await client.query(
    `INSERT INTO sale (id, line, shopid, qty, big, amount, wide, free)
     SELECT i, 0, a, b::int, c::int8, d::numeric, e::numeric, f::numeric
     FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[]) WITH ORDINALITY AS t(a, b, c, d, e, f, i)`,
    [
      rows.map((item) => item.shopId),
      rows.map((item) => item.qty),
      rows.map((item) => item.big),
      rows.map((item) => item.amount),
      rows.map((item) => item.wide),
      rows.map((item) => item.free),
    ],
  )
  const { rows: stored } = await client.query<Record<string, string>>({
    text: 'SELECT id, line, shopid AS "shopId", qty, big, amount, wide, free FROM sale ORDER BY id',
    types: { getTypeParser: () => (text: string) => text },
  })
  const mirror = new Mirror(schema, [groups.ir])
  for (const item of stored) mirror.change('Sale', null, item)
  const view = mirror.replica.views.get('groups')
  expect(
    (await compareView(groups, view?.rows() ?? [], client)).map(formatDifference),
    `seed ${seed}`,
  ).toEqual([])
  // Half of the rows gone: what was added must leave no trace.
  for (const item of stored.filter((_, index) => index % 2 === 0)) mirror.change('Sale', item, null)
  await client.query('DELETE FROM sale WHERE id % 2 = 1')
  expect(
    (await compareView(groups, view?.rows() ?? [], client)).map(formatDifference),
    `seed ${seed}`,
  ).toEqual([])
})
