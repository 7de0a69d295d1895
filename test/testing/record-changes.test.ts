import { AssertionError } from 'node:assert'
import { expect, expectTypeOf, inject, test } from 'vitest'
import { createSync, type MessageEvent } from 'prisma-dbsync'
import { recordChanges, testDatabase } from 'prisma-dbsync/testing'
import { schema, Visit, type RestaurantRow } from '../../generated/dbsync/index.ts'
import { cutStream, sleep, until } from '../support/faults.ts'
import { tap } from '../support/tap.ts'

const server = inject('serverUrl')

/** A sync of all changes that is running, and its recorder. */
async function recorded() {
  const db = await testDatabase(schema, { server })
  const sync = createSync({
    schema,
    connection: db.url,
    changes: true,
    slot: { name: db.name, durable: true },
  })
  const changes = recordChanges(sync)
  await sync.start()
  return {
    db,
    sync,
    changes,
    async [Symbol.asyncDispose]() {
      await changes.close()
      await sync.close()
      await db[Symbol.asyncDispose]()
    },
  }
}

test('changes come typed, one after the other, whatever is in between', async () => {
  await using run = await recorded()
  const { db, changes } = run
  await db.query(`
    INSERT INTO restaurant (id, name) VALUES ('r1', 'Nona'), ('r2', 'Due');
    UPDATE restaurant SET name = 'Tre' WHERE id = 'r2';
    INSERT INTO users (id, first_name, user_name, email) VALUES (1, 'a', 'a', 'a');
    DELETE FROM restaurant WHERE id = 'r1'`)
  const first = await changes.next({ model: 'Restaurant', op: 'insert' })
  expectTypeOf(first.after).toEqualTypeOf<RestaurantRow>()
  expect(first.after.name).toBe('Nona')
  expect((await changes.next({ model: 'Restaurant', op: 'insert' })).after.id).toBe('r2')
  expect((await changes.next({ model: 'User' })).op).toBe('insert')
  // What lies before is passed.
  await expect(changes.next({ op: 'update' }, { timeoutMs: 20 })).rejects.toThrow(AssertionError)
  expect((await changes.next({ op: 'delete' })).key).toEqual({ id: 'r1' })
  const update = changes.all.find(({ op }) => op === 'update')
  expect(update).toMatchObject({ model: 'Restaurant', after: { name: 'Tre' } })
})

test('a function may say what is waited for, and messages are recorded too', async () => {
  await using run = await recorded()
  const waiting = run.changes.next((change) => change.op === 'message' && change.prefix === 'mail')
  await run.db.query(
    "SELECT pg_logical_emit_message(true, 'other', ''); SELECT pg_logical_emit_message(true, 'mail', 'x')",
  )
  expect(await waiting).toMatchObject({ prefix: 'mail' })
  const message = run.changes.next({ op: 'message' })
  expectTypeOf(message).resolves.toEqualTypeOf<MessageEvent>()
  await run.db.query("SELECT pg_logical_emit_message(true, 'third', '')")
  expect((await message).prefix).toBe('third')
})

test('transactions are kept whole, and settled() has all that was committed before it', async () => {
  await using run = await recorded()
  const { db, changes } = run
  for (let round = 1; round <= 20; round += 1) {
    await db.query(`BEGIN; INSERT INTO restaurant (id, name) SELECT '${round}-' || n, 'x' FROM generate_series(1, 50) n;
      UPDATE restaurant SET name = 'y' WHERE id = '${round}-1'; COMMIT`)
    await changes.settled()
    expect(changes.transactions.length).toBe(round)
    expect(changes.all.length).toBe(51 * round)
  }
  expect(changes.transactions.map((one) => one.changes.length)).toEqual(Array.from({ length: 20 }, () => 51))
  changes.clear()
  expect([changes.all, changes.transactions]).toEqual([[], []])
  await db.query("DELETE FROM restaurant WHERE id = '1-1'")
  expect((await changes.next({ op: 'delete' })).key).toEqual({ id: '1-1' })
})

