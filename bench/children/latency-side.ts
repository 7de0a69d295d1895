import pg from 'pg'
import { restaurantRating } from '../../examples/views.ts'
import { schema } from '../../generated/dbsync/index.ts'
import { createSync } from '../../src/engine/create-sync.ts'
import { compareView, formatDifference } from '../../src/testing/compare-view.ts'
import { nowNs, tell } from '../child-message.ts'

// Our side of `latency`: a live view with a subscriber that notes when the visit of each restaurant is there.

const [url = '', publication = '', total = '0'] = process.argv.slice(2)
const count = Number(total)
const times: number[] = Array.from({ length: count }, () => 0)
let left = count
let finish: () => void = () => {}
const finished = new Promise<void>((resolve) => {
  finish = resolve
})

const sync = createSync({
  schema,
  connection: url,
  publication,
  views: { restaurantRating },
  onEvent(event) {
    if (event.kind === 'view-failed' || event.kind === 'reconnecting' || event.kind === 'failed')
      fail(event.error)
  },
})

async function verify(): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
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
  await sync.start()
  sync.views.restaurantRating.subscribe(({ changes }) => {
    const now = nowNs()
    for (const { after } of changes) {
      // The restaurant of transaction n is `r<n>`.
      if (after?.visits !== 1) continue
      times[Number(after.id.slice(1))] = now
      left -= 1
    }
    if (left === 0) finish()
  })
  tell({ kind: 'live' })
  await finished
  await verify()
  tell({ kind: 'times', times })
  await sync.close()
} catch (error) {
  fail(error)
}
