import { grownInt32 } from './grow.ts'
import type { StateCarrier } from './state-carrier.ts'

/**
 * Gives out the words of a row; a row's words lie side by side, so that a change touches one or two cache
 * lines however many columns it has.
 */
export class RowLayout {
  #next = 0
  #aligned = false

  /** The offset of `count` words. */
  take(count: number): number {
    const offset = this.#next
    this.#next += count
    return offset
  }

  /** The offset of two words that a double may use. */
  takeDouble(): number {
    this.#aligned = true
    this.#next += this.#next % 2
    return this.take(2)
  }

  /** Where the next words would go. */
  get end(): number {
    return this.#next
  }

  /** Words a row. */
  get stride(): number {
    return this.#aligned ? this.#next + (this.#next % 2) : this.#next
  }
}

const FIRST_ROWS = 16

/** The words of all rows of one table; both views are replaced when it grows, so read them through here. */
export class RowStorage {
  readonly stride: number
  words: Int32Array
  /** The same memory as doubles: the double at word offset `o` of row `r` is `floats[(r * stride + o) / 2]`. */
  floats: Float64Array
  capacity: number = FIRST_ROWS

  constructor(stride: number) {
    this.stride = stride
    this.words = new Int32Array(FIRST_ROWS * stride)
    this.floats = new Float64Array(this.words.buffer, 0, this.words.length >> 1)
  }

  /** Hands over the words of the first `used` rows. */
  carry(state: StateCarrier, used: number): void {
    this.words = state.int32(this.words, used * this.stride)
    this.floats = new Float64Array(this.words.buffer, 0, this.words.length >> 1)
    this.capacity = this.words.length / this.stride
  }

  /** Doubles the number of rows. */
  grow(): void {
    this.capacity *= 2
    this.words = grownInt32(this.words, this.capacity * this.stride)
    this.floats = new Float64Array(this.words.buffer, 0, this.words.length >> 1)
  }
}
