import fc from 'fast-check'
import { expect, test } from 'vitest'
import { formatArrayLiteral, parseArrayLiteral } from '../../../src/values/array-literal.ts'
import { testDatabase } from '../../support/database.ts'

test('array literals survive writing and reading', () => {
  fc.assert(
    fc.property(fc.array(fc.option(fc.string({ unit: 'grapheme', maxLength: 8 }))), (elements) => {
      expect(parseArrayLiteral(formatArrayLiteral(elements))).toEqual(elements)
    }),
  )
})

test('array literals of the server are read as it meant them', async () => {
  await using db = await testDatabase({ schema: 'empty' })
  const lists: (string | null)[][] = [
    [],
    [''],
    [null],
    ['NULL', 'null', null],
    ['a"b\\c', '{', '}', ',', ' x ', '\n'],
    ['é日'],
  ]
  for (const list of lists) {
    const [row] = await db.query<{ text: string }>('SELECT $1::text[]::text AS text', [list])
    expect(parseArrayLiteral(row?.text ?? '')).toEqual(list)
  }
  const [bounds] = await db.query<{ text: string }>(`SELECT '[2:3]={7,8}'::int[]::text AS text`)
  expect(parseArrayLiteral(bounds?.text ?? '')).toEqual(['7', '8'])
  const [nested] = await db.query<{ text: string }>(`SELECT '{{1},{2}}'::int[]::text AS text`)
  expect(parseArrayLiteral(nested?.text ?? '')).toBe('dimensions')
})
