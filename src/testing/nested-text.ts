import type { Schema } from '../contract/schema-contract.ts'
import type { NestedIr, TypeIr } from '../views/view-ir.ts'
import { textOfPublic, textOfServer } from './canonical-text.ts'

/** The canonical text of a nested result as the server's JSON has it. */
export function nestedOfServer(schema: Schema, nested: NestedIr, json: unknown): string {
  return rowsText(nested, json, (type, value) => {
    if (!type.list || value === null) return textOfServer(schema, type, printed(type, value))
    if (!Array.isArray(value)) return `no list: ${JSON.stringify(value)}`
    const element = { ...type, list: false }
    return `[${value.map((item) => textOfServer(schema, element, printed(element, item))).join(', ')}]`
  })
}

/** The canonical text of a nested result as readers of a view have it. */
export function nestedOfPublic(nested: NestedIr, value: unknown): string {
  return rowsText(nested, value, textOfPublic)
}

function rowsText(
  { select }: NestedIr,
  rows: unknown,
  show: (type: TypeIr, value: unknown) => string,
): string {
  if (!Array.isArray(rows)) return `no array: ${String(rows)}`
  const texts = rows.map((row: unknown) => {
    if (typeof row !== 'object' || row === null) return `no object: ${String(row)}`
    const values = new Map<string, unknown>(Object.entries(row))
    const members = select.map(({ name, expression }) => {
      const value = values.get(name)
      return expression.kind === 'nested'
        ? rowsText(expression, value, show)
        : show(expression.type, value ?? null)
    })
    return `{${members.join(', ')}}${values.size === select.length ? '' : ' and more'}`
  })
  return `[${texts.join(', ')}]`
}

/** What Postgres would print of the value outside of JSON. */
function printed(type: TypeIr, value: unknown): string | null {
  if (value === null) return null
  if (type.scalar === 'Json') return JSON.stringify(value)
  if (typeof value === 'boolean') return value ? 't' : 'f'
  if (typeof value !== 'string') return JSON.stringify(value)
  if (type.scalar === 'Bytes') return `\\x${value}`
  if (type.scalar !== 'DateTime') return value
  return `${value.replace('T', ' ')}${type.pgType.endsWith('with time zone') ? '+00' : ''}`
}
