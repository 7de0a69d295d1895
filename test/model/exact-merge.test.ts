import { describe, expect, test } from 'vitest'
import { explore, type Exploration, type Outcome } from './explore.ts'
import { Replay, textOf, textOfModel, type Flaw, type Ranges } from './replay.ts'
import type { ModelTable, Statement } from './server-model.ts'

/*
 * Every way in which a few transactions, the snapshots of chunks and their watermarks can interleave, each delivered
 * to the shipped merge: the rows at the end are the server's. Controls with a part left out go wrong in the same runs.
 */

const row = (name: string): { small: string; large: string } => ({ small: name, large: `LARGE ${name}` })
const rows = (...keys: string[]): ModelTable => new Map(keys.map((key) => [key, row(`${key}0`)]))

const insert = (key: string, name = `${key} in`): Statement => ({ kind: 'insert', key, row: row(name) })
const update = (key: string): Statement => ({ kind: 'update', key, row: row(`${key} up`) })
const touch = (key: string): Statement => ({ kind: 'touch', key, small: `${key} touched` })
const remove = (key: string): Statement => ({ kind: 'delete', key })
const move = (key: string, to: string): Statement => ({ kind: 'move', key, to })

interface Result {
  readonly outcomes: number
  readonly runs: number
  readonly wrong: string[]
}

function check(space: Exploration, ranges: Ranges, flaw: Flaw, identity: 'd' | 'f' = 'd'): Result {
  const replay = new Replay(identity)
  const wrong: string[] = []
  let outcomes = 0
  let runs = 0
  explore(space, (outcome) => {
    outcomes += 1
    const truth = textOfModel(outcome.truth)
    for (let delay = 0; delay <= laterEntries(outcome); delay += 1) {
      runs += 1
      const found = textOf(replay.run(outcome, space.start, ranges, delay, flaw))
      if (found !== truth && wrong.length < 5) wrong.push(describeOutcome(outcome, delay, truth, found))
    }
  })
  return { outcomes, runs, wrong }
}

/** How many entries of the WAL come after the first watermark: a merge may wait for as many. */
function laterEntries({ wal }: Outcome): number {
  return wal.length - 1 - wal.findIndex(({ kind }) => kind === 'watermark')
}

function describeOutcome(outcome: Outcome, delay: number, truth: string, found: string): string {
  const wal = outcome.wal.map((entry) => (entry.kind === 'commit' ? entry.transaction.xid : 'watermark'))
  const programs = outcome.executed.map(({ xid, statements }) => `${xid}: ${JSON.stringify(statements)}`)
  const snapshots = outcome.snapshots.map(({ text }) => text)
  return [
    `truth ${truth}`,
    `found ${found}`,
    ...programs,
    `wal ${wal.join(' ')}`,
    `snapshots ${snapshots.join(' ')}`,
    `delay ${delay}`,
  ].join('\n')
}

const ONE_KEY = [[update('1')], [touch('1')], [remove('1')], [insert('1')]]
const ALL: Ranges = [new Set(['1', '2', '3'])]
const CONTROLS = ['no fold', 'list alone', 'xmax alone'] as const
/** Of transactions that wait for each other none is in the list of a snapshot that another one is past. */
const CONTROLS_OF_ONE_KEY = ['no fold', 'list alone'] as const

describe('three transactions on one key', () => {
  for (const start of [rows('1'), rows()]) {
    const space: Exploration = {
      start,
      programs: ONE_KEY,
      transactions: 3,
      chunks: 1,
      firstXid: 4_294_967_294,
    }
    const name = start.size === 0 ? 'that is not there' : 'that is there'
    test(`${name} end as on the server, whenever the chunk is read and merged`, () => {
      const { outcomes, runs, wrong } = check(space, ALL, 'none')
      expect(wrong).toEqual([])
      expect([outcomes > 50, runs > outcomes]).toEqual([true, true])
    })
    test(`${name} go wrong without the fold, or with half the visibility`, () => {
      expect(CONTROLS_OF_ONE_KEY.filter((flaw) => check(space, ALL, flaw).wrong.length === 0)).toEqual([])
    })
  }
})

const LAYOUTS: Readonly<Record<string, Ranges>> = {
  'one chunk': ALL,
  'a chunk for each key': [new Set(['1']), new Set(['2', '3'])],
  'a chunk for each key, the other way round': [new Set(['2', '3']), new Set(['1'])],
}

const SWAP = [move('1', '3'), move('2', '1'), move('3', '2')]

/** Ways in which two transactions may touch two keys, and the few that matter among three. */
const PROGRAMS: Readonly<Record<2 | 3, readonly (readonly Statement[])[]>> = {
  2: [
    [update('1')],
    [touch('1')],
    [remove('1')],
    [insert('1')],
    [touch('2')],
    [update('2')],
    [move('1', '2')],
    [move('2', '1')],
    [remove('2'), move('1', '2')],
    [move('1', '2'), insert('1', '1 anew')],
    [touch('1'), move('1', '3'), move('3', '1'), update('2')],
    SWAP,
  ],
  3: [[touch('1')], [touch('2')], [insert('1')], [move('1', '3')], [remove('2'), move('1', '2')], SWAP],
}

describe('transactions on two keys, which they also move and swap, end as on the server', () => {
  for (const transactions of [2, 3] as const) {
    for (const [name, ranges] of Object.entries(LAYOUTS)) {
      for (const identity of ['d', 'f'] as const) {
        // Three take long; the other way round shows nothing that two do not.
        if (transactions === 3 && name.endsWith('round')) continue
        const full = `REPLICA IDENTITY ${identity === 'd' ? 'DEFAULT' : 'FULL'}`
        test(`${transactions} of them, ${name}, ${full}`, () => {
          const space: Exploration = {
            start: rows('1', '2'),
            programs: PROGRAMS[transactions],
            transactions,
            chunks: ranges.length,
            firstXid: 10,
          }
          const { runs, wrong } = check(space, ranges, 'none', identity)
          expect(wrong).toEqual([])
          expect(runs).toBeGreaterThan(400)
        })
      }
    }
  }

  test('and go wrong without the fold, or with half the visibility', () => {
    const space: Exploration = {
      start: rows('1', '2'),
      programs: PROGRAMS[2],
      transactions: 2,
      chunks: 1,
      firstXid: 10,
    }
    expect(CONTROLS.filter((flaw) => check(space, ALL, flaw).wrong.length === 0)).toEqual([])
  })
})
