import { invariant } from '../../core/errors.ts'
import type { ColumnContract, Schema } from '../../contract/schema-contract.ts'
import { codecFor } from '../../values/codec-for.ts'
import { derivedColumn, type RowsShape } from './plan-node.ts'

/** A value, or the rows of a nested result inside, in the text that a nested result is kept as. */
export type RowsText = readonly (readonly (string | null)[])[]

/** Writes the text of a nested result: an array of rows, each an array of wire texts. */
export function rowsText(rows: RowsText): string {
  return JSON.stringify(rows)
}

/** Reads what {@link rowsText} wrote. Throws: INTERNAL.INVARIANT for a text that is no such array. */
export function parseRowsText(text: string): RowsText {
  const rows: unknown = JSON.parse(text)
  invariant(isRowsText(rows), 'a nested result is no array of rows')
  return rows
}

/** The array of frozen objects that a nested result's text stands for; an empty one for NULL. */
export type RowsReader = (text: string | null) => readonly Readonly<Record<string, unknown>>[]

const NONE: readonly Readonly<Record<string, unknown>>[] = Object.freeze([])

/**
 * Shows nested results as arrays of objects with the values that Prisma Client has for such columns.
 *
 * The reader throws: CHANGES.UNDECODABLE_VALUE, INTERNAL.INVARIANT for a text that is no such array.
 */
export function makeRowsReader(schema: Schema, view: string, shape: RowsShape): RowsReader {
  const fields = shape.map(({ name, type, rows }) => {
    if (rows !== null) {
      const inner = makeRowsReader(schema, view, rows)
      return {
        name,
        read: (text: string | null): unknown => (text === null && type.nullable ? null : inner(text)),
      }
    }
    const contract: ColumnContract = derivedColumn(name, type)
    const codec = codecFor(schema, view, contract)
    // Prisma shows a list that is NULL as an empty one.
    const none = type.list && !type.nullable ? Object.freeze([]) : null
    const read = (text: string | null): unknown => (text === null ? none : codec.publicFromText(text))
    return { name, read }
  })
  return (text) => {
    if (text === null) return NONE
    return Object.freeze(
      parseRowsText(text).map((values) =>
        Object.freeze(
          Object.fromEntries(fields.map(({ name, read }, index) => [name, read(values[index] ?? null)])),
        ),
      ),
    )
  }
}

function isRowsText(value: unknown): value is RowsText {
  return Array.isArray(value) && value.every((row) => Array.isArray(row))
}
