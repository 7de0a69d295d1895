import { createSync, defineView } from 'prisma-dbsync'
import { describe, expect, inject, test } from 'vitest'
import { DDL, Sale, schema as fixture, Shop } from '../conformance/fixture.ts'
import { testDatabase } from '../support/database.ts'
import { startDrift, type DriftView } from '../support/drift.ts'
import { cutStream, until } from '../support/faults.ts'

const ALL: readonly DriftView[] = ['guests', 'places', 'spent', 'rated']

interface Stop {
  readonly what: string
  readonly sql: string
  readonly code: string
  readonly message: RegExp
  readonly stops: readonly DriftView[]
}

/** One after the other on one database, until no view is left. */
const STOPS: readonly (readonly Stop[])[] = [
  [
    {
      what: 'a used column is dropped',
      sql: 'ALTER TABLE visit DROP visit_rating',
      code: 'CONTRACT.COLUMN_MISSING',
      message: /visit_rating/,
      stops: ['spent', 'rated'],
    },
    {
      what: 'a used column is renamed',
      sql: 'ALTER TABLE users RENAME date_of_birth TO born',
      code: 'CONTRACT.COLUMN_MISSING',
      message: /date_of_birth/,
      stops: ['guests'],
    },
    {
      what: 'a used column changes its type',
      sql: 'ALTER TABLE restaurant ALTER name TYPE text',
      code: 'CONTRACT.TYPE_MISMATCH',
      message: /Restaurant\.name.*text.*character varying/,
      stops: ['places'],
    },
  ],
  [
    {
      what: 'the table is renamed',
      sql: 'ALTER TABLE visit RENAME TO stay',
      code: 'CONTRACT.TABLE_MISSING',
      message: /is now public\.stay/,
      stops: ['spent', 'rated'],
    },
    {
      what: 'the table is moved to another schema',
      sql: 'CREATE SCHEMA "old one"; ALTER TABLE users SET SCHEMA "old one"',
      code: 'CONTRACT.TABLE_MISSING',
      message: /is now "old one"\.users/,
      stops: ['guests'],
    },
    {
      what: 'the table is dropped',
      sql: 'DROP TABLE restaurant CASCADE',
      code: 'CONTRACT.TABLE_MISSING',
      message: /was dropped/,
      stops: ['places'],
    },
  ],
  [
    {
      what: 'another table without its columns takes its name',
      // The tables that it refers to are locked too: in the order of those who write, or it is a deadlock.
      sql: `BEGIN; LOCK TABLE users, restaurant, visit; DROP TABLE visit;
        CREATE TABLE visit (user_id int, restaurant_id text, PRIMARY KEY (user_id, restaurant_id)); COMMIT`,
      code: 'CONTRACT.TYPE_MISMATCH',
      message: /restaurant_id/,
      stops: ['spent', 'rated'],
    },
    {
      what: 'its replica identity is taken away',
      sql: 'ALTER TABLE users REPLICA IDENTITY NOTHING',
      code: 'CHANGES.REPLICA_IDENTITY',
      message: /no usable replica identity \(nothing\)/,
      stops: ['guests'],
    },
    {
      what: 'its primary key is dropped',
      sql: 'ALTER TABLE restaurant DROP CONSTRAINT restaurant_pkey',
      code: 'CHANGES.REPLICA_IDENTITY',
      message: /no primary key/,
      stops: ['places'],
    },
  ],
  [
    {
      what: 'another table inherits from it',
      sql: 'CREATE TABLE old_visit () INHERITS (visit)',
      code: 'VIEW.NOT_EXACT',
      message: /inherit/,
      stops: ['spent', 'rated'],
    },
    {
      what: 'a row holds a value that the column cannot hold',
      sql: `ALTER TABLE users ALTER first_name DROP NOT NULL;
        UPDATE users SET first_name = NULL WHERE id = 1`,
      code: 'CHANGES.UNDECODABLE_VALUE',
      message: /firstName/,
      stops: ['guests'],
    },
  ],
]

