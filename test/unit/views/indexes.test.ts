import { Decimal } from '@prisma/client/runtime/client'
import { expect, test } from 'vitest'
import { DbsyncError, isDbsyncError } from '../../../src/core/errors.ts'
import { count, sum } from '../../../src/views/build/aggregates.ts'
import { defineView, type ViewDefinition } from '../../../src/views/define-view.ts'
import { gt } from '../../../src/views/build/comparisons.ts'
import type { Problem } from '../../../src/views/check/problems.ts'
import { indexColumnsOf } from '../../../src/views/check/view-indexes.ts'
import { Sale, Shop } from '../../conformance/fixture.ts'

/** Everything that a sale holds, as plain JavaScript sees `defineView`. */
// oxlint-disable-next-line typescript/no-unsafe-type-assertion
const define = defineView as unknown as (
  name: string,
  build: unknown,
  options: { readonly indexes: unknown },
) => ViewDefinition
type Start = Parameters<Parameters<typeof defineView>[1]>[0]
const everything = (q: Start) => q.from({ s: Sale }).select(({ s }) => ({ ...s, many: gt(s.qty, 1) }))
const totals = (q: Start) =>
  q
    .from({ s: Sale })
    .groupBy(({ s }) => [s.shopId])
    .select(({ s }) => ({ shop: s.shopId, n: count(), qty: sum(s.qty), free: sum(s.free), big: sum(s.big) }))

function problemsOf(indexes: unknown): readonly string[] {
  try {
    define('v', everything, { indexes })
  } catch (error) {
    if (!(error instanceof DbsyncError)) throw error
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    return (error.details['problems'] as readonly Problem[]).map(
      ({ code, path, message }) => `${code} ${path}: ${message}`,
    )
  }
  return []
}

test('all that is wrong with indexes is reported at once, each with its place', () => {
  expect(
    problemsOf([
      ['qty'],
      [],
      ['qty', 'qty'],
      ['nope'],
      ['note', 'qty'],
      ['qty', 'note'],
      7,
      ['doc', 3],
      ['doc'],
    ]),
  ).toEqual([
    'VIEW.INVALID_DEFINITION v.indexes.1: an index is a list of one output name at least; name what rows are found by',
    'VIEW.INVALID_DEFINITION v.indexes.2: an output stands twice in the index; name it once',
    expect.stringMatching(
      /^VIEW.INVALID_DEFINITION v.indexes.3: the view has no output "nope"; it has: id, line, shopId, /,
    ),
    'VIEW.INVALID_DEFINITION v.indexes.5: the view has this index already; leave it out',
    'VIEW.INVALID_DEFINITION v.indexes.6: an index is a list of one output name at least; name what rows are found by',
    'VIEW.INVALID_DEFINITION v.indexes.7: an index is a list of one output name at least; name what rows are found by',
    'VIEW.NOT_EXACT v.indexes.8: doc (jsonb) cannot be indexed exactly: equal jsonb values may differ in their text; ' +
      'keep what you compare in a column of its own',
  ])
  expect(problemsOf('qty')).toEqual([
    'VIEW.INVALID_DEFINITION v.indexes: indexes is a list of lists of output names',
  ])
})

test('a list is refused, with the reason', () => {
  const tags = () =>
    define('v', (q: Start) => q.from({ h: Shop }).select(({ h }) => ({ id: h.id, tags: h.tags })), {
      indexes: [['tags']],
    })
  expect(tags).toThrow(
    /v\.indexes\.0: tags \(text\[\]\) cannot be indexed exactly: a list cannot be compared/,
  )
})

test('indexes are frozen, in the order of the definition, and no part of the meaning', () => {
  const view = define('v', everything, { indexes: [['qty', 'note'], ['flag']] })
  expect(view.indexes).toEqual([['qty', 'note'], ['flag']])
  expect(view.indexes.every((index) => Object.isFrozen(index)) && Object.isFrozen(view.indexes)).toBe(true)
  const bare = defineView('v', everything)
  expect(bare.indexes).toEqual([])
  expect(view.fingerprint).toBe(bare.fingerprint)
})

/** Groups of equal values of each output, in every form in which they may be given. */
const EQUAL: Readonly<Record<string, readonly (readonly unknown[])[]>> = {
  id: [[1n, 1], [9007199254740993n], [-1n, -1]],
  qty: [[0, -0], [7], [-7]],
  big: [[0n], [-9223372036854775808n]],
  amount: [
    [new Decimal('1.5'), new Decimal('1.50'), 1.5],
    [new Decimal('NaN')],
    [new Decimal(0), new Decimal('-0')],
  ],
  wide: [[new Decimal('123456789012345678901234567890.0123456789')], [new Decimal('1'), new Decimal('1.0')]],
  free: [
    [new Decimal('1e-20')],
    [new Decimal('1e3'), new Decimal(1000), 1000],
    [new Decimal('Infinity')],
    [new Decimal('NaN')],
  ],
  dbl: [[0, -0], [Number.NaN], [0.1], [Number.POSITIVE_INFINITY]],
  at: [[new Date('2024-01-02T03:04:05.678Z'), new Date(1704164645678)], [new Date('0001-01-01T00:00:00Z')]],
  day: [[new Date('2024-01-02T00:00:00Z')], [new Date('2024-01-03T00:00:00Z')]],
  note: [['a'], ['A'], [''], ['-'], ['é'], ['1:a']],
  flag: [[true], [false]],
  mood: [['GOOD'], ['BAD']],
  raw: [[Uint8Array.of(1, 2), Buffer.from([1, 2])], [Uint8Array.of()]],
  many: [[true], [false]],
}

test('equal values have one text, different values different ones', () => {
  const names = Object.keys(EQUAL)
  const columns = indexColumnsOf(define('v', everything, { indexes: [names] }))[0] ?? []
  expect(columns.map(({ name }) => name)).toEqual(names)
  for (const column of columns) {
    const groups = EQUAL[column.name] ?? []
    const texts = groups.map((values) => [...new Set(values.map((value) => column.text(value)))])
    expect(texts.map((found) => found.length)).toEqual(groups.map(() => 1))
    expect(new Set(texts.flat()).size).toBe(groups.length)
  }
})

test('aggregates are indexed by their own types, beyond the range of their columns too', () => {
  const [columns = []] = indexColumnsOf(
    define('v', totals, { indexes: [['shop', 'n', 'qty', 'free', 'big']] }),
  )
  const values = ['a', 3, 6_000_000_000, new Decimal('1.10'), 99999999999999999999n]
  expect(columns.map((column, index) => column.text(values[index]))).toEqual([
    'a',
    '3',
    '6000000000',
    '1.1',
    '99999999999999999999',
  ])
})

test('a value of another type is refused', () => {
  const [columns = []] = indexColumnsOf(define('v', everything, { indexes: [Object.keys(EQUAL)] }))
  const codes = columns.map((column) => {
    try {
      return column.text(Symbol('nothing'))
    } catch (error) {
      return isDbsyncError(error) ? error.code : error
    }
  })
  expect(codes).toEqual(columns.map(() => 'CONFIG.INVALID_OPTIONS'))
})
