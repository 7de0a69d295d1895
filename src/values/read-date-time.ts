const ZERO = 48
const SPACE = 32
const COLON = 58
const DOT = 46
const MINUS = 45
const PLUS = 43
const LETTER_T = 84
const LETTER_Z = 90
const US_PER_HOUR = 3_600_000_000
const MICROSECONDS_PER_HOUR = BigInt(US_PER_HOUR)
const MAX_OFFSET_SECONDS = 16 * 3600

/** `infinity` and `-infinity` of a date, beyond every day that Postgres knows. */
export const DAYS_INFINITY = 0x7fff_ffff
export const DAYS_MINUS_INFINITY = -0x8000_0000

/**
 * Instants are kept as hours since this many hours after 1970: from 4713 BC to AD 294276 they then fit 32 bits, with
 * room for the infinities beyond.
 */
const HOUR_BIAS = 1_200_000_000
const HOURS_INFINITY = 0x7fff_ffff
const HOURS_MINUS_INFINITY = -0x8000_0000

/** The first day of the year 1 and the day after the year 9999, in days since 1970-01-01: what a client can show. */
const FIRST_DAY = -719_162
const END_DAY = 2_932_897

/** The days that Postgres knows: 4714-11-24 BC to 5874897-12-31 of a date, to AD 294276 of a timestamp. */
export const FIRST_PG_DAY = -2_440_588
const LAST_PG_DAY = 2_145_042_905
/** The first day that no timestamp has. */
export const END_OF_INSTANTS = 106_762_940

/** Why a date-time that Postgres holds cannot be shown; undefined: it can be. */
export type DateTimeProblem = 'infinite' | 'range'

/**
 * Reads `YYYY-MM-DD` (with more digits of the year, with ` BC`) or an infinity as days since 1970-01-01, in the order
 * that Postgres gives them.
 *
 * Returns NaN where the bytes are anything else.
 */
export function readDays(bytes: Uint8Array, start: number, end: number): number {
  const sign = infinitySign(bytes, start, end)
  if (sign !== 0) return sign > 0 ? DAYS_INFINITY : DAYS_MINUS_INFINITY
  const stop = eraStart(bytes, start, end)
  const dayEnd = endOfDay(bytes, start, stop)
  return dayEnd === stop ? daysOfText(bytes, start, dayEnd, stop < end) : Number.NaN
}

/** Why the days of {@link readDays} cannot be shown. */
export function problemOfDays(days: number): DateTimeProblem | undefined {
  if (days >= FIRST_DAY && days < END_DAY) return undefined
  return days === DAYS_INFINITY || days === DAYS_MINUS_INFINITY ? 'infinite' : 'range'
}

/**
 * Reads `YYYY-MM-DD HH:MM:SS[.ffffff][±HH[:MM[:SS]]]` (or `T` and `Z`, with ` BC`) or an infinity into two words that sort
 * like the instant: `out[0]` biased hours, `out[1]` microseconds within the hour, unsigned.
 *
 * Returns false where the bytes are anything else.
 */
export function readInstant(bytes: Uint8Array, start: number, end: number, out: Int32Array): boolean {
  const sign = infinitySign(bytes, start, end)
  if (sign !== 0) {
    out[0] = sign > 0 ? HOURS_INFINITY : HOURS_MINUS_INFINITY
    out[1] = 0
    return true
  }
  const stop = eraStart(bytes, start, end)
  const dayEnd = endOfDay(bytes, start, stop)
  const days = daysOfText(bytes, start, dayEnd, stop < end)
  // What lies beyond would not fit the words; NaN fails the comparison too.
  if (!(days < END_OF_INSTANTS)) return false
  const separator = dayEnd < stop ? bytes[dayEnd] : 0
  if (separator !== SPACE && separator !== LETTER_T) return false
  return readClock(bytes, dayEnd + 1, stop, days * 24 - HOUR_BIAS, true, out)
}

