import fc from 'fast-check'
import { expect, test } from 'vitest'
import { isSortable } from '../../../src/views/check/sortable.ts'
import { testDatabase } from '../../support/database.ts'

/** Types that `gt` does not take and orders do, with the text whose bytes have the order of their kept form. */
const BY_KEPT_FORM = [
  ['uuid', fc.uuid(), `value::text COLLATE "C"`],
  ['boolean', fc.boolean().map(String), 'value::int'],
  [
    'bytea',
    fc.uint8Array({ maxLength: 3 }).map((bytes) => `\\x${Buffer.from(bytes).toString('hex')}`),
    `encode(value, 'hex') COLLATE "C"`,
  ],
] as const

test('the kept form of uuid, boolean and bytea has the order of Postgres', async () => {
  await using db = await testDatabase({ schema: 'empty' })
  for (const [type, values, kept] of BY_KEPT_FORM) {
    expect(isSortable({ pgType: type, list: false })).toBe(true)
    await fc.assert(
      fc.asyncProperty(fc.array(values, { minLength: 2, maxLength: 40 }), async (texts) => {
        const [row] = await db.query<{ same: boolean }>(
          `SELECT array_agg(value ORDER BY value) = array_agg(value ORDER BY ${kept}) AS same
           FROM unnest($1::text[]) AS t(text), CAST(text AS ${type}) AS value`,
          [texts],
        )
        expect(row).toEqual({ same: true })
      }),
      { numRuns: 20 },
    )
  }
})

test.each([
  ['an enum', { pgType: '"Role"', list: false, enum: 'Role' }],
  ['char(n)', { pgType: 'character(5)', list: false }],
  ['a list', { pgType: 'text', list: true }],
  ['jsonb', { pgType: 'jsonb', list: false }],
  ['inet', { pgType: 'inet', list: false }],
])('%s has no order that a view keeps', (_, type) => {
  expect(isSortable(type)).toBe(false)
})
