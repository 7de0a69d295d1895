import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import * as z from 'zod'
import { buildCli, runHere, type Cli } from '../support/cli.ts'
import { testDatabase, type TestDatabase } from '../support/database.ts'
import { cutStream, until } from '../support/faults.ts'

let cli: Cli

beforeAll(async () => {
  cli = await buildCli()
})

afterAll(async () => {
  await cli[Symbol.asyncDispose]()
})

const changeForm = z.looseObject({
  model: z.string(),
  op: z.string(),
  key: z.record(z.string(), z.unknown()).optional(),
  after: z.record(z.string(), z.unknown()).optional(),
  before: z.record(z.string(), z.unknown()).optional(),
  tx: z.strictObject({ xid: z.string(), lsn: z.string(), commitTime: z.string(), seq: z.number() }),
})
const parse = (line: string): z.infer<typeof changeForm> => changeForm.parse(JSON.parse(line))

async function insertVisit(db: TestDatabase, id: number): Promise<void> {
  await db.query(`INSERT INTO users (id, first_name, user_name, email) VALUES (${id}, 'a', 'a', 'u${id}')`)
}

async function slotsOf(db: TestDatabase): Promise<readonly string[]> {
  const rows = await db.query<{ name: string }>(
    'SELECT slot_name AS name FROM pg_replication_slots WHERE database = $1 ORDER BY 1',
    [db.name],
  )
  return rows.map(({ name }) => name)
}

test('tail prints every kind of change of the models asked for, for people, and ends cleanly on Ctrl-C', async () => {
  await using db = await testDatabase()
  const tail = cli.start(['tail', 'User', 'Restaurant'], { env: { DATABASE_URL: db.url } })
  await tail.waitForNote('Streaming Restaurant, User from temporary slot "dbsync_')
  await db.query(
    `ALTER TABLE restaurant REPLICA IDENTITY FULL; INSERT INTO restaurant (id, name) VALUES ('r1', 'Café')`,
  )
  await db.query(
    `INSERT INTO users (id, first_name, user_name, email) VALUES (1, 'a', 'a', 'a'); INSERT INTO visit VALUES (1, 'r1', 1, 1)`,
  )
  await db.query("UPDATE restaurant SET name = 'Bar' WHERE id = 'r1'")
  await db.query('UPDATE users SET id = 2')
  await db.query('DELETE FROM users')
  await db.query('TRUNCATE restaurant CASCADE')
  await tail.waitForLines(6)
  expect(await slotsOf(db)).toHaveLength(1)
  tail.child.kill('SIGINT')
  const { code, stdout } = await tail.ended
  expect(code).toBe(0)
  const lines = stdout.trimEnd().split('\n')
  const head = /^\d{4}-\d\d-\d\dT[\d:.]+Z [0-9A-F]+\/[0-9A-F]+ /
  expect(lines.every((line) => head.test(line))).toBe(true)
  const none = '"description":null,"address":null,"rating":null,"tags":[]'
  const user = (id: number): string =>
    `{"id":${id},"firstName":"a","userName":"a","email":"a","avatar":null,"homepage":null,"dateOfBirth":null,"address":null,"interests":[]}`
  expect(lines.map((line) => line.replace(head, ''))).toEqual([
    `Restaurant.insert {"id":"r1"} after {"id":"r1","name":"Café",${none}}`,
    `User.insert {"id":1} after ${user(1)}`,
    `Restaurant.update {"id":"r1"} after {"id":"r1","name":"Bar",${none}} before {"id":"r1","name":"Café",${none}} changed name`,
    `User.update {"id":2} after ${user(2)} before {"id":1}`,
    'User.delete {"id":2} before {"id":2}',
    'Restaurant.truncate',
  ])
  await until(async () => (await slotsOf(db)).length === 0)
})

