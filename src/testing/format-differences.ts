import type { Difference } from './compare-view.ts'
import { formatRow, splitColumns } from './format-row.ts'

/** Differences for people: first how many of which kind, then the first ones, each with the columns that are wrong. */
export function formatDifferences(differences: readonly Difference[], maxRows: number): string {
  const kinds = { missing: 0, extra: 0, wrong: 0 }
  for (const difference of differences) kinds[kindOf(difference)] += 1
  const counts = `${rowsText(kinds.missing)} missing, ${rowsText(kinds.extra)} too many, ${rowsText(kinds.wrong)} wrong`
  // SQL gives its rows in no particular order; the same differences are one text.
  const placed = differences.toSorted((a, b) => (textOf(a) < textOf(b) ? -1 : 1))
  const shown = placed.slice(0, maxRows).map((difference) => describe(difference))
  const rest = differences.length - shown.length
  return [counts, ...shown, ...(rest > 0 ? [`  and ${rest} more`] : [])].join('\n')
}

function textOf({ expected, actual }: Difference): string {
  return formatRow(expected ?? actual ?? {})
}

function kindOf({ expected, actual }: Difference): 'missing' | 'extra' | 'wrong' {
  if (actual === null) return 'missing'
  return expected === null ? 'extra' : 'wrong'
}

/** A number of rows, in words. */
export function rowsText(count: number): string {
  return `${count} row${count === 1 ? '' : 's'}`
}

function describe({ expected, actual }: Difference): string {
  if (actual === null) return `  missing  ${formatRow(expected ?? {})}`
  if (expected === null) return `  too many ${formatRow(actual)}`
  const { wrong, right } = splitColumns(expected, actual)
  const lines = wrong.map(
    (name) => `    ${name}: is ${actual[name] ?? 'absent'}, must be ${expected[name] ?? 'absent'}`,
  )
  const place = formatRow(right)
  return [`  wrong    ${place}`, ...lines].join('\n')
}
