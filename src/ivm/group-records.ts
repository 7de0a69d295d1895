import { grownFloat64 } from '../zset/grow.ts'
import type { StateCarrier } from '../zset/state-carrier.ts'

const FIRST_GROUPS = 16

/**
 * The numbers that a view keeps of each group, one record a group: how many tuples it has, then what its aggregates
 * took.
 *
 * A change of a group so touches one or two cache lines however many aggregates there are; with an array for each,
 * memory was what a change waited for.
 * Shape: the number at offset `o` of group `g` is `numbers[g * stride + o]`. What is seldom needed lies at the end of the
 *   record, at a negative offset from the next group's.
 * Order: everything is taken before the first group is opened; a new group's numbers are zero but for those that were
 *   left there.
 */
export class GroupRecords {
  /** Replaced when it grows, so read it through here. */
  numbers: Float64Array = new Float64Array(FIRST_GROUPS)
  /** Numbers a group; the first is the count of its tuples. */
  stride = 1
  #last = 0

  /** Groups that there is room for. */
  get capacity(): number {
    return this.numbers.length / this.stride
  }

  get byteLength(): number {
    return this.numbers.byteLength
  }

  /** The offset of one more number, from the group's own record. */
  take(): number {
    const offset = this.stride + this.#last
    this.#widen()
    return offset
  }

  /** The offset of one more number that is seldom needed, from the next group's record; negative. */
  takeLast(): number {
    this.#last -= 1
    this.#widen()
    return this.#last
  }

  /** Hands over the numbers of the first `used` groups. */
  carry(state: StateCarrier, used: number): void {
    this.numbers = state.float64(this.numbers, used * this.stride)
  }

  /** Doubles the number of groups. */
  grow(): void {
    this.numbers = grownFloat64(this.numbers, this.numbers.length * 2)
  }

  #widen(): void {
    this.stride += 1
    this.numbers = new Float64Array(FIRST_GROUPS * this.stride)
  }
}
