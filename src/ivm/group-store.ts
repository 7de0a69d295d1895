import { grownInt32 } from '../zset/grow.ts'
import type { Interner } from '../zset/interner.ts'
import type { Column } from '../zset/column.ts'
import { carryList, type StateCarrier } from '../zset/state-carrier.ts'
import { WordMap } from '../zset/word-map.ts'
import type { Tuple } from './comparison.ts'
import { GroupRecords } from './group-records.ts'

/** One column of what identifies a group, and where its words lie in the group. */
export interface GroupPart {
  readonly source: number
  readonly column: Column
  /** First word of the value. */
  readonly at: number
  /** The word that is 1 for NULL; -1 where NULL cannot be or is the id 0. */
  readonly nullAt: number
}

const FIRST_GROUPS = 16

/**
 * The groups of a view: which exist, by what, and the record of numbers that each has.
 *
 * Shape: a group is a number. Its words are those of the identifying parts, then of the parts that depend on them. NULLs
 *   are equal to each other, as in GROUP BY.
 * State: the words, the record, and a place of the map. Interned ids are held.
 */
export class GroupStore {
  readonly parts: readonly GroupPart[]
  readonly #stride: number
  readonly #own: readonly number[]
  readonly #interned: readonly number[]
  readonly #interner: Interner
  readonly #holder: { words: Int32Array }
  readonly #map: WordMap
  readonly records: GroupRecords = new GroupRecords()
  #used = 0
  #free: number[] = []

  /** `identity` is how many of the parts, the first ones, identify a group. */
  constructor(columns: readonly GroupColumn[], identity: number, interner: Interner) {
    const parts: GroupPart[] = []
    let next = 0
    let own = 0
    columns.forEach(({ source, column, nullable }, index) => {
      const at = next
      next += column.width
      const flagged = nullable && !column.interned
      parts.push({ source, column, at, nullAt: flagged ? next : -1 })
      if (flagged) next += 1
      if (index < identity) own = next
    })
    this.parts = parts
    this.#stride = next
    this.#own = Array.from({ length: own }, (_, index) => index)
    this.#interned = parts.filter(({ column }) => column.interned).map(({ at }) => at)
    this.#interner = interner
    this.#holder = { words: new Int32Array(FIRST_GROUPS * Math.max(next, 1)) }
    this.#map = new WordMap(this.#holder, next, this.#own)
  }

  /** Numbers below this were given out at least once. */
  get used(): number {
    return this.#used
  }

  /** How many of a group's words, the first ones, identify it. */
  get identityWords(): number {
    return this.#own.length
  }

  get capacity(): number {
    return this.records.capacity
  }

  /** How many tuples a group has. */
  count(group: number): number {
    return this.records.numbers[group * this.records.stride]!
  }

  /** Counts one tuple more or less; returns how many there are now. */
  countTuple(group: number, difference: 1 | -1): number {
    const { numbers, stride } = this.records
    const count = numbers[group * stride]! + difference
    numbers[group * stride] = count
    return count
  }

  /** Words of a group, for whoever makes room for them. */
  get stride(): number {
    return this.#stride
  }

  get byteLength(): number {
    return this.#holder.words.byteLength + this.records.byteLength + this.#map.byteLength
  }

  /** Writes the words of all parts of a tuple. */
  write(tuple: Tuple, out: Int32Array): void {
    const { parts } = this
    for (let index = 0; index < parts.length; index += 1) {
      const part = parts[index]
      if (part === undefined) continue
      const { column, at, nullAt } = part
      const slot = tuple[part.source]!
      const missing = slot < 0
      const base = slot * column.stride + column.offset
      const { words } = column.rows
      out[at] = missing ? 0 : words[base]!
      if (column.width === 2) out[at + 1] = missing ? 0 : words[base + 1]!
      if (nullAt >= 0) out[nullAt] = missing || column.isNull(slot) ? 1 : 0
    }
  }

  /** The group with those identifying words, whether it has tuples or not, or -1. */
  find(words: Int32Array): number {
    return this.#map.find(words, 0, this.#own)
  }

  /** A new group with those words and no tuples; `capacity` may have grown. */
  open(words: Int32Array): number {
    let group = this.#free.pop() ?? -1
    if (group < 0) {
      group = this.#used
      this.#used += 1
      if (group === this.records.capacity) {
        this.records.grow()
        this.#holder.words = grownInt32(this.#holder.words, group * 2 * this.#stride)
      }
    }
    this.#store(group, words)
    this.#map.add(group)
    return group
  }

  /** Gives a group without tuples the words of its first new tuple; the identifying ones are equal. */
  reopen(group: number, words: Int32Array): void {
    for (const at of this.#interned) this.#interner.release(this.word(group, at))
    this.#store(group, words)
  }

  /** Forgets a group without tuples. */
  close(group: number): void {
    this.#map.delete(group)
    for (const at of this.#interned) this.#interner.release(this.word(group, at))
    this.#free.push(group)
  }

  /** Gives up the interned text of all groups; the store is of no more use. */
  dispose(): void {
    const free = new Set(this.#free)
    for (let group = 0; group < this.#used; group += 1) {
      if (free.has(group)) continue
      for (const at of this.#interned) this.#interner.release(this.word(group, at))
    }
    this.#used = 0
  }

  /** Hands over the groups and their records. */
  carry(state: StateCarrier): void {
    const words = this.parts.map(({ column, at, nullAt }) => `${column.contract.field}@${at}/${nullAt}`)
    state.label(`groups(${words.join()}) of ${this.#own.length} words, ${this.records.stride} numbers`)
    this.#used = state.number(this.#used)
    this.#free = carryList(state, this.#free)
    this.#holder.words = state.int32(this.#holder.words, this.#used * this.#stride)
    this.records.carry(state, this.#used)
    this.#map.carry(state)
  }

  /** One of the group's words. */
  word(group: number, at: number): number {
    return this.#holder.words[group * this.#stride + at]!
  }

  /** The public value of one of the group's parts. */
  value(group: number, { column, at, nullAt }: GroupPart): unknown {
    const word = this.word(group, at)
    if (nullAt >= 0 ? this.word(group, nullAt) === 1 : column.interned && word === 0) return null
    return column.publicOf(word, column.width === 2 ? this.word(group, at + 1) : 0)
  }

  #store(group: number, words: Int32Array): void {
    const base = group * this.#stride
    for (let at = 0; at < this.#stride; at += 1) this.#holder.words[base + at] = words[at]!
    for (const at of this.#interned) this.#interner.acquire(words[at]!)
  }
}

/** A column that a group is made of. */
export interface GroupColumn {
  readonly source: number
  readonly column: Column
  /** Whether it can be NULL here, also because its source is missing. */
  readonly nullable: boolean
}
