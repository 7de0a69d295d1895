import { expect, test } from 'vitest'
import { createSync, defineView } from 'prisma-dbsync'
import { Restaurant, schema } from '../../generated/dbsync/index.ts'
import { lsn, parseLsn, ZERO_LSN } from '../../src/core/lsn.ts'
import { hydrate } from '../../src/engine/hydrate.ts'
import { TableReader } from '../../src/engine/table-reader.ts'
import { Pipeline } from '../../src/engine/pipeline.ts'
import { Replica } from '../../src/engine/replica.ts'
import { ControlSession } from '../../src/postgres/control-session.ts'
import { preflight } from '../../src/postgres/preflight.ts'
import { ensurePublication } from '../../src/postgres/publication.ts'
import { ReplicationSession } from '../../src/replication/replication-session.ts'
import { createSlot } from '../../src/replication/slot.ts'
import { readExportedSnapshot, readSnapshot } from '../../src/snapshot/read-snapshot.ts'
import { compileViews } from '../../src/views/compile/compile.ts'
import { compareView, formatDifference } from '../../src/testing/compare-view.ts'
import { testDatabase } from '../support/database.ts'
import { exampleSync, expectExact } from '../support/views.ts'
import { seedExample } from '../support/workload.ts'
import { cutStream, sleep, until } from '../support/faults.ts'

const descriptions = defineView('descriptions', (q) =>
  q.from({ r: Restaurant }).select(({ r }) => ({ id: r.id, name: r.name, description: r.description })),
)

for (const [name, moves] of [
  [
    'a swap of keys',
    [
      "UPDATE restaurant SET id = 'tmp' WHERE id = 'r1'; UPDATE restaurant SET id = 'r1' WHERE id = 'r10'; UPDATE restaurant SET id = 'r10' WHERE id = 'tmp'",
    ],
  ],
  [
    'a chain of moves into a reused key',
    [
      "UPDATE restaurant SET id = 'q2' WHERE id = 'r1'",
      "UPDATE restaurant SET id = 'q3' WHERE id = 'q2'",
      "INSERT INTO restaurant (id, name, description) VALUES ('q2', 'new', repeat('new', 1000))",
    ],
  ],
] as const) {
  test(`F47 ${name} with unchanged TOAST, after its chunk and before the next one's watermark`, async () => {
    await using db = await testDatabase()
    const client = await db.connect()
    await client.query(`ALTER TABLE restaurant ALTER description SET STORAGE EXTERNAL;
      INSERT INTO restaurant (id, name, description) SELECT 'r' || i, 'n' || i, CASE WHEN i < 20 THEN repeat('text ' || i, 1000) ELSE 'x' END FROM generate_series(1, 12000) i; ANALYZE`)
    const control = new ControlSession(db.url)
    const compiled = compileViews(schema, [descriptions.ir])
    const needs = [...compiled.tables.values()].map((table) => ({
      model: table.model,
      fields: table.columns.map(({ contract }) => contract.field),
    }))
    const checked = await preflight(await control.client(), schema.contract, needs)
    await ensurePublication(await control.client(), 'dbsync', needs, checked.serverVersion)
    const session = await ReplicationSession.connect(db.url)
    const slot = await createSlot(session, `line_${db.name}`, true, async () => {})
    const anchor = await readExportedSnapshot(control, slot.snapshotName)
    const pipeline = new Pipeline(
      { onStep: (r) => void r.flush(), onConfirm() {}, onProbeWanted() {}, onPause() {} },
      null,
    )
    const replica = new Replica(compiled, checked.tables, new Map(), pipeline.unsettled)
    pipeline.beginStream(slot.consistentPoint)
    pipeline.feed(replica)
    await session.start(`line_${db.name}`, 'dbsync', pipeline)
    // The watermark of the second chunk is noticed late; later is as good.
    let count = 0
    let held: (() => void) | null = null
    const abort = new AbortController()
    const reader = new TableReader({
      connection: db.url,
      anchor,
      signal: abort.signal,
      host: {
        expectWatermark: (watermark, seen) => {
          count += 1
          const order = count
          pipeline.expectWatermark(watermark, () => {
            if (order === 2) held = seen
            else seen()
          })
        },
        forgetWatermark: (watermark) => pipeline.forgetWatermark(watermark),
        readSnapshot: () => readSnapshot(control),
        isMidTransaction: () => pipeline.isMidTransaction,
        noteMerged: () => pipeline.noteMerged(),
        onFailure: (error) => {
          throw error
        },
      },
    })
    const done = hydrate(replica, reader, () => {})
    await until(() => held !== null && (replica.tables[0]?.progress.rows ?? 0) > 0)
    for (const sql of moves) await client.query(sql)
    const caught = async (): Promise<void> => {
      const [row] = await db.query<{ l: string }>(
        "SELECT pg_logical_emit_message(true, 'x', ''); SELECT pg_current_wal_insert_lsn()::text AS l".split(
          ';',
        )[1] ?? '',
      )
      await db.query("SELECT pg_logical_emit_message(true, 'x', '')")
      session.sendStatus(true)
      await pipeline.waitFor(parseLsn(row?.l ?? ''))
    }
    await caught()
    ;(held as (() => void) | null)?.()
    await done
    await caught()
    const found = await compareView(
      descriptions,
      replica.compiled.views.get('descriptions')?.rows() ?? [],
      client,
    )
    await reader.close()
    await session.close()
    await control.close()
    expect(
      found.map(formatDifference).map((text) => text.replaceAll(/(text \d+|new){5,}/g, '$1…').slice(0, 300)),
    ).toEqual([])
  })
}