/** Row filters and column lists came with 15, and so did walsenders that notice a partition coming back. */
const HAS_LISTS = inject('serverMajor') >= 15

describe('the views over a table stop and the others go on when', () => {
  for (const stops of STOPS) {
    test(`F37 F38 F39 F40 F41 one after the other: ${stops.map(({ what }) => what).join('; ')}`, async () => {
      await using db = await testDatabase()
      await using run = await startDrift(db)
      const stopped = new Set<DriftView>()
      for (const { what, sql, code, message, stops: views } of stops) {
        await db.query(sql)
        for (const view of views) {
          expect([what, await run.stopped(view)]).toEqual([what, code])
          expect(run.failure(view)?.message).toMatch(message)
          stopped.add(view)
        }
        await run.exact(...ALL.filter((view) => !stopped.has(view)))
        await until(() => run.failedEvents().length === stopped.size)
        expect(new Set(run.failedEvents())).toEqual(stopped)
      }
      // With or without views left, the stream goes on, and so does what it confirms.
      expect(run.sync.state).toBe('live')
      expect(run.sync.status().reconnects).toBe(0)
      const position = await run.sync.catchUp()
      await until(() => (run.sync.status().slot?.confirmed ?? 0n) >= position)
    })
  }
})

test('F38 F39 what nobody uses may change as it likes: nothing is read again and nothing stops', async () => {
  await using db = await testDatabase()
  await using run = await startDrift(db)
  for (const sql of [
    'ALTER TABLE users ADD note text DEFAULT $$new$$, ADD at timestamptz DEFAULT clock_timestamp()',
    'ALTER TABLE users RENAME note TO remark',
    'ALTER TABLE users ALTER remark TYPE varchar(10)',
    'ALTER TABLE users DROP remark, DROP homepage',
    'ALTER TABLE users ALTER first_name SET STATISTICS 100, ALTER first_name SET STORAGE EXTERNAL',
    'ALTER TABLE visit ALTER visit_rating SET DEFAULT 3',
    'VACUUM FULL visit',
    'CLUSTER visit USING visit_pkey',
    'REINDEX INDEX CONCURRENTLY visit_pkey',
    'CREATE UNIQUE INDEX other ON visit (restaurant_id, user_id)',
    'ALTER TABLE visit REPLICA IDENTITY FULL',
    'ALTER TABLE visit REPLICA IDENTITY USING INDEX other',
    'ALTER TABLE visit REPLICA IDENTITY DEFAULT',
    'UPDATE visit SET visit_rating = 4 WHERE user_id = 3',
    'TRUNCATE visit',
    "INSERT INTO visit VALUES (1, 'r1', 3, 2)",
    ...(HAS_LISTS
      ? [
          'ALTER PUBLICATION dbsync SET TABLE users, restaurant, visit (user_id, restaurant_id, amount_spent, visit_rating)',
          'UPDATE visit SET visit_rating = 5',
        ]
      : []),
  ]) {
    await db.query(sql)
    await run.looked()
    await run.exact(...ALL)
  }
  // The column list made the membership another one; whatever came before it changed nothing.
  expect(run.warnings()).toEqual(HAS_LISTS ? ['SNAPSHOT.RELATION_CHANGED'] : [])
  expect(run.failedEvents()).toEqual([])
})

interface Reread {
  readonly what: string
  readonly sql: readonly string[]
  readonly warnings?: readonly string[]
}

/** What came with version 15. */
const FILTERS: readonly Reread[] = [
  {
    what: 'a row filter',
    sql: [
      'ALTER PUBLICATION dbsync SET TABLE users, restaurant, visit WHERE (user_id < 3)',
      'UPDATE visit SET visit_rating = 2',
    ],
    warnings: ['PUBLICATION.INCOMPLETE'],
  },
  {
    what: 'a column list that lacks a used column',
    sql: [
      'ALTER PUBLICATION dbsync SET TABLE users, restaurant, visit (user_id, restaurant_id)',
      'UPDATE visit SET amount_spent = 2',
    ],
    warnings: ['PUBLICATION.INCOMPLETE'],
  },
]

