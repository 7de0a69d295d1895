import type { Column } from './column.ts'
import { grownInt32 } from './grow.ts'
import type { RowStorage } from './row-storage.ts'
import { WordMap } from './word-map.ts'

/** Where an index keeps its links in the words of a row. */
export interface IndexPlace {
  readonly nextOffset: number
  readonly previousOffset: number
}

/** The bucket arrays: `words` holds the keys, so that the map can read them. */
interface Buckets {
  words: Int32Array
  heads: Int32Array
  counts: Int32Array
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
  readonly #buckets: Buckets
  readonly #map: WordMap
  #used = 0
  /** Head of the list of free buckets, linked through `heads`; -1 ends it. */
  #free = -1

  constructor(rows: RowStorage, columns: readonly Column[], place: IndexPlace) {
    this.columns = columns
    this.#rows = rows
    this.#offsets = columns.flatMap((column) =>
      column.width === 2 ? [column.offset, column.offset + 1] : [column.offset],
    )
    this.#nullable = columns.filter((column) => column.interned || column.nullOffset >= 0)
    this.#next = place.nextOffset
    this.#previous = place.previousOffset
    this.#width = this.#offsets.length
    this.#buckets = {
      words: new Int32Array(FIRST_BUCKETS * this.#width),
      heads: new Int32Array(FIRST_BUCKETS),
      counts: new Int32Array(FIRST_BUCKETS),
    }
    const own = Array.from({ length: this.#width }, (_, index) => index)
    this.#map = new WordMap(this.#buckets, this.#width, own)
  }

  /** How many different keys there are. */
  get size(): number {
    return this.#map.size
  }

  get byteLength(): number {
    const { words, heads, counts } = this.#buckets
    return words.byteLength + heads.byteLength + counts.byteLength + this.#map.byteLength
  }

  /** The first row whose columns equal the words at `base + offset`, or -1. Newest first. */
  first(words: Int32Array, base: number, offsets: readonly number[]): number {
    const bucket = this.#map.find(words, base, offsets)
    return bucket < 0 ? -1 : this.#buckets.heads[bucket]!
  }

  /** The row after `slot` in its bucket, or -1. */
  next(slot: number): number {
    return this.#rows.words[slot * this.#rows.stride + this.#next]!
  }

  /** How many rows there are whose columns equal the words at `base + offset`. */
  count(words: Int32Array, base: number, offsets: readonly number[]): number {
    const bucket = this.#map.find(words, base, offsets)
    return bucket < 0 ? 0 : this.#buckets.counts[bucket]!
  }

  /** How many linked rows share the key of `slot`, itself included if it is linked; 0 if the key has a NULL. */
  countLike(slot: number): number {
    if (this.#hasNull(slot)) return 0
    return this.count(this.#rows.words, slot * this.#rows.stride, this.#offsets)
  }

  link(slot: number): void {
    if (this.#hasNull(slot)) return
    const { words, stride } = this.#rows
    const base = slot * stride
    let bucket = this.#map.find(words, base, this.#offsets)
    let head = -1
    if (bucket < 0) bucket = this.#open(words, base)
    else {
      head = this.#buckets.heads[bucket]!
      words[head * stride + this.#previous] = slot
    }
    words[base + this.#next] = head
    words[base + this.#previous] = -1
    this.#buckets.heads[bucket] = slot
    this.#buckets.counts[bucket]! += 1
  }

  unlink(slot: number): void {
    if (this.#hasNull(slot)) return
    const { words, stride } = this.#rows
    const base = slot * stride
    const bucket = this.#map.find(words, base, this.#offsets)
    const next = words[base + this.#next]!
    const previous = words[base + this.#previous]!
    if (previous < 0) this.#buckets.heads[bucket] = next
    else words[previous * stride + this.#next] = next
    if (next >= 0) words[next * stride + this.#previous] = previous
    this.#buckets.counts[bucket]! -= 1
    if (this.#buckets.counts[bucket] === 0) this.#close(bucket)
  }

  #hasNull(slot: number): boolean {
    for (const column of this.#nullable) if (column.isNull(slot)) return true
    return false
  }

  #open(words: Int32Array, base: number): number {
    const buckets = this.#buckets
    let bucket = this.#free
    if (bucket >= 0) this.#free = buckets.heads[bucket]!
    else {
      bucket = this.#used
      this.#used += 1
      if (bucket === buckets.heads.length) {
        buckets.words = grownInt32(buckets.words, bucket * 2 * this.#width)
        buckets.heads = grownInt32(buckets.heads, bucket * 2)
        buckets.counts = grownInt32(buckets.counts, bucket * 2)
      }
    }
    for (let index = 0; index < this.#width; index += 1) {
      buckets.words[bucket * this.#width + index] = words[base + this.#offsets[index]!]!
    }
    this.#map.add(bucket)
    return bucket
  }

  #close(bucket: number): void {
    this.#map.delete(bucket)
    this.#buckets.heads[bucket] = this.#free
    this.#free = bucket
  }
}
