import type { ColumnContract } from '../contract/schema-contract.ts'
import type { DbsyncError } from '../core/errors.ts'
import { undecodable, unfit, unshowable } from './codec-errors.ts'
import {
  type DateTimeProblem,
  instantMilliseconds,
  problemOfDays,
  problemOfInstant,
  readDays,
  readInstant,
  readTime,
  timeMilliseconds,
  writeInfinity,
  writeInstant,
} from './read-date-time.ts'
import { isInfiniteInstant } from './calendar.ts'
import { instantOfWords, textOfValue, timeOfWords } from './value-of-text.ts'
import type { BytesCodec, Int32Codec, Int64Codec } from './value-codec.ts'

const MS_PER_DAY = 86_400_000

/*
 * Infinities, years BC and years past 9999 are kept, compared and ordered like every other value. Prisma Client shows an
 * invalid Date for them, or another day; here showing one is an error, for the view and the row that show it.
 */

/** date: wire `2024-02-29`, kept as days, public Date at midnight UTC. */
export function dateCodec(column: ColumnContract, place: string): Int32Codec {
  const parse = (bytes: Uint8Array, start: number, end: number): number => {
    const days = readDays(bytes, start, end)
    if (!Number.isNaN(days)) return days
    throw malformed(place, column)
  }
  const publicOf = (days: number): Date => {
    const problem = problemOfDays(days)
    if (problem !== undefined) throw problemError(place, column, problem)
    return new Date(days * MS_PER_DAY)
  }
  return {
    storage: 'int32',
    column,
    place,
    parse,
    publicOf,
    valueOf: (days) => days,
    keptOf: Number,
    publicFromText(text) {
      const bytes = Buffer.from(text)
      return publicOf(parse(bytes, 0, bytes.length))
    },
    textFromPublic: (value) => isoText(place, value).slice(0, 10),
  }
}

/** timestamp and timestamptz in UTC: wire `2024-01-02 03:04:05.678901+00`, public Date cut to milliseconds. */
export function timestampCodec(column: ColumnContract, place: string): Int64Codec {
  const show = (hours: number, microseconds: number): Date => {
    const problem = problemOfInstant(hours)
    if (problem !== undefined) throw problemError(place, column, problem)
    return new Date(instantMilliseconds(hours, microseconds))
  }
  const words: Words = {
    read: readInstant,
    show,
    valueOf: instantOfWords,
    write(value, out) {
      const instant = typeof value === 'bigint' ? value : 0n
      if (isInfiniteInstant(instant)) writeInfinity(instant > 0n, out)
      else writeInstant(instant, out)
    },
  }
  return wordsCodec(column, place, words, (iso) => `${iso.slice(0, 10)} ${iso.slice(11)}`)
}

/** time: wire `13:14:15.678901`, public Date on 1970-01-01 (`24:00:00` is the next midnight). */
export function timeCodec(column: ColumnContract, place: string): Int64Codec {
  const words: Words = {
    read: readTime,
    show: (hours, microseconds) => new Date(timeMilliseconds(hours, microseconds)),
    valueOf: timeOfWords,
    write(value, out) {
      const microseconds = Number(value)
      out[0] = Math.floor(microseconds / 3_600_000_000)
      out[1] = microseconds % 3_600_000_000
    },
  }
  return wordsCodec(column, place, words, (iso) =>
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
    valueOf: (text) => text,
    textOf: textOfValue,
    publicFromText: (text) => time.publicFromText(text),
    textFromPublic: (value) => `${time.textFromPublic(value)}+00`,
  }
}

interface Words extends Pick<Int64Codec, 'valueOf' | 'write'> {
  readonly read: (bytes: Uint8Array, start: number, end: number, out: Int32Array) => boolean
  readonly show: (word0: number, word1: number) => Date
}

function wordsCodec(
  column: ColumnContract,
  place: string,
  { read, show, valueOf, write }: Words,
  format: (iso: string) => string,
): Int64Codec {
  const scratch = new Int32Array(2)
  const parse = (bytes: Uint8Array, start: number, end: number, out: Int32Array): void => {
    if (!read(bytes, start, end, out)) throw malformed(place, column)
  }
  return {
    storage: 'int64',
    column,
    place,
    parse,
    publicOf: show,
    valueOf,
    write,
    publicFromText(text) {
      const bytes = Buffer.from(text)
      parse(bytes, 0, bytes.length, scratch)
      return show(scratch[0] ?? 0, scratch[1] ?? 0)
    },
    textFromPublic: (value) => format(isoText(place, value)),
  }
}

function isoText(place: string, value: unknown): string {
  if (value instanceof Date && !Number.isNaN(value.getTime())) {
    const iso = value.toISOString()
    if (iso.length === 24) return iso
  }
  throw unfit(place, 'a valid Date of the years 0 to 9999', value)
}

function malformed(place: string, column: ColumnContract): DbsyncError {
  return undecodable(place, column.pgType, 'no date or time in ISO form')
}

function problemError(place: string, column: ColumnContract, problem: DateTimeProblem): DbsyncError {
  return unshowable(
    place,
    column.pgType,
    problem === 'infinite' ? 'infinity' : 'a year before 1 or after 9999',
  )
}
