import { Decimal } from '@prisma/client/runtime/client'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { identityOf } from '../../../src/values/row-identity.ts'
import { sameValue } from '../../../src/values/same-value.ts'

/** One public value of each kind, all of them different. */
const DIFFERENT: readonly unknown[] = [
  null,
  '',
  'n',
  'null',
  '0',
  'd0',
  0,
  1,
  -1,
  0.1,
  Number.NaN,
  Infinity,
  0n,
  1n,
  true,
  false,
  [],
  [null],
  [''],
  ['', ''],
  ['a,b'],
  ['a', 'b'],
  ['a","b'],
  [['a'], 'b'],
  [['a', 'b']],
  [[]],
  {},
  { a: null },
  { a: 1 },
  { a: '1' },
  { b: 1 },
  { 'a":1,"b': 1 },
  { a: 1, b: 1 },
  { a: { b: 1 } },
  new Date(0),
  new Date(1),
  new Uint8Array(),
  new Uint8Array([0]),
  new Uint8Array([0, 0]),
  new Decimal('0'),
  new Decimal('1'),
  new Decimal('1.1'),
  new Decimal('NaN'),
  new Decimal('12345678901234567890.000000000000000000000000000001'),
  new Decimal('12345678901234567890.000000000000000000000000000002'),
  // JSON that looks like a decimal.
  { toFixed: 1 },
  { toFixed: 2 },
  { toFixed: 1, toString: 2 },
]

test('different values never have one identity', () => {
  for (const [index, a] of DIFFERENT.entries()) {
    for (const b of DIFFERENT.slice(index + 1)) {
      expect([a, b, identityOf(a) === identityOf(b)]).toEqual([a, b, false])
    }
  }
})

test('equal values have one, whichever object they are', () => {
  const same: readonly [unknown, unknown][] = [
    [new Date(5), new Date(5)],
    [new Decimal('1.50'), new Decimal('1.5')],
    [new Uint8Array([1, 2]), Buffer.from([1, 2])],
    [Number.NaN, Number.NaN],
    [
      ['a', [1, { b: null }]],
      ['a', [1, { b: null }]],
    ],
    [undefined, null],
  ]
  for (const [a, b] of same) expect(identityOf(a)).toBe(identityOf(b))
})

test('two JSON values have one identity exactly if they are the same JSON', () => {
  const small = fc.jsonValue({ maxDepth: 2 })
  const counts = { same: 0, other: 0 }
  const check = (a: unknown, b: unknown): void => {
    const isSame = sameJson(a, b)
    counts[isSame ? 'same' : 'other'] += 1
    expect(identityOf(a) === identityOf(b)).toBe(isSame)
  }
  fc.assert(
    fc.property(small, small, (a, b) => {
      check(a, b)
      check(a, JSON.parse(JSON.stringify(a)))
      check([a, b], [b, a])
      check({ a, b }, { a: b, b: a })
    }),
    { numRuns: 500 },
  )
  expect(Math.min(counts.same, counts.other)).toBeGreaterThan(100)
})

/** By value; the order of members counts, as it does in what Prisma Client returns of a `json` column. */
function sameJson(a: unknown, b: unknown): boolean {
  // -0 and 0 are equal numbers, and Postgres prints one JSON for both.
  return JSON.stringify(a) === JSON.stringify(b)
}

test('JSON as deep as Postgres takes it is compared, and differs where it differs', () => {
  for (const [open, close] of [
    ['[', ']'],
    ['{"a":', '}'],
  ] as const) {
    const deep = (inner: string): unknown => JSON.parse(open.repeat(20_000) + inner + close.repeat(20_000))
    expect(sameValue(deep('1'), deep('1'))).toBe(true)
    expect(sameValue(deep('1'), deep('2'))).toBe(false)
    expect(identityOf(deep('1')) === identityOf(deep('1'))).toBe(true)
    expect(identityOf(deep('1')) === identityOf(deep('2'))).toBe(false)
  }
})
