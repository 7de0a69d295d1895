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
