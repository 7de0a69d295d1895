import { AssertionError } from 'node:assert'
import { expect, inject, test } from 'vitest'
import { asc, count, createSync, defineView, eq, gt, nowMinus, sum } from 'prisma-dbsync'
import {
  testDatabase,
  verifyView,
  ViewMismatchError,
  type TestDatabase,
  type VerifiedSync,
} from 'prisma-dbsync/testing'
import { DDL, Item, schema as items } from '../conformance/item.ts'
import { Restaurant, schema, User, Visit } from '../../generated/dbsync/index.ts'

const server = inject('serverUrl')

const visits = defineView('visits', (q) =>
  q
    .from({ r: Restaurant })
    .leftJoin({ v: Visit }, ({ r, v }) => eq(v.restaurantId, r.id))
    .groupBy(({ r }) => [r.id, r.name])
    .select(({ r, v }) => ({ id: r.id, name: r.name, visits: count(v.userId), spent: sum(v.amountSpent) })),
)

const FILL = `
  INSERT INTO users (id, first_name, user_name, email) SELECT n, 'a', 'a', n || '@x' FROM generate_series(1, 40) n;
  INSERT INTO restaurant (id, name) SELECT 'r' || n, 'R' || n FROM generate_series(1, 5) n;
  INSERT INTO visit (user_id, restaurant_id, amount_spent) SELECT n, 'r' || (n % 4 + 1), n * 1.25 FROM generate_series(1, 20) n`

async function filled(): Promise<TestDatabase> {
  const db = await testDatabase(schema, { server, onOpenSync: 'ignore' })
  await db.query(FILL)
  return db
}

/** A sync that shows other rows of its views than it has. */
function tampered(
  sync: VerifiedSync,
  tamper: (rows: readonly Record<string, unknown>[]) => readonly unknown[],
): VerifiedSync {
  const views = Object.values(sync.views).map((live) => ({
    name: live.name,
    at: live.at.bind(live),
    rows: () => tamper([...live.rows()] as Record<string, unknown>[]),
  }))
  return {
    views: Object.fromEntries(views.map((live) => [live.name, live])),
    catchUp: () => sync.catchUp(),
    at: (position) => sync.at(position),
  }
}

const mismatch = (work: Promise<void>): Promise<ViewMismatchError> =>
  work.then(
    () => Promise.reject(new Error('nothing differs')),
    (error: unknown) => (error instanceof ViewMismatchError ? error : Promise.reject(error as Error)),
  )

test('a view that is its SQL passes, and sees what was committed just before', async () => {
  await using db = await filled()
  await using sync = createSync({ schema, connection: db.url, views: { visits } })
  await sync.start()
  for (let round = 1; round <= 5; round += 1) {
    await db.query(
      `UPDATE visit SET amount_spent = amount_spent + ${round}; DELETE FROM visit WHERE user_id = ${round}`,
    )
    await verifyView(sync, visits)
    expect([...sync.views.visits.rows()].reduce((all, row) => all + row.visits, 0)).toBe(20 - round)
  }
})

test('a wrong view fails with counts, the rows, the columns and the SQL', async () => {
  await using db = await filled()
  await using sync = createSync({ schema, connection: db.url, views: { visits } })
  await sync.start()
  const wrong = tampered(sync, (rows) => [
    ...rows.filter(({ id }) => id !== 'r2' && id !== 'r3'),
    { ...rows.find(({ id }) => id === 'r2'), visits: 7, name: 'X' },
    { id: 'r9', name: 'R9', visits: 0, spent: null },
  ])
  const error = await mismatch(verifyView(wrong, visits, { connection: db.url }))
  expect(error).toBeInstanceOf(AssertionError)
  expect(error.message.replace(/at \w+\/\w+\./, 'at LSN.'))
    .toBe(`The view visits is not what its SQL answers at LSN.
1 row missing, 1 row too many, 1 row wrong
  wrong    { id: "r2", spent: 56.25 }
    name: is "X", must be "R2"
    visits: is 7, must be 5
  missing  { id: "r3", name: "R3", visits: 5, spent: 62.5 }
  too many { id: "r9", name: "R9", visits: 0, spent: null }
5 rows shown, 5 rows in the answer of
${visits.sql}`)
  expect(error.differences).toHaveLength(3)
  expect(error.lsn).toBeGreaterThan(0n)
})

