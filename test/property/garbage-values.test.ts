import fc from 'fast-check'
import { expect, test, vi } from 'vitest'
import type { ColumnContract, Schema } from '../../src/contract/schema-contract.ts'
import { ChunkWriter } from '../../src/changes/chunk-writer.ts'
import { isDbsyncError } from '../../src/core/errors.ts'
import { formatLsn, parseLsn } from '../../src/core/lsn.ts'
import { walkCopyRows } from '../../src/snapshot/copy-rows.ts'
import { parseSnapshot } from '../../src/snapshot/visibility.ts'
import { codecFor } from '../../src/values/codec-for.ts'
import { walkChanges } from '../../src/wal/transaction.ts'
import type { Column } from '../../src/zset/column.ts'
import { Interner } from '../../src/zset/interner.ts'
import { SourceTable } from '../../src/zset/source-table.ts'
import { textOfPublic, textOfServer } from '../../src/testing/canonical-text.ts'
import { copyFrame, message, transactionFrames, type WireTable } from '../support/pgoutput.ts'
import { valuesOf } from '../values/arbitraries.ts'
import { everyType } from '../values/fixture.ts'

// Thousands of values a type: minutes on a machine that has other work.
vi.setConfig({ testTimeout: 300_000 })

/*
 * Whatever text comes for a value, the outcome is the value that the text means or a code: never another error, never an
 * invalid Date, never bytes of a neighbour, never a wait.
 */

/** Seconds of each property under SOAK; runs of each otherwise. */
const SOAK_MS = process.env['SOAK'] === '1' ? 12_000 : null
const effort = (numRuns: number): { numRuns: number; interruptAfterTimeLimit?: number } =>
  SOAK_MS === null ? { numRuns } : { numRuns: 10_000_000, interruptAfterTimeLimit: SOAK_MS }

/** Far beyond what any of it takes, and far below what work that grows faster than its input would. */
const MAX_MS = 10_000

/** The outcome of work that must end soon, and with a code if not with a result. */
function outcome(work: () => unknown): string {
  const startMs = performance.now()
  let found = 'read'
  try {
    work()
  } catch (error) {
    found = isDbsyncError(error) ? error.code : `escaped: ${String(error)}`
  }
  const tookMs = performance.now() - startMs
  return tookMs < MAX_MS ? found : `${found} after ${tookMs} ms`
}

const { schema } = await everyType()
const columns = schema.contract.models.flatMap((model) =>
  model.columns.map((column) => ({ model: model.model, column })),
)

function columnOf(contract: ColumnContract): Column {
  const model = { model: 'T', schema: 'public', table: 't', key: [], keyIsPrimary: true, relations: [] }
  const own: Schema = {
    ...schema,
    contract: { ...schema.contract, models: [{ ...model, columns: [contract] }] },
  }
  const table = new SourceTable({
    schema: own,
    model: 'T',
    fields: new Set([contract.field]),
    indexes: [],
    slotWords: 0,
    interner: new Interner(),
  })
  table.allocate()
  return table.column(contract.field)
}

/** Bytes, pieces and edits of good texts. */
const PIECES = ['', '-', '+', '.', ',', ':', ' ', 'e', 'E', '{', '}', '"', '\\', '\\x', '[', ']', '=', 'NULL', 'NaN', 'nan', 'infinity', 'Infinity', '-Infinity', 'inf', ' BC', 'BC', '+05', '+05:30', 'Z', 'T', 't', 'f', 'true', '0x10', '1e5', '1e400', '9'.repeat(400), '0'.repeat(400), '2024-01-01', '00:00:00', '24:00:00', '-0', 'null', '\u2028', '\ud800', '\0'] // prettier-ignore
const pieces = fc.array(fc.oneof(fc.constantFrom(...PIECES), fc.string({ maxLength: 3 })), { maxLength: 5 })
function garbageOf(column: ColumnContract): fc.Arbitrary<Buffer> {
  const { extremes, random, unshowable } = valuesOf(column, schema.contract)
  const short = [...extremes, ...unshowable].flatMap((text) =>
    text === null || text.length > 300 ? [] : [text],
  )
  const good = fc.oneof(random, fc.constantFrom(...short)).map((text) => Buffer.from(text))
  const edits = fc.array(fc.tuple(fc.nat(), fc.oneof(fc.nat(255), fc.integer({ min: 0x2b, max: 0x39 }))), { maxLength: 3 }) // prettier-ignore
  const edited = fc.tuple(good, edits, fc.nat(), fc.boolean()).map(([bytes, changes, cut, isCut]) => {
    const copy = Buffer.from(bytes)
    for (const [at, byte] of changes) if (copy.length > 0) copy[at % copy.length] = byte
    return isCut ? copy.subarray(0, cut % (copy.length + 1)) : copy
  })
  const inserted = fc.tuple(good, fc.nat(), fc.constantFrom(...PIECES)).map(([bytes, at, piece]) => {
    const place = at % (bytes.length + 1)
    return Buffer.concat([bytes.subarray(0, place), Buffer.from(piece), bytes.subarray(place)])
  })
  return fc.oneof(
    good,
    edited,
    inserted,
    pieces.map((parts) => Buffer.from(parts.join(''))),
    fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes)),
  )
}

