import { createSync, message, sink, type SyncEvent, type SyncTransaction } from 'prisma-dbsync'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { Restaurant, schema, User, Visit } from '../../generated/dbsync/index.ts'
import { testDatabase } from '../support/database.ts'
import { sleep, until } from '../support/faults.ts'
import { randomSource, randomTransaction, seedExample } from '../support/workload.ts'

test('an outbox message comes typed, in commit order, at its place among the changes of its transaction', async () => {
  await using db = await testDatabase()
  const client = await db.connect()
  const seen: unknown[] = []
  await using sync = createSync({
    schema,
    connection: db.url,
    slot: { name: `s_${db.name}` },
    handlers: { Restaurant: { insert: ({ key, tx }) => void seen.push([key.id, tx.seq]) } },
    messages: {
      'orders.placed': message(
        z.object({ order: z.coerce.date(), n: z.number() }),
        ({ content, prefix, tx }) => {
          seen.push([prefix, content, tx.seq])
        },
      ),
      text: message(
        (text) => text.length,
        ({ content }) => void seen.push(content),
      ),
    },
  })
  await sync.start()
  await client.query(`
    BEGIN;
    INSERT INTO restaurant (id, name) VALUES ('r1', 'a');
    SELECT pg_logical_emit_message(true, 'orders.placed', '{"order":"2026-01-02T00:00:00Z","n":1}');
    INSERT INTO restaurant (id, name) VALUES ('r2', 'a');
    SELECT pg_logical_emit_message(true, 'nobody', 'x');
    SELECT pg_logical_emit_message(false, 'text', 'outside of any transaction');
    COMMIT`)
  await client.query("BEGIN; SELECT pg_logical_emit_message(true, 'text', 'rolled back'); ROLLBACK")
  // A transaction of nothing else.
  await client.query("SELECT pg_logical_emit_message(true, 'text', 'zwölf')")
  await client.query("INSERT INTO restaurant (id, name) VALUES ('r3', 'a')")
  await until(() => seen.length >= 5)
  expect(seen).toEqual([
    ['r1', 0],
    ['orders.placed', { order: new Date('2026-01-02T00:00:00Z'), n: 1 }, 1],
    ['r2', 2],
    5,
    ['r3', 0],
  ])
})

test('a sync of messages alone needs no table, and a message that does not fit is skipped where that is asked for', async () => {
  await using db = await testDatabase()
  const seen: number[] = []
  const events: SyncEvent[] = []
  await using sync = createSync({
    schema,
    connection: db.url,
    slot: { name: `s_${db.name}` },
    onError: 'skip',
    handlerAttempts: 1,
    messages: { n: message(z.number(), ({ content }) => void seen.push(content)) },
    onEvent: (event) => events.push(event),
  })
  await sync.start()
  for (const content of ['1', '"SECRET"', '2']) {
    await db.query('SELECT pg_logical_emit_message(true, $1, $2)', ['n', content])
  }
  await until(() => seen.length >= 2)
  expect(seen).toEqual([1, 2])
  const skipped = events.filter(({ kind }) => kind === 'handler-skipped')
  expect(skipped).toMatchObject([{ model: 'n', op: 'message', seq: 0, error: { code: 'MESSAGE.INVALID' } }])
  expect(String(Reflect.get(skipped[0] ?? {}, 'error'))).not.toContain('SECRET')
})

