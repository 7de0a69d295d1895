import type { Column } from '../zset/column.ts'
import type { Accumulator } from './accumulator.ts'
import type { GroupRecords } from './group-records.ts'

/**
 * `bool_and` and `bool_or` of one argument: how many rows of each group are true and how many false.
 *
 * State: two numbers a group. Cost: O(1) a change and a question.
 */
export class TruthCounts implements Accumulator {
  readonly source: number
  readonly changeBit: number
  readonly byteLength = 0
  readonly #column: Column
  readonly #records: GroupRecords
  readonly #falses: number
  readonly #trues: number

  /** The column is of the type boolean. */
  constructor(source: number, column: Column, records: GroupRecords) {
    this.source = source
    this.changeBit = column.changeBit
    this.#column = column
    this.#records = records
    this.#falses = records.take()
    this.#trues = records.take()
  }

  /** True if no row is false, null if all are NULL. */
  all(group: number): boolean | null {
    if (this.#read(group, this.#falses) !== 0) return false
    return this.#read(group, this.#trues) === 0 ? null : true
  }

  /** True if a row is true, null if all are NULL. */
  some(group: number): boolean | null {
    if (this.#read(group, this.#trues) !== 0) return true
    return this.#read(group, this.#falses) === 0 ? null : false
  }

  add(group: number, slot: number): void {
    this.#change(group, slot, 1)
  }

  remove(group: number, slot: number): void {
    this.#change(group, slot, -1)
  }

  update(group: number, old: number, slot: number): void {
    this.#change(group, old, -1)
    this.#change(group, slot, 1)
  }

  /** Nothing to do: a group without tuples counts nothing. */
  clear(): void {}

  #change(group: number, slot: number, sign: 1 | -1): void {
    const column = this.#column
    if (slot < 0 || column.isNull(slot)) return
    const offset = column.rows.words[slot * column.stride + column.offset] === 1 ? this.#trues : this.#falses
    this.#records.numbers[group * this.#records.stride + offset]! += sign
  }

  #read(group: number, offset: number): number {
    return this.#records.numbers[group * this.#records.stride + offset]!
  }
}
