import { avg, count, max, sum } from '../../../src/views/build/aggregates.ts'
import { add, modulo, round } from '../../../src/views/build/arithmetic.ts'
import { eq, gt, inArray, isNotNull, isNull, lt } from '../../../src/views/build/comparisons.ts'
import { coalesce } from '../../../src/views/build/conditional.ts'
import { defineView, type ViewDefinition } from '../../../src/views/define-view.ts'
import { and, or } from '../../../src/views/build/logic.ts'
import { nest } from '../../../src/views/build/nest.ts'
import { asc, desc } from '../../../src/views/build/order.ts'
import { except, intersect, union, unionAll } from '../../../src/views/build/set-operations.ts'
import { concat, upper } from '../../../src/views/build/text.ts'
import { Restaurant, Sample, User, Visit } from '../../types/fixture.ts'

const spent = defineView('spent', (q) =>
  q
    .from({ v: Visit })
    .groupBy(({ v }) => [v.restaurantId])
    .select(({ v }) => ({ id: v.restaurantId, spent: sum(v.amountSpent), best: max(v.visitRating) })),
)

/** One view for each relational form. */
export const RELATIONAL: readonly ViewDefinition[] = [
  defineView('over_a_view', (q) =>
    q
      .from({ r: Restaurant })
      .leftJoin({ s: spent }, ({ r, s }) => eq(s.id, r.id))
      .select(({ r, s }) => ({ id: r.id, name: r.name, spent: s.spent })),
  ),
  defineView('over_a_query', (q) =>
    q
      .from({
        s: q
          .from({ v: Visit })
          .groupBy(({ v }) => [v.userId, v.restaurantId])
          .select(({ v }) => ({ user: v.userId, place: v.restaurantId, visits: count() })),
      })
      .where(({ s }) => gt(s.visits, 0))
      .groupBy(({ s }) => [s.place])
      .select(({ s }) => ({ place: s.place, most: max(s.visits), all: count() })),
  ),
  defineView('self_join', (q) =>
    q
      .from({ a: Visit })
      .innerJoin({ b: Visit }, ({ a, b }) => and(eq(a.restaurantId, b.restaurantId), lt(a.userId, b.userId)))
      .select(({ a, b }) => ({ place: a.restaurantId, first: a.userId, second: b.userId })),
  ),
  defineView('right_join', (q) =>
    q
      .from({ v: Visit })
      .rightJoin({ r: Restaurant }, ({ v, r }) => and(eq(v.restaurantId, r.id), gt(v.visitRating, 2)))
      .select(({ v, r }) => ({ id: r.id, user: v.userId, restaurant: v.restaurantId, spent: v.amountSpent })),
  ),
  defineView('full_join', (q) =>
    q
      .from({ r: Restaurant })
      .fullJoin({ u: User }, ({ r, u }) => and(eq(r.rating, u.id), u.active, gt(r.name, u.userName)))
      .select(({ r, u }) => ({ restaurant: r.id, user: u.id, name: r.name })),
  ),
  defineView('semi_and_anti', (q) =>
    q
      .from({ r: Restaurant })
      .whereExists({ v: Visit }, ({ r, v }) => and(eq(v.restaurantId, r.id), gt(v.visitRating, 3)))
      .whereNotExists({ v: Visit }, ({ r, v }) => and(eq(v.restaurantId, r.id), lt(v.visitRating, 2)))
      .where(({ r }) => isNotNull(r.rating))
      .select(({ r }) => ({ id: r.id, name: r.name })),
  ),
  defineView('in_a_query', (q) =>
    q
      .from({ u: User })
      .where(({ u }) =>
        and(
          u.active,
          inArray(
            u.id,
            q
              .from({ v: Visit })
              .where(({ v }) => gt(v.visitRating, 4))
              .select(({ v }) => ({ id: v.userId })),
          ),
        ),
      )
      .select(({ u }) => ({ id: u.id })),
  ),
  defineView('having', (q) =>
    q
      .from({ v: Visit })
      .groupBy(({ v }) => [v.restaurantId])
      .having(({ v }) => and(gt(count(), 2), gt(sum(v.amountSpent), 10)))
      .having(({ v }) => gt(v.restaurantId, 'r'))
      .select(({ v }) => ({ id: v.restaurantId, best: max(v.visitRating) })),
  ),
  defineView(
    'computed_groups',
    (q) =>
      q
        .from({ v: Visit })
        .groupBy(({ v }) => [v.restaurantId, isNull(v.visitRating)])
        .select(({ v }) => ({ place: v.restaurantId, unrated: isNull(v.visitRating), visits: count() }))
        .orderBy(({ v }) => [asc(v.restaurantId), asc(isNull(v.visitRating))])
        .limit(5),
    { key: ['unrated', 'place'] },
  ),
  defineView('distinct', (q) =>
    q.from({ v: Visit }).selectDistinct(({ v }) => ({ place: v.restaurantId, stars: v.visitRating })),
  ),
  defineView('distinct_first', (q) =>
    q
      .from({ v: Visit })
      .selectDistinct(({ v }) => ({ place: v.restaurantId, stars: v.visitRating }))
      .orderBy(({ v }, selected) => [desc(v.visitRating), asc(selected.place)])
      .limit(5),
  ),
  defineView('union', (q) =>
    union(
      q.from({ r: Restaurant }).select(({ r }) => ({ id: r.id, stars: r.rating })),
      q.from({ v: Visit }).select(({ v }) => ({ stars: v.visitRating, id: v.restaurantId })),
    ),
  ),
  defineView('union_all', (q) =>
    unionAll(
      q.from({ u: User }).select(({ u }) => ({ name: u.userName })),
      q.from({ r: Restaurant }).select(({ r }) => ({ name: r.name })),
      q.from({ s: Sample }).select(({ s }) => ({ name: s.text })),
    ),
  ),
  defineView('intersect', (q) =>
    intersect(
      q.from({ r: Restaurant }).select(({ r }) => ({ id: r.id })),
      q.from({ v: Visit }).select(({ v }) => ({ id: v.restaurantId })),
    ),
  ),
  defineView('except', (q) =>
    except(
      q.from({ r: Restaurant }).select(({ r }) => ({ id: r.id })),
      union(
        q.from({ v: Visit }).select(({ v }) => ({ id: v.restaurantId })),
        q.from({ u: User }).select(({ u }) => ({ id: u.userName })),
      )
        .orderBy((out) => [asc(out.id)])
        .limit(3),
    ),
  ),
  defineView('ordered', (q) =>
    q
      .from({ r: Restaurant })
      .select(({ r }) => ({ name: r.name, stars: r.rating }))
      .orderBy(({ r }) => [desc(r.rating, { nulls: 'last' }), asc(r.name, { nulls: 'first' })]),
  ),
  defineView('top', (q) =>
    q
      .from({ v: Visit })
      .groupBy(({ v }) => [v.restaurantId])
      .select(({ v }) => ({ id: v.restaurantId, visits: count(), spent: sum(v.amountSpent) }))
      .orderBy(({ v }, { visits }) => [desc(visits), asc(v.restaurantId)])
      .limit(3)
      .offset(1),
  ),
  defineView('top_of_each', (q) =>
    q
      .from({ v: Visit })
      .innerJoin({ r: Restaurant }, ({ v, r }) => eq(v.restaurantId, r.id))
      .select(({ v, r }) => ({ place: v.restaurantId, user: v.userId, name: r.name, '#': v.amountSpent }))
      .orderBy(({ v }) => [desc(v.amountSpent), asc(v.userId)])
      .limitPer(({ v }) => [v.restaurantId], 2)
      .offset(1),
  ),
  defineView('top_of_each_distinct', (q) =>
    q
      .from({ v: Visit })
      .selectDistinct(({ v }) => ({ place: v.restaurantId, stars: v.visitRating }))
      .orderBy(({ v }) => [desc(v.visitRating)])
      .limitPer(({ v }) => [v.restaurantId], 2),
  ),
  defineView('left_join_and_more', (q) =>
    q
      .from({ r: Restaurant })
      .leftJoin({ v: Visit }, ({ r, v }) =>
        and(eq(v.restaurantId, r.id), gt(v.visitRating, 1), isNotNull(r.rating)),
      )
      .leftJoin({ u: User }, ({ v, u, r }) => and(eq(u.id, v.userId), eq(u.id, r.rating)))
      .select(({ r, v, u }) => ({ id: r.id, user: v.userId, known: u.userName })),
  ),
  defineView('every_join_at_once', (q) =>
    q
      .from({ r: Restaurant })
      .leftJoin({ v: Visit }, ({ r, v }) => eq(v.restaurantId, r.id))
      .fullJoin({ u: User }, ({ v, u }) => eq(u.id, v.userId))
      .innerJoin({ a: Restaurant }, ({ a, r, u }) => and(eq(a.rating, u.id), or(isNull(r.id), u.active)))
      .rightJoin({ b: User }, ({ a, b }) => eq(b.id, a.rating))
      .select(({ r, v, u, a, b }) => ({
        restaurant: r.id,
        user: v.userId,
        place: v.restaurantId,
        full: u.id,
        other: a.id,
        all: b.id,
      })),
  ),
  defineView('full_join_of_nulls', (q) => {
    const stars = q
      .from({ v: Visit })
      .groupBy(({ v }) => [v.visitRating])
      .select(({ v }) => ({ stars: v.visitRating }))
    return q
      .from({ a: stars })
      .fullJoin({ b: stars }, ({ a, b }) => eq(a.stars, b.stars))
      .select(({ a, b }) => ({ a: a.stars, b: b.stars }))
  }),
  defineView('full_join_of_groups', (q) => {
    const visited = q
      .from({ v: Visit })
      .groupBy(({ v }) => [v.restaurantId])
      .select(({ v }) => ({ id: v.restaurantId, visits: count() }))
    return q
      .from({ a: visited })
      .fullJoin({ r: Restaurant }, ({ a, r }) => eq(a.id, r.id))
      .groupBy(({ a }) => [isNull(a.id), a.visits])
      .select(({ a, r }) => ({
        missing: isNull(a.id),
        visits: a.visits,
        restaurants: count(r.id),
        all: count(),
      }))
  }),
  defineView('joined_limits', (q) =>
    q
      .from({
        best: q
          .from({ r: Restaurant })
          .select(({ r }) => ({ id: r.id, rating: r.rating }))
          .orderBy(({ r }) => [desc(r.rating, { nulls: 'last' }), asc(r.id)])
          .limit(2),
      })
      .innerJoin({ v: Visit }, ({ best, v }) => eq(v.restaurantId, best.id))
      .groupBy(({ v }) => [v.userId])
      .having(() => gt(count(), 1))
      .select(({ v }) => ({ user: v.userId, times: count() })),
  ),
  defineView('exists_in_a_query', (q) => {
    const often = q
      .from({ v: Visit })
      .groupBy(({ v }) => [v.userId])
      .having(() => gt(count(), 1))
      .select(({ v }) => ({ user: v.userId, best: max(v.visitRating) }))
    return q
      .from({ u: User })
      .leftJoin({ v: Visit }, ({ u, v }) => eq(v.userId, u.id))
      .whereExists({ often }, ({ often: o, u, v }) => and(eq(o.user, u.id), eq(o.best, v.visitRating)))
      .whereNotExists({ r: Restaurant }, ({ r, v }) =>
        and(eq(r.id, v.restaurantId), eq(r.rating, v.visitRating)),
      )
      .select(({ u, v }) => ({ id: u.id, place: v.restaurantId }))
  }),
  defineView('one_alias_for_two_relations', (q) =>
    q
      .from({ r: Restaurant })
      .whereExists({ x: Visit }, ({ r, x }) => and(eq(x.restaurantId, r.id), gt(x.visitRating, 1)))
      .whereNotExists({ x: User }, ({ r, x }) => and(eq(x.id, r.rating), gt(x.userName, r.name)))
      .select(({ r }) => ({ id: r.id })),
  ),
  defineView('distinct_groups', (q) =>
    q
      .from({ v: Visit })
      .groupBy(({ v }) => [v.userId, v.visitRating])
      .selectDistinct(({ v }) => ({ stars: v.visitRating, times: count() })),
  ),
  defineView('having_of_all', (q) =>
    q
      .from({
        t: q.from({ v: Visit }).select(({ v }) => ({ visits: count(), best: max(v.visitRating) })),
      })
      .where(({ t }) => gt(t.visits, 3))
      .select(({ t }) => ({ visits: t.visits, best: t.best })),
  ),
  defineView('set_of_sets', (q) => {
    const ids = q.from({ r: Restaurant }).select(({ r }) => ({ id: r.id }))
    const visited = q.from({ v: Visit }).select(({ v }) => ({ id: v.restaurantId }))
    return unionAll(except(ids, visited), intersect(ids, visited, ids), unionAll(ids, visited))
  }),
  defineView('grouped_set', (q) =>
    q
      .from({
        all: unionAll(
          q.from({ r: Restaurant }).select(({ r }) => ({ id: r.id, stars: r.rating })),
          q.from({ v: Visit }).select(({ v }) => ({ id: v.restaurantId, stars: v.visitRating })),
        ),
      })
      .leftJoin({ s: spent }, ({ all, s }) => eq(s.id, all.id))
      .groupBy(({ all, s }) => [all.id, s.best])
      .select(({ all, s }) => ({ id: all.id, best: s.best, stars: sum(all.stars), rows: count() })),
  ),
  defineView('computed_everywhere', (q) =>
    q
      .from({ r: Restaurant })
      .innerJoin({ v: Visit }, ({ r, v }) => eq(upper(v.restaurantId), upper(r.id)))
      .leftJoin({ u: User }, ({ v, u }) => and(eq(add(u.id, 1), add(v.userId, 1)), u.active))
      .where(({ v, u }) => gt(coalesce(u.id, v.userId), 0))
      .groupBy(({ r, v }) => [upper(r.name), modulo(v.userId, 2)])
      .having(({ v }) => gt(coalesce(max(v.visitRating), 0), 1))
      .select(({ r, v, u }) => ({
        name: concat(upper(r.name), '!'),
        odd: modulo(v.userId, 2),
        group: upper(r.name),
        spent: coalesce(sum(v.amountSpent), 0),
        stars: round(avg(v.amountSpent), 1),
        known: add(count(u.id), 1),
        one: 1,
      }))
      .orderBy(({ r, v }, { known }) => [desc(known), asc(upper(r.name)), asc(modulo(v.userId, 2))])
      .limitPer(({ v }) => [modulo(v.userId, 2)], 2),
  ),
]

