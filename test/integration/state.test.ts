import { mkdir, open, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { expect, test } from 'vitest'
import type { SyncEvent } from 'prisma-dbsync'
import { parseLsn } from '../../src/core/lsn.ts'
import { readState } from '../../src/state/state-file.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { until } from '../support/faults.ts'
import { stateFolder } from '../support/state-folder.ts'
import { exampleSync, exampleViews, expectExact } from '../support/views.ts'

type Options = NonNullable<Parameters<typeof exampleSync>[1]>

const SLOT = { name: 'kept' } as const

/** Users, restaurants and visits. */
async function fill(db: TestDatabase, visits = 300): Promise<void> {
  await db.query(`
    INSERT INTO users (id, first_name, user_name, email)
      SELECT i, 'First ' || i, 'user' || i, 'user' || i || '@example.com' FROM generate_series(1, 30) i;
    INSERT INTO restaurant (id, name) SELECT 'r' || i, 'Restaurant ' || i FROM generate_series(0, 9) i;
    INSERT INTO visit SELECT i % 30 + 1, 'r' || (i / 30) % 10, i % 99 / 10.0, nullif(i % 6, 0)
      FROM generate_series(0, ${visits - 1}) i`)
}

/** Changes of every kind, other ones for each number. */
async function change(db: TestDatabase, turn: number): Promise<void> {
  await db.query(`
    UPDATE visit SET visit_rating = (user_id + ${turn}) % 5 + 1 WHERE user_id % 3 = ${turn % 3};
    DELETE FROM visit WHERE user_id = ${(turn % 30) + 1};
    UPDATE restaurant SET name = 'Renamed ${turn}' WHERE id = 'r${turn % 10}';
    INSERT INTO restaurant (id, name) VALUES ('new${turn}', 'New ${turn}');
    INSERT INTO visit SELECT ${(turn % 30) + 1}, 'new${turn}', ${turn}, 5`)
}

const slotOf = (db: TestDatabase): { readonly name: string } => ({ name: `${SLOT.name}_${db.name}` })
const count = (events: readonly SyncEvent[], kind: SyncEvent['kind']): number =>
  events.filter((event) => event.kind === kind).length
const states = (events: readonly SyncEvent[]): readonly string[] =>
  events.flatMap((event) => (event.kind === 'state' ? [event.state] : []))
const refusals = (events: readonly SyncEvent[]): readonly string[] =>
  events.flatMap((event) =>
    event.kind === 'warning' && event.code === 'STATE.UNUSABLE' ? [event.message] : [],
  )

/** Runs a sync from start to close and returns its events. */
async function run(
  db: TestDatabase,
  options: Options,
  meanwhile: (events: readonly SyncEvent[]) => Promise<void> = async () => {},
): Promise<readonly SyncEvent[]> {
  const { sync, events } = exampleSync(db.url, { slot: slotOf(db), ...options })
  try {
    await sync.start()
    await expectExact(db, sync)
    await meanwhile(events)
    await expectExact(db, sync)
  } finally {
    await sync.close()
  }
  return events
}

test('a sync that comes back begins with what it left, and takes in what changed meanwhile', async () => {
  await using db = await testDatabase()
  await using folder = await stateFolder()
  await fill(db)
  const first = await run(db, { stateDir: folder.path }, async () => {
    await change(db, 1)
  })
  expect([count(first, 'checkpoint-loaded'), count(first, 'checkpoint-saved')]).toEqual([0, 1])
  for (let turn = 2; turn < 5; turn += 1) {
    await change(db, turn)
    const events = await run(db, { stateDir: folder.path }, async () => {
      await change(db, turn + 10)
    })
    expect(refusals(events)).toEqual([])
    expect([count(events, 'checkpoint-loaded'), count(events, 'checkpoint-saved')]).toEqual([1, 1])
    // Nothing was read.
    expect(states(events)).toEqual(['connecting', 'live', 'closing', 'closed'])
    expect(count(events, 'progress')).toBe(0)
  }
}, 120_000)

test('nothing is saved twice for what has not changed, and the server lets go of WAL all the same', async () => {
  await using db = await testDatabase()
  await using folder = await stateFolder()
  await fill(db)
  const events = await run(db, { stateDir: folder.path, saveEveryMs: 30 }, async (seen) => {
    await until(() => count(seen, 'checkpoint-saved') > 0)
    await db.query('CREATE TABLE other (id int)')
    const before = count(seen, 'checkpoint-saved')
    for (let turn = 0; turn < 3; turn += 1) {
      await db.query('INSERT INTO other SELECT generate_series(1, 1000)')
      const [row] = await db.query<{ lsn: string }>('SELECT pg_current_wal_lsn()::text AS lsn')
      await until(async () => {
        const [slot] = await db.query<{ passed: boolean }>(
          'SELECT confirmed_flush_lsn >= $1::pg_lsn AS passed FROM pg_replication_slots WHERE slot_name = $2',
          [row?.lsn, slotOf(db).name],
        )
        return slot?.passed === true
      }, 30_000)
    }
    expect(count(seen, 'checkpoint-saved')).toBe(before)
  })
  expect(refusals(events)).toEqual([])
  const later = await run(db, { stateDir: folder.path })
  expect([refusals(later), count(later, 'checkpoint-loaded'), count(later, 'checkpoint-saved')]).toEqual([
    [],
    1,
    0,
  ])
}, 120_000)

test('the slot is never confirmed past the state that is safe', async () => {
  await using db = await testDatabase()
  await using folder = await stateFolder()
  await fill(db)
  await run(db, { stateDir: folder.path })
  const path = join(folder.path, `${slotOf(db).name}.state`)
  const saved = await readState(path)
  const { sync, events } = exampleSync(db.url, {
    slot: slotOf(db),
    stateDir: folder.path,
    saveEveryMs: 3_600_000,
  })
  await sync.start()
  /** Waits until the server was told that a change is here, and settled; returns how far the slot is confirmed. */
  const told = async (turn: number): Promise<bigint> => {
    await change(db, turn)
    await expectExact(db, sync)
    const end = (await sync.catchUp()).toString()
    await until(() => sync.status().unsettled === 0)
    await until(async () => {
      const [row] = await db.query<{ isTold: boolean }>(
        'SELECT write_lsn >= \'0/0\'::pg_lsn + $1::numeric AS "isTold" FROM pg_stat_replication r JOIN pg_replication_slots s ON s.active_pid = r.pid WHERE slot_name = $2',
        [end, slotOf(db).name],
      )
      return row?.isTold === true
    }, 30_000)
    const [slot] = await db.query<{ lsn: string }>(
      'SELECT confirmed_flush_lsn::text AS lsn FROM pg_replication_slots WHERE slot_name = $1',
      [slotOf(db).name],
    )
    return parseLsn(slot?.lsn ?? 'F/F')
  }
  // The second time the first is confirmed, if it ever is.
  for (let turn = 1; turn < 4; turn += 1)
    expect([turn, (await told(turn)) <= parseLsn(saved?.origin.position ?? '0/0')]).toEqual([turn, true])
  await sync.close()
  expect([refusals(events), count(events, 'checkpoint-loaded'), count(events, 'checkpoint-saved')]).toEqual([
    [],
    1,
    1,
  ])
}, 120_000)

test('a consumer gets every change, however far the state of the views is ahead of it', async () => {
  await using db = await testDatabase()
  await using folder = await stateFolder()
  await fill(db)
  const seen: string[] = []
  let isStuck = false
  const options: Options = {
    stateDir: folder.path,
    slot: slotOf(db),
    handlers: {
      Restaurant: {
        insert: async ({ key }: { readonly key: { readonly id: string } }) => {
          if (isStuck) await new Promise(() => {})
          seen.push(key.id)
        },
      },
    },
  }
  const insert = (id: string): Promise<unknown> =>
    db.query(
      `INSERT INTO restaurant (id, name) VALUES ('${id}', '${id}'); UPDATE visit SET amount_spent = ${id.charCodeAt(0)} WHERE user_id = 7`,
    )
  const first = exampleSync(db.url, options)
  await first.sync.start()
  await insert('a')
  await until(() => seen.length === 1)
  isStuck = true
  for (const id of ['b', 'c', 'd']) await insert(id)
  await expectExact(db, first.sync)
  await first.sync.close()
  expect(count(first.events, 'checkpoint-saved')).toBe(1)
  isStuck = false
  await insert('e')
  const second = exampleSync(db.url, options)
  await second.sync.start()
  expect(count(second.events, 'checkpoint-loaded')).toBe(1)
  await expectExact(db, second.sync)
  await until(() => seen.includes('e'))
  // What consumers are still to get, the views have: of it all only the last restaurant and its ten visits are applied.
  expect(second.sync.status().changes).toBe(11)
  // At least once, and in order.
  expect([...new Set(seen)]).toEqual(['a', 'b', 'c', 'd', 'e'])
  await second.sync.close()
}, 120_000)

test('what the stream tells of, or what moves no value, is no reason to read anew', async () => {
  await using db = await testDatabase()
  await using folder = await stateFolder()
  await fill(db)
  await run(db, { stateDir: folder.path })
  await db.query('VACUUM FULL visit')
  await db.query('ALTER TABLE visit ADD COLUMN unused int')
  await db.query("TRUNCATE visit; INSERT INTO visit SELECT 1, 'r' || i, 5, 5 FROM generate_series(1, 5) i")
  const events = await run(db, { stateDir: folder.path })
  expect([refusals(events), states(events)]).toEqual([[], ['connecting', 'live', 'closing', 'closed']])
}, 60_000)

test('a state that cannot be written is told of, and holds nothing back', async () => {
  await using db = await testDatabase()
  await using folder = await stateFolder()
  await fill(db)
  const path = join(folder.path, `${slotOf(db).name}.state`)
  const events = await run(db, { stateDir: folder.path, saveEveryMs: 50 }, async (seen) => {
    await until(() => count(seen, 'checkpoint-saved') > 0)
    await rm(path)
    await mkdir(join(path, 'full'), { recursive: true })
    await change(db, 1)
    await until(() => refusals(seen).length > 0)
    const [row] = await db.query<{ lsn: string }>('SELECT pg_current_wal_lsn()::text AS lsn')
    await until(async () => {
      const [slot] = await db.query<{ passed: boolean }>(
        'SELECT confirmed_flush_lsn >= $1::pg_lsn AS passed FROM pg_replication_slots WHERE slot_name = $2',
        [row?.lsn, slotOf(db).name],
      )
      return slot?.passed === true
    }, 30_000)
    await rm(path, { recursive: true })
    const before = count(seen, 'checkpoint-saved')
    await change(db, 2)
    await until(() => count(seen, 'checkpoint-saved') > before)
  })
  expect(refusals(events)[0]).toMatch(/could not be saved to .*\.state \((another process|E[A-Z]+)/)
  const later = await run(db, { stateDir: folder.path })
  expect([refusals(later), count(later, 'checkpoint-loaded')]).toEqual([[], 1])
}, 60_000)

test('a state of a view that has stopped is not kept', async () => {
  await using db = await testDatabase()
  await using folder = await stateFolder()
  await fill(db)
  const path = join(folder.path, `${slotOf(db).name}.state`)
  const { sync, events } = exampleSync(db.url, {
    slot: slotOf(db),
    stateDir: folder.path,
    saveEveryMs: 30,
    watchMs: 50,
  })
  await sync.start()
  await until(() => count(events, 'checkpoint-saved') > 0)
  await db.query('ALTER TABLE visit RENAME TO moved')
  await until(() => count(events, 'view-failed') > 0)
  await until(
    async () =>
      !(await readFile(path).then(
        () => true,
        () => false,
      )),
  )
  await sync.close()
  await expect(readFile(path)).rejects.toThrow('ENOENT')
}, 60_000)

test('two syncs of one process and slot hand their state over', async () => {
  await using db = await testDatabase()
  await using folder = await stateFolder()
  await fill(db)
  const options: Options = { slot: { ...slotOf(db), waitMs: 30_000 }, stateDir: folder.path }
  const first = exampleSync(db.url, options)
  await first.sync.start()
  // It reads the folder before there is anything in it, and waits for the slot.
  const second = exampleSync(db.url, options)
  const started = second.sync.start()
  await until(() => count(second.events, 'waiting') > 0)
  await change(db, 1)
  await first.sync.close()
  await started
  await expectExact(db, second.sync)
  expect([refusals(second.events), count(second.events, 'checkpoint-loaded')]).toEqual([[], 1])
  await second.sync.close()
}, 60_000)

test('a derived table is right after a restart from a state, whatever it missed', async () => {
  await using db = await testDatabase()
  await using folder = await stateFolder()
  await fill(db)
  const options: Options = { stateDir: folder.path, tables: { restaurantRating: {} } }
  const { sql } = exampleViews.restaurantRating
  const differing = `(${sql} EXCEPT TABLE derived.restaurant_rating) UNION ALL (TABLE derived.restaurant_rating EXCEPT ${sql})`
  for (let turn = 0; turn < 2; turn += 1) {
    const events = await run(db, options, async () => {
      await change(db, turn)
    })
    expect([refusals(events), count(events, 'checkpoint-loaded')]).toEqual([[], turn])
    expect(await db.query(differing)).toEqual([])
    // A row of ours that somebody spoiled while nobody looked.
    await db.query('UPDATE derived.restaurant_rating SET visits = 77')
    await change(db, turn + 5)
  }
}, 60_000)

test('stateDir is refused with a temporary slot', () => {
  expect(() =>
    exampleSync('postgres://localhost/x', { stateDir: '/nowhere', slot: { durable: false } }),
  ).toThrow(/stateDir is of no use with a temporary slot/)
})

/** Rewrites the description of a saved state, with a right checksum. */
async function edit(
  path: string,
  amend: (header: { identity: Fields; origin: Fields }) => void,
): Promise<void> {
  const bytes = await readFile(path)
  const trailer = bytes.subarray(bytes.length - 24)
  const start = Number(trailer.readBigUInt64LE(0))
  const header: { identity: Fields; origin: Fields } = JSON.parse(
    bytes.subarray(start, bytes.length - 24).toString('utf8'),
  )
  amend(header)
  const text = Buffer.from(JSON.stringify(header))
  trailer.writeUInt32LE(text.length, 8)
  trailer.writeUInt32LE(crc32(text), 12)
  await writeFile(path, Buffer.concat([bytes.subarray(0, start), text, trailer]))
}
type Fields = Record<string, unknown>

interface Misfit {
  readonly what: string
  readonly says: RegExp
  readonly options?: Options
  readonly does?: (db: TestDatabase, path: string) => Promise<unknown>
}

const MISFITS: readonly Misfit[] = [
  {
    what: 'a byte is another',
    says: /damaged: the checksum of part/,
    does: async (_, path) => {
      const file = await open(path, 'r+')
      await file.write(Buffer.from([0x7f]), 0, 1, 4321)
      await file.close()
    },
  },
  { what: 'its end is gone', says: /damaged: it is cut off/, does: (_, path) => truncate(path, 9_000) },
  { what: 'it is empty', says: /damaged: it is cut off/, does: (_, path) => truncate(path, 0) },
  {
    what: 'it is of another version',
    says: /saved by version 0\.0\.1/,
    does: (_, path) => edit(path, ({ identity }) => (identity['version'] = '0.0.1')),
  },
  {
    what: 'it is of another machine',
    says: /another byte order/,
    does: (_, path) => edit(path, ({ identity }) => (identity['byteOrder'] = 'BE')),
  },
  {
    what: 'it is of another server',
    says: /of another server/,
    does: (_, path) => edit(path, ({ origin }) => (origin['system'] = '1234')),
  },
  {
    what: 'it is of another history',
    says: /another history/,
    does: (_, path) => edit(path, ({ origin }) => (origin['timeline'] = 99)),
  },
  {
    what: 'the server has less WAL',
    says: /less WAL than was read/,
    does: (_, path) => edit(path, ({ origin }) => (origin['position'] = 'FFFFFF/0')),
  },
  {
    what: 'the slot was made anew',
    says: /the slot is not the one/,
    does: (db) => db.query('SELECT pg_drop_replication_slot($1)', [slotOf(db).name]),
  },
  {
    what: 'the slot was moved on',
    says: /the slot stands past it/,
    does: (db) => db.query('SELECT pg_replication_slot_advance($1, pg_current_wal_lsn())', [slotOf(db).name]),
  },
  {
    what: 'a view is gone',
    says: /definitions of views have changed: (user_spend|grand_total)/,
    options: { views: { restaurantRating: exampleViews.restaurantRating } },
  },
  {
    what: 'the publication was altered',
    says: /the publication was altered or made anew/,
    does: (db) => db.query("ALTER PUBLICATION dbsync SET (publish = 'insert, update, delete, truncate')"),
  },
  {
    what: 'values were rewritten without the stream',
    says: /table "visit": the values of column "visit_rating" were rewritten/,
    does: (db) => db.query('ALTER TABLE visit ALTER visit_rating TYPE int USING visit_rating % 3'),
  },
]

test.each(MISFITS)(
  'a state is refused, and all is read anew, when $what',
  async ({ does, says, options }) => {
    await using db = await testDatabase()
    await using folder = await stateFolder()
    await fill(db, 200)
    await run(db, { stateDir: folder.path })
    await change(db, 1)
    const path = join(folder.path, `${slotOf(db).name}.state`)
    await does?.(db, path)
    const { sync, events } = exampleSync(db.url, { slot: slotOf(db), stateDir: folder.path, ...options })
    await sync.start()
    await expectExact(db, sync, options?.views ?? exampleViews)
    await sync.close()
    expect(refusals(events)).toHaveLength(1)
    expect(refusals(events)[0]).toMatch(says)
    expect([count(events, 'checkpoint-loaded'), states(events)[1]]).toEqual([0, 'hydrating'])
    expect(refusals(events).join()).not.toContain(db.url)
  },
  60_000,
)
