import fc from 'fast-check'
import { expect, test } from 'vitest'
import { isDbsyncError } from '../../../src/core/errors.ts'
import { ChangeApplier } from '../../../src/changes/change-applier.ts'
import { ChunkWriter } from '../../../src/changes/chunk-writer.ts'
import { mergeChunk } from '../../../src/changes/merge-chunk.ts'
import { Unsettled } from '../../../src/snapshot/unsettled.ts'
import { walkCopyRows } from '../../../src/snapshot/copy-rows.ts'
import { defineView } from '../../../src/views/define-view.ts'
import { Sale, Shop } from '../../conformance/fixture.ts'
import { capture, chunkOf } from '../../support/captured.ts'
import { copyFrame, message, transactionOf, UNCHANGED, type OldTuple } from '../../support/pgoutput.ts'

const shops = defineView('shops', (q) =>
  q.from({ h: Shop }).select(({ h }) => ({ id: h.id, name: h.name, city: h.city })),
)
const sales = defineView('sales', (q) =>
  q.from({ s: Sale }).select(({ s }) => ({ line: s.line, id: s.id, note: s.note, dbl: s.dbl })),
)

const text = fc
  .oneof(
    fc.string({ unit: 'grapheme' }),
    fc
      .array(fc.constantFrom('\\', '\t', '\n', 'N', '\r', 'é', '🙂'), { maxLength: 9 })
      .map((parts) => parts.join('')),
  )
  .filter((value) => !value.includes('\0'))

test('the rows of a chunk are in the table as they were in COPY', () => {
  const row = fc.record({ id: text, name: text, city: fc.option(text) })
  const captured = capture('Shop', [shops])
  const writer = new ChunkWriter(captured.table)
  fc.assert(
    fc.property(fc.uniqueArray(row, { selector: ({ id }) => id, maxLength: 8 }), (rows) => {
      captured.table.clear()
      const chunk = chunkOf(captured, '3:3:', rows)
      walkCopyRows(chunk.spans, (buffer, start, end) => writer.write(buffer, start, end))
      expect([...captured.rows().values()].toSorted()).toEqual(
        rows.map(({ id, name, city }) => `id=${id} name=${name} city=${city ?? 'NULL'}`).toSorted(),
      )
    }),
  )
})

test('a long field after short ones and a row of many kinds are read whole', () => {
  const captured = capture('Sale', [sales])
  const writer = new ChunkWriter(captured.table)
  const note = '\\\t'.repeat(5_000)
  for (const [id, value] of [
    ['1', note],
    ['2', 'short\\'],
  ] as const) {
    const chunk = chunkOf(captured, '3:3:', [{ line: '1', id, note: value, dbl: '-0' }])
    walkCopyRows(chunk.spans, (buffer, start, end) => writer.write(buffer, start, end))
  }
  expect(captured.rows().get('1|1')).toContain(`note=${note}`)
  expect(captured.rows().get('1|2')).toContain('note=short\\')
})

test('a row with too few or too many columns is refused with a code', () => {
  const { table } = capture('Shop', [shops])
  const writer = new ChunkWriter(table)
  const write = (fields: readonly string[]): unknown => {
    const frame = copyFrame(fields)
    try {
      writer.write(frame, 5, frame.length - 1)
      return 'written'
    } catch (error) {
      return isDbsyncError(error) ? error.code : error
    }
  }
  expect(write(['a', 'A', 'x'])).toBe('written')
  expect(write(['b', 'B'])).toBe('WAL.MALFORMED')
  expect(write(['c', 'C', 'x', 'y'])).toBe('WAL.MALFORMED')
  expect(table.size).toBe(1)
})

test('a chunk is not merged while a transaction that it does not see was too large to be kept', () => {
  const captured = capture('Shop', [shops])
  const applier = new ChangeApplier([captured], () => {})
  const writer = new ChunkWriter(captured.table)
  const unsettled = new Unsettled()
  const { wire, row } = captured
  const whole = transactionOf(12, 10n, [
    message.relation(wire),
    message.insert(wire, row({ id: 'a', name: 'A' })),
  ])
  unsettled.add({ ...whole, spans: [], bytes: 0, isPartial: true })
  const old = chunkOf(captured, '12:12:', [{ id: 'b', name: 'B' }])
  expect(mergeChunk(old, unsettled, applier, writer)).toBe(false)
  expect([captured.table.size, unsettled.size]).toEqual([0, 1])
  const later = chunkOf(captured, '13:13:', [
    { id: 'a', name: 'A' },
    { id: 'b', name: 'B' },
  ])
  expect(mergeChunk(later, unsettled, applier, writer)).toBe(true)
  expect([captured.table.size, unsettled.size]).toEqual([2, 0])
})

