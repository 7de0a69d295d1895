/**
 * Takes the state of a network out, or puts it back in.
 *
 * Whoever has state hands all of it over in one method, in one order, and keeps what it gets back: on the way out the very same,
 * on the way in what was handed over then. So the two directions cannot drift apart.
 * Shape: only the first `used` places of an array matter; those behind them come back as zeros.
 * Throws on the way in: STATE.UNUSABLE where what comes is not of the kind that is asked for.
 */
export interface StateCarrier {
  /** Whether state comes in, for what has had no rows; what is held all the same must be let go of. */
  readonly isLoading: boolean
  /** Says what comes next; it must be the same text both times. */
  label(text: string): void
  number(value: number): number
  bigint(value: bigint): bigint
  int32(array: Int32Array, used: number): Int32Array
  float64(array: Float64Array, used: number): Float64Array
  uint8(array: Uint8Array, used: number): Uint8Array
}

/** A list of whole numbers of 32 bits. */
export function carryList(state: StateCarrier, list: readonly number[]): number[] {
  return [...state.int32(Int32Array.from(list), list.length)]
}
