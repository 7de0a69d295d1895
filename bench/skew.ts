import { loadavg } from 'node:os'
import { median, type Bench, type Round } from './bench.ts'
import { buildChildren, Child } from './child.ts'

const LARGE_GROUP = 10_000
const SMALL_GROUP = 10

/** Whether an update costs more in a large group than in a small one. */
export const skew: Bench = {
  name: 'skew',
  what: 'updates/s in groups of 10 000 distinct values, beside groups of 10',
  unit: 'transactions/s',
  goal: { ratio: 0.7, better: 'higher' },
  async run({ quick, log }) {
    const visits = quick ? 200_000 : 1_000_000
    const updates = quick ? 100_000 : 500_000
    log('compiling')
    await buildChildren()
    const rounds: Round[] = []
    const extremes: Round[] = []
    const count = quick ? 3 : 5
    for (let index = 0; index < count; index += 1) {
      const [load = 0] = loadavg()
      const sizes = index % 2 === 0 ? [LARGE_GROUP, SMALL_GROUP] : [SMALL_GROUP, LARGE_GROUP]
      const figures = new Map<number, Readonly<Record<string, number>>>()
      for (const size of sizes) {
        await using child = new Child('skew-side', [visits, size, updates].map(String))
        figures.set(size, await child.figures())
        await child.ended()
      }
      const roundOf = (view: 'average' | 'extremes'): Round => ({
        ours: figures.get(LARGE_GROUP)?.[view] ?? 0,
        peer: figures.get(SMALL_GROUP)?.[view] ?? 0,
        load,
      })
      rounds.push(roundOf('average'))
      extremes.push(roundOf('extremes'))
      log(`round ${index + 1} of ${count}`)
    }
    const large = median(extremes.map((round) => round.ours))
    const small = median(extremes.map((round) => round.peer))
    return {
      peer: `ours in groups of ${SMALL_GROUP}`,
      rounds,
      notes: [
        `${visits} visits, all ratings distinct before and after each of ${updates} updates, each a transaction; Node ${process.versions.node}`,
        'the figures above: average by group',
        `min and max by group: ${Math.round(large).toLocaleString('en-US')} and ${Math.round(small).toLocaleString('en-US')} a second, ` +
          `ratio ${(large / small).toPrecision(3)}; an ordered set of all values is kept, whose depth is the logarithm of their number`,
      ],
    }
  },
}
