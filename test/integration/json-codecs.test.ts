import { readFile } from 'node:fs/promises'
import { Decimal } from '@prisma/client/runtime/client'
import { changeCodec, createSync, defineSchema, type AnyChange } from 'prisma-dbsync'
import { expect, test } from 'vitest'
import { testDatabase } from '../support/database.ts'
import { until } from '../support/faults.ts'

test('what a handler is given crosses a queue as JSON and is the same on the other side', async () => {
  await using db = await testDatabase({ schema: 'empty' })
  await db.query(`CREATE TYPE mood AS ENUM ('sad', 'glad');
    CREATE TABLE thing (id bigint PRIMARY KEY, price numeric(10,2), exact numeric, ratio float8, is_new boolean, day date,
      at timestamp(3), bytes bytea, data jsonb, mood mood, sizes bigint[] NOT NULL, label text);
    ALTER TABLE thing ALTER label SET STORAGE EXTERNAL;
    INSERT INTO thing VALUES (1, 1.50, 'NaN', '-0', true, '0001-01-01', '9999-12-31 23:59:59.999', '', 'null', 'sad', '{}', repeat('é', 9000))`)
  const contract: unknown = JSON.parse(await readFile('test/cli/fixtures/values.json', 'utf8'))
  const schema = defineSchema({ contract, Decimal })
  const codec = changeCodec<AnyChange, unknown>(schema)
  const sent: AnyChange[] = []
  const queue: string[] = []
  const send = (change: AnyChange): void => {
    sent.push(change)
    queue.push(JSON.stringify(codec.encode(change)))
  }
  const handlers = { Thing: { read: send, insert: send, update: send, delete: send, truncate: send } }
  const sync = createSync({
    schema,
    connection: db.url,
    slot: { durable: false },
    snapshot: 'initial',
    handlers,
  })
  await sync.start()
  await until(() => queue.length === 1)
  await db.query(`INSERT INTO thing VALUES
    (9223372036854775807, -99999999.99, 12345678901234567890.12345678901234567890, '-Infinity', false, NULL,
      '2024-02-29 12:34:56.789', '\\x00ff10', '{"a":[1,null,{"__proto__":"x"}],"constructor":1}', 'glad', '{1,-9223372036854775808}', NULL)`)
  await db.query('UPDATE thing SET price = 2 WHERE id = 1')
  await db.query('UPDATE thing SET id = 2 WHERE id = 1')
  await db.query('ALTER TABLE thing REPLICA IDENTITY FULL')
  await db.query("UPDATE thing SET mood = 'glad', ratio = 0.1 WHERE id = 2")
  await db.query('DELETE FROM thing WHERE id = 2')
  await db.query('TRUNCATE thing')
  await until(() => queue.length === 7)
  await sync.close()

  const received = queue.map((text) => codec.decode(JSON.parse(text)))
  expect(received).toStrictEqual(sent)
  expect(received.map(({ op }) => op)).toEqual([
    'read',
    'insert',
    'update',
    'update',
    'update',
    'delete',
    'truncate',
  ])
  const [, , left, moved, full] = received
  // The value that was stored out of line is not known, which is not the same as undefined.
  expect(left?.op === 'update' && Object.keys(left.after as object)).not.toContain('label')
  expect(left).toMatchObject({ before: undefined, changed: undefined })
  expect(moved).toMatchObject({ key: { id: 2n }, before: { id: 1n } })
  expect(full).toMatchObject({ changed: ['ratio', 'mood'], before: { mood: 'SAD' } })
})
