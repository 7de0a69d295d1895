import fc from 'fast-check'
import { expect, test } from 'vitest'
import { compareWords, OrderedMultiset } from '../../../src/zset/ordered-multiset.ts'

interface Value {
  readonly word0: number
  readonly word1: number
}

function big({ word0, word1 }: Value): bigint {
  return (BigInt(word0) << 32n) | BigInt(word1 >>> 0)
}

test('several sets in one pool keep their least and greatest value under deletes', () => {
  const word = fc.oneof(fc.integer({ min: -2, max: 2 }), fc.constantFrom(0x7fff_ffff, -0x8000_0000))
  const step = fc.record({
    set: fc.nat({ max: 3 }),
    adds: fc.boolean(),
    word0: word,
    word1: word,
    pick: fc.nat(),
  })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
      const pool = new OrderedMultiset(compareWords)
      const roots = [0, 0, 0, 0]
      const models: Value[][] = [[], [], [], []]
      for (const { set, adds, word0, word1, pick } of steps) {
        const model = models[set] ?? []
        if (adds) {
          roots[set] = pool.add(roots[set] ?? 0, word0, word1)
          model.push({ word0, word1 })
        } else if (model.length > 0) {
          const [gone] = model.splice(pick % model.length, 1)
          if (gone !== undefined) roots[set] = pool.remove(roots[set] ?? 0, gone.word0, gone.word1)
        }
        models.forEach((values, index) => {
          const sorted = values.map(big).toSorted((a, b) => (a < b ? -1 : a > b ? 1 : 0))
          const first = pool.first(roots[index] ?? 0)
          const last = pool.last(roots[index] ?? 0)
          expect(first === 0 ? undefined : big({ word0: pool.word0(first), word1: pool.word1(first) })).toBe(
            sorted[0],
          )
          expect(last === 0 ? undefined : big({ word0: pool.word0(last), word1: pool.word1(last) })).toBe(
            sorted.at(-1),
          )
        })
      }
    }),
    { numRuns: 150 },
  )
})

test('nodes are used again: memory follows the values that are there, not the history', () => {
  const pool = new OrderedMultiset(compareWords)
  let root = 0
  for (let value = 0; value < 50_000; value += 1) {
    root = pool.add(root, value, 0)
    if (value >= 50) root = pool.remove(root, value - 50, 0)
  }
  expect(pool.byteLength).toBeLessThan(4096)
  expect(pool.word0(pool.first(root))).toBe(49_950)
})

test('rising values stay logarithmic: comparisons per change hardly grow with the set', () => {
  let comparisons = 0
  const pool = new OrderedMultiset((a0, a1, b0, b1) => {
    comparisons += 1
    return compareWords(a0, a1, b0, b1)
  })
  let root = 0
  for (let value = 0; value < 20_000; value += 1) root = pool.add(root, value, 0)
  for (let value = 0; value < 20_000; value += 7) root = pool.remove(root, value, 0)
  expect(comparisons / 20_000).toBeLessThan(100)
})

test('a value is held while copies of it are there', () => {
  const held: number[] = []
  const pool = new OrderedMultiset(compareWords, {
    acquire: (id) => held.push(id),
    release: (id) => held.splice(held.indexOf(id), 1),
  })
  let root = pool.add(0, 7, 0)
  root = pool.add(root, 7, 0)
  root = pool.remove(root, 7, 0)
  expect(held).toEqual([7])
  expect(pool.remove(root, 7, 0)).toBe(0)
  expect(held).toEqual([])
})
