import { createInterface } from 'node:readline'
import { createSync, isDbsyncError, type Sync } from 'prisma-dbsync'
import { schema } from '../../generated/dbsync/index.ts'
import { exampleViews } from './example-views.ts'
import { trustingStore } from './flawed-stores.ts'

/*
 * A process for killing: a sync that writes the example's views to derived tables, over a durable slot. Arguments: the connection
 * string of the source, that of the target, the slot, and whether the store is to be one that trusts what it finds.
 * It says `ready` when it is loaded, `live` when the tables show the views, `caught` after `catchUp`, and `failed CODE`.
 */
const [url = '', target = '', slot = '', flaw = ''] = process.argv.slice(2)
const say = (line: string): void => {
  process.stdout.write(`${line}\n`)
}

const views = Object.values(exampleViews)
const sync: Sync = createSync({
  schema,
  connection: url,
  ...(flaw === 'trusting'
    ? { stores: [{ store: trustingStore(target, views), views }] }
    : { target, tables: exampleViews }),
  slot: { name: slot, waitMs: 30_000 },
  onEvent: (event) => {
    if (event.kind === 'failed') say(`failed ${event.error.code} ${event.error.message}`)
    if (event.kind === 'store-retry' || event.kind === 'reconnecting') {
      say(`${event.kind} ${event.error.code} ${event.error.message}`)
    }
  },
})

const run = (work: Promise<unknown>, done: string): void => {
  work.then(
    () => say(done),
    (error: unknown) => say(`failed ${isDbsyncError(error) ? error.code : ''} ${String(error)}`),
  )
}

createInterface({ input: process.stdin }).on('line', (line) => {
  if (line === 'go') run(sync.start(), 'live')
  else if (line === 'catchUp') run(sync.catchUp(), 'caught')
})
say('ready')
