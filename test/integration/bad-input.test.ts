import { Decimal } from '@prisma/client/runtime/client'
import { expect, inject, test } from 'vitest'
import {
  count,
  createSync,
  defineSchema,
  defineTable,
  defineView,
  isDbsyncError,
  sealContract,
  sum,
  type ErrorCode,
  type SyncOptions,
} from 'prisma-dbsync'
import { Restaurant, schema, Visit } from '../../generated/dbsync/index.ts'
import { diagnose } from '../../src/engine/diagnose.ts'
import { testDatabase, type TestDatabase } from '../support/database.ts'
import { startEmbedded } from '../support/server.ts'
import { exampleSync, exampleViews } from '../support/views.ts'

/** Starts a sync that must fail, checks its code and message, and that it left nothing behind. */
async function expectRefusal(
  url: string,
  code: ErrorCode,
  message: RegExp,
  options: Partial<SyncOptions> = {},
): Promise<void> {
  const { sync } = exampleSync(url, options)
  const startMs = performance.now()
  const error: unknown = await sync.start().then(
    () => null,
    (thrown: unknown) => thrown,
  )
  if (!isDbsyncError(error)) throw new Error(`start did not fail as it should: ${String(error)}`)
  expect(error.code).toBe(code)
  expect(error.message).toMatch(message)
  expect(error.message).not.toContain('postgres:postgres')
  expect(performance.now() - startMs).toBeLessThan(15_000)
  expect(sync.state).toBe('failed')
  await sync.close()
}

async function expectUntouched(db: TestDatabase): Promise<void> {
  expect(await db.query(`SELECT slot_name FROM pg_replication_slots WHERE database = '${db.name}'`)).toEqual(
    [],
  )
  expect(await db.query('SELECT pubname FROM pg_publication')).toEqual([])
}

test('F17 a server without logical WAL', async () => {
  const server = await startEmbedded(['-c', 'wal_level=replica'])
  try {
    await using db = await testDatabase({ serverUrl: server.url })
    await expectRefusal(
      db.url,
      'POSTGRES.WAL_LEVEL',
      /wal_level = replica.*ALTER SYSTEM SET wal_level = logical.*restart/,
    )
    const { contract } = schema
    const { findings } = await diagnose({
      contract,
      connection: db.url,
      publication: 'dbsync',
      slot: 'dbsync',
    })
    expect(findings).toContainEqual(
      expect.objectContaining({
        severity: 'error',
        code: 'POSTGRES.WAL_LEVEL',
        sql: ["ALTER SYSTEM SET wal_level = 'logical';"],
      }),
    )
    await expectUntouched(db)
  } finally {
    await server.stop()
  }
})

test('F50 a role without the REPLICATION right, or without SELECT', async () => {
  await using db = await testDatabase()
  const role = `r_${db.name}`
  await db.query(`CREATE ROLE ${role} LOGIN PASSWORD 'x'`)
  try {
    const url = new URL(db.url)
    url.username = role
    url.password = 'x'
    await expectRefusal(url.href, 'POSTGRES.PERMISSION', new RegExp(`ALTER ROLE "?${role}"? REPLICATION`))
    await expectRefusal(url.href, 'POSTGRES.PERMISSION', /GRANT SELECT ON "?public"?\."?visit"?/)
    await db.query(`ALTER ROLE ${role} REPLICATION; GRANT SELECT ON ALL TABLES IN SCHEMA public TO ${role}`)
    // Neither owner of the tables nor allowed to create: the message carries the statement for whoever is.
    await expectRefusal(url.href, 'POSTGRES.PERMISSION', /CREATE PUBLICATION "?dbsync"? FOR TABLE/)
    await expectUntouched(db)
    // What the message says is enough.
    await db.query('CREATE PUBLICATION dbsync FOR TABLE users, restaurant, visit')
    const { sync } = exampleSync(url.href)
    await sync.start()
    await sync.close()
    await db.query('ALTER PUBLICATION dbsync DROP TABLE visit')
    await expectRefusal(
      url.href,
      'PUBLICATION.INCOMPLETE',
      /lacks .*visit.*ALTER PUBLICATION "?dbsync"? ADD TABLE/,
    )
  } finally {
    await db.query(`DROP OWNED BY ${role}; DROP ROLE ${role}`)
  }
})