test('F08 a stream lost while tables are read stays exact under load', async () => {
  await using db = await testDatabase()
  const client = await db.connect()
  await seedExample(client, { users: 3_000, restaurants: 100, visits: 150_000 })
  const { sync, events } = exampleSync(db.url)
  const starting = sync.start()
  let over = false
  const writer = async (): Promise<void> => {
    const own = await db.connect()
    for (let i = 0; !over; i += 1) {
      await own.query('UPDATE visit SET amount_spent = amount_spent + 1 WHERE user_id = $1', [
        1 + Math.floor(Math.random() * 3000),
      ])
    }
  }
  const writers = [writer(), writer(), writer()]
  await until(() => events.some((event) => event.kind === 'progress'))
  await sleep(100)
  await cutStream(db)
  await starting
  over = true
  await Promise.all(writers)
  try {
    await expectExact(db, sync)
  } finally {
    await sync.close()
  }
})

test('a watermark is not forgotten because others come between it and its chunk', () => {
  const pipeline = new Pipeline({ onStep() {}, onConfirm() {}, onProbeWanted() {}, onPause() {} }, null)
  const content = (text: string): { prefix: string; content: Buffer } => ({
    prefix: 'dbsync.watermark',
    content: Buffer.from(text),
  })
  const transaction = (n: number) => ({
    xid: n as never,
    commitLsn: lsn(BigInt(n * 10)),
    endLsn: lsn(BigInt(n * 10 + 5)),
    commitTimeUs: 0n,
    relations: new Map(),
    spans: [],
    bytes: 0,
    isPartial: false,
  })
  let seen = false
  pipeline.expectWatermark('mine', () => {
    seen = true
  })
  for (let n = 2; n < 70; n += 1) pipeline.onTransaction(transaction(n), [content(`theirs:${n}`)])
  expect(seen).toBe(false)
  pipeline.onTransaction(transaction(70), [content('mine')])
  expect(seen).toBe(true)
})

test('F29 a new stream after a failover to an older server has no position beyond it', () => {
  let confirmed = ZERO_LSN
  const pipeline = new Pipeline(
    {
      onStep() {},
      onConfirm: (p) => {
        confirmed = p
      },
      onProbeWanted() {},
      onPause() {},
    },
    null,
  )
  pipeline.beginStream(lsn(1000n))
  pipeline.onKeepalive(lsn(9000n))
  pipeline.beginStream(lsn(5000n))
  pipeline.onKeepalive(lsn(5100n))
  expect({ position: pipeline.position, confirmed }).toEqual({ position: 5100n, confirmed: 5100n })
})

