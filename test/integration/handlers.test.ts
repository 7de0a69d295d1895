import { Decimal } from '@prisma/client/runtime/client'
import { expect, test } from 'vitest'
import { createSync, type AnyChange, type Sync } from 'prisma-dbsync'
import { schema } from '../../generated/dbsync/index.ts'
import { testDatabase } from '../support/database.ts'
import { sleep, until } from '../support/faults.ts'
import { exampleViews } from '../support/views.ts'
import { randomSource, randomTransaction, seedExample } from '../support/workload.ts'

/** A sync that notes each change of every model; `act` runs inside the handlers. */
function recorder(
  url: string,
  slot: string,
  act: (change: AnyChange) => void | Promise<void> = () => {},
  attempts = 5,
): { readonly sync: Sync; readonly changes: AnyChange[]; readonly events: string[] } {
  const changes: AnyChange[] = []
  const events: string[] = []
  const note = async (change: AnyChange): Promise<void> => {
    await act(change)
    changes.push(change)
  }
  const all = { insert: note, update: note, delete: note, truncate: note }
  const sync = createSync({
    schema,
    connection: url,
    handlers: { Visit: all, Restaurant: all, User: all },
    slot: { name: slot },
    handlerAttempts: attempts,
    onEvent: (event) => events.push(event.kind === 'state' ? event.state : event.kind),
  })
  return { sync, changes, events }
}

test('handlers get typed changes in commit order', async () => {
  await using db = await testDatabase()
  const client = await db.connect()
  const { sync, changes } = recorder(db.url, `s_${db.name}`)
  await using _ = sync
  await sync.start()
  await client.query(`
    INSERT INTO users (id, first_name, user_name, email, date_of_birth, interests)
      VALUES (1, 'Ünal', 'u', 'u@example.org', '1990-02-28', '{a,"b,c"}');
    INSERT INTO restaurant (id, name) VALUES ('r1', 'Café'), ('r2', 'Bar');
    INSERT INTO visit VALUES (1, 'r1', 12.50, NULL);
    UPDATE visit SET visit_rating = 4;
    UPDATE visit SET restaurant_id = 'r2';
    DELETE FROM visit`)
  await client.query('TRUNCATE visit')
  await until(() => changes.length >= 8)
  const plain = changes.map(({ tx: _tx, ...change }) => change)
  expect(plain).toEqual([
    {
      model: 'User',
      op: 'insert',
      key: { id: 1 },
      after: {
        id: 1,
        firstName: 'Ünal',
        userName: 'u',
        email: 'u@example.org',
        avatar: null,
        homepage: null,
        dateOfBirth: new Date('1990-02-28T00:00:00Z'),
        address: null,
        interests: ['a', 'b,c'],
      },
    },
    { model: 'Restaurant', op: 'insert', key: { id: 'r1' }, after: restaurant('r1', 'Café') },
    { model: 'Restaurant', op: 'insert', key: { id: 'r2' }, after: restaurant('r2', 'Bar') },
    { model: 'Visit', op: 'insert', key: { userId: 1, restaurantId: 'r1' }, after: visit('r1', null) },
    {
      model: 'Visit',
      op: 'update',
      key: { userId: 1, restaurantId: 'r1' },
      before: undefined,
      after: visit('r1', 4),
      changed: undefined,
    },
    {
      model: 'Visit',
      op: 'update',
      key: { userId: 1, restaurantId: 'r2' },
      before: { userId: 1, restaurantId: 'r1' },
      after: visit('r2', 4),
      changed: undefined,
    },
    {
      model: 'Visit',
      op: 'delete',
      key: { userId: 1, restaurantId: 'r2' },
      before: { userId: 1, restaurantId: 'r2' },
    },
    { model: 'Visit', op: 'truncate' },
  ])
  const [first] = changes
  expect(first?.tx.commitTime.getTime()).toBeGreaterThan(Date.now() - 60_000)
  expect(changes.slice(0, 7).map(({ tx }) => tx.seq)).toEqual([0, 1, 2, 3, 4, 5, 6])
  expect(new Set(changes.slice(0, 7).map(({ tx }) => tx.lsn)).size).toBe(1)
  const [{ xid } = { xid: '' }] = await db.query<{ xid: string }>('SELECT pg_current_xact_id()::text AS xid')
  expect(BigInt(xid) - (first?.tx.xid ?? 0n)).toBeLessThan(100n)
})

