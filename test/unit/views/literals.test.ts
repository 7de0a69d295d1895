import { Decimal } from '@prisma/client/runtime/client'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { quoteLiteral } from '../../../src/core/quote.ts'
import { encodeLiteral } from '../../../src/views/check/encode-literal.ts'
import type { TypeIr } from '../../../src/views/view-ir.ts'
import { testDatabase } from '../../support/database.ts'
import { contract, type SampleRow } from '../../types/fixture.ts'

function typeOf(field: keyof SampleRow): TypeIr {
  const column = contract.models[3]?.columns.find((item) => item.field === field)
  if (column === undefined) throw new Error(`no field ${field}`)
  const { type: scalar, pgType, list, nullable } = column
  return { scalar, pgType, list, nullable, ...(column.enum === undefined ? {} : { enum: column.enum }) }
}

function encode(field: keyof SampleRow, value: unknown): string {
  const encoded = encodeLiteral(value, typeOf(field), contract.enums)
  if (!encoded.ok) throw new Error(`needed ${encoded.needed}`)
  return encoded.text
}

const instant = fc.date({
  min: new Date('0001-01-01T00:00:00Z'),
  max: new Date('9999-12-31T23:59:59.999Z'),
  noInvalidDate: true,
})
const cents = fc.bigInt(-999_999n, 999_999n).map((value) => new Decimal(`${value}e-2`))
const wide = fc.bigInt(-(10n ** 65n) + 1n, 10n ** 65n - 1n).map((value) => new Decimal(`${value}e-30`))
const word = fc.string({ unit: 'grapheme', maxLength: 20 }).filter((value) => !value.includes('\0'))
const short = fc.string({ unit: 'grapheme-ascii', maxLength: 5 })
const bits = fc.string({ unit: fc.constantFrom('0', '1'), minLength: 3, maxLength: 3 })

const ARBITRARIES: readonly (readonly [keyof SampleRow, fc.Arbitrary<unknown>])[] = [
  ['small', fc.integer({ min: -32_768, max: 32_767 })],
  ['int', fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })],
  ['oid', fc.integer({ min: 0, max: 2 ** 32 - 1 })],
  ['big', fc.oneof(fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n), fc.maxSafeInteger())],
  [
    'decimal',
    fc.oneof(
      cents,
      fc.integer({ min: -9999, max: 9999 }).map((value) => value / 100),
    ),
  ],
  ['wide', wide],
  ['text', word],
  ['varchar', short],
  ['char', short],
  ['uuid', fc.uuid().map((value) => value.toUpperCase())],
  ['bit', bits],
  ['varbit', bits],
  ['bytes', fc.uint8Array({ maxLength: 8 })],
  ['date', instant.map((value) => new Date(Math.floor(value.getTime() / 86_400_000) * 86_400_000))],
  ['timestamp', instant],
  ['seconds', instant.map((value) => new Date(Math.floor(value.getTime() / 1000) * 1000))],
  ['timestamptz', instant],
  ['time', fc.integer({ min: 0, max: 86_399_999 }).map((value) => new Date(value))],
  ['mood', fc.constantFrom('GOOD', 'BAD')],
  ['boolean', fc.boolean()],
]

test('the text of a literal is what Postgres prints for it, in every type', async () => {
  await using db = await testDatabase({ schema: 'empty' })
  await db.query(
    `CREATE TYPE "mood type" AS ENUM ('good', 'bad'); SET TimeZone = 'UTC'; SET DateStyle = 'ISO, YMD'`,
  )
  for (const [field, arbitrary] of ARBITRARIES) {
    const { pgType } = typeOf(field)
    const texts = fc.sample(arbitrary, 40).map((value) => encode(field, value))
    // A cast truncates, rounds and pads; an assignment to a column does not, so it is the stricter judge.
    await db.query(`CREATE TEMP TABLE held (n int, value ${pgType})`)
    const tuples = texts.map((text, index) => `(${index}, ${quoteLiteral(text)})`).join(', ')
    await db.query(`INSERT INTO held VALUES ${tuples}`)
    const rows = await db.query<{ text: string }>(`SELECT format('%s', value) AS text FROM held ORDER BY n`)
    expect({ pgType, texts: rows.map((row) => row.text) }).toEqual({ pgType, texts })
    await db.query('DROP TABLE held')
  }
})

