import { civilOf, dayTimeOf, isInfiniteDay, isInfiniteInstant } from './calendar.ts'
import { textOfNumeric, textOfValue, valueKind } from './value-of-text.ts'
import type { Value } from './value.ts'

/**
 * Postgres' own text of a value of a type (as `format_type` prints it) that is not null, as the wire has it; a float's has
 * its digits and may have another exponent form.
 */
export function textOfKind(value: Value, pgType: string): string {
  switch (valueKind(pgType)) {
    case 'boolean':
      return value === true ? 't' : 'f'
    case 'numeric':
      return textOfNumeric(value)
    case 'real':
    case 'double':
      return Object.is(value, -0) ? '-0' : textOfValue(value)
    case 'date': {
      const days = Number(value)
      return isInfiniteDay(days) ? infinity(days > 0) : dated(days, '')
    }
    case 'instant': {
      const instant = typeof value === 'bigint' ? value : 0n
      if (isInfiniteInstant(instant)) return infinity(instant > 0n)
      const { days, microseconds } = dayTimeOf(instant)
      const zone = pgType.endsWith('with time zone') ? '+00' : ''
      return dated(days, ` ${clock(microseconds)}${zone}`)
    }
    case 'time':
      return clock(Number(value))
    default:
      return textOfValue(value)
  }
}

function infinity(isPositive: boolean): string {
  return isPositive ? 'infinity' : '-infinity'
}

/** The era stands behind the time. */
function dated(days: number, time: string): string {
  const { year, month, day } = civilOf(days)
  const shown = year > 0 ? year : 1 - year
  return `${digits(shown, 4)}-${digits(month, 2)}-${digits(day, 2)}${time}${year > 0 ? '' : ' BC'}`
}

function clock(microseconds: number): string {
  const seconds = Math.floor(microseconds / 1_000_000)
  const fraction = microseconds % 1_000_000
  const parts = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60]
  const time = parts.map((part) => digits(part, 2)).join(':')
  return fraction === 0 ? time : `${time}.${digits(fraction, 6).replace(/0+$/, '')}`
}

function digits(value: number, count: number): string {
  return String(value).padStart(count, '0')
}
