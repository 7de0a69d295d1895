import fc from 'fast-check'
import { expect, test } from 'vitest'
import { isDbsyncError } from '../../../src/core/errors.ts'
import { readRelation } from '../../../src/wal/wal-relation.ts'
import { walkChanges } from '../../../src/wal/transaction.ts'
import { assemble, message, transactionFrames, walFrame, type WireTable } from '../../support/pgoutput.ts'

/*
 * Whatever bytes come, the readers of the stream end with a code or with a result: never with a RangeError, never with
 * bytes of a neighbour taken for their own, never in a loop.
 */

const TABLE: WireTable = {
  oid: 7,
  schema: 'public',
  name: 'item',
  identity: 'd',
  columns: [
    { name: 'id', typeOid: 23, isKey: true },
    { name: 'body', typeOid: 25, isKey: false },
  ],
}

/** One of each message, well formed. */
const MESSAGES: Readonly<Record<string, Buffer>> = {
  begin: message.begin(3, 10n, 5n),
  relation: message.relation(TABLE),
  insert: message.insert(TABLE, ['1', 'x']),
  update: message.update(TABLE, ['1', null], { kind: 'K', row: ['2', null] }),
  delete: message.delete(TABLE, { kind: 'O', row: ['1', 'y'] }),
  truncate: message.truncate([TABLE, TABLE]),
  logical: message.logical('prefix', 'content'),
  commit: message.commit(10n, 18n, 5n),
}

function outcome(work: () => unknown): string {
  try {
    work()
    return 'read'
  } catch (error) {
    return isDbsyncError(error) && error.code.startsWith('WAL.') ? error.code : `escaped: ${String(error)}`
  }
}

function readAll(buffers: readonly Buffer[]): void {
  for (const { transaction } of assemble(buffers)) {
    walkChanges(transaction.spans, transaction.relations, (_tag, _relation, bytes, start, end) => {
      if (start > end || end > bytes.length) throw new Error('a change beyond its message')
    })
  }
}

/** The messages of a transaction in order; one of them replaced. */
function framesWith(name: string, replacement: Buffer): Buffer[] {
  return Object.entries(MESSAGES).map(([key, payload]) => walFrame(key === name ? replacement : payload))
}

/** Lengths that leave a message without a part of its fixed fields. */
const FIXED: Readonly<Record<string, number>> = {
  begin: 1 + 8 + 8 + 4,
  commit: 1 + 1 + 8 + 8 + 8,
  relation: MESSAGES['relation']?.length ?? 0,
  insert: 6,
  update: 6,
  delete: 6,
  truncate: MESSAGES['truncate']?.length ?? 0,
  logical: MESSAGES['logical']?.length ?? 0,
}

test('a message cut short is WAL.MALFORMED, whatever bytes follow it', () => {
  for (const [name, payload] of Object.entries(MESSAGES)) {
    const before: Buffer[] = []
    for (const [key, other] of Object.entries(MESSAGES)) {
      if (key === name) break
      before.push(walFrame(other))
    }
    const commit = walFrame(message.commit(10n, 18n))
    for (let length = 1; length < (FIXED[name] ?? 0); length += 1) {
      const cut = Buffer.concat([...before, walFrame(payload.subarray(0, length))])
      const layouts: Readonly<Record<string, readonly Buffer[]>> = {
        'ends its buffer': [cut, commit],
        'is followed by a message': [Buffer.concat([cut, commit])],
        'is followed by zeros': [Buffer.concat([cut, Buffer.alloc(64)]), commit],
        'is followed by ones': [Buffer.concat([cut, Buffer.alloc(64, 0xff)]), commit],
      }
      for (const [layout, buffers] of Object.entries(layouts)) {
        expect([name, length, layout, outcome(() => readAll(buffers))]).toEqual([
          name,
          length,
          layout,
          'WAL.MALFORMED',
        ])
      }
    }
  }
})

