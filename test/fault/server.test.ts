import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execFileSync } from 'node:child_process'
import pg from 'pg'
import { createSync } from 'prisma-dbsync'
import { expect, test } from 'vitest'
import { schema } from '../../generated/dbsync/index.ts'
import { compareView } from '../../src/testing/compare-view.ts'
import { testDatabase } from '../support/database.ts'
import { startEmbedded } from '../support/server.ts'
import { exampleSync, exampleViews } from '../support/views.ts'
import { seedExample } from '../support/workload.ts'
import { proxy, sleep, until, within } from '../support/faults.ts'

test('F06 a fast shutdown under load is not held up', async () => {
  const server = await startEmbedded()
  try {
    const db = await testDatabase({ serverUrl: server.url })
    const client = await db.connect()
    await seedExample(client, { users: 30, restaurants: 10, visits: 200 })
    const { sync } = exampleSync(db.url)
    await sync.start()
    const writer = (async () => {
      const own = await db.connect()
      for (let i = 0; ; i += 1)
        await own.query('UPDATE visit SET amount_spent = $1 WHERE user_id = $2', [i % 100, 1 + (i % 30)])
    })().catch(() => {})
    await sleep(1000)
    const halted = server.halt()
    const outcome = await within(12_000, halted)
    const status = { state: sync.state, unsettled: sync.status().unsettled }
    await sync.close()
    await within(10_000, halted)
    await writer
    expect({ outcome, ...status }).toMatchObject({ outcome: 'done' })
  } finally {
    await within(5000, server.stop())
  }
})

test('F06 a fast shutdown is not held up by a handler that takes its time', async () => {
  const server = await startEmbedded()
  try {
    const db = await testDatabase({ serverUrl: server.url })
    const client = await db.connect()
    await seedExample(client, { users: 30, restaurants: 10, visits: 200 })
    let release = (): void => {}
    const gate = new Promise<void>((done) => {
      release = done
    })
    const sync = createSync({
      schema,
      connection: db.url,
      slot: { name: 'h' },
      handlers: { Restaurant: { insert: () => gate } },
    })
    await sync.start()
    await client.query("INSERT INTO restaurant (id, name) VALUES ('x', 'x')")
    await sleep(500)
    const halted = server.halt()
    const outcome = await within(12_000, halted)
    release()
    await sync.close()
    await within(10_000, halted)
    expect({ outcome }).toEqual({ outcome: 'done' })
  } finally {
    await within(5000, server.stop())
  }
})

test('F31 a server that comes back from a backup is not streamed on as if nothing had happened', async () => {
  const server = await startEmbedded()
  const backup = await mkdtemp(join(tmpdir(), 'dbsync-backup-'))
  try {
    const db = await testDatabase({ serverUrl: server.url })
    const client = await db.connect()
    await seedExample(client, { users: 30, restaurants: 10, visits: 200 })
    const { sync, events } = exampleSync(db.url, { slot: { name: 'pitr', durable: true } })
    await sync.start()
    await sync.catchUp()
    await sleep(1500)
    await server.halt()
    execFileSync('cp', ['-a', `${server.dataDir}/.`, backup])
    await server.start()
    await sync.ready()
    const busy = new pg.Client({ connectionString: db.url })
    busy.on('error', () => {})
    await busy.connect()
    for (let i = 0; i < 200; i += 1) await busy.query('UPDATE visit SET amount_spent = $1', [i % 50])
    await sync.catchUp()
    await busy.end()
    await sleep(1500)
    await server.halt()
    await until(() => sync.state === 'reconnecting')
    execFileSync('sh', ['-c', `rm -rf ${server.dataDir}/* && cp -a ${backup}/. ${server.dataDir}/`])
    await server.start()
    await until(() => sync.state !== 'reconnecting', 30_000)
    const again = new pg.Client({ connectionString: db.url })
    again.on('error', () => {})
    await again.connect()
    await again.query('UPDATE visit SET amount_spent = 77 WHERE user_id = 1')
    await sleep(2000)
    const caught = await within(5000, sync.catchUp())
    const differences = await compareView(
      exampleViews.restaurantRating,
      sync.views.restaurantRating.rows(),
      again,
    )
    const state = sync.state
    const told = events.flatMap((event) => (event.kind === 'warning' ? [event.code] : []))
    await again.end()
    await within(5000, sync.close())
    expect({
      state,
      caught,
      told: told.includes('POSTGRES.HISTORY'),
      differences: differences.length,
    }).toEqual({
      state: 'live',
      caught: 'done',
      told: true,
      differences: 0,
    })
  } finally {
    await within(5000, server.stop())
    await rm(backup, { recursive: true, force: true })
  }
}, 150_000)
void cp

