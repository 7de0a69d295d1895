import { createSync, type AnyChange } from 'prisma-dbsync'
import { expect, test } from 'vitest'
import { schema } from '../../generated/dbsync/index.ts'
import type { EventDecoder } from '../../src/changes/event-decoder.ts'
import { lsn } from '../../src/core/lsn.ts'
import { xid8 } from '../../src/core/xid.ts'
import { HandlerConsumer } from '../../src/engine/handler-consumer.ts'
import { testDatabase } from '../support/database.ts'
import { exampleSync, exampleViews } from '../support/views.ts'
import { seedExample } from '../support/workload.ts'
import { cutStream, sleep, until, within } from '../support/faults.ts'

test('closing while a handler waits for its next attempt confirms nothing that was not handled', async () => {
  await using db = await testDatabase()
  const client = await db.connect()
  await seedExample(client, { users: 30, restaurants: 30, visits: 0 })
  const slot = `s_${db.name}`
  let lost = 0
  for (let round = 0; round < 6 && lost === 0; round += 1) {
    let hasFailed = false
    const bad = createSync({
      schema,
      connection: db.url,
      slot: { name: slot },
      views: exampleViews,
      handlerAttempts: 100,
      handlers: {
        User: {
          update: () => {
            hasFailed = true
            throw new Error('not now')
          },
        },
      },
    })
    await bad.start()
    await client.query('UPDATE users SET address = $1 WHERE id = 1', [`marker ${round}`])
    await until(() => hasFailed)
    let over = false
    const load = (async () => {
      const own = await db.connect()
      for (let i = 0; !over; i += 1)
        await own.query('INSERT INTO restaurant (id, name) VALUES ($1, $1)', [`l${round}-${i}`])
    })()
    await sleep(300)
    await bad.close()
    over = true
    await load
    const seen: AnyChange[] = []
    const good = createSync({
      schema,
      connection: db.url,
      slot: { name: slot },
      handlers: {
        User: {
          update: (c: AnyChange) => {
            seen.push(c)
          },
        },
      },
    })
    await good.start()
    await good.catchUp()
    await sleep(300)
    await good.close()
    if (!seen.some((c) => 'after' in c && Reflect.get(c.after as object, 'address') === `marker ${round}`))
      lost += 1
  }
  expect(lost).toBe(0)
})

function queue(handler: () => void): HandlerConsumer {
  const event = { model: 'User', op: 'insert', key: {}, after: {}, tx: {} }
  return new HandlerConsumer(
    { events: () => [event] } as unknown as EventDecoder,
    {
      handlers: new Map([['User', { insert: handler }]]),
      messages: new Map(),
      policy: { onError: 'retry', attempts: 100 },
    },
    { onHandled() {}, onTaken() {}, onRetry() {}, onSkipped() {}, onFailed() {} },
  )
}
const transaction = {
  xid: 1 as never,
  commitLsn: lsn(1n),
  endLsn: lsn(2n),
  commitTimeUs: 0n,
  relations: new Map(),
  spans: [],
  bytes: 1,
  isPartial: false,
}

test('a queue that is closed while a handler waits for its next attempt is not idle', async () => {
  const q = queue(() => {
    throw new Error('no')
  })
  q.queue.push(transaction)
  await sleep(20)
  await q.close(new Error('closed'), 1000)
  await sleep(20)
  expect({ idle: q.queue.isIdle, handled: q.queue.handled }).toEqual({ idle: false, handled: 0n })
})

test('no handler is called after the queue is closed', async () => {
  let calls = 0
  const q = queue(() => {
    calls += 1
  })
  await q.close(new Error('closed'), 1000)
  q.queue.push(transaction)
  await sleep(20)
  expect({ calls }).toEqual({ calls: 0 })
})

test('synchronous handlers do not starve the event loop', async () => {
  await using db = await testDatabase()
  const client = await db.connect()
  const sync = createSync({
    schema,
    connection: db.url,
    slot: { name: `s_${db.name}` },
    handlers: {
      Restaurant: {
        insert: () => {
          const end = performance.now() + 0.5
          while (performance.now() < end);
        },
      },
    },
  })
  await sync.start()
  let gap = 0
  let last = performance.now()
  const timer = setInterval(() => {
    const now = performance.now()
    gap = Math.max(gap, now - last)
    last = now
  }, 5)
  await client.query("INSERT INTO restaurant (id, name) SELECT 'r' || i, 'n' FROM generate_series(1, 4000) i")
  await sync.catchUp()
  await sleep(3000)
  clearInterval(timer)
  await sync.close()
  expect(gap).toBeLessThan(500)
})

test('an onEvent that throws ends neither the process nor the sync', async () => {
  await using db = await testDatabase()
  const client = await db.connect()
  await seedExample(client, { users: 3, restaurants: 3, visits: 5 })
  const unhandled: unknown[] = []
  const note = (error: unknown): void => {
    unhandled.push(error)
  }
  const former = process.listeners('unhandledRejection')
  process.removeAllListeners('unhandledRejection')
  process.on('unhandledRejection', note)
  const { sync } = exampleSync(db.url, {
    onEvent: (event) => {
      if (event.kind === 'reconnecting') throw new Error('mine')
    },
  })
  await sync.start()
  await cutStream(db)
  await sleep(1500)
  const ready = await within(3000, sync.ready())
  const state = sync.state
  await within(4000, sync.close())
  process.removeListener('unhandledRejection', note)
  for (const listener of former) process.on('unhandledRejection', listener)
  expect({ unhandled: unhandled.length, ready, state }).toEqual({
    unhandled: 0,
    ready: 'done',
    state: 'live',
  })
})

test('the views of a sync that failed or closed are not called live, and their feeds end', async () => {
  await using db = await testDatabase()
  const client = await db.connect()
  await seedExample(client, { users: 3, restaurants: 3, visits: 5 })
  const { sync } = exampleSync(db.url)
  await sync.start()
  await sync.close()
  const readiness = sync.views.grandTotal.readiness
  const next = sync.views.grandTotal.changes()[Symbol.asyncIterator]().next()
  expect({ readiness, feed: await within(500, next) }).toEqual({ readiness: 'stale', feed: 'done' })
})

test('catchUp leaves nothing behind', async () => {
  await using db = await testDatabase()
  const client = await db.connect()
  await seedExample(client, { users: 3, restaurants: 3, visits: 5 })
  const { sync } = exampleSync(db.url)
  await using _ = sync
  await sync.start()
  const v8 = await import('node:v8')
  const vm = await import('node:vm')
  v8.setFlagsFromString('--expose-gc')
  const gc = vm.runInNewContext('gc') as () => void
  const run = async (n: number): Promise<void> => {
    for (let i = 0; i < n; i += 50) await Promise.all(Array.from({ length: 50 }, () => sync.catchUp()))
  }
  await run(2000)
  await sleep(300)
  gc()
  const before = process.memoryUsage().heapUsed
  await run(10_000)
  await sleep(300)
  gc()
  const each = (process.memoryUsage().heapUsed - before) / 10_000
  console.log('bytes per catchUp', each)
  expect(each).toBeLessThan(60)
})
void xid8
