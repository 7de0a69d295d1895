import { describe, expect, test } from 'vitest'
import { isDbsyncError } from '../../../src/core/errors.ts'
import { ChangeApplier } from '../../../src/changes/change-applier.ts'
import { defineView } from '../../../src/views/define-view.ts'
import { Sale, Shop } from '../../conformance/fixture.ts'
import { capture, type Captured } from '../../support/captured.ts'
import { message, transactionOf, UNCHANGED, type WireTable } from '../../support/pgoutput.ts'

const shops = defineView('shops', (q) =>
  q.from({ h: Shop }).select(({ h }) => ({ id: h.id, name: h.name, city: h.city })),
)
const sales = defineView('sales', (q) =>
  q.from({ s: Sale }).select(({ s }) => ({ line: s.line, id: s.id, note: s.note, qty: s.qty })),
)

interface Line {
  readonly captured: Captured
  readonly wire: WireTable
  readonly row: Captured['row']
  /** What was reported as unknown: key and whether it had moved. */
  readonly unknown: [readonly string[], boolean][]
  readonly apply: (...messages: Buffer[]) => number
  readonly rows: () => string[]
}

function line(model: 'Shop' | 'Sale' = 'Shop', identity: 'd' | 'f' = 'd'): Line {
  const captured = capture(model, [model === 'Shop' ? shops : sales], { identity })
  const unknown: [readonly string[], boolean][] = []
  const applier = new ChangeApplier([captured], (_model, key, former) => unknown.push([key, former !== null]))
  return {
    captured,
    wire: captured.wire,
    row: captured.row,
    unknown,
    apply(...messages) {
      const { spans, relations } = transactionOf(5, 10n, [message.relation(captured.wire), ...messages])
      return applier.apply(spans, relations)
    },
    rows: () => [...captured.rows().values()].toSorted(),
  }
}

const key = (id: string): { kind: 'K'; row: ReturnType<Captured['row']> } => ({
  kind: 'K',
  row: line().row({ id }),
})

describe('with REPLICA IDENTITY DEFAULT', () => {
  test('rows come, change and go by their key; columns that no view reads are passed over', () => {
    const { wire, row, apply, rows } = line()
    apply(message.insert(wire, row({ id: 'a', name: 'A', city: 'Kiel', tags: '{x}' })))
    apply(message.insert(wire, row({ id: 'b', name: 'B' })))
    expect(rows()).toEqual(['id=a name=A city=Kiel', 'id=b name=B city=NULL'])
    expect(apply(message.update(wire, row({ id: 'a', name: 'A2', city: null })))).toBe(1)
    expect(apply(message.delete(wire, key('b')))).toBe(1)
    expect(rows()).toEqual(['id=a name=A2 city=NULL'])
    apply(message.truncate([wire]))
    expect(rows()).toEqual([])
  })

  test('a large value that an update leaves out stays, NULL too', () => {
    const { wire, row, apply, rows } = line()
    apply(message.insert(wire, row({ id: 'a', name: 'A', city: 'LARGE' })))
    apply(message.insert(wire, row({ id: 'b', name: 'B', city: null })))
    apply(message.update(wire, row({ id: 'a', name: 'A2', city: UNCHANGED })))
    apply(message.update(wire, row({ id: 'b', name: 'B2', city: UNCHANGED })))
    expect(rows()).toEqual(['id=a name=A2 city=LARGE', 'id=b name=B2 city=NULL'])
  })

  test('a key that changes takes the large value along and leaves nothing behind', () => {
    const { wire, row, apply, rows } = line()
    apply(message.insert(wire, row({ id: 'a', name: 'A', city: 'LARGE' })))
    apply(message.update(wire, row({ id: 'b', name: 'A2', city: UNCHANGED }), key('a')))
    expect(rows()).toEqual(['id=b name=A2 city=LARGE'])
    apply(message.update(wire, row({ id: 'c', name: 'A3', city: 'new' }), key('b')))
    expect(rows()).toEqual(['id=c name=A3 city=new'])
  })

  test('two keys that are swapped swap their large values', () => {
    const { wire, row, apply, rows } = line()
    apply(
      message.insert(wire, row({ id: 'a', name: 'A', city: 'LARGE A' })),
      message.insert(wire, row({ id: 'b', name: 'B', city: 'LARGE B' })),
    )
    apply(
      message.update(wire, row({ id: 'x', name: 'A', city: UNCHANGED }), key('a')),
      message.update(wire, row({ id: 'a', name: 'B', city: UNCHANGED }), key('b')),
      message.update(wire, row({ id: 'b', name: 'A', city: UNCHANGED }), key('x')),
    )
    expect(rows()).toEqual(['id=a name=B city=LARGE B', 'id=b name=A city=LARGE A'])
  })

  test('a row of which a part is not known is reported by its key, and left alone', () => {
    const { wire, row, apply, rows, unknown, captured } = line()
    apply(message.update(wire, row({ id: 'a', name: 'A', city: UNCHANGED })))
    apply(message.update(wire, row({ id: 'c', name: 'C', city: UNCHANGED }), key('b')))
    expect(unknown).toEqual([
      [['a'], false],
      [['c'], true],
    ])
    expect(rows()).toEqual([])
    // With every value there is nothing to ask for.
    apply(message.update(wire, row({ id: 'd', name: 'D', city: 'x' }), key('nobody')))
    expect(rows()).toEqual(['id=d name=D city=x'])
    expect(unknown).toHaveLength(2)
    // Slots of what was dropped are used again.
    const before = captured.table.byteLength
    for (let turn = 0; turn < 1_000; turn += 1) {
      apply(
        message.update(wire, row({ id: 'z', city: UNCHANGED, name: 'z' })),
        message.update(wire, row({ id: 'z', city: UNCHANGED, name: 'z' }), key('y')),
      )
    }
    expect(captured.table.byteLength).toBe(before)
  })

  test('a delete or a change of a row that is not there is no failure', () => {
    const { wire, row, apply, rows } = line()
    apply(message.delete(wire, key('a')))
    apply(message.update(wire, row({ id: 'a', name: 'A', city: 'x' })))
    apply(message.insert(wire, row({ id: 'a', name: 'A2', city: 'y' })))
    expect(rows()).toEqual(['id=a name=A2 city=y'])
  })
})

