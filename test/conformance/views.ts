import { avg, count, max, min, sum } from '../../src/views/build/aggregates.ts'
import { eq, gt, gte, inArray, isNotNull, isNull, lt, lte, ne } from '../../src/views/build/comparisons.ts'
import { defineView, type ViewDefinition } from '../../src/views/define-view.ts'
import { and, not, or } from '../../src/views/build/logic.ts'
import { Region, Sale, Shop } from './fixture.ts'

/** Views over the fixture that together use every operator in every position. */
export const VIEWS: readonly ViewDefinition[] = [
  defineView('by_shop', (q) =>
    q
      .from({ h: Shop })
      .leftJoin({ s: Sale }, ({ h, s }) => eq(s.shopId, h.id))
      .groupBy(({ h }) => [h.id, h.name])
      .select(({ h, s }) => ({
        id: h.id,
        name: h.name,
        rows: count(),
        sales: count(s.line),
        rated: count(s.qty),
        qty: sum(s.qty),
        mean: avg(s.qty),
        least: min(s.qty),
        most: max(s.qty),
        amount: sum(s.amount),
        price: avg(s.amount),
        cheapest: min(s.amount),
        dearest: max(s.amount),
        first: min(s.note),
        last: max(s.note),
      })),
  ),
  defineView('total', (q) =>
    q.from({ s: Sale }).select(({ s }) => ({
      rows: count(),
      notes: count(s.note),
      qty: sum(s.qty),
      mean: avg(s.qty),
      big: sum(s.big),
      bigMean: avg(s.big),
      bigLeast: min(s.big),
      bigMost: max(s.big),
      amount: sum(s.amount),
      price: avg(s.amount),
      wide: sum(s.wide),
      wideMean: avg(s.wide),
      wideLeast: min(s.wide),
      free: sum(s.free),
      freeMean: avg(s.free),
      from: min(s.at),
      to: max(s.at),
      firstDay: min(s.day),
      lastClock: max(s.clock),
      low: min(s.dbl),
      high: max(s.dbl),
    })),
  ),
  defineView('by_nullable', (q) =>
    q
      .from({ s: Sale })
      .groupBy(({ s }) => [s.qty, s.note, s.flag, s.mood, s.day])
      .select(({ s }) => ({
        qty: s.qty,
        note: s.note,
        flag: s.flag,
        mood: s.mood,
        day: s.day,
        rows: count(),
        wide: sum(s.wide),
      })),
  ),
  defineView('by_region', (q) =>
    q
      .from({ r: Region })
      .leftJoin({ h: Shop }, ({ r, h }) => eq(h.regionId, r.id))
      .leftJoin({ s: Sale }, ({ h, s }) => eq(s.shopId, h.id))
      .groupBy(({ r }) => [r.id, r.title])
      .select(({ r, h, s }) => ({
        id: r.id,
        title: r.title,
        rows: count(),
        shops: count(h.id),
        sales: count(s.line),
        qty: sum(s.qty),
        last: max(s.at),
      })),
  ),
  defineView('up_the_chain', (q) =>
    q
      .from({ s: Sale })
      .leftJoin({ h: Shop }, ({ s, h }) => eq(s.shopId, h.id))
      .leftJoin({ r: Region }, ({ r, h }) => eq(h.regionId, r.id))
      .select(({ s, h, r }) => ({
        line: s.line,
        id: s.id,
        shop: h.name,
        tags: h.tags,
        region: r.title,
        regionId: r.id,
        doc: s.doc,
        raw: s.raw,
        mood: s.mood,
        clock: s.clock,
        dbl: s.dbl,
        free: s.free,
      })),
  ),
  defineView('by_title', (q) =>
    q
      .from({ s: Sale })
      .innerJoin({ h: Shop }, ({ s, h }) => eq(s.shopId, h.id))
      .leftJoin({ r: Region }, ({ r, h }) => eq(h.regionId, r.id))
      .groupBy(({ r, h }) => [r.title, h.city])
      .select(({ s, h, r }) => ({
        title: r.title,
        city: h.city,
        rows: count(),
        qty: sum(s.qty),
        least: min(h.name),
      })),
  ),
  defineView('inner_filtered', (q) =>
    q
      .from({ h: Shop })
      .innerJoin({ s: Sale }, ({ h, s }) => and(eq(s.shopId, h.id), or(gt(s.qty, 2), isNull(s.note))))
      .where(({ h, s }) => and(ne(h.city, 'Bonn'), not(eq(s.flag, false))))
      .select(({ h, s }) => ({ shop: h.id, line: s.line, id: s.id, qty: s.qty, city: h.city })),
  ),
  defineView('without_sales', (q) =>
    q
      .from({ h: Shop })
      .leftJoin({ s: Sale }, ({ h, s }) => eq(s.shopId, h.id))
      .where(({ s }) => isNull(s.line))
      .select(({ h }) => ({ name: h.name, city: h.city })),
  ),
  defineView('bag', (q) =>
    q
      .from({ s: Sale })
      .where(({ s }) => or(isNotNull(s.note), gte(s.amount, 0)))
      .select(({ s }) => ({ note: s.note, flag: s.flag, day: s.day, amount: s.amount })),
  ),
  defineView('conditions', (q) =>
    q
      .from({ s: Sale })
      .where(({ s }) =>
        or(
          and(lt(s.qty, s.line), lte(s.amount, s.qty)),
          inArray(s.note, ['a', 'é', 'z']),
          gt(s.note, 'm'),
          and(gt(s.wide, s.big), lt(s.big, 9_007_199_254_740_993n)),
          gte(s.at, new Date('2024-01-01T00:00:00Z')),
          and(lt(s.day, new Date('2024-02-29T00:00:00Z')), eq(s.flag, true)),
          eq(s.mood, 'BAD'),
        ),
      )
      .select(({ s }) => ({ line: s.line, id: s.id, note: s.note })),
  ),
  defineView('by_key', (q) =>
    q
      .from({ s: Sale })
      .groupBy(({ s }) => [s.line])
      .select(({ s }) => ({
        line: s.line,
        rows: count(),
        ids: count(s.id),
        least: min(s.id),
        wide: max(s.wide),
      })),
  ),
]