test('tail --json prints one object a line, in which every value is exact', async () => {
  await using db = await testDatabase({ schema: 'empty' })
  await db.query(`CREATE TYPE mood AS ENUM ('sad', 'glad');
    CREATE TABLE thing (id bigint PRIMARY KEY, price numeric(10,2), exact numeric, ratio float8, is_new boolean, day date,
      at timestamp(3), bytes bytea, data jsonb, mood mood, sizes bigint[] NOT NULL, label text)`)
  const contract = join(import.meta.dirname, 'fixtures/values.json')
  const tail = cli.start(['tail', '--json', '--limit', '2', '--contract', contract], {
    env: environmentOf(db),
  })
  await tail.waitForNote('Streaming Thing')
  await db.query(`INSERT INTO thing VALUES
    (9223372036854775807, 1.50, 12345678901234567890.12345678901234567890, 'NaN', true, '2024-02-29', '2024-02-29 12:34:56.789',
     '\\x00ff10', '{"a":[1,null],"__proto__":"x"}', 'glad', '{1,9223372036854775807}', E'line\\none'),
    (1, NULL, NULL, 0.1, NULL, NULL, NULL, NULL, NULL, NULL, '{}', NULL)`)
  const { code, stdout } = await tail.ended
  expect(code).toBe(0)
  const [first, second, ...others] = stdout.trimEnd().split('\n').map(parse)
  expect(others).toEqual([])
  expect(first).toMatchObject({ model: 'Thing', op: 'insert', key: { id: '9223372036854775807' } })
  const { data, ...rest } = first?.after ?? {}
  expect(rest).toEqual({
    id: '9223372036854775807',
    price: '1.50',
    exact: '12345678901234567890.12345678901234567890',
    ratio: 'NaN',
    isNew: true,
    day: '2024-02-29T00:00:00.000Z',
    at: '2024-02-29T12:34:56.789Z',
    bytes: 'AP8Q',
    mood: 'GLAD',
    sizes: ['1', '9223372036854775807'],
    label: 'line\none',
  })
  expect(stdout).toMatch(/"data":\{[^}]*"__proto__":"x"/)
  expect(data).toMatchObject({ a: [1, null] })
  expect(first?.tx).toMatchObject({ seq: 0, xid: second?.tx.xid, lsn: second?.tx.lsn })
  expect(second).toMatchObject({ after: { ratio: 0.1, price: null }, tx: { seq: 1 } })
})

function environmentOf(db: TestDatabase): Record<string, string> {
  const { hostname, port, username, password } = new URL(db.url)
  return {
    POSTGRES_HOST: hostname,
    POSTGRES_PORT: port,
    POSTGRES_USER: username,
    POSTGRES_PASSWORD: password,
    POSTGRES_DB: db.name,
  }
}

test('tail --slot goes on where it ended: nothing is confirmed that was not printed', async () => {
  await using db = await testDatabase()
  const slot = `s_${db.name}`
  const args = ['tail', 'User', '--json', '--url', db.url, '--slot', slot, '--limit']
  const first = cli.start([...args, '1'])
  await first.waitForNote(`from durable slot "${slot}"`)
  await insertVisit(db, 1)
  await db.query('BEGIN')
  await insertVisit(db, 2)
  await insertVisit(db, 3)
  await db.query('COMMIT')
  const ids = (stdout: string): unknown[] =>
    stdout
      .trimEnd()
      .split('\n')
      .map((line) => parse(line).key?.['id'])
  expect(ids((await first.ended).stdout)).toEqual([1])
  expect(await slotsOf(db)).toEqual([slot])
  // The second transaction is cut in its middle, and comes again whole.
  expect(ids((await cli.run([...args, '1'])).stdout)).toEqual([2])
  await insertVisit(db, 4)
  const last = await cli.run([...args, '3'])
  expect(ids(last.stdout)).toEqual([2, 3, 4])
  expect(last.code).toBe(0)
})

test('tail outlives a lost connection, ends with its reader, and says why it stops', async () => {
  await using db = await testDatabase()
  const slot = `s_${db.name}`
  const tail = cli.start(['tail', 'User', '--url', db.url, '--slot', slot])
  await tail.waitForNote('Streaming User')
  await cutStream(db)
  await tail.waitForNote('Reconnecting.')
  await insertVisit(db, 1)
  await tail.waitForLines(1)
  await db.query('ALTER TABLE users ALTER first_name TYPE text')
  await cutStream(db)
  const failed = await tail.ended
  expect(failed.code).toBe(1)
  expect(failed.stderr).toMatch(/(^|\n)CONTRACT\.TYPE_MISMATCH: User\.firstName/)
  expect(failed.stderr).not.toMatch(/\n\s+at |canary|postgres:postgres/)
  const unread = cli.start(['tail', 'Restaurant', '--url', db.url])
  await unread.waitForNote('Streaming Restaurant')
  unread.child.stdout.destroy()
  await until(async () => {
    if (unread.child.exitCode === null)
      await db.query('INSERT INTO restaurant (id, name) VALUES (gen_random_uuid(), $1)', ['a'])
    return unread.child.exitCode !== null
  }, 45_000)
  expect(unread.child.exitCode).toBe(0)
})