test('subscribing while a half-applied large transaction waits for the rebuild does not show it', async () => {
  await using db = await testDatabase()
  const client = await db.connect()
  await seedExample(client, { users: 3000, restaurants: 100, visits: 200_000 })
  const { proxy } = await import('../support/faults.ts')
  const link = await proxy(db.url)
  const { sync, events } = exampleSync(link.url)
  try {
    await sync.start()
    await sync.catchUp()
    const before = String(sync.views.grandTotal.get()?.spent)
    const stream = link.links.findLast((l) => l.name === 'dbsync replication')
    const base = stream?.down ?? 0
    link.onDown = (l) => {
      if (l === stream && l.down - base > 12_000_000) l.client.destroy()
    }
    await client.query('UPDATE visit SET amount_spent = 1')
    await until(() => events.filter((e) => e.kind === 'reconnecting').length === 1)
    const during = String(sync.views.grandTotal.get()?.spent)
    await until(() => events.filter((e) => e.kind === 'state' && e.state === 'hydrating').length === 2)
    const readiness = sync.views.grandTotal.readiness
    sync.views.grandTotal.subscribe(() => {})
    sync.views.grandTotal.subscribe(() => {})()
    sync.views.restaurantRating.subscribe(() => {})()
    const seen = [String(sync.views.grandTotal.get()?.spent)]
    const un = sync.views.grandTotal.subscribe(() => {})
    un()
    const rr = [...sync.views.restaurantRating.rows()].reduce((sum, row) => sum + Number(row.spent ?? 0), 0)
    expect({ readiness, during, seen, rr: rr.toFixed(0) }).toEqual({
      readiness: 'stale',
      during: before,
      seen: [before],
      rr: Number(before).toFixed(0),
    })
  } finally {
    await sync.close()
    link.close()
  }
})

for (const [title, view] of [
  ['C6', false],
  ['C7', true],
] as const) {
  test(`${title} a large transaction torn by a reconnect of a durable slot: ${view ? 'no reader sees half of it' : 'one rebuild, then none'}`, async () => {
    await using db = await testDatabase()
    const client = await db.connect()
    await seedExample(client, { users: 3000, restaurants: 100, visits: 200_000 })
    const { proxy } = await import('../support/faults.ts')
    const link = await proxy(db.url)
    const seen: string[] = []
    let hydrated = 0
    const made = exampleSync(link.url, {
      slot: { name: `s_${db.name}`, durable: true },
      onEvent: (event) => {
        if (event.kind === 'state' && event.state === 'hydrating') hydrated += 1
        if (event.kind === 'state' && event.state === 'live')
          queueMicrotask(() => seen.push(String(made.sync.views.grandTotal.get()?.spent)))
      },
    })
    const { sync } = made
    try {
      await sync.start()
      await sync.catchUp()
      const before = String(sync.views.grandTotal.get()?.spent)
      const stream = link.links.findLast((l) => l.name === 'dbsync replication')
      const base = stream?.down ?? 0
      link.onDown = (l) => {
        if (l === stream && l.down - base > 12_000_000) l.client.destroy()
      }
      await client.query('UPDATE visit SET amount_spent = 1')
      await until(() => sync.status().reconnects === 1)
      await sync.ready()
      await expectExact(db, sync)
      const after = String(sync.views.grandTotal.get()?.spent)
      const first = hydrated
      await cutStream(db)
      await until(() => sync.status().reconnects === 2)
      await sync.ready()
      const torn = seen.filter((s) => s !== before && s !== after)
      expect({ torn, readings: view ? null : [first, hydrated] }).toEqual({
        torn: [],
        readings: view ? null : [2, 2],
      })
    } finally {
      await sync.close()
      link.close()
    }
  })
}
void createSync
