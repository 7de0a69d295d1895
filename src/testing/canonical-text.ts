import pg from 'pg'
import { enumOf } from '../contract/lookup.ts'
import type { Schema } from '../contract/schema-contract.ts'
import type { TypeIr } from '../views/view-ir.ts'

/**
 * One text for one value, from both sides: what the server prints and what a view shows. It shares no code with the
 * codecs of the package, which it is there to check. A value of the wrong JavaScript type gets a text that no server
 * value has.
 */

/** Settings that the server's texts must be printed under. */
export const TEXT_SETTINGS =
  "SET datestyle = 'ISO, YMD'; SET timezone = 'UTC'; SET extra_float_digits = 1; SET bytea_output = 'hex'"

/** The canonical text of what the server printed; null is SQL's NULL. */
export function textOfServer(schema: Schema, type: TypeIr, printed: string | null): string {
  if (type.list) {
    // Prisma shows a list that is NULL as an empty one; without a left join's partner it is null. Both are NULL here.
    if (printed === null) return '[]'
    const elements = arrayElements(printed)
    return `[${elements.map((item) => textOfServer(schema, { ...type, list: false }, item)).join(', ')}]`
  }
  if (printed === null) return 'null'
  switch (type.scalar) {
    case 'Int':
      return BigInt(printed).toString()
    case 'BigInt':
      return `${BigInt(printed)}n`
    case 'Float':
      return floatText(Number(printed))
    case 'Decimal':
      return decimalText(printed)
    case 'Boolean':
      return printed === 't' ? 'true' : 'false'
    case 'DateTime':
      return dateText(new Date(isoOf(type.pgType, printed)))
    case 'Json':
      return jsonText(JSON.parse(printed))
    case 'Bytes':
      return printed
    case 'Enum': {
      const found = enumOf(schema, type.enum ?? '').values.find(({ label }) => label === printed)
      return found === undefined ? `label ${JSON.stringify(printed)} that the contract lacks` : found.name
    }
    default:
      return JSON.stringify(printed)
  }
}

/** The canonical text of a value as a view shows it. */
export function textOfPublic(type: TypeIr, value: unknown): string {
  if (type.list) {
    if (value === null && type.nullable) return '[]'
    if (!Array.isArray(value)) return misfit('list', value)
    return `[${value.map((item) => textOfPublic({ ...type, list: false }, item)).join(', ')}]`
  }
  if (value === null) return 'null'
  switch (type.scalar) {
    case 'Int':
      if (typeof value !== 'number' || !Number.isInteger(value)) return misfit('whole number', value)
      return floatText(value)
    case 'BigInt':
      return typeof value === 'bigint' ? `${value}n` : misfit('bigint', value)
    case 'Float':
      return typeof value === 'number' ? floatText(value) : misfit('number', value)
    case 'Decimal':
      if (typeof value !== 'object' || !('toFixed' in value)) return misfit('Decimal', value)
      return typeof value.toFixed === 'function'
        ? decimalText(String(value.toFixed()))
        : misfit('Decimal', value)
    case 'Boolean':
      return typeof value === 'boolean' ? String(value) : misfit('boolean', value)
    case 'DateTime':
      return value instanceof Date ? dateText(value) : misfit('Date', value)
    case 'Json':
      return value === undefined ? misfit('JSON', value) : jsonText(value)
    case 'Bytes':
      return value instanceof Uint8Array
        ? `\\x${Buffer.from(value).toString('hex')}`
        : misfit('Uint8Array', value)
    case 'Enum':
      return typeof value === 'string' ? value : misfit('enum name', value)
    default:
      return typeof value === 'string' ? JSON.stringify(value) : misfit('string', value)
  }
}

function misfit(need: string, value: unknown): string {
  return `${typeof value} ${String(value)} where a ${need} must be`
}

/** Every double has its own text, -0 too; all NaN are one. */
function floatText(value: number): string {
  return Object.is(value, -0) ? '-0' : String(value)
}

/** By value: 1.50 and 1.5 are the same Decimal. */
function decimalText(text: string): string {
  const match = /^(-?)0*(\d*)(?:\.(\d*?)0*)?$/.exec(text)
  if (match === null) return text
  const [, sign = '', whole = '', fraction = ''] = match
  if (whole === '' && fraction === '') return '0'
  return `${sign}${whole === '' ? '0' : whole}${fraction === '' ? '' : `.${fraction}`}`
}

function dateText(value: Date): string {
  return Number.isNaN(value.getTime()) ? 'invalid Date' : value.toISOString()
}

/** Microseconds are cut off; a time is on 1970-01-01; the offset of a timetz is dropped. As Prisma Client does. */
function isoOf(pgType: string, printed: string): string {
  if (pgType === 'date') return `${printed}T00:00:00Z`
  const [, day = '', clock = '', fraction = ''] =
    /^(?:(\S+) )?(\d\d:\d\d:\d\d)(\.\d{1,3})?/.exec(printed) ?? []
  return `${day === '' ? '1970-01-01' : day}T${clock}${fraction.padEnd(fraction === '' ? 0 : 4, '0')}Z`
}

/** Order of members does not count. */
function jsonText(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(jsonText).join(',')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const members = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1))
  return `{${members.map(([name, item]) => `${JSON.stringify(name)}:${jsonText(item)}`).join(',')}}`
}

type ArrayParser = (literal: string) => readonly (string | null)[]

/** node-pg's own reading of a text[]; its types leave that one out. */
export const arrayElements = (pg.types.getTypeParser as (oid: number) => ArrayParser)(1009)
