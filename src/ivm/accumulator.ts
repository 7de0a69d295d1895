import type { Column } from '../zset/column.ts'
import type { StateCarrier } from '../zset/state-carrier.ts'
import type { GroupRecords } from './group-records.ts'

/**
 * The state of one aggregate argument for all groups of a view. `slot` is a row of the argument's source, -1 for the
 * missing side of a left join.
 */
export interface Accumulator {
  /** The argument's source. */
  readonly source: number
  /** The argument's change bit: an update that does not change it is not told. */
  readonly changeBit: number
  /** Bytes beside the view's records. */
  readonly byteLength: number
  add(group: number, slot: number): void
  remove(group: number, slot: number): void
  update(group: number, old: number, slot: number): void
  /**
   * Of an aggregate with a condition: why that has no answer for some row as they are, where Postgres has an error; null if
   * it has one for all.
   */
  readonly error?: unknown
  /** The group's last tuple has gone. */
  clear(group: number): void
  /** Hands over what it keeps beside the view's records. */
  carry?(state: StateCarrier): void
  /** Instead, it is told of every tuple again when state comes in. */
  readonly isRefilled?: boolean
  /** Gives up the text that it holds; it is of no more use. */
  dispose?(): void
}

/** How many present values of one argument each group has; who counts them is another matter. */
export interface PresentCount {
  /** Where in the group's record. */
  readonly offset: number
}

/** `count(x)` where nobody else counts: how many rows there are of the source whose column is not NULL. */
export class CountAccumulator implements Accumulator, PresentCount {
  readonly source: number
  readonly changeBit: number
  readonly byteLength = 0
  readonly offset: number
  readonly #records: GroupRecords
  readonly #column: Column | null

  /** `column` is null where rows count whatever they hold. */
  constructor(source: number, column: Column | null, records: GroupRecords) {
    this.source = source
    this.changeBit = column === null ? 0 : column.changeBit
    this.#column = column
    this.#records = records
    this.offset = records.take()
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

  clear(group: number): void {
    this.#records.numbers[group * this.#records.stride + this.offset] = 0
  }

  #change(group: number, slot: number, sign: number): void {
    if (slot < 0 || (this.#column !== null && this.#column.isNull(slot))) return
    const records = this.#records
    records.numbers[group * records.stride + this.offset]! += sign
  }
}
