import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  copyFieldEnd,
  copyFields,
  isCopyNull,
  unescapeCopy,
  walkCopyRows,
} from '../../../src/snapshot/copy-rows.ts'
import { copyFrame, copyText, protocolMessage } from '../../support/pgoutput.ts'

/** Text of every byte that COPY treats specially, and others. */
const special = fc.constantFrom(
  '\\',
  '\t',
  '\n',
  '\r',
  '\b',
  '\f',
  '\v',
  'N',
  'n',
  't',
  '.',
  'x',
  '0',
  'é',
  '🙂',
)
const field = fc.option(
  fc.oneof(
    fc.array(special, { maxLength: 12 }).map((parts) => parts.join('')),
    fc.string({ unit: 'grapheme' }).filter((text) => !text.includes('\0')),
  ),
)
const row = fc.array(field, { minLength: 1, maxLength: 6 })

test('rows read back as they were written, NULL apart from the texts that look like it', () => {
  fc.assert(
    fc.property(fc.array(row, { maxLength: 5 }), fc.nat(9), (rows, lead) => {
      // Other messages lie before and between.
      const notice = protocolMessage('N', Buffer.from('Mhello\0\0'))
      const parts = rows.flatMap((values) => [notice, copyFrame(values)])
      const buffer = Buffer.concat([Buffer.alloc(lead, 0x64), ...parts, notice])
      const read: (string | null)[][] = []
      walkCopyRows([{ buffer, from: lead, to: buffer.length }], (bytes, start, end) => {
        read.push(copyFields(bytes, start, end))
      })
      expect(read).toEqual(rows)
    }),
  )
})

test('a row that ends without a newline ends with its message', () => {
  const buffer = protocolMessage('d', Buffer.from('a\tb'))
  const read: (string | null)[][] = []
  walkCopyRows([{ buffer, from: 0, to: buffer.length }], (bytes, start, end) => {
    read.push(copyFields(bytes, start, end))
  })
  expect(read).toEqual([['a', 'b']])
})

test('undoing the backslashes of one field never writes past the length of the field', () => {
  fc.assert(
    fc.property(
      field.filter((text) => text !== null),
      (text) => {
        const written = Buffer.from(copyText(text))
        const buffer = Buffer.concat([Buffer.from('\t'), written, Buffer.from('\tz')])
        const stop = copyFieldEnd(buffer, 1, buffer.length)
        expect(stop).toBe(1 + written.length)
        expect(isCopyNull(buffer, 1, stop)).toBe(false)
        const scratch = Buffer.alloc(written.length + 4, 0xee)
        const length = unescapeCopy(buffer, 1, stop, scratch)
        expect(scratch.toString('utf8', 0, length)).toBe(text)
        expect([...scratch.subarray(written.length)]).toEqual([0xee, 0xee, 0xee, 0xee])
      },
    ),
  )
})

test('NULL is a backslash and an N, and nothing else', () => {
  const isNull = (text: string): boolean => isCopyNull(Buffer.from(text), 0, Buffer.byteLength(text))
  expect(isNull('\\N')).toBe(true)
  for (const text of ['', 'N', '\\', '\\\\N', '\\n', '\\NN', 'NN'])
    expect([text, isNull(text)]).toEqual([text, false])
})

test('a value that ends with a backslash does not take a byte of the next one', () => {
  const bytes = Buffer.from('a\\\tb')
  const scratch = Buffer.alloc(8)
  expect(() => unescapeCopy(bytes, 0, 2, scratch)).toThrow(expect.objectContaining({ code: 'WAL.MALFORMED' }))
  expect(() => copyFields(bytes, 0, bytes.length)).toThrow(expect.objectContaining({ code: 'WAL.MALFORMED' }))
})
