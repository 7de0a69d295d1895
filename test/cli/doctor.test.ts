import { writeFile } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { join } from 'node:path'
import type { ClientConfig } from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createSync } from 'prisma-dbsync'
import { schema } from '../../generated/dbsync/index.ts'
import { buildCli, runHere, type Cli } from '../support/cli.ts'
import { testDatabase } from '../support/database.ts'
import { doctor, errorsOf, expectRefusal, ownRole } from '../support/doctor.ts'
import { until } from '../support/faults.ts'
import { startEmbedded } from '../support/server.ts'

let cli: Cli

beforeAll(async () => {
  cli = await buildCli()
})

afterAll(async () => {
  await cli[Symbol.asyncDispose]()
})

test('doctor finds everything at once, and its SQL mends everything that SQL mends', async () => {
  await using db = await testDatabase()
  await using role = await ownRole(db)
  await db.query(`
    ALTER TABLE visit DROP CONSTRAINT visit_pkey;
    ALTER TABLE users ENABLE ROW LEVEL SECURITY;
    CREATE PUBLICATION dbsync FOR TABLE restaurant (id, name) WHERE (id <> 'x') WITH (publish = 'insert, update, delete');
    REVOKE ALL ON SCHEMA public FROM PUBLIC`)
  const before = await doctor(cli, role.url)
  expect(before.server).toMatchObject({ database: db.name, role: role.name })
  const messages = before.findings.map(({ message }) => message).join('\n')
  for (const part of [
    `Role "${role.name}" may not use replication`,
    'may not look into schema "public"',
    'may not read "public"."visit"',
    '"public"."users" has row-level security',
    '"public"."visit" has no usable replica identity',
    'does not publish every operation',
    'filters the rows of "public"."restaurant"',
    'leaves out Restaurant.description',
    'lacks "public"."users", "public"."visit", and the role may not add them',
    'First mend the replica identity of "public"."visit"',
    'max_slot_wal_keep_size is unlimited',
  ]) {
    expect(messages).toContain(part)
  }
  // The worst first.
  const order = before.findings.map(({ severity }) => ['error', 'warning', 'note'].indexOf(severity))
  expect(order).toEqual(order.toSorted((a, b) => a - b))
  // As the owner of everything would, in the order given; the same statement may stand with two findings.
  const mending = before.findings.filter(({ severity }) => severity === 'error').flatMap(({ sql }) => sql)
  for (const sql of new Set(mending)) await db.query(sql)
  const after = await doctor(cli, role.url)
  expect(errorsOf(after)).toEqual([])
  const run = await cli.run(['doctor', '--url', role.url])
  expect(run).toMatchObject({ code: 0, stderr: '' })
  expect(run.stdout).toMatch(
    new RegExp(
      `^PostgreSQL \\d+\\.\\d+, database "${db.name}", role "${role.name}"; 3 models, publication "dbsync"`,
    ),
  )
  expect(run.stdout).toMatch(
    /\nwarning {2}ADVICE\.WAL_UNLIMITED\n {2}max_slot_wal_keep_size[^]*\n {4}ALTER SYSTEM/,
  )
  expect(run.stdout).toMatch(/\n0 errors, \d+ warnings?, \d+ notes?\n$/)
  expect(run.stdout).not.toContain('\u001B')
  // What doctor calls healthy a sync can use.
  await using sync = createSync({
    schema,
    connection: role.url,
    handlers: { Visit: { insert() {} } },
    slot: { durable: false },
  })
  await sync.start()
})

