import type pg from 'pg'
import { createSync, type AnyChange, type Sync, type SyncEvent } from 'prisma-dbsync'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { schema } from '../../generated/dbsync/index.ts'
import { compareView } from '../../src/testing/compare-view.ts'
import { testDatabase, type TestDatabase } from '../support/database.ts'
import { EXAMPLE_TABLES, expectDerived, expectSpendElsewhere, queryable } from '../support/derived-readers.ts'
import { proxy, serverVersion, sleep, until, within } from '../support/faults.ts'
import { migrate } from '../support/migrate.ts'
import { startEmbedded, type OwnServer } from '../support/server.ts'
import { connect, startStandby, STANDBY_SLOT, type Standby } from '../support/standby.ts'
import { exampleSync, exampleViews } from '../support/views.ts'
import { seedExample } from '../support/workload.ts'

/* A primary and its standby, and a link that leads to whichever is the primary; the tests stand in the order of the story. */
let primary: OwnServer
let standby: Standby
let version = 0

beforeAll(async () => {
  primary = await startEmbedded()
  standby = await startStandby(primary)
})

afterAll(async () => {
  await standby.stop()
  await within(10_000, primary.stop())
})

/** The same database on another server. */
function at(db: TestDatabase, serverUrl: string): string {
  const url = new URL(serverUrl)
  url.pathname = `/${db.name}`
  return url.href
}

const codes = (events: readonly SyncEvent[]): string[] =>
  events.flatMap((event) => (event.kind === 'warning' ? [event.code] : []))

async function differences(sync: Sync<typeof exampleViews>, client: pg.Client): Promise<number> {
  await sync.catchUp()
  const rows = sync.views as unknown as Readonly<Record<string, { rows(): Iterable<unknown> }>>
  let count = 0
  for (const [name, view] of Object.entries(exampleViews)) {
    count += (await compareView(view, rows[name]?.rows() ?? [], client)).length
  }
  return count
}

/** A sync with handlers that notes what each update of a visit set; with derived tables where there is a database for them. */
function handling(
  url: string,
  slot: { name: string; failover?: boolean },
  target: string | null = null,
): { sync: Sync<typeof exampleViews>; amounts: number[]; events: SyncEvent[] } {
  const amounts: number[] = []
  const events: SyncEvent[] = []
  const update = (change: AnyChange): void => {
    if (change.op === 'update') amounts.push(Number((change.after as { amountSpent: unknown }).amountSpent))
  }
  const sync = createSync({
    schema,
    connection: url,
    views: exampleViews,
    slot,
    handlers: { Visit: { update } },
    ...(target === null ? {} : { tables: EXAMPLE_TABLES, target }),
    onEvent: (event) => events.push(event),
  })
  return { sync, amounts, events }
}

/** What a sync with handlers shows after a failover, once it was told of the change to 7. */
async function outcomeOf(
  { sync, amounts, events }: ReturnType<typeof handling>,
  eventsBefore: number,
  client: pg.Client,
): Promise<unknown> {
  await sync.ready()
  await until(() => amounts.includes(7))
  return {
    differences: await differences(sync, client),
    amounts: [...new Set(amounts)],
    told: events
      .slice(eventsBefore)
      .filter(({ kind }) => ['warning', 'progress', 'store-rebuilt'].includes(kind)),
  }
}

test('F34 a standby is refused with a code, and nothing is made', async () => {
  await using db = await testDatabase({ serverUrl: primary.url })
  const url = at(db, standby.url)
  await until(() =>
    connect(url).then(
      (client) => client.end().then(() => true),
      () => false,
    ),
  )
  const { sync } = exampleSync(url)
  expect(await within(20_000, sync.start())).toBe('POSTGRES.STANDBY')
  expect(sync.state).toBe('failed')
  await sync.close()
  expect(await db.query("SELECT slot_name FROM pg_replication_slots WHERE slot_type = 'logical'")).toEqual([])
})