/** One after the other, on one database. */
const REREADS: readonly Reread[] = [
  {
    what: 'a rewrite of its values',
    sql: ['ALTER TABLE visit ALTER visit_rating TYPE int USING visit_rating + 1'],
  },
  {
    what: 'a used column that was dropped and made anew',
    sql: ['ALTER TABLE visit DROP visit_rating, ADD visit_rating int DEFAULT 2'],
  },
  {
    what: 'a used column that was renamed away and another that took its name',
    sql: [
      'BEGIN; ALTER TABLE visit RENAME visit_rating TO former; ALTER TABLE visit ADD visit_rating int DEFAULT 1; COMMIT',
    ],
  },
  {
    what: 'another table that took its name',
    sql: [
      `BEGIN; CREATE TABLE other (LIKE visit INCLUDING ALL); INSERT INTO other SELECT user_id, restaurant_id, 1, former, 5 FROM visit;
       ALTER TABLE visit RENAME TO former_visit; ALTER TABLE other RENAME TO visit; COMMIT`,
      "UPDATE visit SET amount_spent = 4 WHERE restaurant_id = 'r1'",
    ],
    warnings: ['PUBLICATION.INCOMPLETE'],
  },
  {
    what: 'a table that was taken out of the publication',
    sql: ['ALTER PUBLICATION dbsync DROP TABLE visit', 'UPDATE visit SET visit_rating = 3'],
    warnings: ['PUBLICATION.INCOMPLETE'],
  },
  {
    what: 'a table that was taken out and put back at once',
    sql: [
      'BEGIN; ALTER PUBLICATION dbsync DROP TABLE visit; UPDATE visit SET visit_rating = 1; ALTER PUBLICATION dbsync ADD TABLE visit; COMMIT',
    ],
  },
  ...(HAS_LISTS ? FILTERS : []),
]

test('F21 F40 a table whose rows the stream does not account for is read again', async () => {
  await using db = await testDatabase()
  await using run = await startDrift(db, { slot: { name: `s_${db.name}`, durable: true } })
  for (const { what, sql, warnings = [] } of REREADS) {
    const before = run.warnings().length
    for (const statement of sql) await db.query(statement)
    await run.reread(before)
    await run.exact(...ALL)
    // The stream carries what comes after it.
    await db.query("UPDATE visit SET amount_spent = amount_spent + 1 WHERE restaurant_id = 'r2'")
    await run.exact('spent', 'rated')
    const seen = new Set(run.warnings().slice(before))
    expect([what, seen]).toEqual([what, new Set(['SNAPSHOT.RELATION_CHANGED', ...warnings])])
  }
  expect(run.failedEvents()).toEqual([])
  // In place: the stream goes on, and so do the views over other tables.
  expect(run.sync.status().reconnects > 0).toBe(!HAS_LISTS)
})

test('a change that the stream describes first is noticed at once, whatever the timer', async () => {
  await using db = await testDatabase()
  await using run = await startDrift(db, { watchMs: 600_000 })
  await db.query('ALTER TABLE visit ALTER visit_rating TYPE int USING visit_rating + 1')
  await db.query("UPDATE visit SET amount_spent = 5 WHERE restaurant_id = 'r1'")
  await run.reread(0)
  await run.exact(...ALL)
  await db.query('ALTER TABLE visit DROP visit_rating')
  await db.query("UPDATE visit SET amount_spent = 6 WHERE restaurant_id = 'r1'")
  expect(await run.stopped('spent')).toBe('CONTRACT.COLUMN_MISSING')
  await run.exact('guests', 'places')
})