test('a merge replays the changes of its own table alone', () => {
  const shopTable = capture('Shop', [shops, sales])
  const saleTable = capture('Sale', [shops, sales], { oid: 7, replica: shopTable.replica })
  const applier = new ChangeApplier([shopTable, saleTable], () => {})
  const unsettled = new Unsettled()
  const insert = transactionOf(12, 10n, [
    message.relation(shopTable.wire),
    message.relation(saleTable.wire),
    message.insert(shopTable.wire, shopTable.row({ id: 'a', name: 'A' })),
    message.insert(saleTable.wire, saleTable.row({ line: '1', id: '1', note: 'first' })),
  ])
  applier.apply(insert.spans, insert.relations)
  unsettled.add(insert)
  const later = transactionOf(13, 20n, [
    message.relation(saleTable.wire),
    message.update(saleTable.wire, saleTable.row({ line: '1', id: '1', note: 'second', dbl: '1' })),
  ])
  applier.apply(later.spans, later.relations)
  mergeChunk(chunkOf(shopTable, '12:12:', []), unsettled, applier, new ChunkWriter(shopTable.table))
  expect([...saleTable.rows().values()]).toEqual(['id=1 line=1 dbl=1 note=second'])
  expect([...shopTable.rows().values()]).toEqual(['id=a name=A city=NULL'])
})

test('a value that a key left behind is never taken for that of the row that has the key now', () => {
  const captured = capture('Shop', [shops])
  const unknown: (readonly string[])[] = []
  const applier = new ChangeApplier([captured], (_model, key) => unknown.push(key))
  const writer = new ChunkWriter(captured.table)
  const unsettled = new Unsettled()
  const { wire, row } = captured
  mergeChunk(
    chunkOf(captured, '10:10:', [{ id: 'a', name: 'A', city: 'LARGE A' }]),
    unsettled,
    applier,
    writer,
  )
  const moved = transactionOf(12, 10n, [
    message.relation(wire),
    message.update(wire, row({ id: 'b', name: 'A', city: UNCHANGED }), { kind: 'K', row: row({ id: 'a' }) }),
    message.insert(wire, row({ id: 'a', name: 'new', city: 'of another row' })),
  ])
  applier.apply(moved.spans, moved.relations)
  unsettled.add(moved)
  const right = ['id=a name=new city=of another row', 'id=b name=A city=LARGE A']
  expect([...captured.rows().values()].toSorted()).toEqual(right)
  // A chunk of other keys that does not see the move: what it replays finds the new row under the old key.
  mergeChunk(chunkOf(captured, '12:12:', [{ id: 'z', name: 'Z' }]), unsettled, applier, writer)
  expect([...captured.rows().values()].toSorted()).toEqual([...right, 'id=z name=Z city=NULL'])
  expect(unknown).toEqual([])
})

test('what a replay finds further on stays as it is, and nothing is read for it', () => {
  const captured = capture('Shop', [shops])
  const unknown: (readonly string[])[] = []
  const applier = new ChangeApplier([captured], (_model, key) => unknown.push(key))
  const writer = new ChunkWriter(captured.table)
  const unsettled = new Unsettled()
  const { wire, row } = captured
  const rows = [
    { id: 'a', name: 'A', city: 'LARGE A' },
    { id: 'b', name: 'B', city: 'LARGE B' },
  ]
  mergeChunk(chunkOf(captured, '10:10:', rows), unsettled, applier, writer)
  const key = (id: string): OldTuple => ({ kind: 'K', row: row({ id }) })
  const taken = transactionOf(12, 10n, [
    message.relation(wire),
    message.delete(wire, key('b')),
    message.update(wire, row({ id: 'b', name: 'A', city: UNCHANGED }), key('a')),
    message.update(wire, row({ id: 'b', name: 'A2', city: UNCHANGED })),
  ])
  applier.apply(taken.spans, taken.relations)
  unsettled.add(taken)
  mergeChunk(chunkOf(captured, '12:12:', []), unsettled, applier, writer)
  expect([...captured.rows().values()]).toEqual(['id=b name=A2 city=LARGE A'])
  expect(unknown).toEqual([])
})

test('a row that moved to a key which is already read is not taken for a ghost', () => {
  const captured = capture('Shop', [shops])
  const applier = new ChangeApplier([captured], () => {})
  const writer = new ChunkWriter(captured.table)
  const unsettled = new Unsettled()
  const { wire, row, table } = captured
  mergeChunk(chunkOf(captured, '10:10:', [{ id: 'z', name: 'Z', city: 'LARGE' }]), unsettled, applier, writer)
  const moved = transactionOf(12, 10n, [
    message.relation(wire),
    message.update(wire, row({ id: 'a', name: 'Z', city: UNCHANGED }), { kind: 'K', row: row({ id: 'z' }) }),
  ])
  applier.apply(moved.spans, moved.relations)
  unsettled.add(moved)
  // The table is read again: its first chunk does not see the move and ends before z, its second one sees it.
  table.beginGeneration()
  const scan = table.generation - 1
  mergeChunk(chunkOf(captured, '12:12:', []), unsettled, applier, writer)
  mergeChunk(chunkOf(captured, '13:13:', []), unsettled, applier, writer)
  table.sweep(scan)
  expect([...captured.rows().values()]).toEqual(['id=a name=Z city=LARGE'])
})
