import type { Arbitrary } from 'fast-check'
import type { ColumnTexts } from './column-texts.ts'
import { fc } from './fast-check.ts'

const pad = (value: number, width: number): string => String(value).padStart(width, '0')

/** First and last of what a Date may show, leap days, the ends of eras and of calendars. */
const DAYS = ['0001-01-01', '0004-02-29', '1582-10-10', '1600-02-29', '1900-02-28', '1969-12-31', '1970-01-01', '2000-02-29', '2024-02-29', '9999-12-31'] // prettier-ignore
const YEARS = [2000, 1, 4, 99, 100, 400, 1582, 1600, 1752, 1899, 1900, 1969, 1970, 2038, 9999]

function anyDay(): Arbitrary<string> {
  const year = fc.oneof(
    { weight: 4, arbitrary: fc.integer({ min: 1970, max: 2100 }) },
    { weight: 2, arbitrary: fc.integer({ min: 1, max: 9999 }) },
    { weight: 1, arbitrary: fc.constantFrom(...YEARS) },
  )
  return fc.tuple(year, fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 31 })).map(([y, m, d]) => {
    const last = new Date(Date.UTC(2000, m, 0))
    last.setUTCFullYear(y, m, 0)
    return `${pad(y, 4)}-${pad(m, 2)}-${pad(Math.min(d, last.getUTCDate()), 2)}`
  })
}

function anyTime(precision: number): Arbitrary<string> {
  const microseconds = fc.oneof(
    fc.constant(0),
    fc.nat(999).map((ms) => ms * 1000),
    fc.nat(999_999),
  )
  return fc
    .tuple(fc.nat(23), fc.nat(59), fc.nat(59), microseconds)
    .map(([h, m, s, us]) => atPrecision(`${pad(h, 2)}:${pad(m, 2)}:${pad(s, 2)}.${pad(us, 6)}`, precision))
}

/** Without the digits that the column does not keep, and without zeros at the end. */
function atPrecision(text: string, precision: number): string {
  return text.replace(/\.(\d+)/, (_, digits: string) => {
    const kept = digits.slice(0, precision).replace(/0+$/, '')
    return kept === '' ? '' : `.${kept}`
  })
}

/** date, of the years that a Date can show. */
export function dateTexts(): ColumnTexts {
  return { pool: ['2024-01-01', '2024-02-29', '1999-12-31'], edges: DAYS, random: anyDay() }
}

/** timestamp and timestamptz, of the years that a Date can show, in UTC. `precision`: digits of a second that the column keeps. */
export function timestampTexts(withZone: boolean, precision: number): ColumnTexts {
  const text = (value: string): string => `${atPrecision(value, precision)}${withZone ? '+00' : ''}`
  const fractions = ['1969-12-31 23:59:59.999999', '1970-01-01 00:00:00.000001', '2000-01-01 00:00:00.0005', '2016-12-31 23:59:59.5'] // prettier-ignore
  const ends = DAYS.flatMap((date) => [`${date} 00:00:00`, `${date} 23:59:59`])
  return {
    pool: ['2024-01-01 00:00:00', '2024-02-29 12:30:00', '1999-12-31 23:59:59.999'].map(text),
    edges: [...ends, ...fractions].map(text),
    random: fc.tuple(anyDay(), anyTime(precision)).map(([day, time]) => text(`${day} ${time}`)),
  }
}

/** The zone of a timetz is part of its value. */
const ZONES = ['+00', '+05:30', '-12', '+14', '-03:30', '+05:45', '+15:59', '-15:59', '+01:02:03']

/** time and timetz. `precision`: digits of a second that the column keeps. */
export function timeTexts(withZone: boolean, precision: number): ColumnTexts {
  const plain = ['00:00:00', '24:00:00', '23:59:59', '00:00:00.001', '12:30:00.5', '13:14:15.678', '00:00:00.000999'].map((time) => atPrecision(time, precision)) // prettier-ignore
  const zones = withZone ? ['+00', '+05:30', '-15:59'] : ['']
  return {
    pool: ['00:00:00', '12:30:00', '23:59:59'].map((time) => `${time}${withZone ? '+00' : ''}`),
    edges: plain.flatMap((time) => zones.map((zone) => `${time}${zone}`)),
    random: fc
      .tuple(anyTime(precision), withZone ? fc.constantFrom(...ZONES) : fc.constant(''))
      .map(([time, zone]) => `${time}${zone}`),
  }
}