test('a slot that tells of a table as it was before a migration has the table read once it is past that', async () => {
  await using db = await testDatabase()
  const slot = { name: `s_${db.name}`, durable: true }
  const first = await startDrift(db, { slot })
  await first[Symbol.asyncDispose]()
  for (const sql of [
    'ALTER TABLE visit RENAME visit_rating TO away',
    'UPDATE visit SET amount_spent = 7',
    'ALTER TABLE visit RENAME away TO visit_rating',
    'UPDATE visit SET amount_spent = 8 WHERE user_id = 2',
  ]) {
    await db.query(sql)
  }
  await using run = await startDrift(db, { slot, watchMs: 600_000 })
  await run.exact(...ALL)
  expect(run.warnings()).toEqual(['SNAPSHOT.RELATION_CHANGED'])
})

test('a table that was out of the publication is read again once those who wrote it meanwhile are done', async () => {
  await using db = await testDatabase()
  await using run = await startDrift(db, { slot: { name: `s_${db.name}`, durable: true }, watchMs: 600_000 })
  const writer = await db.connect()
  await db.query('ALTER PUBLICATION dbsync DROP TABLE visit')
  await writer.query('BEGIN; UPDATE visit SET visit_rating = 2')
  // What describes a table again has the catalog looked at.
  await db.query('ALTER TABLE users ADD note text')
  await until(() =>
    run.events.some((event) => event.kind === 'waiting' && /writing .*visit/.test(event.reason)),
  )
  expect(run.warnings()).toEqual(['PUBLICATION.INCOMPLETE'])
  await writer.query('UPDATE visit SET amount_spent = 3; COMMIT')
  await run.reread(0)
  await run.exact(...ALL)
})

const PARTITIONED = `
  DROP TABLE visit;
  CREATE TABLE visit (user_id int NOT NULL, restaurant_id varchar(255) NOT NULL, amount_spent numeric(10,2) NOT NULL,
    visit_rating int, PRIMARY KEY (user_id, restaurant_id)) PARTITION BY RANGE (user_id);
  CREATE TABLE visit_low PARTITION OF visit FOR VALUES FROM (0) TO (10);
  CREATE TABLE visit_mid PARTITION OF visit FOR VALUES FROM (10) TO (20) PARTITION BY RANGE (user_id);
  CREATE TABLE visit_mid_all PARTITION OF visit_mid FOR VALUES FROM (10) TO (20);
  CREATE TABLE visit_high PARTITION OF visit FOR VALUES FROM (20) TO (1000)`

test('partitions that come, go, or are emptied by themselves have the table read again', async () => {
  await using db = await testDatabase()
  await db.query(PARTITIONED)
  await using run = await startDrift(db, { slot: { name: `s_${db.name}`, durable: true } })
  for (const sql of [
    `CREATE TABLE visit_new (LIKE visit INCLUDING ALL); INSERT INTO visit_new VALUES (2000, 'r1', 5, 5);
     ALTER TABLE visit ATTACH PARTITION visit_new FOR VALUES FROM (2000) TO (3000)`,
    'TRUNCATE visit_mid_all',
    'ALTER TABLE visit DETACH PARTITION visit_high',
    // All of it between two looks.
    `BEGIN; ALTER TABLE visit DETACH PARTITION visit_low; UPDATE visit_low SET visit_rating = 1;
     ALTER TABLE visit ATTACH PARTITION visit_low FOR VALUES FROM (0) TO (10); COMMIT`,
    'DROP TABLE visit_new',
  ]) {
    const before = run.warnings().length
    await db.query(sql)
    await run.reread(before)
    await run.exact('spent', 'rated', 'guests')
  }
  const [before, { reconnects }] = [run.warnings().length, run.sync.status()]
  await db.query('VACUUM FULL users')
  await db.query("UPDATE visit SET user_id = 15 WHERE user_id = 3 AND restaurant_id = 'r1'")
  await run.looked()
  await run.exact('spent', 'rated')
  expect([run.warnings().length, run.sync.status().reconnects]).toEqual([before, reconnects])
})

