import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ChangeApplier } from '../../src/changes/change-applier.ts'
import { EventDecoder } from '../../src/changes/event-decoder.ts'
import { isDbsyncError } from '../../src/core/errors.ts'
import { xid8 } from '../../src/core/xid.ts'
import { defineView } from '../../src/views/define-view.ts'
import type { Transaction } from '../../src/wal/transaction.ts'
import { Sale, schema, Shop } from '../conformance/fixture.ts'
import { capture } from '../support/captured.ts'
import { assemble, message, transactionFrames, UNCHANGED } from '../support/pgoutput.ts'

/*
 * From the stream's bytes to tables and events: whatever stands in the messages, the outcome is rows, events or a code,
 * and a table that is whole.
 */

const views = [
  defineView('shops', (q) =>
    q.from({ h: Shop }).select(({ h }) => ({ id: h.id, name: h.name, city: h.city, regionId: h.regionId })),
  ),
  defineView('sales', (q) =>
    q.from({ s: Sale }).select(({ s }) => ({ line: s.line, id: s.id, amount: s.amount, dbl: s.dbl })),
  ),
]

for (const identity of ['d', 'f'] as const) {
  test(`a stream with any bytes changed ends in rows, in events or in a code (identity ${identity})`, () => {
    const shops = capture('Shop', views, { identity })
    const sales = capture('Sale', views, { identity, oid: 9, replica: shops.replica })
    const decoder = new EventDecoder(
      schema,
      new Map([
        [shops.wire.oid, shops.model],
        [sales.wire.oid, sales.model],
      ]),
      () => xid8(100n),
    )
    const shop = { id: 'a', name: 'A', city: 'LARGE', regionId: '7', tags: '{x}' }
    const sale = { line: '1', id: '5', amount: '1.50', dbl: '-0.1', qty: '3' }
    const whole = Buffer.concat(
      transactionFrames(5, 10n, [
        message.relation(shops.wire),
        message.relation(sales.wire),
        message.insert(shops.wire, shops.row(shop)),
        message.insert(sales.wire, sales.row(sale)),
        message.update(shops.wire, shops.row({ ...shop, city: UNCHANGED })),
        message.update(sales.wire, sales.row({ ...sale, line: '2', amount: null }), {
          kind: identity === 'f' ? 'O' : 'K',
          row: sales.row(identity === 'f' ? sale : { line: '1', id: '5' }),
        }),
        message.delete(shops.wire, { kind: 'K', row: shops.row({ id: 'a' }) }),
        message.truncate([shops.wire, sales.wire]),
        message.insert(shops.wire, shops.row(shop)),
      ]),
    )
    const lengths = new Set<number>()
    for (let at = 0; at < whole.length;) {
      for (let index = 0; index < 5; index += 1) lengths.add(at + index)
      at += 1 + whole.readInt32BE(at + 1)
    }
    const outcomes = new Map<string, number>()
    const outcome = (work: () => unknown): string => {
      let found = 'read'
      try {
        work()
      } catch (error) {
        found = isDbsyncError(error) ? error.code : `escaped: ${String(error)}`
      }
      outcomes.set(found, (outcomes.get(found) ?? 0) + 1)
      return found
    }
    fc.assert(
      fc.property(
        fc.array(
          fc.tuple(
            fc.nat(whole.length - 1),
            fc.oneof(fc.nat(255), fc.constantFrom(0, 0x6e, 0x75, 0x7f, 0xff)),
          ),
          {
            minLength: 1,
            maxLength: 5,
          },
        ),
        (edits) => {
          const bytes = Buffer.from(whole)
          for (const [at, value] of edits) if (!lengths.has(at)) bytes[at] = value
          let transactions: readonly Transaction[] = []
          const read = outcome(() => {
            transactions = assemble([bytes]).map(({ transaction }) => transaction)
          })
          const applier = new ChangeApplier([shops, sales], () => {})
          const applied = transactions.map(({ spans, relations }) =>
            outcome(() => applier.apply(spans, relations)),
          )
          const decoded = transactions.map((one) => outcome(() => decoder.changes(one)))
          for (const found of [read, ...applied, ...decoded]) {
            expect(found).toMatch(
              /^(read|WAL\.(MALFORMED|UNSUPPORTED)|CHANGES\.UNDECODABLE_VALUE|CONTRACT\.(COLUMN_MISSING|TYPE_MISMATCH))$/,
            )
          }
          // Rows and keys agree still, whatever was cut off.
          for (const { table, rows } of [shops, sales]) expect(rows().size).toBe(table.size)
          shops.table.clear()
          sales.table.clear()
          expect([shops.table.size, sales.table.size]).toEqual([0, 0])
        },
      ),
      { numRuns: 1_500 },
    )
    expect([...outcomes.keys()]).toEqual(
      expect.arrayContaining(['read', 'WAL.MALFORMED', 'WAL.UNSUPPORTED', 'CHANGES.UNDECODABLE_VALUE']),
    )
  })
}
