import { invariant } from '../core/errors.ts'
import { formatArrayLiteral } from '../values/array-literal.ts'
import type { Column } from '../zset/column.ts'
import { InternedColumn } from '../zset/interned-column.ts'
import type { Collect } from './ordered-rows.ts'

/** `array_agg`: the public values in order, null for NULL; null without rows. */
export function collectArray(column: Column): Collect<readonly unknown[] | null> {
  return (slots) => {
    const values: unknown[] = []
    for (const slot of slots) values.push(slot < 0 ? null : column.value(slot))
    return values.length === 0 ? null : Object.freeze(values)
  }
}

/** `array_agg` in Postgres' text form, every value with all its digits. */
export function collectArrayText(column: Column): Collect<string | null> {
  return (slots) => {
    const texts: (string | null)[] = []
    for (const slot of slots) texts.push(slot < 0 ? null : column.text(slot))
    return texts.length === 0 ? null : formatArrayLiteral(texts)
  }
}

/** `string_agg`: the texts that are not NULL with `separator` between them; null without any. */
export function collectString(column: Column, separator: string): Collect<string | null> {
  invariant(column instanceof InternedColumn, 'a joined text that is not kept as text')
  const { interner, rows, stride, offset } = column
  return (slots) => {
    let text: string | null = null
    for (const slot of slots) {
      const id = slot < 0 ? 0 : rows.words[slot * stride + offset]!
      if (id === 0) continue
      const item = interner.text(id)
      text = text === null ? item : text + separator + item
    }
    return text
  }
}

/** `jsonb_agg`: what JSON.parse makes of each value's JSON, null for NULL; null without rows. */
export function collectJson(column: Column): Collect<readonly unknown[] | null> {
  // JSON has the label that the database knows, where Prisma Client shows the name of the schema.
  const show =
    column.contract.type === 'Enum'
      ? (slot: number): unknown => column.codec.textFromPublic(column.value(slot))
      : (slot: number): unknown => column.value(slot)
  return (slots) => {
    const values: unknown[] = []
    for (const slot of slots) values.push(slot < 0 || column.isNull(slot) ? null : show(slot))
    return values.length === 0 ? null : Object.freeze(values)
  }
}
