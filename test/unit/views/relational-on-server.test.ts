import fc from 'fast-check'
import { expect, test } from 'vitest'
import { quoteIdentifier } from '../../../src/core/quote.ts'
import { defineView } from '../../../src/views/define-view.ts'
import { eq } from '../../../src/views/build/comparisons.ts'
import { nest } from '../../../src/views/build/nest.ts'
import { asc, desc } from '../../../src/views/build/order.ts'
import { queryOutputs } from '../../../src/views/query-outputs.ts'
import { testDatabase } from '../../support/database.ts'
import { DDL, Restaurant, Sample, User, Visit } from '../../types/fixture.ts'
import { insertData, relationalData, type RelationalData } from './relational-data.ts'
import { NESTED, RELATIONAL } from './relational-views.ts'

const VIEWS = [
  ...RELATIONAL,
  ...NESTED,
  defineView('right_join_of_a_query', (q) =>
    q
      .from({ u: User })
      .rightJoin(
        {
          s: q
            .from({ v: Visit })
            .groupBy(({ v }) => [v.visitRating])
            .select(({ v }) => ({ stars: v.visitRating })),
        },
        ({ u, s }) => eq(s.stars, u.id),
      )
      .fullJoin({ r: Restaurant }, ({ s, r }) => eq(r.rating, s.stars))
      .select(({ u, s, r }) => ({ user: u.id, stars: s.stars, restaurant: r.id })),
  ),
]

test('a full join of groups that may be NULL has no key, since two rows of it may be the same', async () => {
  await using db = await testDatabase({ schema: 'empty' })
  await db.query(DDL)
  await db.query(
    insertData({ visits: [{ user: 1, restaurant: 1, spent: 1, rating: null }], restaurants: [], users: [] }),
  )
  const view = VIEWS.find(({ name }) => name === 'full_join_of_nulls')
  expect(view?.ir.key).toBeNull()
  expect(await db.query(view?.sql ?? '')).toEqual([
    { a: null, b: null },
    { a: null, b: null },
  ])
})

test('on the server no two rows share a key, what is never null is not, and a limit leaves no choice', async () => {
  await using db = await testDatabase({ schema: 'empty' })
  await db.query(DDL)
  await fc.assert(
    fc.asyncProperty(relationalData, async (data) => {
      const answers: string[][] = []
      for (const turned of [false, true]) {
        // Rows in another order on the disk: Postgres would choose others, if it could.
        const { visits: v, restaurants: r, users: u } = data
        await db.query(
          insertData(
            turned ? { visits: v.toReversed(), restaurants: r.toReversed(), users: u.toReversed() } : data,
          ),
        )
        const texts: string[] = []
        for (const { name, sql, ir } of VIEWS) {
          const rows = await db.query<Record<string, unknown>>(sql)
          texts.push(
            `${name}: ${rows
              .map((row) => JSON.stringify(row))
              .toSorted()
              .join('\n')}`,
          )
          for (const output of queryOutputs(ir.query)) {
            if (output.expression.type.nullable) continue
            expect({
              name,
              output: output.name,
              nulls: rows.filter((row) => row[output.name] === null),
            }).toEqual({ name, output: output.name, nulls: [] })
          }
          if (ir.key === null) continue
          const keys = rows.map((row) => JSON.stringify(ir.key?.map((column) => row[column])))
          expect({ name, repeated: keys.length - new Set(keys).size }).toEqual({ name, repeated: 0 })
        }
        answers.push(texts)
      }
      expect(answers[1]).toEqual(answers[0])
    }),
    { numRuns: 12 },
  )
})

