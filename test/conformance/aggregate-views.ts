import {
  avg,
  boolAnd,
  boolOr,
  count,
  countDistinct,
  max,
  min,
  sum,
} from '../../src/views/build/aggregates.ts'
import { eq, gt, gte, isNull, lt } from '../../src/views/build/comparisons.ts'
import { defineView, type ViewDefinition } from '../../src/views/define-view.ts'
import { and, not, or } from '../../src/views/build/logic.ts'
import { arrayAgg, jsonAgg, stringAgg } from '../../src/views/build/ordered-aggregates.ts'
import { asc, desc } from '../../src/views/build/order.ts'
import { Region, Sale, Shop } from './fixture.ts'

/** Every aggregate over every type that it takes, with and without filters, over one table, joins and missing rows. */
export const AGGREGATE_VIEWS: readonly ViewDefinition[] = [
  defineView('distinct_values', (q) =>
    q
      .from({ s: Sale })
      .groupBy(({ s }) => [s.shopId])
      .select(({ s }) => ({
        shop: s.shopId,
        rows: count(),
        lines: countDistinct(s.line),
        ids: countDistinct(s.id),
        qty: countDistinct(s.qty),
        big: countDistinct(s.big),
        amount: countDistinct(s.amount),
        wide: countDistinct(s.wide),
        dbl: countDistinct(s.dbl),
        at: countDistinct(s.at),
        day: countDistinct(s.day),
        clock: countDistinct(s.clock),
        note: countDistinct(s.note),
        flag: countDistinct(s.flag),
        mood: countDistinct(s.mood),
        raw: countDistinct(s.raw),
        some: countDistinct(s.note).filter(gt(s.qty, 0)),
      })),
  ),
  defineView('truths', (q) =>
    q
      .from({ h: Shop })
      .leftJoin({ s: Sale }, ({ h, s }) => eq(s.shopId, h.id))
      .groupBy(({ h }) => [h.id])
      .select(({ h, s }) => ({
        id: h.id,
        all: boolAnd(s.flag),
        some: boolOr(s.flag),
        allSold: boolAnd(s.flag).filter(gt(s.qty, 0)),
        someSold: boolOr(s.flag).filter(or(gt(s.qty, 0), isNull(s.note))),
      })),
  ),
  defineView('filtered', (q) =>
    q
      .from({ h: Shop })
      .leftJoin({ s: Sale }, ({ h, s }) => eq(s.shopId, h.id))
      .groupBy(({ h }) => [h.id])
      .select(({ h, s }) => ({
        id: h.id,
        rows: count().filter(gt(s.qty, 0)),
        unsold: count().filter(isNull(s.qty)),
        flagged: count().filter(s.flag),
        rated: count(s.qty).filter(s.flag),
        lines: count(s.line).filter(s.flag),
        qty: sum(s.qty).filter(s.flag),
        mean: avg(s.qty).filter(s.flag),
        amount: sum(s.amount).filter(and(gt(s.qty, -2), lt(s.qty, 3))),
        price: avg(s.amount)
          .filter(gt(s.qty, 0))
          .filter(not(eq(s.note, 'a'))),
        wide: sum(s.wide).filter(gt(s.qty, 0)),
        wideMean: avg(s.wide).filter(gt(s.qty, 0)),
        least: min(s.qty).filter(gte(s.amount, 0)),
        last: max(s.note).filter(gte(s.amount, 0)),
      })),
  ),
  defineView('filtered_total', (q) =>
    q.from({ s: Sale }).select(({ s }) => ({
      rows: count().filter(gt(s.qty, 0)),
      qty: sum(s.qty).filter(gt(s.qty, 0)),
      notes: countDistinct(s.note).filter(s.flag),
      flags: boolAnd(s.flag).filter(isNull(s.note)),
    })),
  ),
  defineView('arrays', (q) =>
    q
      .from({ s: Sale })
      .groupBy(({ s }) => [s.shopId])
      .select(({ s }) => ({
        shop: s.shopId,
        ids: arrayAgg(s.id).orderBy(asc(s.id), asc(s.line)),
        qty: arrayAgg(s.qty).orderBy(asc(s.qty)),
        big: arrayAgg(s.big).orderBy(desc(s.big)),
        amount: arrayAgg(s.amount).orderBy(desc(s.amount, { nulls: 'last' })),
        wide: arrayAgg(s.wide).orderBy(asc(s.wide, { nulls: 'first' })),
        free: arrayAgg(s.free).orderBy(desc(s.free), asc(s.id), desc(s.line)),
        dbl: arrayAgg(s.dbl).orderBy(asc(s.dbl), asc(s.line), asc(s.id)),
        at: arrayAgg(s.at).orderBy(asc(s.at)),
        day: arrayAgg(s.day).orderBy(desc(s.day)),
        clock: arrayAgg(s.clock).orderBy(asc(s.clock)),
        notes: arrayAgg(s.note).orderBy(desc(s.note)),
        flags: arrayAgg(s.flag).orderBy(desc(s.flag), asc(s.id), asc(s.line)),
        moods: arrayAgg(s.mood).orderBy(asc(s.note), asc(s.id), asc(s.line)),
        docs: arrayAgg(s.doc).orderBy(asc(s.line), desc(s.id)),
        raw: arrayAgg(s.raw).orderBy(asc(s.raw)),
        sold: arrayAgg(s.note).orderBy(asc(s.qty), asc(s.line), asc(s.id)).filter(gt(s.qty, 0)),
      })),
  ),
  defineView('texts', (q) =>
    q.from({ s: Sale }).select(({ s }) => ({
      notes: stringAgg(s.note, ', ').orderBy(asc(s.note)),
      byTime: stringAgg(s.note, "'\\").orderBy(desc(s.at), asc(s.line), asc(s.id)),
      bare: stringAgg(s.note, '').orderBy(asc(s.line), asc(s.id)),
      flagged: stringAgg(s.note, ' ').filter(s.flag).orderBy(asc(s.id), asc(s.line)),
    })),
  ),
  defineView('documents', (q) =>
    q
      .from({ s: Sale })
      .groupBy(({ s }) => [s.line])
      .select(({ s }) => ({
        line: s.line,
        qty: jsonAgg(s.qty).orderBy(asc(s.qty)),
        notes: jsonAgg(s.note).orderBy(desc(s.note)),
        flags: jsonAgg(s.flag).orderBy(asc(s.id), asc(s.line)),
        moods: jsonAgg(s.mood).orderBy(asc(s.id), asc(s.line)),
        docs: jsonAgg(s.doc).orderBy(asc(s.id), asc(s.line)),
        sold: jsonAgg(s.qty).orderBy(desc(s.id), asc(s.line)).filter(gt(s.qty, 0)),
      })),
  ),
  // Tuples without a sale or without a shop; a shop that stands many times in one group.
  defineView('missing_and_many', (q) =>
    q
      .from({ r: Region })
      .leftJoin({ h: Shop }, ({ r, h }) => eq(h.regionId, r.id))
      .leftJoin({ s: Sale }, ({ h, s }) => eq(s.shopId, h.id))
      .groupBy(({ r }) => [r.id])
      .select(({ r, h, s }) => ({
        id: r.id,
        titles: arrayAgg(r.title).orderBy(asc(r.title)),
        shops: arrayAgg(h.name).orderBy(asc(h.city), asc(h.id)),
        cities: arrayAgg(h.city).orderBy(desc(h.city, { nulls: 'last' })),
        names: stringAgg(h.name, '/').orderBy(desc(h.id)),
        notes: arrayAgg(s.note).orderBy(asc(s.qty, { nulls: 'first' }), asc(s.line), desc(s.id)),
        json: jsonAgg(s.qty).orderBy(desc(s.amount), asc(s.line), asc(s.id)),
        distinctShops: countDistinct(h.id),
      })),
  ),
  // What an aggregate reads is computed, or of several tables.
  defineView('computed_arguments', (q) =>
    q
      .from({ h: Shop })
      .leftJoin({ s: Sale }, ({ h, s }) => eq(s.shopId, h.id))
      .groupBy(({ h }) => [h.city])
      .select(({ h, s }) => ({
        city: h.city,
        rows: count(),
        all: boolAnd(gt(s.qty, 0)),
        some: boolOr(or(gt(s.qty, 2), isNull(h.regionId))),
        both: count().filter(and(gt(s.qty, 0), eq(h.name, 'S1'))),
        qty: sum(s.qty).filter(eq(h.name, 'S1')),
        notes: arrayAgg(s.note).orderBy(asc(h.name), asc(s.line), asc(s.id)).filter(gt(s.qty, 0)),
        byTruth: arrayAgg(s.id).orderBy(desc(gt(s.qty, 0)), asc(s.line), asc(s.id)),
        names: stringAgg(h.name, ',').orderBy(asc(h.id), desc(s.at)),
        flags: countDistinct(gt(s.qty, 1)),
      })),
  ),
  defineView('of_several_tables', (q) =>
    q
      .from({ h: Shop })
      .leftJoin({ s: Sale }, ({ h, s }) => eq(s.shopId, h.id))
      .groupBy(({ h }) => [h.city])
      .select(({ h, s }) => ({
        city: h.city,
        notes: arrayAgg(s.note).orderBy(desc(h.name), asc(s.line), asc(s.id)),
        qty: sum(s.qty).filter(eq(h.name, 'S1')),
      })),
  ),
  // Aggregates go through tables of their own: HAVING, a query in FROM.
  defineView('having', (q) =>
    q
      .from({ s: Sale })
      .groupBy(({ s }) => [s.shopId])
      .having(({ s }) => and(gt(countDistinct(s.note), 1), lt(count().filter(s.flag), 4)))
      .select(({ s }) => ({
        shop: s.shopId,
        notes: arrayAgg(s.note).orderBy(asc(s.note)),
        times: arrayAgg(s.at).orderBy(desc(s.at)),
        amounts: arrayAgg(s.amount).orderBy(asc(s.amount)),
        moods: arrayAgg(s.mood).orderBy(asc(s.line), asc(s.id)),
        raw: arrayAgg(s.raw).orderBy(asc(s.raw)),
        none: arrayAgg(s.qty).orderBy(asc(s.qty)).filter(gt(s.qty, 4)),
        text: stringAgg(s.note, ', ').orderBy(desc(s.note)),
        json: jsonAgg(s.doc).orderBy(asc(s.line), asc(s.id)),
        all: boolAnd(s.flag),
        last: max(s.at),
        total: sum(s.amount),
      })),
  ),
  defineView('over_groups', (q) =>
    q
      .from({
        g: q
          .from({ s: Sale })
          .groupBy(({ s }) => [s.shopId])
          .select(({ s }) => ({
            shop: s.shopId,
            last: max(s.at),
            notes: arrayAgg(s.note).orderBy(asc(s.note)),
            kinds: countDistinct(s.note),
            good: boolAnd(s.flag),
          })),
      })
      .innerJoin({ h: Shop }, ({ g, h }) => eq(g.shop, h.id))
      .groupBy(({ h }) => [h.city])
      .select(({ g, h }) => ({
        city: h.city,
        kinds: sum(g.kinds),
        allGood: boolAnd(g.good),
        last: max(g.last),
        times: countDistinct(g.last),
        shops: arrayAgg(g.kinds).orderBy(desc(g.last), asc(g.shop)),
      })),
  ),
  defineView('with_arrays', (q) =>
    q
      .from({
        g: q
          .from({ s: Sale })
          .groupBy(({ s }) => [s.shopId])
          .select(({ s }) => ({
            shop: s.shopId,
            notes: arrayAgg(s.note).orderBy(asc(s.note)),
            few: arrayAgg(s.day).orderBy(asc(s.day)).filter(gt(s.qty, 3)),
          })),
      })
      .select(({ g }) => ({ shop: g.shop, notes: g.notes, few: g.few })),
  ),
]
