import fc from 'fast-check'
import { expect, test } from 'vitest'
import { quoteIdentifier } from '../../../src/core/quote.ts'
import { count } from '../../../src/views/build/aggregates.ts'
import { eq, gt, isNull } from '../../../src/views/build/comparisons.ts'
import { compileViews } from '../../../src/views/compile/compile.ts'
import { lowerView } from '../../../src/views/lower/lower-view.ts'
import { planView } from '../../../src/views/compile/plan.ts'
import { defineView, type ViewDefinition } from '../../../src/views/define-view.ts'
import { and, not, or } from '../../../src/views/build/logic.ts'
import { testDatabase } from '../../support/database.ts'
import { DDL, Restaurant, schema, User, Visit } from '../../types/fixture.ts'

const CASES: readonly (readonly [ViewDefinition, readonly string[] | null])[] = [
  [
    defineView('one_table', (q) =>
      q.from({ v: Visit }).select(({ v }) => ({ r: v.restaurantId, u: v.userId, spent: v.amountSpent })),
    ),
    ['u', 'r'],
  ],
  [defineView('unselected', (q) => q.from({ v: Visit }).select(({ v }) => ({ u: v.userId }))), null],
  [defineView('selected_twice', (q) => q.from({ u: User }).select(({ u }) => ({ a: u.id, b: u.id }))), ['a']],
  [
    defineView('many_to_one', (q) =>
      q
        .from({ v: Visit })
        .leftJoin({ r: Restaurant }, ({ v, r }) => eq(r.id, v.restaurantId))
        .innerJoin({ u: User }, ({ v, u }) => and(eq(v.userId, u.id), gt(v.visitRating, 0)))
        .select(({ v, r }) => ({ u: v.userId, r: v.restaurantId, name: r.name })),
    ),
    ['u', 'r'],
  ],
  [
    defineView('one_to_many', (q) =>
      q
        .from({ r: Restaurant })
        .leftJoin({ v: Visit }, ({ r, v }) => eq(v.restaurantId, r.id))
        .select(({ r, v }) => ({ user: v.userId, id: r.id })),
    ),
    ['id', 'user'],
  ],
  [
    defineView('not_fixed_by_a_constant', (q) =>
      q
        .from({ r: Restaurant })
        .innerJoin({ v: Visit }, ({ r, v }) => and(eq(v.restaurantId, r.id), eq(1, v.userId)))
        .select(({ r }) => ({ id: r.id })),
    ),
    null,
  ],
  [
    defineView('fixed_by_two_tables', (q) =>
      q
        .from({ r: Restaurant })
        .innerJoin({ u: User }, ({ r, u }) => eq(u.id, r.rating))
        .innerJoin({ v: Visit }, ({ r, u, v }) => and(eq(v.restaurantId, r.id), eq(v.userId, u.id)))
        .select(({ r }) => ({ id: r.id })),
    ),
    ['id'],
  ],
  [
    defineView('not_fixed_by_or', (q) =>
      q
        .from({ r: Restaurant })
        .innerJoin({ v: Visit }, ({ r, v }) =>
          and(eq(v.restaurantId, r.id), or(eq(v.userId, 1), eq(v.userId, 2))),
        )
        .select(({ r }) => ({ id: r.id })),
    ),
    null,
  ],
  [
    defineView('not_fixed_by_its_own', (q) =>
      q
        .from({ r: Restaurant })
        .innerJoin({ v: Visit }, ({ r, v }) => and(eq(v.restaurantId, r.id), eq(v.userId, v.visitRating)))
        .select(({ r }) => ({ id: r.id })),
    ),
    null,
  ],
  [
    defineView('grouped_by_key_and_more', (q) =>
      q
        .from({ r: Restaurant })
        .leftJoin({ v: Visit }, ({ r, v }) => eq(v.restaurantId, r.id))
        .groupBy(({ r, v }) => [r.name, v.visitRating, r.id])
        .select(({ r, v }) => ({ id: r.id, stars: v.visitRating, visits: count() })),
    ),
    ['stars', 'id'],
  ],
  [
    defineView('grouped_by_half_a_key', (q) =>
      q
        .from({ v: Visit })
        .groupBy(({ v }) => [v.userId, v.visitRating])
        .select(({ v }) => ({ user: v.userId, stars: v.visitRating })),
    ),
    ['user', 'stars'],
  ],
  [
    defineView('grouped_by_the_nullable_side', (q) =>
      q
        .from({ v: Visit })
        .leftJoin({ r: Restaurant }, ({ v, r }) => eq(r.id, v.restaurantId))
        .groupBy(({ r }) => [r.id, r.name])
        .select(({ r }) => ({ id: r.id, name: r.name })),
    ),
    ['id', 'name'],
  ],
  [
    defineView('group_not_selected', (q) =>
      q
        .from({ v: Visit })
        .groupBy(({ v }) => [v.userId])
        .select(() => ({ visits: count() })),
    ),
    null,
  ],
  [defineView('one_row', (q) => q.from({ v: Visit }).select(() => ({ visits: count() }))), []],
  [
    defineView('chosen', (q) => q.from({ v: Visit }).select(({ v }) => ({ ...v, again: v.userId })), {
      key: ['visitRating', 'restaurantId', 'again'],
    }),
    ['visitRating', 'restaurantId', 'again'],
  ],
]

