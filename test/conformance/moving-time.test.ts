import { randomInt } from 'node:crypto'
import { expect, test } from 'vitest'
import { count } from '../../src/views/build/aggregates.ts'
import { eq, gt, gte, isNotNull, lt, lte } from '../../src/views/build/comparisons.ts'
import { cast, coalesce } from '../../src/views/build/conditional.ts'
import { dateTrunc } from '../../src/views/build/dates.ts'
import { defineView, type ViewDefinition } from '../../src/views/define-view.ts'
import { and } from '../../src/views/build/logic.ts'
import { nowMinus } from '../../src/views/build/moving-time.ts'
import { nest } from '../../src/views/build/nest.ts'
import { asc, desc } from '../../src/views/build/order.ts'
import { except, union } from '../../src/views/build/set-operations.ts'
import { TEXT_SETTINGS } from '../../src/testing/canonical-text.ts'
import { compareView, formatDifference } from '../../src/testing/compare-view.ts'
import { testDatabase } from '../support/database.ts'
import { feed, literal, readItems, type Rows } from './item-rows.ts'
import { DDL, Item, schema } from './item.ts'
import { Mirror } from './mirror.ts'

const after = defineView('after', (q) =>
  q
    .from({ i: Item })
    .where(({ i }) => gt(i.at, nowMinus({ days: 1 })))
    .select(({ i }) => ({ id: i.id, text: i.text })),
)

const VIEWS: readonly ViewDefinition[] = [
  after,
  defineView('at_or_after', (q) =>
    q
      .from({ i: Item })
      .where(({ i }) => lte(nowMinus({ hours: 23, minutes: 59, seconds: 60 }), i.zoned))
      .select(({ i }) => ({ id: i.id, int: i.int })),
  ),
  defineView('before', (q) =>
    q
      .from({ i: Item })
      .where(({ i }) => lt(i.zoned, nowMinus({ weeks: 1, days: -6 })))
      .select(({ i }) => ({ id: i.id })),
  ),
  defineView('at_or_before', (q) =>
    q
      .from({ i: Item })
      .where(({ i }) => gte(nowMinus({ seconds: 86_400 }), i.at))
      .select(({ i }) => ({ id: i.id })),
  ),
  defineView('ahead', (q) =>
    q
      .from({ i: Item })
      .where(({ i }) => and(gt(i.at, nowMinus({ seconds: 0 })), lte(i.at, nowMinus({ days: -1 }))))
      .select(({ i }) => ({ id: i.id })),
  ),
  defineView('both', (q) =>
    q
      .from({ i: Item })
      .where(({ i }) => gte(i.at, nowMinus({ days: 2 })))
      .where(({ i }) => and(gt(i.int, 1), and(lt(i.zoned, nowMinus({ hours: 12.5 })), isNotNull(i.text))))
      .select(({ i }) => ({ id: i.id, int: i.int, text: i.text })),
  ),
  defineView('grouped', (q) =>
    q
      .from({ i: Item })
      .where(({ i }) => gt(i.at, nowMinus({ days: 1 })))
      .groupBy(({ i }) => [i.text])
      .having(() => gt(count(), 1))
      .select(({ i }) => ({ text: i.text, items: count(), numbers: count(i.int) })),
  ),
  defineView('counted', (q) =>
    q
      .from({ i: Item })
      .where(({ i }) => gt(i.at, nowMinus({ days: 1 })))
      .select(() => ({ items: count() })),
  ),
  defineView('joined', (q) =>
    q
      .from({ i: Item })
      .leftJoin({ j: Item }, ({ i, j }) => and(eq(j.id, i.int), isNotNull(j.text)))
      .where(({ i, j }) => and(gt(j.zoned, nowMinus({ days: 1 })), gt(i.at, nowMinus({ days: 3 }))))
      .select(({ i, j }) => ({ id: i.id, other: j.id, text: j.text })),
  ),
  defineView('computed', (q) =>
    q
      .from({ i: Item })
      .where(({ i }) => gt(coalesce(i.at, cast(i.day, 'timestamp')), nowMinus({ days: 1 })))
      .select(({ i }) => ({ id: i.id })),
  ),
  defineView('truncated', (q) =>
    q
      .from({ i: Item })
      .whereNotExists({ j: after }, ({ i, j }) => eq(j.id, i.int))
      .where(({ i }) => lt(dateTrunc('day', i.zoned), nowMinus({ days: 1 })))
      .select(({ i }) => ({ id: i.id, text: i.text })),
  ),
  defineView('either', (q) =>
    q
      .from({
        x: union(
          q
            .from({ i: Item })
            .where(({ i }) => gt(i.at, nowMinus({ days: 1 })))
            .select(({ i }) => ({ id: i.id })),
          q
            .from({ i: Item })
            .where(({ i }) => gt(i.zoned, nowMinus({ days: 2 })))
            .select(({ i }) => ({ id: i.id })),
        ),
      })
      .innerJoin({ i: Item }, ({ x, i }) => eq(x.id, i.id))
      .select(({ i }) => ({ id: i.id, text: i.text })),
  ),
  defineView('not_within', () =>
    except(
      defineView('all', (r) => r.from({ i: Item }).select(({ i }) => ({ id: i.id, text: i.text }))),
      after,
    ),
  ),
  defineView('distinct', (q) =>
    q
      .from({ i: Item })
      .where(({ i }) => gt(i.at, nowMinus({ days: 1 })))
      .selectDistinct(({ i }) => ({ text: i.text })),
  ),
  defineView('latest', (q) =>
    q
      .from({ i: Item })
      .where(({ i }) => gt(i.at, nowMinus({ days: 1 })))
      .select(({ i }) => ({ id: i.id, text: i.text }))
      .orderBy(({ i }) => [desc(i.text), asc(i.id)])
      .limit(3)
      .offset(1),
  ),
  defineView('over_the_view', (q) =>
    q
      .from({ a: after })
      .innerJoin({ i: Item }, ({ a, i }) => eq(i.id, a.id))
      .where(({ i }) => lt(i.zoned, nowMinus({ days: 1 })))
      .select(({ a, i }) => ({ id: a.id, int: i.int })),
  ),
  defineView('nested', (q) =>
    q
      .from({ i: Item })
      .where(({ i }) => gt(i.zoned, nowMinus({ days: 1 })))
      .select(({ i }) => ({
        id: i.id,
        others: nest({ a: after }, ({ a }) => eq(a.id, i.int))
          .orderBy(({ a }) => [asc(a.id)])
          .select(({ a }) => ({ id: a.id, text: a.text })),
      })),
  ),
]