test('only the first rows are listed', async () => {
  await using db = await filled()
  await using sync = createSync({ schema, connection: db.url, views: { visits } })
  await sync.start()
  const empty = tampered(sync, () => [])
  const error = await mismatch(verifyView(empty, visits, { connection: db.url, maxRows: 2 }))
  expect(error.message.split('\n').slice(1, 6)).toEqual([
    '5 rows missing, 0 rows too many, 0 rows wrong',
    expect.stringMatching(/^ {2}missing {2}\{ id: "r\d"/),
    expect.stringMatching(/^ {2}missing {2}\{ id: "r\d"/),
    '  and 3 more',
    '0 rows shown, 5 rows in the answer of',
  ])
})

test('rows in another order than the view has are a mismatch', async () => {
  const names = defineView('names', (q) =>
    q
      .from({ r: Restaurant })
      .select(({ r }) => ({ id: r.id, name: r.name }))
      .orderBy(({ r }) => [asc(r.name)]),
  )
  await using db = await filled()
  await using sync = createSync({ schema, connection: db.url, views: { names } })
  await sync.start()
  await verifyView(sync, names)
  const turned = tampered(sync, (rows) => rows.toReversed())
  const error = await mismatch(verifyView(turned, names, { connection: db.url }))
  expect(error.message).toContain('0 rows missing, 0 rows too many, 1 row wrong')
})

test('both are read at one position while others write', async () => {
  await using db = await filled()
  await using sync = createSync({ schema, connection: db.url, views: { visits } })
  await sync.start()
  let isOver = false
  const writers = [1, 2, 3].map(async (writer) => {
    const client = await db.connect()
    for (let round = 0; !isOver; round += 1) {
      // In another order than the tables are locked in.
      await client.query(
        `BEGIN; UPDATE visit SET amount_spent = ${round} WHERE user_id = ${writer};
         UPDATE restaurant SET name = 'N${round}' WHERE id = 'r${writer}'; COMMIT`,
      )
    }
  })
  try {
    for (let round = 0; round < 10; round += 1) await verifyView(sync, visits)
    // A difference is final at once: nobody can have written in between.
    const wrong = tampered(sync, (rows) => rows.slice(1))
    const error = await mismatch(verifyView(wrong, visits, { connection: db.url, timeoutMs: 600_000 }))
    expect(error.message).not.toContain('meanwhile')
  } finally {
    isOver = true
    await Promise.all(writers)
  }
})

test('an open transaction that has written the tables is not waited for, and counts for neither side', async () => {
  await using db = await filled()
  await using sync = createSync({ schema, connection: db.url, views: { visits } })
  await sync.start()
  const open = await db.connect()
  await open.query("BEGIN; UPDATE visit SET amount_spent = 0; DELETE FROM restaurant WHERE id = 'r5'")
  await verifyView(sync, visits)
  const wrong = tampered(sync, (rows) => rows.slice(1))
  await mismatch(verifyView(wrong, visits, { connection: db.url }))
  await open.query('COMMIT')
  await verifyView(sync, visits)
  expect(sync.views.visits.size).toBe(4)
})

test('a role that may only read is enough', async () => {
  await using db = await filled()
  const role = `reader_${db.name}`
  await db.query(
    `CREATE ROLE ${role} LOGIN PASSWORD 'reader'; GRANT SELECT ON ALL TABLES IN SCHEMA public TO ${role}`,
  )
  try {
    await using sync = createSync({ schema, connection: db.url, views: { visits } })
    await sync.start()
    const url = new URL(db.url)
    url.username = role
    url.password = 'reader'
    await verifyView(sync, visits, { connection: url.href })
    const wrong = tampered(sync, (rows) => rows.slice(1))
    const error = await mismatch(verifyView(wrong, visits, { connection: url.href }))
    expect(error.differences).toHaveLength(1)
  } finally {
    await db.query(`DROP OWNED BY ${role}; DROP ROLE ${role}`)
  }
})

test('a derived table is compared as its view in memory is', async () => {
  await using db = await filled()
  const options = { schema, connection: db.url, slot: { name: db.name, durable: true } }
  await using sync = createSync({ ...options, tables: { visits } })
  await sync.start()
  await verifyView(sync, visits)
  await db.query("UPDATE visit SET amount_spent = 1; DELETE FROM restaurant WHERE id = 'r5'")
  await verifyView(sync, visits)
  await db.query(
    "UPDATE derived.visits SET spent = 1.01 WHERE id = 'r1'; DELETE FROM derived.visits WHERE id = 'r2'",
  )
  const error = await mismatch(verifyView(sync, visits, { of: 'table' }))
  expect(error.message).toMatch(/^The derived table "derived"."visits" of the view visits is not what/)
  expect(error.message).toContain('1 row missing, 0 rows too many, 1 row wrong')
  expect(error.message).toContain('spent: is 1.01, must be 5')
  await expect(verifyView(sync, visits, { of: 'memory' })).rejects.toMatchObject({
    code: 'CONFIG.INVALID_OPTIONS',
  })
})

test('a view that was added is verified by what addView gave', async () => {
  const users = defineView('users', (q) => q.from({ u: User }).select(({ u }) => ({ id: u.id })))
  await using db = await filled()
  await using sync = createSync({ schema, connection: db.url, views: { visits } })
  await sync.start()
  const live = await sync.addView(users)
  await verifyView(sync, users, { live })
  await expect(verifyView(sync, users)).rejects.toMatchObject({ code: 'CONFIG.INVALID_OPTIONS' })
})

test('a view that moves with time is compared by the clock of its sync', async () => {
  const lately = defineView('lately', (q) =>
    q
      .from({ i: Item })
      .where(({ i }) => gt(i.at, nowMinus({ minutes: 10 })))
      .select(({ i }) => ({ id: i.id })),
  )
  const start = Date.UTC(2024, 5, 1, 12)
  const at = (minutes: number): string => `'${new Date(start + minutes * 60_000).toISOString()}'`
  await using db = await testDatabase(items, {
    server,
    sql: `${DDL}; ALTER TABLE item ALTER zoned TYPE timestamptz(6), ALTER clock TYPE time(6);
      INSERT INTO item (id, at) VALUES (1, ${at(-11)}), (2, ${at(-9)}), (3, ${at(-5)})`,
  })
  let now = start
  await using sync = createSync({
    schema: items,
    connection: db.url,
    views: { lately },
    clock: { now: () => now },
  })
  await sync.start()
  await verifyView(sync, lately)
  now += 2 * 60_000
  await verifyView(sync, lately)
  expect([...sync.views.lately.rows()]).toEqual([{ id: 3 }])
})
