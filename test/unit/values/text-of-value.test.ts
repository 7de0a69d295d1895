import { expect, test } from 'vitest'
import { textOfKind } from '../../../src/values/text-of-value.ts'
import { valueKind, valueOfText } from '../../../src/values/value-of-text.ts'
import { testDatabase } from '../../support/database.ts'

const TYPES = [
  ['boolean', 'i % 2 = 0'],
  ['integer', 'hashint4(i)'],
  ['bigint', 'hashint8extended(i, 7)'],
  ['numeric', 'hashint4(i) / 10.0 ^ (i % 9)'],
  [
    'date',
    `CASE i % 50 WHEN 0 THEN 'infinity' WHEN 1 THEN '-infinity' WHEN 2 THEN '4713-01-01 BC' ELSE '0001-01-01'::date + hashint4(i) % 1700000 END`,
  ],
  [
    'timestamp without time zone',
    `CASE i % 50 WHEN 0 THEN 'infinity' WHEN 1 THEN '-infinity' ELSE '0900-01-01'::timestamp + hashint4(i) * interval '37.000001 s' END`,
  ],
  [
    'timestamp with time zone',
    `CASE i % 50 WHEN 0 THEN '294276-12-31 23:59:59.999999Z' ELSE '2000-01-01Z'::timestamptz + hashint4(i) * interval '0.100001 s' END`,
  ],
  [
    'time without time zone',
    `CASE i % 50 WHEN 0 THEN '24:00' ELSE '00:00'::time + hashint4(i) * interval '0.001 ms' END`,
  ],
] as const

test('values have the text that the server prints, to the microsecond, before Christ and at the infinities', async () => {
  await using db = await testDatabase({ schema: 'empty' })
  const client = await db.connect()
  await client.query("SET datestyle = 'ISO, YMD'; SET timezone = 'UTC'")
  for (const [type, value] of TYPES) {
    const { rows } = await client.query<{ text: string }>({
      text: `SELECT (${value})::${type} AS text FROM generate_series(1, 500) i`,
      types: { getTypeParser: () => (text: string) => text },
    })
    const printed = rows.map(({ text }) => text)
    expect(printed).toHaveLength(500)
    expect(printed.map((text) => textOfKind(valueOfText(text, valueKind(type)), type))).toEqual(printed)
  }
})
