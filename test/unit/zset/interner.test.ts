import fc from 'fast-check'
import { expect, test } from 'vitest'
import { mix32 } from '../../../src/zset/hash.ts'
import { Interner } from '../../../src/zset/interner.ts'

const text = fc.oneof(
  fc.string({ maxLength: 12, unit: 'grapheme' }),
  fc.constantFrom('', 'a', 'aaaa', 'aaaab', 'é', '日本', 'x'.repeat(300)),
)

test('equal strings share an id while somebody holds them, and every id tells its string', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.boolean(), text, fc.nat()), { maxLength: 300 }), (steps) => {
      const interner = new Interner()
      const held = new Map<string, { id: number; count: number }>()
      for (const [adds, word, pick] of steps) {
        if (adds) {
          const bytes = Buffer.from(`<${word}>`)
          const id = interner.intern(bytes, 1, bytes.length - 1)
          const known = held.get(word)
          if (known !== undefined && known.id !== id) throw new Error('one string has two ids')
          held.set(word, { id, count: (known?.count ?? 0) + 1 })
        } else if (held.size > 0) {
          const [chosen, entry] = [...held][pick % held.size] ?? ['', { id: 0, count: 0 }]
          interner.release(entry.id)
          entry.count -= 1
          if (entry.count === 0) held.delete(chosen)
        }
        expect(interner.size).toBe(held.size)
      }
      const ids = new Set([...held.values()].map(({ id }) => id))
      expect(ids.size).toBe(held.size)
      for (const [word, { id }] of held) {
        expect(interner.text(id)).toBe(word)
        const bytes = Buffer.from(word)
        expect(interner.find(bytes, 0, bytes.length)).toBe(id)
      }
      for (const [a, one] of held) {
        for (const [b, other] of held) {
          expect(Math.sign(interner.compare(one.id, other.id))).toBe(
            Buffer.compare(Buffer.from(a), Buffer.from(b)),
          )
        }
      }
    }),
    { numRuns: 150 },
  )
})

test('a string that nobody holds is not found', () => {
  const interner = new Interner()
  const bytes = Buffer.from('gone')
  const id = interner.intern(bytes, 0, 4)
  interner.acquire(id)
  interner.release(id)
  expect(interner.find(bytes, 0, 4)).toBe(id)
  interner.release(id)
  expect(interner.find(bytes, 0, 4)).toBe(0)
})

test('memory stays bounded while strings come and go', () => {
  const interner = new Interner()
  const held: number[] = []
  for (let round = 0; round < 200_000; round += 1) {
    const bytes = Buffer.from(`a rather long text, number ${round}`)
    held.push(interner.intern(bytes, 0, bytes.length))
    if (held.length > 100) interner.release(held.shift() ?? 0)
  }
  expect(interner.size).toBe(100)
  expect(interner.byteLength).toBeLessThan(64 * 1024)
  expect(interner.text(held[0] ?? 0)).toBe('a rather long text, number 199900')
})

test('strings whose hashes collide stay apart', () => {
  // Among 300 000 strings about ten pairs share a 32-bit hash.
  const interner = new Interner()
  const ids = new Set<number>()
  const bytes = Buffer.alloc(8)
  for (let number = 0; number < 300_000; number += 1) {
    bytes.writeInt32LE(mix32(number), 0)
    bytes.writeInt32LE(mix32(number ^ 0x5555_5555), 4)
    ids.add(interner.intern(bytes, 0, 8))
  }
  expect(ids.size).toBe(300_000)
})
