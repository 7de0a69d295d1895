import type pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { awaitWriters } from '../../src/postgres/lock-barrier.ts'
import { testDatabase, type TestDatabase } from '../support/database.ts'
import { sleep } from '../support/faults.ts'
import { hang, holdCommits, localClient } from '../support/held-commits.ts'
import { TestLine } from '../support/line.ts'
import { startEmbedded, type OwnServer } from '../support/server.ts'
import { seedExample } from '../support/workload.ts'

let server: OwnServer

beforeAll(async () => {
  server = await startEmbedded()
})

afterAll(async () => {
  await server.stop()
})

const WRITES: readonly { readonly name: string; readonly sql: string; readonly prepare?: string }[] = [
  {
    name: 'an update',
    sql: "UPDATE visit SET amount_spent = 4711 WHERE user_id = 1 AND restaurant_id = 'r1'",
  },
  { name: 'a delete', sql: "DELETE FROM visit WHERE user_id = 2 AND restaurant_id = 'r1'" },
  { name: 'an insert', sql: "INSERT INTO visit VALUES (3, 'r9', 47.11, 5)" },
  {
    name: 'a key that moves',
    sql: "UPDATE visit SET restaurant_id = 'r9' WHERE user_id = 4 AND restaurant_id = 'r1'",
  },
  {
    name: 'a subtransaction',
    sql: 'BEGIN; SAVEPOINT s; UPDATE visit SET amount_spent = 1; RELEASE s; COMMIT',
  },
  {
    name: 'a two-phase commit',
    prepare: "BEGIN; UPDATE visit SET amount_spent = 2; PREPARE TRANSACTION 'two'",
    sql: "COMMIT PREPARED 'two'",
  },
  { name: 'a truncate', sql: 'TRUNCATE visit' },
]

describe('a commit that is streamed before it is visible', () => {
  for (const { name, sql, prepare } of WRITES) {
    // TRUNCATE keeps its lock until it is visible, so a chunk waits for it; nothing can go wrong and no control fails.
    const fails = name !== 'a truncate'
    for (const without of fails ? (['nothing', 'fold'] as const) : (['nothing'] as const)) {
      test(`${without === 'nothing' ? 'survives' : 'is lost without the fold in'} a chunk that does not see it: ${name}`, async () => {
        await using db = await testDatabase({ serverUrl: server.url })
        const observer = await localClient(db)
        await seedExample(observer, { users: 20, restaurants: 9, visits: 100 })
        await using line = await TestLine.open(db)
        if (prepare !== undefined) await observer.query(prepare)
        await using held = await holdCommits(observer)
        const { ended } = await hang(db, observer, sql)
        await line.delivered(1)
        const hydrated = line.hydrate(without)
        if (fails) await hydrated
        await held.release()
        await hydrated
        await ended
        const differences = await line.differences()
        expect(differences.length > 0).toBe(without === 'fold')
      })
    }
  }

  test('gives its large value to a key that it moved, from the chunk that holds the old key', async () => {
    await using db = await testDatabase({ serverUrl: server.url })
    const observer = await localClient(db)
    await seedExample(observer, { users: 2, restaurants: 3, visits: 6 })
    // Stored out of line and longer than a key may be repeated for: the update of the key leaves the name out.
    await observer.query(
      'ALTER TABLE restaurant ALTER name TYPE varchar(255), ALTER name SET STORAGE EXTERNAL',
    )
    await using line = await TestLine.open(db)
    await using held = await holdCommits(observer)
    const { ended } = await hang(db, observer, "UPDATE restaurant SET id = 'moved' WHERE id = 'r1'")
    await line.delivered(1)
    await line.hydrate()
    await held.release()
    await ended
    expect(await line.differences()).toEqual([])
  })
})

test('32 bits of a transaction id do in the first epoch, where the whole id has no more', async () => {
  await using db = await testDatabase({ serverUrl: server.url })
  const observer = await localClient(db)
  await seedExample(observer, { users: 20, restaurants: 9, visits: 100 })
  await using line = await TestLine.open(db)
  await using held = await holdCommits(observer)
  const { ended } = await hang(db, observer, 'UPDATE visit SET amount_spent = 4711')
  await line.delivered(1)
  await line.hydrate('epoch')
  await held.release()
  await ended
  expect(await line.differences()).toEqual([])
})

