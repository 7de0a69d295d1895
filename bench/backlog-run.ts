import { loadavg } from 'node:os'
import {
  FULL_SIZE,
  prepareTables,
  QUICK_SIZE,
  writeBacklog,
  type Backlog,
  type BacklogSize,
} from './backlog.ts'
import type { BenchOptions, Round } from './bench.ts'
import { buildChildren } from './child.ts'
import type { SideRun } from './child-message.ts'
import { benchServer, type BenchServer } from './server.ts'
import { WaitingSyncs } from './waiting-syncs.ts'

/** A backlog that waits in one slot for each run of each side; all slots stand at the same position. */
export interface BacklogRun {
  readonly server: BenchServer
  readonly size: BacklogSize
  readonly backlog: Backlog
}

/** How both sides go through the backlog. */
export interface BacklogSides {
  /** What is compared of our own run. */
  readonly ours: (run: SideRun, backlog: Backlog) => number
  /** Runs the peer on a slot of its own and returns the same of it. */
  readonly peer: (slot: string, run: BacklogRun) => Promise<number>
}

/** All rounds, and what is worth telling of our side beyond the figure. */
export interface BacklogResult {
  readonly rounds: readonly Round[]
  readonly runs: readonly SideRun[]
  readonly notes: readonly string[]
}

/**
 * Lets both sides take the same backlog in turn, several times, each run from a slot of its own.
 *
 * Ours is a sync that has been cut off: it was live over the empty table, then its slot was taken away from it and the
 * backlog was written. When its turn comes it gets the slot back and reconnects. A process that waits is stopped.
 * Throws if a view is not equal to its SQL after a run.
 */
export async function runOverBacklog(options: BenchOptions, sides: BacklogSides): Promise<BacklogResult> {
  const { quick, log } = options
  const size = quick ? QUICK_SIZE : FULL_SIZE
  const count = quick ? 3 : 5
  log('compiling')
  await buildChildren()
  log('starting a server')
  await using server = await benchServer()
  await prepareTables(server, size)
  await using waiting = new WaitingSyncs(server)
  log(`bringing ${count} syncs live and cutting them off`)
  for (let index = 0; index < count; index += 1) await waiting.add(`ours_${index}`)
  for (let index = 0; index < count; index += 1) {
    await server.query("SELECT pg_create_logical_replication_slot($1, 'pgoutput')", [`peer_${index}`])
  }
  log(`writing ${size.commits} small transactions and one of ${size.largeRows} rows`)
  const backlog = await writeBacklog(server, size)
  const rounds: Round[] = []
  const runs: SideRun[] = []
  for (let index = 0; index < count; index += 1) {
    const [load = 0] = loadavg()
    const runOurs = async (): Promise<number> => {
      const run = await waiting.runNext()
      runs.push(run)
      return sides.ours(run, backlog)
    }
    const runPeer = (): Promise<number> => sides.peer(`peer_${index}`, { server, size, backlog })
    // The one that begins changes from round to round.
    const first = index % 2 === 0 ? await runOurs() : null
    const peer = await runPeer()
    const round = { ours: first ?? (await runOurs()), peer, load }
    rounds.push(round)
    log(
      `round ${index + 1} of ${count}: ours ${round.ours.toPrecision(4)}, peer ${round.peer.toPrecision(4)}`,
    )
  }
  return {
    rounds,
    runs,
    notes: [
      `${size.commits} transactions of one row and one of ${size.largeRows}, PostgreSQL ${server.version}, Node ${process.versions.node}`,
      'three views over 3 tables, equal to their SQL after each run',
    ],
  }
}
