import fc from 'fast-check'
import { expect, test } from 'vitest'
import { OrderedSlots } from '../../../src/zset/ordered-slots.ts'

/** Slots hold the values of an array. */
function over(values: readonly number[]): OrderedSlots {
  return new OrderedSlots((a, b) => (values[a] ?? 0) - (values[b] ?? 0))
}

test('partitions answer size, rank and pages as sorted arrays do, under any history', () => {
  const step = fc.oneof(
    {
      weight: 5,
      arbitrary: fc.record({ kind: fc.constant('insert'), partition: fc.nat(3), pick: fc.nat(19) }),
    },
    {
      weight: 4,
      arbitrary: fc.record({ kind: fc.constant('remove'), partition: fc.nat(3), pick: fc.nat() }),
    },
    {
      weight: 2,
      arbitrary: fc.record({ kind: fc.constant('change'), partition: fc.nat(3), pick: fc.nat() }),
    },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('clear'), partition: fc.nat(3), pick: fc.nat() }) },
  )
  const values = fc.array(fc.nat(6), { minLength: 20, maxLength: 20 })
  fc.assert(
    fc.property(
      values,
      fc.array(step, { maxLength: 120, size: 'max' }),
      fc.nat(12),
      fc.nat(8),
      (first, steps, offset, count) => {
        const held = [...first]
        const slots = over(held)
        const models: number[][] = [[], [], [], []]
        const sorted = (model: readonly number[]): number[] =>
          model.toSorted((a, b) => (held[a] ?? 0) - (held[b] ?? 0) || a - b)
        for (const { kind, partition, pick } of steps) {
          const model = models[partition] ?? []
          if (kind === 'insert') {
            slots.insert(partition, pick)
            model.push(pick)
          } else if (kind === 'clear') {
            slots.clear(partition)
            model.length = 0
          } else if (kind === 'remove' && model.length > 0) {
            const [gone] = model.splice(pick % model.length, 1)
            slots.remove(partition, gone ?? -1)
          } else if (kind === 'change') {
            // A row changes: its copies leave every partition, and come back by the new value.
            const slot = pick % 20
            const places = models.flatMap((rows, at) => rows.filter((row) => row === slot).map(() => at))
            for (const at of places) slots.remove(at, slot)
            held[slot] = pick % 7
            for (const at of places) slots.insert(at, slot)
          }
          models.forEach((rows, at) => {
            const expected = sorted(rows)
            expect(slots.size(at)).toBe(rows.length)
            expect([...slots.from(at)]).toEqual(expected)
            expect([...slots.from(at, offset, count)]).toEqual(expected.slice(offset, offset + count))
            expect(slots.at(at, offset)).toBe(expected[offset] ?? -1)
            for (const slot of rows) expect(slots.rank(at, slot)).toBe(expected.indexOf(slot))
          })
        }
      },
    ),
    { numRuns: 100 },
  )
})

test('a partition that was never used is empty', () => {
  const slots = over([])
  expect([slots.size(1000), slots.at(1000, 0), slots.rank(1000, 0), ...slots.from(1000)]).toEqual([0, -1, 0])
  slots.clear(1000)
})

test('two walks at once do not disturb each other', () => {
  const values = Array.from({ length: 100 }, (_, index) => index)
  const slots = over(values)
  for (const slot of values) slots.insert(0, slot)
  const first = slots.from(0)
  const second = slots.from(0, 50)
  const seen: number[] = []
  for (let index = 0; index < 50; index += 1)
    seen.push(Number(first.next().value), Number(second.next().value))
  expect(seen).toEqual(Array.from({ length: 50 }, (_, index) => [index, index + 50]).flat())
})

test('removing a slot that is not there is a reported bug and takes no other one out', () => {
  const values = Array.from({ length: 64 }, (_, index) => index)
  const slots = over(values)
  for (const slot of values) slots.insert(0, slot)
  expect(() => slots.remove(0, 64)).toThrow(expect.objectContaining({ code: 'INTERNAL.INVARIANT' }))
  expect([...slots.from(0)]).toEqual(values)
})

test('nodes are used again: memory follows the slots that are there, not the history', () => {
  const slots = over([])
  for (let slot = 0; slot < 50_000; slot += 1) {
    slots.insert(slot % 7, slot)
    if (slot >= 50) slots.remove((slot - 50) % 7, slot - 50)
  }
  slots.clear(3)
  expect(slots.byteLength).toBeLessThan(4096)
})

test('a change costs some 2 log n comparisons, in one partition of a million slots as in many of ten', () => {
  const values = Array.from({ length: 1_000_000 }, (_, index) => (index * 7919) % 1_000_003)
  const one = over(values)
  for (let slot = 0; slot < 1_000_000; slot += 1) one.insert(0, slot)
  const before = one.comparisons
  for (let slot = 0; slot < 1000; slot += 1) {
    one.remove(0, slot)
    one.insert(0, slot)
  }
  expect((one.comparisons - before) / 2000).toBeLessThan(60)
  expect(one.rank(0, one.at(0, 500_000))).toBe(500_000)
  // 16 bytes a slot, with room for twice as many at the most.
  expect(one.byteLength).toBeLessThan(33_600_000)

  const many = over(values)
  for (let slot = 0; slot < 1_000_000; slot += 1) many.insert(slot % 100_000, slot)
  expect(many.comparisons / 1_000_000).toBeLessThan(10)
  expect(many.size(99_999)).toBe(10)
  expect(many.byteLength).toBeLessThan(34_200_000)
})
