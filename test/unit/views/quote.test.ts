import fc from 'fast-check'
import { expect, test } from 'vitest'
import { quoteIdentifier, quoteLiteral } from '../../../src/core/quote.ts'
import { testDatabase } from '../../support/database.ts'

const text = fc.string({ unit: 'grapheme' }).filter((value) => !value.includes('\0'))
const hostile = ["'", "''", '\\', "\\'", '"', 'a"b', '$$', ';--', 'é✓', '\n', "E'\\x'", '%s', 'select']

test('Postgres reads a quoted literal back as the same text, whatever standard_conforming_strings is', async () => {
  await using db = await testDatabase({ schema: 'empty' })
  const examples = [...hostile, ...fc.sample(text, 60)]
  for (const setting of ['on', 'off']) {
    await db.query(`SET standard_conforming_strings = ${setting}`)
    const list = examples.map((example) => `${quoteLiteral(example)}::text`).join(', ')
    const [row] = await db.query<{ list: string[] }>(`SELECT ARRAY[${list}] AS list`)
    expect(row?.list).toEqual(examples)
  }
})

test('Postgres takes a quoted identifier for the same name', async () => {
  await using db = await testDatabase({ schema: 'empty' })
  const names = [...new Set([...hostile, ...fc.sample(text, 60)])].filter(
    (name) => name !== '' && Buffer.byteLength(name) < 64,
  )
  const [row] = await db.query(`SELECT ${names.map((name) => `1 AS ${quoteIdentifier(name)}`).join(', ')}`)
  expect(Object.keys(row ?? {}).toSorted()).toEqual(names.toSorted())
})

test('a name or a literal that Postgres cannot hold is a bug of the caller', () => {
  expect(() => quoteIdentifier('')).toThrow(/bug in DBSync/)
  expect(() => quoteIdentifier('a\0b')).toThrow(/bug in DBSync/)
  expect(() => quoteLiteral('a\0b')).toThrow(/bug in DBSync/)
})
