import { invariant } from '../../core/errors.ts'
import { elementsOf } from '../../values/array-functions.ts'
import { parsePgTypeName } from '../../values/pg-type.ts'
import { valueKind } from '../../values/value-of-text.ts'
import type { TypeIr } from '../view-ir.ts'
import type { RowsShape } from './plan-node.ts'
import { parseRowsText, type RowsText } from './show-rows.ts'

/**
 * Writes the text that a nested result is kept as in the form that the view's SQL gives it: an array of objects, decimals and
 * BigInt as texts, bytes in hexadecimal, times of UTC without a zone.
 */
export function makeRowsJson(shape: RowsShape): (text: string) => string {
  const write = makeWriter(shape)
  return (text) => write(parseRowsText(text))
}

function makeWriter(shape: RowsShape): (rows: RowsText) => string {
  const members = shape.map(({ name, type, rows }) => {
    const inner = rows === null ? (text: string) => valueJson(text, type) : makeRowsJson(rows)
    const none = rows === null || type.nullable ? 'null' : '[]'
    const label = JSON.stringify(name)
    return (text: string | null): string => `${label}:${text === null ? none : inner(text)}`
  })
  return (rows) =>
    `[${rows.map((values) => `{${members.map((member, at) => member(values[at] ?? null)).join(',')}}`).join(',')}]`
}

function valueJson(text: string, type: TypeIr): string {
  if (!type.list) return elementJson(text, type, type.scalar === 'BigInt' || type.scalar === 'Decimal')
  const isText = type.scalar === 'BigInt' || type.scalar === 'Decimal'
  return `[${elementsOf(text)
    .map((element) => (element === null ? 'null' : elementJson(element, type, isText)))
    .join(',')}]`
}

function elementJson(text: string, { scalar, pgType, list }: TypeIr, isText: boolean): string {
  if (isText) return JSON.stringify(text)
  if (scalar === 'Json') return text
  if (scalar === 'Bytes' && !list) return JSON.stringify(text.replace(/^\\x/, ''))
  switch (valueKind(pgType)) {
    case 'boolean':
      return text === 't' ? 'true' : 'false'
    case 'integer':
      return text
    case 'real':
    case 'double':
      return Number.isFinite(Number(text)) ? text : JSON.stringify(text)
    case 'instant': {
      const iso = text.replace(' ', 'T')
      const { base } = parsePgTypeName(pgType)
      return JSON.stringify(base === 'timestamp with time zone' ? zoned(iso, list) : iso)
    }
    default:
      return JSON.stringify(text)
  }
}

/** A single instant is shown without its zone, one in a list with it. */
function zoned(iso: string, isElement: boolean): string {
  invariant(!iso.includes('+') || iso.includes('+00'), 'an instant that is not of UTC')
  return isElement ? iso.replace('+00', '+00:00') : iso.replace('+00', '')
}
