import type { StateCarrier } from '../zset/state-carrier.ts'
import { type StateItem, unusable } from './state-items.ts'

/** An array that was read. */
export type LoadedArray = Int32Array | Float64Array | Uint8Array

/** Hands back what was saved, in its order; an array once. */
export class StateSource implements StateCarrier {
  readonly isLoading = true
  readonly #file: string
  readonly #items: readonly StateItem[]
  readonly #arrays: readonly LoadedArray[]
  #next = 0
  #nextArray = 0

  /** `file` is for messages. */
  constructor(file: string, items: readonly StateItem[], arrays: readonly LoadedArray[]) {
    this.#file = file
    this.#items = items
    this.#arrays = arrays
  }

  label(text: string): void {
    const found = this.#take('label')
    if (found !== text) throw unusable(this.#file, `it has "${String(found)}" where the views need "${text}"`)
  }

  number(): number {
    return Number(this.#take('number'))
  }

  bigint(): bigint {
    return BigInt(this.#take('bigint'))
  }

  int32(): Int32Array {
    return this.#takeArray('int32', (array) => array instanceof Int32Array)
  }

  float64(): Float64Array {
    return this.#takeArray('float64', (array) => array instanceof Float64Array)
  }

  uint8(): Uint8Array {
    return this.#takeArray('uint8', (array) => array instanceof Uint8Array)
  }

  #take(kind: StateItem[0]): string | number {
    const item = this.#items[this.#next]
    this.#next += 1
    if (item?.[0] !== kind)
      throw unusable(this.#file, `it has ${item?.[0] ?? 'nothing'} where the views need ${kind}`)
    return item[1]
  }

  #takeArray<T extends LoadedArray>(
    kind: StateItem[0],
    is: (array: LoadedArray | undefined) => array is T,
  ): T {
    this.#take(kind)
    const array = this.#arrays[this.#nextArray]
    this.#nextArray += 1
    if (!is(array)) throw unusable(this.#file, `it lacks an array of ${kind}`)
    return array
  }
}
