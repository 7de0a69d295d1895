import { grownInt32 } from './grow.ts'
import { FRESH_SEED, hashWords } from './hash.ts'
import type { StateCarrier } from './state-carrier.ts'

/** Whatever holds the words of the entries; the array is replaced when it grows. */
export interface WordHolder {
  readonly words: Int32Array
}

const FIRST_CAPACITY = 16
/** Direct addressing is given up where it would need more places than that an entry; hashing needs 1.7 to 3.3. */
const DIRECT_PLACES = 4
const FIRST_DIRECT = 64

/**
 * Finds entry numbers by the words of their key, by open addressing.
 *
 * Shape: the key of entry `e` is read from the holder at `e * stride + offset`; nothing of it is copied. A place holds
 *   the entry plus one in its low bits and, in the bits above those that the table's length needs, the same bits of the
 *   hash: a foreign entry on the way is told by them, without a look at its words, which are seldom in the cache.
 *   While keys are one word and their values dense, as those of serial ids and interned text are, the value itself is the
 *   place: one access to memory where hashing needs three.
 * Cost: O(1), four bytes a place, 0.3 to 0.6 of the places taken; by value at least 0.25.
 */
export class WordMap {
  readonly #holder: WordHolder
  readonly #stride: number
  readonly #offsets: readonly number[]
  #table: Int32Array = new Int32Array(FIRST_CAPACITY)
  /** Entry plus one by key, and no table then; null: hashed. */
  #direct: Int32Array | null
  #size = 0
  #seed = FRESH_SEED

  constructor(holder: WordHolder, stride: number, offsets: readonly number[]) {
    this.#holder = holder
    this.#stride = stride
    this.#offsets = offsets
    this.#direct = offsets.length === 1 ? new Int32Array(FIRST_DIRECT) : null
  }

  get size(): number {
    return this.#size
  }

  get byteLength(): number {
    return this.#direct === null ? this.#table.byteLength : this.#direct.byteLength
  }

  /** The entry whose key equals the words at `base + offset` of an array, which may be the holder's; else -1. */
  find(words: Int32Array, base: number, offsets: readonly number[]): number {
    const direct = this.#direct
    if (direct !== null) {
      // Unsigned, so that negative values are beyond the end.
      const key = words[base + offsets[0]!]! >>> 0
      return key < direct.length ? direct[key]! - 1 : -1
    }
    const table = this.#table
    const mask = table.length - 1
    const stored = this.#holder.words
    const own = this.#offsets
    const hash = hashWords(words, base, offsets, this.#seed)
    for (let place = hash & mask; ; place = (place + 1) & mask) {
      const kept = table[place]!
      if (kept === 0) return -1
      if (((kept ^ hash) & ~mask) !== 0) continue
      const entry = (kept & mask) - 1
      const at = entry * this.#stride
      let index = 0
      while (index < own.length && stored[at + own[index]!] === words[base + offsets[index]!]) index += 1
      if (index === own.length) return entry
    }
  }

  /** Adds an entry whose words are in place and whose key is not in the map. */
  add(entry: number): void {
    if (this.#direct !== null && this.#addDirect(this.#direct, entry)) return
    // The entry must also fit the low bits.
    while ((this.#size + 1) * 5 > this.#table.length * 3 || entry + 1 >= this.#table.length) this.#grow()
    this.#size += 1
    this.#place(entry)
  }

  /** Takes an entry out; its words must still be those it was added with. */
  delete(entry: number): void {
    const direct = this.#direct
    if (direct !== null) {
      const key = this.#key(entry)
      if (direct[key] !== entry + 1) return
      direct[key] = 0
      this.#size -= 1
      return
    }
    const table = this.#table
    const mask = table.length - 1
    let hole = this.#hash(entry) & mask
    while ((table[hole]! & mask) !== entry + 1) {
      // A missing entry would spin for ever in a map that is never full.
      if (table[hole] === 0) return
      hole = (hole + 1) & mask
    }
    this.#size -= 1
    // Backward shift: no tombstones, so probes stay short however many keys come and go.
    for (let next = (hole + 1) & mask; table[next] !== 0; next = (next + 1) & mask) {
      const home = this.#hash((table[next]! & mask) - 1) & mask
      if (((next - home) & mask) >= ((next - hole) & mask)) {
        table[hole] = table[next]!
        hole = next
      }
    }
    table[hole] = 0
  }

  clear(): void {
    this.#table = new Int32Array(FIRST_CAPACITY)
    this.#direct = this.#offsets.length === 1 ? new Int32Array(FIRST_DIRECT) : null
    this.#size = 0
  }

  /** Hands its state over; the words of the entries are the holder's to carry. */
  carry(state: StateCarrier): void {
    this.#seed = state.number(this.#seed)
    this.#size = state.number(this.#size)
    const isDirect = state.number(this.#direct === null ? 0 : 1) === 1
    const table = isDirect ? (this.#direct ?? this.#table) : this.#table
    const places = state.int32(table, table.length)
    this.#direct = isDirect ? places : null
    this.#table = isDirect ? new Int32Array(FIRST_CAPACITY) : places
  }

  /** The only word of an entry's key, unsigned. */
  #key(entry: number): number {
    return this.#holder.words[entry * this.#stride + this.#offsets[0]!]! >>> 0
  }

  /** Adds an entry by the value of its key; false if the values are too sparse for that, and are hashed from now on. */
  #addDirect(direct: Int32Array, entry: number): boolean {
    const key = this.#key(entry)
    let places = direct
    if (key >= direct.length) {
      let length = direct.length
      while (length <= key) length *= 2
      if (length > Math.max((this.#size + 1) * DIRECT_PLACES, FIRST_DIRECT)) {
        this.#hashAll(direct)
        return false
      }
      places = grownInt32(direct, length)
      this.#direct = places
    }
    places[key] = entry + 1
    this.#size += 1
    return true
  }

  #hashAll(direct: Int32Array): void {
    let last = 0
    for (const item of direct) if (item > last) last = item
    let length = FIRST_CAPACITY
    while (this.#size * 5 > length * 3 || last >= length) length *= 2
    this.#table = new Int32Array(length)
    this.#direct = null
    for (const item of direct) if (item !== 0) this.#place(item - 1)
  }

  #hash(entry: number): number {
    return hashWords(this.#holder.words, entry * this.#stride, this.#offsets, this.#seed)
  }

  #place(entry: number): void {
    const table = this.#table
    const mask = table.length - 1
    const hash = this.#hash(entry)
    let place = hash & mask
    while (table[place] !== 0) place = (place + 1) & mask
    table[place] = (hash & ~mask) | (entry + 1)
  }

  #grow(): void {
    const old = this.#table
    const mask = old.length - 1
    // Marked first and then placed in the order of the entries: their words, by far the larger memory, are so read from
    // front to back.
    const present = new Uint8Array(old.length)
    let end = 0
    for (let index = 0; index < old.length; index += 1) {
      const entry = old[index]! & mask
      present[entry] = 1
      if (entry > end) end = entry
    }
    this.#table = new Int32Array(old.length * 2)
    for (let entry = 1; entry <= end; entry += 1) if (present[entry] === 1) this.#place(entry - 1)
  }
}