/** Views of several blocks. */
const COMPOSED: typeof CASES = [
  [
    defineView('grouped_over_one_row', (q) =>
      q
        .from({ t: q.from({ v: Visit }).select(() => ({ visits: count() })) })
        .groupBy(({ t }) => [t.visits])
        .select(({ t }) => ({ visits: t.visits })),
    ),
    ['visits'],
  ],
  [
    defineView('grouped_by_another_condition', (q) =>
      q
        .from({ v: Visit })
        .groupBy(({ v }) => [v.userId, isNull(v.visitRating)])
        .select(({ v }) => ({ user: v.userId, rated: not(isNull(v.visitRating)) })),
    ),
    null,
  ],
]

const named = ([view, key]: (typeof CASES)[number]) => ({ name: view.name, ir: view.ir, key })
const NAMED = CASES.map(named)

test.each([...NAMED, ...COMPOSED.map(named)])(
  'the key of $name is what tells its rows apart',
  ({ ir, key }) => {
    expect(ir.key).toEqual(key)
  },
)

test.each(NAMED)('the engine plans $name with that key', ({ ir, key }) => {
  expect(planView(schema, lowerView(schema, ir).last).ir.key).toEqual(key)
  expect(compileViews(schema, [ir]).views.get(ir.name)?.key).toEqual(key)
})

const visits = fc.uniqueArray(
  fc.record({
    user: fc.integer({ min: 1, max: 4 }),
    restaurant: fc.integer({ min: 1, max: 4 }),
    rating: fc.option(fc.integer({ min: 1, max: 3 })),
  }),
  { selector: ({ user, restaurant }) => `${user}/${restaurant}`, maxLength: 12 },
)

test('on the server no two rows of a view share its key', async () => {
  await using db = await testDatabase({ schema: 'empty' })
  await db.query(DDL)
  await db.query(
    `INSERT INTO users SELECT n, 'u', 'e', NULL, NULL, 'user', true FROM generate_series(1, 3) n`,
  )
  await db.query(`INSERT INTO restaurant SELECT n, 'r' || n % 2, n, NULL FROM generate_series(1, 3) n`)
  await fc.assert(
    fc.asyncProperty(visits, async (rows) => {
      const tuples = rows.map(
        ({ user, restaurant, rating }) => `(${user}, '${restaurant}', 1, ${rating ?? 'NULL'})`,
      )
      await db.query('TRUNCATE visit')
      if (tuples.length > 0) await db.query(`INSERT INTO visit VALUES ${tuples.join(', ')}`)
      for (const [{ name, sql, ir }] of [...CASES, ...COMPOSED]) {
        if (ir.key === null) continue
        const columns = ir.key.map(quoteIdentifier).join(', ')
        const [row] = await db.query<{ repeated: string }>(
          ir.key.length === 0
            ? `SELECT count(*) - 1 AS repeated FROM (${sql}) AS view`
            : `SELECT count(*) AS repeated FROM (SELECT FROM (${sql}) AS view GROUP BY ${columns} HAVING count(*) > 1) AS twice`,
        )
        expect({ name, ...row }).toEqual({ name, repeated: '0' })
      }
    }),
    { numRuns: 15 },
  )
})
