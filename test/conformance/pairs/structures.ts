import { AXES, AXIS_NAMES, isPossible, PLAIN, type Axis, type Choice, type PartialChoice } from './axes.ts'

/** Every feature alone, on an otherwise plain query. */
export function singles(): readonly Choice[] {
  return features().flatMap((feature) => plainly(feature) ?? [])
}

/** Every two features together, on an otherwise plain query; without those that exclude each other. */
export function doubles(): readonly Choice[] {
  const all = features()
  return all.flatMap((a, index) =>
    all
      .slice(index + 1)
      .filter((b) => axisOf(a) !== axisOf(b))
      .flatMap((b) => plainly({ ...a, ...b }) ?? []),
  )
}

function features(): readonly PartialChoice[] {
  return AXIS_NAMES.flatMap((axis) =>
    AXES[axis].filter((value) => value !== PLAIN[axis]).map((value): PartialChoice => ({ [axis]: value })),
  )
}

function axisOf(feature: PartialChoice): Axis | undefined {
  return AXIS_NAMES.find((axis) => feature[axis] !== undefined)
}

/** The plainest query that has the features; null if there is none. */
function plainly(known: PartialChoice): Choice | null {
  const helpers: readonly PartialChoice[] = [
    {},
    { join: 'inner' },
    { aggregate: 'count' },
    { group: 'one' },
    { join: 'inner', aggregate: 'count' },
    { join: 'inner', group: 'one' },
  ]
  for (const helper of helpers) {
    const choice: Choice = { ...PLAIN, ...helper, ...known }
    if (isPossible(choice)) return choice
  }
  return null
}
