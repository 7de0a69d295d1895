import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { createSync } from 'prisma-dbsync'
import { schema } from '../../generated/dbsync/index.ts'
import { exampleViews } from './example-views.ts'

/** What this process tells its parent: how far it is, and its resident memory. */
export type MemoryReport =
  | { readonly kind: 'live' }
  | { readonly kind: 'done'; readonly base: number; readonly peak: number; readonly rows: number }

// A sync of the example's views with a handler that counts updates until there are as many as were said.

const [url = '', slot = '', expected = '0'] = process.argv.slice(2)
let rows = 0
let peak = 0
let wake: () => void = () => {}
const done = new Promise<void>((resolve) => {
  wake = resolve
})
const note = (): void => {
  peak = Math.max(peak, process.memoryUsage.rss())
}
const tell = (report: MemoryReport): void => void process.send?.(report)

await using sync = createSync({
  schema,
  connection: url,
  slot: { name: slot },
  views: exampleViews,
  handlers: {
    Visit: {
      update() {
        rows += 1
        if (rows % 500 === 0) note()
        if (rows === Number(expected)) wake()
      },
    },
  },
})
await sync.start()
setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void
for (let round = 0; round < 3; round += 1) {
  collect()
  await new Promise((resolve) => setTimeout(resolve, 100))
}
const base = process.memoryUsage.rss()
const timer = setInterval(note, 5)
tell({ kind: 'live' })
await done
clearInterval(timer)
note()
tell({ kind: 'done', base, peak, rows })
await sync.close()
process.disconnect()
