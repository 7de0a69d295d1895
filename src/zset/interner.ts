import { DbsyncError } from '../core/errors.ts'
import { wireText } from '../values/wire-text.ts'
import { grownInt32 } from './grow.ts'
import { FRESH_SEED, hashBytes } from './hash.ts'
import type { StateCarrier } from './state-carrier.ts'

const FIRST_IDS = 64
const FIRST_ARENA = 4096
const ARENA_LIMIT = 0xffff_0000
/** The words of an id, side by side, so that a string that is known costs one cache line beside its bytes. */
const STRIDE = 4
/** Where the bytes begin, unsigned. */
const START = 0
/** How many bytes; of a free id the next free one. */
const LENGTH = 1
const REFERENCES = 2
const HASH = 3

/**
 * Gives equal byte strings one 32-bit number while somebody holds them.
 *
 * Shape: numbers start at 1; 0 stands for "none" and is never given out. Equality is exact: the hash only
 * chooses where to look.
 * State: one arena of bytes, compacted when half of it is garbage, and about 24 bytes a string.
 * Order: every `intern` and `acquire` needs one `release`; a number is used again after the last one.
 */
export class Interner {
  #arena: Buffer = Buffer.allocUnsafeSlow(FIRST_ARENA)
  #used = 0
  #garbage = 0
  /** An id in the low bits; above those that the table's length needs, the same bits of its hash. */
  #table: Int32Array = new Int32Array(FIRST_IDS * 2)
  #ids: Int32Array = new Int32Array(FIRST_IDS * STRIDE)
  /** Ids below this were given out at least once. */
  #next = 1
  /** Head of the list of free ids, linked through their lengths. */
  #free = 0
  #size = 0
  #seed = FRESH_SEED

  /** How many different strings are held. */
  get size(): number {
    return this.#size
  }

  get byteLength(): number {
    return this.#arena.length + this.#table.byteLength + this.#ids.byteLength
  }

