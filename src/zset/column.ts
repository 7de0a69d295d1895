import type { ColumnContract } from '../contract/schema-contract.ts'
import { undecodable } from '../values/codec-errors.ts'
import type { ValueCodec } from '../values/value-codec.ts'
import { textOfKind } from '../values/text-of-value.ts'
import { textOfValue } from '../values/value-of-text.ts'
import type { Value } from '../values/value.ts'
import type { RowStorage } from './row-storage.ts'

/** Where a column lies in the words of a row. */
export interface ColumnPlace {
  readonly rows: RowStorage
  /** First word of the value. */
  readonly offset: number
  /** The word and the bit that tell NULL; -1 and 0 where NULL cannot be or is the value 0 itself. */
  readonly nullOffset: number
  readonly nullBit: number
  /** The column's bit in the mask of changed columns. */
  readonly changeBit: number
}

/**
 * One kept column of a source table.
 *
 * `read` and `setNull` write into a slot that is not live; the words of a NULL are zero, so rows are equal
 * exactly if their words are.
 */
export abstract class Column {
  readonly contract: ColumnContract
  readonly rows: RowStorage
  readonly stride: number
  readonly offset: number
  readonly nullOffset: number
  readonly nullBit: number
  readonly changeBit: number
  abstract readonly codec: ValueCodec
  /** Words of a value: one or two. */
  abstract readonly width: 1 | 2
  /** Whether values are numbers of an interner. */
  abstract readonly interned: boolean

  constructor(contract: ColumnContract, place: ColumnPlace) {
    this.contract = contract
    this.rows = place.rows
    this.stride = place.rows.stride
    this.offset = place.offset
    this.nullOffset = place.nullOffset
    this.nullBit = place.nullBit
    this.changeBit = place.changeBit
  }

  /**
   * Parses wire text into a slot.
   *
   * Throws: CHANGES.UNDECODABLE_VALUE, CHANGES.UNKNOWN_ENUM_LABEL; the slot's value is then unset.
   */
  abstract read(slot: number, bytes: Uint8Array, start: number, end: number): void

  /** Copies the value of one slot to another, for columns that the WAL leaves out as unchanged. */
  abstract copy(from: number, to: number): void

  /** The public value of two words, which must not be those of a NULL. */
  abstract publicOf(word0: number, word1: number): unknown

  /**
   * Writes the words that a public value is kept as.
   *
   * Returns false if no row can hold the value. Throws: CONFIG.INVALID_OPTIONS if it is of another type.
   */
  abstract writeWords(value: unknown, out: Int32Array, at: number): boolean

  /** What expressions see of two words, which must not be those of a NULL. */
  abstract valueOfWords(word0: number, word1: number): Value

  /** What expressions see of a slot; null for NULL. */
  abstract valueOf(slot: number): Value

  /**
   * Writes a value of an expression into a slot that is not live; null for NULL.
   *
   * Throws: CHANGES.UNDECODABLE_VALUE for NULL where the contract says NOT NULL, CHANGES.UNKNOWN_ENUM_LABEL.
   */
  abstract put(slot: number, value: Value): void

  /** Writes the words of a value in wire text; false if no row can hold it. */
  abstract writeText(text: string, out: Int32Array, at: number): boolean

  /**
   * Makes a slot hold NULL.
   *
   * Throws: CHANGES.UNDECODABLE_VALUE where the contract says NOT NULL.
   */
  setNull(slot: number): void {
    if (this.nullOffset < 0) {
      throw undecodable(
        this.codec.place,
        this.contract.pgType,
        'NULL in a column that the contract calls required',
      )
    }
    const { words } = this.rows
    const base = slot * this.stride
    words[base + this.offset] = 0
    if (this.width === 2) words[base + this.offset + 1] = 0
    words[base + this.nullOffset]! |= this.nullBit
  }

  /** Gives a slot the words of a value of an equal column; interned ones of the same interner. */
  putWords(slot: number, word0: number, word1: number): void {
    const base = slot * this.stride
    const { words } = this.rows
    words[base + this.offset] = word0
    if (this.width === 2) words[base + this.offset + 1] = word1
    this.clearNull(base)
  }

  isNull(slot: number): boolean {
    return (
      this.nullOffset >= 0 && (this.rows.words[slot * this.stride + this.nullOffset]! & this.nullBit) !== 0
    )
  }

  /** The public value of a slot: null for NULL, an empty list for a NULL list. */
  value(slot: number): unknown {
    if (this.isNull(slot)) return this.contract.list && this.contract.nulls !== true ? [] : null
    const at = slot * this.stride + this.offset
    const { words } = this.rows
    return this.publicOf(words[at]!, this.width === 2 ? words[at + 1]! : 0)
  }

  /** Postgres' text of what a slot holds, with all its digits; null for NULL. */
  text(slot: number): string | null {
    const value = this.valueOf(slot)
    if (value === null) return null
    // A label is its own text.
    return this.contract.enum === undefined ? textOfKind(value, this.contract.pgType) : textOfValue(value)
  }

  protected clearNull(base: number): void {
    if (this.nullOffset >= 0) this.rows.words[base + this.nullOffset]! &= ~this.nullBit
  }

  protected copyNull(from: number, to: number): void {
    if (this.nullOffset < 0) return
    const { words } = this.rows
    const set = words[from * this.stride + this.nullOffset]! & this.nullBit
    const at = to * this.stride + this.nullOffset
    words[at] = (words[at]! & ~this.nullBit) | set
  }
}
