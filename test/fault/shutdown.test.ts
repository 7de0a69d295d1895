import { createSync } from 'prisma-dbsync'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { schema } from '../../generated/dbsync/index.ts'
import { testDatabase, type TestDatabase } from '../support/database.ts'
import { sleep, until, within } from '../support/faults.ts'
import { startEmbedded, type OwnServer } from '../support/server.ts'
import { connect } from '../support/standby.ts'
import { exampleSync, exampleViews, expectExact } from '../support/views.ts'
import { seedExample } from '../support/workload.ts'

/*
 * A walsender holds a fast shutdown up until its client has confirmed everything, or is gone. Each test shuts the same server
 * down once without a sync (the control) and once with one, and compares.
 */
const MAX_HOLD_MS = 3_000
const VISITS = 10_000

/** How long a fast shutdown takes, from the signal to the exit. */
async function shutdownMs(): Promise<number> {
  const startMs = performance.now()
  await server.halt()
  return performance.now() - startMs
}

let server: OwnServer

beforeAll(async () => {
  server = await startEmbedded()
})

afterAll(async () => {
  await server.stop()
})

/** A database with the example's tables, and how long the server takes to shut down without a sync. */
async function prepared(): Promise<{ db: TestDatabase; controlMs: number }> {
  const db = await testDatabase({ serverUrl: server.url })
  const client = await db.connect()
  await seedExample(client, { users: 300, restaurants: 50, visits: VISITS })
  const controlMs = await shutdownMs()
  await server.start()
  return { db, controlMs }
}

function expectPrompt(withSyncMs: number, controlMs: number): void {
  const figures = `fast shutdown: ${Math.round(withSyncMs)} ms with a sync, ${Math.round(controlMs)} ms without`
  console.log(figures)
  expect({ figures, isPrompt: withSyncMs - controlMs < MAX_HOLD_MS }).toEqual({ figures, isPrompt: true })
}

const reopened = (db: TestDatabase): TestDatabase => ({ ...db, connect: () => connect(db.url) })

test('F06 a fast shutdown is not held up by a sync that has no lag', async () => {
  const { db, controlMs } = await prepared()
  const { sync } = exampleSync(db.url, { slot: { name: db.name, durable: true } })
  try {
    await sync.start()
    const client = await connect(db.url)
    await client.query('UPDATE visit SET amount_spent = 1')
    await sync.catchUp()
    await client.end()
    const withSyncMs = await shutdownMs()
    await until(() => sync.state === 'reconnecting')
    expectPrompt(withSyncMs, controlMs)
    await server.start()
    await sync.ready()
    await expectExact(reopened(db), sync)
  } finally {
    await within(10_000, sync.close())
  }
}, 120_000)

test('F06 a fast shutdown is not held up by a handler that holds back megabytes, and all of it is handled later', async () => {
  const { db, controlMs } = await prepared()
  let release = (): void => {}
  const gate = new Promise<void>((done) => {
    release = done
  })
  const handled = new Set<string>()
  const sync = createSync({
    schema,
    connection: db.url,
    views: exampleViews,
    slot: { name: db.name, waitMs: 30_000 },
    handlers: {
      Visit: {
        async update({ tx }) {
          await gate
          handled.add(`${tx.lsn}/${tx.seq}`)
        },
      },
    },
  })
  try {
    await sync.start()
    const client = await connect(db.url)
    for (let round = 1; round <= 4; round += 1)
      await client.query('UPDATE visit SET amount_spent = $1', [round])
    await sync.catchUp()
    const [row] = (
      await client.query<{ bytes: string }>(
        'SELECT pg_current_wal_lsn() - confirmed_flush_lsn AS bytes FROM pg_replication_slots WHERE slot_name = $1',
        [db.name],
      )
    ).rows
    expect(Number(row?.bytes)).toBeGreaterThan(4_000_000)
    await client.end()
    const withSyncMs = await shutdownMs()
    expectPrompt(withSyncMs, controlMs)
    await server.start()
    release()
    await sync.ready()
    await until(() => handled.size >= 4 * VISITS, 60_000)
    await sync.catchUp()
    expect(handled.size).toBe(4 * VISITS)
  } finally {
    await within(10_000, sync.close())
  }
}, 180_000)

test('F06 a fast shutdown in the middle of a huge transaction is not held up', async () => {
  const { db, controlMs } = await prepared()
  const { sync } = exampleSync(db.url, { slot: { name: db.name, durable: true } })
  try {
    await sync.start()
    const client = await connect(db.url)
    await client.query('BEGIN')
    for (let round = 1; round <= 15; round += 1)
      await client.query('UPDATE visit SET amount_spent = $1', [round])
    const before = sync.status().changes
    await client.query('COMMIT')
    // Some of its 150 000 changes have come, most have not.
    await until(() => sync.status().changes > before + 1_000)
    const came = sync.status().changes - before
    const withSyncMs = await shutdownMs()
    await client.end().catch(() => {})
    expect(came).toBeLessThan(15 * VISITS)
    expectPrompt(withSyncMs, controlMs)
    await server.start()
    await sync.ready()
    await sleep(100)
    await expectExact(reopened(db), sync)
  } finally {
    await within(10_000, sync.close())
  }
}, 180_000)
