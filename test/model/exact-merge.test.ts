import { describe, expect, test } from 'vitest'
import { checkSpace, MUTANT_NAMES, SOUND_NAMES } from './check-space.ts'
import type { Ranges } from './consumer.ts'
import { canonical, type ModelTable, type Program, type Statement } from './server-model.ts'
import type { Space } from './steps.ts'

/*
 * Every way in which a few transactions and a consumer can get in each other's way, each played through the shipped code.
 *
 * Model. A server with one table: a transaction has its id, writes (and holds its row locks, TRUNCATE the table's), its
 * commit record reaches the WAL, it becomes visible (and lets go). A consumer: makes a slot, is delivered the WAL, reads
 * a chunk with its snapshot, finds the chunk's watermark in the WAL and merges; probes what is visible and confirms;
 * crashes, or loses its stream alone, and starts again on the slot it finds. Any step that can be taken may be next
 * (steps.ts), and explore.ts goes through all sequences. Sequences that nobody could tell apart are one outcome.
 *
 * Consumer. What decides is the package's own: TransactionAssembler, Pipeline with its rule of confirmation, Unsettled,
 * Replica, ChangeApplier, mergeChunk, seesAllOf, on bytes as a server writes them (consumer.ts). The model stands in for
 * the server and for time. Each outcome is run with chunks merged at their watermark and any number of entries later.
 *
 * Verdict. The rows at the end are the server's, for every consumer of SOUND in every outcome. And the same exploration
 * finds each of MUTANTS out, consumers that leave one part away (check-space.ts): the textbook's two watermarks; no fold;
 * half of the visibility; no waiting for what a new slot has seen; confirming what is applied before it is visible.
 *
 * The numbers of behaviours are asserted, so that an exploration cannot shrink unnoticed: behaviours, those of them in
 * which no chunk is read too early, outcomes. Set SOAK=1 for four transactions, which takes minutes.
 */

const row = (name: string): { small: string; large: string } => ({ small: name, large: `LARGE ${name}` })
const rows = (...keys: string[]): ModelTable => canonical(new Map(keys.map((key) => [key, row(`${key}0`)])))

const insert = (key: string, name = `${key} in`): Statement => ({ kind: 'insert', key, row: row(name) })
const update = (key: string): Statement => ({ kind: 'update', key, row: row(`${key} up`) })
const touch = (key: string): Statement => ({ kind: 'touch', key, small: `${key} touched` })
const remove = (key: string): Statement => ({ kind: 'delete', key })
const move = (key: string, to: string): Statement => ({ kind: 'move', key, to })
const truncate: Statement = { kind: 'truncate' }

const ONE_ROW: readonly Program[] = [[update('1')], [touch('1')], [remove('1')], [insert('1')], [truncate]]
const SWAP = [move('1', '3'), move('2', '1'), move('3', '2')]
const TWO_ROWS: readonly Program[] = [
  ...ONE_ROW,
  [touch('2')],
  [update('2')],
  [move('1', '2')],
  [move('2', '1')],
  [remove('2'), move('1', '2')],
  [move('1', '2'), insert('1', '1 anew')],
  [touch('1'), move('1', '3'), move('3', '1'), update('2')],
  [truncate, insert('1', '1 anew')],
  SWAP,
]
/** The few that matter among three. */
const TWO_ROWS_FEW: readonly Program[] = [
  [touch('1')],
  [touch('2')],
  [insert('1')],
  [move('1', '3')],
  [remove('2'), move('1', '2')],
  [truncate],
  SWAP,
]

const ALL: Ranges = [new Set(['1', '2', '3'])]
const BY_KEY: Ranges = [new Set(['1']), new Set(['2', '3'])]

interface Finding {
  readonly behaviours: number
  readonly allowed: number
  readonly outcomes: number
  /** Consumers that must be right and are not. */
  readonly unsound: readonly string[]
  readonly reports: readonly string[]
  /** Mutants that nothing tells from the truth. */
  readonly undetected: readonly string[]
}

/** Explores a space, holds all consumers against it and prints what there was. */
function check(space: Space, ranges: Ranges, identity: 'd' | 'f' = 'd'): Finding {
  const startMs = performance.now()
  const { behaviours, allowed, outcomes, runs, wrong, reports } = checkSpace(space, ranges, identity)
  const seconds = ((performance.now() - startMs) / 1_000).toFixed(1)
  console.log(`${behaviours} behaviours, ${outcomes} outcomes, ${runs} runs, ${seconds} s`, wrong)
  // What is confirmed is lost only with a process that knew more.
  const mutants = MUTANT_NAMES.filter((name) => space.ending === 'crash' || name !== 'confirm before settled')
  return {
    behaviours,
    allowed,
    outcomes,
    unsound: SOUND_NAMES.filter((name) => wrong[name] > 0),
    reports,
    undetected: mutants.filter((name) => wrong[name] === 0),
  }
}

