import { figuresOf, type Bench, type Measurement } from './bench.ts'

/** The one line of `--json`: `{"bench","ours","peer","ratio","goal"}`. */
export function formatJson(bench: Bench, measurement: Measurement): string {
  const { ours, peer, ratio } = figuresOf(bench, measurement.rounds)
  return JSON.stringify({
    bench: bench.name,
    ours: round(ours),
    peer: round(peer),
    ratio: round(ratio),
    goal: bench.goal.ratio,
  })
}

/** The table for people: each round, the medians, the goal, and what was measured. */
export function formatTable(bench: Bench, measurement: Measurement): string {
  const { ours, peer, ratio, isReached } = figuresOf(bench, measurement.rounds)
  const rows = [
    ['round', 'ours', 'peer', 'ratio', 'load'],
    ...measurement.rounds.map((each, index) => [
      String(index + 1),
      formatNumber(each.ours),
      formatNumber(each.peer),
      formatNumber(each.ours / each.peer),
      each.load.toFixed(1),
    ]),
    ['median', formatNumber(ours), formatNumber(peer), formatNumber(ratio), ''],
  ]
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? []
  const lines = rows.map((row) => row.map((cell, column) => cell.padStart(widths[column] ?? 0)).join('  '))
  const sign = bench.goal.better === 'higher' ? '>=' : '<='
  return [
    `${bench.name}: ${bench.what}`,
    `peer: ${measurement.peer}; figures in ${bench.unit}`,
    '',
    ...lines,
    '',
    `goal: ratio ${sign} ${bench.goal.ratio}, ${isReached ? 'reached' : 'missed'}`,
    ...measurement.notes.map((note) => `- ${note}`),
  ].join('\n')
}

/** Four significant digits, all digits of what is larger. */
function round(value: number): number {
  return Math.abs(value) >= 1000 ? Math.round(value) : Number(value.toPrecision(4))
}

function formatNumber(value: number): string {
  return round(value).toLocaleString('en-US', { maximumFractionDigits: 3 })
}
