import { modelOf } from '../contract/lookup.ts'
import type { ModelContract, Schema } from '../contract/schema-contract.ts'
import { DbsyncError, invariant } from '../core/errors.ts'
import { codecFor } from '../values/codec-for.ts'
import type { Column } from './column.ts'
import { Float64Column } from './float64-column.ts'
import { Int32Column } from './int32-column.ts'
import { Int64Column } from './int64-column.ts'
import { InternedColumn } from './interned-column.ts'
import type { Interner } from './interner.ts'
import { RowLayout, RowStorage } from './row-storage.ts'
import { SecondaryIndex } from './secondary-index.ts'
import type { StateCarrier } from './state-carrier.ts'
import { WordMap } from './word-map.ts'

/** What a view does with the changes of one of its sources. A listener keeps its own failures to itself. */
export interface RowListener {
  /** Columns (their `changeBit`) that the view reads at all. */
  readonly mask: number
  /** Columns whose change moves the row to other join partners, groups or out of the filter. */
  readonly critical: number
  /** The row is not yet linked: indexes show the others alone. */
  insert(slot: number): void
  /** The row is no longer linked. */
  remove(slot: number): void
  /** No critical column differs between the live row and the scratch row that will replace its values. */
  update(old: number, scratch: number, changed: number): void
}

/** What the planner asks of a table. */
export interface TableRequest {
  readonly schema: Schema
  readonly model: string
  /** Fields beside the key. */
  readonly fields: ReadonlySet<string>
  /** Field lists of the secondary indexes. */
  readonly indexes: readonly (readonly string[])[]
  /** How many words each row keeps for the views' own bookkeeping. */
  readonly slotWords: number
  readonly interner: Interner
}

/** Columns from the 31st on share the last bit of the change mask, which only costs time. */
const LAST_BIT = 30

/**
 * The live rows of one source table, only the columns that some view needs, with its key and its indexes.
 *
 * Shape: a row is a slot number; its words lie side by side. Word 0 is the generation in which the row was last
 *   put or confirmed (1 and up), 0 while the slot is scratch, and below 0 a link of the free list.
 * Order: `allocate`, then `read`, `setNull` or `copy` for every column, then one of `insert`, `replace`, `release`.
 * Cost: O(1) a call, beside what the views do and `clear` and `sweep`.
 */
export class SourceTable {
  readonly model: ModelContract
  /** The kept columns, in contract order. */
  readonly columns: readonly Column[]
  /** The key's columns, in key order. */
  readonly keyColumns: readonly Column[]
  readonly indexes: readonly SecondaryIndex[]
  readonly rows: RowStorage
  readonly interner: Interner
  readonly listeners: RowListener[] = []
  /** First of the words that `slotWords` asked for; each is -1 in a new row. */
  readonly slotWordOffset: number
  readonly keyOffsets: readonly number[]
  readonly slotWords: number
  readonly #interned: readonly InternedColumn[]
  readonly #valueStart: number
  readonly #nullEnd: number
  readonly #valueEnd: number
  /** The change bit of the column that a value word belongs to. */
  readonly #bitsOfWord: Int32Array
  readonly #keyMap: WordMap
  readonly #keyMask: number
  readonly #indexMask: number
  /** Even; the odd number before it marks rows that this generation has confirmed and not put. */
  #generation = 2
  #used = 0
  /** Head of the free list; -1 ends it. A link to slot s is kept as -2 - s. */
  #free = -1

  constructor(request: TableRequest) {
    const model = modelOf(request.schema, request.model)
    this.model = model
    this.interner = request.interner
    this.slotWords = request.slotWords
    const contracts = model.columns.filter(
      ({ field }) => request.fields.has(field) || model.key.includes(field),
    )
    const codecs = contracts.map((contract) => codecFor(request.schema, model.model, contract))
    const layout = new RowLayout()
    layout.take(1)
    this.#valueStart = layout.end
    const nullWords = layout.take(Math.ceil(contracts.length / 32))
    this.#nullEnd = layout.end
    // Doubles last, so that at most one word is lost to alignment.
    const offsets = new Map<number, number>()
    codecs.forEach((codec, index) => {
      if (codec.storage !== 'float64') offsets.set(index, layout.take(codec.storage === 'int64' ? 2 : 1))
    })
    codecs.forEach((codec, index) => {
      if (codec.storage === 'float64') offsets.set(index, layout.takeDouble())
    })
    this.#valueEnd = layout.end
    this.slotWordOffset = layout.take(request.slotWords)
    const places = request.indexes.map(() => ({ nextOffset: layout.take(1), previousOffset: layout.take(1) }))
    const rows = new RowStorage(layout.stride)
    this.rows = rows
    this.columns = codecs.map((codec, index) => {
      const nullable = codec.column.nullable || codec.column.list
      const place = {
        rows,
        offset: offsets.get(index) ?? 0,
        nullOffset: nullable && codec.storage !== 'bytes' ? nullWords + (index >> 5) : -1,
        nullBit: 1 << (index & 31),
        changeBit: 1 << Math.min(index, LAST_BIT),
      }
      if (codec.storage === 'int32') return new Int32Column(codec, place)
      if (codec.storage === 'int64') return new Int64Column(codec, place)
      if (codec.storage === 'float64') return new Float64Column(codec, place)
      return new InternedColumn(codec, place, request.interner)
    })
    this.#bitsOfWord = new Int32Array(this.#valueEnd)
    for (const column of this.columns) {
      this.#bitsOfWord.fill(column.changeBit, column.offset, column.offset + column.width)
    }
    this.#interned = this.columns.filter((column) => column instanceof InternedColumn)
    this.keyColumns = model.key.map((field) => this.column(field))
    this.keyOffsets = offsetsOf(this.keyColumns)
    this.#keyMap = new WordMap(rows, rows.stride, this.keyOffsets)
    this.indexes = request.indexes.map(
      (fields, index) =>
        new SecondaryIndex(
          rows,
          fields.map((field) => this.column(field)),
          places[index] ?? { nextOffset: 0, previousOffset: 0 },
        ),
    )
    this.#keyMask = maskOf(this.keyColumns)
    this.#indexMask = maskOf(this.indexes.flatMap((index) => index.columns))
  }

