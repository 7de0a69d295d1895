import fc from 'fast-check'
import { expect, test } from 'vitest'
import { isDbsyncError } from '../../../src/core/errors.ts'
import { TransactionAssembler, type TransactionBegin } from '../../../src/wal/transaction-assembler.ts'
import {
  CHANGE,
  walkChanges,
  type RelationMap,
  type Span,
  type Transaction,
} from '../../../src/wal/transaction.ts'
import {
  assemble,
  eachFrame,
  feed,
  keepaliveFrame,
  message,
  protocolMessage,
  transactionFrames,
  walFrame,
  type WireTable,
} from '../../support/pgoutput.ts'

const table = (oid: number, name: string, columns = ['id']): WireTable => ({
  oid,
  schema: 'public',
  name,
  identity: 'd',
  columns: columns.map((column, index) => ({ name: column, typeOid: 23, isKey: index === 0 })),
})

const ONE = table(1, 'one')
const TWO = table(2, 'two', ['id', 'body'])
/** The same relation, described anew after a column was added. */
const ONE_LATER = table(1, 'one', ['id', 'added'])

/** What a walk sees of a change: its kind, its relation as described there, and the body's bytes. */
function walk(spans: readonly Span[], relations: RelationMap): { seen: string[]; after: RelationMap } {
  const seen: string[] = []
  const after = walkChanges(spans, relations, (tag, relation, buffer, start, end) => {
    const columns = relation.columns.map(({ name }) => name).join(',')
    seen.push(
      `${String.fromCharCode(tag)} ${relation.name}(${columns}) ${buffer.toString('hex', start, end)}`,
    )
  })
  return { seen, after }
}

const changesOf = (transaction: Transaction): string[] => walk(transaction.spans, transaction.relations).seen

/** What the walk must see of one message. */
function expected(payload: Buffer, relation: WireTable): string {
  const columns = relation.columns.map(({ name }) => name).join(',')
  const body = payload.subarray(payload[0] === CHANGE.truncate ? 6 : 5)
  return `${String.fromCharCode(payload[0] ?? 0)} ${relation.name}(${columns}) ${body.toString('hex')}`
}

function codeOf(work: () => unknown): unknown {
  try {
    work()
    return 'no error'
  } catch (error) {
    return isDbsyncError(error) ? error.code : error
  }
}

interface Item {
  readonly payload: Buffer
  readonly seen: readonly string[]
}

/** A transaction's messages, with relation messages, logical messages and keepalives between its changes. */
const items = fc
  .array(
    fc.tuple(
      fc.constantFrom('one', 'two', 'later', 'truncate', 'logical', 'type', 'origin'),
      fc.string({ maxLength: 40 }),
    ),
    { maxLength: 12 },
  )
  .map((steps) => {
    const list: Item[] = []
    const described = new Map<number, WireTable>()
    const describe = (relation: WireTable): void => {
      if (described.get(relation.oid) === relation) return
      described.set(relation.oid, relation)
      list.push({ payload: message.relation(relation), seen: [] })
    }
    for (const [kind, text] of steps) {
      if (kind === 'logical') list.push({ payload: message.logical('dbsync.p', text), seen: [] })
      else if (kind === 'type') list.push({ payload: message.type(9, 's', 't'), seen: [] })
      else if (kind === 'origin') list.push({ payload: message.origin('o'), seen: [] })
      else if (kind === 'truncate') {
        describe(TWO)
        if (!described.has(1)) describe(ONE)
        const one = described.get(1) ?? ONE
        const payload = message.truncate([TWO, one])
        const body = payload.subarray(6).toString('hex')
        list.push({
          payload,
          seen: [`T two(id,body) ${body}`, `T one(${one.columns.map(({ name }) => name).join(',')}) ${body}`],
        })
      } else {
        const relation = kind === 'one' ? ONE : kind === 'two' ? TWO : ONE_LATER
        describe(relation)
        const row = relation.columns.map(() => text)
        const payload =
          text.length % 3 === 0
            ? message.insert(relation, row)
            : text.length % 3 === 1
              ? message.update(relation, row, { kind: 'K', row })
              : message.delete(relation, { kind: 'K', row })
        list.push({ payload, seen: [expected(payload, relation)] })
      }
    }
    return list
  })

