import { expect, test } from 'vitest'
import { count, createSync, defineView, formatLsn, gt, lte, nowMinus, type ViewBatch } from 'prisma-dbsync'
import { DDL as ITEM, Item, schema } from '../conformance/item.ts'
import { testDatabase } from '../support/database.ts'
import { cutStream, until } from '../support/faults.ts'

const lately = defineView('lately', (q) =>
  q
    .from({ i: Item })
    .where(({ i }) => gt(i.zoned, nowMinus({ minutes: 10 })))
    .select(({ i }) => ({ id: i.id, text: i.text })),
)
const old = defineView('old', (q) =>
  q
    .from({ i: Item })
    .where(({ i }) => lte(i.zoned, nowMinus({ minutes: 10 })))
    .select(() => ({ items: count() })),
)
const all = defineView('all', (q) => q.from({ i: Item }).select(({ i }) => ({ id: i.id })))

const wide = defineView('wide', (q) =>
  q.from({ i: Item }).select(({ i }) => ({ id: i.id, zoned: i.zoned, text: i.text })),
)
/** As its migration would make it. */
const DDL = `${ITEM}; ALTER TABLE item ALTER zoned TYPE timestamptz(6)`
const START = Date.UTC(2024, 5, 1, 12)
const MINUTE = 60_000
const at = (minutes: number): string => `'${new Date(START + minutes * MINUTE).toISOString()}'`

test('rows come and go with the clock, and subscribers hear of it, without any transaction', async () => {
  await using db = await testDatabase({ schema: 'empty' })
  await db.query(`${DDL}; INSERT INTO item (id, zoned, text)
    VALUES (1, ${at(-11)}, 'a'), (2, ${at(-9)}, 'b'), (3, ${at(-5)}, 'c'), (4, NULL, 'd')`)
  let ms = START
  const views = { lately, old, all }
  const sync = createSync({ schema, connection: db.url, views, clock: { now: () => ms } })
  await using _ = sync
  await sync.start()
  const ids = (): number[] => [...sync.views.lately.rows()].map(({ id }) => id).toSorted((a, b) => a - b)
  expect([ids(), [...sync.views.old.rows()]]).toEqual([[2, 3], [{ items: 1 }]])
  await sync.catchUp()

  const batches: ViewBatch<{ readonly id: number; readonly text: string | null }>[] = []
  sync.views.lately.subscribe((batch) => {
    // Whoever is told of one view reads the others at the same moment.
    expect([...sync.views.old.rows()][0]?.items).toBe(4 - 1 - ids().length)
    batches.push(batch)
  })
  const before = sync.status().changes
  ms = START + 2 * MINUTE
  await until(() => batches.length > 0)
  expect(ids()).toEqual([3])
  expect(batches[0]?.changes).toEqual([{ key: 2, before: { id: 2, text: 'b' }, after: null }])
  expect(formatLsn(batches[0]?.lsn ?? sync.views.lately.lsn)).toMatch(/^[0-9A-F]+\/[0-9A-F]+$/)
  expect(sync.status().changes).toBe(before)

  // A clock that is set back.
  ms = START - 2 * MINUTE
  await until(() => batches.length > 1)
  expect(ids()).toEqual([1, 2, 3])
  expect(batches[1]?.changes.map(({ key }) => Number(key)).toSorted((a, b) => a - b)).toEqual([1, 2])
  expect(sync.views.lately.lsn).toBeGreaterThanOrEqual(batches[1]?.lsn ?? sync.views.lately.lsn)

  // A commit is seen at the moment at which it is applied, whatever the last tick saw.
  ms = START + 20 * MINUTE
  await db.query(`INSERT INTO item (id, zoned) VALUES (5, ${at(15)}), (6, ${at(9)})`)
  await sync.catchUp()
  expect(ids()).toEqual([5])
  ms = Number.NaN
  await db.query('DELETE FROM item WHERE id = 5')
  await sync.catchUp()
  expect([ids(), [...sync.views.all.rows()].length]).toEqual([[], 5])
}, 60_000)

test('the clock goes on over a lost stream', async () => {
  await using db = await testDatabase({ schema: 'empty' })
  await db.query(`${DDL}; INSERT INTO item (id, zoned) VALUES (1, ${at(-5)}), (2, ${at(1)})`)
  let ms = START
  const clock = { now: (): number => ms }
  const sync = createSync({
    schema,
    connection: db.url,
    views: { lately, old },
    slot: { durable: true },
    clock,
  })
  await sync.start()
  const seen: unknown[] = []
  sync.views.lately.subscribe(({ changes }) => seen.push(...changes.map(({ key }) => key)))
  await cutStream(db)
  await until(() => sync.state !== 'live')
  ms = START + 6 * MINUTE
  await until(() => sync.state === 'live')
  await until(() => sync.views.lately.size === 1)
  expect(seen).toEqual([1])
  await sync.close()
}, 60_000)

test('a view that is added while the sync runs moves with the clock, and the others miss nothing', async () => {
  await using db = await testDatabase({ schema: 'empty' })
  await db.query(`${DDL}; INSERT INTO item (id, zoned) VALUES (1, ${at(-5)}), (2, ${at(5)})`)
  let ms = START
  let reads = 0
  const clock = {
    now(): number {
      reads += 1
      return ms
    },
  }
  const sync = createSync({ schema, connection: db.url, views: { wide }, clock })
  await using _ = sync
  await sync.start()
  expect(reads).toBe(0)
  // This one and the next find all they need.
  const recent = await sync.addView(lately)
  expect(recent.size).toBe(2)
  const gone: unknown[] = []
  recent.subscribe(({ changes }) => gone.push(...changes.map(({ key }) => key)))
  ms = START + 6 * MINUTE
  const past = await sync.addView(old)
  await until(() => recent.size === 1)
  expect([gone, [...past.rows()]]).toEqual([[1], [{ items: 1 }]])
  ms = START + 20 * MINUTE
  // It needs a column more, so all views are read beside.
  await sync.addView(
    defineView('numbers', (q) => q.from({ i: Item }).select(({ i }) => ({ id: i.id, int: i.int }))),
  )
  await until(() => recent.size === 0)
  expect(gone).toEqual([1, 2])
  sync.removeView(lately)
  expect([...past.rows()]).toEqual([{ items: 2 }])
}, 60_000)

test('a clock that is none is refused', () => {
  expect(() =>
    createSync({ schema, connection: 'postgres://localhost/x', views: { all }, clock: { now: 5 } as never }),
  ).toThrow('clock: must be an object with now(), which gives milliseconds')
})