test('F49 a table with a row policy that hides rows from the role', async () => {
  await using db = await testDatabase()
  const role = `r_${db.name}`
  await db.query(`CREATE ROLE ${role} LOGIN REPLICATION PASSWORD 'x'`)
  try {
    await db.query(`GRANT SELECT ON ALL TABLES IN SCHEMA public TO ${role};
      CREATE PUBLICATION dbsync FOR TABLE users, restaurant, visit; ALTER TABLE visit ENABLE ROW LEVEL SECURITY`)
    const url = new URL(db.url)
    url.username = role
    url.password = 'x'
    await expectRefusal(url.href, 'POSTGRES.PERMISSION', /row-level security/)
  } finally {
    await db.query(`DROP OWNED BY ${role}; DROP ROLE ${role}`)
  }
})

test('a wrong password, a missing database, no server', async () => {
  await using db = await testDatabase()
  const wrong = new URL(db.url)
  wrong.password = 'sesame'
  await expectRefusal(wrong.href, 'POSTGRES.AUTHENTICATION', /role "postgres" could not log in.*password/)
  const missing = new URL(db.url)
  missing.pathname = '/nowhere'
  await expectRefusal(missing.href, 'POSTGRES.AUTHENTICATION', /database "nowhere" does not exist/)
  const down = new URL(db.url)
  down.port = '1'
  await expectRefusal(
    down.href,
    'POSTGRES.CONNECTION_REFUSED',
    /No PostgreSQL server answers at 127\.0\.0\.1:1/,
  )
})

test('F09 a slot in use, and a slot of another kind', async () => {
  await using db = await testDatabase()
  const slot = `s_${db.name}`
  const first = exampleSync(db.url, { slot: { name: slot, durable: true } })
  await first.sync.start()
  await expectRefusal(db.url, 'SLOT.IN_USE', /in use by backend \d+/, {
    slot: { name: slot, durable: true, waitMs: 300 },
  })
  expect(first.sync.state).toBe('live')
  await first.sync.close()
  await db.query(`SELECT pg_create_logical_replication_slot('other_${slot}', 'test_decoding')`).then(
    () =>
      expectRefusal(db.url, 'SLOT.INCOMPATIBLE', /plugin "test_decoding"/, {
        slot: { name: `other_${slot}`, durable: true },
      }),
    // The plugin is not part of every installation.
    (error: unknown) => expect(String(error)).toContain('test_decoding'),
  )
})

test('a table that is missing, a column that is missing, a column of another type: all of them at once', async () => {
  await using db = await testDatabase()
  await db.query(`DROP TABLE visit; ALTER TABLE restaurant DROP COLUMN name;
    ALTER TABLE users ALTER id TYPE bigint`)
  await expectRefusal(
    db.url,
    'CONTRACT.COLUMN_MISSING',
    /Restaurant\.name[^]*names table .*visit[^]*User\.id .* is bigint in the database and integer in the contract/,
  )
  await expectUntouched(db)
})

test('F41 a table without a usable replica identity is never published: the application can still update it', async () => {
  await using db = await testDatabase()
  await db.query(`ALTER TABLE visit DROP CONSTRAINT visit_pkey; INSERT INTO restaurant (id, name) VALUES ('r1', 'a');
    INSERT INTO users (first_name, user_name, email) VALUES ('a', 'a', 'a'); INSERT INTO visit VALUES (1, 'r1', 1, 1)`)
  await expectRefusal(
    db.url,
    'CHANGES.REPLICA_IDENTITY',
    /visit.* has no usable replica identity.*REPLICA IDENTITY FULL/,
  )
  await expectUntouched(db)
  await db.query('UPDATE visit SET visit_rating = 2')
  await db.query('ALTER TABLE visit REPLICA IDENTITY FULL')
  // Two rows could share the key, and no old row could tell which of them is meant.
  await expectRefusal(db.url, 'CHANGES.REPLICA_IDENTITY', /no unique index over \(user_id, restaurant_id\)/)
  await db.query('CREATE UNIQUE INDEX ON visit (user_id, restaurant_id)')
  const { sync } = exampleSync(db.url)
  await sync.start()
  await db.query('UPDATE visit SET visit_rating = 5')
  await sync.catchUp()
  expect(sync.views.grandTotal.get()?.rating).toBe(5)
  await sync.close()
})