/** Why the words of {@link readInstant} cannot be shown. */
export function problemOfInstant(hours: number): DateTimeProblem | undefined {
  if (hours >= FIRST_DAY * 24 - HOUR_BIAS && hours < END_DAY * 24 - HOUR_BIAS) return undefined
  return hours === HOURS_INFINITY || hours === HOURS_MINUS_INFINITY ? 'infinite' : 'range'
}

/** The milliseconds since 1970 of two words of {@link readInstant}; microseconds are cut off, not rounded. */
export function instantMilliseconds(hours: number, microseconds: number): number {
  return timeMilliseconds(hours + HOUR_BIAS, microseconds)
}

/** The microseconds since 1970 of two words of {@link readInstant}; null for `infinity` and `-infinity`. */
export function instantMicroseconds(hours: number, microseconds: number): bigint | null {
  if (hours === HOURS_INFINITY || hours === HOURS_MINUS_INFINITY) return null
  return BigInt(hours + HOUR_BIAS) * MICROSECONDS_PER_HOUR + BigInt(microseconds >>> 0)
}

/** Writes an instant in microseconds since 1970 as the words of {@link readInstant}. */
export function writeInstant(instant: bigint, out: Int32Array): void {
  let hours = instant / MICROSECONDS_PER_HOUR
  if (instant < hours * MICROSECONDS_PER_HOUR) hours -= 1n
  out[0] = Number(hours) - HOUR_BIAS
  out[1] = Number(instant - hours * MICROSECONDS_PER_HOUR)
}

/** Writes `infinity` or `-infinity` as the words of {@link readInstant}. */
export function writeInfinity(isPositive: boolean, out: Int32Array): void {
  out[0] = isPositive ? HOURS_INFINITY : HOURS_MINUS_INFINITY
  out[1] = 0
}

/**
 * Reads `HH:MM:SS[.ffffff]` into hours and microseconds within the hour; an offset behind it is dropped, as
 * Prisma Client does.
 *
 * Returns false where the bytes are anything else.
 */
export function readTime(bytes: Uint8Array, start: number, end: number, out: Int32Array): boolean {
  return readClock(bytes, start, end, 0, false, out)
}

/** The milliseconds since midnight of two words of {@link readTime}; microseconds are cut off, not rounded. */
export function timeMilliseconds(hours: number, microseconds: number): number {
  return hours * 3_600_000 + Math.floor((microseconds >>> 0) / 1000)
}

function readClock(
  bytes: Uint8Array,
  start: number,
  end: number,
  baseHours: number,
  withDate: boolean,
  out: Int32Array,
): boolean {
  const hour = digits(bytes, start, 2, end)
  const minute = digits(bytes, start + 3, 2, end)
  const second = digits(bytes, start + 6, 2, end)
  if (!(hour <= 24 && minute <= 59 && second <= 59)) return false
  if (bytes[start + 2] !== COLON || bytes[start + 5] !== COLON) return false
  let at = start + 8
  let fraction = 0
  if (at < end && bytes[at] === DOT) {
    let unit = 1_000_000
    for (at += 1; at < end; at += 1) {
      const digit = bytes[at]! - ZERO
      if (digit < 0 || digit > 9) break
      unit /= 10
      if (unit < 1) return false
      fraction += digit * unit
    }
  }
  const offset = at < end ? offsetSeconds(bytes, at, end) : 0
  if (!(Math.abs(offset) <= MAX_OFFSET_SECONDS)) return false
  const seconds = minute * 60 + second
  // The day ends at 24:00:00.
  if (hour === 24 && seconds + fraction > 0) return false
  const within = (seconds - (withDate ? offset : 0)) * 1_000_000 + fraction
  const carry = Math.floor(within / US_PER_HOUR)
  out[0] = baseHours + hour + carry
  out[1] = within - carry * US_PER_HOUR
  return true
}

