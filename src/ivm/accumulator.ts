import { grownFloat64 } from '../zset/grow.ts'
import type { Column } from '../zset/column.ts'

/**
 * The state of one aggregate argument for all groups of a view. `slot` is a row of the argument's source, -1 for the
 * missing side of a left join.
 */
export interface Accumulator {
  /** The argument's source. */
  readonly source: number
  /** The argument's change bit: an update that does not change it is not told. */
  readonly changeBit: number
  readonly byteLength: number
  add(group: number, slot: number): void
  remove(group: number, slot: number): void
  update(group: number, old: number, slot: number): void
  /** Makes room for groups up to that number. */
  grow(groups: number): void
  /** The group's last tuple has gone. */
  clear(group: number): void
  /** How many arguments are not NULL. */
  count(group: number): number
}

const FIRST_GROUPS = 16

/** `count(x)`: how many are not NULL. */
export class CountAccumulator implements Accumulator {
  readonly source: number
  readonly changeBit: number
  readonly #column: Column
  #counts: Float64Array = new Float64Array(FIRST_GROUPS)

  constructor(source: number, column: Column) {
    this.source = source
    this.changeBit = column.changeBit
    this.#column = column
  }

  get byteLength(): number {
    return this.#counts.byteLength
  }

  add(group: number, slot: number): void {
    if (slot >= 0 && !this.#column.isNull(slot)) this.#counts[group]! += 1
  }

  remove(group: number, slot: number): void {
    if (slot >= 0 && !this.#column.isNull(slot)) this.#counts[group]! -= 1
  }

  update(group: number, old: number, slot: number): void {
    this.remove(group, old)
    this.add(group, slot)
  }

  grow(groups: number): void {
    this.#counts = grownFloat64(this.#counts, groups)
  }

  clear(group: number): void {
    this.#counts[group] = 0
  }

  count(group: number): number {
    return this.#counts[group]!
  }
}
