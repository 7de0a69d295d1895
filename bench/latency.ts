import { loadavg } from 'node:os'
import { prepareTables, PUBLICATION } from './backlog.ts'
import { median, type Bench, type Round } from './bench.ts'
import { buildChildren, Child } from './child.ts'
import { benchServer, type BenchServer } from './server.ts'

/** How one round of one side is driven. */
interface Load {
  readonly perSecond: number
  /** Transactions whose latency does not count. */
  readonly warmup: number
  readonly measured: number
}

/** Milliseconds from the commit. */
interface Percentiles {
  readonly p50: number
  readonly p99: number
}

/** From a commit until its change is in the view. */
export const latency: Bench = {
  name: 'latency',
  what: 'commit to view visible at 1 000 transactions/s, p50, the view verified',
  unit: 'ms',
  goal: { ratio: 1.2, better: 'lower' },
  async run({ quick, log }) {
    const load: Load = { perSecond: 1_000, warmup: quick ? 1_000 : 2_000, measured: quick ? 2_500 : 8_000 }
    const count = quick ? 3 : 5
    log('compiling')
    await buildChildren()
    log('starting a server')
    await using server = await benchServer()
    // A restaurant for each transaction of a round.
    await prepareTables(server, { users: 10_000, restaurants: 10_000 })
    const rounds: Round[] = []
    const ours: Percentiles[] = []
    const peers: Percentiles[] = []
    const rates: number[] = []
    for (let index = 0; index < count; index += 1) {
      const [machineLoad = 0] = loadavg()
      const runOurs = async (): Promise<number> => {
        const run = await measure(server, 'latency-side', load)
        rates.push(run.perSecond)
        ours.push(run)
        return run.p50
      }
      const runPeer = async (): Promise<number> => {
        await server.query("SELECT pg_create_logical_replication_slot('peer', 'pgoutput')")
        const run = await measure(server, 'first-byte-side', load)
        rates.push(run.perSecond)
        peers.push(run)
        await server.query("SELECT pg_drop_replication_slot('peer')")
        return run.p50
      }
      const first = index % 2 === 0 ? await runOurs() : null
      const peer = await runPeer()
      const round = { ours: first ?? (await runOurs()), peer, load: machineLoad }
      rounds.push(round)
      log(
        `round ${index + 1} of ${count}: ours ${round.ours.toFixed(3)} ms, peer ${round.peer.toFixed(3)} ms; ` +
          `p99 ${ours.at(-1)?.p99.toFixed(2)} and ${peers.at(-1)?.p99.toFixed(2)} ms`,
      )
    }
    const p99 = { ours: median(ours.map((run) => run.p99)), peer: median(peers.map((run) => run.p99)) }
    return {
      peer: 'first byte of the same transaction at pg-logical-replication with a plugin that parses nothing',
      rounds,
      notes: [
        `p99: ours ${p99.ours.toFixed(2)} ms, peer ${p99.peer.toFixed(2)} ms, ratio ${(p99.ours / p99.peer).toFixed(2)} (to reach: <= 1.5)`,
        `${load.measured} single-row inserts a round after ${load.warmup} more, over 8 connections, ` +
          `${Math.min(...rates).toFixed(0)} to ${Math.max(...rates).toFixed(0)} a second, PostgreSQL ${server.version}, Node ${process.versions.node}`,
        'from just before the writer sends COMMIT, so the flush to disk is in both; ours until the subscriber of the view has the row',
        'a left join with count, avg and sum by 10 000 groups, equal to its SQL after each round',
      ],
    }
  },
}

/** Runs one side and the writer, each in its own process, over a `visit` that is empty. */
async function measure(
  server: BenchServer,
  side: 'latency-side' | 'first-byte-side',
  load: Load,
): Promise<Percentiles & { readonly perSecond: number }> {
  await server.query('TRUNCATE visit; CHECKPOINT')
  const total = load.warmup + load.measured
  await using reader = new Child(side, [server.url, PUBLICATION, String(total)])
  await reader.reaches('live')
  await using writer = new Child('commit-side', [server.url, String(total), String(load.perSecond)])
  const sent = await writer.times()
  await writer.ended()
  const seen = await reader.times()
  await reader.ended()
  const latencies = sent.flatMap((at, index) => {
    const arrived = seen[index]
    if (arrived === undefined || arrived < at)
      throw new Error(`transaction ${index} was seen before its commit, or never`)
    return index < load.warmup ? [] : [(arrived - at) / 1e6]
  })
  const spanSeconds = (Math.max(...sent) - Math.min(...sent)) / 1e9
  return {
    p50: percentile(latencies, 0.5),
    p99: percentile(latencies, 0.99),
    perSecond: (total - 1) / spanSeconds,
  }
}

/** The value that a share of the values does not exceed. Needs at least one. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  const value = sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)]
  if (value === undefined) throw new Error('a percentile of nothing')
  return value
}
