import { describe, expect, test } from 'vitest'
import { percentile } from '../../../bench/latency.ts'

describe('a percentile', () => {
  const hundred = Array.from({ length: 100 }, (_, index) => 100 - index)

  test.each([
    [0.5, 50],
    [0.99, 99],
    [1, 100],
    [0, 1],
  ])('of %d is the value that so large a share does not exceed', (share, expected) => {
    expect(percentile(hundred, share)).toBe(expected)
  })

  test('of one value is that value, and of none there is none', () => {
    expect(percentile([7], 0.99)).toBe(7)
    expect(() => percentile([], 0.5)).toThrow('a percentile of nothing')
  })
})
