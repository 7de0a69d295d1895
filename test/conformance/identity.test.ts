import { defineView, ne } from 'prisma-dbsync'
import { describe, expect, test } from 'vitest'
import { Restaurant } from '../../generated/dbsync/index.ts'
import { testDatabase } from '../support/database.ts'
import { startDrift } from '../support/drift.ts'
import { until } from '../support/faults.ts'
import { TestLine } from '../support/line.ts'

/*
 * What an UPDATE says of a row depends on the replica identity, on whether its large value was touched and whether its key
 * was; what must be made of it, on whether the row has been read. Every combination, on real streams.
 */

/** The rows that only fill chunks are left out: they are many, and nothing happens to them. */
const descriptions = defineView('descriptions', (q) =>
  q
    .from({ r: Restaurant })
    .where(({ r }) => ne(r.name, 'd'))
    .select(({ r }) => ({ id: r.id, name: r.name, description: r.description })),
)

const NO_PRIMARY_KEY = 'ALTER TABLE restaurant DROP CONSTRAINT restaurant_pkey CASCADE'

const IDENTITIES: readonly { readonly name: string; readonly sql: string }[] = [
  { name: 'DEFAULT', sql: 'ALTER TABLE restaurant REPLICA IDENTITY DEFAULT' },
  { name: 'FULL', sql: 'ALTER TABLE restaurant REPLICA IDENTITY FULL' },
  {
    name: 'USING INDEX, wider than the key',
    sql: `CREATE UNIQUE INDEX wide ON restaurant (name, id);
      ALTER TABLE restaurant REPLICA IDENTITY USING INDEX wide`,
  },
  {
    name: 'USING INDEX, without a primary key',
    sql: `${NO_PRIMARY_KEY}; CREATE UNIQUE INDEX own ON restaurant (id); ALTER TABLE restaurant REPLICA IDENTITY USING INDEX own`,
  },
  {
    name: 'FULL, without a primary key',
    sql: `${NO_PRIMARY_KEY}; CREATE UNIQUE INDEX own ON restaurant (id); ALTER TABLE restaurant REPLICA IDENTITY FULL`,
  },
]

/**
 * Where a row's chunk is when the row is changed, by the first letter of its key: chunks are read in that order. The first
 * is merged, the next four are read and wait for their watermarks, the last is not read.
 */
const STATES = { a: 'known', c: 'pending', z: 'unknown', y: 'changed before the reading began' } as const
type State = keyof typeof STATES
const VALUES = {
  unchanged: '',
  changed: ", description = repeat('new ' || id, 1000)",
  null: ', description = NULL',
} as const
/** The key stays, or moves beside itself or to where another chunk is. */
const KEYS = ['stays', 'a', 'c', 'z'] as const

interface Cell {
  readonly id: string
  readonly sql: string
}

function cellsOf(state: State): readonly Cell[] {
  return Object.entries(VALUES).flatMap(([value, assignment]) =>
    KEYS.map((key) => {
      const id = `${state} ${value} ${key}`
      const set = key === 'stays' ? "name = 'touched'" : `id = '${key} from ${id}'`
      return { id, sql: `UPDATE restaurant SET ${set}${assignment} WHERE id = '${id}'` }
    }),
  )
}

const CELLS = (Object.keys(STATES) as State[]).flatMap(cellsOf)

/** The chunks before the last hold 1000 rows and then at most twice as many each time. */
const FILL = `
  INSERT INTO restaurant (id, name) SELECT 'b' || to_char(i, 'FM00000'), 'b' FROM generate_series(1, 1000) i;
  INSERT INTO restaurant (id, name) SELECT 'd' || to_char(i, 'FM00000'), 'd' FROM generate_series(1, 32000) i;
  ANALYZE restaurant`

