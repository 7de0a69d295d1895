import type { Arbitrary } from 'fast-check'
import type { ColumnTexts } from './column-texts.ts'
import { fc } from './fast-check.ts'

/** What some layer treats specially, of all planes of Unicode; never a NUL or a lone surrogate, which Postgres cannot hold. */
const PIECES = ['a', 'Z', '0', '\\', '\\N', '\\.', '\t', '\n', '\r\n', '\b', '\f', '\v', '"', "'", ',', '{', '}', '(', ' ', '\u2028', '\u2029', '\uFEFF', '\u0001', '\u007F', 'NULL', 'null', '$1', '%', '_', '😀', '\u{10FFFF}', 'é', 'e\u0301', 'ß', '\uD7FF', '\uE000'] // prettier-ignore

/** The first so many characters, as Postgres counts them. */
const cut = (text: string, length: number): string => Array.from(text).slice(0, length).join('')

/** Texts of at most so many characters. */
export function anyText(length: number): Arbitrary<string> {
  const codePoint = fc
    .integer({ min: 1, max: 0x10_ffff })
    .filter((code) => code < 0xd800 || code > 0xdfff)
    .map((code) => String.fromCodePoint(code))
  const character = fc.oneof(
    { weight: 3, arbitrary: fc.constantFrom(...PIECES) },
    { weight: 1, arbitrary: codePoint },
  )
  return fc.array(character, { maxLength: Math.min(length, 12) }).map((parts) => cut(parts.join(''), length))
}

/** text, varchar, char and citext of at most so many characters. */
export function stringTexts(length: number): ColumnTexts {
  const edges = ['', ' ', '  x  ', ...PIECES, 'x\\', '\\x41', '\\012', '[0:1]={1,2}', '-0']
  return {
    pool: ['a', 'b', 'c', 'A', ''],
    edges: [
      ...edges.map((edge) => cut(edge, length)),
      // As long as it may be, in characters of four bytes.
      ...(length <= 300 ? ['😀'.repeat(length)] : []),
    ],
    random: anyText(length),
  }
}

/** uuid. */
export function uuidTexts(): ColumnTexts {
  const few = ['00000000-0000-0000-0000-000000000001', '00000000-0000-0000-0000-000000000002', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'] // prettier-ignore
  return {
    pool: few,
    edges: ['00000000-0000-0000-0000-000000000000', 'ffffffff-ffff-ffff-ffff-ffffffffffff'],
    random: fc.uuid(),
  }
}

/** xml that is content. */
export function xmlTexts(): ColumnTexts {
  const part = fc.constantFrom('x', 'é', '😀', '\\', '\t', '\n', '&amp;', '&lt;', ' ', '\u2028', '"', "'")
  return {
    pool: ['<a/>', 'a', ''],
    edges: ['', 'text &amp; <b>é</b>', '<a>\n\t\u2028😀\\</a>', '<a b="&lt;\'"/>', '<![CDATA[<x>]]>'],
    random: fc.array(part, { maxLength: 8 }).map((parts) => `<a>${parts.join('')}</a>`),
  }
}

/** inet, as Postgres prints it. */
export function inetTexts(): ColumnTexts {
  const v4 = fc
    .tuple(fc.ipV4(), fc.integer({ min: 0, max: 32 }))
    .map(([address, length]) => (length === 32 ? address : `${address}/${length}`))
  // A group that is 0 would be left out, one with leading zeros shortened.
  const group = fc.integer({ min: 1, max: 0xffff }).map((value) => value.toString(16))
  const v6 = fc
    .tuple(fc.array(group, { minLength: 8, maxLength: 8 }), fc.nat(128))
    .map(([groups, length]) => `${groups.join(':')}${length === 128 ? '' : `/${length}`}`)
  return {
    pool: ['10.0.0.1', '10.0.0.2', '10.0.0.0/8'],
    edges: ['0.0.0.0', '255.255.255.255', '10.0.0.1/8', '::', '::1', '::ffff:1.2.3.4', '2001:db8::/32', 'fe80::1:2:3:4/64'], // prettier-ignore
    random: fc.oneof(v4, v6),
  }
}

/** bit(n), exactly so long, and varbit(n). */
export function bitTexts(length: number, isExact: boolean): ColumnTexts {
  const width = Number.isFinite(length) ? length : 70
  const digit = fc.constantFrom('0', '1')
  const zeros = '0'.repeat(width)
  return {
    pool: isExact
      ? [zeros, `${zeros.slice(1)}1`]
      : ['', '0', '1', '10'].filter((bits) => bits.length <= width),
    edges: [zeros, '1'.repeat(width), ...(isExact ? [] : ['', '1'])],
    random: fc
      .array(digit, { minLength: isExact ? width : 0, maxLength: width })
      .map((digits) => digits.join('')),
  }
}

/** bytea. */
export function byteTexts(): ColumnTexts {
  const hex = (bytes: Uint8Array): string => `\\x${Buffer.from(bytes).toString('hex')}`
  return {
    pool: ['\\x', '\\x00', '\\x61'],
    // All bytes; what is special to the text of bytes, and to COPY.
    edges: ['\\x', '\\x00', '\\xff', hex(Uint8Array.from({ length: 256 }, (_, byte) => byte)), '\\x5c785c', '\\x0a0d09'], // prettier-ignore
    random: fc.uint8Array({ maxLength: 24 }).map(hex),
  }
}
