import { describe, expect, test } from 'vitest'
import { figuresOf, median, type Bench, type Measurement } from '../../../bench/bench.ts'
import { formatJson, formatTable } from '../../../bench/report.ts'

const bench: Bench = {
  name: 'drain',
  what: 'rows through a backlog',
  unit: 'rows/s',
  goal: { ratio: 0.9, better: 'higher' },
  run: () => Promise.reject(new Error('not run here')),
}

const measurement: Measurement = {
  peer: 'pg_recvlogical',
  notes: ['what was measured'],
  rounds: [
    { ours: 90_000.4, peer: 100_000, load: 0.5 },
    { ours: 10, peer: 90_000, load: 4 },
    { ours: 110_000, peer: 110_000, load: 0.5 },
  ],
}

describe('figures', () => {
  test('a median is the middle value, or the mean of the two in the middle', () => {
    expect(median([9, 1, 5])).toBe(5)
    expect(median([4, 1, 3, 100])).toBe(3.5)
    expect(() => median([])).toThrow('a median of nothing')
  })

  test('the ratio is that of the medians, so that one disturbed round does not decide', () => {
    expect(figuresOf(bench, measurement.rounds).ratio).toBeCloseTo(0.900_004, 6)
  })

  test.each([
    ['higher', 0.9, true],
    ['higher', 0.91, false],
    ['lower', 0.91, true],
    ['lower', 0.89, false],
  ] as const)(
    'where %s is better, a ratio of 0.9 against a goal of %d is judged',
    (better, ratio, reached) => {
      expect(figuresOf({ goal: { better, ratio } }, [{ ours: 9, peer: 10, load: 0 }]).isReached).toBe(reached)
    },
  )
})

describe('reports', () => {
  test('the JSON line has five fields and nothing else', () => {
    const line = formatJson(bench, measurement)
    expect(line).toBe('{"bench":"drain","ours":90000,"peer":100000,"ratio":0.9,"goal":0.9}')
  })

  test('small figures keep four significant digits', () => {
    const rounds = [{ ours: 3.456_78, peer: 0.012_345_6, load: 0 }]
    expect(JSON.parse(formatJson(bench, { ...measurement, rounds }))).toMatchObject({
      ours: 3.457,
      peer: 0.012_35,
    })
  })

  test('the table shows each round, the medians, the peer, the goal and the notes', () => {
    const table = formatTable(bench, measurement)
    expect(table).toContain('peer: pg_recvlogical; figures in rows/s')
    expect(table).toMatch(/2 +10 +90,000 +0 +4\.0/)
    expect(table).toMatch(/median +90,000 +100,000 +0\.9/)
    expect(table).toContain('goal: ratio >= 0.9, reached\n- what was measured')
  })
})
