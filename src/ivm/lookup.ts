import type { Column } from '../zset/column.ts'
import { Float64Column } from '../zset/float64-column.ts'
import { Int32Column } from '../zset/int32-column.ts'
import type { SecondaryIndex } from '../zset/secondary-index.ts'
import { offsetsOf, type SourceTable } from '../zset/source-table.ts'

/** One direction of a join: from a row of one source to the rows of another whose columns are equal. */
export interface Lookup {
  /** The first match of a row, or -1; a NULL among the columns matches nothing. */
  first(slot: number): number
  /** The match after that one, or -1. */
  next(slot: number): number
}

/** What rows are searched by: the key map of a table, or one of its indexes. */
export type LookupTarget = SourceTable | SecondaryIndex

/**
 * A lookup from `origin` columns to a target whose columns are `target`, in the same order.
 *
 * Returns undefined if equality between two of the columns cannot be decided by their kept words.
 */
export function makeLookup(
  origin: readonly Column[],
  target: readonly Column[],
  index: SecondaryIndex | null,
  table: SourceTable,
): Lookup | undefined {
  const reader = makeReader(origin, target)
  if (reader === undefined) return undefined
  return index === null ? new KeyLookup(reader, table) : new IndexLookup(reader, index)
}

class KeyLookup implements Lookup {
  readonly #reader: WordReader
  readonly #table: SourceTable

  constructor(reader: WordReader, table: SourceTable) {
    this.#reader = reader
    this.#table = table
  }

  first(slot: number): number {
    const reader = this.#reader
    if (!reader.prepare(slot)) return -1
    return this.#table.findWords(reader.words, reader.base, reader.offsets)
  }

  next(): number {
    return -1
  }
}

class IndexLookup implements Lookup {
  readonly #reader: WordReader
  readonly #index: SecondaryIndex

  constructor(reader: WordReader, index: SecondaryIndex) {
    this.#reader = reader
    this.#index = index
  }

  first(slot: number): number {
    const reader = this.#reader
    if (!reader.prepare(slot)) return -1
    return this.#index.first(reader.words, reader.base, reader.offsets)
  }

  next(slot: number): number {
    return this.#index.next(slot)
  }
}

type Conversion = (slot: number, out: Int32Array, at: number) => boolean

/** Presents the words of some columns of a row, in the form of the columns they are compared with. */
class WordReader {
  words: Int32Array
  base = 0
  readonly offsets: readonly number[]
  readonly #columns: readonly Column[]
  readonly #nullable: readonly Column[]
  readonly #conversions: readonly (readonly [Conversion, number])[] | null

  constructor(
    columns: readonly Column[],
    conversions: readonly (readonly [Conversion, number])[] | null,
    width: number,
  ) {
    this.#columns = columns
    this.#nullable = columns.filter((column) => column.nullOffset >= 0)
    this.#conversions = conversions
    this.words = new Int32Array(width)
    this.offsets =
      conversions === null ? offsetsOf(columns) : Array.from({ length: width }, (_, index) => index)
  }

  /** False if a column is NULL or holds a value that the other side cannot hold. */
  prepare(slot: number): boolean {
    const nullable = this.#nullable
    for (let index = 0; index < nullable.length; index += 1) if (nullable[index]?.isNull(slot)) return false
    if (this.#conversions === null) {
      const rows = this.#columns[0]?.rows
      if (rows === undefined) return false
      this.words = rows.words
      this.base = slot * rows.stride
      return true
    }
    for (const [convert, at] of this.#conversions) if (!convert(slot, this.words, at)) return false
    return true
  }
}

function makeReader(origin: readonly Column[], target: readonly Column[]): WordReader | undefined {
  const pairs = origin.map((column, index) => [column, target[index]] as const)
  if (pairs.every(([from, to]) => to !== undefined && sameForm(from, to))) {
    return new WordReader(origin, null, 0)
  }
  const conversions: (readonly [Conversion, number])[] = []
  let width = 0
  for (const [from, to] of pairs) {
    const conversion = to === undefined ? undefined : convertNumber(from, to)
    if (to === undefined || conversion === undefined) return undefined
    conversions.push([conversion, width])
    width += to.width
  }
  return new WordReader(origin, conversions, width)
}

/** Whether equal values have equal words in both columns. */
function sameForm(a: Column, b: Column): boolean {
  if (a instanceof Float64Column && b instanceof Float64Column) return a.codec.scale === b.codec.scale
  if (a.interned && b.interned) {
    // A wide numeric is found by its text, so both sides must print the same digits.
    return a.contract.type !== 'Decimal' || a.contract.pgType === b.contract.pgType
  }
  return a.codec.storage === b.codec.storage && isBigint(a) === isBigint(b)
}

/** Carries a number of one column over to the form of another: int2, int4, int8 and numeric up to 15 digits. */
function convertNumber(from: Column, to: Column): Conversion | undefined {
  if (sameForm(from, to)) {
    return (slot, out, at) => {
      const { words } = from.rows
      const base = slot * from.stride + from.offset
      out[at] = words[base]!
      if (from.width === 2) out[at + 1] = words[base + 1]!
      return true
    }
  }
  const read = numberReader(from)
  const write = numberWriter(to)
  if (read === undefined || write === undefined) return undefined
  const shift = scaleOf(to) - scaleOf(from)
  const factor = 10 ** Math.abs(shift)
  return (slot, out, at) => {
    const value = read(slot)
    const moved = shift >= 0 ? value * factor : value / factor
    return Number.isSafeInteger(moved) && write(moved, out, at)
  }
}

/** The other values of 64 bits are date-times. */
function isBigint({ contract }: Column): boolean {
  return contract.pgType === 'bigint'
}

function scaleOf(column: Column): number {
  return column instanceof Float64Column ? (column.codec.scale ?? 0) : 0
}

function numberReader(column: Column): ((slot: number) => number) | undefined {
  const at = (slot: number): number => slot * column.stride + column.offset
  if (column instanceof Int32Column && column.contract.type === 'Int') {
    return (slot) => column.rows.words[at(slot)]!
  }
  if (column instanceof Float64Column && column.codec.scale !== null) {
    return (slot) => column.rows.floats[at(slot) >>> 1]!
  }
  if (isBigint(column)) {
    return (slot) => column.rows.words[at(slot)]! * 0x1_0000_0000 + (column.rows.words[at(slot) + 1]! >>> 0)
  }
  return undefined
}

const DOUBLE = new Float64Array(1)
const HALVES = new Int32Array(DOUBLE.buffer)

function numberWriter(column: Column): ((value: number, out: Int32Array, at: number) => boolean) | undefined {
  if (column instanceof Int32Column && column.contract.type === 'Int') {
    return (value, out, at) => {
      out[at] = value
      return out[at] === value
    }
  }
  if (column instanceof Float64Column && column.codec.scale !== null) {
    return (value, out, at) => {
      DOUBLE[0] = value
      out[at] = HALVES[0]!
      out[at + 1] = HALVES[1]!
      return true
    }
  }
  if (isBigint(column)) {
    return (value, out, at) => {
      out[at] = Math.floor(value / 0x1_0000_0000)
      out[at + 1] = value
      return true
    }
  }
  return undefined
}
