import { createSync } from 'prisma-dbsync'
import { schema } from '../../generated/dbsync/index.ts'

/** Reads visits for a handler over a durable slot and reports each: a process that a test may kill. */
const [url = '', slot = ''] = process.argv.slice(2)
const tell = (message: string): Promise<void> =>
  new Promise((resolve, reject) => {
    process.send?.(message, (error: Error | null) => (error === null ? resolve() : reject(error)))
  })
const report = (op: string, key: { userId: number; restaurantId: string }): Promise<void> =>
  tell(`${op} ${key.userId} ${key.restaurantId}`)

const sync = createSync({
  schema,
  connection: url,
  slot: { name: slot },
  snapshot: 'initial',
  handlers: {
    Visit: {
      async read({ key }) {
        await report('read', key)
      },
      async update({ key }) {
        await report('update', key)
      },
    },
  },
})
await sync.start()
await sync.catchUp()
while (sync.status().refreshes.length > 0) await new Promise((resolve) => setTimeout(resolve, 20))
// What was read last is still being handled, and noted.
await new Promise((resolve) => setTimeout(resolve, 1_000))
await tell('done')
await sync.close()
process.disconnect()