const START = Date.UTC(2024, 1, 28, 12)
const HOUR = 3_600_000

test('moving bounds answer as Postgres does at that moment, forth and back', async () => {
  const seed = Number(process.env['DBSYNC_SEED'] ?? randomInt(1 << 30))
  let state = seed
  const random = (below: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 0x1_0000_0000) * below)
  }
  await using db = await testDatabase({ schema: 'empty' })
  const client = await db.connect()
  await client.query(TEXT_SETTINGS)
  await client.query(DDL)
  const mirror = new Mirror(
    schema,
    VIEWS.map(({ ir }) => ir),
  )
  const time = (nowMs: number): string | null => {
    const kind = random(12)
    if (kind === 0) return null
    if (kind === 1) return random(2) === 0 ? 'infinity' : '-infinity'
    // Whole hours, so that many stand at the very moment.
    return new Date(nowMs + (random(96) - 72) * HOUR).toISOString()
  }
  const some = (values: readonly string[]): string | null =>
    random(5) === 0 ? null : (values[random(values.length)] ?? null)
  let known: Rows = new Map()
  let nowMs = START
  const rounds = process.env['SOAK'] === '1' ? 2000 : 40
  for (let round = 0; round < rounds; round += 1) {
    for (let change = random(4); change > 0; change -= 1) {
      const id = random(25)
      await client.query(`DELETE FROM item WHERE id = ${id}`)
      if (random(4) === 0) continue
      const values = [
        time(nowMs),
        time(nowMs),
        some(['a', 'b', 'c']),
        some(['1', '2', '3', '9']),
        some(['2024-02-27']),
      ]
      await client.query(
        `INSERT INTO item (id, at, zoned, text, int, day) VALUES (${id}, ${values.map(literal).join(', ')})`,
      )
    }
    if (random(10) === 0)
      await client.query(`UPDATE item SET id = id + ${round * 100 + 100}, text = NULL WHERE id < 2`)
    const rows = await readItems(client)
    feed(mirror, known, rows)
    known = rows
    if (random(3) > 0) nowMs += (random(5) === 0 ? -random(40) : random(9)) * HOUR + random(2)
    mirror.replica.advance(BigInt(nowMs) * 1000n)
    mirror.replica.flush()
    const now = `${literal(new Date(nowMs).toISOString())}::timestamptz`
    for (const view of VIEWS) {
      const shown = mirror.replica.views.get(view.name)?.rows() ?? []
      const sql = view.sql.replaceAll('now()', now)
      const differences = await compareView({ ...view, sql }, shown, client)
      expect([`seed ${seed}, round ${round}`, ...differences.map(formatDifference)]).toEqual([
        `seed ${seed}, round ${round}`,
      ])
    }
  }
}, 600_000)

test('a day has 24 hours and a timestamp is of UTC, whatever the time zone of the session', async () => {
  await using db = await testDatabase({ schema: 'empty' })
  const client = await db.connect()
  await client.query(`${DDL}; SET TimeZone = 'America/New_York'`)
  // The night in which the clocks there went forward: the day had 23 hours.
  await client.query(`INSERT INTO item (id, at, zoned) VALUES
    (1, '2024-03-10 03:30:00', '2024-03-10 03:30:00+00'), (2, '2024-03-10 04:30:00', '2024-03-10 04:30:00+00')`)
  for (const field of ['at', 'zoned'] as const) {
    const view = defineView('day', (q) =>
      q
        .from({ i: Item })
        .where(({ i }) => gte(i[field], nowMinus({ days: 1 })))
        .select(({ i }) => ({ id: i.id })),
    )
    const { rows } = await client.query(view.sql.replaceAll('now()', "'2024-03-11 04:00:00+00'::timestamptz"))
    expect(rows).toEqual([{ id: 2 }])
    expect((await client.query(view.sql)).rows).toEqual([])
  }
})

test('a view that is added later is at the same moment as the others', () => {
  const mirror = new Mirror(schema, [
    defineView('items', (q) => q.from({ i: Item }).select(({ i }) => ({ id: i.id, at: i.at, text: i.text })))
      .ir,
  ])
  const { replica } = mirror
  expect(replica.isMoving).toBe(false)
  replica.advance(BigInt(START) * 1000n)
  mirror.change('Item', null, { id: '1', at: '2024-02-27 12:00:00', text: null })
  mirror.change('Item', null, { id: '2', at: '2024-02-27 12:00:01', text: null })
  replica.flush()
  expect(replica.add(after.ir)).toBe(true)
  expect(replica.isMoving).toBe(true)
  expect([...(replica.views.get('after')?.rows() ?? [])]).toEqual([{ id: 2, text: null }])
  replica.remove('after')
  expect(replica.isMoving).toBe(false)
})
