import {
  civilOf,
  DAY_MICROSECONDS,
  dayTimeOf,
  isInfiniteDay,
  isInfiniteInstant,
  weekdayOf,
  type CivilDate,
} from './calendar.ts'
import { evaluationError } from './evaluation-error.ts'
import { daysOf, END_OF_INSTANTS } from './read-date-time.ts'

/** What `datePart` takes out of a date or a time. Weeks are ISO's; `dow` counts from Sunday 0, `isodow` from Monday 1. */
export type DatePart =
  | 'year'
  | 'quarter'
  | 'month'
  | 'week'
  | 'day'
  | 'dow'
  | 'isodow'
  | 'doy'
  | 'hour'
  | 'minute'
  | 'second'
  | 'epoch'

/** The parts that a day has. */
export const DAY_PARTS = ['year', 'quarter', 'month', 'week', 'day', 'dow', 'isodow', 'doy'] as const
/** The parts that a time has. */
export const TIME_PARTS = ['hour', 'minute', 'second'] as const
/** Every part. */
export const DATE_PARTS: readonly DatePart[] = [...DAY_PARTS, ...TIME_PARTS, 'epoch']

/**
 * A part of a day (days since 1970); `epoch` in seconds. Of an infinity null, but its epoch is infinite.
 *
 * Throws: VIEW.EVALUATION 0A000 for the year of an infinity, 22008 for the epoch of a date after the last timestamp.
 */
export function partOfDay(part: DatePart, days: number): number | null {
  if (isInfiniteDay(days)) return partOfInfinity(part, days)
  if (part !== 'epoch') return partOf(part, days, 0)
  // Counted from the timestamp at midnight, which the last dates lack.
  if (days >= END_OF_INSTANTS) throw evaluationError('22008')
  return days * 86_400
}

/** A part of an instant (microseconds since 1970) in UTC; as {@link partOfDay}. */
export function partOfInstant(part: DatePart, instant: bigint): number | null {
  if (isInfiniteInstant(instant)) return partOfInfinity(part, Number(instant))
  if (part === 'epoch') return Number(instant) / 1e6
  const { days, microseconds } = dayTimeOf(instant)
  return partOf(part, days, microseconds)
}

/** A part of a time (microseconds of the day). */
export function partOfTime(part: DatePart, microseconds: number): number {
  return part === 'epoch' ? microseconds / 1e6 : partOf(part, 0, microseconds)
}

function partOfInfinity(part: DatePart, sign: number): number | null {
  if (part === 'year') throw evaluationError('0A000')
  return part === 'epoch' ? Math.sign(sign) * Infinity : null
}

function partOf(part: DatePart, days: number, microseconds: number): number {
  switch (part) {
    case 'hour':
      return Math.floor(microseconds / 3_600_000_000)
    case 'minute':
      return Math.floor(microseconds / 60_000_000) % 60
    case 'second':
      return (Math.floor(microseconds / 1e6) % 60) + (microseconds % 1e6) / 1e6
    case 'dow':
      return weekdayOf(days)
    case 'isodow':
      return weekdayOf(days) || 7
    default:
      return partOfDate(part, days, civilOf(days))
  }
}

function partOfDate(part: DatePart, days: number, { year, month, day }: CivilDate): number {
  switch (part) {
    case 'year':
      // Postgres has no year 0.
      return year > 0 ? year : year - 1
    case 'quarter':
      return Math.ceil(month / 3)
    case 'month':
      return month
    case 'doy':
      return days - daysOf(year, 1, 1) + 1
    case 'week': {
      // A week belongs to the year of its Thursday.
      const thursday = days - (weekdayOf(days) || 7) + 4
      return Math.floor((thursday - daysOf(civilOf(thursday).year, 1, 1)) / 7) + 1
    }
    default:
      return day
  }
}

/** The units that `dateTrunc` cuts to. */
export type TruncUnit = 'year' | 'quarter' | 'month' | 'week' | 'day' | 'hour' | 'minute' | 'second'

/** Every unit. */
export const TRUNC_UNITS: readonly TruncUnit[] = [
  'year',
  'quarter',
  'month',
  'week',
  'day',
  'hour',
  'minute',
  'second',
]

/** The first day of the year, quarter, month or ISO week of a day; an infinity is its own. */
export function truncateDay(unit: TruncUnit, days: number): number {
  if (isInfiniteDay(days)) return days
  if (unit === 'week') return days - (weekdayOf(days) || 7) + 1
  const { year, month } = civilOf(days)
  switch (unit) {
    case 'year':
      return daysOf(year, 1, 1)
    case 'quarter':
      return daysOf(year, Math.ceil(month / 3) * 3 - 2, 1)
    case 'month':
      return daysOf(year, month, 1)
    default:
      return days
  }
}

/** The microseconds of the day cut to an hour, a minute or a second; 0 for longer units. */
export function truncateTime(unit: TruncUnit, microseconds: number): number {
  const size = TIME_UNITS[unit] ?? DAY_MICROSECONDS
  return microseconds - (microseconds % size)
}

const TIME_UNITS: Readonly<Partial<Record<TruncUnit, number>>> = {
  hour: 3_600_000_000,
  minute: 60_000_000,
  second: 1_000_000,
}
