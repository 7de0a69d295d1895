import { expect, test } from 'vitest'
import { awaitWriters } from '../../src/postgres/lock-barrier.ts'
import { testDatabase, type TestDatabase } from '../support/database.ts'
import { until } from '../support/faults.ts'
import { TestLine } from '../support/line.ts'
import { exampleSync, expectExact } from '../support/views.ts'
import { seedExample } from '../support/workload.ts'

/** The example's visits, in partitions that have their columns in other places than the root. */
async function partition(db: TestDatabase, primaryKey = true): Promise<void> {
  await db.query(`
    DROP TABLE visit;
    CREATE TABLE visit (user_id int NOT NULL, restaurant_id varchar(255) NOT NULL, amount_spent numeric(10,2) NOT NULL,
      visit_rating int${primaryKey ? ', PRIMARY KEY (user_id, restaurant_id)' : ''}) PARTITION BY RANGE (user_id);
    CREATE TABLE visit_low PARTITION OF visit FOR VALUES FROM (0) TO (10);
    CREATE TABLE visit_mid (visit_rating int, gone text, restaurant_id varchar(255) NOT NULL, also_gone int,
      amount_spent numeric(10,2) NOT NULL, user_id int NOT NULL);
    ALTER TABLE visit_mid DROP gone, DROP also_gone;
    ALTER TABLE visit ATTACH PARTITION visit_mid FOR VALUES FROM (10) TO (20);
    CREATE TABLE visit_high PARTITION OF visit FOR VALUES FROM (20) TO (1000) PARTITION BY HASH (restaurant_id);
    CREATE TABLE visit_high_0 PARTITION OF visit_high FOR VALUES WITH (MODULUS 2, REMAINDER 0);
    CREATE TABLE visit_high_1 PARTITION OF visit_high FOR VALUES WITH (MODULUS 2, REMAINDER 1)`)
  await seedExample(await db.connect(), { users: 30, restaurants: 10, visits: 200 })
}

const CHANGES = [
  "UPDATE visit SET visit_rating = 1 + user_id % 5, amount_spent = amount_spent + 1 WHERE restaurant_id = 'r1'",
  "UPDATE visit_mid SET visit_rating = NULL WHERE restaurant_id = 'r2'",
  // Inside a partition, from one to another, and back.
  "UPDATE visit SET restaurant_id = 'r10' WHERE user_id = 1 AND restaurant_id = 'r1'",
  "UPDATE visit SET user_id = 15, restaurant_id = 'r10' WHERE user_id = 2 AND restaurant_id = 'r1'",
  "UPDATE visit SET user_id = 25, restaurant_id = 'r9' WHERE user_id = 15 AND restaurant_id = 'r10'",
  "BEGIN; UPDATE visit SET user_id = 5 WHERE user_id = 25 AND restaurant_id = 'r9'; UPDATE visit SET user_id = 25 WHERE user_id = 5 AND restaurant_id = 'r9'; COMMIT",
  'DELETE FROM visit WHERE user_id IN (4, 14, 24)',
  "INSERT INTO visit VALUES (4, 'r4', 1, 1), (14, 'r4', 2, 2), (24, 'r4', 3, 3)",
  "INSERT INTO visit_mid (user_id, restaurant_id, amount_spent, visit_rating) VALUES (14, 'r5', 2, 2)",
  "INSERT INTO visit VALUES (4, 'r4', 9, 5) ON CONFLICT (user_id, restaurant_id) DO UPDATE SET amount_spent = 9",
]

for (const identity of ['DEFAULT', 'FULL'] as const) {
  test(`a partitioned table is followed through its root, its partitions of REPLICA IDENTITY ${identity}`, async () => {
    await using db = await testDatabase()
    await partition(db)
    if (identity === 'FULL') {
      for (const table of ['visit', 'visit_low', 'visit_mid', 'visit_high', 'visit_high_0', 'visit_high_1']) {
        await db.query(`ALTER TABLE ${table} REPLICA IDENTITY FULL`)
      }
    }
    const { sync } = exampleSync(db.url)
    await using _ = sync
    await sync.start()
    for (const [index, sql] of CHANGES.entries()) {
      await db.query(sql)
      if (index % 3 === 0) await expectExact(db, sync)
    }
    await expectExact(db, sync)
    await db.query('TRUNCATE visit')
    await expectExact(db, sync)
    await db.query("INSERT INTO visit VALUES (4, 'r4', 1, 1), (14, 'r4', 2, 2), (24, 'r4', 3, 3)")
    await expectExact(db, sync)
  })
}

