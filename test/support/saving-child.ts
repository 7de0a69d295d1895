import { createSync } from 'prisma-dbsync'
import { schema } from '../../generated/dbsync/index.ts'
import { exampleViews } from './example-views.ts'

/** Saves the state of its views as often as it can: a process that a test kills. Arguments: connection string, slot, folder. */
const [url = '', slot = '', stateDir = ''] = process.argv.slice(2)

const sync = createSync({
  schema,
  connection: url,
  views: exampleViews,
  slot: { name: slot, waitMs: 30_000 },
  stateDir,
  saveEveryMs: 10,
  onEvent: (event) => {
    if (event.kind === 'checkpoint-saved' || event.kind === 'checkpoint-loaded') process.send?.(event.kind)
    if (event.kind === 'warning' && event.code === 'STATE.UNUSABLE') process.send?.(event.message)
  },
})
await sync.start()
process.send?.('live')
