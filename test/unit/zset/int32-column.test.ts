import { expect, test } from 'vitest'
import { isDbsyncError } from '../../../src/core/errors.ts'
import { modelOf } from '../../../src/contract/lookup.ts'
import { Interner } from '../../../src/zset/interner.ts'
import { SourceTable } from '../../../src/zset/source-table.ts'
import { schema } from '../../conformance/fixture.ts'

const table = new SourceTable({
  schema,
  model: 'Sale',
  fields: new Set(modelOf(schema, 'Sale').columns.map(({ field }) => field)),
  indexes: [],
  slotWords: 0,
  interner: new Interner(),
})

/** The word that a column keeps a public value as, or the code with which it refuses it. */
function wordOf(field: string, value: unknown): unknown {
  const out = new Int32Array(1)
  try {
    return table.column(field).writeWords(value, out, 0) ? out[0] : false
  } catch (error) {
    return isDbsyncError(error) ? error.code : error
  }
}

test.each([
  ['qty', 42, 42],
  ['qty', -0, 0],
  ['qty', -2_147_483_648, -2_147_483_648],
  ['qty', 2_147_483_648, false],
  ['qty', 1.5, 'CONFIG.INVALID_OPTIONS'],
  ['qty', Number.NaN, 'CONFIG.INVALID_OPTIONS'],
  ['qty', '42', 'CONFIG.INVALID_OPTIONS'],
  ['line', 32_767, 32_767],
  ['flag', true, 1],
  ['flag', 1, 'CONFIG.INVALID_OPTIONS'],
  ['day', new Date('1970-01-02'), 1],
  ['day', 1, 'CONFIG.INVALID_OPTIONS'],
  ['mood', 'BAD', 1],
  ['mood', 1, 'CONFIG.INVALID_OPTIONS'],
])('%s keeps the value %s as %s', (field, value, expected) => {
  expect(wordOf(field, value)).toBe(expected)
})
