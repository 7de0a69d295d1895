import { mkdtemp, rm } from 'node:fs/promises'
import { loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { setTimeout as sleep } from 'node:timers/promises'
import { prepareTables, PUBLICATION } from './backlog.ts'
import { median, type Bench, type Round } from './bench.ts'
import { buildChildren, Child } from './child.ts'
import type { SideRun } from './child-message.ts'
import { benchServer, type BenchServer } from './server.ts'

/** Rows that change while nobody streams. */
const MISSED = 1_000
const WATCH_MS = 4_000
const WRITE_EVERY_MS = 2

interface Side {
  readonly run: SideRun
  readonly figures: Readonly<Record<string, number>>
}

/** Coming back to a state of 1 M rows: from a file, or by reading the tables. */
export const restart: Bench = {
  name: 'restart',
  what: 'rows/s of state at which a new process comes back on its slot, with 1 000 changes that it missed',
  unit: 'rows/s',
  goal: { ratio: 10, better: 'higher' },
  async run({ quick, log }) {
    const visits = 1_000_000
    const count = quick ? 3 : 7
    log('compiling')
    await buildChildren()
    log('starting a server')
    await using server = await benchServer()
    log(`writing ${visits} visits`)
    await prepareTables(server, { users: 100_000, restaurants: 10_000 })
    await server.query(fill(visits))
    await server.query('VACUUM (ANALYZE) visit')
    await server.query('CHECKPOINT')
    const folder = await mkdtemp(join(tmpdir(), 'dbsync-bench-'))
    try {
      const ours = (watchMs = 0): Promise<Side> =>
        runSide([server.url, PUBLICATION, 'kept', folder, String(watchMs)])
      const peer = (): Promise<Side> => runSide([server.url, PUBLICATION, 'scratch', ''])
      log('leaving a state, and a slot without one')
      await ours()
      await peer()
      const rounds: Round[] = []
      const sides: Side[] = []
      for (let index = 0; index < count; index += 1) {
        const [load = 0] = loadavg()
        await miss(server, index)
        const first = index % 2 === 0 ? await ours() : null
        const scratch = await peer()
        const back = first ?? (await ours())
        if (back.figures['loads'] !== 1) throw new Error('the state was not used')
        sides.push(back)
        rounds.push({ ours: visits / back.run.seconds, peer: visits / scratch.run.seconds, load })
        log(
          `round ${index + 1} of ${count}: ours ${back.run.seconds.toFixed(3)} s, ` +
            `peer ${scratch.run.seconds.toFixed(3)} s`,
        )
      }
      log('saving under load')
      const busy = await withWriter(server, visits, () => ours(WATCH_MS))
      const of = (name: string): number => median(sides.map(({ figures }) => figures[name] ?? Number.NaN))
      return {
        peer: 'the same sync without a folder: all tables are read anew over the stream',
        rounds,
        notes: [
          `${visits} visits and 10 000 restaurants, PostgreSQL ${server.version}, Node ${process.versions.node}; ${MISSED} updates missed`,
          'a left join with count, avg and sum by 10 000 groups, equal to its SQL after each round',
          'both from start() until catchUp() has returned, in a new process, on a slot that was there',
          `the state: ${(of('bytes') / 1e6).toFixed(1)} MB, saved in ${of('saveMs').toFixed(0)} ms, of which the stream waited for ` +
            `${of('pauseMs').toFixed(1)} ms`,
          `${busy.figures['saves']} saves under ${Math.round(1000 / WRITE_EVERY_MS)} updates a second at most: longest copy ` +
            `${(busy.figures['pauseMs'] ?? 0).toFixed(1)} ms, longest turn of the event loop ${(busy.figures['turnMs'] ?? 0).toFixed(1)} ms`,
          `CPU of the process meanwhile: ${median(sides.map(({ run }) => run.cpuSeconds)).toFixed(3)} s`,
        ],
      }
    } finally {
      await rm(folder, { recursive: true })
    }
  },
}

async function runSide(args: readonly string[]): Promise<Side> {
  await using child = new Child('restart-side', args)
  const run = await child.run()
  const figures = await child.figures()
  await child.ended()
  return { run, figures }
}

/** Visits in no order of their keys, as an application writes them: ten a user. */
function fill(visits: number): string {
  return `INSERT INTO visit SELECT i % 100000 + 1, 'r' || (i::int8 * 7919 + i / 100000) % 10000, i % 9973 / 100.0, nullif(i % 6, 0)
    FROM generate_series(0, ${visits - 1}) i`
}

async function miss(server: BenchServer, round: number): Promise<void> {
  await server.query(
    `UPDATE visit SET amount_spent = ${round + 1} WHERE user_id > ${round * 100} AND user_id <= ${round * 100 + MISSED / 10}`,
  )
}

/** Updates one visit after the other meanwhile. */
async function withWriter<T>(server: BenchServer, visits: number, work: () => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: server.url })
  await client.connect()
  let isStopped = false
  const writing = (async () => {
    for (let count = 0; !isStopped; count += 1) {
      const i = (count * 7919) % visits
      await client.query(
        'UPDATE visit SET visit_rating = coalesce(visit_rating, 0) % 5 + 1 WHERE (user_id, restaurant_id) = ($1, $2)',
        [(i % 100_000) + 1, `r${(i * 7919 + Math.floor(i / 100_000)) % 10_000}`],
      )
      await sleep(WRITE_EVERY_MS)
    }
  })()
  try {
    return await work()
  } finally {
    isStopped = true
    await writing
    await client.end()
  }
}