test('F28 F29 after a failover a failover slot (17) goes on without a gap, and other slots are never silent', async () => {
  const db = await testDatabase({ serverUrl: primary.url })
  version = await serverVersion(db)
  const hasFailoverSlots = version >= 170_000
  const client = await db.connect()
  await seedExample(client, { users: 30, restaurants: 10, visits: 200 })
  const link = await proxy(db.url)
  // The servers have no part in it.
  await using elsewhere = await testDatabase({ schema: 'empty', serverUrl: inject('serverUrl') })
  const kept = handling(
    link.url,
    { name: 'kept', ...(hasFailoverSlots ? { failover: true } : {}) },
    elsewhere.url,
  )
  const lost = handling(link.url, { name: 'lost' })
  const views = exampleSync(link.url, { slot: { name: 'views', durable: true }, tables: EXAMPLE_TABLES })
  try {
    if (hasFailoverSlots) await kept.sync.start()
    await lost.sync.start()
    await views.sync.start()
    let amount = 100
    const write = async (): Promise<void> => {
      amount += 1
      await client.query("UPDATE visit SET amount_spent = $1 WHERE user_id = 1 AND restaurant_id = 'r1'", [
        amount,
      ])
    }
    const onStandby = await connect(at(db, standby.url))
    if (hasFailoverSlots) {
      // What the manual calls readiness; it takes activity that is confirmed.
      await until(async () => {
        await write()
        await sleep(200)
        const { rows } = await onStandby.query(
          "SELECT 1 FROM pg_replication_slots WHERE slot_name = 'kept' AND synced AND NOT temporary AND invalidation_reason IS NULL",
        )
        return rows.length === 1
      }, 60_000)
      await client.query(`ALTER SYSTEM SET synchronized_standby_slots = '${STANDBY_SLOT}'`)
      await client.query('SELECT pg_reload_conf()')
      await sleep(500)
    }
    for (let turn = 0; turn < 20; turn += 1) await write()
    const last = amount
    await until(async () => {
      const { rows } = await onStandby.query<{ a: string }>(
        "SELECT amount_spent::text AS a FROM visit WHERE user_id = 1 AND restaurant_id = 'r1'",
      )
      return Number(rows[0]?.a) === last
    })
    if (hasFailoverSlots) await until(() => kept.amounts.includes(last))
    await onStandby.end()
    // The standby never gets what follows. Consumers of ordinary slots do, before it is gone for good.
    await standby.halt()
    await write()
    await until(() => lost.amounts.includes(amount))
    await views.sync.catchUp()
    const events = { kept: kept.events.length, views: views.events.length }
    await primary.kill()
    await standby.start()
    await standby.promote()
    link.retarget(at(db, standby.url))
    const now = await connect(at(db, standby.url))
    await now.query("UPDATE visit SET amount_spent = 7 WHERE user_id = 2 AND restaurant_id = 'r1'")
    await views.sync.ready()
    expect(await differences(views.sync, now)).toBe(0)
    expect(codes(views.events.slice(events.views))).toEqual(['SLOT.MISSING'])
    await expectDerived(queryable(now))
    await until(() => lost.sync.state === 'failed')
    await expect(lost.sync.ready()).rejects.toMatchObject({ code: 'SLOT.MISSING' })
    // Every change of the surviving history, in order, and none of the lost one; nothing was read anew.
    const keptAmounts = [...Array.from({ length: last - 100 }, (_, index) => 101 + index), 7]
    expect(hasFailoverSlots ? await outcomeOf(kept, events.kept, now) : 'no failover slots').toEqual(
      hasFailoverSlots ? { amounts: keptAmounts, differences: 0, told: [] } : 'no failover slots',
    )
    // Rows that went on where they were: `told` above has no rebuilding of them either.
    if (hasFailoverSlots) await expectSpendElsewhere(queryable(now), elsewhere)
    await now.end()
  } finally {
    await Promise.all([kept, lost, views].map(({ sync }) => within(10_000, sync.close())))
    link.close()
  }
}, 180_000)

test('F30 F32 another server under the same address is noticed: views are read anew, handlers stop', async () => {
  // As after pg_upgrade or a restore of a dump: the same database, another system identifier, and a slot of the same name.
  const db = await testDatabase({ serverUrl: standby.url })
  await using other = await testDatabase({ schema: 'empty', serverUrl: inject('serverUrl') })
  const client = await db.connect()
  await seedExample(client, { users: 30, restaurants: 10, visits: 200 })
  const link = await proxy(db.url)
  const views = exampleSync(link.url, { slot: { name: `v_${db.name}`, durable: true } })
  const handlers = handling(link.url, { name: `h_${db.name}` })
  try {
    await views.sync.start()
    await handlers.sync.start()
    await other.query(`CREATE DATABASE ${db.name}`)
    const elsewhere = await connect(at(db, inject('serverUrl')))
    await migrate(elsewhere)
    await seedExample(elsewhere, { users: 40, restaurants: 5, visits: 100 })
    for (const name of [`v_${db.name}`, `h_${db.name}`])
      await elsewhere.query(`SELECT pg_create_logical_replication_slot('${name}', 'pgoutput')`)
    link.retarget(at(db, inject('serverUrl')))
    for (const one of link.links) one.reset()
    await until(() => handlers.sync.state === 'failed')
    await expect(handlers.sync.ready()).rejects.toMatchObject({ recovery: 'resnapshot' })
    await views.sync.ready()
    await until(() => views.sync.state === 'live' && views.sync.status().reconnects > 0)
    expect(await differences(views.sync, elsewhere)).toBe(0)
    const told = codes(views.events).filter((code) => code !== 'SLOT.UNBOUNDED_WAL')
    expect(told).toHaveLength(1)
    expect(['POSTGRES.HISTORY', 'SLOT.MISSING', 'PUBLICATION.MISSING']).toContain(told[0])
    await elsewhere.end()
  } finally {
    await Promise.all([views, handlers].map(({ sync }) => within(10_000, sync.close())))
    link.close()
    await other.query(
      `SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE database = '${db.name}' AND NOT active`,
    )
    await other.query(`DROP DATABASE IF EXISTS ${db.name} WITH (FORCE)`)
  }
}, 120_000)
