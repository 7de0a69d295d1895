import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import * as z from 'zod'
import { createSync, uninstall } from 'prisma-dbsync'
import { schema } from '../../generated/dbsync/index.ts'
import { buildCli, type Cli, type CliRun } from '../support/cli.ts'
import { testDatabase } from '../support/database.ts'
import { doctor, errorsOf, expectRefusal, ownRole, urlAs } from '../support/doctor.ts'
import { until } from '../support/faults.ts'

let cli: Cli

beforeAll(async () => {
  cli = await buildCli()
})

afterAll(async () => {
  await cli[Symbol.asyncDispose]()
})

test('setup prints what is missing, applies it in one transaction, and then has nothing to do', async () => {
  await using db = await testDatabase()
  await db.query(`ALTER TABLE visit DROP CONSTRAINT visit_pkey; ALTER TABLE users ENABLE ROW LEVEL SECURITY;
    CREATE TABLE spare (a int NOT NULL UNIQUE); REVOKE ALL ON SCHEMA public FROM PUBLIC`)
  const role = `r_${randomBytes(6).toString('hex')}`
  const setup = (...args: readonly string[]): Promise<CliRun> =>
    cli.run(['setup', '--url', db.url, '--role', role, ...args])
  const printed = await setup()
  expect(printed).toMatchObject({ code: 0, stderr: '' })
  expect(await db.query('SELECT FROM pg_roles WHERE rolname = $1', [role])).toEqual([])
  expect(await db.query('SELECT FROM pg_publication')).toEqual([])
  const statements = printed.stdout.split('\n').filter((line) => line !== '' && !line.startsWith('--'))
  expect(statements).toEqual([
    `CREATE ROLE "${role}" LOGIN REPLICATION;`,
    `GRANT USAGE ON SCHEMA "public" TO "${role}";`,
    `GRANT SELECT ON TABLE "public"."restaurant", "public"."users", "public"."visit" TO "${role}";`,
    `ALTER ROLE "${role}" BYPASSRLS;`,
    'ALTER TABLE "public"."visit" ADD PRIMARY KEY ("user_id", "restaurant_id");',
    'CREATE PUBLICATION "dbsync" FOR TABLE "public"."restaurant", "public"."users", "public"."visit" WITH (publish_via_partition_root = true);',
  ])
  expect(printed.stdout).toMatch(/-- For an administrator[^]*-- ALTER SYSTEM SET max_slot_wal_keep_size/)
  try {
    const applied = await setup('--apply', '--json')
    expect(applied).toMatchObject({ code: 0, stderr: '' })
    const { statements: done } = z
      .object({
        applied: z.literal(true),
        statements: z.array(z.object({ sql: z.string(), reason: z.string() })),
      })
      .parse(JSON.parse(applied.stdout))
    expect(done.map(({ sql }) => sql)).toEqual(statements)
    expect((await setup('--apply')).stdout).toMatch(/^-- Nothing to do: /)
    await db.query(`ALTER ROLE ${role} PASSWORD 'canary'`)
    expect(errorsOf(await doctor(cli, urlAs(db, role)))).toEqual([])
    // Whoever may do the first half alone gets the reason, and that half is undone.
    await db.query('DROP PUBLICATION dbsync; ALTER TABLE visit REPLICA IDENTITY NOTHING')
    await using poor = await ownRole(db, 'REPLICATION BYPASSRLS')
    await db.query(`GRANT USAGE ON SCHEMA public TO ${poor.name}; GRANT SELECT ON ALL TABLES IN SCHEMA public TO ${poor.name};
      ALTER TABLE visit OWNER TO ${poor.name}`)
    expectRefusal(await cli.run(['setup', '--url', poor.url, '--apply']), /^POSTGRES\.PERMISSION: /)
    expect(await db.query("SELECT relreplident FROM pg_class WHERE relname = 'visit'")).toEqual([
      { relreplident: 'n' },
    ])
    await db.query('ALTER TABLE visit OWNER TO CURRENT_USER')
  } finally {
    await db.query(`DROP OWNED BY ${role}; DROP ROLE ${role}`)
  }
  expectRefusal(
    await cli.run(['setup', 'Visits', '--url', db.url]),
    /^CONFIG\.INVALID_OPTIONS: .*"Visits".*It has .*Visit/,
  )
})