test('a partition that could not say which row it updates is refused before it breaks the application', async () => {
  await using db = await testDatabase()
  await partition(db)
  await db.query('ALTER TABLE visit_high_1 REPLICA IDENTITY NOTHING')
  const { sync } = exampleSync(db.url)
  await expect(sync.start()).rejects.toMatchObject({
    code: 'CHANGES.REPLICA_IDENTITY',
    message: expect.stringMatching(/visit_high_1/),
  })
  await db.query('UPDATE visit SET visit_rating = 1')
})

test('a partition of another identity than its root is followed if the old key comes with it', async () => {
  await using db = await testDatabase()
  await partition(db, false)
  await db.query(
    'ALTER TABLE visit ADD UNIQUE (user_id, restaurant_id); ALTER TABLE visit REPLICA IDENTITY FULL',
  )
  const first = exampleSync(db.url)
  // The root's identity is not its partitions'.
  await expect(first.sync.start()).rejects.toMatchObject({ code: 'CHANGES.REPLICA_IDENTITY' })
  for (const table of ['visit_low', 'visit_mid', 'visit_high_0', 'visit_high_1']) {
    await db.query(`ALTER TABLE ${table} REPLICA IDENTITY FULL`)
  }
  const { sync } = exampleSync(db.url)
  await using _ = sync
  await sync.start()
  for (const sql of CHANGES) await db.query(sql)
  await expectExact(db, sync)
})

test('who writes a partition by its own name is waited for as a writer of the table', async () => {
  await using db = await testDatabase()
  await partition(db)
  await using line = await TestLine.open(db)
  const oids = line.replica.tables.map((table) => table.catalog.oid)
  for (const table of ['visit_high_0', 'visit_mid', 'visit']) {
    const writer = await db.connect()
    await writer.query(`BEGIN; DELETE FROM ${table}`)
    let isOver = false
    let holders = 0
    const waited = awaitWriters(line.control, oids, new AbortController().signal, (count) => {
      holders = count
    }).then(() => {
      isOver = true
    })
    await until(() => holders === 1)
    expect([table, isOver]).toEqual([table, false])
    await writer.query('ROLLBACK')
    await waited
  }
})

const EMPTIED = ['users', 'restaurant', 'visit'] as const

for (const [sql, gone] of [
  ['TRUNCATE restaurant CASCADE', ['restaurant', 'visit']],
  ['TRUNCATE users RESTART IDENTITY CASCADE', ['users', 'visit']],
  ['TRUNCATE users, visit, restaurant RESTART IDENTITY', EMPTIED],
] as const) {
  test(`${sql} empties every table it reaches, read or not`, async () => {
    await using db = await testDatabase()
    await seedExample(await db.connect(), { users: 30, restaurants: 10, visits: 200 })
    await using line = await TestLine.open(db)
    // Every table is read, and nothing is merged: TRUNCATE comes between.
    const held: (() => void)[] = []
    line.onWatermark = (seen) => held.push(seen)
    const hydrated = line.hydrate()
    await until(() => held.length === 3)
    await db.query(sql)
    await db.query("INSERT INTO users (first_name, user_name, email) VALUES ('new', 'new', 'new')")
    await line.caughtUp()
    line.onWatermark = (seen) => seen()
    for (const seen of held) seen()
    await hydrated
    expect(await line.differences()).toEqual([])
    // And now that all is read.
    await db.query("INSERT INTO restaurant (id, name) VALUES ('again', 'again')")
    await db.query("INSERT INTO visit SELECT id, 'again', 1, 1 FROM users")
    await db.query(`BEGIN; UPDATE visit SET visit_rating = 2; ${sql}; COMMIT`)
    expect(await line.differences()).toEqual([])
    const sizes = new Map(line.replica.tables.map(({ model, table }) => [model.table, table.size]))
    for (const table of gone) expect([table, sizes.get(table)]).toEqual([table, 0])
  })
}