/** The seconds of `Z` or `±HH[:MM[:SS]]`, NaN for anything else. */
function offsetSeconds(bytes: Uint8Array, start: number, end: number): number {
  const sign = bytes[start]
  if (sign === LETTER_Z) return end - start === 1 ? 0 : Number.NaN
  const length = end - start
  if ((sign !== PLUS && sign !== MINUS) || (length !== 3 && length !== 6 && length !== 9)) return Number.NaN
  let seconds = 0
  let factor = 3600
  for (let part = start + 1; part < end; part += 3) {
    if (part > start + 1 && bytes[part - 1] !== COLON) return Number.NaN
    seconds += digits(bytes, part, 2, end) * factor
    factor /= 60
  }
  return sign === MINUS ? -seconds : seconds
}

/** NaN where a byte is no digit or lies at `end` or beyond, so that every comparison with it fails. */
function digits(bytes: Uint8Array, at: number, count: number, end: number): number {
  if (at + count > end) return Number.NaN
  let value = 0
  for (let index = at; index < at + count; index += 1) {
    const digit = bytes[index]! - ZERO
    if (!(digit >= 0 && digit <= 9)) return Number.NaN
    value = value * 10 + digit
  }
  return value
}

const INFINITY_TEXT = Buffer.from('infinity')

/** 1 for `infinity`, -1 for `-infinity`, 0 for anything else. */
function infinitySign(bytes: Uint8Array, start: number, end: number): number {
  const first = bytes[start] === MINUS ? start + 1 : start
  if (end - first !== INFINITY_TEXT.length) return 0
  for (let index = 0; index < INFINITY_TEXT.length; index += 1) {
    if (bytes[first + index] !== INFINITY_TEXT[index]) return 0
  }
  return first > start ? -1 : 1
}

/** Where ` BC` begins, or `end`. */
function eraStart(bytes: Uint8Array, start: number, end: number): number {
  const at = end - 3
  return at > start && bytes[at] === SPACE && bytes[at + 1] === 66 && bytes[at + 2] === 67 ? at : end
}

/** The position after `YYYY-MM-DD`, whose year has four digits or more; `start` where there is none. */
function endOfDay(bytes: Uint8Array, start: number, end: number): number {
  let at = start
  while (at < end && bytes[at]! >= ZERO && bytes[at]! <= 57) at += 1
  const length = at - start
  return length >= 4 && length <= 7 && at + 6 <= end ? at + 6 : start
}

/** The days of the date that ends at `dayEnd`, NaN if it is none. */
function daysOfText(bytes: Uint8Array, start: number, dayEnd: number, isBeforeChrist: boolean): number {
  const yearEnd = dayEnd - 6
  if (yearEnd < start || bytes[yearEnd] !== MINUS || bytes[yearEnd + 3] !== MINUS) return Number.NaN
  const shown = digits(bytes, start, yearEnd - start, yearEnd)
  const month = digits(bytes, yearEnd + 1, 2, dayEnd)
  const day = digits(bytes, yearEnd + 4, 2, dayEnd)
  // There is no year 0: 1 BC is the year before 1.
  const year = isBeforeChrist ? 1 - shown : shown
  if (!(shown >= 1 && month >= 1 && month <= 12 && day >= 1 && day <= 31)) return Number.NaN
  const days = daysOf(year, month, day)
  if (day > 28 && days >= daysOf(month === 12 ? year + 1 : year, (month % 12) + 1, 1)) return Number.NaN
  return days >= FIRST_PG_DAY && days <= LAST_PG_DAY ? days : Number.NaN
}

/** Days since 1970-01-01 in the proleptic Gregorian calendar; the year before 1 is 0. */
export function daysOf(year: number, month: number, day: number): number {
  const shifted = month <= 2 ? year - 1 : year
  const era = Math.floor(shifted / 400)
  const yearOfEra = shifted - era * 400
  const dayOfYear = Math.floor((153 * (month > 2 ? month - 3 : month + 9) + 2) / 5) + day - 1
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear
  return era * 146_097 + dayOfEra - 719_468
}
