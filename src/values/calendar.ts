import { DAYS_INFINITY, DAYS_MINUS_INFINITY } from './read-date-time.ts'

/** Microseconds of a day. */
export const DAY_MICROSECONDS = 86_400_000_000
const DAY = BigInt(DAY_MICROSECONDS)

/** `infinity` and `-infinity` of a timestamp, beyond every instant that Postgres knows. */
export const INSTANT_INFINITY: bigint = 1n << 64n
export const INSTANT_MINUS_INFINITY: bigint = -INSTANT_INFINITY

/** A day of the proleptic Gregorian calendar; the year before 1 is 0. */
export interface CivilDate {
  readonly year: number
  /** 1 to 12. */
  readonly month: number
  /** 1 to 31. */
  readonly day: number
}

/** A whole day and the microseconds since its beginning. */
export interface DayTime {
  readonly days: number
  readonly microseconds: number
}

/** Takes an instant (microseconds since 1970) apart. */
export function dayTimeOf(instant: bigint): DayTime {
  let days = instant / DAY
  if (instant < days * DAY) days -= 1n
  return { days: Number(days), microseconds: Number(instant - days * DAY) }
}

/** The instant of a day and a time of it. */
export function instantOf(days: number, microseconds: number): bigint {
  return BigInt(days) * DAY + BigInt(microseconds)
}

/** Whether a day is `infinity` or `-infinity`. */
export function isInfiniteDay(days: number): boolean {
  return days === DAYS_INFINITY || days === DAYS_MINUS_INFINITY
}

/** Whether an instant is `infinity` or `-infinity`. */
export function isInfiniteInstant(instant: bigint): boolean {
  return instant === INSTANT_INFINITY || instant === INSTANT_MINUS_INFINITY
}

/** The date of a day counted from 1970-01-01. */
export function civilOf(days: number): CivilDate {
  // Years begin in March, so that the leap day is the last; eras have 400 years.
  const shifted = days + 719_468
  const era = Math.floor(shifted / 146_097)
  const dayOfEra = shifted - era * 146_097
  const yearOfEra = Math.floor(
    (dayOfEra -
      Math.floor(dayOfEra / 1460) +
      Math.floor(dayOfEra / 36_524) -
      Math.floor(dayOfEra / 146_096)) /
      365,
  )
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100))
  const monthFromMarch = Math.floor((5 * dayOfYear + 2) / 153)
  const month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
  return {
    year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0),
    month,
    day: dayOfYear - Math.floor((153 * monthFromMarch + 2) / 5) + 1,
  }
}

/** The day of the week, 0 for Sunday. */
export function weekdayOf(days: number): number {
  return (((days + 4) % 7) + 7) % 7
}
