import { readFileSync, writeFileSync } from 'node:fs'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import pg from 'pg'
import { grandTotal, restaurantRating, userSpend } from '../../examples/views.ts'
import { schema } from '../../generated/dbsync/index.ts'
import { createSync } from '../../src/engine/create-sync.ts'
import { compareView, formatDifference } from '../../src/testing/compare-view.ts'
import { startClocks, tell } from '../child-message.ts'

// Three views and a handler that counts; then one transaction of so many updates.

const [url = '', expected = '0', tempDir = ''] = process.argv.slice(2)
const views = { restaurantRating, userSpend, grandTotal }
let handled = 0
let peak = 0
let wake: () => void = () => {}

function note(): void {
  peak = Math.max(peak, residentBytes())
}

const sync = createSync({
  schema,
  connection: url,
  slot: { name: 'large' },
  views,
  ...(tempDir === '' ? {} : { tempDir }),
  handlers: {
    Visit: {
      update() {
        handled += 1
        if (handled % 1_000 === 0) note()
        if (handled === Number(expected)) wake()
      },
    },
  },
  onEvent(event) {
    if (event.kind === 'failed' || event.kind === 'view-failed') fail(event.error)
  },
})

/** Resident memory; by the system's own high-water mark where it can be set back. */
function residentBytes(): number {
  return process.memoryUsage.rss()
}

/** Linux keeps the highest resident memory, and forgets it when told to. */
function systemPeak(): number {
  try {
    const [, kilobytes] = /VmHWM:\s+(\d+) kB/.exec(readFileSync('/proc/self/status', 'utf8')) ?? []
    return Number(kilobytes ?? 0) * 1024
  } catch {
    return 0
  }
}

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

try {
  await sync.start()
  // What the reading of the tables left behind is not to hide what comes.
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  for (let round = 0; round < 3; round += 1) {
    collect()
    await new Promise((done) => setTimeout(done, 200))
  }
  const base = residentBytes()
  try {
    writeFileSync('/proc/self/clear_refs', '5')
  } catch {
    // Not Linux: samples have to do.
  }
  const timer = setInterval(note, 5)
  const done = new Promise<void>((resolve) => {
    wake = resolve
  })
  const stopClocks = startClocks()
  tell({ kind: 'live' })
  await done
  await sync.catchUp()
  const run = stopClocks()
  clearInterval(timer)
  note()
  const system = systemPeak()
  await verify()
  tell({ kind: 'done', run: { ...run, baseRssBytes: base, maxRssBytes: system > 0 ? system : peak } })
  await sync.close()
} catch (error) {
  fail(error)
}