test('setup picks the cheapest replica identity that carries the key, and follows partitioned tables through the root', async () => {
  await using db = await testDatabase()
  await db.query(`ALTER TABLE visit DROP CONSTRAINT visit_pkey, ALTER user_id SET NOT NULL;
    CREATE UNIQUE INDEX visit_key ON visit (user_id, restaurant_id);
    ALTER TABLE users REPLICA IDENTITY NOTHING;
    DROP TABLE restaurant CASCADE;
    CREATE TABLE restaurant (id varchar(255) PRIMARY KEY, name varchar(255) NOT NULL, description text, address text,
      rating int, tags text[]) PARTITION BY HASH (id);
    CREATE TABLE restaurant_0 PARTITION OF restaurant FOR VALUES WITH (MODULUS 1, REMAINDER 0);
    CREATE PUBLICATION dbsync FOR TABLE restaurant`)
  const run = await cli.run(['setup', '--url', db.url])
  const statements = run.stdout.split('\n').filter((line) => line !== '' && !line.startsWith('--'))
  expect(statements).toEqual([
    'ALTER TABLE "public"."users" REPLICA IDENTITY DEFAULT;',
    'ALTER TABLE "public"."visit" REPLICA IDENTITY USING INDEX "visit_key";',
    'ALTER PUBLICATION "dbsync" SET (publish_via_partition_root = true);',
    'ALTER PUBLICATION "dbsync" ADD TABLE "public"."users", "public"."visit";',
  ])
  expect(await cli.run(['setup', '--apply', '--url', db.url])).toMatchObject({ code: 0 })
  expect(errorsOf(await doctor(cli, db.url))).toEqual([])
})

test('teardown says what it would drop, drops nothing that is in use, and then everything', async () => {
  await using db = await testDatabase()
  const slot = `s_${db.name}`
  const teardown = (...args: readonly string[]): Promise<CliRun> =>
    cli.run(['teardown', '--url', db.url, '--slot', slot, ...args])
  const left = async (): Promise<readonly unknown[]> => [
    ...(await db.query('SELECT slot_name AS name FROM pg_replication_slots WHERE slot_name = $1', [slot])),
    ...(await db.query('SELECT pubname AS name FROM pg_publication')),
  ]
  const sync = createSync({
    schema,
    connection: db.url,
    handlers: { Visit: { insert() {} } },
    slot: { name: slot },
  })
  await sync.start()
  const refused = await teardown('--yes')
  expectRefusal(
    refused,
    new RegExp(
      `^SLOT\\.IN_USE: Slot "${slot}" is in use by backend \\d+ \\(application "dbsync replication"`,
    ),
  )
  expect(await left()).toHaveLength(2)
  await sync.close()
  await until(
    async () =>
      (await db.query(`SELECT FROM pg_replication_slots WHERE slot_name = '${slot}' AND active`)).length ===
      0,
  )
  const dry = await teardown()
  expect(dry).toMatchObject({ code: 0, stderr: '' })
  expect(dry.stdout).toBe(
    `would drop slot "${slot}"\nwould drop publication "dbsync"\nNothing was dropped. Run it again with --yes.\n`,
  )
  expect(await left()).toHaveLength(2)
  // The owner of neither drops neither, also of what it could.
  await using role = await ownRole(db, 'REPLICATION')
  expectRefusal(
    await cli.run(['teardown', '--url', role.url, '--slot', slot, '--yes']),
    /^POSTGRES\.PERMISSION: Publication "dbsync" belongs to role "postgres"\. Have that role run: DROP PUBLICATION/,
  )
  expect(await left()).toHaveLength(2)
  await using other = await testDatabase({ schema: 'empty' })
  await expect(uninstall({ connection: other.url, slot })).rejects.toMatchObject({
    code: 'SLOT.INCOMPATIBLE',
  })
  await expect(uninstall({ connection: db.url, slot: 'No Slot' })).rejects.toMatchObject({
    code: 'CONFIG.INVALID_OPTIONS',
  })
  expect((await teardown('--yes')).stdout).toBe(`dropped slot "${slot}"\ndropped publication "dbsync"\n`)
  expect(await left()).toEqual([])
  expect(JSON.parse((await teardown('--yes', '--json')).stdout)).toEqual({
    slot: { name: slot, found: false },
    publication: { name: 'dbsync', found: false },
    dropped: true,
  })
})

