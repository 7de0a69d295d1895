import { createSync, type SyncEvent } from 'prisma-dbsync'
import { expect, test } from 'vitest'
import { schema } from '../../generated/dbsync/index.ts'
import { testDatabase } from '../support/database.ts'
import { proxy, sleep, until, within } from '../support/faults.ts'
import { seedExample, seedVisits } from '../support/workload.ts'

const keyOf = ({ userId, restaurantId }: { userId: number; restaurantId: string }): string =>
  `${userId} ${restaurantId}`

test('rows that wait while another item is in hand are not noted as handled by closing', async () => {
  await using db = await testDatabase()
  await seedVisits(db, 2_400)
  const seen = new Set<string>()
  let gate = Promise.resolve()
  let release = (): void => {}
  let isInHand = false
  const shut = (): void => {
    isInHand = false
    gate = new Promise<void>((resolve) => {
      release = resolve
    })
  }
  const pass = (): Promise<void> => {
    isInHand = true
    return gate
  }
  const open = (): ReturnType<typeof createSync> =>
    createSync({
      schema,
      connection: db.url,
      slot: { name: `s_${db.name}` },
      snapshot: 'initial',
      handlers: {
        Restaurant: { insert: pass },
        Visit: {
          async read({ key }) {
            await pass()
            seen.add(keyOf(key))
          },
        },
      },
    })
  const end = async (sync: ReturnType<typeof createSync>): Promise<void> => {
    const closed = sync.close()
    release()
    await closed
  }
  // Makes the slot; of the reading nothing is handled.
  shut()
  const first = open()
  await first.start()
  await until(() => isInHand)
  await end(first)
  seen.clear()
  await db.query("INSERT INTO restaurant (id, name) VALUES ('new', 'new')")
  shut()
  const second = open()
  await second.start()
  await until(() => isInHand)
  // The rows are behind the restaurant.
  await until(() => second.status().refreshes.length === 0)
  await end(second)
  expect(seen.size).toBe(0)
  shut()
  release()
  const third = open()
  await third.start()
  await until(() => seen.size === 2_400, 10_000).catch(() => {})
  expect(seen.size).toBe(2_400)
  await third.close()
})

test('a server that cannot be reached for a while does not end a sync that reads rows for its consumers', async () => {
  await using db = await testDatabase()
  await seedVisits(db, 2_400)
  const link = await proxy(db.url)
  const seen = new Set<string>()
  const events: SyncEvent[] = []
  const sync = createSync({
    schema,
    connection: link.url,
    slot: { name: `s_${db.name}`, waitMs: 30_000 },
    snapshot: 'initial',
    onEvent: (event) => events.push(event),
    handlers: { Visit: { read: ({ key }) => void seen.add(keyOf(key)) } },
  })
  try {
    await sync.start()
    const refresh = (): SyncEvent | undefined => events.find(({ kind }) => kind === 'refresh')
    await until(() => refresh() !== undefined)
    link.retarget('postgres://127.0.0.1:1/nobody')
    for (const { client } of link.links) client.destroy()
    await until(() => sync.state !== 'live')
    await sleep(1_500)
    link.retarget(db.url)
    await until(() => (seen.size === 2_400 && sync.state === 'live') || sync.state === 'failed', 30_000)
    expect([sync.state, seen.size]).toEqual(['live', 2_400])
  } finally {
    await sync.close()
    link.close()
  }
})

test('the first reading of a table that is dropped ends, and holds nothing back', async () => {
  await using db = await testDatabase()
  const writer = await db.connect()
  await seedExample(writer, { users: 400, restaurants: 100, visits: 30_000 })
  await writer.end()
  const events: SyncEvent[] = []
  let seen = 0
  let isDropped = false
  const sync = createSync({
    schema,
    connection: db.url,
    slot: { durable: false },
    snapshot: 'initial',
    onEvent: (event) => events.push(event),
    handlers: {
      Visit: {
        async read() {
          seen += 1
          if (!isDropped) await sleep(2)
        },
      },
    },
  })
  const started = sync.start()
  const client = await db.connect()
  await started
  await until(() => seen > 0)
  // Most of it is not read yet: the handler is slow.
  await client.query('DROP TABLE visit')
  isDropped = true
  const isOver = (): boolean =>
    events.some(
      (event) =>
        event.kind === 'refresh' && event.progress.state !== 'reading' && event.progress.state !== 'waiting',
    )
  expect(await within(15_000, until(isOver, 14_000))).toBe('done')
  expect(sync.state).toBe('live')
  await sync.close()
})