test('F47 with the whole old row in the WAL, handlers learn what changed', async () => {
  await using db = await testDatabase()
  const client = await db.connect()
  await client.query('ALTER TABLE restaurant REPLICA IDENTITY FULL')
  await client.query(
    "INSERT INTO restaurant (id, name, description) VALUES ('r1', 'Café', repeat('x', 100000))",
  )
  await client.query('ALTER TABLE restaurant ALTER description SET STORAGE EXTERNAL')
  await client.query("UPDATE restaurant SET description = repeat('y', 100000)")
  const { sync, changes } = recorder(db.url, `s_${db.name}`)
  await using _ = sync
  await sync.start()
  await client.query("UPDATE restaurant SET name = 'Bar', rating = 3")
  await client.query('DELETE FROM restaurant')
  await until(() => changes.length >= 2)
  const [update, removal] = changes
  expect(update).toMatchObject({
    op: 'update',
    changed: ['name', 'rating'],
    before: { name: 'Café', rating: null },
  })
  // The update left the large value alone; the old row has it.
  expect(update?.op === 'update' ? update.after : null).toMatchObject({ description: 'y'.repeat(100_000) })
  expect(removal).toMatchObject({ op: 'delete', before: { name: 'Bar', rating: 3 } })
})

test('F47 a large value that an update left alone is absent, not null', async () => {
  await using db = await testDatabase()
  const client = await db.connect()
  await client.query('ALTER TABLE restaurant ALTER description SET STORAGE EXTERNAL')
  await client.query(
    "INSERT INTO restaurant (id, name, description) VALUES ('r1', 'Café', repeat('x', 100000))",
  )
  const { sync, changes } = recorder(db.url, `s_${db.name}`)
  await using _ = sync
  await sync.start()
  await client.query("UPDATE restaurant SET name = 'Bar'")
  await until(() => changes.length >= 1)
  const [update] = changes
  expect(Object.keys(update?.op === 'update' ? (update.after as object) : {})).not.toContain('description')
})

test('each change is handled at least once and in order over restarts, and nothing is missed', async () => {
  await using db = await testDatabase()
  const client = await db.connect()
  await seedExample(client, { users: 60, restaurants: 40, visits: 500 })
  const slot = `s_${db.name}`
  // The slot's first life begins before anything changes.
  await (async () => {
    const { sync } = recorder(db.url, slot)
    await sync.start()
    await sync.close()
  })()
  const before = await readVisits()
  const random = randomSource(11)
  const handled = new Map<string, AnyChange>()
  let repeated = 0
  const live = async (work: (changes: AnyChange[]) => Promise<void>): Promise<void> => {
    const { sync, changes } = recorder(db.url, slot, () => sleep(random(3) === 0 ? 2 : 0))
    await sync.start()
    await work(changes)
    await sync.close()
    let last = 0n
    for (const change of changes) {
      expect(change.tx.lsn >= last).toBe(true)
      last = change.tx.lsn
      const id = `${change.tx.lsn}/${change.tx.seq}`
      if (handled.has(id)) repeated += 1
      handled.set(id, change)
    }
  }
  for (let life = 0; life < 5; life += 1) {
    // Closed in the middle of the work, whatever is still to be handled.
    await live(async () => {
      for (let round = 0; round < 25; round += 1) await randomTransaction(client, random)
    })
    for (let round = 0; round < 5; round += 1) await randomTransaction(client, random)
  }
  await live(async (changes) => {
    await client.query("UPDATE users SET address = 'the end' WHERE id = 1")
    await until(() =>
      changes.some(
        (change) => 'after' in change && Reflect.get(Object(change.after), 'address') === 'the end',
      ),
    )
  })
  // The distinct changes, in order, applied to the rows that were there before lead to the rows that are there now.
  const rows = new Map(before.map((row) => [keyText(row.user_id, row.restaurant_id), row.amount]))
  const ordered = [...handled.values()].toSorted((a, b) =>
    a.tx.lsn === b.tx.lsn ? a.tx.seq - b.tx.seq : a.tx.lsn < b.tx.lsn ? -1 : 1,
  )
  for (const change of ordered) {
    if (change.model !== 'Visit' || change.op === 'truncate') continue
    const key = change.key as VisitKey
    if (change.op === 'delete') rows.delete(keyText(key.userId, key.restaurantId))
    else {
      const old = change.op === 'update' ? (change.before as VisitKey | undefined) : undefined
      if (old !== undefined) rows.delete(keyText(old.userId, old.restaurantId))
      const after = change.after as { amountSpent: Decimal }
      rows.set(keyText(key.userId, key.restaurantId), after.amountSpent.toFixed(2))
    }
  }
  const now = await readVisits()
  expect(ordered.length).toBeGreaterThan(200)
  expect(rows).toEqual(new Map(now.map((row) => [keyText(row.user_id, row.restaurant_id), row.amount])))
  // A life that ends in the middle of a transaction leaves all of it to the next one.
  expect(repeated).toBeLessThan(ordered.length / 2)

  function readVisits(): Promise<{ user_id: number; restaurant_id: string; amount: string }[]> {
    return db.query('SELECT user_id, restaurant_id, amount_spent::text AS amount FROM visit')
  }
})

