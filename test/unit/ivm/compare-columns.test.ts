import { expect, test } from 'vitest'
import { compareColumns } from '../../../src/ivm/compare-columns.ts'
import { Interner } from '../../../src/zset/interner.ts'
import { SourceTable } from '../../../src/zset/source-table.ts'
import { schema } from '../../conformance/fixture.ts'

/** Each list ascends as `ORDER BY column` of PostgreSQL does, text by COLLATE "C". */
const ASCENDING: Readonly<Record<string, readonly string[]>> = {
  qty: ['-2147483648', '-1', '0', '7', '2147483647'],
  big: ['-9223372036854775808', '-4294967296', '-1', '0', '4294967295', '4294967296', '9007199254740993'],
  amount: ['-12.34', '-0.05', '0.00', '0.01', '99999999.99', 'NaN'],
  wide: [
    '-999999999999999999',
    '-0.0000000001',
    '1',
    '7.5',
    '42',
    '123456789012345678901234567890.0123456789',
  ],
  free: ['-Infinity', '-2.5', '1e-20', '0.333', '10', '123456789012345678901234567890.5', 'Infinity', 'NaN'],
  dbl: ['-Infinity', '-2.25', '0', '0.1', '1e300', 'Infinity', 'NaN'],
  at: ['0001-01-01 00:00:00+00', '1969-12-31 23:59:59.999999+00', '2024-01-01 00:00:00+00', 'infinity'],
  day: ['0001-01-01', '1900-01-01', '2024-02-29', '9999-12-31'],
  clock: ['00:00:00', '23:59:59.999999', '24:00:00'],
  note: ['', ' a', 'Zz', 'a', 'aa', 'b', 'z', 'é', '日本'],
  flag: ['f', 't'],
  raw: ['\\x', '\\x00', '\\x00ff', '\\x01'],
}

const table = new SourceTable({
  schema,
  model: 'Sale',
  fields: new Set(Object.keys(ASCENDING)),
  indexes: [],
  slotWords: 0,
  interner: new Interner(),
})

function put(texts: Readonly<Record<string, string>>): number {
  const slot = table.allocate()
  for (const column of table.columns) {
    const text = texts[column.contract.field]
    if (text !== undefined) {
      const bytes = Buffer.from(text)
      column.read(slot, bytes, 0, bytes.length)
    } else if (column.contract.nullable) column.setNull(slot)
  }
  return slot
}

test('every type is ordered as Postgres orders it, up and down, NULLs at the end that is asked for', () => {
  for (const [field, texts] of Object.entries(ASCENDING)) {
    const column = table.column(field)
    const present = texts.map((text) => put({ [field]: text }))
    const missing = column.contract.nullable ? [put({})] : []
    for (const descending of [false, true]) {
      for (const nullsFirst of [false, true]) {
        const compare = compareColumns([{ column, descending, nullsFirst }])
        const ordered = descending ? present.toReversed() : present
        const expected = nullsFirst ? [...missing, ...ordered] : [...ordered, ...missing]
        const shuffled = [...missing, ...present.toReversed()]
        expect(shuffled.toSorted(compare), `${field} ${descending} ${nullsFirst}`).toEqual(expected)
        const again = put(missing.length > 0 ? {} : { [field]: texts[0] ?? '' })
        expect(compare(again, missing[0] ?? present[0] ?? -1)).toBe(0)
      }
    }
  }
})

test('a later column decides between rows that are equal in the earlier ones', () => {
  const rows = [
    { qty: '1', note: 'b' },
    { qty: '1', note: 'a' },
    { qty: '0', note: 'a' },
  ].map(put)
  const by = (field: string, descending: boolean) => ({
    column: table.column(field),
    descending,
    nullsFirst: false,
  })
  const compare = compareColumns([by('qty', true), by('note', false)])
  expect(rows.toSorted(compare)).toEqual([rows[1], rows[0], rows[2]])
})