test('a reader opened before the start gets every transaction whole, and what it has not asked past comes again', async () => {
  await using db = await testDatabase()
  const client = await db.connect()
  await seedExample(client, { users: 3, restaurants: 3, visits: 3 })
  const slot = { name: `s_${db.name}` }
  const read = async (
    work: (feed: AsyncIterableIterator<SyncTransaction>) => Promise<void>,
  ): Promise<void> => {
    await using sync = createSync({ schema, connection: db.url, slot, changes: true })
    const feed = sync.changes()
    await sync.start()
    await work(feed)
  }
  await read(async () => {})
  await client.query(`
    BEGIN; UPDATE visit SET visit_rating = 1; SELECT pg_logical_emit_message(true, 'p', 'm'); DELETE FROM visit WHERE user_id = 1; COMMIT`)
  await client.query("UPDATE restaurant SET name = 'n' WHERE id = 'r2'")
  await client.query("UPDATE users SET address = 'x' WHERE id = 3")
  const lsns: bigint[] = []
  await read(async (feed) => {
    const first = await take(feed)
    lsns.push(first.lsn)
    expect(first.xid).toBeGreaterThan(0n)
    const ops = [...first.changes].map((event) => (event.op === 'message' ? event.prefix : event.op))
    expect(ops).toEqual(['update', 'update', 'update', 'p', 'delete'])
    // As often as it is wanted, until the next is asked for.
    expect([...first.changes].map(({ tx }) => tx.seq)).toEqual([0, 1, 2, 3, 4])
    const second = await take(feed)
    lsns.push(second.lsn)
    expect(() => [...first.changes]).toThrow(expect.objectContaining({ code: 'SYNC.STATE' }))
    expect([...second.changes]).toMatchObject([{ model: 'Restaurant', op: 'update', key: { id: 'r2' } }])
    await sleep(1_200)
    // It ends here, with the second in hand.
  })
  await read(async (feed) => {
    const again = await take(feed)
    expect(again.lsn).toBe(lsns[1])
    const third = await take(feed)
    expect([...third.changes]).toMatchObject([{ model: 'User', key: { id: 3 } }])
    expect(third.lsn > (lsns[1] ?? 0n)).toBe(true)
  })
})

test('a reader that throws out of its loop, whose sync is closed for it, gets the transaction again', async () => {
  await using db = await testDatabase()
  const client = await db.connect()
  const slot = { name: `s_${db.name}` }
  const life = async (fails: boolean): Promise<string[]> => {
    const names: string[] = []
    await using sync = createSync({ schema, connection: db.url, slot, changes: [Restaurant] })
    const feed = sync.changes()
    await sync.start()
    if (fails) await client.query("INSERT INTO restaurant (id, name) VALUES ('r1', 'lost?')")
    for await (const { changes } of feed) {
      for (const change of changes) {
        if (change.op === 'insert' && change.model === 'Restaurant') names.push(change.key.id)
      }
      // Nothing but the reader holds the slot now.
      await until(() => sync.status().unsettled === 0)
      if (fails) throw new Error('mine')
      break
    }
    return names
  }
  await expect(life(true)).rejects.toThrow('mine')
  expect(await life(false)).toEqual(['r1'])
})

test('a reader that was left holds nothing back, and others go on', async () => {
  await using db = await testDatabase()
  const client = await db.connect()
  await using sync = createSync({ schema, connection: db.url, slot: { name: `s_${db.name}` }, changes: true })
  const left = sync.changes()
  const unread = sync.changes({ signal: AbortSignal.timeout(60_000) })
  const ended = new AbortController()
  const aborted = sync.changes({ models: ['User'], signal: ended.signal })
  const visits = sync.changes({ models: [Visit] })
  await sync.start()
  await client.query(
    "INSERT INTO restaurant (id, name) VALUES ('r1', 'a'); INSERT INTO users (id, first_name, user_name, email) VALUES (1, 'a', 'b', 'c')",
  )
  await take(left)
  await sync.catchUp()
  const { position } = sync.status()
  await sleep(700)
  expect((sync.status().slot?.confirmed ?? 0n) < position).toBe(true)
  await left.return?.()
  expect(await left.next()).toEqual({ done: true, value: undefined })
  await unread.return?.()
  ended.abort(new Error('enough'))
  await expect(aborted.next()).rejects.toThrow('enough')
  const next = visits.next()
  await until(() => (sync.status().slot?.confirmed ?? 0n) >= position)
  // What has nothing for a reader is passed over.
  await client.query("INSERT INTO visit VALUES (1, 'r1', 1, NULL)")
  const { value } = (await next) as IteratorYieldResult<SyncTransaction>
  expect([...value.changes]).toMatchObject([{ model: 'Visit', op: 'insert' }])
  const last = visits.next()
  await sync.close()
  expect(await last).toEqual({ done: true, value: undefined })
  expect(() => sync.changes()).toThrow(expect.objectContaining({ code: 'SYNC.CLOSED' }))
})