/** Makes a slot whose stream begins after a commit that is not visible yet. */
async function openBehindInvisibleCommit(
  db: TestDatabase,
  observer: pg.ClientBase,
): Promise<{ line: TestLine; release: () => Promise<void>; ended: () => Promise<unknown> }> {
  const [first, second] = [await localClient(db), await localClient(db)]
  await first.query("BEGIN; INSERT INTO users (first_name, user_name, email) VALUES ('a', 'a', 'a')")
  let held: { release(): Promise<void> } | null = null
  let hung: { ended: Promise<unknown> } | null = null
  const line = await TestLine.open(db, {
    async meanwhile() {
      // Creation waits for `first`, then for whoever runs when that has ended: `second`. A transaction that begins during
      // the second wait is not waited for, and when its commit comes before the end of the wait it is in no stream.
      await sleep(400)
      await second.query("BEGIN; INSERT INTO users (first_name, user_name, email) VALUES ('b', 'b', 'b')")
      await first.query('COMMIT')
      await sleep(400)
      held = await holdCommits(observer)
      hung = await hang(db, observer, "UPDATE visit SET amount_spent = 4711 WHERE restaurant_id = 'r1'")
      await second.query('COMMIT')
    },
  })
  return { line, release: async () => held?.release(), ended: async () => hung?.ended }
}

describe('a commit that lies before the stream of a new slot and is not visible yet', () => {
  test('is waited for: no chunk counts that does not see all that the slot saw', async () => {
    await using db = await testDatabase({ serverUrl: server.url })
    const observer = await localClient(db)
    await seedExample(observer, { users: 20, restaurants: 9, visits: 100 })
    const { line, release, ended } = await openBehindInvisibleCommit(db, observer)
    await using _ = line
    try {
      let isHydrated = false
      const hydrated = line.hydrate().then(() => {
        isHydrated = true
      })
      await sleep(700)
      expect(isHydrated).toBe(false)
      await release()
      await hydrated
      await ended()
      expect(await line.differences()).toEqual([])
    } finally {
      await release()
    }
  })

  test('is lost without that', async () => {
    await using db = await testDatabase({ serverUrl: server.url })
    const observer = await localClient(db)
    await seedExample(observer, { users: 20, restaurants: 9, visits: 100 })
    const { line, release, ended } = await openBehindInvisibleCommit(db, observer)
    await using _ = line
    try {
      await line.hydrate('anchor')
      await release()
      await ended()
      expect(await line.differences()).not.toEqual([])
    } finally {
      await release()
    }
  })
})

describe('a restart while a delivered commit is invisible', () => {
  test('finds it in the stream again, since nothing past it was confirmed', async () => {
    await using db = await testDatabase({ serverUrl: server.url })
    const observer = await localClient(db)
    await seedExample(observer, { users: 20, restaurants: 9, visits: 100 })
    const slot = `restart_${db.name}`
    const first = await TestLine.open(db, { slot, durable: true })
    await using held = await holdCommits(observer)
    const { ended } = await hang(
      db,
      observer,
      "UPDATE visit SET amount_spent = 4711 WHERE restaurant_id = 'r1'",
    )
    await first.delivered(1)
    // Commits that do not hang go by; the stream's position moves far past the one that does.
    for (let round = 0; round < 5; round += 1) {
      await observer.query('UPDATE users SET address = $1 WHERE id = 1', [String(round)])
    }
    await first.delivered(6)
    await first.settle()
    const invisible = first.pipeline.unsettled.all()[0]
    expect(first.pipeline.unsettled.size).toBe(1)
    expect(first.pipeline.position > (invisible?.endLsn ?? 0n)).toBe(true)
    expect(first.confirmed).toBe(invisible?.commitLsn)
    await first[Symbol.asyncDispose]()
    await using second = await TestLine.open(db, { slot, durable: true })
    await second.delivered(1)
    await second.hydrate()
    await held.release()
    await ended
    expect(await second.differences()).toEqual([])
  })

  test('waits for the writers of that moment before the first chunk of a slot that was there', async () => {
    await using db = await testDatabase({ serverUrl: server.url })
    const observer = await localClient(db)
    await seedExample(observer, { users: 2, restaurants: 2, visits: 4 })
    await using line = await TestLine.open(db)
    const oids = line.replica.tables.map((table) => table.catalog.oid)
    await using held = await holdCommits(observer)
    const { ended } = await hang(db, observer, 'UPDATE visit SET amount_spent = 4711')
    let isOver = false
    const waited = awaitWriters(line.control, oids, new AbortController().signal, () => {}).then(() => {
      isOver = true
    })
    await sleep(400)
    expect(isOver).toBe(false)
    await held.release()
    await ended
    await waited
  })
})