const CODES = /^(read|CHANGES\.(UNDECODABLE_VALUE|UNKNOWN_ENUM_LABEL))$/

test('any bytes for a value of any type are read as what they mean or end with a code', () => {
  for (const { model, column: contract } of columns) {
    const column = columnOf(contract)
    const codec = codecFor(schema, model, contract)
    const type = { ...contract, scalar: contract.type }
    const seen = new Set<string>()
    fc.assert(
      fc.property(garbageOf(contract), fc.uint8Array({ maxLength: 4 }), (bytes, behind) => {
        // Between other bytes, as in a tuple.
        const framed = Buffer.concat([Buffer.from('-9'), bytes, behind, Buffer.from('0:00"}')])
        const show = (): string => {
          column.read(0, framed, 2, 2 + bytes.length)
          return textOfPublic(type, column.value(0))
        }
        let shown = ''
        const kept = outcome(() => (shown = show()))
        seen.add(kept)
        expect(kept).toMatch(CODES)
        const text = bytes.toString('utf8')
        // An event or a list reads the text, and agrees.
        expect(outcome(() => codec.publicFromText(text))).toBe(kept)
        if (kept !== 'read') return
        expect(shown).toBe(textOfPublic(type, codec.publicFromText(text)))
        // What is taken is taken for what it is; other offsets than that of UTC no server prints to us.
        const isPrinted = contract.type !== 'DateTime' || !/[TZ]|:.*[+-](?!00$)/.test(text)
        const meant = isPrinted && !contract.list ? textOfServer(schema, type, text) : shown
        expect(shown).toBe(meant)
      }),
      SOAK_MS === null ? { numRuns: 120 } : { numRuns: 1_000_000, interruptAfterTimeLimit: SOAK_MS / 10 },
    )
    expect([contract.field, seen.has('read')]).toEqual([contract.field, true])
  }
})

const LONG = 30_000

test('a number or a list of any length is read or refused at once', () => {
  const long = (parts: string): readonly string[] => [parts.repeat(LONG), `{${parts.repeat(LONG)}}`]
  const texts = [
    '9',
    '.',
    '0.',
    'e9',
    '-',
    '{',
    '[',
    '\\',
    '"',
    ',',
    'a,',
    '1:',
    '[0:1]',
    '\\x',
    'NULL,',
  ].flatMap(long)
  const types = new Map(
    columns.map(({ column }) => [`${column.type} ${column.pgType} ${column.list}`, column]),
  )
  for (const contract of types.values()) {
    const column = columnOf(contract)
    for (const text of texts) {
      const bytes = Buffer.from(text)
      const found = outcome(() => {
        column.read(0, bytes, 0, bytes.length)
        column.value(0)
      })
      expect([contract.field, text.slice(0, 10), found]).toEqual([contract.field, text.slice(0, 10), expect.stringMatching(CODES)]) // prettier-ignore
    }
  }
})

const everything = schema.contract.models.find(({ model }) => model === 'Everything')

