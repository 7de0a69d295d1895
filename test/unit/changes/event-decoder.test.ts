import { expect, test } from 'vitest'
import { isDbsyncError } from '../../../src/core/errors.ts'
import { xid8 } from '../../../src/core/xid.ts'
import { EventDecoder } from '../../../src/changes/event-decoder.ts'
import type { AnyChange } from '../../../src/changes/change.ts'
import { defineView } from '../../../src/views/define-view.ts'
import { schema, Shop } from '../../conformance/fixture.ts'
import { capture } from '../../support/captured.ts'
import { message, transactionOf, UNCHANGED, type WireTable } from '../../support/pgoutput.ts'

const view = defineView('v', (q) => q.from({ h: Shop }).select(({ h }) => ({ id: h.id, city: h.city })))
const other: WireTable = {
  oid: 99,
  schema: 'public',
  name: 'other',
  identity: 'd',
  columns: [{ name: 'id', typeOid: 23, isKey: true }],
}

function decoderOf(identity: 'd' | 'f' = 'd') {
  const { model, wire, row } = capture('Shop', [view], { identity })
  const decoder = new EventDecoder(schema, new Map([[wire.oid, model]]), () => xid8(100n))
  const changes = (...messages: Buffer[]): readonly AnyChange[] => [
    ...decoder.changes(transactionOf(50, 1_000n, [message.relation(wire), ...messages], 1_040n, 1_500n)),
  ]
  return { decoder, wire, row, changes }
}

const shop = { id: 'a', name: 'Café', city: 'Kiel', regionId: '7', tags: '{x,"y z"}' } as const
const shown = { id: 'a', name: 'Café', city: 'Kiel', regionId: 7, tags: ['x', 'y z'] }

test('every kind of change has its key, its rows and its place in the transaction', () => {
  const { wire, row, changes } = decoderOf()
  const found = changes(
    message.insert(wire, row(shop)),
    message.relation(other),
    message.insert(other, ['1']),
    message.update(wire, row({ ...shop, city: null, tags: null })),
    message.update(wire, row({ ...shop, id: 'b', city: UNCHANGED }), { kind: 'K', row: row({ id: 'a' }) }),
    message.delete(wire, { kind: 'K', row: row({ id: 'b' }) }),
    message.truncate([other, wire]),
  )
  const tx = { xid: 50n, lsn: 1_040n, commitTime: new Date('2000-01-01T00:00:00.001Z') }
  const { city: _, ...moved } = shown
  expect(found).toEqual([
    { model: 'Shop', op: 'insert', key: { id: 'a' }, after: shown, tx: { ...tx, seq: 0 } },
    {
      model: 'Shop',
      op: 'update',
      key: { id: 'a' },
      before: undefined,
      after: { ...shown, city: null, tags: [] },
      changed: undefined,
      tx: { ...tx, seq: 2 },
    },
    {
      model: 'Shop',
      op: 'update',
      key: { id: 'b' },
      before: { id: 'a' },
      after: { ...moved, id: 'b' },
      changed: undefined,
      tx: { ...tx, seq: 3 },
    },
    { model: 'Shop', op: 'delete', key: { id: 'b' }, before: { id: 'b' }, tx: { ...tx, seq: 4 } },
    { model: 'Shop', op: 'truncate', tx: { ...tx, seq: 6 } },
  ])
  // A value that the WAL left out is absent, which is another thing than null.
  const update = found[2]
  expect(update?.op === 'update' ? Object.keys(update.after as object).includes('city') : true).toBe(false)
})

