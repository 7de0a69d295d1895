import { expect, test } from 'vitest'
import { Restaurant, schema, User, Visit } from '../../../generated/dbsync/index.ts'
import { grandTotal, restaurantRating, userSpend } from '../../../examples/views.ts'
import { defineView, type ViewDefinition } from '../../../src/views/define-view.ts'
import { explain } from '../../../src/views/explain/explain.ts'
import { eq, gt, isNotNull, lt } from '../../../src/views/build/comparisons.ts'
import { and } from '../../../src/views/build/logic.ts'
import { nest } from '../../../src/views/build/nest.ts'
import { asc, desc } from '../../../src/views/build/order.ts'
import { schema as other } from '../../conformance/fixture.ts'
import { Mirror } from '../../conformance/mirror.ts'
import { RELATIONAL } from './relational-views.ts'

const liked = defineView('liked', (q) =>
  q
    .from({ r: Restaurant })
    .whereExists({ v: Visit }, ({ r, v }) => and(eq(v.restaurantId, r.id), gt(v.visitRating, 3)))
    .whereNotExists({ v: Visit }, ({ r, v }) => and(eq(v.restaurantId, r.id), lt(v.visitRating, 2)))
    .where(({ r }) => isNotNull(r.rating))
    .select(({ r }) => ({ id: r.id, name: r.name })),
)
const dearest = defineView('dearest', (q) =>
  q.from({ r: Restaurant }).select(({ r }) => ({
    id: r.id,
    visits: nest({ v: Visit }, ({ v }) => eq(v.restaurantId, r.id))
      .orderBy(({ v }) => [desc(v.amountSpent), asc(v.userId)])
      .limit(2)
      .select(({ v }) => ({
        spent: v.amountSpent,
        guests: nest({ u: User }, ({ u }) => eq(u.id, v.userId)).select(({ u }) => ({ name: u.userName })),
      })),
  })),
)

function relational(name: string): ViewDefinition {
  const view = RELATIONAL.find((candidate) => candidate.name === name)
  if (view === undefined) throw new Error(name)
  return view
}

/** What is said of one view alone. */
const textOf = (view: ViewDefinition): string => explain(view).toString().split('\n\nNotes')[0] ?? ''

test('an aggregate over a left join is one step; a change of the many side is O(1), of the one side what it brings along', () => {
  expect(textOf(restaurantRating)).toMatchInlineSnapshot(`
    "View restaurant_rating

    Tables
      Restaurant (public.restaurant): 20 bytes a row, about 8 for its key (id)
        columns id text, name text
      Visit (public.visit): 40 bytes a row, about 8 for its key (userId, restaurantId)
        columns userId 4, restaurantId text, amountSpent 8, visitRating 4
        index (restaurantId): 8 bytes of each row, about 20 for each different value

    Steps
      restaurant_rating (groups): 81 bytes a group, about 8 to find it
        FROM Restaurant r LEFT JOIN Visit v ON r.id = v.restaurantId
        GROUP BY r.id, r.name
        SELECT r.id, r.name, count(v.userId) AS visits, avg(v.visitRating) AS rating, sum(v.amountSpent) AS spent
        + objects of the rows that were read, until they change

    Cost of a change
      Restaurant: O(matches), through restaurant_rating
        matches: each row of Visit with the same restaurantId is gone through (restaurant_rating)
      Visit: O(1), through restaurant_rating"
  `)
})

