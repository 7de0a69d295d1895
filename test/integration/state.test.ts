import { copyFile, open, readdir, readFile, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { SyncEvent } from 'prisma-dbsync'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { until } from '../support/faults.ts'
import { stateFolder } from '../support/state-folder.ts'
import { exampleSync, expectExact } from '../support/views.ts'

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
    DELETE FROM visit WHERE user_id = ${turn % 30 + 1};
    UPDATE restaurant SET name = 'Renamed ${turn}' WHERE id = 'r${turn % 10}';
    INSERT INTO restaurant (id, name) VALUES ('new${turn}', 'New ${turn}');
    INSERT INTO visit SELECT ${turn % 30 + 1}, 'new${turn}', ${turn}, 5`)
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
