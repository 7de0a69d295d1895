import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseSnapshot } from '../../../src/snapshot/visibility.ts'
import { Unsettled } from '../../../src/snapshot/unsettled.ts'
import type { Transaction } from '../../../src/wal/transaction.ts'
import { at, message, transactionOf, type WireTable } from '../../support/pgoutput.ts'

const TABLE: WireTable = {
  oid: 1,
  schema: 's',
  name: 't',
  identity: 'd',
  columns: [{ name: 'id', typeOid: 23, isKey: true }],
}

const transaction = (id: number, commitLsn: number): Transaction =>
  transactionOf(id, BigInt(commitLsn), [message.relation(TABLE), message.insert(TABLE, ['1'])])

const ids = (transactions: readonly Transaction[]): number[] => transactions.map(({ xid }) => xid)

test('a delivered transaction stays until a snapshot shows it', () => {
  const unsettled = new Unsettled()
  for (const [id, position] of [
    [12, 100],
    [10, 200],
    [11, 300],
  ] as const) {
    unsettled.add(transaction(id, position))
  }
  expect(ids(unsettled.all())).toEqual([12, 10, 11])
  expect(ids(unsettled.invisibleIn(parseSnapshot('10:13:10')))).toEqual([10])
  unsettled.settle(parseSnapshot('10:11:'))
  expect(ids(unsettled.all())).toEqual([12, 11])
  unsettled.settle(parseSnapshot('11:13:11'))
  expect(ids(unsettled.all())).toEqual([11])
  unsettled.settle(parseSnapshot('13:13:'))
  expect([unsettled.size, unsettled.bytes]).toEqual([0, 0])
})

test('nothing is confirmed past the commit record of the first that is still invisible', () => {
  const unsettled = new Unsettled()
  expect(unsettled.settledLsn(at(77))).toBe(77n)
  unsettled.add(transaction(5, 100))
  unsettled.add(transaction(4, 200))
  // Exactly the record's position: the server sends a transaction again whose commit record is not before it.
  expect(unsettled.settledLsn(at(500))).toBe(100n)
  expect(unsettled.settledLsn(at(60))).toBe(60n)
  unsettled.settle(parseSnapshot('4:6:4'))
  expect(unsettled.settledLsn(at(500))).toBe(200n)
  unsettled.clear()
  expect([unsettled.size, unsettled.bytes, unsettled.settledLsn(at(500))]).toEqual([0, 0, 500n])
})

test('the kept transactions and bytes are those that no snapshot so far has shown', () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant('add' as const) }),
    fc.record({
      kind: fc.constant('settle' as const),
      xmax: fc.integer({ min: 0, max: 30 }),
      running: fc.array(fc.integer({ min: 0, max: 29 })),
    }),
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), fc.integer(), (steps, seed) => {
      const unsettled = new Unsettled()
      const kept = new Map<number, Transaction>()
      let added = 0
      const found: number[][] = []
      const expected: number[][] = []
      for (const one of steps) {
        if (one.kind === 'add') {
          // Ids are given out in another order than commits.
          const id = ((added * 17 + (Math.abs(seed) % 30)) % 30) + 3
          added += 1
          if (kept.has(id) || added > 30) continue
          const next = transaction(id, added * 10)
          kept.set(id, next)
          unsettled.add(next)
        } else {
          const xmax = one.xmax + 3
          const list = [...new Set(one.running.map((id) => id + 3))]
            .filter((id) => id < xmax)
            .toSorted((a, b) => a - b)
          const snapshot = parseSnapshot(`${list[0] ?? xmax}:${xmax}:${list.join(',')}`)
          const shown = [...kept.keys()].filter((id) => id < xmax && !list.includes(id))
          const hidden = [...kept.keys()].filter((id) => !shown.includes(id))
          found.push(ids(unsettled.invisibleIn(snapshot)))
          expected.push(hidden)
          unsettled.settle(snapshot)
          for (const id of shown) kept.delete(id)
        }
        expect(ids(unsettled.all())).toEqual([...kept.keys()])
        expect(unsettled.bytes).toBe([...kept.values()].reduce((sum, { bytes }) => sum + bytes, 0))
        const [first] = kept.values()
        expect(unsettled.settledLsn(at(10_000))).toBe(first?.commitLsn ?? 10_000n)
      }
      expect(found).toEqual(expected)
    }),
  )
})