test('EXISTS and NOT EXISTS are blocks of their own, with names for people', () => {
  expect(textOf(liked)).toMatchInlineSnapshot(`
    "View liked

    Tables
      Visit (public.visit): 20 bytes a row, about 8 for its key (userId, restaurantId)
        columns userId 4, restaurantId text, visitRating 4
      Restaurant (public.restaurant): 24 bytes a row, about 8 for its key (id)
        columns id text, name text, rating 4
      #1: 24 bytes a row, about 8 for its key (~row)
        columns ~row 4, ~k0 text
        index (~k0): 8 bytes of each row, about 20 for each different value
      #2: 24 bytes a row, about 8 for its key (~row)
        columns ~row 4, ~k0 text
        index (~k0): 8 bytes of each row, about 20 for each different value

    Steps
      #1 (groups): 17 bytes a group, about 8 to find it
        FROM Visit v
        WHERE v.visitRating > 3
        GROUP BY v.restaurantId
        SELECT v.restaurantId AS ~k0
      #2 (groups): 17 bytes a group, about 8 to find it
        FROM Visit v
        WHERE v.visitRating < 2
        GROUP BY v.restaurantId
        SELECT v.restaurantId AS ~k0
      liked (rows): 33 bytes a row, about 8 to find it
        FROM Restaurant r INNER JOIN #1 ~#1.1 ON r.id = ~#1.1.~k0 LEFT JOIN #2 ~#2.1 ON r.id = ~#2.1.~k0
        WHERE ~#2.1.~row IS NULL AND r.rating IS NOT NULL
        SELECT r.id, r.name
        + objects of the rows that were read, until they change

    Cost of a change
      Visit: O(1), through #1, #2, liked
      Restaurant: O(1), through liked"
  `)
})

test('a limit keeps all rows in order', () => {
  expect(textOf(relational('top_of_each'))).toMatchInlineSnapshot(`
    "View top_of_each

    Tables
      Visit (public.visit): 40 bytes a row, about 8 for its key (userId, restaurantId)
        columns userId 4, restaurantId text, amountSpent 8
        index (restaurantId): 8 bytes of each row, about 20 for each different value
      Restaurant (public.restaurant): 16 bytes a row, about 8 for its key (id)
        columns id text, name text
      #1: 48 bytes a row, about 8 for its key (~row)
        columns ~row 4, place text, user 4, name text, # 8, ~o0 8, ~o1 4, ~p0 text
      #2: 48 bytes a row, about 8 for its key (~row)
        columns ~row 4, place text, user 4, name text, # 8, ~o0 8, ~o1 4

    Steps
      #1 (rows): 29 bytes a row, about 8 to find it
        FROM Visit v INNER JOIN Restaurant r ON v.restaurantId = r.id
        SELECT v.restaurantId AS place, v.userId AS user, r.name, v.amountSpent AS #, v.amountSpent AS ~o0, v.userId AS ~o1, v.restaurantId AS ~p0
      #2 (limit): 21 bytes a row
        FROM #1
        ORDER BY ~o0 DESC, ~o1
        LIMIT 2 rows after the first 1 for each ~p0
        + a row for each row that it is given, within the limit or not
      top_of_each (rows): 33 bytes a row, about 8 to find it
        FROM #2 ~t
        SELECT ~t.place, ~t.user, ~t.name, ~t.#
        ORDER BY ~t.~o0 DESC, ~t.~o1
        + objects of the rows that were read, until they change

    Cost of a change
      Visit: O(log n), through #1, #2, top_of_each
        log n: the rows of each partition are kept in order, so that a row that leaves is replaced at once (#2)
      Restaurant: O(matches × log n), through #1, #2, top_of_each
        matches: each row of Visit with the same restaurantId is gone through (#1)
        log n: the rows of each partition are kept in order, so that a row that leaves is replaced at once (#2)"
  `)
})

test('a self join finds its own rows by an index', () => {
  expect(textOf(relational('self_join'))).toMatchInlineSnapshot(`
    "View self_join

    Tables
      Visit (public.visit): 28 bytes a row, about 8 for its key (userId, restaurantId)
        columns userId 4, restaurantId text
        index (restaurantId): 8 bytes of each row, about 20 for each different value
      #1: 28 bytes a row, about 8 for its key (~row)
        columns ~row 4, userId 4, restaurantId text
        index (restaurantId): 8 bytes of each row, about 20 for each different value

    Steps
      #1 (rows): 25 bytes a row, about 8 to find it
        FROM Visit b
        SELECT b.userId, b.restaurantId
      self_join (rows): 41 bytes a row, about 8 to find it
        FROM Visit a INNER JOIN #1 b ON a.restaurantId = b.restaurantId
        WHERE a.userId < b.userId
        SELECT a.restaurantId AS place, a.userId AS first, b.userId AS second
        + objects of the rows that were read, until they change

    Cost of a change
      Visit: O(matches), through #1, self_join
        matches: each row of #1 with the same restaurantId is gone through (self_join)
        matches: each row of Visit with the same restaurantId is gone through (self_join)"
  `)
})