describe('an UPDATE is applied whatever of the row it leaves out and whether the row has been read', () => {
  for (const { name, sql } of IDENTITIES) {
    test(`REPLICA IDENTITY ${name}`, async () => {
      await using db = await testDatabase()
      await db.query(
        `ALTER TABLE restaurant ALTER description SET STORAGE EXTERNAL, ALTER id TYPE varchar(255) COLLATE "C"; ${sql}`,
      )
      await db.query(FILL)
      for (const { id } of CELLS) {
        await db.query("INSERT INTO restaurant (id, name, description) VALUES ($1, 'n', repeat($2, 1000))", [
          id,
          id,
        ])
      }
      await using line = await TestLine.open(db, { views: { descriptions } })
      const early = cellsOf('y')
      for (const cell of early) await db.query(cell.sql)
      await line.caughtUp()
      const held: (() => void)[] = []
      line.onWatermark = (seen, order) => {
        if (order === 1) seen()
        else held.push(seen)
      }
      const hydrated = line.hydrate()
      await until(() => line.chunks === 5 && held.length > 0)
      const [table] = line.replica.tables
      // The first chunk is in the table and nothing else is.
      expect(table?.progress).toMatchObject({ state: 'reading', rows: 1000 })
      for (const cell of CELLS) if (!early.includes(cell)) await db.query(cell.sql)
      await line.caughtUp()
      line.onWatermark = (seen) => seen()
      for (const seen of held) seen()
      await hydrated
      expect(shortened(await line.differences())).toEqual([])
      expect(line.replica.tables[0]?.table.size).toBe(33_000 + CELLS.length)
      // And all of them once more, now that every row is known.
      await db.query("UPDATE restaurant SET name = 'again' WHERE id NOT LIKE 'd%'")
      await db.query("UPDATE restaurant SET id = 'moved ' || id WHERE id NOT LIKE 'd%'")
      await db.query("DELETE FROM restaurant WHERE id LIKE '%changed%'")
      expect(shortened(await line.differences())).toEqual([])
    })
  }
})

/** Large values cut down to their beginning. */
function shortened(differences: readonly string[]): string[] {
  return differences.map((text) => text.replaceAll(/(.{8,60}?)\1{5,}/g, '$1…').slice(0, 300))
}

test('an identity that changes while the stream runs is followed as long as it is usable', async () => {
  await using db = await testDatabase()
  await using run = await startDrift(db)
  await db.query('CREATE UNIQUE INDEX other ON visit (restaurant_id, user_id)')
  const use = async (): Promise<void> => {
    for (const sql of [
      "UPDATE visit SET visit_rating = 1 + (coalesce(visit_rating, 0) + 1) % 5 WHERE restaurant_id = 'r1'",
      "UPDATE visit SET restaurant_id = 'r9' WHERE user_id = 2 AND restaurant_id = 'r2'",
      "UPDATE visit SET restaurant_id = 'r2' WHERE user_id = 2 AND restaurant_id = 'r9'",
      "DELETE FROM visit WHERE user_id = 3 AND restaurant_id = 'r3'",
      "INSERT INTO visit VALUES (3, 'r3', 1, 1)",
    ]) {
      await db.query(sql)
    }
    await run.exact('spent', 'rated', 'guests')
  }
  for (const identity of ['FULL', 'USING INDEX other', 'DEFAULT', 'FULL']) {
    await db.query(`ALTER TABLE visit REPLICA IDENTITY ${identity}`)
    await use()
  }
  expect(run.warnings()).toEqual([])
  await db.query('ALTER TABLE visit REPLICA IDENTITY NOTHING')
  expect(await run.stopped('rated')).toBe('CHANGES.REPLICA_IDENTITY')
  // Once stopped, for good: what came meanwhile may have been without the old key.
  await db.query('ALTER TABLE visit REPLICA IDENTITY DEFAULT; UPDATE visit SET visit_rating = 1')
  await run.exact('guests', 'places')
  expect(run.failure('spent')?.code).toBe('CHANGES.REPLICA_IDENTITY')
})