interface VisitKey {
  readonly userId: number
  readonly restaurantId: string
}

function keyText(user: number, place: string): string {
  return `${user}/${place}`
}

test('a handler that throws is called again, and nothing later is handled before it', async () => {
  await using db = await testDatabase()
  const client = await db.connect()
  await client.query("INSERT INTO restaurant (id, name) VALUES ('r1', 'a')")
  let failures = 2
  const { sync, changes, events } = recorder(db.url, `s_${db.name}`, () => {
    if (failures > 0) {
      failures -= 1
      throw new Error('not yet')
    }
  })
  await using _ = sync
  await sync.start()
  await client.query("UPDATE restaurant SET name = 'b'")
  await client.query("UPDATE restaurant SET name = 'c'")
  await until(() => changes.length >= 2)
  expect(
    changes.map((change) => (change.op === 'update' ? (change.after as { name: string }).name : '')),
  ).toEqual(['b', 'c'])
  expect(events.filter((kind) => kind === 'handler-retry')).toHaveLength(2)
})

test('a handler whose attempts are used up stops the sync, and the change comes again', async () => {
  await using db = await testDatabase()
  const client = await db.connect()
  await client.query("INSERT INTO restaurant (id, name) VALUES ('r1', 'a')")
  const slot = `s_${db.name}`
  const cause = new Error('never')
  const failing = recorder(
    db.url,
    slot,
    () => {
      throw cause
    },
    2,
  )
  await failing.sync.start()
  await client.query("UPDATE restaurant SET name = 'b'")
  await until(() => failing.sync.state === 'failed')
  await expect(failing.sync.ready()).rejects.toMatchObject({ code: 'HANDLER.FAILED', cause })
  await failing.sync.close()
  const working = recorder(db.url, slot)
  await working.sync.start()
  await until(() => working.changes.length >= 1)
  expect(working.changes[0]).toMatchObject({ op: 'update', after: { name: 'b' } })
  await working.sync.close()
})

test('F15 a durable slot that is lost stops a sync with handlers: they have missed changes', async () => {
  await using db = await testDatabase()
  const client = await db.connect()
  const slot = `s_${db.name}`
  const { sync } = recorder(db.url, slot)
  await sync.start()
  await client.query(
    'SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = $1',
    [slot],
  )
  for (let turn = 0; turn < 200; turn += 1) {
    const dropped = await client.query('SELECT pg_drop_replication_slot($1)', [slot]).then(
      () => true,
      () => false,
    )
    if (dropped) break
  }
  await until(() => sync.state === 'failed')
  await expect(sync.ready()).rejects.toMatchObject({ code: 'SLOT.MISSING' })
  await sync.close()
})

test('F07 slow handlers hold the stream back, not the views, and memory stays bounded', async () => {
  await using db = await testDatabase()
  const client = await db.connect()
  await seedExample(client, { users: 10, restaurants: 10, visits: 50 })
  let isReleased = false
  const sync = createSync({
    schema,
    connection: db.url,
    views: exampleViews,
    slot: { name: `s_${db.name}` },
    handlers: {
      Restaurant: {
        async update() {
          while (!isReleased) await sleep(5)
        },
      },
    },
  })
  await using _ = sync
  await sync.start()
  await client.query("UPDATE restaurant SET name = 'b' WHERE id = 'r1'")
  await client.query("UPDATE restaurant SET name = 'c' WHERE id = 'r1'")
  await sync.catchUp()
  expect(sync.views.restaurantRating.get('r1')?.name).toBe('c')
  const { slot, position } = sync.status()
  await sleep(1_500)
  expect((slot?.confirmed ?? 0n) < position).toBe(true)
  isReleased = true
  await until(() => (sync.status().slot?.confirmed ?? 0n) >= position)
})

function restaurant(id: string, name: string): Record<string, unknown> {
  return { id, name, description: null, address: null, rating: null, tags: [] }
}

function visit(restaurantId: string, visitRating: number | null): Record<string, unknown> {
  return { userId: 1, restaurantId, amountSpent: new Decimal('12.5'), visitRating }
}
