import { Decimal } from '@prisma/client/runtime/client'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { isDbsyncError } from '../../../src/core/errors.ts'
import { Interner } from '../../../src/zset/interner.ts'
import { SourceTable } from '../../../src/zset/source-table.ts'
import { schema } from '../../conformance/fixture.ts'

const FIELDS = ['shopId', 'qty', 'big', 'amount', 'note', 'flag']

function table(interner = new Interner()): SourceTable {
  return new SourceTable({
    schema,
    model: 'Sale',
    fields: new Set(FIELDS),
    indexes: [['shopId'], ['big', 'qty']],
    slotWords: 1,
    interner,
  })
}

type Texts = Readonly<Record<string, string | null>>

function write(target: SourceTable, row: Texts): number {
  const slot = target.allocate()
  for (const column of target.columns) {
    const text = row[column.contract.field] ?? null
    const bytes = Buffer.from(text ?? '')
    if (text === null) column.setNull(slot)
    else column.read(slot, bytes, 0, bytes.length)
  }
  return slot
}

function show(target: SourceTable, slot: number): unknown[] {
  return target.columns.map((column) => {
    const value = column.value(slot)
    return typeof value === 'object' && value instanceof Decimal ? value.toFixed() : value
  })
}

const maybe = (...texts: string[]): fc.Arbitrary<string | null> => fc.constantFrom(null, ...texts)
const row = fc.record({
  id: fc.constantFrom('1', '2', '9007199254740993'),
  line: fc.constantFrom('0', '1', '-2'),
  shopId: maybe('a', 'b', ''),
  qty: maybe('0', '5', '-7'),
  big: maybe('0', '4294967296'),
  amount: maybe('0.00', '-1.50'),
  note: maybe('x', 'x', 'yy'),
  flag: maybe('t', 'f'),
})

test('rows, key and indexes answer as maps of rows under inserts, replaces and removes', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(row, fc.constantFrom('put', 'move', 'remove', 'copy', 'sweep'), fc.nat()), {
        maxLength: 120,
      }),
      (steps) => {
        const interner = new Interner()
        const target = table(interner)
        const model = new Map<string, Texts>()
        const wrong: string[] = []
        const keyOf = (texts: Texts): string => `${texts['line']}/${texts['id']}`
        const slotOf = (texts: Texts): number => {
          const probe = write(target, texts)
          const found = target.find(probe)
          target.release(probe)
          return found
        }
        for (const [texts, action, pick] of steps) {
          const live = slotOf(texts)
          expect(live >= 0).toBe(model.has(keyOf(texts)))
          if (action === 'remove' && live >= 0) {
            target.remove(live)
            model.delete(keyOf(texts))
          } else if (action === 'move' && model.size > 0 && live < 0) {
            const [oldKey, old] = [...model][pick % model.size] ?? ['', texts]
            target.replace(slotOf(old), write(target, texts))
            model.delete(oldKey)
            model.set(keyOf(texts), texts)
          } else if (action === 'copy' && live >= 0) {
            // An unchanged TOAST column comes from the live row.
            const known = model.get(keyOf(texts)) ?? texts
            const slot = write(target, texts)
            target.column('note').copy(live, slot)
            target.column('qty').copy(live, slot)
            target.replace(live, slot)
            model.set(keyOf(texts), { ...texts, note: known['note'] ?? null, qty: known['qty'] ?? null })
          } else if (action === 'sweep') {
            target.beginGeneration()
            const kept = [...model].filter((_, index) => (index + pick) % 2 === 0)
            for (const [, item] of kept) target.mark(slotOf(item))
            if (target.sweep() !== model.size - kept.length) wrong.push('rows swept')
            model.clear()
            for (const [key, item] of kept) model.set(key, item)
          } else if (action === 'put') {
            const slot = write(target, texts)
            if (live < 0) target.insert(slot)
            else {
              const same = show(target, live).join('|') === show(target, slot).join('|')
              if (target.sameRow(live, slot) !== same) wrong.push('rows compared')
              target.replace(live, slot)
            }
            model.set(keyOf(texts), texts)
          }
          expect(target.size).toBe(model.size)
        }
        expect(wrong).toEqual([])
        for (const texts of model.values()) {
          const slot = write(target, texts)
          const live = target.find(slot)
          expect(show(target, live)).toEqual(show(target, slot))
          target.release(slot)
        }
        for (const index of target.indexes) {
          const fields = index.columns.map(({ contract }) => contract.field)
          for (const texts of model.values()) {
            const same = [...model.values()].filter((other) =>
              fields.every((field) => texts[field] === other[field]),
            )
            const linked = fields.every((field) => texts[field] !== null)
            expect(index.countLike(slotOf(texts))).toBe(linked ? same.length : 0)
            if (!linked) continue
            const live = slotOf(texts)
            const offsets = index.columns.flatMap(({ offset, width }) =>
              width === 2 ? [offset, offset + 1] : [offset],
            )
            const seen = new Set<number>()
            const base = live * target.rows.stride
            for (let at = index.first(target.rows.words, base, offsets); at >= 0; at = index.next(at))
              seen.add(at)
            expect(seen).toEqual(new Set(same.map(slotOf)))
          }
        }
        target.clear()
        expect(target.size).toBe(0)
        expect(interner.size).toBe(0)
        expect(target.indexes.map(({ size }) => size)).toEqual([0, 0])
      },
    ),
    { numRuns: 100 },
  )
})

