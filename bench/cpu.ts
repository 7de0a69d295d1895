import { PUBLICATION } from './backlog.ts'
import { runOverBacklog } from './backlog-run.ts'
import type { Bench } from './bench.ts'
import { Child } from './child.ts'

const MICROSECONDS = 1e6

/** CPU time of the process per row change, over the backlog of `drain`. */
export const cpu: Bench = {
  name: 'cpu',
  what: 'CPU of the process per row change over the same backlog, three views maintained and verified',
  unit: 'us per row change',
  goal: { ratio: 0.8, better: 'lower' },
  async run(options) {
    const result = await runOverBacklog(options, {
      ours: (run, backlog) => (run.cpuSeconds / backlog.changes) * MICROSECONDS,
      async peer(slot, { server, backlog }) {
        await using child = new Child('parse-side', [server.url, slot, PUBLICATION, String(backlog.changes)])
        const { cpuSeconds } = await child.run()
        await child.ended()
        return (cpuSeconds / backlog.changes) * MICROSECONDS
      },
    })
    return {
      peer: 'pg-logical-replication with its pgoutput plugin, parsing only',
      rounds: result.rounds,
      notes: [
        ...result.notes,
        'user and system time of all threads, from the start of the stream to its last commit',
      ],
    }
  },
}
