import { parseArrayLiteral } from '../../values/array-literal.ts'
import { parsePgTypeName } from '../../values/pg-type.ts'
import type { TypeIr } from '../../views/view-ir.ts'
import { splitJson, splitMember } from './split-json.ts'
import type { StoredColumn } from '../view-store.ts'

type JsonColumn = Pick<StoredColumn, 'name' | 'type' | 'rows'>

/**
 * The JSON of a value in wire text: what `JSON.stringify` makes of the value that a reader of the view has, but for what
 * JSON cannot say exactly. BigInt and Decimal are texts with all their digits, dates are in ISO form, bytes in base64, enums have the
 * labels of the database; NaN and the infinities are texts. Where a reader would have an error (a date past the year 9999, a list of
 * several dimensions, an Int past 2^53) it is Postgres' text.
 */
export function jsonOfText(text: string | null, column: JsonColumn): string {
  const { type, rows } = column
  if (text === null) return isEmptyForNull(column) ? '[]' : 'null'
  if (rows !== null) return nestedJson(text, rows)
  return type.list ? listJson(text, type) : elementJson(text, type)
}

/** Prisma shows a list that is NULL as an empty one; of an outer join's missing row it is NULL. */
function isEmptyForNull({ type, rows }: JsonColumn): boolean {
  return (rows !== null || type.list) && !type.nullable
}

function listJson(text: string, type: TypeIr): string {
  const elements = parseArrayLiteral(text)
  if (elements === undefined || elements === 'dimensions') return JSON.stringify(text)
  return `[${elements.map((item) => (item === null ? 'null' : elementJson(item, type))).join(',')}]`
}

function elementJson(text: string, { scalar, pgType }: TypeIr): string {
  switch (scalar) {
    case 'Int':
      return Number.isSafeInteger(Number(text)) ? text : JSON.stringify(text)
    case 'Float':
      return Number.isFinite(Number(text)) ? text : JSON.stringify(text)
    case 'Boolean':
      return text === 't' ? 'true' : 'false'
    case 'DateTime':
      return JSON.stringify(isoText(text, parsePgTypeName(pgType).base))
    case 'Json':
      return text
    case 'Bytes':
      return JSON.stringify(Buffer.from(text.slice(2), 'hex').toString('base64'))
    default:
      return JSON.stringify(text)
  }
}

const DAY = /^(?!0000)\d{4}-\d\d-\d\d$/
const INSTANT = /^((?!0000)\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d)(?:\.(\d+))?(?:\+00(?::00)?)?$/
const TIME = /^(\d\d:\d\d:\d\d)(?:\.(\d+))?(?:[+-][\d:]+)?$/

/** With milliseconds, in UTC; times stand on the first of January 1970; the offset of a `timetz` is dropped. */
function isoText(text: string, base: string): string {
  if (base === 'date') return DAY.test(text) ? `${text}T00:00:00.000Z` : text
  if (base.startsWith('timestamp')) {
    const [, day, time, fraction] = INSTANT.exec(text) ?? []
    return day === undefined || time === undefined ? text : `${day}T${time}.${milliseconds(fraction)}Z`
  }
  const [, time, fraction] = TIME.exec(text) ?? []
  if (time === undefined) return text
  return time === '24:00:00' ? '1970-01-02T00:00:00.000Z' : `1970-01-01T${time}.${milliseconds(fraction)}Z`
}

/** Microseconds are cut off. */
function milliseconds(fraction = ''): string {
  return fraction.slice(0, 3).padEnd(3, '0')
}

/** Rows of a nested result, from the JSON that Postgres makes of them. */
function nestedJson(text: string, shape: readonly JsonColumn[]): string {
  const objects = splitJson(text).map((row) => {
    const values = new Map(splitJson(row).map(splitMember))
    const members = shape.map(
      (column) => `${JSON.stringify(column.name)}:${memberJson(values.get(column.name) ?? 'null', column)}`,
    )
    return `{${members.join(',')}}`
  })
  return `[${objects.join(',')}]`
}

function memberJson(json: string, column: JsonColumn): string {
  const { type, rows } = column
  if (json === 'null') return isEmptyForNull(column) ? '[]' : 'null'
  if (rows !== null) return nestedJson(json, rows)
  if (!type.list) return leafJson(json, type)
  return `[${splitJson(json)
    .map((item) => leafJson(item, type))
    .join(',')}]`
}

function leafJson(json: string, type: TypeIr): string {
  if (json === 'null' || type.scalar === 'Json' || type.scalar === 'Boolean') return json
  const text = json.startsWith('"') ? String(JSON.parse(json)) : json
  // A single value of bytes comes in bare hexadecimal, one in a list as Postgres prints it.
  const isBare = type.scalar === 'Bytes' && !text.startsWith('\\x')
  return elementJson(isBare ? `\\x${text}` : text, type)
}
