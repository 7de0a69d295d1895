import pg from 'pg'
import { grandTotal, restaurantRating, userSpend } from '../../examples/views.ts'
import { schema } from '../../generated/dbsync/index.ts'
import { createSync } from '../../src/engine/create-sync.ts'
import { compareView, formatDifference } from '../../src/testing/compare-view.ts'
import { startClocks, tell, type SideRun } from '../child-message.ts'
import { startProfiler } from './profiler.ts'

// Our side: three views, live before the backlog is written, then without a stream until their turn comes.

const [url = '', slot = '', publication = '', profile = ''] = process.argv.slice(2)
const views = { restaurantRating, userSpend, grandTotal }

let isBehind = false

const sync = createSync({
  schema,
  connection: url,
  publication,
  slot: { name: slot, durable: true, waitMs: 86_400_000 },
  views,
  onEvent(event) {
    if (event.kind === 'failed' || event.kind === 'view-failed') fail(event.error)
    if (event.kind === 'waiting' && !isBehind) {
      isBehind = true
      tell({ kind: 'waiting' })
    }
    // The stream has begun, and nothing of it has been read.
    if (event.kind === 'state' && event.state === 'live' && isBehind) finish(startClocks()).catch(fail)
  },
})

async function finish(stopClocks: () => SideRun): Promise<void> {
  const stopProfiler = profile === '' ? null : await startProfiler(profile)
  await sync.catchUp()
  await stopProfiler?.()
  const run = stopClocks()
  await verify()
  tell({ kind: 'done', run })
  await sync.close()
}

/** Compares every row of every view with its SQL. Nothing is written meanwhile. */
async function verify(): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    for (const name of ['restaurantRating', 'userSpend', 'grandTotal'] as const) {
      const [difference] = await compareView(views[name], sync.views[name].rows(), client)
      if (difference !== undefined) throw new Error(formatDifference(difference))
    }
  } finally {
    await client.end()
  }
}

function fail(error: unknown): void {
  console.error(error)
  process.exit(1)
}

await sync.start().catch(fail)
tell({ kind: 'live' })