  /** The id of a range of bytes, held once more. */
  intern(bytes: Uint8Array, start: number, end: number): number {
    const hash = hashBytes(bytes, start, end, this.#seed)
    const known = this.#lookup(hash, bytes, start, end)
    if (known !== 0) {
      this.#ids[known * STRIDE + REFERENCES]! += 1
      return known
    }
    return this.#add(hash, bytes, start, end)
  }

  /** The id of a range of bytes, or 0 if nobody holds it; the hold count stays. */
  find(bytes: Uint8Array, start: number, end: number): number {
    return this.#lookup(hashBytes(bytes, start, end, this.#seed), bytes, start, end)
  }

  /** Holds an id once more; 0 is allowed. */
  acquire(id: number): void {
    if (id !== 0) this.#ids[id * STRIDE + REFERENCES]! += 1
  }

  /** Gives up one hold; 0 is allowed. */
  release(id: number): void {
    if (id === 0) return
    const at = id * STRIDE + REFERENCES
    const left = this.#ids[at]! - 1
    this.#ids[at] = left
    if (left === 0) this.#drop(id)
  }

  /** The string of an id, decoded from UTF-8. Throws: CHANGES.UNDECODABLE_VALUE if it is too long for a string. */
  text(id: number): string {
    const start = this.#start(id)
    return wireText(this.#arena, start, start + this.#length(id))
  }

  /** Negative, zero or positive in byte order, which is Postgres' `COLLATE "C"` for UTF-8 text. */
  compare(a: number, b: number): number {
    if (a === b) return 0
    const arena = this.#arena
    const left = this.#start(a)
    const right = this.#start(b)
    const leftLength = this.#length(a)
    const rightLength = this.#length(b)
    const common = Math.min(leftLength, rightLength)
    for (let index = 0; index < common; index += 1) {
      const difference = arena[left + index]! - arena[right + index]!
      if (difference !== 0) return difference
    }
    return leftLength - rightLength
  }

  /** Hands its state over. Coming in, it must be before anything is held: ids are then those of the former process. */
  carry(state: StateCarrier): void {
    state.label('interner')
    this.#seed = state.number(this.#seed)
    this.#used = state.number(this.#used)
    this.#garbage = state.number(this.#garbage)
    this.#next = state.number(this.#next)
    this.#free = state.number(this.#free)
    this.#size = state.number(this.#size)
    const arena = state.uint8(this.#arena, this.#used)
    this.#arena = Buffer.from(arena.buffer, arena.byteOffset, arena.length)
    this.#table = state.int32(this.#table, this.#table.length)
    this.#ids = state.int32(this.#ids, this.#next * STRIDE)
  }

  #lookup(hash: number, bytes: Uint8Array, start: number, end: number): number {
    const table = this.#table
    const mask = table.length - 1
    const arena = this.#arena
    const ids = this.#ids
    const length = end - start
    for (let place = hash & mask; ; place = (place + 1) & mask) {
      const kept = table[place]!
      if (kept === 0) return 0
      if (((kept ^ hash) & ~mask) !== 0) continue
      const id = kept & mask
      if (ids[id * STRIDE + LENGTH] !== length) continue
      const at = ids[id * STRIDE + START]! >>> 0
      let index = 0
      while (index < length && arena[at + index] === bytes[start + index]) index += 1
      if (index === length) return id
    }
  }

  #add(hash: number, bytes: Uint8Array, start: number, end: number): number {
    const length = end - start
    if (this.#used + length > this.#arena.length) this.#makeRoom(length)
    const id = this.#takeId()
    const at = this.#used
    const arena = this.#arena
    for (let index = 0; index < length; index += 1) arena[at + index] = bytes[start + index]!
    this.#used = at + length
    const ids = this.#ids
    ids[id * STRIDE + START] = at
    ids[id * STRIDE + LENGTH] = length
    ids[id * STRIDE + REFERENCES] = 1
    ids[id * STRIDE + HASH] = hash
    this.#size += 1
    // The id must also fit the low bits.
    while (this.#size * 5 > this.#table.length * 3 || id >= this.#table.length) this.#growTable()
    this.#place(id)
    return id
  }

  #drop(id: number): void {
    const table = this.#table
    const mask = table.length - 1
    let hole = this.#hash(id) & mask
    while ((table[hole]! & mask) !== id) hole = (hole + 1) & mask
    for (let next = (hole + 1) & mask; table[next] !== 0; next = (next + 1) & mask) {
      const home = this.#hash(table[next]! & mask) & mask
      if (((next - home) & mask) >= ((next - hole) & mask)) {
        table[hole] = table[next]!
        hole = next
      }
    }
    table[hole] = 0
    this.#garbage += this.#length(id)
    this.#ids[id * STRIDE + LENGTH] = this.#free
    this.#free = id
    this.#size -= 1
  }

  #takeId(): number {
    const id = this.#free
    if (id !== 0) {
      this.#free = this.#length(id)
      return id
    }
    if (this.#next * STRIDE === this.#ids.length) this.#ids = grownInt32(this.#ids, this.#ids.length * 2)
    this.#next += 1
    return this.#next - 1
  }

  /** Compacts the arena if half of it is garbage, else doubles it. */
  #makeRoom(length: number): void {
    const live = this.#used - this.#garbage
    const compact = this.#garbage * 2 >= this.#used
    let capacity = FIRST_ARENA
    while (capacity < (compact ? (live + length) * 1.5 : this.#used + length)) capacity *= 2
    capacity = Math.min(capacity, ARENA_LIMIT)
    if (live + length > capacity || (!compact && this.#used + length > capacity)) {
      throw new DbsyncError(
        'VIEW.OUT_OF_RANGE',
        'the text of the columns that the views keep exceeds 4 GB; need less. Leave long text columns out of the views.',
      )
    }
    const arena = Buffer.allocUnsafeSlow(capacity)
    if (!compact) {
      this.#arena.copy(arena, 0, 0, this.#used)
      this.#arena = arena
      return
    }
    let used = 0
    for (let id = 1; id < this.#next; id += 1) {
      if (this.#ids[id * STRIDE + REFERENCES] === 0) continue
      const start = this.#start(id)
      this.#arena.copy(arena, used, start, start + this.#length(id))
      this.#ids[id * STRIDE + START] = used
      used += this.#length(id)
    }
    this.#arena = arena
    this.#used = used
    this.#garbage = 0
  }

  #growTable(): void {
    const old = this.#table
    const mask = old.length - 1
    this.#table = new Int32Array(old.length * 2)
    for (const kept of old) if (kept !== 0) this.#place(kept & mask)
  }

  #place(id: number): void {
    const table = this.#table
    const mask = table.length - 1
    const hash = this.#hash(id)
    let place = hash & mask
    while (table[place] !== 0) place = (place + 1) & mask
    table[place] = (hash & ~mask) | id
  }

  #start(id: number): number {
    return this.#ids[id * STRIDE + START]! >>> 0
  }

  #length(id: number): number {
    return this.#ids[id * STRIDE + LENGTH]!
  }

  #hash(id: number): number {
    return this.#ids[id * STRIDE + HASH]!
  }
}
