import { OrderedSlots } from '../zset/ordered-slots.ts'
import type { StateCarrier } from '../zset/state-carrier.ts'
import type { Accumulator } from './accumulator.ts'
import { type ColumnOrder, compareColumns } from './compare-columns.ts'

/** What is shown of a group's rows: their slots in order, -1 for the missing side of a left join. */
export type Collect<T> = (slots: Iterable<number>) => T

/** One output over the rows, and what was made of which group. */
interface Shown {
  readonly made: Map<number, unknown>
}

/**
 * `array_agg`, `string_agg` and `jsonb_agg`: the rows of each group in order.
 *
 * Order: the columns of the order are critical to the view, so that a row whose place changes is removed before and added
 *   after; `update` is told of other columns alone. So a row that a join brings several times is right too.
 * State: 16 bytes a row. Cost: O(log n) a change; what is shown is made when it is read, O(n), and kept until the group
 *   changes.
 */
export class OrderedRows implements Accumulator {
  readonly source: number
  readonly #slots: OrderedSlots
  readonly #shown: Shown[] = []
  #changeBit = 0

  constructor(source: number, order: readonly ColumnOrder[]) {
    this.source = source
    this.#slots = new OrderedSlots(compareColumns(order))
  }

  /** The columns that are shown. */
  get changeBit(): number {
    return this.#changeBit
  }

  get byteLength(): number {
    return this.#slots.byteLength
  }

  /** Comparisons of rows so far: the work that changes cost. */
  get work(): number {
    return this.#slots.comparisons
  }

  /** An output that is made of a group's rows; `changeBit` is that of the column that it reads. */
  show<T>(changeBit: number, collect: Collect<T>): (group: number) => T {
    const made = new Map<number, T>()
    this.#shown.push({ made })
    this.#changeBit |= changeBit
    return (group) => {
      const known = made.get(group)
      if (known !== undefined) return known
      const fresh = collect(this.#slots.from(group))
      made.set(group, fresh)
      return fresh
    }
  }

  add(group: number, slot: number): void {
    this.#slots.insert(group, slot)
    this.#forget(group)
  }

  remove(group: number, slot: number): void {
    this.#slots.remove(group, slot)
    this.#forget(group)
  }

  update(group: number): void {
    this.#forget(group)
  }

  /** Nothing is left to do but to forget what was shown: a group without tuples has no rows. */
  clear(group: number): void {
    this.#forget(group)
  }

  carry(state: StateCarrier): void {
    this.#slots.carry(state)
    if (state.isLoading) for (const { made } of this.#shown) made.clear()
  }

  #forget(group: number): void {
    for (const { made } of this.#shown) made.delete(group)
  }
}