test('doctor compares tables, columns, types and enum labels with the contract', async () => {
  await using db = await testDatabase()
  await db.query(
    `DROP TABLE visit; ALTER TABLE restaurant DROP COLUMN name; ALTER TABLE users ALTER id TYPE bigint`,
  )
  const { findings } = await doctor(cli, db.url)
  const errors = findings.filter(({ severity }) => severity === 'error')
  expect(errors.map(({ code }) => code).toSorted()).toEqual([
    'CONTRACT.COLUMN_MISSING',
    'CONTRACT.TABLE_MISSING',
    'CONTRACT.TYPE_MISMATCH',
  ])
  // Migrations mend them, not statements of ours.
  expect(errors.flatMap(({ sql }) => sql)).toEqual([])
  await db.query(
    `CREATE TYPE mood AS ENUM ('sad', 'bored'); CREATE TABLE guest (id int PRIMARY KEY, moods mood[] NOT NULL)`,
  )
  const folder = join(import.meta.dirname, 'fixtures')
  const moods = await doctor(cli, db.url, '--contract', join(folder, 'enum.json'))
  expect(moods.findings).toContainEqual(
    expect.objectContaining({
      severity: 'error',
      code: 'CHANGES.UNKNOWN_ENUM_LABEL',
      message: expect.stringContaining('"bored"'),
    }),
  )
  expect(moods.findings).toContainEqual(
    expect.objectContaining({
      severity: 'note',
      message: expect.stringContaining('lacks the labels "glad"'),
    }),
  )
})

test('doctor prints what differs from the contract with both ways to mend it, the worst first', async () => {
  await using db = await testDatabase()
  await db.query(
    `ALTER TABLE visit RENAME visit_rating TO stars; ALTER TABLE users ALTER email DROP NOT NULL; DROP INDEX users_email_key`,
  )
  const { code, stdout } = await runHere(['doctor', '--url', db.url])
  expect(code).toBe(1)
  const printed = [...stdout.matchAll(/^\w+ +(?:CONTRACT|ADVICE\.UNIQUE)[^]*?(?=\n\n)/gm)].map(
    ([text]) => text,
  )
  expect(printed.join('\n')).toBe(`error    CONTRACT.COLUMN_MISSING
  The contract names Visit.visitRating (column "visit_rating" of "public"."visit"), which the
  database does not have; column "stars", which the contract does not know, looks like it. If it was
  renamed, write @map("stars") at Visit.visitRating and run prisma generate, or rename it back. Else
  apply your migrations.
  SQL:
    ALTER TABLE "public"."visit" RENAME COLUMN "stars" TO "visit_rating";
error    CONTRACT.NULLABILITY
  User.email (column "email" of "public"."users") may hold NULL in the database and may not in the
  contract: the first NULL stops the views that read the column, and is an error where a handler
  reads it. Make the field optional in schema.prisma and run prisma generate, or correct the rows
  and set the column NOT NULL.
  SQL:
    ALTER TABLE "public"."users" ALTER COLUMN "email" SET NOT NULL;
note     ADVICE.UNIQUE
  "public"."users" (model User) has no unique index over (email), which the contract names. Views
  and handlers do without. Create it, or take it out of schema.prisma and run prisma generate.
  SQL:
    CREATE UNIQUE INDEX "users_email_key" ON "public"."users" ("email");`)
})