/** Nested results. */
export const NESTED: readonly ViewDefinition[] = [
  // Equal but for the names that they show.
  defineView('nested_twice', (q) =>
    q
      .from({ r: Restaurant })
      .whereExists({ v: User }, ({ r, v }) => and(eq(v.id, r.rating), gt(v.userName, r.name)))
      .select(({ r }) => ({
        id: r.id,
        guests: nest({ v: Visit }, ({ v }) => eq(v.restaurantId, r.id))
          .orderBy(({ v }) => [asc(v.userId)])
          .select(({ v }) => ({ guest: v.userId })),
        users: nest({ v: Visit }, ({ v }) => eq(v.restaurantId, r.id))
          .orderBy(({ v }) => [asc(v.userId)])
          .select(({ v }) => ({ user: v.userId })),
      })),
  ),
  defineView('nested_through_a_query', (q) =>
    q
      .from({ r: Restaurant })
      .leftJoin(
        {
          x: q.from({ u: User }).select(({ u }) => ({
            id: u.id,
            visits: nest({ v: Visit }, ({ v }) => eq(v.userId, u.id))
              .orderBy(({ v }) => [asc(v.restaurantId)])
              .select(({ v }) => ({ place: v.restaurantId })),
          })),
        },
        ({ r, x }) => eq(r.rating, x.id),
      )
      .select(({ r, x }) => ({ id: r.id, visits: x.visits, missing: isNull(x.visits) })),
  ),
  defineView('nested_and_counted', (q) =>
    q
      .from({
        x: q.from({ u: User }).select(({ u }) => ({
          name: u.userName,
          visits: nest({ v: Visit }, ({ v }) => eq(v.userId, u.id))
            .orderBy(({ v }) => [asc(v.restaurantId)])
            .select(({ v }) => ({ place: v.restaurantId })),
        })),
      })
      .groupBy(({ x }) => [x.name])
      .select(({ x }) => ({ name: x.name, present: count(x.visits) })),
  ),
  defineView('nested_again', (q) =>
    q.from({ r: Restaurant }).select(({ r }) => ({
      id: r.id,
      visitors: nest({ v: Visit }, ({ v }) => eq(v.restaurantId, r.id))
        .orderBy(({ v }) => [asc(v.userId)])
        .select(({ v }) => ({ visitor: v.userId })),
    })),
  ),
  defineView('nested', (q) =>
    q.from({ r: Restaurant }).select(({ r }) => ({
      id: r.id,
      dearest: nest({ v: Visit }, ({ v }) => and(eq(v.restaurantId, r.id), gt(v.visitRating, 1)))
        .orderBy(({ v }) => [desc(v.amountSpent), asc(v.userId)])
        .limit(2)
        .offset(1)
        .select(({ v }) => ({
          ...v,
          guests: nest({ u: User }, ({ u }) => eq(u.id, v.userId)).select(({ u }) => ({ ...u })),
        })),
    })),
  ),
  defineView('nested_in_groups', (q) =>
    q
      .from({ v: Visit })
      .groupBy(({ v }) => [v.userId])
      .select(({ v }) => ({
        user: v.userId,
        samples: nest({ s: Sample }, ({ s }) => eq(s.int, v.userId))
          .orderBy(({ s }) => [asc(s.small), asc(s['sel"ect ✓']), asc(s.uuid), desc(s.boolean)])
          .select(({ s }) => ({
            // The server of the tests may lack citext, and money is refused.
            ...Object.fromEntries(
              Object.entries(s).filter(([name]) => name !== 'citext' && name !== 'money'),
            ),
            again: s.text,
            '\n': s.small,
          })),
        visits: count(),
      })),
  ),
]
