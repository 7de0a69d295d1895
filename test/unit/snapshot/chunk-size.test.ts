import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ChunkSize } from '../../../src/snapshot/chunk-size.ts'

const MIN = 50
const MAX = 50_000
const MIB = 1024 * 1024

test('a chunk is never smaller or larger than its bounds and never more than doubles', () => {
  const step = fc.oneof(
    fc.tuple(
      fc.integer({ min: 0, max: MAX }),
      fc.integer({ min: 0, max: 4_000_000_000 }),
      fc.double({ min: 0, max: 1e7, noNaN: true }),
    ),
    fc.constant('halve' as const),
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      const size = new ChunkSize()
      for (const one of steps) {
        const before = size.rows
        if (one === 'halve') size.halve()
        else size.note(...one)
        expect(Number.isInteger(size.rows)).toBe(true)
        expect(size.rows).toBeGreaterThanOrEqual(MIN)
        expect(size.rows).toBeLessThanOrEqual(Math.min(MAX, before * 2))
      }
    }),
  )
})

test('fast narrow chunks grow to the largest, slow or wide ones shrink to what 150 ms and 8 MiB hold', () => {
  const size = new ChunkSize()
  for (let turn = 0; turn < 8; turn += 1) size.note(size.rows, size.rows * 20, 1)
  expect(size.rows).toBe(MAX)
  size.note(50_000, MIB, 3_000)
  expect(size.rows).toBe(2_500)
  size.note(2_500, 40 * MIB, 1)
  expect(size.rows).toBe(500)
  size.note(1_000, MIB, 200)
  expect(size.rows).toBe(750)
  size.halve()
  expect(size.rows).toBe(375)
  size.note(375, 375 * MIB, 1)
  expect(size.rows).toBe(MIN)
  size.halve()
  expect(size.rows).toBe(MIN)
})

test('an empty chunk teaches nothing', () => {
  const size = new ChunkSize()
  const before = size.rows
  size.note(0, 0, 10_000)
  expect(size.rows).toBe(before)
})