test('doctor warns of what will hurt: limits, timeouts, slots that are lost; and knows a standby', async () => {
  const server = await startEmbedded(
    [
      'max_replication_slots=2',
      'max_wal_senders=1',
      'max_slot_wal_keep_size=1MB',
      'wal_sender_timeout=1s',
      'idle_replication_slot_timeout=600s',
      'min_wal_size=32MB',
      'max_wal_size=32MB',
      'wal_keep_size=0',
    ].flatMap((setting) => ['-c', setting]),
  )
  try {
    await using db = await testDatabase({ serverUrl: server.url })
    await db.query("SELECT pg_create_logical_replication_slot('lost', 'pgoutput')")
    await db.query(
      'DO $$ BEGIN FOR i IN 1..4 LOOP PERFORM pg_logical_emit_message(false, $q$x$q$, repeat($q$y$q$, 100)); PERFORM pg_switch_wal(); END LOOP; END $$',
    )
    await db.query('CHECKPOINT')
    await db.query("SELECT pg_create_logical_replication_slot('fresh', 'pgoutput')")
    const { findings } = await doctor(cli, db.url, '--slot', 'lost')
    const has = (severity: string, code: string, message: RegExp): void =>
      expect(findings).toContainEqual(
        expect.objectContaining({ severity, code, message: expect.stringMatching(message) }),
      )
    has('error', 'SLOT.INVALIDATED', /Slot "lost" is invalid \(wal_removed\)/)
    has('warning', 'ADVICE.IDLE_SLOT_TIMEOUT', /600 s/)
    has('warning', 'ADVICE.SENDER_TIMEOUT', /1000 ms/)
    has('warning', 'ADVICE.SUPERUSER', /postgres/)
    const codes = findings.map(({ code }) => code)
    expect(codes).not.toContain('ADVICE.WAL_UNLIMITED')
    // The slot is there, so none need be free; another name needs one.
    expect(codes).not.toContain('POSTGRES.LIMIT')
    const other = await doctor(cli, db.url, '--slot', 'third')
    expect(errorsOf(other)).toEqual(['POSTGRES.LIMIT'])
    expect(other.findings).toContainEqual(
      expect.objectContaining({ severity: 'warning', code: 'SLOT.INVALIDATED' }),
    )
    const walsender = await db.connect({ replication: 'database' } as ClientConfig)
    const busy = await doctor(cli, db.url, '--slot', 'fresh')
    expect(busy.findings).toContainEqual(
      expect.objectContaining({ code: 'POSTGRES.LIMIT', message: expect.stringMatching(/All 1 walsenders/) }),
    )
    await walsender.end()
    // Every statement is valid.
    const statements = new Set([...findings, ...busy.findings].flatMap((finding) => finding.sql))
    for (const sql of statements) await db.query(sql)
    await server.halt()
    await writeFile(join(server.dataDir, 'standby.signal'), '')
    // It says that it is started only once it is a primary.
    const started = server.start()
    await until(
      () =>
        db.connect().then(
          () => true,
          () => false,
        ),
      45_000,
    )
    expect(errorsOf(await doctor(cli, db.url))).toContain('POSTGRES.STANDBY')
    const status = await cli.run(['status', '--url', db.url])
    expect(status).toMatchObject({ code: 0, stderr: '' })
    expectRefusal(await cli.run(['setup', '--url', db.url]), /^POSTGRES\.STANDBY: .*Connect to the primary/)
    const client = await db.connect()
    await client.query('SELECT pg_promote()')
    await started
  } finally {
    await server.stop()
  }
}, 120_000)

test('doctor sees a pooler in between, and a database whose text may be no UTF-8', async () => {
  await using db = await testDatabase()
  const { port } = new URL(db.url)
  // As pgbouncer answers: it does not know the start-up parameter of a walsender.
  const pooler = createServer((client) => {
    const upstream = connect(Number(port), '127.0.0.1')
    client.once('data', (first: Buffer) => {
      if (first.includes('replication\0')) {
        const fields = Buffer.from('SFATAL\0VFATAL\0C08P01\0Munsupported startup parameter: replication\0\0')
        const length = Buffer.alloc(4)
        length.writeInt32BE(fields.length + 4)
        client.end(Buffer.concat([Buffer.from('E'), length, fields]))
        return
      }
      upstream.write(first)
      client.pipe(upstream).pipe(client)
    })
    for (const socket of [client, upstream]) socket.on('error', () => {})
    client.on('close', () => upstream.destroy())
    upstream.on('close', () => client.destroy())
  })
  await new Promise<void>((done) => pooler.listen(0, '127.0.0.1', done))
  try {
    const address = pooler.address()
    const url = new URL(db.url)
    url.port = String(typeof address === 'object' ? address?.port : '')
    const { findings } = await doctor(cli, url.href)
    expect(findings.filter(({ severity }) => severity === 'error')).toMatchObject([
      { code: 'CONFIG.INVALID_OPTIONS', message: expect.stringContaining('connection pooler') },
    ])
  } finally {
    pooler.close()
  }
  const ascii = `${db.name}_ascii`
  await db.query(
    `CREATE DATABASE ${ascii} ENCODING 'SQL_ASCII' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'`,
  )
  try {
    const url = new URL(db.url)
    url.pathname = `/${ascii}`
    const { findings } = await doctor(cli, url.href)
    expect(findings.some(({ message }) => message.includes('encoding SQL_ASCII'))).toBe(true)
  } finally {
    await db.query(`DROP DATABASE ${ascii} WITH (FORCE)`)
  }
})