describe('a key of which a part is stored out of line and left out of the new row', () => {
  test('is taken from the old key', () => {
    const { wire, row, apply, rows } = line()
    apply(message.insert(wire, row({ id: 'LONG', name: 'A', city: 'LARGE' })))
    apply(message.update(wire, row({ id: UNCHANGED, name: 'A2', city: UNCHANGED }), key('LONG')))
    expect(rows()).toEqual(['id=LONG name=A2 city=LARGE'])
  })

  test('is reported whole if the row is not known', () => {
    const { wire, row, apply, unknown } = line('Sale')
    const old = { kind: 'K', row: row({ line: '1', id: '77' }) } as const
    apply(message.update(wire, row({ line: UNCHANGED, id: '78', qty: '5', note: UNCHANGED }), old))
    apply(message.update(wire, row({ line: '2', id: UNCHANGED, qty: '5', note: UNCHANGED }), old))
    // In the order of the key, not of the columns.
    expect(unknown).toEqual([
      [['1', '78'], true],
      [['2', '77'], true],
    ])
  })
})

describe('with REPLICA IDENTITY FULL', () => {
  const full = (values: Record<string, string | null>): { kind: 'O'; row: ReturnType<Captured['row']> } => ({
    kind: 'O',
    row: line('Shop', 'f').row(values),
  })

  test('the old row is found by its key, and gives what the new one leaves out', () => {
    const { wire, row, apply, rows, unknown } = line('Shop', 'f')
    const old = { id: 'a', name: 'A', city: 'LARGE' }
    // The row was never read, and yet nothing of it is missing.
    apply(message.update(wire, row({ ...old, name: 'A2', city: UNCHANGED }), full(old)))
    expect(rows()).toEqual(['id=a name=A2 city=LARGE'])
    apply(message.update(wire, row({ id: 'b', name: 'A3', city: UNCHANGED }), full({ ...old, name: 'A2' })))
    expect(rows()).toEqual(['id=b name=A3 city=LARGE'])
    apply(message.delete(wire, full({ id: 'b', name: 'A3', city: 'LARGE' })))
    expect([rows(), unknown]).toEqual([[], []])
  })

  test('the old row in the stream outweighs the one in the table', () => {
    const { wire, row, apply, rows } = line('Shop', 'f')
    apply(message.insert(wire, row({ id: 'a', name: 'later', city: 'of a later row' })))
    const old = { id: 'a', name: 'A', city: 'LARGE' }
    apply(message.update(wire, row({ id: 'b', name: 'A', city: UNCHANGED }), full(old)))
    expect(rows()).toEqual(['id=b name=A city=LARGE'])
  })
})