test('F20 F21 a publication that is narrowed, or made anew, loses the stream: everything is read again', async () => {
  await using db = await testDatabase()
  await using run = await startDrift(db, { slot: { name: `s_${db.name}`, durable: true } })
  for (const sql of [
    "ALTER PUBLICATION dbsync SET (publish = 'insert')",
    // At the end it is as it was.
    `BEGIN; ALTER PUBLICATION dbsync SET (publish = 'insert'); UPDATE visit SET visit_rating = 1;
     ALTER PUBLICATION dbsync SET (publish = 'insert, update, delete, truncate'); COMMIT`,
    `BEGIN; DROP PUBLICATION dbsync; UPDATE visit SET visit_rating = 2;
     CREATE PUBLICATION dbsync FOR TABLE users, restaurant, visit WITH (publish_via_partition_root = true); COMMIT`,
  ]) {
    const before = run.sync.status().reconnects
    await db.query(sql)
    await db.query('UPDATE visit SET amount_spent = amount_spent + 1')
    await until(() => run.sync.status().reconnects > before)
    await run.sync.ready()
    await run.exact(...ALL)
  }
  const codes = run.events.flatMap((event) => (event.kind === 'reconnecting' ? [event.error.code] : []))
  expect(new Set(codes)).toEqual(new Set(['PUBLICATION.MISSING']))
})

test('a publication that the role may not mend stops the views over the table, with the statement', async () => {
  await using db = await testDatabase()
  const role = `r_${db.name}`
  await db.query(`CREATE ROLE ${role} LOGIN REPLICATION PASSWORD 'x'; GRANT SELECT ON ALL TABLES IN SCHEMA public TO ${role};
    CREATE PUBLICATION dbsync FOR TABLE users, restaurant, visit WITH (publish_via_partition_root = true)`)
  const url = new URL(db.url)
  url.username = role
  url.password = 'x'
  try {
    await using run = await startDrift(db, { connection: url.href })
    await db.query('ALTER PUBLICATION dbsync DROP TABLE visit')
    expect(await run.stopped('spent')).toBe('PUBLICATION.INCOMPLETE')
    expect(run.failure('rated')?.message).toContain('ALTER PUBLICATION "dbsync" ADD TABLE "public"."visit"')
    await run.exact('guests', 'places')
    // Nor is that the end of them when the connection is lost.
    await cutStream(db)
    await until(() => run.sync.status().reconnects === 1)
    await run.sync.ready()
    expect(run.failure('rated')?.code).toBe('PUBLICATION.INCOMPLETE')
    await run.exact('guests', 'places')
  } finally {
    await db.query(`DROP OWNED BY ${role}; DROP ROLE ${role}`)
  }
})

for (const durable of [true, false]) {
  test(`views that have stopped do not keep the others from coming back over a ${durable ? 'durable' : 'temporary'} slot`, async () => {
    await using db = await testDatabase()
    await using run = await startDrift(db, {
      slot: { ...(durable ? { name: `s_${db.name}` } : {}), durable },
    })
    await db.query('ALTER TABLE visit DROP visit_rating')
    expect(await run.stopped('rated')).toBe('CONTRACT.COLUMN_MISSING')
    await cutStream(db)
    await until(() => run.sync.status().reconnects === 1)
    await run.sync.ready()
    await run.exact('guests', 'places')
    expect(run.failure('rated')?.code).toBe('CONTRACT.COLUMN_MISSING')
    await expect(run.sync.views.rated.changes()[Symbol.asyncIterator]().next()).rejects.toMatchObject({
      code: 'CONTRACT.COLUMN_MISSING',
    })
    // What comes back whole is live again, where everything is read anew.
    await db.query('ALTER TABLE visit ADD visit_rating int DEFAULT 2')
    await cutStream(db)
    await until(() => run.sync.status().reconnects === 2)
    await run.sync.ready()
    expect(run.failure('rated')?.code).toBe(durable ? 'CONTRACT.COLUMN_MISSING' : undefined)
    await run.exact(...(durable ? (['guests', 'places'] as const) : ALL))
  })
}