  /** How many rows are live. */
  get size(): number {
    return this.#keyMap.size
  }

  /** The current generation; `insert`, `replace` and `mark` stamp rows with it. A row is older if its mark is less than this minus one. */
  get generation(): number {
    return this.#generation
  }

  /** Bytes of the rows, the key and the indexes; the interner is shared and not counted. */
  get byteLength(): number {
    let bytes = this.rows.words.byteLength + this.#keyMap.byteLength
    for (const index of this.indexes) bytes += index.byteLength
    return bytes
  }

  /**
   * The kept column of a field.
   *
   * Throws: INTERNAL.INVARIANT if no view asked for it.
   */
  column(field: string): Column {
    const column = this.columns.find(({ contract }) => contract.field === field)
    invariant(column !== undefined, `no view keeps ${this.model.model}.${field}`)
    return column
  }

  /** A scratch slot; its interned columns hold nothing, the rest is what was there. */
  allocate(): number {
    let slot = this.#free
    const { rows } = this
    if (slot >= 0) this.#free = -2 - rows.words[slot * rows.stride]!
    else {
      slot = this.#used
      this.#used += 1
      if (slot === rows.capacity) rows.grow()
    }
    const base = slot * rows.stride
    rows.words[base] = 0
    for (let index = 0; index < this.slotWords; index += 1) {
      rows.words[base + this.slotWordOffset + index] = -1
    }
    return slot
  }

  /** The live slot whose key equals that of a slot (live or scratch), or -1. */
  find(slot: number): number {
    return this.#keyMap.find(this.rows.words, slot * this.rows.stride, this.keyOffsets)
  }

  /** The live slot whose key columns equal the words at `base + offset`, or -1. */
  findWords(words: Int32Array, base: number, offsets: readonly number[]): number {
    return this.#keyMap.find(words, base, offsets)
  }

  /** Whether all kept columns of two slots are equal. */
  sameRow(a: number, b: number): boolean {
    const { words, stride } = this.rows
    const left = a * stride
    const right = b * stride
    for (let offset = this.#valueStart; offset < this.#valueEnd; offset += 1) {
      if (words[left + offset] !== words[right + offset]) return false
    }
    return true
  }

  /**
   * Makes a scratch row live and tells the views.
   *
   * Throws: INTERNAL.INVARIANT if a live row has its key.
   */
  insert(slot: number): void {
    this.#requireNew(slot)
    for (const listener of this.listeners) listener.insert(slot)
    this.#link(slot)
    this.mark(slot)
  }

