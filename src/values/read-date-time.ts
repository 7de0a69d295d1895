/** Why a date or time cannot be read; the codec turns it into an error that names the column. */
export type DateTimeProblem = 'malformed' | 'infinite' | 'range'

const ZERO = 48
const COLON = 58
const DOT = 46
const MINUS = 45
const PLUS = 43
const US_PER_HOUR = 3_600_000_000

/**
 * Reads `YYYY-MM-DD` as days since 1970-01-01; a time of day behind it is left unread.
 *
 * Returns a problem for `infinity`, for BC and for years past 9999, which Prisma Client cannot show.
 */
export function readDays(bytes: Uint8Array, start: number, end: number): number | DateTimeProblem {
  const early = rangeProblem(bytes, start, end)
  if (early !== null) return early
  if (end - start < 10 || bytes[start + 4] !== MINUS || bytes[start + 7] !== MINUS) return 'malformed'
  const year = digits(bytes, start, 4)
  const month = digits(bytes, start + 5, 2)
  const day = digits(bytes, start + 8, 2)
  if (!(year >= 1 && month >= 1 && month <= 12 && day >= 1 && day <= 31)) return 'malformed'
  return daysOf(year, month, day)
}

/**
 * Reads `YYYY-MM-DD HH:MM:SS[.ffffff][±HH[:MM[:SS]]]` (or `T` and `Z`) into two words that sort like the
 * instant: `out[0]` whole hours since 1970-01-01 00:00 UTC, `out[1]` microseconds within the hour, unsigned.
 *
 * Returns null, or the problem.
 */
export function readInstant(
  bytes: Uint8Array,
  start: number,
  end: number,
  out: Int32Array,
): DateTimeProblem | null {
  const days = readDays(bytes, start, end)
  if (typeof days !== 'number') return days
  if (end - start === 10) {
    out[0] = days * 24
    out[1] = 0
    return null
  }
  return readClock(bytes, start + 11, end, days * 24, true, out)
}

/**
 * Reads `HH:MM:SS[.ffffff]` into hours and microseconds within the hour; an offset behind it is dropped, as
 * Prisma Client does.
 *
 * Returns null, or the problem.
 */
export function readTime(
  bytes: Uint8Array,
  start: number,
  end: number,
  out: Int32Array,
): DateTimeProblem | null {
  return readClock(bytes, start, end, 0, false, out)
}

/** The milliseconds since 1970 of two words of {@link readInstant}; microseconds are cut off, not rounded. */
export function millisecondsOf(hours: number, microseconds: number): number {
  return hours * 3_600_000 + Math.floor((microseconds >>> 0) / 1000)
}

function readClock(
  bytes: Uint8Array,
  start: number,
  end: number,
  baseHours: number,
  withDate: boolean,
  out: Int32Array,
): DateTimeProblem | null {
  const hour = digits(bytes, start, 2)
  const minute = digits(bytes, start + 3, 2)
  let second = 0
  let at = start + 5
  if (bytes[at] === COLON) {
    second = digits(bytes, at + 1, 2)
    at += 3
  }
  if (at > end || bytes[start + 2] !== COLON || !(hour <= 24 && minute <= 59 && second <= 60))
    return 'malformed'
  let fraction = 0
  if (at < end && bytes[at] === DOT) {
    let unit = 1_000_000
    for (at += 1; at < end; at += 1) {
      const digit = bytes[at]! - ZERO
      if (digit < 0 || digit > 9) break
      unit /= 10
      if (unit < 1) return 'malformed'
      fraction += digit * unit
    }
  }
  let offset = 0
  if (at < end) {
    const sign = bytes[at]
    if (sign === PLUS || sign === MINUS) {
      let seconds = 0
      let factor = 3600
      for (let part = at + 1; part < end; part += 3) {
        if (factor < 1 || (part > at + 1 && bytes[part - 1] !== COLON)) return 'malformed'
        seconds += digits(bytes, part, 2) * factor
        factor = Math.trunc(factor / 60)
      }
      if (!(seconds <= 16 * 3600)) return 'malformed'
      offset = sign === MINUS ? -seconds : seconds
    } else if (!(bytes[at] === 90 && at + 1 === end)) return 'malformed'
  }
  const within = (minute * 60 + second - (withDate ? offset : 0)) * 1_000_000 + fraction
  const carry = Math.floor(within / US_PER_HOUR)
  out[0] = baseHours + hour + carry
  out[1] = within - carry * US_PER_HOUR
  return null
}

/** NaN where a byte is no digit, so that every comparison with it fails. */
function digits(bytes: Uint8Array, at: number, count: number): number {
  let value = 0
  for (let index = at; index < at + count; index += 1) {
    const digit = (bytes[index] ?? 0) - ZERO
    if (digit < 0 || digit > 9) return Number.NaN
    value = value * 10 + digit
  }
  return value
}

function rangeProblem(bytes: Uint8Array, start: number, end: number): DateTimeProblem | null {
  const first = bytes[start]
  // "infinity" and "-infinity".
  if (first === 105 || (first === MINUS && bytes[start + 1] === 105)) return 'infinite'
  // "… BC"
  if (end - start > 3 && bytes[end - 1] === 67 && bytes[end - 2] === 66) return 'range'
  let at = start
  while (at < end && bytes[at]! >= ZERO && bytes[at]! <= 57) at += 1
  return at - start > 4 ? 'range' : null
}

/** Days since 1970-01-01 in the proleptic Gregorian calendar. */
function daysOf(year: number, month: number, day: number): number {
  const shifted = month <= 2 ? year - 1 : year
  const era = Math.floor(shifted / 400)
  const yearOfEra = shifted - era * 400
  const dayOfYear = Math.floor((153 * (month > 2 ? month - 3 : month + 9) + 2) / 5) + day - 1
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear
  return era * 146_097 + dayOfEra - 719_468
}
