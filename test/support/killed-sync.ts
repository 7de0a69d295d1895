import { appendFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { createSync, isDbsyncError, type AnyChange, type Sync, type ViewDefinition } from 'prisma-dbsync'
import { schema } from '../../generated/dbsync/index.ts'
import { compareView } from '../../src/testing/compare-view.ts'
import { exampleViews } from './example-views.ts'

/*
 * A process for killing: a sync with views and slow handlers over a durable slot. What a handler was told is in the file
 * before the handler returns. Arguments: connection string, slot, file.
 * It says `ready` when it is loaded, the states of its sync, `failed CODE`, and `differences N` when it is asked to verify.
 */
const [url = '', slot = '', file = ''] = process.argv.slice(2)
/** So that there is a backlog: what is received is far from handled. */
const HANDLER_MS = 6

const say = (line: string): void => {
  process.stdout.write(`${line}\n`)
}

async function note(change: AnyChange): Promise<void> {
  await sleep(HANDLER_MS)
  const { lsn, seq } = change.tx
  const text = (value: unknown): unknown => (typeof value === 'bigint' ? String(value) : value)
  const line = { ...change, tx: undefined, id: [String(lsn), seq] }
  appendFileSync(file, `${JSON.stringify(line, (_key, value: unknown) => text(value))}\n`)
}

const all = { insert: note, update: note, delete: note, truncate: note }

/** A start that meets a server which is just down is tried again, as whoever runs the process would. */
async function start(): Promise<Sync> {
  for (;;) {
    const sync = createSync({
      schema,
      connection: url,
      views: exampleViews,
      handlers: { Visit: all, Restaurant: all },
      slot: { name: slot, waitMs: 30_000 },
      onEvent: (event) => {
        if (event.kind === 'state') say(`state ${event.state}`)
      },
    })
    try {
      await sync.start()
      void watch(sync)
      return sync
    } catch (error) {
      await sync.close()
      if (!isDbsyncError(error) || !['retry', 'reconnect', 'yield'].includes(error.recovery)) {
        say(`failed ${isDbsyncError(error) ? `${error.code} ${error.message}` : String(error)}`)
        throw error
      }
      await sleep(100)
    }
  }
}

async function watch(sync: Pick<Sync, 'state' | 'ready'>): Promise<void> {
  while (sync.state !== 'failed') await sleep(50)
  const error: unknown = await sync.ready().catch((thrown: unknown) => thrown)
  say(`failed ${isDbsyncError(error) ? `${error.code} ${error.message}` : String(error)}`)
}

async function verify(sync: Sync): Promise<void> {
  await sync.catchUp()
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  let count = 0
  const views: Readonly<Record<string, { rows(): Iterable<unknown> } | undefined>> = sync.views
  for (const [name, view] of Object.entries<ViewDefinition>(exampleViews)) {
    count += (await compareView(view, views[name]?.rows() ?? [], client)).length
  }
  await client.end()
  say(`differences ${count}`)
}

let started: Promise<Sync> | null = null
createInterface({ input: process.stdin }).on('line', (line) => {
  if (line === 'go') started = start()
  else if (line === 'verify') void started?.then(verify)
  else if (line === 'close') void started?.then((sync) => sync.close()).then(() => process.exit(0))
})
say('ready')
