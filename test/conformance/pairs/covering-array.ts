import { AXES, AXIS_NAMES, isPossible, PLAIN, type Axis, type Choice, type PartialChoice } from './axes.ts'
import type { Random } from './random.ts'

/** All combinations of values of three axes that a query can have together, each as a text. */
export function possibleTriples(): ReadonlySet<string> {
  const triples = new Set<string>()
  for (const [a, b, c] of axisTriples()) {
    for (const x of AXES[a]) {
      for (const y of AXES[b]) {
        for (const z of AXES[c]) {
          const choice: PartialChoice = { [a]: x, [b]: y, [c]: z }
          if (isPossible(choice) && complete(choice)) triples.add(textOf(choice, [a, b, c]))
        }
      }
    }
  }
  return triples
}

/** The combinations of three that a choice covers. */
export function triplesOf(choice: Choice): readonly string[] {
  return axisTriples().map((axes) => textOf(choice, axes))
}

/** Choices that together cover combinations of three values. */
export function coveringArray(random: Random, triples: ReadonlySet<string>): readonly Choice[] {
  const left = new Set(triples)
  const rows: Choice[] = []
  for (const triple of left) {
    let best: Choice | null = null
    let most = 0
    for (let attempt = 0; attempt < 8; attempt += 1) {
      const row = completed(random, parse(triple))
      const gain = triplesOf(row).filter((text) => left.has(text)).length
      if (gain > most) [best, most] = [row, gain]
    }
    if (best === null) throw new Error(`no choice has ${triple}`)
    rows.push(best)
    for (const text of triplesOf(best)) left.delete(text)
  }
  return rows
}

/** A choice at random, plain in most. */
export function randomChoice(random: Random): Choice {
  for (;;) {
    const choice: Choice = { ...PLAIN }
    const other = completed(random, {})
    const taken = AXIS_NAMES.filter(() => random.once(3)).map((axis) => [axis, other[axis]])
    const mixed: Choice = { ...choice, ...Object.fromEntries(taken) }
    if (isPossible(mixed)) return mixed
  }
}

function completed(random: Random, known: PartialChoice): Choice {
  for (let attempt = 0; attempt < 1_000; attempt += 1) {
    const choice: { -readonly [A in Axis]?: Choice[A] } = { ...known }
    for (const axis of random.shuffle(AXIS_NAMES)) {
      if (choice[axis] !== undefined) continue
      const possible = AXES[axis].filter((value) => isPossible({ ...choice, [axis]: value }))
      if (possible.length === 0) break
      Object.assign(choice, { [axis]: random.pick(possible) })
    }
    if (isWhole(choice)) return choice
  }
  throw new Error(`nothing completes ${JSON.stringify(known)}`)
}

function complete(known: PartialChoice): boolean {
  // The plainest values are possible with almost everything; the others are what some need.
  const others: readonly PartialChoice[] = [
    {},
    { group: 'one' },
    { aggregate: 'count' },
    { group: 'one', aggregate: 'count' },
    { join: 'inner' },
    { join: 'inner', group: 'one' },
    { join: 'inner', aggregate: 'count' },
    { join: 'inner', group: 'one', aggregate: 'count' },
  ]
  return others.some((other) => isPossible({ ...PLAIN, ...other, ...known }))
}

function isWhole(choice: PartialChoice): choice is Choice {
  return AXIS_NAMES.every((axis) => choice[axis] !== undefined)
}

function textOf(choice: PartialChoice, axes: readonly Axis[]): string {
  return axes.map((axis) => `${axis}=${choice[axis]}`).join(' ')
}

function parse(text: string): PartialChoice {
  return Object.fromEntries(text.split(' ').map((part) => part.split('=')))
}

let known: (readonly [Axis, Axis, Axis])[] = []

function axisTriples(): readonly (readonly [Axis, Axis, Axis])[] {
  if (known.length > 0) return known
  known = AXIS_NAMES.flatMap((a, i) =>
    AXIS_NAMES.slice(i + 1).flatMap((b, j) =>
      AXIS_NAMES.slice(i + j + 2).map((c): readonly [Axis, Axis, Axis] => [a, b, c]),
    ),
  )
  return known
}
