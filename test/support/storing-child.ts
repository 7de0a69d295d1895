import { createSync, isDbsyncError } from 'prisma-dbsync'
import { schema } from '../../generated/dbsync/index.ts'
import { exampleViews } from './example-views.ts'

/*
 * A process that keeps the example's views as derived tables over a durable slot, and that a test may stop, kill or close.
 * Arguments: connection string, slot. It sends what its sync tells: the events' kinds with states and codes, and `started`.
 */
const [url = '', slot = ''] = process.argv.slice(2)
const tell = (line: string): void => {
  process.send?.(line)
}

const sync = createSync({
  schema,
  connection: url,
  views: exampleViews,
  tables: { restaurantRating: {}, userSpend: {}, grandTotal: {} },
  slot: { name: slot },
  onEvent(event) {
    if (event.kind === 'state') tell(`state ${event.state}`)
    else if (event.kind === 'warning') tell(`warning ${event.code}`)
    else if ('error' in event)
      tell(`${event.kind} ${isDbsyncError(event.error) ? event.error.code : 'error'}`)
    else tell(event.kind)
  },
})
process.on('message', (message) => {
  if (message === 'close') void sync.close().then(() => process.exit(0))
})
// Whoever started it is gone.
process.on('disconnect', () => process.exit(1))
await sync.start()
tell('started')
