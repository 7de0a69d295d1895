import pg from 'pg'
import { restaurantRating } from '../../examples/views.ts'
import { schema } from '../../generated/dbsync/index.ts'
import { createSync } from '../../src/engine/create-sync.ts'
import { compareView, formatDifference } from '../../src/testing/compare-view.ts'
import { startClocks, tell, type SideRun } from '../child-message.ts'
import { startProfiler } from './profiler.ts'

// Our side of `hydrate`: one view, from the moment that reading begins until it is live.

const [url = '', publication = '', profile = ''] = process.argv.slice(2)

let stopClocks: () => SideRun = () => {
  throw new Error('the view was live before reading began')
}

const sync = createSync({
  schema,
  connection: url,
  publication,
  views: { restaurantRating },
  onEvent(event) {
    if (event.kind === 'state' && event.state === 'hydrating') stopClocks = startClocks()
    if (event.kind === 'view-failed' || event.kind === 'reconnecting') fail(event.error)
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

function fail(error: unknown): never {
  console.error(error)
  process.exit(1)
}

try {
  const stopProfiler = profile === '' ? null : await startProfiler(profile)
  await sync.start()
  const run = stopClocks()
  await stopProfiler?.()
  await verify()
  tell({ kind: 'done', run })
  await sync.close()
} catch (error) {
  fail(error)
}