test('transactions come out whole and in order however their frames are spread over buffers', () => {
  fc.assert(
    fc.property(
      fc.array(items, { maxLength: 4 }),
      fc.array(fc.nat(5), { minLength: 1, maxLength: 8 }),
      fc.boolean(),
      (transactions, sizes, withKeepalives) => {
        const frames = transactions.flatMap((list, index) =>
          transactionFrames(
            index + 3,
            BigInt(index * 100),
            list.map(({ payload }) => payload),
          ),
        )
        const buffers: Buffer[] = []
        for (let at = 0, turn = 0; at < frames.length; turn += 1) {
          const size = 1 + (sizes[turn % sizes.length] ?? 0)
          const part = frames.slice(at, at + size)
          buffers.push(
            Buffer.concat(withKeepalives ? part.flatMap((one) => [keepaliveFrame(7n), one]) : part),
          )
          at += size
        }
        const whole = assemble(buffers)
        expect(
          whole.map(({ transaction }) => [transaction.xid, transaction.commitLsn, transaction.endLsn]),
        ).toEqual(transactions.map((_, index) => [index + 3, BigInt(index * 100), BigInt(index * 100 + 8)]))
        whole.forEach(({ transaction, messages }, index) => {
          const list = transactions[index] ?? []
          expect(changesOf(transaction)).toEqual(list.flatMap(({ seen }) => seen))
          expect(messages.map(({ content }) => content.toString('utf8'))).toEqual(
            list
              .filter(({ payload }) => payload[0] === 0x4d)
              .map(({ payload }) => payload.toString('utf8', 1 + 1 + 8 + 'dbsync.p'.length + 1 + 4)),
          )
        })
      },
    ),
  )
})

test('a relation described in one transaction holds in the next, as it was described last', () => {
  const whole = assemble([
    Buffer.concat(transactionFrames(3, 10n, [message.relation(ONE), message.insert(ONE, ['1'])])),
    Buffer.concat(transactionFrames(4, 20n, [message.insert(ONE, ['2'])])),
    Buffer.concat(
      transactionFrames(5, 30n, [message.relation(ONE_LATER), message.insert(ONE_LATER, ['3', null])]),
    ),
    Buffer.concat(transactionFrames(6, 40n, [message.insert(ONE_LATER, ['4', 'x'])])),
  ])
  const names = whole.map(({ transaction }) => changesOf(transaction).map((line) => line.split(' ')[1]))
  expect(names).toEqual([['one(id)'], ['one(id)'], ['one(id,added)'], ['one(id,added)']])
  // Kept bytes are read again later, by their own descriptions and not by today's.
  const again = whole.map(({ transaction }) => changesOf(transaction).map((line) => line.split(' ')[1]))
  expect(again).toEqual(names)
})

test('a transaction that is taken in pieces has all its changes, in order, under the right descriptions', () => {
  fc.assert(
    fc.property(
      items,
      fc.integer({ min: 1, max: 200 }),
      fc.nat(3),
      fc.boolean(),
      (list, limit, taken, oneBuffer) => {
        const seen: string[] = []
        let relations: RelationMap | null = null
        let offers = 0
        let begins = 0
        const ends: Transaction[] = []
        const assembler = new TransactionAssembler(
          {
            onTransaction: (transaction) => ends.push(transaction),
            onLargeTransaction(begin: TransactionBegin, take) {
              expect(begin.commitLsn).toBe(begin.xid === 3 ? 10n : 20n)
              if (begin.xid !== 3) return
              offers += 1
              // Some offers are passed over: the bytes come again.
              if (offers % 4 === taken) return
              begins += 1
              const part = walk(take(), begin.relations)
              seen.push(...part.seen)
              relations = part.after
            },
          },
          limit,
        )
        const frames = transactionFrames(
          3,
          10n,
          list.map(({ payload }) => payload),
        )
        const following = transactionFrames(4, 20n, [message.relation(TWO), message.insert(TWO, ['1', 'z'])])
        feed(assembler, oneBuffer ? [Buffer.concat([...frames, ...following])] : [...frames, ...following])
        const [first, second] = ends
        if (first === undefined || second === undefined) throw new Error('no end')
        expect(first.isPartial).toBe(begins > 0)
        expect(first.endLsn).toBe(18n)
        seen.push(...changesOf(first))
        expect(seen).toEqual(list.flatMap((item) => item.seen))
        // The rest is described from where the last piece ended, as a receiver would go on by itself.
        const rest = relations === null ? changesOf(first) : walk(first.spans, relations).seen
        expect(rest).toEqual(changesOf(first))
        expect(changesOf(second)).toEqual([expected(message.insert(TWO, ['1', 'z']), TWO)])
      },
    ),
  )
})

