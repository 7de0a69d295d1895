import type { ColumnContract, ModelContract } from './schema-contract.ts'

/** Smallest stored size, in bytes, from which Postgres may move a value out of its row. */
const TOAST_POINTER_BYTES = 24

/**
 * Whether an update may leave the value out: it did not change it, and Postgres may store it out of its row (TOAST). The
 * WAL always carries a key, even one that is stored so.
 */
export function mayBeAbsent(model: ModelContract, column: ColumnContract): boolean {
  return !model.key.includes(column.field) && mayBeOutOfLine(column)
}

/**
 * Whether Postgres may store a value out of its row (TOAST), in which case an update that leaves the value
 * alone does not carry it. Bounded by the type alone, since row width and storage settings can change:
 * types of fixed size and those that never pass 24 bytes with their header stay in the row.
 *
 * Source: PostgreSQL, `toast_tuple_find_biggest_attribute`; text at 4 bytes a character, UTF-8's most.
 */
export function mayBeOutOfLine(column: ColumnContract): boolean {
  return column.list || (column.type !== 'Enum' && maxStoredBytes(column.pgType) > TOAST_POINTER_BYTES)
}

function maxStoredBytes(pgType: string): number {
  const [, name = pgType, first, second = '0'] = /^([a-z ]+?)(?:\((\d+)(?:,(\d+))?\))?$/.exec(pgType) ?? []
  const length = first === undefined ? Infinity : Number(first)
  switch (name) {
    case 'text':
    case 'citext':
    case 'xml':
    case 'json':
    case 'jsonb':
    case 'bytea':
      return Infinity
    case 'character':
    case 'character varying':
      return 4 + 4 * length
    case 'bit':
    case 'bit varying':
      return 8 + Math.ceil(length / 8)
    case 'numeric': {
      // Two bytes for each four decimal digits, counted from the decimal point in both directions.
      const scale = Number(second)
      return 8 + 2 * (Math.ceil(Math.max(length - scale, 0) / 4) + Math.ceil(scale / 4))
    }
    default:
      // Of fixed size, or inet with at most 22 bytes.
      return 0
  }
}