test('a floating point literal is the same number in Postgres, and in real the shortest text for it', async () => {
  await using db = await testDatabase({ schema: 'empty' })
  const finite = { noNaN: true, noDefaultInfinity: true }
  const doubles = [0, -0, 0.1, 1e300, 5e-324, -1.5, ...fc.sample(fc.double(finite), 60)]
  const reals = [
    -120_389_536,
    3_842_880.25,
    -3_842_880.75,
    0.1,
    16_777_216,
    1e-30,
    0.123456789,
    ...fc.sample(fc.float(finite), 3000),
    ...fc.sample(
      fc.float({ ...finite, min: -2e7, max: 2e7 }).map((value) => Math.round(value * 8) / 8),
      3000,
    ),
  ]
  for (const [field, numbers] of [
    ['double', doubles],
    ['real', reals],
  ] as const) {
    const list = numbers.map((number) => `${quoteLiteral(encode(field, number))}::${typeOf(field).pgType}`)
    const [row] = await db.query<{ list: number[] }>(`SELECT ARRAY[${list.join(', ')}] AS list`)
    // node-pg parses a real's own shortest text, which is what the encoding must have produced.
    expect(row?.list.map((value) => value + 0)).toEqual(
      numbers.map((number) => Number(encode(field, number))),
    )
  }
  expect(encode('real', 0.1)).toBe('0.1')
  expect(encode('real', Math.fround(0.1))).toBe('0.1')
  expect(encode('real', 0.123456789)).toBe('0.12345679')
  // 120389540 lies half-way between two reals, so Postgres does not print it.
  expect(encode('real', -120_389_536)).toBe('-120389536')
  expect(encode('real', 3_842_880.25)).toBe('3842880.2')
  expect(encode('real', -3_842_880.75)).toBe('-3842880.8')
  expect(encode('double', -0)).toBe('0')
})

test.each<[keyof SampleRow, unknown, string]>([
  ['decimal', new Decimal('1.5'), '1.50'],
  ['decimal', new Decimal('-0'), '0.00'],
  ['decimal', 0.07, '0.07'],
  ['decimal', 1e3, '1000.00'],
  ['decimal', -12n, '-12.00'],
  ['wide', 1e-7, '0.000000100000000000000000000000'],
  ['wide', 1.5e20, '150000000000000000000.000000000000000000000000000000'],
  ['small', -0, '0'],
  ['big', 5, '5'],
  ['char', 'ab', 'ab   '],
  ['char', '✓é', '✓é   '],
  ['uuid', '0C5A1F3E-0000-4000-8000-0000000000AB', '0c5a1f3e-0000-4000-8000-0000000000ab'],
  ['bytes', new Uint8Array([0, 255]).subarray(1), '\\xff'],
  ['timestamp', new Date('2024-01-02T03:04:05.670Z'), '2024-01-02 03:04:05.67'],
  ['timestamp', new Date('2024-01-02T03:04:00.000Z'), '2024-01-02 03:04:00'],
  ['timestamptz', new Date('0001-01-02T03:04:05Z'), '0001-01-02 03:04:05+00'],
  ['date', new Date('2024-02-29'), '2024-02-29'],
  ['time', new Date('1970-01-01T23:00:00Z'), '23:00:00'],
])('%s %s is written %s', (field, value, text) => {
  expect(encode(field, value)).toBe(text)
})

test.each<[keyof SampleRow, unknown]>([
  ['small', 32_768],
  ['int', 1.5],
  ['int', 2 ** 31],
  ['int', '5'],
  ['int', NaN],
  ['oid', -1],
  ['big', 2 ** 60],
  ['big', 2n ** 63n],
  ['big', 0.5],
  ['decimal', new Decimal('0.001')],
  ['decimal', new Decimal('10000')],
  ['decimal', new Decimal(NaN)],
  ['decimal', new Decimal(Infinity)],
  ['decimal', '5'],
  ['double', Infinity],
  ['real', 1e300],
  ['real', 1e-300],
  ['boolean', 1],
  ['varchar', 'sixsix'],
  ['char', 'sixsix'],
  ['text', 'a\0b'],
  ['text', '\ud800'],
  ['uuid', 'not-a-uuid'],
  ['bit', '10'],
  ['varbit', '1010'],
  ['varbit', '12'],
  ['bytes', 'ff'],
  ['date', new Date('2024-01-01T00:00:01Z')],
  ['timestamp', new Date(NaN)],
  ['timestamp', new Date('-000001-01-01T00:00:00Z')],
  ['timestamp', new Date('+010000-01-01T00:00:00Z')],
  ['timestamp', '2024-01-01'],
  ['seconds', new Date('2024-01-01T00:00:00.001Z')],
  ['time', new Date('1970-01-02T00:00:00Z')],
  ['mood', 'good'],
  ['mood', 'WILD'],
  ['json', 'x'],
])('%s refuses a literal that it could not hold', (field, value) => {
  expect(encodeLiteral(value, typeOf(field), contract.enums)).toMatchObject({ ok: false })
})
