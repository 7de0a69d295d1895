import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  compareNumericText,
  divideNumeric,
  formatNumeric,
  formatScaled,
  parseNumeric,
} from '../../../src/values/numeric.ts'
import {
  bigintOfWords,
  readFloat,
  readInt64,
  readInteger,
  readScaled,
} from '../../../src/values/read-number.ts'
import { testDatabase } from '../../support/database.ts'

const framed = (text: string): readonly [Buffer, number, number] => {
  const bytes = Buffer.from(`8${text}8`)
  return [bytes, 1, bytes.length - 1]
}

test('64-bit integers survive the way through two words', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), (value) => {
      const out = new Int32Array(2)
      expect(readInt64(...framed(String(value)), out)).toBe(true)
      expect(bigintOfWords(out[0] ?? 0, out[1] ?? 0)).toBe(value)
    }),
  )
  for (const text of ['9223372036854775808', '-9223372036854775809', '99999999999999999999', '', '-', '1a']) {
    expect([text, readInt64(...framed(text), new Int32Array(2))]).toEqual([text, false])
  }
})

test('integers and scaled decimals read as written', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: -999_999_999_999_999, max: 999_999_999_999_999 }),
      fc.nat({ max: 15 }),
      (value, scale) => {
        expect(readInteger(...framed(String(value)))).toBe(value)
        const text = formatScaled(value, scale)
        expect(readScaled(...framed(text), scale)).toBe(value)
        expect(text).toBe(formatNumeric({ unscaled: BigInt(value), scale }))
      },
    ),
  )
})

test('floats read exactly what JavaScript reads', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.double(),
        fc.integer(),
        fc.double({ min: -1e6, max: 1e6 }).map((n) => Number(n.toFixed(4))),
      ),
      (value) => {
        const text = Object.is(value, -0) ? '-0' : String(value)
        expect(readFloat(...framed(text))).toBe(value)
      },
    ),
  )
  for (const text of ['', '-', '.', '1.2.3', '0x1', '1e', 'nan '])
    expect([text, readFloat(...framed(text))]).toEqual([text, undefined])
})

test('numeric division has the scale and the rounding of the server', async () => {
  await using db = await testDatabase({ schema: 'empty' })
  const digits = fc.bigInt({ min: -(10n ** 40n), max: 10n ** 40n })
  const small = fc.bigInt({ min: -1_000_000n, max: 1_000_000n })
  const cases = fc.sample(
    fc.record({
      unscaled: fc.oneof(small, digits, fc.bigInt({ min: -(10n ** 13n), max: 10n ** 13n })),
      scale: fc.oneof(fc.constant(0), fc.nat({ max: 12 })),
      divisor: fc.oneof(fc.bigInt({ min: 1n, max: 30n }), fc.bigInt({ min: 1n, max: 10n ** 7n })),
    }),
    1500,
  )
  const rows = await db.query<{ quotient: string }>(
    'SELECT (a::numeric / b::numeric)::text AS quotient FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS t(a, b, i) ORDER BY i',
    [cases.map(formatNumeric), cases.map(({ divisor }) => String(divisor))],
  )
  cases.forEach((item, index) => {
    const ours = formatNumeric(divideNumeric(item, item.divisor))
    const question = `${formatNumeric(item)} / ${item.divisor}`
    expect([question, ours]).toEqual([question, rows[index]?.quotient])
  })
})

test('numeric order is the order of the server', async () => {
  await using db = await testDatabase({ schema: 'empty' })
  const texts = [
    'NaN',
    'Infinity',
    '-Infinity',
    '0',
    '-0.00',
    '1.10',
    '1.1',
    '1e-20',
    '-5',
    '123456789012345678901234567890',
    '1.09',
  ]
  const pairs = texts.flatMap((a) => texts.map((b) => [a, b] as const))
  const rows = await db.query<{ order: number }>(
    'SELECT CASE WHEN a::numeric < b::numeric THEN -1 WHEN a::numeric > b::numeric THEN 1 ELSE 0 END AS "order" FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS t(a, b, i) ORDER BY i',
    [pairs.map(([a]) => a), pairs.map(([, b]) => b)],
  )
  pairs.forEach(([a, b], index) => {
    expect([a, b, Math.sign(compareNumericText(a, b))]).toEqual([a, b, rows[index]?.order])
  })
})

test('numeric text is read and written alike', () => {
  expect(parseNumeric('1.50')).toEqual({ unscaled: 150n, scale: 2 })
  expect(parseNumeric('-1.5e3')).toEqual({ unscaled: -1500n, scale: 0 })
  expect(parseNumeric('1e-3')).toEqual({ unscaled: 1n, scale: 3 })
  for (const text of ['', '-', '.', 'NaN', 'Infinity', '1 2', '0x1'])
    expect([text, parseNumeric(text)]).toEqual([text, undefined])
  for (const text of ['0.05', '-0.05', '-123.4', '7'])
    expect(formatNumeric(parseNumeric(text) ?? { unscaled: 0n, scale: 0 })).toBe(text)
})
