import { Decimal } from '@prisma/client/runtime/client'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { isDbsyncError } from '../../../src/core/errors.ts'
import { makeAverage, makeSum } from '../../../src/ivm/aggregate-value.ts'
import { GroupRecords } from '../../../src/ivm/group-records.ts'
import { Int32Sum, Int64Sum, ScaledSum, type Summing } from '../../../src/ivm/sum-accumulator.ts'
import { WideSum } from '../../../src/ivm/wide-sum.ts'
import { Interner } from '../../../src/zset/interner.ts'
import { InternedColumn } from '../../../src/zset/interned-column.ts'
import { SourceTable } from '../../../src/zset/source-table.ts'
import { schema } from '../../conformance/fixture.ts'

const table = new SourceTable({
  schema,
  model: 'Sale',
  fields: new Set(['qty', 'big', 'amount', 'wide', 'free']),
  indexes: [],
  slotWords: 0,
  interner: new Interner(),
})

function put(field: string, text: string): number {
  const slot = table.allocate()
  const bytes = Buffer.from(text)
  table.column(field).read(slot, bytes, 0, bytes.length)
  return slot
}

function wide(field: string): WideSum {
  const column = table.column(field)
  if (!(column instanceof InternedColumn)) throw new Error(field)
  return new WideSum(0, column)
}

const CASES: readonly (readonly [string, () => Summing, fc.Arbitrary<string>, number])[] = [
  ['qty', () => new Int32Sum(0, table.column('qty'), new GroupRecords()), fc.integer().map(String), 0],
  [
    'big',
    () => new Int64Sum(0, table.column('big'), new GroupRecords()),
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(String),
    0,
  ],
  [
    'amount',
    () => new ScaledSum(0, table.column('amount'), new GroupRecords(), 2),
    fc.integer({ min: -9_999_999_999, max: 9_999_999_999 }).map((value) => (value / 100).toFixed(2)),
    2,
  ],
  [
    'wide',
    () => wide('wide'),
    fc
      .bigInt({ min: -(10n ** 39n), max: 10n ** 39n })
      .map(
        (value) =>
          `${value / 10n ** 10n}.${String(value < 0n ? -value % 10n ** 10n : value % 10n ** 10n).padStart(10, '0')}`,
      ),
    10,
  ],
]

function exact(texts: readonly string[], scale: number): bigint {
  return texts.reduce((sum, text) => sum + BigInt(new Decimal(text).toFixed(scale).replace('.', '')), 0n)
}

test('sums are exact after any adds and removes, at any size', () => {
  for (const [field, make, text, scale] of CASES) {
    fc.assert(
      fc.property(fc.array(fc.tuple(text, fc.boolean()), { maxLength: 60 }), (items) => {
        const sums = make()
        const kept: string[] = []
        const slots = items.map(([value]) => put(field, value))
        slots.forEach((slot) => sums.add(3, slot))
        items.forEach(([value, stays], index) => {
          if (stays) kept.push(value)
          else sums.remove(3, slots[index] ?? -1)
        })
        expect(sums.count(3)).toBe(kept.length)
        const total = sums.total(3)
        if (typeof total === 'string') throw new Error(total)
        expect(total.total * 10n ** BigInt(scale - total.scale)).toBe(exact(kept, scale))
        for (const slot of slots) table.release(slot)
      }),
      { numRuns: 60 },
    )
  }
})

test('limbs stay exact over millions of extreme values', () => {
  const sums = new Int64Sum(0, table.column('big'), new GroupRecords())
  const top = put('big', '9223372036854775807')
  const bottom = put('big', '-9223372036854775808')
  for (let index = 0; index < 3_000_000; index += 1) sums.add(0, top)
  expect(sums.total(0)).toEqual({ total: 3_000_000n * (2n ** 63n - 1n), scale: 0 })
  for (let index = 0; index < 3_000_000; index += 1) sums.add(0, bottom)
  expect(sums.total(0)).toEqual({ total: -3_000_000n, scale: 0 })
})

test('the sum of an Int column past 2^53 is an error until it fits again', () => {
  const sums = new Int32Sum(0, table.column('qty'), new GroupRecords())
  const slot = put('qty', '2147483647')
  const show = makeSum(sums, 'Int', Decimal, 'v.select.qty')
  for (let index = 0; index < 4_194_304; index += 1) sums.add(0, slot)
  expect(show(0)).toBe(4_194_304 * 2_147_483_647)
  for (let index = 0; index < 4; index += 1) sums.add(0, slot)
  let code: unknown
  try {
    show(0)
  } catch (error) {
    code = isDbsyncError(error) ? error.code : error
  }
  expect(code).toBe('VIEW.OUT_OF_RANGE')
  // The average still fits.
  expect(makeAverage(sums, 'Int', Decimal)(0)).toBe(2_147_483_647)
  for (let index = 0; index < 4; index += 1) sums.remove(0, slot)
  expect(show(0)).toBe(4_194_304 * 2_147_483_647)
})

