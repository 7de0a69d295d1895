import { count, max } from '../../src/views/build/aggregates.ts'
import { eq, gt, gte, isNull, lt, lte } from '../../src/views/build/comparisons.ts'
import { coalesce } from '../../src/views/build/conditional.ts'
import { defineView } from '../../src/views/define-view.ts'
import { and } from '../../src/views/build/logic.ts'
import { nowMinus } from '../../src/views/build/moving-time.ts'
import { asc } from '../../src/views/build/order.ts'
import { Sample } from './fixture.ts'

/** Where the compiler must accept a moving time and where refuse it. Nothing here runs. */

export const accepted = defineView('accepted', (q) =>
  q
    .from({ s: Sample })
    .where(({ s }) =>
      and(gt(s.timestamp, nowMinus({ days: 30 })), lte(nowMinus({ weeks: 1.5 }), s.timestamptz)),
    )
    .where(({ s }) =>
      gte(coalesce(s.timestamp, s.timestamptz), nowMinus({ hours: -1, minutes: 0, seconds: 1 })),
    )
    .select(({ s }) => ({ int: s.int })),
)

export const refused = defineView('refused', (q) =>
  q
    .from({ s: Sample })
    .where(({ s }) =>
      and(
        // @ts-expect-error a month has no fixed length
        gt(s.timestamp, nowMinus({ months: 1 })),
        // @ts-expect-error nor has a year
        gt(s.timestamp, nowMinus({ days: 1, years: 1 })),
        // @ts-expect-error no such unit
        gt(s.timestamp, nowMinus({ fortnights: 1 })),
        // @ts-expect-error a number is no time
        lt(s.int, nowMinus({ days: 1 })),
        // @ts-expect-error nor the other way round
        lt(nowMinus({ days: 1 }), s.int),
        // @ts-expect-error nothing is ever equal to it for long
        eq(s.timestamp, nowMinus({ days: 1 })),
        // @ts-expect-error two of them have nothing of a row
        gt(nowMinus({ days: 1 }), nowMinus({ days: 2 })),
        // @ts-expect-error it is no value
        isNull(nowMinus({ days: 1 })),
        // @ts-expect-error nor an argument
        gt(s.timestamp, coalesce(s.timestamp, nowMinus({ days: 1 }))),
      ),
    )
    // @ts-expect-error it is no condition
    .where(() => nowMinus({ days: 1 }))
    .select(({ s }) => ({
      int: s.int,
      rows: count(),
      // @ts-expect-error it is not selected
      now: nowMinus({ days: 1 }),
      // @ts-expect-error nor aggregated
      last: max(nowMinus({ days: 1 })),
    }))
    // @ts-expect-error nor ordered by
    .orderBy(() => [asc(nowMinus({ days: 1 }))]),
)