test('status shows slots with their lag, the publication, and snapshots where a sync keeps them', async () => {
  await using db = await testDatabase()
  const empty = await cli.run(['status', '--url', db.url])
  expect(empty.stdout).toContain('publication  dbsync: not there')
  expect(empty.stdout).toContain('No slot of this database speaks pgoutput')
  const idle = `idle_${db.name}`
  await db.query(`SELECT pg_create_logical_replication_slot('${idle}', 'pgoutput')`)
  await using sync = createSync({
    schema,
    connection: db.url,
    handlers: { Visit: { insert() {} } },
    slot: { durable: false },
  })
  await sync.start()
  await db.query("SELECT pg_logical_emit_message(false, 'x', repeat('y', 100000))")
  const { stdout } = await cli.run(['status', '--url', db.url, '--json'])
  const status = z
    .object({
      database: z.string(),
      walEnd: z.string(),
      publication: z.object({ name: z.string(), tables: z.array(z.string()) }),
      slots: z.array(
        z.looseObject({
          name: z.string(),
          lagBytes: z.number(),
          retainedBytes: z.number(),
          activePid: z.number().nullable(),
        }),
      ),
      snapshot: z.null(),
    })
    .parse(JSON.parse(stdout))
  expect(status.database).toBe(db.name)
  expect(status.publication.tables).toEqual(['public.visit'])
  expect(status.slots).toHaveLength(2)
  const held = status.slots.find(({ name }) => name === idle)
  expect(held).toMatchObject({ activePid: null, temporary: false, invalid: null, walStatus: 'reserved' })
  expect(held?.lagBytes).toBeGreaterThan(100_000)
  expect(held?.retainedBytes).toBeGreaterThanOrEqual(held?.lagBytes ?? 0)
  const live = status.slots.find(({ name }) => name !== idle)
  expect(live).toMatchObject({
    name: sync.status().slot?.name,
    temporary: true,
    application: 'dbsync replication',
  })
  await db.query(`CREATE SCHEMA dbsync; CREATE TABLE dbsync.snapshot (slot text, model text, rows bigint, state text);
    INSERT INTO dbsync.snapshot VALUES ('s1', 'Visit', 12345678901234567, 'reading'), ('s1', 'User', NULL, 'done')`)
  // Whoever may not look there sees the rest.
  await using role = await ownRole(db)
  const poor = await cli.run(['status', '--url', role.url, '--json'])
  expect(poor).toMatchObject({ code: 0, stderr: '' })
  expect(JSON.parse(poor.stdout)).toMatchObject({ snapshot: null, publication: status.publication })
  const human = (await cli.run(['status', '--url', db.url])).stdout
  expect(human).toMatch(new RegExp(`\nSLOT +STATE +BEHIND +LATE +RETAINED +SAFE +WAL\n[^]*${idle} +inactive`))
  expect(human).toMatch(/active, pid \d+ \(dbsync replication\), temporary/)
  const [heading = '', ...rows] = human.split('Snapshots:\n')[1]?.trimEnd().split('\n') ?? []
  // Aligned: each cell begins under its heading.
  const column = heading.indexOf('MODEL')
  expect(new Set(rows.map((row) => row.slice(column).split(' ')[0]))).toEqual(new Set(['User', 'Visit']))
  expect(human).toContain('12345678901234567')
})
