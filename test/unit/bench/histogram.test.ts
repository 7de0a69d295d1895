import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { formatNs, Histogram } from '../../../bench/core/histogram.ts'

function histogramOf(durations: readonly number[]): Histogram {
  const histogram = new Histogram()
  for (const duration of durations) histogram.record(duration)
  return histogram
}

describe('a histogram of durations', () => {
  test('tells percentiles at most a sixteenth too large and never too small, and the longest exactly', () => {
    const duration = fc.oneof(
      fc.double({ min: 1, max: 100, noNaN: true }),
      fc.double({ min: 1, max: 1e10, noNaN: true }),
      fc.constantFrom(1, 2, 1024, 1023.999),
    )
    fc.assert(
      fc.property(
        fc.array(duration, { minLength: 1, maxLength: 60 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (durations, share) => {
          const histogram = histogramOf(durations)
          const sorted = durations.toSorted((a, b) => a - b)
          const exact = sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN
          const told = histogram.percentile(share)
          expect(told).toBeGreaterThanOrEqual(exact)
          expect(told).toBeLessThanOrEqual(exact * (1 + 1 / 16))
          expect(histogram.max).toBe(sorted.at(-1))
          expect(histogram.total).toBe(durations.length)
        },
      ),
    )
  })

  test('of nothing has no percentile', () => {
    expect(() => new Histogram().percentile(0.5)).toThrow('a percentile of nothing')
  })

  test('is shown by doublings, those that never occurred left out', () => {
    const lines = histogramOf([700, 800, 1_000, 5e6]).lines()
    expect(lines.map((line) => line.trim().split(/\s{2,}/))).toEqual([
      ['512 ns to 1.02 us', '3', '##################################'],
      ['4.19 ms to 8.39 ms', '1', '#################'],
    ])
  })

  test.each([
    [0.4, '0 ns'],
    [999, '999 ns'],
    [1_500, '1.5 us'],
    [1_234_567, '1.23 ms'],
  ])('writes %d nanoseconds as %s', (ns, text) => {
    expect(formatNs(ns)).toBe(text)
  })
})
