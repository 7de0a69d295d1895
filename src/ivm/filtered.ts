import type { StateCarrier } from '../zset/state-carrier.ts'
import type { Accumulator } from './accumulator.ts'

/** Whether a row of the source counts; -1 is the missing side of a left join. */
export type RowTest = (slot: number) => boolean

/** `FILTER (WHERE …)`: an aggregate that hears of the rows alone for which a condition is true. */
export class Filtered implements Accumulator {
  readonly #inner: Accumulator
  readonly #passes: RowTest
  readonly #bits: number
  #errors = 0
  #error: unknown = null

  /** `bits` are those of the condition's columns, which are of the aggregate's own source. */
  constructor(inner: Accumulator, passes: RowTest, bits: number) {
    this.#inner = inner
    this.#passes = passes
    this.#bits = bits
  }

  get source(): number {
    return this.#inner.source
  }

  get changeBit(): number {
    return this.#inner.changeBit | this.#bits
  }

  get byteLength(): number {
    return this.#inner.byteLength
  }

  /** Rows are counted for which the condition fails: what is mended before the end of a transaction is no error. */
  get error(): unknown {
    return this.#errors === 0 ? null : this.#error
  }

  add(group: number, slot: number): void {
    if (this.#test(slot, 1)) this.#inner.add(group, slot)
  }

  remove(group: number, slot: number): void {
    if (this.#test(slot, -1)) this.#inner.remove(group, slot)
  }

  update(group: number, old: number, slot: number): void {
    const before = this.#test(old, -1)
    const after = this.#test(slot, 1)
    if (before && after) this.#inner.update(group, old, slot)
    else if (before) this.#inner.remove(group, old)
    else if (after) this.#inner.add(group, slot)
  }

  clear(group: number): void {
    this.#inner.clear(group)
  }

  get isRefilled(): boolean {
    return this.#inner.isRefilled === true
  }

  /** While a row has no answer the view has stopped, and nothing is carried. */
  carry(state: StateCarrier): void {
    this.#inner.carry?.(state)
  }

  dispose(): void {
    this.#inner.dispose?.()
  }

  #test(slot: number, sign: 1 | -1): boolean {
    try {
      return this.#passes(slot)
    } catch (error) {
      this.#errors += sign
      this.#error = error
      return false
    }
  }
}