test('the scale of an average follows the inputs that are present', () => {
  const sums = wide('free')
  const show = makeAverage(sums, 'Decimal', Decimal)
  const fine = put('free', '0.00000000000000000003')
  for (const text of ['100000000000000000000', '100000000000000000001']) sums.add(0, put('free', text))
  sums.add(0, fine)
  sums.remove(0, fine)
  // SELECT avg(x) over the two: no digit behind the point, so it is rounded up.
  expect(String(show(0))).toBe('100000000000000000001')
})

test('NaN and infinities answer as Postgres and leave no trace', () => {
  const sums = wide('free')
  const show = makeSum(sums, 'Decimal', Decimal, 'v')
  const slots = new Map(
    ['1.50', '2', 'NaN', 'Infinity', '-Infinity'].map((text) => [text, put('free', text)]),
  )
  const at = (text: string): number => slots.get(text) ?? -1
  sums.add(0, at('1.50'))
  sums.add(0, at('2'))
  sums.add(0, at('Infinity'))
  expect(String(show(0))).toBe('Infinity')
  sums.add(0, at('-Infinity'))
  expect(String(show(0))).toBe('NaN')
  sums.remove(0, at('Infinity'))
  expect(String(show(0))).toBe('-Infinity')
  sums.add(0, at('NaN'))
  expect(String(show(0))).toBe('NaN')
  sums.remove(0, at('NaN'))
  sums.remove(0, at('-Infinity'))
  expect(String(show(0))).toBe('3.5')
  const scaled = new ScaledSum(0, table.column('amount'), new GroupRecords(), 2)
  const nan = put('amount', 'NaN')
  scaled.add(0, nan)
  scaled.add(0, put('amount', '1.50'))
  expect(String(makeSum(scaled, 'Decimal', Decimal, 'v')(0))).toBe('NaN')
  scaled.remove(0, nan)
  expect(String(makeSum(scaled, 'Decimal', Decimal, 'v')(0))).toBe('1.5')
})

test('an update of a sum is the removal of the old value and the addition of the new one', () => {
  for (const [field, make, text, scale] of CASES) {
    fc.assert(
      fc.property(fc.array(fc.tuple(text, text), { minLength: 1, maxLength: 30 }), (items) => {
        const sums = make()
        const slots = items.map(([before, after]) => [put(field, before), put(field, after)] as const)
        for (const [before] of slots) sums.add(2, before)
        for (const [before, after] of slots) sums.update(2, before, after)
        expect(sums.count(2)).toBe(items.length)
        const total = sums.total(2)
        if (typeof total === 'string') throw new Error(total)
        const after = items.map(([, value]) => value)
        expect(total.total * 10n ** BigInt(scale - total.scale)).toBe(exact(after, scale))
        for (const slot of slots.flat()) table.release(slot)
      }),
      { numRuns: 60 },
    )
  }
})

test('an update from or to NULL or NaN keeps the count and the sum', () => {
  const records = new GroupRecords()
  const whole = new Int32Sum(0, table.column('qty'), records)
  const scaled = new ScaledSum(0, table.column('amount'), records, 2)
  const none = table.allocate()
  table.column('qty').setNull(none)
  const seven = put('qty', '7')
  whole.add(0, seven)
  whole.update(0, seven, none)
  expect([whole.count(0), whole.safeTotal(0)]).toEqual([0, 0])
  whole.update(0, none, seven)
  expect([whole.count(0), whole.safeTotal(0)]).toEqual([1, 7])
  const [nan, amount] = [put('amount', 'NaN'), put('amount', '1.50')]
  scaled.add(0, amount)
  scaled.update(0, amount, nan)
  expect([scaled.count(0), scaled.total(0)]).toEqual([1, 'NaN'])
  scaled.update(0, nan, amount)
  expect([scaled.count(0), scaled.total(0)]).toEqual([1, { total: 150n, scale: 2 }])
  // Side by side in one record, neither has touched the other.
  expect([whole.count(0), whole.safeTotal(0)]).toEqual([1, 7])
})

test('a group that was cleared begins at zero, whatever its limbs were', () => {
  const sums = new Int64Sum(0, table.column('big'), new GroupRecords())
  sums.add(1, put('big', '9223372036854775807'))
  expect(sums.count(1)).toBe(1)
  sums.clear(1)
  expect([sums.count(1), sums.total(1)]).toEqual([0, { total: 0n, scale: 0 }])
})
