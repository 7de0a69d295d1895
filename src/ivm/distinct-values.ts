import type { Column } from '../zset/column.ts'
import { Float64Column } from '../zset/float64-column.ts'
import { grownInt32 } from '../zset/grow.ts'
import { InternedColumn } from '../zset/interned-column.ts'
import type { Interner } from '../zset/interner.ts'
import type { StateCarrier } from '../zset/state-carrier.ts'
import { WordMap } from '../zset/word-map.ts'
import type { Accumulator } from './accumulator.ts'
import type { GroupRecords } from './group-records.ts'

const FIRST_ENTRIES = 16
/** Group, the two words of the value, how many rows have it; of a free entry the next free one. */
const STRIDE = 4
const COPIES = 3

const DOUBLE = new Float64Array(1)
const HALVES = new Int32Array(DOUBLE.buffer)

/**
 * `count(DISTINCT x)`: how many rows of each group have each value.
 *
 * State: an entry of 16 bytes a distinct value of a group, found by hashing, and one number a group.
 * Cost: O(1) a change and a question.
 */
export class DistinctValues implements Accumulator {
  readonly source: number
  readonly changeBit: number
  readonly #column: Column
  readonly #double: boolean
  readonly #interner: Interner | null
  readonly #records: GroupRecords
  /** Where the group's record has the number of its values. */
  readonly #offset: number
  readonly #entries: { words: Int32Array } = { words: new Int32Array(FIRST_ENTRIES * STRIDE) }
  readonly #map: WordMap
  readonly #key: readonly number[]
  readonly #probe = new Int32Array(STRIDE)
  #used = 0
  /** Head of the list of free entries; -1 ends it. */
  #free = -1

  /** Equal values must have equal words, as those of a key have; 0 and -0, which are equal too, are made one here. */
  constructor(source: number, column: Column, records: GroupRecords) {
    this.source = source
    this.changeBit = column.changeBit
    this.#column = column
    this.#double = column instanceof Float64Column
    this.#interner = column instanceof InternedColumn ? column.interner : null
    this.#records = records
    this.#offset = records.take()
    this.#key = column.width === 2 ? [0, 1, 2] : [0, 1]
    this.#map = new WordMap(this.#entries, STRIDE, this.#key)
  }

  get byteLength(): number {
    return this.#entries.words.byteLength + this.#map.byteLength
  }

  /** How many different values the group has. */
  count(group: number): number {
    return this.#records.numbers[group * this.#records.stride + this.#offset]!
  }

  add(group: number, slot: number): void {
    if (slot < 0 || this.#column.isNull(slot)) return
    this.#load(group, slot)
    const known = this.#map.find(this.#probe, 0, this.#key)
    if (known < 0) this.#open(group)
    else this.#entries.words[known * STRIDE + COPIES]! += 1
  }

  remove(group: number, slot: number): void {
    if (slot < 0 || this.#column.isNull(slot)) return
    this.#load(group, slot)
    const entry = this.#map.find(this.#probe, 0, this.#key)
    const { words } = this.#entries
    const at = entry * STRIDE + COPIES
    words[at]! -= 1
    if (words[at] === 0) this.#close(group, entry)
  }

  update(group: number, old: number, slot: number): void {
    this.remove(group, old)
    this.add(group, slot)
  }

  /** Nothing to do: a group without tuples has no values. */
  clear(): void {}

  carry(state: StateCarrier): void {
    this.#used = state.number(this.#used)
    this.#free = state.number(this.#free)
    this.#entries.words = state.int32(this.#entries.words, this.#used * STRIDE)
    this.#map.carry(state)
  }

  dispose(): void {
    const { words } = this.#entries
    const free = new Set<number>()
    for (let entry = this.#free; entry >= 0; entry = words[entry * STRIDE + COPIES]!) free.add(entry)
    for (let entry = 0; entry < this.#used; entry += 1) {
      if (!free.has(entry)) this.#interner?.release(words[entry * STRIDE + 1]!)
    }
    this.#used = 0
  }

  #load(group: number, slot: number): void {
    const column = this.#column
    const at = slot * column.stride + column.offset
    const probe = this.#probe
    probe[0] = group
    if (this.#double) {
      DOUBLE[0] = column.rows.floats[at >>> 1]! + 0
      probe[1] = HALVES[0]!
      probe[2] = HALVES[1]!
      return
    }
    probe[1] = column.rows.words[at]!
    probe[2] = column.width === 2 ? column.rows.words[at + 1]! : 0
  }

  /** The entry of a first row with the loaded value. */
  #open(group: number): void {
    const entries = this.#entries
    let entry = this.#free
    if (entry >= 0) this.#free = entries.words[entry * STRIDE + COPIES]!
    else {
      entry = this.#used
      this.#used += 1
      if (entry * STRIDE === entries.words.length) {
        entries.words = grownInt32(entries.words, entry * STRIDE * 2)
      }
    }
    this.#probe[COPIES] = 1
    entries.words.set(this.#probe, entry * STRIDE)
    this.#interner?.acquire(this.#probe[1]!)
    this.#map.add(entry)
    this.#change(group, 1)
  }

  #close(group: number, entry: number): void {
    const { words } = this.#entries
    this.#map.delete(entry)
    this.#interner?.release(words[entry * STRIDE + 1]!)
    words[entry * STRIDE + COPIES] = this.#free
    this.#free = entry
    this.#change(group, -1)
  }

  #change(group: number, sign: 1 | -1): void {
    this.#records.numbers[group * this.#records.stride + this.#offset]! += sign
  }
}