test('a relation described anew, its columns in another order, changes the same rows', () => {
  const { wire, row, apply, rows, captured } = line()
  apply(message.insert(wire, row({ id: 'a', name: 'A', city: 'LARGE' })))
  const reversed: WireTable = { ...wire, columns: wire.columns.toReversed() }
  const applier = new ChangeApplier([captured], () => {})
  const { spans, relations } = transactionOf(6, 20n, [
    message.relation(wire),
    message.update(wire, row({ id: 'a', name: 'A2', city: UNCHANGED })),
    message.relation(reversed),
    message.update(reversed, row({ id: 'a', name: 'A3', city: UNCHANGED }).toReversed()),
  ])
  applier.apply(spans, relations)
  expect(rows()).toEqual(['id=a name=A3 city=LARGE'])
})

test('relations of other tables are passed over, and count as nothing', () => {
  const { captured, wire, row, rows } = line()
  const applier = new ChangeApplier([captured], () => {})
  const other = { ...wire, oid: wire.oid + 1 }
  const { spans, relations } = transactionOf(6, 20n, [
    message.relation(other),
    message.insert(other, row({ id: 'a', name: 'A', city: 'x' })),
    message.truncate([other]),
  ])
  expect(applier.apply(spans, relations)).toBe(0)
  expect(rows()).toEqual([])
})

describe('what does not fit is refused with a code', () => {
  const codeOf = (work: () => unknown): unknown => {
    try {
      return work()
    } catch (error) {
      return isDbsyncError(error) ? error.code : error
    }
  }

  test('a column that is gone, and one that changed its type', () => {
    const { wire, row, apply, captured } = line()
    const without = { ...wire, columns: wire.columns.filter(({ name }) => name !== 'city') }
    const retyped = {
      ...wire,
      columns: wire.columns.map((column) => (column.name === 'city' ? { ...column, typeOid: 17 } : column)),
    }
    const changed = (table: WireTable): unknown => {
      const applier = new ChangeApplier([captured], () => {})
      const { spans, relations } = transactionOf(5, 1n, [message.relation(table), message.truncate([table])])
      return codeOf(() => applier.apply(spans, relations))
    }
    expect(changed(without)).toBe('CONTRACT.COLUMN_MISSING')
    expect(changed(retyped)).toBe('CONTRACT.TYPE_MISMATCH')
    expect(changed(wire)).toBe(1)
    expect(codeOf(() => apply(message.insert(wire, row({ id: 'a', name: null, city: null }))))).toBe(
      'CHANGES.UNDECODABLE_VALUE',
    )
  })

  test('a tuple cut short, too long or of other columns', () => {
    const { wire, row, apply } = line('Shop', 'f')
    const whole = { id: 'a', name: 'A', city: 'LARGE', regionId: '7', tags: '{}' }
    const messages = [
      message.insert(wire, row(whole)),
      message.update(wire, row(whole)),
      message.update(wire, row({ ...whole, id: 'b' }), { kind: 'K', row: row({ id: 'a' }) }),
      message.update(wire, row({ ...whole, id: 'b' }), { kind: 'O', row: row(whole) }),
      message.delete(wire, { kind: 'K', row: row({ id: 'a' }) }),
      message.delete(wire, { kind: 'O', row: row(whole) }),
    ]
    const following = message.insert(wire, row({ ...whole, id: 'next' }))
    for (const [index, payload] of messages.entries()) {
      for (let length = 6; length < payload.length; length += 1) {
        const found = codeOf(() => apply(payload.subarray(0, length), following))
        expect([index, length, found]).toEqual([index, length, 'WAL.MALFORMED'])
      }
      expect(codeOf(() => apply(Buffer.concat([payload, Buffer.from('n')])))).toBe('WAL.MALFORMED')
    }
    expect(codeOf(() => apply(message.insert(wire, row(whole).slice(1))))).toBe('WAL.MALFORMED')
    const insert = message.insert(wire, row(whole))
    const lengthAt = insert.indexOf('LARGE') - 4
    for (const length of [0x7fff_ffff, 1_000, 6, -1, -9]) {
      insert.writeInt32BE(length, lengthAt)
      expect([length, codeOf(() => apply(insert, following))]).toEqual([length, 'WAL.MALFORMED'])
    }
    const noKey = message.delete(wire, { kind: 'K', row: row({ name: 'A' }) })
    expect(codeOf(() => apply(noKey))).toBe('WAL.MALFORMED')
  })
})
