import { rmSync } from 'node:fs'
import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PUBLICATION } from './backlog.ts'
import { runOverBacklog, type BacklogRun } from './backlog-run.ts'
import { median, type Bench } from './bench.ts'
import { Child } from './child.ts'
import { onInterrupt } from './on-interrupt.ts'
import { recvlogicalVersion, runRecvlogical } from './pg-recvlogical.ts'

/** Rows per second through a backlog, from the start of the stream until the views stand at its end. */
export const drain: Bench = {
  name: 'drain',
  what: 'rows/s through a backlog of small transactions and a large one, three views maintained and verified',
  unit: 'rows/s',
  goal: { ratio: 0.9, better: 'higher' },
  async run(options) {
    const version = recvlogicalVersion()
    const folder = await mkdtemp(join(tmpdir(), 'dbsync-bench-'))
    const remove = (): void => rmSync(folder, { recursive: true, force: true })
    const forget = onInterrupt(remove)
    const file = join(folder, 'stream')
    let bytes = 0
    try {
      const result = await runOverBacklog(options, {
        ours: (run, backlog) => backlog.changes / run.seconds,
        async peer(slot, run) {
          const seconds = await (version === null ? runFileSide : runPgRecvlogical)(slot, run, file)
          bytes = (await stat(file)).size
          await rm(file)
          return run.backlog.changes / seconds
        },
      })
      return {
        peer: version ?? 'a walsender reader of our own that writes frames to a file (not pg_recvlogical)',
        rounds: result.rounds,
        notes: [
          ...result.notes,
          `the peer's file had ${(bytes / 1e6).toFixed(0)} MB; our process used ` +
            `${median(result.runs.map((run) => run.cpuSeconds / run.seconds)).toFixed(2)} cores and up to ` +
            `${(Math.max(...result.runs.map((run) => run.maxRssBytes)) / 1e6).toFixed(0)} MB`,
          ...(version === null
            ? [
                'for the real peer install it: apt-get install postgresql-client, or your system’s PostgreSQL client package',
              ]
            : []),
        ],
      }
    } finally {
      remove()
      forget()
    }
  },
}

function runPgRecvlogical(slot: string, { server, backlog }: BacklogRun, file: string): Promise<number> {
  return runRecvlogical(server.url, slot, backlog.end, file)
}

async function runFileSide(slot: string, { server, backlog }: BacklogRun, file: string): Promise<number> {
  await using child = new Child('file-side', [server.url, slot, PUBLICATION, backlog.end, file])
  const { seconds } = await child.run()
  await child.ended()
  return seconds
}
