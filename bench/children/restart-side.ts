import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { restaurantRating } from '../../examples/views.ts'
import { schema } from '../../generated/dbsync/index.ts'
import { createSync } from '../../src/engine/create-sync.ts'
import { compareView, formatDifference } from '../../src/testing/compare-view.ts'
import { startClocks, tell } from '../child-message.ts'

// Both sides of `restart`: from start() until the view holds what was committed before, on a slot that was there. With a folder it
// begins with the state that the last process left there, without one it reads the tables.

const [url = '', publication = '', slot = '', stateDir = '', watchMs = '0'] = process.argv.slice(2)
const saves: { readonly bytes: number; readonly ms: number; readonly pauseMs: number }[] = []
let loads = 0

const sync = createSync({
  schema,
  connection: url,
  publication,
  slot: { name: slot },
  views: { restaurantRating },
  ...(stateDir === '' ? {} : { stateDir, saveEveryMs: 1_000 }),
  onEvent(event) {
    if (event.kind === 'checkpoint-saved') saves.push(event)
    if (event.kind === 'checkpoint-loaded') loads += 1
    if (event.kind === 'view-failed' || event.kind === 'reconnecting') fail(event.error)
    if (event.kind === 'warning' && event.code === 'STATE.UNUSABLE') fail(event.message)
  },
})

/** Keeps writers out while it compares every row with the view's SQL. */
async function verify(): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    await client.query('BEGIN; LOCK TABLE visit IN SHARE MODE')
    await sync.catchUp()
    const [difference] = await compareView(restaurantRating, sync.views.restaurantRating.rows(), client)
    if (difference !== undefined) throw new Error(formatDifference(difference))
  } finally {
    await client.end()
  }
}

/** The longest turn of the event loop while states are saved, in milliseconds. */
async function longestTurnMs(forMs: number): Promise<number> {
  const histogram = monitorEventLoopDelay({ resolution: 1 })
  histogram.enable()
  await sleep(forMs)
  histogram.disable()
  return histogram.max / 1e6
}

function fail(error: unknown): never {
  console.error(error)
  process.exit(1)
}

try {
  const stopClocks = startClocks()
  await sync.start()
  await sync.catchUp()
  const run = stopClocks()
  await verify()
  tell({ kind: 'done', run })
  const turnMs = Number(watchMs) > 0 ? await longestTurnMs(Number(watchMs)) : 0
  await sync.close()
  const last = saves.at(-1)
  const figures = {
    loads,
    saves: saves.length,
    turnMs,
    bytes: last?.bytes ?? 0,
    saveMs: last?.ms ?? 0,
    pauseMs: Math.max(0, ...saves.map(({ pauseMs }) => pauseMs)),
  }
  tell({ kind: 'figures', figures })
  process.disconnect()
} catch (error) {
  fail(error)
}
