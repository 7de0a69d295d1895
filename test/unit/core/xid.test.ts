import fc from 'fast-check'
import { expect, test } from 'vitest'
import { widenXid, xid, xid8 } from '../../../src/core/xid.ts'

const LOW = 2n ** 32n

/** The 64-bit id with these low bits that is nearest to the reference; the older one of two as near. */
function nearest(low: bigint, reference: bigint): bigint {
  const epoch = reference / LOW
  let best: bigint | null = null
  for (const candidate of [epoch - 1n, epoch, epoch + 1n].map((high) => high * LOW + low)) {
    const distance = candidate > reference ? candidate - reference : reference - candidate
    const shortest = best === null ? null : best > reference ? best - reference : reference - best
    if (shortest === null || distance < shortest) best = candidate
  }
  return best ?? 0n
}

const reference = fc.oneof(
  fc.bigInt({ min: 3n, max: 2n ** 40n }),
  fc
    .tuple(
      fc.bigInt({ min: 0n, max: 9n }),
      fc.constantFrom(0n, 2n ** 31n, LOW),
      fc.bigInt({ min: -3n, max: 3n }),
    )
    .map(([epoch, base, step]) => epoch * LOW + base + step)
    .filter((value) => value >= 3n),
)

test('an id of the stream widens to the one of the full ids that is nearest to the reference', () => {
  fc.assert(
    fc.property(reference, fc.bigInt({ min: -(2n ** 31n), max: 2n ** 31n - 1n }), (around, step) => {
      const full = around + step
      fc.pre(full >= 0n)
      const narrow = xid(Number(BigInt.asUintN(32, full)))
      expect(widenXid(narrow, xid8(around))).toBe(full)
      expect(nearest(BigInt(narrow), around)).toBe(full)
    }),
  )
})

test('widening crosses the epoch in both directions', () => {
  expect(widenXid(xid(0xffff_ffff), xid8(LOW + 5n))).toBe(LOW - 1n)
  expect(widenXid(xid(3), xid8(LOW - 1n))).toBe(LOW + 3n)
  expect(widenXid(xid(3), xid8(7n * LOW - 1n))).toBe(7n * LOW + 3n)
  expect(widenXid(xid(0x8000_0000), xid8(5n * LOW + 0x8000_0001n))).toBe(5n * LOW + 0x8000_0000n)
})