test('models that a sync does not follow are refused, and so is a prefix that is ours', async () => {
  const connection = 'postgresql://localhost/nowhere'
  const coded = (code: string): unknown => expect.objectContaining({ code })
  const some = createSync({ schema, connection, changes: [Visit] })
  expect(() => some.changes({ models: ['User'] })).toThrow(coded('CONFIG.INVALID_OPTIONS'))
  const none = createSync({ schema, connection, handlers: { Visit: { read() {} } } })
  expect(() => none.changes()).toThrow(coded('CONFIG.INVALID_OPTIONS'))
  const handler = message(z.string(), () => {})
  expect(() => createSync({ schema, connection, messages: { 'dbsync.mine': handler } })).toThrow('dbsync.')
  expect(() => createSync({ schema, connection, changes: ['Nobody'] })).toThrow(
    coded('CONFIG.UNKNOWN_HANDLER'),
  )
  expect(() => createSync({ schema, connection, changes: [] })).toThrow(coded('CONFIG.INVALID_OPTIONS'))
  expect(() => createSync({ schema, connection, changes: true, handlerAttempts: 0.5 })).toThrow(
    'handlerAttempts',
  )
  expect(() => createSync({ schema, connection, changes: true, onError: 'ignore' as 'skip' })).toThrow(
    'onError',
  )
  expect(() => sink({ upsert() {}, delete() {}, maxRows: 0 })).toThrow(coded('CONFIG.INVALID_OPTIONS'))
})

test('a sink follows the tables through random transactions and restarts, in few calls', async () => {
  await using db = await testDatabase()
  const client = await db.connect()
  await seedExample(client, { users: 60, restaurants: 40, visits: 300 })
  const slot = { name: `s_${db.name}` }
  const visits = new Map<string, string>()
  const idOf = (key: { userId: number; restaurantId: string }): string => `${key.userId}/${key.restaurantId}`
  let calls = 0
  let written = 0
  let failures = 5
  const random = randomSource(23)
  const life = async (work: () => Promise<void>): Promise<void> => {
    await using sync = createSync({
      schema,
      connection: db.url,
      slot,
      sinks: [
        sink({
          models: [Visit],
          maxRows: 40,
          maxMs: 30,
          async upsert(_model, rows) {
            calls += 1
            written += rows.length
            expect(rows.length).toBeLessThanOrEqual(40)
            await sleep(1)
            if (failures > 0 && random(3) === 0) {
              failures -= 1
              throw new Error('not now')
            }
            for (const row of rows) visits.set(idOf(row), row.amountSpent.toFixed(2))
          },
          delete: (_model, keys) => {
            for (const key of keys) visits.delete(idOf(key))
          },
          truncate: () => visits.clear(),
        }),
      ],
    })
    await sync.start()
    await work()
  }
  const current = async (): Promise<Map<string, string>> => {
    const rows = await db.query<{ id: string; amount: string }>(
      "SELECT user_id || '/' || restaurant_id AS id, amount_spent::text AS amount FROM visit",
    )
    return new Map(rows.map(({ id, amount }) => [id, amount]))
  }
  await life(async () => {})
  for (const [id, amount] of await current()) visits.set(id, amount)
  for (let round = 0; round < 3; round += 1) {
    await life(async () => {
      for (let turn = 0; turn < 40; turn += 1) await randomTransaction(client, random)
    })
    for (let turn = 0; turn < 10; turn += 1) await randomTransaction(client, random)
  }
  await life(async () => {
    await client.query('TRUNCATE visit')
    await client.query(
      'INSERT INTO visit SELECT u.id, r.id, 1, NULL FROM users u, (SELECT id FROM restaurant ORDER BY id LIMIT 3) r WHERE u.id <= 60',
    )
    for (let turn = 0; turn < 10; turn += 1) await randomTransaction(client, random)
    const expected = await current()
    await until(
      () => visits.size === expected.size && [...expected].every(([id, amount]) => visits.get(id) === amount),
    )
  })
  expect(await current()).toEqual(visits)
  expect(failures).toBeLessThan(5)
  expect(written / calls).toBeGreaterThan(2)
})