test('a chunk with any bits turned over ends in rows or in a code, and its table is whole', () => {
  if (everything === undefined) throw new Error('no model')
  const fields = [
    'id',
    'stringDefault',
    'bytesDefault',
    'decimalPS',
    'timestamptz',
    'jsonDefault',
    'plain',
    'boolean',
  ]
  const table = new SourceTable({
    schema,
    model: 'Everything',
    fields: new Set(fields),
    indexes: [],
    slotWords: 0,
    interner: new Interner(),
  })
  const good: Readonly<Record<string, string>> = {
    stringDefault: 'a\tb\\N\n',
    bytesDefault: '\\x00ff',
    decimalPS: '-12.3400',
    timestamptz: '2024-01-02 03:04:05.678+00',
    jsonDefault: '{"a": [1, "\\n"]}',
    plain: 'A',
    boolean: 't',
  }
  const writer = new ChunkWriter(table)
  const frames = [1, 2, 3].map((id) =>
    copyFrame(table.columns.map(({ contract }) => good[contract.field] ?? String(id))),
  )
  const whole = Buffer.concat(frames)
  const outcomes = new Set<string>()
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(whole.length * 8 - 1), fc.boolean()), { minLength: 1, maxLength: 4 }),
      fc.nat(whole.length),
      fc.boolean(),
      (flips, cut, isCut) => {
        const bytes = Buffer.from(whole)
        for (const [bit, isAll] of flips) bytes[bit >> 3]! ^= isAll ? 0xff : 1 << (bit & 7)
        const to = isCut ? cut : bytes.length
        const found = outcome(() => {
          writer.begin()
          walkCopyRows([{ buffer: bytes, from: 0, to }], (buffer, start, end) => {
            if (start > end || end > to) throw new Error('a row beyond its span')
            writer.write(buffer, start, end)
          })
        })
        outcomes.add(found)
        expect(found).toMatch(/^(read|WAL\.MALFORMED|CHANGES\.(UNDECODABLE_VALUE|UNKNOWN_ENUM_LABEL))$/)
        expect([...table.slots()].length).toBe(table.size)
        table.clear()
        expect(table.size).toBe(0)
      },
    ),
    effort(4_000),
  )
  expect([...outcomes].toSorted()).toEqual([
    'CHANGES.UNDECODABLE_VALUE',
    'CHANGES.UNKNOWN_ENUM_LABEL',
    'WAL.MALFORMED',
    'read',
  ])
})

const TABLE: WireTable = {
  oid: 7,
  schema: 'public',
  name: 'item',
  identity: 'd',
  columns: [{ name: 'id', typeOid: 23, isKey: true }],
}

test('spans whose lengths lie are walked within their bounds or refused', () => {
  const whole = Buffer.concat(
    transactionFrames(3, 10n, [
      message.relation(TABLE),
      message.insert(TABLE, ['1']),
      message.delete(TABLE, { kind: 'K', row: ['1'] }),
    ]),
  )
  const outcomes = new Set<string>()
  fc.assert(
    fc.property(
      fc.oneof(
        fc.tuple(fc.nat(whole.length - 1), fc.nat(255), fc.nat(whole.length)).map(([at, byte, cut]) => {
          const bytes = Buffer.from(whole.subarray(0, Math.max(cut, at + 1)))
          bytes[at] = byte
          return bytes
        }),
        fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.concat([Buffer.from('d'), bytes])),
      ),
      (bytes) => {
        const spans = [{ buffer: bytes, from: 0, to: bytes.length }]
        const visit = (
          _tag: number,
          _relation: unknown,
          _buffer: Buffer,
          start: number,
          end: number,
        ): void => {
          if (start > end || end > bytes.length) throw new Error('a change beyond its span')
        }
        const found = outcome(() => walkChanges(spans, new Map(), visit))
        outcomes.add(found)
        expect(found).toMatch(/^(read|WAL\.MALFORMED)$/)
        expect(outcome(() => walkCopyRows(spans, () => {}))).toMatch(/^(read|WAL\.MALFORMED)$/)
      },
    ),
    effort(4_000),
  )
  expect([...outcomes].toSorted()).toEqual(['WAL.MALFORMED', 'read'])
})

function trimmedLsn(text: string): string {
  return text
    .split('/')
    .map((half) => half.toUpperCase().replace(/^0+(?=.)/, ''))
    .join('/')
}

test('texts of positions and snapshots are read as they mean or refused', () => {
  const part = fc.oneof(
    fc.constantFrom(
      '/',
      ':',
      ',',
      '0',
      'FFFFFFFF',
      'fffffffff',
      '-1',
      ' ',
      '1:1:',
      '16/B374D848',
      '\n',
      '9'.repeat(30),
    ),
    fc.string({ maxLength: 4 }),
    fc.nat().map(String),
  )
  fc.assert(
    fc.property(
      fc.array(part, { maxLength: 7 }).map((parts) => parts.join('')),
      (text) => {
        const position = outcome(() => expect(formatLsn(parseLsn(text))).toBe(trimmedLsn(text)))
        expect(position).toMatch(/^(read|INTERNAL\.INVARIANT)$/)
        const snapshot = outcome(() => {
          const { xmin, xmax, inProgress } = parseSnapshot(text)
          const [first = '', second = '', list = ''] = text.split(':')
          const ids = list === '' ? [] : list.split(',').map(BigInt)
          expect([xmin, xmax, inProgress]).toEqual([BigInt(first), BigInt(second), new Set(ids)])
        })
        expect(snapshot).toMatch(/^(read|INTERNAL\.INVARIANT)$/)
      },
    ),
    effort(4_000),
  )
  for (const text of ['1:2:,', '1:2:3,', '1:2:,3', '1:2:3,,4', '1:2', ':2:', '1:2:3:4'])
    expect([text, outcome(() => parseSnapshot(text))]).toEqual([text, 'INTERNAL.INVARIANT'])
})
