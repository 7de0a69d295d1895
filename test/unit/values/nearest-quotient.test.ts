import fc from 'fast-check'
import { expect, test } from 'vitest'
import { nearestQuotient, QUOTIENT_LIMIT } from '../../../src/values/nearest-quotient.ts'
import { divideNumeric, formatNumeric } from '../../../src/values/numeric.ts'

/** By digits, as Postgres does it. */
function byDigits(dividend: number, divisor: number): number {
  return Number(formatNumeric(divideNumeric({ unscaled: BigInt(dividend), scale: 0 }, BigInt(divisor))))
}

const divisor = fc.oneof(
  fc.integer({ min: 1, max: 200 }),
  fc.integer({ min: 1, max: QUOTIENT_LIMIT - 1 }),
  fc.integer({ min: QUOTIENT_LIMIT - 9, max: QUOTIENT_LIMIT - 1 }),
)
/** Quotients of every magnitude; just above 1, 10^4 and 10^8 the digits are fewest. */
const quotient = fc.oneof(
  fc.double({ min: 1, max: 2, noNaN: true }),
  fc.double({ min: 1e4, max: 2e4, noNaN: true }),
  fc.double({ min: 1e8, max: 2e8, noNaN: true }),
  fc.double({ min: 1e-6, max: 1, noNaN: true }),
  fc.double({ min: 10, max: 50, noNaN: true }),
  fc.double({ min: 1, max: 1e12, noNaN: true }),
)

test('the quotient is the one that the digits of Postgres give, or the digits are asked for', () => {
  fc.assert(
    fc.property(quotient, divisor, fc.boolean(), (near, by, isNegative) => {
      const above = Math.round(near * by)
      fc.pre(above > 0 && Number.isSafeInteger(above))
      const dividend = isNegative ? -above : above
      const fast = nearestQuotient(dividend, by)
      const exact = byDigits(dividend, by)
      expect(Number.isNaN(fast) ? exact : fast).toBe(exact)
    }),
    { numRuns: 20_000 },
  )
})

test('digits are seldom needed for averages of small numbers', () => {
  let asked = 0
  let wrong = 0
  for (let count = 50; count < 150; count += 1) {
    for (let sum = count * 10; sum < count * 50; sum += 37) {
      const fast = nearestQuotient(sum, count)
      if (Number.isNaN(fast)) asked += 1
      else if (fast !== byDigits(sum, count)) wrong += 1
    }
  }
  expect({ isSeldom: asked < 600, wrong }).toEqual({ isSeldom: true, wrong: 0 })
})