test('a batch is confirmed after its last call, a transaction larger than a batch as well', async () => {
  await using db = await testDatabase()
  const client = await db.connect()
  let isHeld = true
  const sizes: number[] = []
  await using sync = createSync({
    schema,
    connection: db.url,
    slot: { name: `s_${db.name}` },
    sinks: [
      sink({
        models: [Restaurant],
        maxRows: 100,
        maxMs: 0,
        async upsert(_model, rows) {
          sizes.push(rows.length)
          while (isHeld && sizes.length === 3) await sleep(5)
        },
        delete() {},
      }),
    ],
  })
  await sync.start()
  await client.query("INSERT INTO restaurant (id, name) SELECT 'r' || i, 'n' FROM generate_series(1, 250) i")
  await until(() => sizes.length === 3)
  await sync.catchUp()
  const { position } = sync.status()
  await sleep(1_200)
  expect((sync.status().slot?.confirmed ?? 0n) < position).toBe(true)
  isHeld = false
  await until(() => (sync.status().slot?.confirmed ?? 0n) >= position)
  expect(sizes).toEqual([100, 100, 50])
})

test('a TRUNCATE stops a sink that cannot follow it, and nothing is confirmed', async () => {
  await using db = await testDatabase()
  const client = await db.connect()
  const slot = { name: `s_${db.name}` }
  const options = { schema, connection: db.url, slot }
  const stopping = createSync({ ...options, sinks: [sink({ upsert() {}, delete() {} })] })
  await stopping.start()
  await client.query('TRUNCATE visit')
  await until(() => stopping.state === 'failed')
  await expect(stopping.ready()).rejects.toMatchObject({
    code: 'SINK.TRUNCATED',
    details: { model: 'Visit' },
  })
  const truncated: string[] = []
  await using sync = createSync({
    ...options,
    sinks: [sink({ upsert() {}, delete() {}, truncate: (model) => void truncated.push(model) })],
  })
  await sync.start()
  await until(() => truncated.length > 0)
  expect(truncated).toEqual(['Visit'])
})

test('handlers, a sink and a reader of one sync each get everything, and the slowest holds the slot', async () => {
  await using db = await testDatabase()
  const client = await db.connect()
  await client.query("INSERT INTO users (id, first_name, user_name, email) VALUES (1, 'a', 'b', 'c')")
  const log: string[] = []
  let isHeld = true
  await using sync = createSync({
    schema,
    connection: db.url,
    slot: { name: `s_${db.name}` },
    handlers: {
      User: {
        async update() {
          while (isHeld) await sleep(5)
          log.push('handler')
        },
      },
    },
    sinks: [sink({ models: [User], maxMs: 0, upsert: () => void log.push('sink'), delete() {} })],
    changes: [User],
  })
  const feed = sync.changes()
  await sync.start()
  await client.query("UPDATE users SET address = 'x'")
  const transaction = await take(feed)
  expect([...transaction.changes].map(({ op }) => op)).toEqual(['update'])
  const next = feed.next()
  await until(() => log.includes('sink'))
  await sleep(600)
  expect((sync.status().slot?.confirmed ?? 0n) < transaction.lsn).toBe(true)
  isHeld = false
  await until(() => (sync.status().slot?.confirmed ?? 0n) >= transaction.lsn)
  expect(log).toEqual(['sink', 'handler'])
  await feed.return?.()
  await next
})

async function take<T>(feed: AsyncIterator<SyncTransaction<T>>): Promise<SyncTransaction<T>> {
  const { value, done } = await feed.next()
  if (done === true) throw new Error('the reader has ended')
  return value
}
