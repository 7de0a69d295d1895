import { dayTimeOf, instantOf, isInfiniteDay, isInfiniteInstant } from './calendar.ts'
import { truncateDay, truncateTime, type TruncUnit } from './date-part.ts'
import { evaluationError } from './evaluation-error.ts'
import { FIRST_PG_DAY } from './read-date-time.ts'

/**
 * `date_trunc` of an instant (microseconds since 1970) in UTC.
 *
 * Throws: VIEW.EVALUATION 22008 before Postgres' first timestamp.
 */
export function truncateInstant(unit: TruncUnit, instant: bigint): bigint {
  if (isInfiniteInstant(instant)) return instant
  const { days, microseconds } = dayTimeOf(instant)
  return instantOf(known(truncateDay(unit, days)), truncateTime(unit, microseconds))
}

/** `date_trunc` of a date (days since 1970), as a date; as {@link truncateInstant}. */
export function truncateDate(unit: TruncUnit, days: number): number {
  return isInfiniteDay(days) ? days : known(truncateDay(unit, days))
}

function known(days: number): number {
  if (days >= FIRST_PG_DAY) return days
  throw evaluationError('22008')
}
