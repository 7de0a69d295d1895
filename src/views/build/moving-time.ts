import { EXPRESSION, type MovingTime } from './expression.ts'

/**
 * A span of fixed length; its parts are added up, and any of them may be negative or a fraction. A day is 24 hours. There
 * are no months and years, whose length depends on when they begin.
 */
export interface Interval {
  readonly weeks?: number
  readonly days?: number
  readonly hours?: number
  readonly minutes?: number
  readonly seconds?: number
  readonly months?: never
  readonly years?: never
}

/**
 * The moment that lies an interval before now; a negative one lies ahead. It moves with the clock, so rows come to and go
 * from the view without any transaction, at most about a second late.
 *
 * It is one side of `gt`, `gte`, `lt` or `lte` in `where`, by itself or inside `and`; the other side is a timestamp. Now is
 * the clock of this process, not the server's; a timestamp without a time zone is taken as UTC.
 *
 * @example
 * ```ts
 * import { cast, defineView, gt, nowMinus } from 'prisma-dbsync'
 * import { User } from './generated/dbsync/index.ts'
 *
 * // A column of type timestamp needs no cast.
 * export const babies = defineView('babies', (q) =>
 *   q.from({ u: User })
 *     .where(({ u }) => gt(cast(u.dateOfBirth, 'timestamp'), nowMinus({ weeks: 52 })))
 *     .select(({ u }) => ({ id: u.id, name: u.userName })))
 * ```
 */
export function nowMinus(interval: Interval): MovingTime {
  return Object.freeze({ [EXPRESSION]: true, kind: 'moving', interval } as const)
}
