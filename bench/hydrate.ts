import { spawnSync, spawn } from 'node:child_process'
import { loadavg } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { prepareTables, PUBLICATION } from './backlog.ts'
import { median, type Bench, type Round } from './bench.ts'
import { buildChildren, Child } from './child.ts'
import type { SideRun } from './child-message.ts'
import { benchServer, type BenchServer } from './server.ts'

const WRITE_EVERY_MS = 10
/** The columns of `visit` that our view needs. */
const COPY = 'COPY (SELECT user_id, restaurant_id, amount_spent, visit_rating FROM visit) TO STDOUT'

/** Rows per second from the first chunk until the view over them is live, while other rows are being written. */
export const hydrate: Bench = {
  name: 'hydrate',
  what: 'rows/s of the snapshot of 1 M visits, interleaved with the stream, into a live view that is verified',
  unit: 'rows/s',
  goal: { ratio: 0.5, better: 'higher' },
  async run({ quick, log }) {
    const version = psqlVersion()
    const visits = quick ? 300_000 : 1_000_000
    const count = quick ? 3 : 5
    log('compiling')
    await buildChildren()
    log('starting a server')
    await using server = await benchServer()
    log(`writing ${visits} visits`)
    await prepareTables(server, { users: 100_000, restaurants: 10_000 })
    await server.query(fill(visits))
    await server.query('VACUUM (ANALYZE) visit')
    await server.query('CHECKPOINT')
    const rounds: Round[] = []
    const runs: SideRun[] = []
    let written = 0
    for (let index = 0; index < count; index += 1) {
      const [load = 0] = loadavg()
      const writer = await startWriter(server, visits)
      const runOurs = async (): Promise<number> => {
        await using child = new Child('hydrate-side', [server.url, PUBLICATION])
        const run = await child.run()
        await child.ended()
        runs.push(run)
        return visits / run.seconds
      }
      const runPeer = async (): Promise<number> =>
        visits / (version === null ? await runCopySide(server) : await runPsql(server))
      const first = index % 2 === 0 ? await runOurs() : null
      const peer = await runPeer()
      const round = { ours: first ?? (await runOurs()), peer, load }
      written += await writer.stop()
      rounds.push(round)
      log(`round ${index + 1} of ${count}: ours ${round.ours.toFixed(0)}, peer ${round.peer.toFixed(0)}`)
    }
    return {
      peer:
        version === null
          ? 'a session of our own that reads the COPY and drops it (not psql)'
          : `${version}, COPY to /dev/null`,
      rounds,
      notes: [
        `${visits} visits and 10 000 restaurants, PostgreSQL ${server.version}, Node ${process.versions.node}; ` +
          `${(written / count).toFixed(0)} single-row updates a round meanwhile`,
        'a left join with count, avg and sum by 10 000 groups, equal to its SQL after each round',
        'ours from the start of the reading, in a new process, until every row is in the view; the peer as its \\timing says',
        `our process used ${median(runs.map((run) => run.cpuSeconds / run.seconds)).toFixed(2)} cores and up to ` +
          `${(Math.max(...runs.map((run) => run.maxRssBytes)) / 1e6).toFixed(0)} MB`,
      ],
    }
  },
}

/** Visits in no order of their keys, as an application writes them: ten a user. */
function fill(visits: number): string {
  return `INSERT INTO visit SELECT i % 100000 + 1, 'r' || (i::int8 * 7919 + i / 100000) % 10000, i % 9973 / 100.0, nullif(i % 6, 0)
    FROM generate_series(0, ${visits - 1}) i`
}

/** Updates one visit after the other until it is stopped, and returns how many. */
async function startWriter(server: BenchServer, visits: number): Promise<{ stop(): Promise<number> }> {
  const client = new pg.Client({ connectionString: server.url })
  await client.connect()
  let isStopped = false
  let count = 0
  const work = (async () => {
    while (!isStopped) {
      const i = (count * 7919) % visits
      const key = [(i % 100_000) + 1, `r${(i * 7919 + Math.floor(i / 100_000)) % 10_000}`]
      const { rowCount } = await client.query(
        'UPDATE visit SET visit_rating = coalesce(visit_rating, 0) % 5 + 1 WHERE (user_id, restaurant_id) = ($1, $2)',
        key,
      )
      if (rowCount !== 1) throw new Error('the writer found no visit')
      count += 1
      await sleep(WRITE_EVERY_MS)
    }
  })()
  return {
    async stop() {
      isStopped = true
      await work
      await client.end()
      return count
    },
  }
}

function psqlVersion(): string | null {
  const { status, stdout } = spawnSync('psql', ['--version'], { encoding: 'utf8' })
  return status === 0 ? stdout.trim() : null
}

/** The seconds that psql itself measures from sending the statement to its end. */
function runPsql({ url }: BenchServer): Promise<number> {
  const args = [
    '--no-psqlrc',
    '--quiet',
    '--output=/dev/null',
    '--command=\\timing on',
    `--command=${COPY}`,
    url,
  ]
  const child = spawn('psql', args, {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, LC_ALL: 'C' },
  })
  return new Promise((resolve, reject) => {
    let said = ''
    child.stdout.on('data', (chunk: Buffer) => {
      said += chunk.toString()
    })
    child.on('error', reject)
    child.on('close', () => {
      const ms = /Time: ([\d.]+) ms/.exec(said)?.[1]
      if (ms === undefined) reject(new Error(`psql told no time:\n${said}`))
      else resolve(Number(ms) / 1000)
    })
  })
}

async function runCopySide({ url }: BenchServer): Promise<number> {
  await using child = new Child('copy-side', [url, COPY])
  const { seconds } = await child.run()
  await child.ended()
  return seconds
}
