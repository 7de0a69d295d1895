import type { Accumulator } from './accumulator.ts'

/** Whether a row of the source counts; -1 is the missing side of a left join. */
export type RowTest = (slot: number) => boolean

/** `FILTER (WHERE …)`: an aggregate that hears of the rows alone for which a condition is true. */
export class Filtered implements Accumulator {
  readonly #inner: Accumulator
  readonly #passes: RowTest
  readonly #bits: number

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

  add(group: number, slot: number): void {
    if (this.#passes(slot)) this.#inner.add(group, slot)
  }

  remove(group: number, slot: number): void {
    if (this.#passes(slot)) this.#inner.remove(group, slot)
  }

  update(group: number, old: number, slot: number): void {
    const before = this.#passes(old)
    const after = this.#passes(slot)
    if (before && after) this.#inner.update(group, old, slot)
    else if (before) this.#inner.remove(group, old)
    else if (after) this.#inner.add(group, slot)
  }

  clear(group: number): void {
    this.#inner.clear(group)
  }

  dispose(): void {
    this.#inner.dispose?.()
  }
}