test('with the whole old row nothing is missing, and what changed is known', () => {
  const { wire, row, changes } = decoderOf('f')
  const [update, same, removed] = changes(
    message.update(wire, row({ ...shop, name: 'New', city: UNCHANGED, regionId: null }), {
      kind: 'O',
      row: row(shop),
    }),
    message.update(wire, row({ ...shop, city: UNCHANGED }), { kind: 'O', row: row(shop) }),
    message.delete(wire, { kind: 'O', row: row(shop) }),
  )
  expect(update).toMatchObject({
    before: shown,
    after: { ...shown, name: 'New', regionId: null },
    changed: ['name', 'regionId'],
  })
  expect(same).toMatchObject({ before: shown, after: shown, changed: [] })
  expect(removed).toMatchObject({ op: 'delete', key: { id: 'a' }, before: shown })
})

test('a value that no client type holds throws where it is read, and wherever it is copied to', () => {
  const { wire, row, changes } = decoderOf('f')
  const bad = { ...shop, tags: '{x,NULL}' }
  const [inserted, updated, removed] = changes(
    message.insert(wire, row(bad)),
    message.update(wire, row({ ...bad, name: 'new', tags: UNCHANGED }), { kind: 'O', row: row(bad) }),
    message.delete(wire, { kind: 'O', row: row(bad) }),
  )
  if (inserted?.op !== 'insert' || updated?.op !== 'update' || removed?.op !== 'delete') {
    throw new Error('no changes')
  }
  expect(updated.changed).toEqual(['name'])
  for (const found of [inserted.after, updated.before, updated.after, removed.before]) {
    const { id, city } = found as { id: string; city: string }
    expect([id, city]).toEqual(['a', 'Kiel'])
    expect(Object.keys(found as object).toSorted()).toEqual(Object.keys(shown).toSorted())
    expect(() => (found as { tags: unknown }).tags).toThrow(/Shop\.tags: found a NULL inside the list/)
    expect(() => JSON.stringify(found)).toThrow(/Shop\.tags/)
  }
  // Text that is not of the type is another matter: the contract is wrong.
  const error = ((): unknown => {
    try {
      return changes(message.insert(wire, row({ ...shop, regionId: 'x' })))
    } catch (thrown) {
      return thrown
    }
  })()
  expect(isDbsyncError(error, 'CHANGES.UNDECODABLE_VALUE')).toBe(true)
})

test('ids stay right and ascending in a session that outlives any number of transactions', () => {
  const { decoder, wire, row } = decoderOf()
  let full = 100n
  for (let step = 0; step < 20; step += 1) {
    // 2^30 transactions a step; the reference is as old as the session.
    full += 2n ** 30n
    const narrow = Number(BigInt.asUintN(32, full))
    const [change] = decoder.changes(
      transactionOf(narrow, 10n, [message.relation(wire), message.insert(wire, row(shop))]),
    )
    expect(change?.tx.xid).toBe(full)
  }
})

test('a tuple cut short or of other columns is WAL.MALFORMED, never a row made up of other bytes', () => {
  const { decoder, wire, row } = decoderOf('f')
  const messages = [
    message.insert(wire, row(shop)),
    message.update(wire, row(shop)),
    message.update(wire, row(shop), { kind: 'K', row: row({ id: 'b' }) }),
    message.update(wire, row(shop), { kind: 'O', row: row(shop) }),
    message.delete(wire, { kind: 'K', row: row({ id: 'b' }) }),
  ]
  const outcome = (payload: Buffer): unknown => {
    try {
      return [
        ...decoder.changes(
          transactionOf(5, 1n, [message.relation(wire), payload, message.insert(wire, row(shop))]),
        ),
      ].length
    } catch (error) {
      return isDbsyncError(error) ? error.code : error
    }
  }
  for (const payload of messages) {
    expect(outcome(payload)).toBe(2)
    for (let length = 6; length < payload.length; length += 1) {
      expect([length, outcome(payload.subarray(0, length))]).toEqual([length, 'WAL.MALFORMED'])
    }
    expect(outcome(Buffer.concat([payload, Buffer.from('n')]))).toBe('WAL.MALFORMED')
  }
  expect(outcome(message.insert(wire, row(shop).slice(1)))).toBe('WAL.MALFORMED')
})
