import fc from 'fast-check'
import { expect, test } from 'vitest'
import { isDbsyncError } from '../../../src/core/errors.ts'
import { formatLsn, lsn, maxLsn, minLsn, parseLsn, ZERO_LSN } from '../../../src/core/lsn.ts'

const position = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })
/** Positions around the places where the halves of the text carry. */
const edge = fc
  .tuple(
    fc.constantFrom(0n, 2n ** 31n, 2n ** 32n, 2n ** 63n, 2n ** 64n - 2n),
    fc.integer({ min: -1, max: 1 }),
  )
  .map(([base, step]) => base + BigInt(step))
  .filter((value) => value >= 0n)

test('a position survives its text', () => {
  fc.assert(
    fc.property(fc.oneof(position, edge), (value) => {
      expect(parseLsn(formatLsn(lsn(value)))).toBe(value)
    }),
  )
})

test('the text is the one that Postgres prints', () => {
  expect(formatLsn(lsn(0x16_b374_d848n))).toBe('16/B374D848')
  expect(formatLsn(ZERO_LSN)).toBe('0/0')
  expect(formatLsn(lsn(2n ** 64n - 1n))).toBe('FFFFFFFF/FFFFFFFF')
  // Not padded: the low half of a position is as short as it can be.
  expect(formatLsn(lsn(2n ** 32n + 10n))).toBe('1/A')
  expect(parseLsn('16/b374d848')).toBe(0x16_b374_d848n)
})

test('the later and the earlier of two positions are so by number, not by text', () => {
  fc.assert(
    fc.property(fc.oneof(position, edge), fc.oneof(position, edge), (a, b) => {
      expect(maxLsn(lsn(a), lsn(b))).toBe(a < b ? b : a)
      expect(minLsn(lsn(a), lsn(b))).toBe(a < b ? a : b)
    }),
  )
  expect(maxLsn(parseLsn('9/0'), parseLsn('10/0'))).toBe(parseLsn('10/0'))
})

test('what is no position is refused', () => {
  for (const text of [
    '',
    '0',
    '/',
    '0/',
    '/0',
    '0/0/0',
    'g/0',
    '123456789/0',
    '0/123456789',
    ' 0/0',
    '0/0\n',
    '-1/0',
  ]) {
    let caught: unknown = null
    try {
      parseLsn(text)
    } catch (error) {
      caught = error
    }
    expect([text, isDbsyncError(caught, 'INTERNAL.INVARIANT')]).toEqual([text, true])
  }
})
