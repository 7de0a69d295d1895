import type { Column } from './column.ts'
import { grownInt32 } from './grow.ts'
import type { RowStorage } from './row-storage.ts'
import type { StateCarrier } from './state-carrier.ts'
import { WordMap } from './word-map.ts'

/** Where an index keeps its links in the words of a row. */
export interface IndexPlace {
  readonly nextOffset: number
  readonly previousOffset: number
}

const FIRST_BUCKETS = 16

/**
 * The rows of a table by the values of some of its columns, shared by every view that joins on them.
 *
 * Meaning: a row is in exactly one bucket, or in none if one of the columns is NULL (SQL's `=` never matches it).
 * State: two words a row, inside the row, and about five words a bucket.
 * Cost: O(1) to link, unlink, count and find the first row; O(1) a further row.
 */
export class SecondaryIndex {
  readonly columns: readonly Column[]
  readonly #rows: RowStorage
  readonly #offsets: readonly number[]
  readonly #nullable: readonly Column[]
  readonly #next: number
  readonly #previous: number
  readonly #width: number
  /** A bucket is one record, so that it costs one cache line: the key's words, the first row, how many rows. */
  readonly #buckets: { words: Int32Array }
  readonly #stride: number
  readonly #map: WordMap
  #used = 0
  /** Head of the list of free buckets, linked through their first rows; -1 ends it. */
  #free = -1
  /** The bucket that was found last, or -1: a view counts a row's like right before the row is linked. */
  #last = -1

  constructor(rows: RowStorage, columns: readonly Column[], place: IndexPlace) {
    this.columns = columns
    this.#rows = rows
    this.#offsets = columns.flatMap((column) =>
      column.width === 2 ? [column.offset, column.offset + 1] : [column.offset],
    )
    this.#nullable = columns.filter(({ contract }) => contract.nullable || contract.list)
    this.#next = place.nextOffset
    this.#previous = place.previousOffset
    this.#width = this.#offsets.length
    this.#stride = this.#width + 2
    this.#buckets = { words: new Int32Array(FIRST_BUCKETS * this.#stride) }
    const own = Array.from({ length: this.#width }, (_, index) => index)
    this.#map = new WordMap(this.#buckets, this.#stride, own)
  }

  /** How many different keys there are. */
  get size(): number {
    return this.#map.size
  }

  get byteLength(): number {
    return this.#buckets.words.byteLength + this.#map.byteLength
  }

  /** The first row whose columns equal the words at `base + offset`, or -1. Newest first. */
  first(words: Int32Array, base: number, offsets: readonly number[]): number {
    const bucket = this.#map.find(words, base, offsets)
    return bucket < 0 ? -1 : this.#buckets.words[this.#headAt(bucket)]!
  }

  /** The row after `slot` in its bucket, or -1. */
  next(slot: number): number {
    return this.#rows.words[slot * this.#rows.stride + this.#next]!
  }

  /** How many linked rows share the key of `slot`, itself included if it is linked; 0 if the key has a NULL. */
  countLike(slot: number): number {
    if (this.#hasNull(slot)) return 0
    const bucket = this.#find(this.#rows.words, slot * this.#rows.stride)
    return bucket < 0 ? 0 : this.#buckets.words[this.#headAt(bucket) + 1]!
  }

  link(slot: number): void {
    if (this.#hasNull(slot)) return
    const { words, stride } = this.#rows
    const base = slot * stride
    let bucket = this.#find(words, base)
    if (bucket < 0) bucket = this.#open(words, base)
    const buckets = this.#buckets.words
    const at = this.#headAt(bucket)
    const head = buckets[at]!
    if (head >= 0) words[head * stride + this.#previous] = slot
    words[base + this.#next] = head
    words[base + this.#previous] = -1
    buckets[at] = slot
    buckets[at + 1]! += 1
  }

  unlink(slot: number): void {
    if (this.#hasNull(slot)) return
    const { words, stride } = this.#rows
    const base = slot * stride
    const bucket = this.#find(words, base)
    const buckets = this.#buckets.words
    const at = this.#headAt(bucket)
    const next = words[base + this.#next]!
    const previous = words[base + this.#previous]!
    if (previous < 0) buckets[at] = next
    else words[previous * stride + this.#next] = next
    if (next >= 0) words[next * stride + this.#previous] = previous
    buckets[at + 1]! -= 1
    if (buckets[at + 1] === 0) this.#close(bucket)
  }

  /** Hands its state over; the links lie in the rows. */
  carry(state: StateCarrier): void {
    this.#used = state.number(this.#used)
    this.#free = state.number(this.#free)
    this.#last = -1
    this.#buckets.words = state.int32(this.#buckets.words, this.#used * this.#stride)
    this.#map.carry(state)
  }

  #headAt(bucket: number): number {
    return bucket * this.#stride + this.#width
  }

  #hasNull(slot: number): boolean {
    const nullable = this.#nullable
    for (let index = 0; index < nullable.length; index += 1) if (nullable[index]?.isNull(slot)) return true
    return false
  }

  /** The bucket of a row's key, or -1. */
  #find(words: Int32Array, base: number): number {
    const last = this.#last
    if (last >= 0 && this.#holds(last, words, base)) return last
    const bucket = this.#map.find(words, base, this.#offsets)
    this.#last = bucket
    return bucket
  }

  #holds(bucket: number, words: Int32Array, base: number): boolean {
    const buckets = this.#buckets.words
    const at = bucket * this.#stride
    const offsets = this.#offsets
    for (let index = 0; index < offsets.length; index += 1) {
      if (buckets[at + index] !== words[base + offsets[index]!]) return false
    }
    return true
  }

  /** A bucket without rows. */
  #open(words: Int32Array, base: number): number {
    const buckets = this.#buckets
    let bucket = this.#free
    if (bucket >= 0) this.#free = buckets.words[this.#headAt(bucket)]!
    else {
      bucket = this.#used
      this.#used += 1
      if (bucket * this.#stride === buckets.words.length) {
        buckets.words = grownInt32(buckets.words, bucket * this.#stride * 2)
      }
    }
    const at = bucket * this.#stride
    for (let index = 0; index < this.#width; index += 1) {
      buckets.words[at + index] = words[base + this.#offsets[index]!]!
    }
    buckets.words[at + this.#width] = -1
    buckets.words[at + this.#width + 1] = 0
    this.#map.add(bucket)
    this.#last = bucket
    return bucket
  }

  #close(bucket: number): void {
    this.#map.delete(bucket)
    this.#buckets.words[this.#headAt(bucket)] = this.#free
    this.#free = bucket
    this.#last = -1
  }
}