test('a row under the key of another live row is refused', () => {
  const target = table()
  const texts = { id: '1', line: '1' }
  target.insert(write(target, texts))
  let code: unknown
  try {
    target.insert(write(target, texts))
  } catch (error) {
    code = isDbsyncError(error) ? error.code : error
  }
  expect(code).toBe('INTERNAL.INVARIANT')
})

test('a NULL in a required column is refused and names the column', () => {
  const target = table()
  const slot = target.allocate()
  expect(() => target.column('line').setNull(slot)).toThrow(/Sale\.line.*NULL/)
})

test('slots are used again', () => {
  const target = table()
  for (let round = 0; round < 1000; round += 1) {
    target.insert(write(target, { id: String(round), line: '0', note: `note ${round}` }))
    const probe = write(target, { id: String(round), line: '0' })
    const live = target.find(probe)
    target.release(probe)
    target.remove(live)
  }
  expect(target.rows.capacity).toBe(16)
})

test('an index has the rest of a bucket whichever row leaves it, and no NULLs', () => {
  for (const order of [
    [0, 1, 2, 3],
    [3, 2, 1, 0],
    [1, 3, 0, 2],
  ]) {
    const target = table()
    const [index] = target.indexes
    const shopId = target.column('shopId')
    const live = new Map<number, number>()
    for (const id of [0, 1, 2, 3]) {
      const slot = write(target, { id: String(id), line: '0', shopId: 'a' })
      target.insert(slot)
      live.set(id, slot)
    }
    for (const id of order) {
      target.remove(live.get(id) ?? -1)
      live.delete(id)
      const probe = write(target, { id: '9', line: '0', shopId: 'a' })
      const found: number[] = []
      const base = probe * target.rows.stride
      let slot = index?.first(target.rows.words, base, [shopId.offset]) ?? -1
      for (; slot >= 0; slot = index?.next(slot) ?? -1) found.push(slot)
      target.release(probe)
      expect(new Set(found)).toEqual(new Set(live.values()))
      expect(found.length).toBe(live.size)
    }
  }
  const target = table()
  target.insert(write(target, { id: '1', line: '0', big: '0', qty: '0' }))
  const withNull = write(target, { id: '2', line: '0', big: null, qty: '0' })
  target.insert(withNull)
  expect(target.indexes[1]?.countLike(withNull)).toBe(0)
})