  /**
   * Gives the live row `old` the values of a scratch row and tells the views. The row stays in the slot `old`; the
   * scratch slot is released. The key may change.
   *
   * Throws: INTERNAL.INVARIANT if the key changes to that of another live row.
   */
  replace(old: number, scratch: number): void {
    const changed = this.#changedColumns(old, scratch)
    if ((changed & this.#keyMask) !== 0) this.#requireNew(scratch)
    let moved = (changed & (this.#keyMask | this.#indexMask)) !== 0
    const { listeners } = this
    for (let index = 0; index < listeners.length; index += 1) {
      const listener = listeners[index]
      if (listener === undefined || (changed & listener.mask) === 0) continue
      if ((changed & listener.critical) === 0) listener.update(old, scratch, changed)
      else moved = true
    }
    if (moved) {
      this.#unlink(old)
      for (const listener of listeners) if ((changed & listener.critical) !== 0) listener.remove(old)
      this.#take(old, scratch)
      for (const listener of listeners) if ((changed & listener.critical) !== 0) listener.insert(old)
      this.#link(old)
    } else this.#take(old, scratch)
    this.mark(old)
  }

  /** Takes a live row out and tells the views. */
  remove(slot: number): void {
    this.#unlink(slot)
    for (const listener of this.listeners) listener.remove(slot)
    this.release(slot)
  }

  /** Gives a scratch slot back. */
  release(slot: number): void {
    for (const column of this.#interned) column.drop(slot)
    this.rows.words[slot * this.rows.stride] = -2 - this.#free
    this.#free = slot
  }

  /** Removes every row, as TRUNCATE does, and tells the views. */
  clear(): void {
    for (const slot of this.slots()) this.remove(slot)
  }

  /** Stamps a live row as put in this generation. */
  mark(slot: number): void {
    this.rows.words[slot * this.rows.stride] = this.#generation
  }

  /** Stamps a live row as known to be there, though this generation has not put it. */
  confirm(slot: number): void {
    const at = slot * this.rows.stride
    this.rows.words[at] = Math.max(this.rows.words[at]!, this.#generation - 1)
  }

  /** The stamp of a live row. */
  markOf(slot: number): number {
    return this.rows.words[slot * this.rows.stride]!
  }

  /** Starts a new generation: from now on rows not confirmed again are older. */
  beginGeneration(): void {
    this.#generation += 2
  }

  /** Removes the live rows whose stamp is less than `since`, by default those older than this generation; returns how many. */
  sweep(since: number = this.#generation - 1): number {
    let removed = 0
    for (const slot of this.slots()) {
      if (this.markOf(slot) >= since) continue
      this.remove(slot)
      removed += 1
    }
    return removed
  }

  /** The live slots; rows may be removed on the way. */
  *slots(): Generator<number> {
    for (let slot = 0; slot < this.#used; slot += 1) if (this.markOf(slot) > 0) yield slot
  }

  /** Hands over rows, key and indexes. Listeners are not told: what they keep of the rows is theirs to carry. */
  carry(state: StateCarrier): void {
    state.label(this.#layout)
    if (state.isLoading)
      for (const slot of this.slots()) for (const column of this.#interned) column.drop(slot)
    this.#generation = state.number(this.#generation)
    this.#used = state.number(this.#used)
    this.#free = state.number(this.#free)
    this.rows.carry(state, this.#used)
    this.#keyMap.carry(state)
    for (const index of this.indexes) index.carry(state)
  }

  /** What the words of a row mean. */
  get #layout(): string {
    const { rows, slotWords } = this
    const columns = this.columns.map(({ contract, offset }) => `${contract.field}@${offset}`)
    const indexes = this.indexes.map((index) => index.columns.map(({ contract }) => contract.field).join('+'))
    return `table ${this.model.model}(${columns.join()}) by ${indexes.join()}; ${slotWords} of ${rows.stride} words`
  }

  #requireNew(slot: number): void {
    if (this.find(slot) < 0) return
    throw new DbsyncError(
      'INTERNAL.INVARIANT',
      `bug in DBSync: a row of ${this.model.model} became live under the key of another live row`,
    )
  }

  #changedColumns(a: number, b: number): number {
    const { words, stride } = this.rows
    const left = a * stride
    const right = b * stride
    const bits = this.#bitsOfWord
    let changed = 0
    for (let offset = this.#valueStart; offset < this.#valueEnd; offset += 1) {
      const difference = words[left + offset]! ^ words[right + offset]!
      if (difference === 0) continue
      changed |= bits[offset]!
      if (offset < this.#nullEnd) changed |= this.#changedNulls(offset, difference)
    }
    return changed
  }

  #changedNulls(offset: number, difference: number): number {
    let changed = 0
    for (const column of this.columns) {
      if (column.nullOffset === offset && (difference & column.nullBit) !== 0) changed |= column.changeBit
    }
    return changed
  }

  /** Moves the values of a scratch row into a live one and frees the scratch slot. */
  #take(live: number, scratch: number): void {
    for (const column of this.#interned) column.drop(live)
    const { words, stride } = this.rows
    const target = live * stride
    const source = scratch * stride
    for (let offset = this.#valueStart; offset < this.#valueEnd; offset += 1) {
      words[target + offset] = words[source + offset]!
    }
    // The ids moved with the words: the scratch slot holds none of them any more.
    for (const column of this.#interned) words[source + column.offset] = 0
    words[source] = -2 - this.#free
    this.#free = scratch
  }

  #link(slot: number): void {
    this.#keyMap.add(slot)
    for (const index of this.indexes) index.link(slot)
  }

  #unlink(slot: number): void {
    this.#keyMap.delete(slot)
    for (const index of this.indexes) index.unlink(slot)
  }
}

/** The words of some columns, in their order. */
export function offsetsOf(columns: readonly Column[]): readonly number[] {
  return columns.flatMap((column) =>
    column.width === 2 ? [column.offset, column.offset + 1] : [column.offset],
  )
}

/** The change bits of some columns. */
export function maskOf(columns: readonly Column[]): number {
  return columns.reduce((mask, column) => mask | column.changeBit, 0)
}
