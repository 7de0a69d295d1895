import { loadavg } from 'node:os'
import { median, type Bench, type Round } from './bench.ts'
import { buildChildren, Child } from './child.ts'
import type { Pauses } from './child-message.ts'
import type { CoreView } from './core/engine.ts'
import { formatNs } from './core/histogram.ts'
import type { EngineRun } from './core/run-engine.ts'
import { FULL_SIZE, QUICK_SIZE } from './core/workload.ts'

type EngineName = 'ours' | 'map' | 'db-ivm' | 'd2ts'

/** Enough for the peers, which keep several objects a row. */
const HEAP = ['--max-old-space-size=12288']
const PAUSE_GOAL_NS = 1e6

/** Single-row transactions per second of the operator core alone: ours and peers over the same bytes. */
export const core: Bench = {
  name: 'core',
  what: 'transactions of one update/s, operator core alone, average by group over 1 M rows in 10 k groups',
  unit: 'transactions/s',
  goal: { ratio: 30, better: 'higher' },
  async run({ quick, log }) {
    const size = quick ? QUICK_SIZE : FULL_SIZE
    log('compiling')
    await buildChildren()
    const runs = new Map<string, EngineRun[]>()
    const measure = async (name: EngineName, view: CoreView, isShort = false): Promise<EngineRun> => {
      const title = `${view}${isShort ? '-short' : ''} ${name}`
      log(title)
      await using child = new Child('core-side', [name, view, String(quick), String(isShort)], HEAP)
      const run = await child.engineRun()
      await child.ended()
      runs.set(title, [...(runs.get(title) ?? []), run])
      return run
    }
    const rounds: Round[] = []
    const count = quick ? 2 : 3
    for (let index = 0; index < count; index += 1) {
      const [load = 0] = loadavg()
      const names: readonly EngineName[] =
        index % 2 === 0 ? ['ours', 'map', 'db-ivm'] : ['db-ivm', 'map', 'ours']
      const singles = new Map<EngineName, number>()
      for (const name of names) singles.set(name, (await measure(name, 'average')).single)
      rounds.push({ ours: singles.get('ours') ?? 0, peer: singles.get('db-ivm') ?? 0, load })
      for (const name of names) await measure(name, 'join')
    }
    // Too slow for the whole workload.
    if (!quick) for (const name of ['ours', 'd2ts'] as const) await measure(name, 'average', true)
    requireSameViews(runs)
    log('pauses')
    const transactions = quick ? 300_000 : 1_000_000
    const args = [size.visits, size.restaurants, transactions].map(String)
    await using child = new Child('pause-side', args, HEAP)
    const pauses = await child.pauses()
    await child.ended()
    return {
      peer: '@tanstack/db-ivm 0.2.0',
      rounds,
      notes: [
        `${size.visits} visits, ${size.restaurants} restaurants, Node ${process.versions.node}; every engine decodes the same bytes of the WAL, a ` +
          'process for each run; all views equal',
        ...tableOf('average', runs),
        ...tableOf('average-short', runs),
        ...tableOf('join', runs),
        ...ratioNotes(runs),
        ...pauseNotes(pauses, transactions, size.visits),
      ],
    }
  },
}

/** Throws unless all engines showed the same at the end; runs are listed by what was kept and by whom. */
export function requireSameViews(runs: ReadonlyMap<string, readonly Pick<EngineRun, 'checksum'>[]>): void {
  const expected = new Map<string, number>()
  for (const [title, list] of runs) {
    const [view = ''] = title.split(' ')
    for (const { checksum } of list) {
      if ((expected.get(view) ?? checksum) !== checksum)
        throw new Error(`${title} shows another view than the others`)
      expected.set(view, checksum)
    }
  }
}

const FIGURES = ['load', 'single', 'read', 'batched', 'renames'] as const

/** The medians of one figure, or NaN where it was not measured. */
function medianOf(
  runs: ReadonlyMap<string, readonly EngineRun[]>,
  title: string,
  figure: (typeof FIGURES)[number],
): number {
  const list = runs.get(title) ?? []
  return list.length === 0 ? Number.NaN : median(list.map((run) => run[figure]))
}

function tableOf(
  view: CoreView | 'average-short',
  runs: ReadonlyMap<string, readonly EngineRun[]>,
): readonly string[] {
  return [...runs.keys()]
    .filter((title) => title.startsWith(`${view} `))
    .map((title) => {
      const figures = FIGURES.map((figure) => [figure, medianOf(runs, title, figure)] as const)
        .filter(([figure, value]) => value > 0 && (view === 'join' || figure !== 'renames'))
        .map(([figure, value]) => `${figure} ${Math.round(value).toLocaleString('en-US')}`)
      return `${title}, each a second: ${figures.join(', ')}`
    })
}

function ratioNotes(runs: ReadonlyMap<string, readonly EngineRun[]>): readonly string[] {
  return (['average', 'join'] as const).map((view) => {
    const ratios = FIGURES.filter((figure) => view === 'join' || figure !== 'renames').map((figure) => {
      const ours = medianOf(runs, `${view} ours`, figure)
      const [ivm, map] = ['db-ivm', 'map'].map((peer) =>
        Number((ours / medianOf(runs, `${view} ${peer}`, figure)).toPrecision(3)),
      )
      return `${figure} ${ivm} and ${map}`
    })
    return `${view}, ours to db-ivm and to the hand-written Map: ${ratios.join('; ')}`
  })
}

function pauseNotes(pauses: Pauses, transactions: number, rows: number): readonly string[] {
  const [p50 = 0, p99 = 0, p999 = 0] = pauses.percentiles
  return [
    `pauses: ${transactions} transactions without a break over ${rows} rows, a subscriber told of each: p50 ${formatNs(p50)}, ` +
      `p99 ${formatNs(p99)} (goal: below 1 ms, ${p99 < PAUSE_GOAL_NS ? 'reached' : 'missed'}), p99.9 ${formatNs(p999)}, ` +
      `max ${formatNs(pauses.max)}; a loop that does nothing: max ${formatNs(pauses.machineMax)}`,
    ...pauses.lines,
  ]
}
