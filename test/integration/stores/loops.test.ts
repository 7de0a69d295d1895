import { createSync } from 'prisma-dbsync'
import { expect, test } from 'vitest'
import { schema } from '../../../generated/dbsync/index.ts'
import { testDatabase, type TestDatabase } from '../../support/database.ts'
import { EXAMPLE_TABLES, expectDerived } from '../../support/derived-readers.ts'
import { sleep, until } from '../../support/faults.ts'
import { exampleSync } from '../../support/views.ts'
import { seedVisits } from '../../support/workload.ts'

/** Counts the transactions that write anything in a database, whoever's they are. */
async function countingWrites(db: TestDatabase): Promise<() => Promise<number>> {
  const slot = `c_${db.name}`
  await db.query('CREATE PUBLICATION everything FOR ALL TABLES')
  await db.query("SELECT pg_create_logical_replication_slot($1, 'pgoutput')", [slot])
  return async () => {
    // Each begins with a B.
    const [row] = await db.query<{ n: number }>(
      `SELECT count(*) FILTER (WHERE get_byte(data, 0) = 66)::int AS n
       FROM pg_logical_slot_get_binary_changes($1, NULL, NULL, 'proto_version', '1', 'publication_names', 'everything')`,
      [slot],
    )
    return row?.n ?? -1
  }
}

/** Long enough for hundreds of laps. */
const WHILE_MS = 1_500

test('F52 one change of a source is one transaction of derived tables, and then nothing more is written', async () => {
  await using db = await testDatabase()
  await seedVisits(db, 400)
  const { sync } = exampleSync(db.url, { tables: EXAMPLE_TABLES, slot: { name: `s_${db.name}` } })
  await sync.start()
  const written = await countingWrites(db)
  await sleep(WHILE_MS)
  expect(await written()).toBe(0)
  await db.query('UPDATE visit SET amount_spent = amount_spent + 1 WHERE user_id = 1')
  await sync.catchUp()
  await sleep(WHILE_MS)
  expect(await written()).toBe(2)
  await expectDerived(db)
  await sync.close()
})

test('F52 what would be a loop writes without end, and is counted', async () => {
  await using db = await testDatabase()
  await seedVisits(db, 400)
  const writer = await db.connect()
  // What no derived table may be: written because of a change, and read as one.
  const sync = createSync({
    schema,
    connection: db.url,
    slot: { name: `s_${db.name}` },
    handlers: {
      Restaurant: {
        update: async () => {
          await writer.query("UPDATE restaurant SET name = name || '.' WHERE id = 'r2'")
        },
      },
    },
  })
  await sync.start()
  const written = await countingWrites(db)
  await db.query("UPDATE restaurant SET name = 'a' WHERE id = 'r1'")
  await sleep(WHILE_MS)
  expect(await written()).toBeGreaterThan(20)
  await sync.close()
})

for (const [what, sql] of [
  ['all tables', 'CREATE PUBLICATION dbsync FOR ALL TABLES WITH (publish_via_partition_root = true)'],
  [
    'the schema of derived tables',
    'CREATE SCHEMA derived; CREATE PUBLICATION dbsync FOR TABLES IN SCHEMA derived, public WITH (publish_via_partition_root = true)',
  ],
] as const) {
  test(`F52 a publication for ${what} is refused at the start, and nothing is left behind`, async ({
    skip,
  }) => {
    await using db = await testDatabase()
    const [row] = await db.query<{ v: number }>("SELECT current_setting('server_version_num')::int AS v")
    skip(what !== 'all tables' && (row?.v ?? 0) < 150_000, 'schemas are published from version 15 on')
    await seedVisits(db, 100)
    await db.query(sql)
    const { sync } = exampleSync(db.url, { tables: EXAMPLE_TABLES, slot: { name: `s_${db.name}` } })
    await expect(sync.start()).rejects.toMatchObject({
      code: 'STORE.LOOP',
      recovery: 'fix',
      details: { publication: 'dbsync', table: expect.stringContaining('derived') },
    })
    await until(() => sync.state === 'failed')
    expect(await db.query("SELECT tablename FROM pg_tables WHERE schemaname = 'derived'")).toEqual([])
    await sync.close()
  })
}

test('F52 a derived table that is put into the publication while it is written is told of once, and not fed back', async () => {
  await using db = await testDatabase()
  await seedVisits(db, 400)
  const { sync, events } = exampleSync(db.url, {
    tables: EXAMPLE_TABLES,
    slot: { name: `s_${db.name}` },
    watchMs: 50,
  })
  await sync.start()
  const told = (): number =>
    events.filter((event) => event.kind === 'warning' && event.code === 'STORE.LOOP').length
  await db.query('ALTER PUBLICATION dbsync ADD TABLE derived.user_spend')
  await until(() => told() > 0)
  const written = await countingWrites(db)
  await db.query('UPDATE visit SET amount_spent = amount_spent + 1 WHERE user_id = 1')
  await sync.catchUp()
  await sleep(WHILE_MS)
  // The application's and ours.
  expect({ written: await written(), told: told(), state: sync.state }).toEqual({
    written: 2,
    told: 1,
    state: 'live',
  })
  await expectDerived(db)
  await sync.close()
  const again = exampleSync(db.url, { tables: EXAMPLE_TABLES, slot: { name: `s_${db.name}` } }).sync
  await expect(again.start()).rejects.toMatchObject({ code: 'STORE.LOOP' })
  await again.close()
})