for (const [what, sql, code] of [
  ['dropped', 'ALTER TABLE visit DROP visit_rating', 'CONTRACT.COLUMN_MISSING'],
  ['renamed', 'ALTER TABLE visit RENAME TO stay', 'CONTRACT.TABLE_MISSING'],
] as const) {
  test(`what is ${what} while its table is being read is the end of its views, not of the sync`, async () => {
    await using db = await testDatabase()
    await using run = await startDrift(db)
    const changing = await db.connect()
    const before = run.events.length
    // The table cannot be read while it is locked.
    await cutStream(db)
    await until(() =>
      run.events.slice(before).some((event) => event.kind === 'state' && event.state === 'hydrating'),
    )
    await changing.query('BEGIN; LOCK TABLE visit IN ACCESS EXCLUSIVE MODE')
    const visits = (): string | undefined =>
      run.sync.status().tables.find(({ model }) => model === 'Visit')?.state
    await until(() => visits() !== 'pending')
    await changing.query(`${sql}; COMMIT`)
    expect(await run.stopped('spent')).toBe(code)
    await run.sync.ready()
    await run.exact('guests', 'places')
    // Only for the stream that was cut.
    expect(run.sync.status().reconnects).toBe(1)
  })
}

test('handlers that have missed changes of their table are not silent', async () => {
  await using db = await testDatabase()
  await using run = await startDrift(db, {
    slot: { name: `s_${db.name}` },
    handlers: { Visit: { update: () => {} } } as never,
  })
  // Of a table without handlers nothing was missed that cannot be read again.
  await db.query('ALTER PUBLICATION dbsync DROP TABLE restaurant')
  await run.reread(0)
  await run.exact(...ALL)
  await db.query('ALTER PUBLICATION dbsync DROP TABLE visit')
  await until(() => run.sync.state === 'failed')
  await expect(run.sync.catchUp()).rejects.toMatchObject({
    code: 'PUBLICATION.INCOMPLETE',
    message: expect.stringMatching(/Handlers have missed/),
  })
})

test('an enum label that is renamed, which the WAL does not tell, stops the views that show it', async () => {
  await using db = await testDatabase({ schema: 'empty' })
  await db.query(
    `${DDL}; INSERT INTO sale (id, line, mood) VALUES (1, 1, 'bäd'); INSERT INTO shop (id, name) VALUES ('a', 'A')`,
  )
  const moods = defineView('moods', (q) =>
    q.from({ s: Sale }).select(({ s }) => ({ line: s.line, id: s.id, mood: s.mood })),
  )
  const shops = defineView('shops', (q) =>
    q.from({ h: Shop }).select(({ h }) => ({ id: h.id, name: h.name })),
  )
  await using sync = createSync({ schema: fixture, connection: db.url, views: { moods, shops }, watchMs: 50 })
  await sync.start()
  expect(sync.views.moods.get({ line: 1, id: 1n })).toMatchObject({ mood: 'BAD' })
  await db.query("ALTER TYPE mood ADD VALUE 'new'; UPDATE shop SET name = 'B'")
  await sync.catchUp()
  expect(sync.views.moods.readiness).toBe('live')
  await db.query("ALTER TYPE mood RENAME VALUE 'bäd' TO 'bad'")
  await until(() => sync.views.moods.readiness === 'failed', 30_000)
  expect(() => sync.views.moods.size).toThrow(expect.objectContaining({ code: 'CHANGES.UNKNOWN_ENUM_LABEL' }))
  await db.query("UPDATE shop SET name = 'C'")
  await sync.catchUp()
  expect(sync.views.shops.get('a')).toEqual({ id: 'a', name: 'C' })
})