test('F21 a publication that leaves out an operation', async () => {
  await using db = await testDatabase()
  await db.query(
    "CREATE PUBLICATION dbsync FOR TABLE users, restaurant, visit WITH (publish = 'insert, update')",
  )
  await expectRefusal(db.url, 'PUBLICATION.INCOMPLETE', /does not publish every operation.*SET \(publish/)
})

test('a publication that has a partitioned table and names its partitions instead', async () => {
  await using db = await testDatabase()
  await db.query(`DROP TABLE restaurant CASCADE;
    CREATE TABLE restaurant (id varchar(255) PRIMARY KEY, name varchar(255) NOT NULL, description text, address text,
      rating int, tags text[]) PARTITION BY HASH (id);
    CREATE TABLE restaurant_0 PARTITION OF restaurant FOR VALUES WITH (MODULUS 1, REMAINDER 0)`)
  const refusal = /names the partitions of .*restaurant.*SET \(publish_via_partition_root = true\)/
  await db.query('CREATE PUBLICATION dbsync FOR TABLE users, restaurant, visit')
  await expectRefusal(db.url, 'PUBLICATION.INCOMPLETE', refusal)
  await db.query('ALTER PUBLICATION dbsync DROP TABLE restaurant')
  await expectRefusal(db.url, 'PUBLICATION.INCOMPLETE', refusal)
  await db.query('ALTER PUBLICATION dbsync SET (publish_via_partition_root = true)')
  const { sync } = exampleSync(db.url)
  await sync.start()
  await sync.close()
})

const hasFilters = inject('serverMajor') >= 15

test.runIf(hasFilters)(
  'a publication that filters rows or lacks a column (PostgreSQL 15 and newer)',
  async () => {
    await using db = await testDatabase()
    await db.query('CREATE PUBLICATION dbsync FOR TABLE users, restaurant, visit WHERE (user_id > 5)')
    await expectRefusal(db.url, 'PUBLICATION.INCOMPLETE', /filters the rows of .*visit/)
    await db.query(
      'DROP PUBLICATION dbsync; CREATE PUBLICATION dbsync FOR TABLE users, restaurant (id), visit',
    )
    await expectRefusal(db.url, 'PUBLICATION.INCOMPLETE', /leaves out Restaurant\.name/)
  },
)

test('a publication of somebody else is extended, and its other tables are passed over', async () => {
  await using db = await testDatabase()
  await db.query('CREATE TABLE other (id int PRIMARY KEY); CREATE PUBLICATION dbsync FOR TABLE other, users')
  const { sync } = exampleSync(db.url)
  await sync.start()
  await db.query('INSERT INTO other VALUES (1)')
  await db.query("INSERT INTO restaurant (id, name) VALUES ('r1', 'a')")
  await sync.catchUp()
  expect(sync.views.restaurantRating.get('r1')).toMatchObject({ name: 'a', visits: 0, rating: null })
  await sync.close()
})

test('F40 a column that changes its type while it is streamed', async () => {
  await using db = await testDatabase()
  const { sync } = exampleSync(db.url)
  await sync.start()
  await db.query('ALTER TABLE visit ALTER visit_rating TYPE bigint')
  await db.query("INSERT INTO restaurant (id, name) VALUES ('r1', 'a')")
  await db.query(
    "INSERT INTO users (first_name, user_name, email) VALUES ('a', 'a', 'a'); INSERT INTO visit VALUES (1, 'r1', 1, 1)",
  )
  await sync.catchUp()
  expect(() => sync.views.grandTotal.get()).toThrow(
    expect.objectContaining({
      code: 'CONTRACT.TYPE_MISMATCH',
      message: expect.stringMatching(/bigint.*integer/),
    }),
  )
  await sync.close()
})

test('an enum label that the contract does not know', async () => {
  await using db = await testDatabase({ schema: 'empty' })
  await db.query(
    `CREATE TYPE mood AS ENUM ('sad', 'glad'); CREATE TABLE guest (id int PRIMARY KEY, mood mood)`,
  )
  const contract = sealContract({
    version: 1,
    enums: [
      {
        name: 'Mood',
        schema: 'public',
        pgName: 'mood',
        values: [
          { name: 'SAD', label: 'sad' },
          { name: 'GLAD', label: 'glad' },
        ],
      },
    ],
    models: [
      {
        model: 'Guest',
        schema: 'public',
        table: 'guest',
        key: ['id'],
        keyIsPrimary: true,
        columns: [
          { field: 'id', column: 'id', type: 'Int', pgType: 'integer', list: false, nullable: false },
          {
            field: 'mood',
            column: 'mood',
            type: 'Enum',
            enum: 'Mood',
            pgType: 'mood',
            list: false,
            nullable: true,
          },
        ],
        relations: [],
      },
    ],
  })
  const guests = defineSchema({ contract, Decimal })
  const Guest = defineTable<'Guest', { id: number; mood: 'SAD' | 'GLAD' | null }, 'id'>(guests, 'Guest')
  const view = defineView('moods', (q) =>
    q.from({ g: Guest }).select(({ g }) => ({ id: g.id, mood: g.mood })),
  )
  const sync = createSync({ schema: guests, connection: db.url, views: { moods: view } })
  await sync.start()
  await db.query("INSERT INTO guest VALUES (1, 'glad')")
  await sync.catchUp()
  expect(sync.views.moods.get(1)).toEqual({ id: 1, mood: 'GLAD' })
  await db.query("ALTER TYPE mood ADD VALUE 'bored'")
  await db.query("INSERT INTO guest VALUES (2, 'bored')")
  // The sync goes on without the views over that table.
  await sync.catchUp()
  expect(() => sync.views.moods.get(1)).toThrow(
    expect.objectContaining({
      code: 'CHANGES.UNKNOWN_ENUM_LABEL',
      message: expect.stringMatching(/Guest\.mood.*prisma generate/),
    }),
  )
  await sync.close()
  // One that begins with such a row is refused.
  await expect(
    createSync({ schema: guests, connection: db.url, views: { moods: view } }).start(),
  ).rejects.toMatchObject({ code: 'CHANGES.UNKNOWN_ENUM_LABEL' })
})

test('options that are missing, misspelt or of the wrong kind, each with what to do', () => {
  const refuse = (options: unknown, code: ErrorCode, message: RegExp): void => {
    expect(() => createSync(options as SyncOptions)).toThrow(
      expect.objectContaining({ code, message: expect.stringMatching(message) }),
    )
  }
  const good = { schema, connection: 'postgresql://localhost/x', views: exampleViews }
  refuse({ ...good, connection: undefined }, 'CONFIG.INVALID_OPTIONS', /connection: .*environment variable/)
  refuse({ ...good, schema: {} }, 'CONFIG.INVALID_OPTIONS', /schema: .*generated schema/)
  refuse({ ...good, view: {} }, 'CONFIG.INVALID_OPTIONS', /view/)
  refuse({ ...good, views: { a: {} } }, 'CONFIG.INVALID_OPTIONS', /views\.a: must be made by defineView/)
  refuse({ ...good, views: {} }, 'CONFIG.INVALID_OPTIONS', /neither views nor tables/)
  refuse(
    { ...good, handlers: { Visits: { insert() {} } } },
    'CONFIG.UNKNOWN_HANDLER',
    /It has Restaurant, User, Visit/,
  )
  refuse({ ...good, handlers: { Visit: { upsert() {} } } }, 'CONFIG.INVALID_OPTIONS', /handlers\.Visit/)
  refuse(
    { ...good, slot: { name: 'My-Slot' } },
    'CONFIG.INVALID_OPTIONS',
    /lower-case letters, digits and underscores/,
  )
  refuse(
    { ...good, views: { a: exampleViews.grandTotal, b: exampleViews.grandTotal } },
    'CONFIG.DUPLICATE_VIEW',
    /views\.a and views\.b are both named "grand_total"/,
  )
})

test('a view that cannot be kept exactly is refused where it is defined', () => {
  expect(() =>
    defineView('tags', (q) =>
      q
        .from({ r: Restaurant })
        .groupBy(({ r }) => [r.tags])
        .select(({ r }) => ({ tags: r.tags, n: count() })),
    ),
  ).toThrow(expect.objectContaining({ code: 'VIEW.NOT_EXACT' }))
  expect(() =>
    defineView('ungrouped', (q) =>
      q
        .from({ v: Visit })
        .groupBy(({ v }) => [v.userId])
        // @ts-expect-error the types say so too
        .select(({ v }) => ({ restaurant: v.restaurantId, spent: sum(v.amountSpent) })),
    ),
  ).toThrow(expect.objectContaining({ code: 'VIEW.INVALID_DEFINITION' }))
})

test('start is called once, and nothing is answered before', async () => {
  await using db = await testDatabase()
  const { sync } = exampleSync(db.url)
  await expect(sync.catchUp()).rejects.toMatchObject({ code: 'SYNC.STATE' })
  await sync.start()
  await expect(sync.start()).rejects.toMatchObject({ code: 'SYNC.STATE' })
  await sync.close()
  await expect(sync.start()).rejects.toMatchObject({ code: 'SYNC.STATE' })
})
