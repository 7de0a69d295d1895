import { loadavg } from 'node:os'
import { eq } from '../src/views/build/comparisons.ts'
import { compileViews } from '../src/views/compile/compile.ts'
import { count, sum } from '../src/views/build/aggregates.ts'
import { defineView } from '../src/views/define-view.ts'
import { indexColumnsOf } from '../src/views/check/view-indexes.ts'
import { Restaurant, schema, Visit } from '../generated/dbsync/index.ts'
import type { Bench, Round } from './bench.ts'

const LEVELS = 1000

const spending = defineView(
  'spending',
  (q) =>
    q
      .from({ r: Restaurant })
      .leftJoin({ v: Visit }, ({ r, v }) => eq(v.restaurantId, r.id))
      .groupBy(({ r }) => [r.id, r.rating])
      .select(({ r, v }) => ({
        id: r.id,
        rating: r.rating,
        visits: count(v.userId),
        spent: sum(v.amountSpent),
      })),
  { indexes: [['rating']] },
)

/** CPU time, which other work on the machine stretches less than the clock. */
function cpuSeconds(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1e6
}

/** Reads a second of a view that nobody changes meanwhile: by key, by an index, and all rows after one change. */
export const reads: Bench = {
  name: 'reads',
  what: 'gets/s by a text key, in random order, from a view whose rows have been read before',
  unit: 'gets/s',
  goal: { ratio: 0.3, better: 'higher' },
  run({ quick, log }) {
    const rows = quick ? 100_000 : 1_000_000
    const replica = compileViews(schema, [spending.ir])
    const table = replica.tables.get('Restaurant')
    const view = replica.views.get('spending')
    if (table === undefined || view === undefined) throw new Error('the view has no table')
    const put = (id: string, rating: number): void => {
      const slot = table.allocate()
      for (const column of table.columns) {
        const bytes = Buffer.from(column.contract.field === 'id' ? id : String(rating))
        column.read(slot, bytes, 0, bytes.length)
      }
      const live = table.find(slot)
      if (live < 0) table.insert(slot)
      else table.replace(live, slot)
    }
    log(`putting ${rows} rows`)
    for (let row = 0; row < rows; row += 1) put(`r${row}`, row % LEVELS)
    for (const index of indexColumnsOf(spending)) view.addIndex(index)
    // Made anew, so that no side finds its own string objects.
    const keys = Array.from({ length: rows }, (_, row) => `r${(row * 7919) % rows}`)
    const map = new Map([...view.rows()].map((row) => [String(row['id']), row]))
    const perSecond = (get: (key: string) => unknown): number => {
      const start = cpuSeconds()
      let found = 0
      for (const key of keys) if (get(key) !== undefined) found += 1
      if (found !== rows) throw new Error(`found ${found} of ${rows} rows`)
      return rows / (cpuSeconds() - start)
    }
    const rounds: Round[] = []
    for (let round = 0; round < (quick ? 3 : 7); round += 1) {
      const [load = 0] = loadavg()
      const ours = perSecond((key) => view.get(key))
      const peer = perSecond((key) => map.get(key))
      // The first round is the compiler's.
      if (round > 0) rounds.push({ ours, peer, load })
    }
    const notes = [`${rows} rows, Node ${process.versions.node}, by CPU time`, ...othersOf()]
    return Promise.resolve({ peer: 'a Map of the same row objects', rounds, notes })

    /** What the other ways to read cost. */
    function othersOf(): readonly string[] {
      if (view === undefined) return []
      let start = cpuSeconds()
      let found = 0
      for (let rating = 0; rating < LEVELS; rating += 1) found += view.where({ rating }).length
      const first = cpuSeconds() - start
      start = cpuSeconds()
      for (let turn = 0; turn < 100; turn += 1) {
        for (let rating = 0; rating < LEVELS; rating += 1) found += view.where({ rating }).length
      }
      const again = cpuSeconds() - start
      if (found !== rows * 101) throw new Error(`found ${found} rows by the index`)
      start = cpuSeconds()
      for (let row = 0; row < 10_000; row += 1) {
        put(`r${row}`, (row + 1) % LEVELS)
        if (view.where({ rating: (row + 1) % LEVELS }).length === 0) throw new Error('the row is not found')
      }
      const changed = cpuSeconds() - start
      view.all()
      start = cpuSeconds()
      for (let turn = 0; turn < 10; turn += 1) {
        put('r0', turn)
        view.all()
      }
      const list = (cpuSeconds() - start) / 10
      return [
        `where over ${LEVELS} values: ${Math.round(rows / first).toLocaleString('en-US')} rows/s at first, ` +
          `${Math.round((LEVELS * 100) / again).toLocaleString('en-US')} answers/s again, ` +
          `${((changed / 10_000) * 1e6).toFixed(0)} us for a change and an answer of ${rows / LEVELS} rows`,
        `all rows after one change: ${(list * 1000).toFixed(1)} ms`,
      ]
    }
  },
}
