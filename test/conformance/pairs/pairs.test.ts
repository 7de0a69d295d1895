import { randomInt } from 'node:crypto'
import { expect, test } from 'vitest'
import { testDatabase } from '../../support/database.ts'
import { CASES } from './cases.ts'
import { coveringArray, possibleTriples, randomChoice, triplesOf } from './covering-array.ts'
import type { Choice } from './axes.ts'
import { definePair, Refusals, type Defined, type FailedPair } from './define-pairs.ts'
import { viewOf } from './define-spec.ts'
import { randomHistory } from './history.ts'
import { Lab } from './lab.ts'
import { Random } from './random.ts'
import { explain, runPairs } from './run-pairs.ts'
import { doubles, singles } from './structures.ts'

const SEED = Number(process.env['DBSYNC_SEED'] ?? randomInt(1 << 30))
const SOAK = process.env['SOAK'] === '1'
/** How many query-history pairs a run has at least. */
const PAIRS = Number(process.env['DBSYNC_PAIRS'] ?? (SOAK ? 50_000 : 0))
const TRANSACTIONS = 8
/** Views in one network over one history. */
const BATCH = 40

/** Runs pairs in batches, each over a history of its own; answers the first faults, cut down. */
async function faults(
  lab: Lab,
  random: Random,
  pairs: readonly Defined[],
  activity: Activity,
): Promise<readonly string[]> {
  const failed: FailedPair[] = []
  for (let at = 0; at < pairs.length && failed.length < 5; at += BATCH) {
    const batch = pairs.slice(at, at + BATCH)
    failed.push(...(await runPairs(lab, batch, randomHistory(random, TRANSACTIONS), activity.note)))
  }
  const texts: string[] = []
  for (const [index, pair] of failed.slice(0, 5).entries())
    texts.push(await explain(lab, `seed ${SEED}, ${index}`, pair))
  return texts
}

/** Which views ever had rows, and which had other rows now and then. */
class Activity {
  readonly #states = new Map<string, Set<string>>()

  readonly note = (view: string, rows: readonly string[]): void => {
    const states = this.#states.get(view) ?? new Set<string>()
    this.#states.set(view, states.add(rows.join('\n')))
  }

  /** The share of the views that were not empty all the time. */
  get filled(): number {
    return this.#share((states) => [...states].some((state) => state !== ''))
  }

  /** The share of the views that had three different states at least. */
  get moving(): number {
    return this.#share((states) => states.size > 2)
  }

  #share(has: (states: ReadonlySet<string>) => boolean): number {
    const all = [...this.#states.values()]
    return all.filter(has).length / all.length
  }
}

async function define(
  lab: Lab,
  random: Random,
  choices: readonly Choice[],
  refusals: Refusals,
): Promise<readonly Defined[]> {
  await lab.reset()
  for (const statements of randomHistory(random, 1)) await lab.commit(statements, [])
  const defined: Defined[] = []
  for (const choice of choices) {
    const pair = await definePair(random, `v${refusals.accepted}`, choice, refusals, (view) =>
      lab.hasRows(view),
    )
    if (pair !== null) defined.push(pair)
  }
  return defined
}

test('the kept cases answer as Postgres after every transaction', async () => {
  await using db = await testDatabase({ schema: 'empty' })
  const lab = await Lab.open(db)
  const random = new Random(SEED)
  const activity = new Activity()
  const all = CASES.map(({ name, query, history, fails }) => ({
    choice: null,
    spec: query,
    view: viewOf(name, query),
    history,
    fails: fails === true,
  }))
  const found = [...(await faults(lab, random, all, activity))]
  for (const { history, fails, ...pair } of all) {
    if (history === undefined) continue
    let answered = 0
    const failed = await runPairs(lab, [pair], history, () => (answered += 1))
    found.push(...failed.flatMap((one) => one.found))
    // Before the first transaction there is an answer too.
    if (fails !== answered <= history.length) found.push(`${pair.view.name} answered ${answered} times`)
  }
  expect(found, `DBSYNC_SEED=${SEED}`).toEqual([])
}, 300_000)

test(
  'queries of every feature alone, of every three together and at random answer as Postgres over random histories',
  async () => {
    await using db = await testDatabase({ schema: 'empty' })
    const lab = await Lab.open(db)
    const random = new Random(SEED)
    const refusals = new Refusals()
    const activity = new Activity()
    const covering: Defined[] = []
    const left = new Set(possibleTriples())
    // What could not be defined is tried in other company.
    for (let round = 0; round < 10 && left.size > 0; round += 1) {
      covering.push(...(await define(lab, random, coveringArray(random, left), refusals)))
      for (const { choice } of covering)
        for (const triple of choice === null ? [] : triplesOf(choice)) left.delete(triple)
    }
    const small = await define(
      lab,
      random,
      [...singles(), ...(SOAK ? doubles() : random.sample(doubles(), 20))],
      refusals,
    )
    const found = [...(await faults(lab, random, [...small, ...covering], activity))]
    for (
      let pairs = small.length + covering.length;
      found.length === 0 && (pairs < PAIRS || pairs === small.length + covering.length);
    ) {
      const tail = await define(
        lab,
        random,
        Array.from({ length: BATCH }, () => randomChoice(random)),
        refusals,
      )
      found.push(...(await faults(lab, random, tail, activity)))
      pairs += tail.length
    }
    expect(
      [...refusals.crashes.map(({ spec, found: [text] }) => [JSON.stringify(spec), text]), ...found],
      `DBSYNC_SEED=${SEED}`,
    ).toEqual([])

    expect([...left], `DBSYNC_SEED=${SEED}`).toEqual([])
    expect(covering.length).toBeGreaterThan(500)
    // A generator that is mostly refused, or whose views stay empty, proves nothing.
    const share = refusals.refused / (refusals.refused + refusals.accepted)
    if (share > 0.45) throw new Error(`${share} of the queries are refused:\n${refusals.table}`)
    expect(activity.filled).toBeGreaterThan(0.45)
    // Between 0.23 and 0.29 by the seed.
    expect(activity.moving).toBeGreaterThan(0.15)
  },
  SOAK ? 36_000_000 : 600_000,
)
