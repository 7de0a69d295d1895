import { restaurantRating, userSpend } from '../../examples/views.ts'
import { schema } from '../../generated/dbsync/index.ts'
import { createSync } from '../../src/engine/create-sync.ts'
import { tell } from '../child-message.ts'
import { startProfiler } from './profiler.ts'

// Our side of `sink` and `writers`: a view kept as a derived table, for as long as the process lives.

const [url = '', publication = '', view = '', profile = ''] = process.argv.slice(2)
const tables = view === 'user_spend' ? { userSpend } : { restaurantRating }

function fail(error: unknown): never {
  console.error(error)
  process.exit(1)
}

const sync = createSync({
  schema,
  connection: url,
  publication,
  slot: { name: 'sink' },
  tables,
  onEvent(event) {
    if (event.kind === 'failed' || event.kind === 'view-not-written' || event.kind === 'reconnecting')
      fail(event.error)
  },
})
await sync.start().catch(fail)
if (profile !== '') {
  const stop = await startProfiler(profile)
  process.once('SIGTERM', () => void stop().then(() => process.exit(0)))
}
tell({ kind: 'live' })