/** What a check must find: exactly so much, nothing unsound, every mutant. */
function exactly(behaviours: number, allowed: number, outcomes: number): Finding {
  return { behaviours, allowed, outcomes, unsound: [], reports: [], undetected: [] }
}

const oneRow = (transactions: number, ending: Space['ending'], start: ModelTable): Space => ({
  start,
  programs: ONE_ROW,
  transactions,
  ids: 'any order',
  chunks: 1,
  ending,
})

const twoRows = (
  transactions: number,
  ids: Space['ids'],
  chunks: number,
  ending: Space['ending'],
): Space => ({
  start: rows('1', '2'),
  programs: transactions === 2 ? TWO_ROWS : TWO_ROWS_FEW,
  transactions,
  ids,
  chunks,
  ending,
})

describe(
  'transactions on one row end as on the server, and every mutant is found out',
  { timeout: 600_000 },
  () => {
    test('three, however the chunk comes, the row being there', () => {
      expect(check(oneRow(3, null, rows('1')), ALL)).toEqual(exactly(40_104, 37_536, 6_984))
    })
    test('three, however the chunk comes, the row not being there', () => {
      expect(check(oneRow(3, null, rows()), ALL)).toEqual(exactly(19_296, 18_156, 3_384))
    })
    test('three, whenever the consumer confirms and crashes', () => {
      expect(check(oneRow(3, 'crash', rows('1')), ALL)).toEqual(exactly(91_260_192, 60_287_436, 27_432))
    })
    test('two, whenever the stream is lost', () => {
      const programs = [[touch('1')], [remove('1')], [insert('1')]]
      expect(check({ ...oneRow(2, 'lost stream', rows('1')), programs }, ALL)).toEqual(
        exactly(737_520, 570_228, 8_550),
      )
    })
  },
)

describe(
  'transactions on two rows, which they also move and swap, end as on the server, and every mutant is found out',
  { timeout: 600_000 },
  () => {
    for (const identity of ['d', 'f'] as const) {
      const name = `REPLICA IDENTITY ${identity === 'd' ? 'DEFAULT' : 'FULL'}`
      test(`three, one chunk, ${name}`, () => {
        expect(check(twoRows(3, 'as written', 1, null), ALL, identity)).toEqual(
          exactly(135_946, 115_710, 5_738),
        )
      })
      test(`two, a chunk for each row, ${name}`, () => {
        expect(check(twoRows(2, 'as written', 2, null), BY_KEY, identity)).toEqual(
          exactly(80_840, 71_612, 5_320),
        )
      })
    }
    test('two, a chunk for each row, the other way round', () => {
      expect(check(twoRows(2, 'as written', 2, null), BY_KEY.toReversed())).toEqual(
        exactly(80_840, 71_612, 5_320),
      )
    })
    test('two, whenever the consumer confirms and crashes', () => {
      expect(check(twoRows(2, 'any order', 1, 'crash'), ALL)).toEqual(exactly(10_828_448, 5_737_488, 9_260))
    })
  },
)

describe.runIf(process.env['SOAK'] === '1')('at length', { timeout: 3_600_000 }, () => {
  test('four transactions on one row, however the chunk comes', () => {
    expect(check(oneRow(4, null, rows('1')), ALL)).toEqual(exactly(998_352, 944_928, 150_912))
    expect(check(oneRow(4, null, rows()), ALL)).toEqual(exactly(486_864, 462_528, 73_728))
  })
  test('four transactions on one row, whenever the consumer confirms and crashes', () => {
    expect(check(oneRow(4, 'crash', rows('1')), ALL)).toEqual(
      exactly(15_640_570_944, 10_397_267_952, 771_696),
    )
  })
  test('four transactions on two rows', () => {
    expect(check(twoRows(4, 'as written', 1, null), ALL)).toEqual(exactly(2_869_956, 2_470_700, 50_112))
  })
  test('three transactions on two rows, a chunk for each row', () => {
    expect(check(twoRows(3, 'as written', 2, null), BY_KEY)).toEqual(exactly(1_211_820, 1_051_578, 28_218))
  })
  test('three transactions on two rows, whenever the consumer confirms and crashes', () => {
    expect(check(twoRows(3, 'as written', 1, 'crash'), ALL)).toEqual(
      exactly(356_224_578, 175_845_616, 21_915),
    )
  })
  test('two transactions, whenever the stream is lost', () => {
    expect(check(oneRow(2, 'lost stream', rows('1')), ALL)).toEqual(exactly(2_368_028, 1_939_060, 29_254))
    expect(check(twoRows(2, 'as written', 1, 'lost stream'), ALL)).toEqual(
      exactly(22_997_626, 17_050_946, 133_060),
    )
  })
})
