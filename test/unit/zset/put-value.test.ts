import { expect, test } from 'vitest'
import { isDbsyncError } from '../../../src/core/errors.ts'
import { publicValue } from '../../../src/values/public-value.ts'
import { Interner } from '../../../src/zset/interner.ts'
import { SourceTable } from '../../../src/zset/source-table.ts'
import { Item, schema, VALUES } from '../../conformance/item.ts'

/** What every type has at its borders. */
const BORDERS: Readonly<Record<string, readonly string[]>> = {
  big: ['9223372036854775807', '-9223372036854775808', '-1', '4294967296', '-4294967297'],
  small: ['-32768', '32767'],
  int: ['-2147483648', '2147483647'],
  amount: ['99999999.99', '-99999999.99', 'NaN'],
  free: ['Infinity', '-Infinity', '0.0'],
  dbl: ['-0', 'NaN', '-Infinity', '5e-324'],
  real: ['3.4028235e38', '1e-45'],
  day: ['infinity', '-infinity', '4714-11-24 BC', '5874897-12-31'],
  at: [
    'infinity',
    '-infinity',
    '4714-11-24 00:00:00 BC',
    '294276-12-31 23:59:59.999',
    '1969-12-31 23:59:59.999',
  ],
  zoned: ['1969-12-31 23:59:59.999999+00', 'infinity'],
  clock: ['24:00:00', '00:00:00.000001'],
}

const table = new SourceTable({
  schema,
  model: Item.model,
  fields: new Set(Object.keys(VALUES)),
  indexes: [],
  slotWords: 0,
  interner: new Interner(),
})

/** What a reader sees, or that there is nothing to see: infinities and lists with NULL have no public value. */
function shown(read: () => unknown): unknown {
  try {
    return read()
  } catch (error) {
    return isDbsyncError(error) ? error.code : error
  }
}

test.each(Object.keys(VALUES))('a value of %s that is read and put again is the same words', (field) => {
  const column = table.column(field)
  for (const text of [...(VALUES[field] ?? []), ...(BORDERS[field] ?? [])]) {
    const [read, put] = [table.allocate(), table.allocate()]
    for (const other of table.columns) {
      for (const slot of [read, put]) {
        if (other.contract.nullable || other.contract.list) other.setNull(slot)
        else other.put(slot, 7)
      }
    }
    const bytes = Buffer.from(text)
    column.read(read, bytes, 0, bytes.length)
    const value = column.valueOf(read)
    column.put(put, value)
    expect([text, table.sameRow(read, put)]).toEqual([text, true])
    expect([text, shown(() => publicValue(column.codec, value))]).toEqual([
      text,
      shown(() => column.value(read)),
    ])
    column.put(put, null)
    expect([column.isNull(put), column.valueOf(put)]).toEqual([true, null])
  }
})

test('null does not fit a column that is never null', () => {
  const slot = table.allocate()
  expect(() => table.column('id').put(slot, null)).toThrow(
    expect.objectContaining({ code: 'CHANGES.UNDECODABLE_VALUE' }),
  )
})
