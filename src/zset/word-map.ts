import { hashWords } from './hash.ts'

/** Whatever holds the words of the entries; the array is replaced when it grows. */
export interface WordHolder {
  readonly words: Int32Array
}

const FIRST_CAPACITY = 16

/**
 * Finds entry numbers by the words of their key, by open addressing.
 *
 * Shape: the key of entry `e` is read from the holder at `e * stride + offset`; nothing of it is copied. A place holds
 *   the entry plus one in its low bits and, in the bits above those that the table's length needs, the same bits of the
 *   hash: a foreign entry on the way is told by them, without a look at its words, which are seldom in the cache.
 * Cost: O(1), four bytes a place, 0.3 to 0.6 of the places taken.
 */
export class WordMap {
  readonly #holder: WordHolder
  readonly #stride: number
  readonly #offsets: readonly number[]
  #table: Int32Array = new Int32Array(FIRST_CAPACITY)
  #size = 0

  constructor(holder: WordHolder, stride: number, offsets: readonly number[]) {
    this.#holder = holder
    this.#stride = stride
    this.#offsets = offsets
  }

  get size(): number {
    return this.#size
  }

  get byteLength(): number {
    return this.#table.byteLength
  }

  /** The entry whose key equals the words at `base + offset` of an array, which may be the holder's; else -1. */
  find(words: Int32Array, base: number, offsets: readonly number[]): number {
    const table = this.#table
    const mask = table.length - 1
    const stored = this.#holder.words
    const own = this.#offsets
    const hash = hashWords(words, base, offsets)
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
    // The entry must also fit the low bits.
    while ((this.#size + 1) * 5 > this.#table.length * 3 || entry + 1 >= this.#table.length) this.#grow()
    this.#size += 1
    this.#place(entry)
  }

  /** Takes an entry out; its words must still be those it was added with. */
  delete(entry: number): void {
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
    this.#size = 0
  }

  #hash(entry: number): number {
    return hashWords(this.#holder.words, entry * this.#stride, this.#offsets)
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
    this.#table = new Int32Array(old.length * 2)
    for (let index = 0; index < old.length; index += 1) {
      if (old[index] !== 0) this.#place((old[index]! & mask) - 1)
    }
  }
}
