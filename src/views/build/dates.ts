import type { DatePart, TruncUnit } from '../../values/date-part.ts'
import { computed, type Computed, type Expression } from './expression.ts'
import type { NullOf, StrictOf } from './infer.ts'

/**
 * A part of a date or a time, in UTC, as a number. Weeks are ISO's, `isodow` counts from Monday 1, `dow` from Sunday 0;
 * `second` has fractions, `epoch` is seconds since 1970. Parts of an infinity are null, but the year of one stops the view
 * with VIEW.EVALUATION, as it is an error in Postgres.
 *
 * @example
 * ```ts
 * import { datePart, defineView } from 'prisma-dbsync'
 * import { User } from './generated/dbsync/index.ts'
 *
 * export const birthdays = defineView('birthdays', (q) =>
 *   q.from({ u: User }).select(({ u }) => ({
 *     id: u.id, month: datePart('month', u.dateOfBirth), day: datePart('day', u.dateOfBirth),
 *   })))
 * ```
 */
export function datePart<V extends Expression<Date | null>>(
  part: DatePart,
  date: V,
): Computed<StrictOf<number, V>> {
  return computed('datePart', [part, date])
}

/**
 * The beginning of the year, quarter, month, ISO week, day, hour, minute or second of a date or timestamp, in UTC. A date
 * stays a date.
 *
 * @example
 * ```ts
 * import { dateTrunc, defineView } from 'prisma-dbsync'
 * import { User } from './generated/dbsync/index.ts'
 *
 * export const months = defineView('months', (q) =>
 *   q.from({ u: User }).select(({ u }) => ({ id: u.id, month: dateTrunc('month', u.dateOfBirth) })))
 * ```
 */
export function dateTrunc<V extends Expression<Date | null>>(
  unit: TruncUnit,
  date: V,
): Computed<Date | NullOf<V>> {
  return computed('dateTrunc', [unit, date])
}