test('F05 a control session that went dead without a word does not stop the next reconnect, nor close', async () => {
  await using db = await testDatabase()
  const client = await db.connect()
  await seedExample(client, { users: 30, restaurants: 10, visits: 200 })
  const link = await proxy(db.url)
  const { sync } = exampleSync(link.url)
  try {
    await sync.start()
    for (const l of link.links) if (l.name === 'dbsync control') l.freeze()
    for (const l of link.links) if (l.name === 'dbsync replication') l.client.destroy()
    await until(() => sync.state === 'reconnecting')
    const ready = await within(20_000, sync.ready())
    const closed = await within(8_000, sync.close())
    expect({ ready, closed }).toEqual({ ready: 'done', closed: 'done' })
  } finally {
    link.close()
  }
})

test('F05 close ends although the control session is dead', async () => {
  await using db = await testDatabase()
  const client = await db.connect()
  await seedExample(client, { users: 30, restaurants: 10, visits: 200 })
  const link = await proxy(db.url)
  const { sync } = exampleSync(link.url)
  try {
    await sync.start()
    for (const l of link.links) if (l.name === 'dbsync control') l.freeze()
    const closed = await within(8_000, sync.close())
    expect({ closed }).toEqual({ closed: 'done' })
  } finally {
    link.close()
  }
})

test('F05 a dead control session does not stop confirming for good', async () => {
  await using db = await testDatabase()
  const client = await db.connect()
  await seedExample(client, { users: 30, restaurants: 10, visits: 200 })
  const link = await proxy(db.url)
  const { sync } = exampleSync(link.url)
  try {
    await sync.start()
    for (const l of link.links) if (l.name === 'dbsync control') l.freeze()
    for (let i = 0; i < 20; i += 1) {
      await client.query('UPDATE visit SET amount_spent = $1', [i])
      await sleep(50)
    }
    await sleep(15_000)
    expect({ unsettled: sync.status().unsettled }).toEqual({ unsettled: 0 })
  } finally {
    link.close()
    await within(5000, sync.close())
  }
})

test('closing while the snapshot session is being opened leaves no session', async () => {
  await using db = await testDatabase()
  const client = await db.connect()
  await seedExample(client, { users: 30, restaurants: 10, visits: 200 })
  const link = await proxy(db.url)
  const { sync } = exampleSync(link.url)
  try {
    // The server's first answer on the snapshot session comes late.
    link.onDown = () => {}
    const starting = sync.start()
    starting.catch(() => {})
    await until(() => link.links.some((l) => l.name === 'dbsync snapshot'))
    const snapshot = link.links.find((l) => l.name === 'dbsync snapshot')
    snapshot?.server.pause()
    const closing = sync.close()
    await sleep(300)
    snapshot?.server.resume()
    await within(8000, closing)
    await sleep(500)
    expect({ open: link.links.filter((l) => !l.client.destroyed).map((l) => l.name) }).toEqual({ open: [] })
  } finally {
    link.close()
  }
})

test('two syncs that both find no publication both start', async () => {
  await using db = await testDatabase()
  const client = await db.connect()
  await seedExample(client, { users: 3, restaurants: 3, visits: 5 })
  const holder = await db.connect()
  await holder.query('BEGIN; LOCK TABLE visit IN SHARE UPDATE EXCLUSIVE MODE')
  const syncs = [0, 1].map(() => exampleSync(db.url).sync)
  const starts = syncs.map((sync) => within(20_000, sync.start()))
  await until(
    async () =>
      (
        await db.query(
          "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'dbsync control' AND wait_event_type = 'Lock'",
        )
      ).length === 2,
  )
  await holder.query('ROLLBACK')
  const outcomes = await Promise.all(starts)
  await Promise.all(syncs.map((sync) => sync.close()))
  expect(outcomes).toEqual(['done', 'done'])
})
