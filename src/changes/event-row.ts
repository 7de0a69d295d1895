import { isUnshowable, unshowable } from '../values/codec-errors.ts'
import type { ValueCodec } from '../values/value-codec.ts'

/** A row as an event carries it, by field name. */
export type EventRow = Record<string, unknown>

/** Defines rather than assigns: a field may be named `__proto__`. */
function setField(row: EventRow, field: string, value: unknown): void {
  Object.defineProperty(row, field, { value, enumerable: true, configurable: true, writable: true })
}

/**
 * Sets a field to the public value of a text. A value that its public type cannot hold throws where it is read, not here: the
 * WAL cannot be corrected, and a change that could never be handed on would keep all later ones from their consumers for good.
 */
export function showField(row: EventRow, codec: ValueCodec, text: () => string): void {
  const { field } = codec.column
  try {
    setField(row, field, codec.publicFromText(text()))
  } catch (error) {
    if (!isUnshowable(error)) throw error
    throwOnRead(row, field, error)
  }
}

/**
 * Sets a field to what it shows where the database has NULL: Prisma reads a null list as empty. Where the contract says that there is
 * no NULL its type cannot hold one, so it throws where it is read, as {@link showField} does.
 */
export function showNull(row: EventRow, codec: ValueCodec): void {
  const { field, list, nullable, pgType } = codec.column
  if (list || nullable) return setField(row, field, list ? [] : null)
  const remedy = 'Make the field optional in schema.prisma and run prisma generate, or correct the row.'
  throwOnRead(
    row,
    field,
    unshowable(codec.place, pgType, 'NULL in a column that the contract calls required', remedy),
  )
}

function throwOnRead(row: EventRow, field: string, error: unknown): void {
  const get = (): never => {
    throw error
  }
  Object.defineProperty(row, field, { get, enumerable: true, configurable: true })
}

const ABSENT = { value: undefined, enumerable: true, configurable: true, writable: true }

/** Copies a field without reading it. */
export function copyField(from: EventRow, to: EventRow, field: string): void {
  Object.defineProperty(to, field, Object.getOwnPropertyDescriptor(from, field) ?? ABSENT)
}

/** The fields of both rows, the second one's where both have one, without reading any. */
export function mergeRows(base: EventRow, over: EventRow): EventRow {
  const fields = { ...Object.getOwnPropertyDescriptors(base), ...Object.getOwnPropertyDescriptors(over) }
  return Object.defineProperties({}, fields)
}