test('refresh puts its request into the stream, and refuses what no table has', async () => {
  await using db = await testDatabase()
  const slot = `s_${db.name}`
  await db.query('CREATE PUBLICATION dbsync')
  await db.query(`SELECT pg_create_logical_replication_slot('${slot}', 'pgoutput')`)
  const refresh = (...args: readonly string[]): ReturnType<Cli['run']> =>
    cli.run(['refresh', '--url', db.url, ...args])
  const all = await refresh()
  expect(all).toMatchObject({ code: 0, stderr: expect.stringContaining('No sync is streaming') })
  const id = /^refresh ([0-9a-f-]{36}) of all models asked for at [0-9A-F]+\/[0-9A-F]+\n$/.exec(
    all.stdout,
  )?.[1]
  const rows = await refresh('Visit', '--keys', '[{"userId":1,"restaurantId":"r1"}]', '--json')
  expect(rows).toMatchObject({ code: 0, stderr: '' })
  const json = z
    .object({ id: z.string(), lsn: z.string(), listeners: z.tuple([]) })
    .parse(JSON.parse(rows.stdout))
  const range = await refresh('User', '--from', '10', '--to', '{"id":20}')
  expect(range.code).toBe(0)
  expect((await refresh('Visit', '--from', '{"userId":1}')).code).toBe(0)
  const frames = await db.query<{ data: Buffer }>(
    `SELECT data FROM pg_logical_slot_peek_binary_changes('${slot}', NULL, NULL, 'proto_version', '1',
      'publication_names', 'dbsync', 'messages', 'true')`,
  )
  // M, flags (1: transactional), LSN, prefix, length, content.
  const prefix = 'dbsync.refresh\0'
  const messages = frames
    .map(({ data }) => data)
    .filter(
      (data) =>
        data[0] === 0x4d && data[1] === 1 && data.toString('latin1', 10, 10 + prefix.length) === prefix,
    )
    .map((data) => JSON.parse(data.toString('utf8', 10 + prefix.length + 4)) as unknown)
  expect(messages).toEqual([
    { id },
    { id: json.id, models: ['Visit'], keys: [{ userId: 1, restaurantId: 'r1' }] },
    { id: expect.any(String), models: ['User'], from: 10, to: { id: 20 } },
    { id: expect.any(String), models: ['Visit'], from: { userId: 1 } },
  ])
  for (const [args, message] of [
    [['Nobody'], /has no model "Nobody"/],
    [['--keys', '[1]'], /Name exactly one model/],
    [['User', 'Visit', '--from', '1'], /Name exactly one model/],
    [['Visit', '--keys', '[1]'], /a key of Visit is an object of \(userId, restaurantId\)/],
    [['User', '--keys', '[1]', '--to', '2'], /keys and a range were both given/],
    [['Visit', '--from', '{"restaurantId":"r1"}'], /a key of Visit/],
    [['User', '--keys', '[null]'], /a key of User/],
    [['User', '--keys', 'r1'], /--keys is no JSON/],
    [['User', '--keys', '1'], /--keys is not a JSON array/],
  ] as const) {
    const refused = await runHere(['refresh', '--url', db.url, ...args])
    expect(refused).toMatchObject({ code: 1, stdout: '' })
    expect(refused.stderr).toMatch(message)
    expect(refused.stderr).toMatch(/^CONFIG\.INVALID_OPTIONS: /)
  }
})

test('tail --snapshot prints the rows that are there as read events, among the changes', async () => {
  await using db = await testDatabase()
  await insertVisit(db, 1)
  await insertVisit(db, 2)
  const tail = cli.start(['tail', 'User', '--json', '--snapshot', '--limit', '3', '--url', db.url])
  await tail.waitForLines(2)
  await insertVisit(db, 3)
  const { code, stdout } = await tail.ended
  expect(code).toBe(0)
  const events = stdout.trimEnd().split('\n').map(parse)
  expect(events.map(({ op, key }) => [op, key?.['id']])).toEqual([
    ['read', 1],
    ['read', 2],
    ['insert', 3],
  ])
})