test('pieces leave nothing behind: the next transaction is whole again and small', () => {
  const ends: Transaction[] = []
  const assembler = new TransactionAssembler(
    { onTransaction: (transaction) => ends.push(transaction), onLargeTransaction: (_, take) => void take() },
    100,
  )
  const insert = message.insert(ONE, ['x'.repeat(80)])
  feed(assembler, transactionFrames(3, 10n, [message.relation(ONE), insert, insert, insert]))
  feed(assembler, transactionFrames(4, 20n, [message.insert(ONE, ['1'])]))
  expect(ends.map(({ isPartial }) => isPartial)).toEqual([true, false])
  expect(ends[1]?.bytes).toBe(walFrame(message.insert(ONE, ['1'])).length)
})

test('messages where none can be end the stream with WAL.MALFORMED', () => {
  const relation = message.relation(ONE)
  const begin = message.begin(3, 10n)
  const bad: Readonly<Record<string, readonly Buffer[]>> = {
    'an insert before any begin': [relation, message.insert(ONE, ['1'])],
    'an update before any begin': [relation, message.update(ONE, ['1'])],
    'a delete before any begin': [relation, message.delete(ONE, { kind: 'K', row: ['1'] })],
    'a truncate before any begin': [relation, message.truncate([ONE])],
    'a commit before any begin': [message.commit(10n, 18n)],
    'a begin inside a transaction': [begin, begin],
    'a second commit': [begin, message.commit(10n, 18n), message.commit(10n, 18n)],
    'a change after the commit': [relation, begin, message.commit(10n, 18n), message.insert(ONE, ['1'])],
  }
  for (const [name, payloads] of Object.entries(bad)) {
    expect([name, codeOf(() => assemble(payloads.map(walFrame)))]).toEqual([name, 'WAL.MALFORMED'])
  }
  const undescribed = assemble(transactionFrames(3, 10n, [message.insert(ONE, ['1'])]))
  const [one] = undescribed
  expect(codeOf(() => (one === undefined ? null : changesOf(one.transaction)))).toBe('WAL.MALFORMED')
})

test('messages that this version does not read end the stream with WAL.UNSUPPORTED', () => {
  // Of later protocol versions: stream start, stop, commit, abort; two-phase messages.
  for (const letter of ['S', 'E', 'c', 'A', 'b', 'P', 'K', 'r', 'p', '?', '\0']) {
    const frame = walFrame(Buffer.concat([Buffer.from(letter, 'latin1'), Buffer.alloc(40)]))
    expect([letter, codeOf(() => assemble([frame]))]).toEqual([letter, 'WAL.UNSUPPORTED'])
  }
})

test('our logical messages come with their transaction, others stay in their place for those who want them', () => {
  const frames = Buffer.concat([
    walFrame(message.logical('outside', 'x', false)),
    walFrame(message.logical('outside', 'x', true)),
    ...transactionFrames(3, 10n, [
      message.logical('inside', 'not transactional', false),
      message.logical('dbsync.a', ''),
      message.logical('bé', 'zwei\0🙂'),
      message.relation(ONE),
      message.insert(ONE, ['1']),
      message.logical('dbsync.b', 'ours'),
      message.logical('last', ''),
    ]),
    ...transactionFrames(4, 20n, [message.logical('alone', 'y')]),
  ])
  for (const keepsMessages of [false, true]) {
    const whole = assemble([frames], keepsMessages)
    const texts = whole.map(({ messages }) =>
      messages.map(({ prefix, content }) => [prefix, content.toString('utf8')]),
    )
    expect(texts).toEqual([
      [
        ['dbsync.a', ''],
        ['dbsync.b', 'ours'],
      ],
      [],
    ])
    const seen: string[] = []
    for (const { transaction } of whole) {
      walkChanges(
        transaction.spans,
        transaction.relations,
        (tag) => seen.push(String.fromCharCode(tag)),
        (prefix, content) => seen.push(`${prefix} ${content.toString('utf8')}`),
      )
    }
    expect(seen).toEqual(keepsMessages ? ['bé zwei\0🙂', 'I', 'last ', 'alone y'] : ['I'])
    expect(whole.map(({ transaction }) => transaction.spans.length > 0)).toEqual([true, keepsMessages])
  }
})

test('bytes of a transaction count from its frames, and kept spans lie in the buffers as they came', () => {
  const frames = transactionFrames(3, 10n, [message.relation(ONE), message.insert(ONE, ['1'])])
  const buffer = Buffer.concat(frames)
  const [one] = assemble([buffer])
  const [, relation, insert] = frames
  expect(one?.transaction.bytes).toBe((relation?.length ?? 0) + (insert?.length ?? 0))
  expect(one?.transaction.spans.map((span) => span.buffer === buffer)).toEqual([true])
  let frameCount = 0
  eachFrame(buffer, () => (frameCount += 1))
  expect(frameCount).toBe(frames.length)
  expect(codeOf(() => assemble([protocolMessage('d', Buffer.from('w'))]))).toBe('WAL.MALFORMED')
})