test('the order of a view is the order of its rows on the server', async () => {
  await using db = await testDatabase({ schema: 'empty' })
  await db.query(DDL)
  const data: RelationalData = {
    visits: [],
    restaurants: [1, 2, 3, 4].map((id) => ({ id, name: 5 - id, rating: id === 2 ? null : id % 3 })),
    users: [],
  }
  await db.query(insertData(data))
  const ids = async (build: Parameters<typeof defineView<{ readonly id: string }, string>>[1]) =>
    (await db.query<{ id: string }>(defineView('ordered', build).sql)).map(({ id }) => id)
  expect(
    await ids((q) =>
      q
        .from({ r: Restaurant })
        .select(({ r }) => ({ id: r.id }))
        .orderBy(({ r }) => [asc(r.rating), asc(r.name)]),
    ),
  ).toEqual(['r3', 'r4', 'r1', 'r2'])
  expect(
    await ids((q) =>
      q
        .from({ r: Restaurant })
        .select(({ r }) => ({ id: r.id }))
        .orderBy(({ r }) => [desc(r.rating), desc(r.id)])
        .offset(1),
    ),
  ).toEqual(['r4', 'r1', 'r3'])
  expect(
    await ids((q) =>
      q
        .from({ r: Restaurant })
        .select(({ r }) => ({ id: r.id }))
        .orderBy(({ r }) => [desc(r.rating, { nulls: 'last' }), asc(r.id)])
        .limit(2)
        .offset(1),
    ),
  ).toEqual(['r4', 'r3'])
})

test('nested rows come in their order, limited, and are an empty array where there are none', async () => {
  await using db = await testDatabase({ schema: 'empty' })
  await db.query(DDL)
  await db.query(
    insertData({
      visits: [1, 2, 3, 4].map((user) => ({ user, restaurant: 1, spent: user % 3, rating: 3 })),
      restaurants: [1, 2].map((id) => ({ id, name: id, rating: null })),
      users: [{ id: 2, name: 2, active: true }],
    }),
  )
  const view = NESTED.find(({ name }) => name === 'nested')
  const rows = await db.query<{ id: string; dearest: readonly { userId: number; guests: unknown[] }[] }>(
    `${view?.sql} ORDER BY 1`,
  )
  // Spent 2 by user 2, then 1 by users 1 and 4: without the first, two of them.
  expect(rows.map(({ id, dearest }) => [id, dearest.map(({ userId }) => userId)])).toEqual([
    ['r1', [1, 4]],
    ['r2', []],
  ])
  expect(rows[0]?.dearest[0]).toEqual({
    userId: 1,
    restaurantId: 'r1',
    amountSpent: '1.00',
    visitRating: 3,
    guests: [],
  })
})

test('an object of more columns than a function has arguments is put together', async () => {
  await using db = await testDatabase({ schema: 'empty' })
  await db.query(DDL)
  const many = Object.fromEntries(Array.from({ length: 120 }, (_, index) => [`c${index}`, 'small'] as const))

  const view = defineView('wide', (q) =>
    q.from({ u: User }).select(({ u }) => ({
      id: u.id,
      wide: nest({ s: Sample }, ({ s }) => eq(s.int, u.id))
        .orderBy(({ s }) => [asc(s.small), asc(s['sel"ect ✓'])])
        .select(({ s }) => Object.fromEntries(Object.keys(many).map((name) => [name, s.small]))),
    })),
  )
  await expect(db.query(view.sql)).resolves.toEqual([])
  expect(view.sql.match(/jsonb_build_object/g)).toHaveLength(3)
})

test('names in the text are quoted: a name may hold line ends and quotes', () => {
  const view = defineView('quoted', (q) =>
    q
      .from({ 'a"\nb': User })
      .select(({ 'a"\nb': u }) => ({ 'x"\n  y': u.id }))
      .orderBy(({ 'a"\nb': u }) => [asc(u.id)])
      .limit(1),
  )
  const over = defineView('over_quoted', (q) => q.from({ o: view }).select(({ o }) => ({ id: o['x"\n  y'] })))
  expect(over.sql).toContain(`${quoteIdentifier('a"\nb')}."id" AS ${quoteIdentifier('x"\n  y')}`)
})