test('a length inside a message that points beyond it is WAL.MALFORMED', () => {
  const count = (payload: Buffer, at: number, value: number): Buffer => {
    const copy = Buffer.from(payload)
    copy.writeInt32BE(value, at)
    return copy
  }
  const { truncate, logical, relation } = MESSAGES
  if (truncate === undefined || logical === undefined || relation === undefined)
    throw new Error('no messages')
  const contentLength = 1 + 1 + 8 + 'prefix'.length + 1
  for (const value of [3, 1_000, 0x7fff_ffff, -1, -0x8000_0000]) {
    expect([value, outcome(() => readAll(framesWith('truncate', count(truncate, 1, value))))]).toEqual([
      value,
      'WAL.MALFORMED',
    ])
  }
  for (const value of [8, 1_000, 0x7fff_ffff, -1, -0x8000_0000]) {
    expect([
      value,
      outcome(() => readAll(framesWith('logical', count(logical, contentLength, value)))),
    ]).toEqual([value, 'WAL.MALFORMED'])
  }
  const columns = Buffer.from(relation)
  const columnCount = relation.length - 2 * 9 - 'id\0body\0'.length - 2
  expect(columns.readInt16BE(columnCount)).toBe(2)
  for (const value of [3, 0x7fff, -1]) {
    columns.writeInt16BE(value, columnCount)
    expect([value, outcome(() => readAll(framesWith('relation', columns)))]).toEqual([value, 'WAL.MALFORMED'])
  }
})

test('a transaction with any bytes changed is read or ends with a code of the stream', () => {
  const whole = Buffer.concat(
    transactionFrames(3, 10n, [
      message.relation(TABLE),
      message.insert(TABLE, ['1', 'x']),
      message.update(TABLE, ['1', 'yy'], { kind: 'K', row: ['2', null] }),
      message.truncate([TABLE]),
      message.logical('p', 'c'),
      message.delete(TABLE, { kind: 'K', row: ['1', null] }),
    ]),
  )
  // The frames' own lengths are the session's business; everything else may be anything.
  const lengths = new Set<number>()
  for (let at = 0; at < whole.length;) {
    for (let index = 0; index < 5; index += 1) lengths.add(at + index)
    at += 1 + whole.readInt32BE(at + 1)
  }
  const outcomes = new Map<string, number>()
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(whole.length - 1), fc.oneof(fc.nat(255), fc.constantFrom(0, 0x7f, 0xff))), {
        minLength: 1,
        maxLength: 6,
      }),
      (edits) => {
        const bytes = Buffer.from(whole)
        for (const [at, value] of edits) if (!lengths.has(at)) bytes[at] = value
        const result = outcome(() => readAll([bytes]))
        outcomes.set(result, (outcomes.get(result) ?? 0) + 1)
        expect(result).toMatch(/^(read|WAL\.(MALFORMED|UNSUPPORTED))$/)
      },
    ),
    { numRuns: 3_000 },
  )
  // The property means something: all ways out were taken.
  expect([...outcomes.keys()].toSorted()).toEqual(['WAL.MALFORMED', 'WAL.UNSUPPORTED', 'read'])
})

test('random bytes as messages are read or end with a code of the stream', () => {
  const payload = fc
    .tuple(
      fc.constantFrom('B', 'C', 'R', 'I', 'U', 'D', 'T', 'M', 'Y', 'O'),
      fc.uint8Array({ maxLength: 60 }),
    )
    .map(([letter, bytes]) => Buffer.concat([Buffer.from(letter), bytes]))
  fc.assert(
    fc.property(fc.array(payload, { maxLength: 6 }), fc.boolean(), (payloads, isOpen) => {
      const frames = [...(isOpen ? [message.begin(3, 1n)] : []), ...payloads, message.commit(1n, 2n)].map(
        walFrame,
      )
      expect(outcome(() => readAll(frames))).toMatch(/^(read|WAL\.(MALFORMED|UNSUPPORTED))$/)
    }),
    { numRuns: 2_000 },
  )
})

test('a Relation message in any bytes is read within its own or refused', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), fc.uint8Array({ maxLength: 20 }), (own, others) => {
      const buffer = Buffer.concat([own, others])
      const alone = outcome(() => readRelation(Buffer.from(own), 0, own.length))
      // What lies behind the message changes nothing.
      expect(outcome(() => readRelation(buffer, 0, own.length))).toBe(alone)
      expect(alone).toMatch(/^(read|WAL\.MALFORMED)$/)
    }),
    { numRuns: 2_000 },
  )
})
