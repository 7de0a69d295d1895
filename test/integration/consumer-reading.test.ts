import { fork } from 'node:child_process'
import { createSync, sink, type SyncEvent } from 'prisma-dbsync'
import { expect, test } from 'vitest'
import { schema, Visit, type RestaurantRow } from '../../generated/dbsync/index.ts'
import { testDatabase } from '../support/database.ts'
import { sleep, until } from '../support/faults.ts'
import { seedVisits, startWriters } from '../support/workload.ts'

const keyOf = ({ userId, restaurantId }: { userId: number; restaurantId: string }): string =>
  `${userId} ${restaurantId}`

test('the first reading and the changes together give every consumer what the table holds, under writers', async () => {
  await using db = await testDatabase()
  await seedVisits(db)
  const copy = new Map<string, string>()
  const sunk = new Map<string, string>()
  const events: SyncEvent[] = []
  const put = (row: { userId: number; restaurantId: string; amountSpent: { toFixed(): string } }): void => {
    copy.set(keyOf(row), row.amountSpent.toFixed())
  }
  const sync = createSync({
    schema,
    connection: db.url,
    slot: { durable: false },
    snapshot: 'initial',
    onEvent: (event) => events.push(event),
    handlers: {
      Visit: {
        read: ({ after }) => put(after),
        insert: ({ after }) => put(after),
        update({ key, before, after }) {
          if (before !== undefined) copy.delete(keyOf({ ...key, ...before }))
          put(after)
        },
        delete: ({ key }) => void copy.delete(keyOf(key)),
        truncate: () => copy.clear(),
      },
    },
    sinks: [
      sink({
        models: [Visit],
        maxRows: 100,
        maxMs: 20,
        upsert(_model, rows) {
          for (const row of rows)
            if (row.amountSpent !== undefined) sunk.set(keyOf(row), row.amountSpent.toFixed())
        },
        delete(_model, keys) {
          for (const key of keys) sunk.delete(keyOf(key))
        },
        truncate: () => sunk.clear(),
      }),
    ],
  })
  const writers = startWriters(await Promise.all([db.connect(), db.connect(), db.connect()]), 20_261_123)
  await sync.start()
  await until(
    () => events.some((event) => event.kind === 'refresh' && event.progress.state === 'done'),
    60_000,
  )
  await writers.stop()
  await sync.catchUp()
  const rows = await db.query<{ u: number; r: string; a: string }>(
    'SELECT user_id AS u, restaurant_id AS r, amount_spent::text AS a FROM visit',
  )
  const truth = rows.map(({ u, r, a }) => `${u} ${r} ${Number(a).toFixed(2)}`).toSorted()
  const found = (map: Map<string, string>): string[] =>
    [...map].map(([key, amount]) => `${key} ${Number(amount).toFixed(2)}`).toSorted()
  // The last of it is on its way; what is wrong then stays wrong.
  const wanted = truth.join()
  await until(() => found(copy).join() === wanted && found(sunk).join() === wanted, 30_000).catch(() => {})
  expect(found(copy)).toEqual(truth)
  expect(found(sunk)).toEqual(truth)
  await sync.close()
})

test('rows are read for consumers when they are asked for, and the views keep theirs', async () => {
  await using db = await testDatabase()
  await seedVisits(db, 100)
  const read: RestaurantRow[] = []
  const sync = createSync({
    schema,
    connection: db.url,
    slot: { durable: false },
    handlers: { Restaurant: { read: ({ after }) => void read.push(after) } },
  })
  await sync.start()
  expect(read).toEqual([])
  await sync.refresh(undefined)
  await until(() => read.length === 40)
  expect(read[0]?.description).toBeTypeOf('string')
  // Asked for by a message in the stream, as the command line does.
  const ask = { id: 'asked', models: ['Restaurant', 'Visit'], keys: undefined }
  await db.query(`SELECT pg_logical_emit_message(true, 'dbsync.refresh', '${JSON.stringify(ask)}')`)
  await until(() => read.length === 80)
  await db.query(
    `SELECT pg_logical_emit_message(true, 'dbsync.refresh', '{"id":"k","models":["Restaurant"],"keys":["r1",{"id":"r2"}]}')`,
  )
  await until(() => read.length === 82)
  expect(read.slice(80).map(({ id }) => id)).toEqual(['r1', 'r2'])
  await sync.close()
})

test('a request that cannot be understood is told and nothing else', async () => {
  await using db = await testDatabase()
  await seedVisits(db, 100)
  const events: SyncEvent[] = []
  const sync = createSync({
    schema,
    connection: db.url,
    slot: { durable: false },
    onEvent: (event) => events.push(event),
    handlers: { Visit: { read() {} } },
  })
  await sync.start()
  for (const content of ['secret nonsense', '{"id":"x","models":["Visit"],"keys":[{"userId":"uno"}]}']) {
    await db.query(`SELECT pg_logical_emit_message(true, 'dbsync.refresh', '${content}')`)
  }
  const warnings = (): SyncEvent[] => events.filter(({ kind }) => kind === 'warning')
  await until(() => warnings().length === 2)
  expect(JSON.stringify(warnings())).not.toMatch(/secret|uno/)
  expect(sync.state).toBe('live')
  await sync.close()
})

test('a durable sync that is killed goes on with its first reading after the last chunk that was handled', async () => {
  await using db = await testDatabase()
  await seedVisits(db, 2_400)
  const slot = `s_${db.name}`
  const run = async (killAfter: number): Promise<string[]> => {
    const child = fork(new URL('../support/reading-child.ts', import.meta.url), [db.url, slot], {
      execArgv: ['--import', 'tsx', '--conditions=prisma-dbsync-source'],
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    })
    const seen: string[] = []
    let isDone = false
    child.on('message', (message) => {
      if (message === 'done') isDone = true
      else if (typeof message === 'string') seen.push(message)
      if (seen.length >= killAfter) child.kill('SIGKILL')
    })
    await new Promise((resolve) => child.once('exit', resolve))
    expect(isDone).toBe(killAfter === Infinity)
    return seen
  }
  const first = await run(1_500)
  await sleep(200)
  const [noted] = await db.query<{ state: string; rows: string; last_key: string[] }>(
    `SELECT state, rows, last_key FROM dbsync.snapshot WHERE slot = '${slot}' AND model = 'Visit'`,
  )
  expect(noted).toMatchObject({ state: 'reading' })
  const rows = Number(noted?.rows)
  expect(rows).toBeGreaterThan(500)
  // What is lost to the reading is in the stream.
  await db.query('UPDATE visit SET amount_spent = 77 WHERE user_id = 1; DELETE FROM visit WHERE user_id = 60')
  const second = await run(Infinity)
  const reads = (seen: readonly string[]): string[] => seen.filter((line) => line.startsWith('read '))
  // Nothing that was handled comes again but for what came behind the last note.
  expect(reads(second).length).toBeLessThanOrEqual(2_400 - rows)
  const told = new Set([...first, ...second].map((line) => line.split(' ').slice(1, 3).join(' ')))
  const rest = await db.query<{ key: string }>("SELECT user_id || ' ' || restaurant_id AS key FROM visit")
  expect(rest.filter(({ key }) => !told.has(key))).toEqual([])
  expect(second.filter((line) => line.startsWith('update ')).length).toBe(40)
  // A third time there is nothing left to read.
  expect(reads(await run(Infinity))).toEqual([])
  await db.query(`SELECT pg_drop_replication_slot('${slot}')`)
})