test('nested rows are written anew for the row that they are in', () => {
  const { changes, steps } = explain(dearest)
  expect(changes.map(({ name, cost }) => [name, cost])).toEqual([
    ['User', 'O(matches × (group + log group + log n))'],
    ['Visit', 'O(group + log group + log n)'],
    ['Restaurant', 'O(1)'],
  ])
  expect(steps.map(({ name, kind }) => `${name} ${kind}`)).toEqual([
    '#1 rows',
    '#2 groups',
    '#3 rows',
    '#4 limit',
    '#5 groups',
    'dearest rows',
  ])
})

test('every relational form is explained without a hidden name, as data that JSON can hold', () => {
  for (const view of RELATIONAL) {
    const explanation = explain(view)
    expect(JSON.parse(JSON.stringify(explanation))).toEqual({ ...explanation })
    expect([view.name, /\0|#[0-9a-f]{16}/.test(explanation.toString())]).toEqual([view.name, false])
    expect(Object.isFrozen(explanation) && Object.isFrozen(explanation.steps[0])).toBe(true)
    expect(explanation.steps.at(-1)?.name).toBe(view.name)
    expect(explanation.changes.length).toBeGreaterThan(0)
    for (const { steps } of explanation.changes) expect(steps).toContain(view.name)
  }
})

test('several views share tables, indexes and equal steps', () => {
  const [first, second] = [relational('top'), { ...relational('top'), name: 'again' }]
  const again = { ...second, ir: { ...second.ir, name: 'again' } }
  const { steps, tables } = explain(first, again)
  expect(steps.map(({ name, views }) => [name, views])).toEqual([
    ['#1', ['top', 'again']],
    ['#2', ['top', 'again']],
    ['top', ['top']],
    ['again', ['again']],
  ])
  expect(tables.map(({ name }) => name)).toEqual(['Visit', '#1', '#2'])
  expect(explain(first, again).toString()).toContain('#2 (limit), for top, again: 21 bytes a row')
  const visit = explain(restaurantRating, userSpend, grandTotal).tables.find(({ name }) => name === 'Visit')
  expect(visit?.indexes.map(({ fields }) => fields.join())).toEqual(['restaurantId', 'userId'])
  const alone = explain(restaurantRating).tables.find(({ name }) => name === 'Visit')
  // Another index is two words more.
  expect((visit?.bytesPerRow ?? 0) - (alone?.bytesPerRow ?? 0)).toBe(8)
})

test('what rows are found by is told with the view that declares it', () => {
  const indexed = defineView(
    'indexed',
    (q) =>
      q
        .from({ v: Visit })
        .select(({ v }) => ({ user: v.userId, place: v.restaurantId, stars: v.visitRating })),
    { indexes: [['stars'], ['place', 'stars']] },
  )
  const { steps } = explain(indexed, restaurantRating)
  expect(
    steps[0]?.state.more.filter((line) => line.startsWith('where')).map((line) => line.split(':')[0]),
  ).toEqual(['where by (stars)', 'where by (place, stars)'])
  expect(steps[1]?.state.more.filter((line) => line.startsWith('where'))).toEqual([])
})

test('what cannot be explained is refused with a code', () => {
  expect(() => explain()).toThrow(expect.objectContaining({ code: 'CONFIG.INVALID_OPTIONS' }))
  expect(() => explain(restaurantRating, { ...userSpend, schema: other })).toThrow(
    expect.objectContaining({ code: 'CONFIG.INVALID_OPTIONS' }),
  )
  expect(() => explain(restaurantRating, restaurantRating)).toThrow(
    expect.objectContaining({ code: 'CONFIG.DUPLICATE_VIEW' }),
  )
})

const top = defineView('top_visits', (q) =>
  q
    .from({ v: Visit })
    .select(({ v }) => ({ user: v.userId, place: v.restaurantId, spent: v.amountSpent }))
    .orderBy(({ v }) => [desc(v.amountSpent), asc(v.userId), asc(v.restaurantId)])
    .limit(10),
)

/** The example's tables with so many visits, each of its own user; `spread`: at as many restaurants, else at one. */
function filled(views: readonly ViewDefinition[], visits: number, spread: boolean): Mirror {
  const mirror = new Mirror(
    schema,
    views.map(({ ir }) => ir),
  )
  for (let index = 1; index <= visits; index += 1) {
    const id = `r${spread ? index : 1}`
    if (spread || index === 1) mirror.change('Restaurant', null, { id, name: `name ${index}`, tags: '{}' })
    mirror.change('User', null, { id: String(index) })
    mirror.change('Visit', null, visit(index, id, '7.50'))
  }
  mirror.replica.flush()
  return mirror
}

const visit = (user: number, restaurantId: string, amountSpent: string) => ({
  userId: String(user),
  restaurantId,
  amountSpent,
  visitRating: String(user % 5),
})

test('bytes for each row and group are those that are really taken', () => {
  const views = [restaurantRating, userSpend]
  const { tables, steps } = explain(...views)
  const { replica } = filled(views, 10_000, true)
  let bytes = replica.byteLength
  for (const { name, bytesPerRow, bytesPerKey, indexes } of tables) {
    const table = replica.tables.get(name)
    if (table === undefined) throw new Error(name)
    expect(table.size).toBe(10_000)
    // Exact for each row that there is room for.
    expect([name, table.rows.words.byteLength]).toEqual([name, bytesPerRow * 16_384])
    const perRow = bytesPerRow + bytesPerKey + indexes.reduce((sum, { bytesPerKey: own }) => sum + own, 0)
    // With room for 16 384, and hash tables that are between 0.3 and 0.6 full.
    const ratio = table.byteLength / (perRow * 10_000)
    expect(ratio).toBeGreaterThan(1.2)
    expect(ratio).toBeLessThan(1.9)
    bytes -= table.byteLength
  }
  bytes -= replica.tables.get('Visit')?.interner.byteLength ?? 0
  // What is left are the groups of both views, and the different values of `max`.
  const groups = steps.reduce((sum, { state }) => sum + state.bytes + state.bytesPerKey, 0) + 20
  expect(bytes / (groups * 10_000)).toBeGreaterThan(1.2)
  expect(bytes / (groups * 10_000)).toBeLessThan(1.9)
})

test('the cost of a change is what the work counter shows', () => {
  const cases: readonly {
    readonly view: ViewDefinition
    readonly model: string
    readonly cost: string
    readonly change: (mirror: Mirror) => void
  }[] = [
    {
      view: restaurantRating,
      model: 'Visit',
      cost: 'O(1)',
      change: (mirror) => mirror.change('Visit', visit(5, 'r1', ''), visit(5, 'r1', '9.00')),
    },
    {
      view: restaurantRating,
      model: 'Restaurant',
      cost: 'O(matches)',
      change: (mirror) => mirror.change('Restaurant', { id: 'r1' }, { id: 'r1', name: 'new', tags: '{}' }),
    },
    {
      view: top,
      model: 'Visit',
      cost: 'O(log n)',
      change: (mirror) => mirror.change('Visit', visit(5, 'r1', ''), visit(5, 'r1', '9.00')),
    },
  ]
  const found = cases.map(({ view, model, change }) => {
    const [small = 0, large = 0] = [64, 4_096].map((size) => {
      const mirror = filled([view], size, false)
      const before = mirror.replica.work
      change(mirror)
      mirror.replica.flush()
      return mirror.replica.work - before
    })
    const growth = large / small
    const kind =
      growth === 1 ? 'O(1)' : growth < 8 ? 'O(log n)' : growth === 64 ? 'O(matches)' : `${growth} times`
    return [view.name, model, kind]
  })
  expect(found).toEqual(cases.map(({ view, model, cost }) => [view.name, model, cost]))
  for (const { view, model, cost } of cases) {
    expect(explain(view).changes.find(({ name }) => name === model)?.cost).toBe(cost)
  }
})
