import type { ColumnContract } from '../contract/schema-contract.ts'
import type { DbsyncError } from '../core/errors.ts'
import { undecodable, unfit } from './codec-errors.ts'
import { type DateTimeProblem, millisecondsOf, readDays, readInstant, readTime } from './read-date-time.ts'
import type { BytesCodec, Int32Codec, Int64Codec } from './value-codec.ts'

const MS_PER_DAY = 86_400_000

/** date: wire `2024-02-29`, kept as days, public Date at midnight UTC. */
export function dateCodec(column: ColumnContract, place: string): Int32Codec {
  const parse = (bytes: Uint8Array, start: number, end: number): number => {
    const days = readDays(bytes, start, end)
    if (typeof days === 'number') return days
    throw problemError(place, column.pgType, days)
  }
  return {
    storage: 'int32',
    column,
    place,
    parse,
    publicOf: (days) => new Date(days * MS_PER_DAY),
    publicFromText: (text) => new Date(parse(Buffer.from(text), 0, text.length) * MS_PER_DAY),
    textFromPublic: (value) => isoText(place, value).slice(0, 10),
  }
}

/** timestamp and timestamptz in UTC: wire `2024-01-02 03:04:05.678901+00`, public Date cut to milliseconds. */
export function timestampCodec(column: ColumnContract, place: string): Int64Codec {
  return wordsCodec(column, place, readInstant, (iso) => `${iso.slice(0, 10)} ${iso.slice(11)}`)
}

/** time: wire `13:14:15.678901`, public Date on 1970-01-01 (`24:00:00` is the next midnight). */
export function timeCodec(column: ColumnContract, place: string): Int64Codec {
  return wordsCodec(column, place, readTime, (iso) =>
    iso === '1970-01-02T00:00:00.000Z' ? '24:00:00' : iso.slice(11, -1),
  )
}

/** timetz: wire `13:14:15+05:30`, kept as text, public Date with the offset dropped, as the client shows it. */
export function timetzCodec(column: ColumnContract, place: string): BytesCodec {
  const time = timeCodec(column, place)
  return {
    storage: 'bytes',
    column,
    place,
    publicFromText: (text) => time.publicFromText(text),
    textFromPublic: (value) => `${time.textFromPublic(value)}+00`,
  }
}

function wordsCodec(
  column: ColumnContract,
  place: string,
  read: (bytes: Uint8Array, start: number, end: number, out: Int32Array) => DateTimeProblem | null,
  format: (iso: string) => string,
): Int64Codec {
  const scratch = new Int32Array(2)
  const parse = (bytes: Uint8Array, start: number, end: number, out: Int32Array): void => {
    const problem = read(bytes, start, end, out)
    if (problem !== null) throw problemError(place, column.pgType, problem)
  }
  return {
    storage: 'int64',
    column,
    place,
    parse,
    publicOf: dateOfWords,
    publicFromText(text) {
      parse(Buffer.from(text), 0, text.length, scratch)
      return dateOfWords(scratch[0] ?? 0, scratch[1] ?? 0)
    },
    textFromPublic: (value) => format(isoText(place, value)),
  }
}

function dateOfWords(high: number, low: number): Date {
  return new Date(millisecondsOf(high, low))
}

function isoText(place: string, value: unknown): string {
  if (value instanceof Date && !Number.isNaN(value.getTime())) {
    const iso = value.toISOString()
    if (iso.length === 24) return iso
  }
  throw unfit(place, 'a valid Date of the years 0 to 9999', value)
}

function problemError(place: string, pgType: string, problem: DateTimeProblem): DbsyncError {
  if (problem === 'malformed') return undecodable(place, pgType, 'no date or time in ISO form')
  return undecodable(
    place,
    pgType,
    problem === 'infinite' ? 'infinity' : 'a year before 1 or after 9999',
    'A Date cannot hold it: correct the row, or leave the column out of the schema.',
  )
}