test('settled() waits for the recording, not for the stream alone', async () => {
  await using db = await testDatabase(schema, { server })
  await using between = await tap(db.url)
  await using sync = createSync({
    schema,
    connection: between.url,
    changes: true,
    slot: { name: db.name, durable: true },
  })
  await using changes = recordChanges(sync)
  await sync.start()
  const stream = between.links.find(({ name }) => name === 'dbsync replication')
  between.onMessage = ({ type }, link) => (link === stream && type === 'd' ? 'hold' : 'pass')
  await db.query(
    "BEGIN; INSERT INTO restaurant (id, name) VALUES (gen_random_uuid(), 'x'); COMMIT;".repeat(500),
  )
  const settled = changes.settled()
  // By now it knows how far the stream must come.
  await sleep(200)
  expect(changes.all).toEqual([])
  between.onMessage = () => 'pass'
  stream?.release()
  await settled
  expect(changes.all).toHaveLength(500)
})

test('a transaction that is too large for memory is recorded whole', async () => {
  await using run = await recorded()
  await run.db.query(
    "INSERT INTO restaurant (id, name, description) SELECT n, 'x', repeat(n::text, 400) FROM generate_series(1, 12000) n",
  )
  await run.changes.settled()
  expect(run.changes.all.length).toBe(12_000)
})

test('what does not come is told with what came instead', async () => {
  await using run = await recorded()
  await run.db.query(
    "INSERT INTO restaurant (id, name) SELECT 'r' || n, 'secret' FROM generate_series(1, 12) n",
  )
  await run.changes.settled()
  const error: unknown = await run.changes
    .next({ model: 'Visit', op: 'insert' }, { timeoutMs: 50 })
    .catch((thrown: unknown) => thrown)
  expect(error).toBeInstanceOf(AssertionError)
  expect(String(error)).toBe(
    "AssertionError [ERR_ASSERTION]: No change like { model: 'Visit', op: 'insert' } came within 50 ms. What came instead:" +
      Array.from({ length: 10 }, (_, n) => `\n  Restaurant insert { id: 'r${n + 1}' }`).join('') +
      '\n  and 2 more',
  )
})

test('the recording goes on after a lost stream, and ends with the sync', async () => {
  await using run = await recorded()
  const { db, sync, changes } = run
  await db.query("INSERT INTO restaurant (id, name) VALUES ('r1', 'a')")
  await changes.next({ op: 'insert' })
  await cutStream(db)
  await db.query("INSERT INTO restaurant (id, name) VALUES ('r2', 'b')")
  expect(
    (await changes.next((change) => 'after' in change && JSON.stringify(change.after).includes('r2'))).op,
  ).toBe('insert')
  const waiting = changes.next({ op: 'delete' }).catch(String)
  await sync.close()
  expect(await waiting).toContain('The recording has ended')
  await expect(changes.settled()).rejects.toMatchObject({ code: 'SYNC.CLOSED' })
  expect(changes.all.length).toBeGreaterThan(1)
})

test('a recorder that is closed holds nothing back', async () => {
  await using run = await recorded()
  const { db, sync, changes } = run
  await changes.close()
  await db.query("INSERT INTO restaurant (id, name) VALUES ('r1', 'a')")
  const position = await sync.catchUp()
  await until(() => (sync.status().slot?.confirmed ?? 0n) >= position)
  expect(changes.all).toEqual([])
})

test('a sync that follows no changes is refused', async () => {
  await using db = await testDatabase(schema, { server })
  await using sync = createSync({ schema, connection: db.url, handlers: { Visit: { insert: () => {} } } })
  expect(() => recordChanges(sync)).toThrow(expect.objectContaining({ code: 'CONFIG.INVALID_OPTIONS' }))
  await using some = createSync({ schema, connection: db.url, changes: [Visit] })
  await recordChanges(some).close()
})
