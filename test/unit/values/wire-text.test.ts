import { constants } from 'node:buffer'
import { expect, test } from 'vitest'
import { wireText } from '../../../src/values/wire-text.ts'

test('the bytes of a value are its text; more than a string can hold is a coded error', () => {
  const bytes = Buffer.from('<é😀\u2028>')
  expect(wireText(bytes, 1, bytes.length - 1)).toBe('é😀\u2028')
  // Never touched, so the memory is only promised.
  const long = Buffer.alloc(constants.MAX_STRING_LENGTH + 1)
  expect(() => wireText(long, 0, long.length)).toThrow(
    expect.objectContaining({ code: 'CHANGES.UNDECODABLE_VALUE' }),
  )
})
