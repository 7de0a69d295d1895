import fc from 'fast-check'
import { expect, test } from 'vitest'
import { WordMap } from '../../../src/zset/word-map.ts'

/** Few different words, so that keys meet, and some that differ only in high bits. */
const word = fc.oneof(fc.integer({ min: -3, max: 3 }), fc.constantFrom(1 << 30, -0x8000_0000, 0x7fff_ffff))

test('a map over words answers as a Map of texts, however keys come and go', () => {
  for (const width of [1, 2, 3]) {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.boolean(), fc.array(word, { minLength: width, maxLength: width })), {
          maxLength: 400,
        }),
        (steps) => {
          const stride = width + 1
          const holder = { words: new Int32Array(stride * 500) }
          const offsets = Array.from({ length: width }, (_, index) => index + 1)
          const map = new WordMap(holder, stride, offsets)
          const model = new Map<string, number>()
          const probe = new Int32Array(width + 5)
          const probeOffsets = offsets.map((offset) => offset + 3)
          let next = 0
          for (const [adds, key] of steps) {
            const name = key.join()
            key.forEach((item, index) => {
              probe[index + 4] = item
            })
            const known = model.get(name) ?? -1
            expect(map.find(probe, 0, probeOffsets)).toBe(known)
            if (adds && known < 0) {
              key.forEach((item, index) => {
                holder.words[next * stride + index + 1] = item
              })
              map.add(next)
              model.set(name, next)
              next += 1
            } else if (!adds && known >= 0) {
              map.delete(known)
              model.delete(name)
            }
            expect(map.size).toBe(model.size)
          }
          for (const [name, entry] of model) {
            name.split(',').forEach((item, index) => {
              probe[index + 4] = Number(item)
            })
            expect(map.find(probe, 0, probeOffsets)).toBe(entry)
          }
        },
      ),
      { numRuns: 60 },
    )
  }
})

test('sequential keys are found after heavy delete and reuse', () => {
  const holder = { words: new Int32Array(60_000) }
  const map = new WordMap(holder, 1, [0])
  const probe = new Int32Array(1)
  for (let entry = 0; entry < 60_000; entry += 1) {
    holder.words[entry] = entry * 8
    map.add(entry)
    if (entry >= 1000) map.delete(entry - 1000)
  }
  expect(map.size).toBe(1000)
  const wrong: number[] = []
  for (let entry = 0; entry < 60_000; entry += 1) {
    probe[0] = entry * 8
    if (map.find(probe, 0, [0]) !== (entry < 59_000 ? -1 : entry)) wrong.push(entry)
  }
  expect(wrong).toEqual([])
})

test('an entry number beyond the places is found', () => {
  const holder = { words: new Int32Array(5001) }
  holder.words[5000] = 7
  const map = new WordMap(holder, 1, [0])
  map.add(5000)
  expect(map.find(Int32Array.of(7), 0, [0])).toBe(5000)
  map.delete(5000)
  expect(map.find(Int32Array.of(7), 0, [0])).toBe(-1)
})

test('dense keys cost at most four places an entry, and stay found when sparse ones come', () => {
  const holder = { words: new Int32Array(20_000) }
  const map = new WordMap(holder, 1, [0])
  const add = (entry: number, key: number): void => {
    holder.words[entry] = key
    map.add(entry)
  }
  const find = (key: number): number => map.find(Int32Array.of(key), 0, [0])
  for (let entry = 0; entry < 10_000; entry += 1) add(entry, entry + 1)
  // By value: one place a key up to the next power of two, where hashing takes 32 768.
  expect(map.byteLength).toBe(16_384 * 4)
  expect(find(0)).toBe(-1)
  expect(find(10_001)).toBe(-1)
  expect(find(-1)).toBe(-1)
  // Ten thousand entries allow no place for this one's value.
  add(10_000, 1_000_000)
  expect(map.byteLength).toBeLessThanOrEqual(32_768 * 4)
  add(10_001, -5)
  map.delete(7)
  const wrong: number[] = []
  for (let key = 1; key <= 10_000; key += 1) if (find(key) !== (key === 8 ? -1 : key - 1)) wrong.push(key)
  expect(wrong).toEqual([])
  expect([find(1_000_000), find(-5), find(0), map.size]).toEqual([10_000, 10_001, -1, 10_001])
})

test('few keys far apart take no memory by their value', () => {
  const holder = { words: Int32Array.of(3, 2_000_000_000, 900_000) }
  const map = new WordMap(holder, 1, [0])
  for (const entry of [0, 1, 2]) map.add(entry)
  expect(map.byteLength).toBeLessThan(1024)
  expect(map.find(Int32Array.of(2_000_000_000), 0, [0])).toBe(1)
})
