import { expect, test } from 'vitest'
import { EventDecoder } from '../../../src/changes/event-decoder.ts'
import { readChanges } from '../../../src/changes/read-events.ts'
import { lsn } from '../../../src/core/lsn.ts'
import { xid8 } from '../../../src/core/xid.ts'
import { Unsettled } from '../../../src/snapshot/unsettled.ts'
import { defineView } from '../../../src/views/define-view.ts'
import { schema, Shop } from '../../conformance/fixture.ts'
import { capture, chunkOf } from '../../support/captured.ts'
import { message, transactionOf, UNCHANGED } from '../../support/pgoutput.ts'

const view = defineView('v', (q) =>
  q.from({ h: Shop }).select(({ h }) => ({ id: h.id, name: h.name, city: h.city, regionId: h.regionId })),
)

/** A chunk of shops a, b, c and d that sees transactions below 100, and what was delivered: id and messages. */
function reading(identity: 'd' | 'f' = 'd') {
  const captured = capture('Shop', [view], { identity })
  const { wire, row, model } = captured
  const decoder = new EventDecoder(schema, new Map([[wire.oid, model]]), () => xid8(100n))
  const unsettled = new Unsettled()
  const shop = (id: string): Record<string, string> => ({
    id,
    name: `old ${id}`,
    city: `city ${id}`,
    regionId: '7',
  })
  const chunk = chunkOf(captured, '100:100:', ['a', 'b', 'c', 'd'].map(shop))
  return {
    wire,
    row,
    unsettled,
    chunk,
    deliver(xid: number, ...messages: Buffer[]): void {
      unsettled.add(transactionOf(xid, BigInt(xid * 10), [message.relation(wire), ...messages]))
    },
    read: () =>
      readChanges(chunk, {
        schema,
        decoder,
        unsettled,
        at: { lsn: lsn(5_000n), commitTime: new Date(7) },
      }),
    names(): string[] {
      const found = this.read() ?? []
      return found.map(({ key, after }) => {
        const { name, city } = after as { name: string; city?: string }
        return `${(key as { id: string }).id} ${name} ${city ?? 'no city'}`
      })
    },
  }
}

test('rows of a chunk are read events with public values, numbered, at the position of the stream', () => {
  const { read } = reading()
  const [first, second] = read() ?? []
  expect(first).toEqual({
    model: 'Shop',
    op: 'read',
    key: { id: 'a' },
    after: { id: 'a', name: 'old a', city: 'city a', regionId: 7 },
    tx: { xid: 0n, lsn: 5_000n, commitTime: new Date(7), seq: 0 },
  })
  expect(second?.tx.seq).toBe(1)
  expect(Object.isFrozen(first)).toBe(true)
})

test('only what the snapshot does not see is folded over its rows, in commit order', () => {
  const run = reading()
  const { wire, row } = run
  // Seen by the snapshot: the chunk is further on than this.
  run.deliver(99, message.update(wire, row({ id: 'a', name: 'seen', city: 'x' })))
  run.deliver(101, message.update(wire, row({ id: 'a', name: 'first', city: UNCHANGED })))
  run.deliver(
    102,
    message.update(wire, row({ id: 'a', name: 'second', city: UNCHANGED })),
    message.insert(wire, row({ id: 'e', name: 'new', city: 'e' })),
    message.delete(wire, { kind: 'K', row: row({ id: 'b' }) }),
    // A key of another chunk, of which nothing is known here.
    message.update(wire, row({ id: 'z', name: 'far', city: UNCHANGED })),
  )
  expect(run.names()).toEqual(['a second city a', 'c old c city c', 'd old d city d'])
})

test('a key that was deleted gives no event, not even when it was inserted anew', () => {
  const run = reading()
  const { wire, row } = run
  run.deliver(101, message.delete(wire, { kind: 'K', row: row({ id: 'a' }) }))
  run.deliver(102, message.insert(wire, row({ id: 'a', name: 'again', city: 'n' })))
  run.deliver(103, message.update(wire, row({ id: 'a', name: 'later', city: UNCHANGED })))
  expect(run.names()).toEqual(['b old b city b', 'c old c city c', 'd old d city d'])
})

test('a row that moved is given under its new key, with the value that its move left out', () => {
  const run = reading()
  const { wire, row } = run
  run.deliver(
    101,
    message.update(wire, row({ id: 'e', name: 'moved', city: UNCHANGED }), {
      kind: 'K',
      row: row({ id: 'a' }),
    }),
  )
  // Somebody else takes the key that it has left, from out of sight.
  run.deliver(
    102,
    message.update(wire, row({ id: 'a', name: 'taken', city: UNCHANGED }), {
      kind: 'K',
      row: row({ id: 'z' }),
    }),
  )
  expect(run.names().toSorted()).toEqual([
    'b old b city b',
    'c old c city c',
    'd old d city d',
    'e moved city a',
  ])
})

test('two rows that change keys with each other give no event: neither could be told from the other', () => {
  const run = reading()
  const { wire, row } = run
  run.deliver(
    101,
    message.update(wire, row({ id: 'b', name: 'was a', city: UNCHANGED }), {
      kind: 'K',
      row: row({ id: 'a' }),
    }),
    message.update(wire, row({ id: 'a', name: 'was b', city: UNCHANGED }), {
      kind: 'K',
      row: row({ id: 'b' }),
    }),
  )
  expect(run.names()).toEqual(['c old c city c', 'd old d city d'])
})

test('with the whole old row in the WAL its key is told from the rest of it', () => {
  const run = reading('f')
  const { wire, row } = run
  const old = row({ id: 'a', name: 'old a', city: 'city a', regionId: '7' })
  run.deliver(
    101,
    message.update(wire, row({ id: 'a', name: 'new', city: UNCHANGED }), { kind: 'O', row: old }),
  )
  run.deliver(102, message.delete(wire, { kind: 'O', row: row({ id: 'b', name: 'old b' }) }))
  expect(run.names().toSorted()).toEqual(['a new city a', 'c old c city c', 'd old d city d'])
})

test('a truncate leaves nothing, and a transaction too large to be kept asks for the chunk again', () => {
  const run = reading()
  run.deliver(101, message.truncate([run.wire]))
  expect(run.read()).toEqual([])
  const other = reading()
  const { wire, row } = other
  other.unsettled.add({
    ...transactionOf(101, 1_010n, [message.relation(wire), message.insert(wire, row({ id: 'q' }))]),
    spans: [],
    isPartial: true,
  })
  expect(other.read()).toBeNull()
})
