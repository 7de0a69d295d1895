import type { Accumulator, PresentCount } from './accumulator.ts'
import type { GroupRecords } from './group-records.ts'

/** `count(*)` of some of a group's tuples, those too that miss the source; who leaves the others out is another matter. */
export class TupleCount implements Accumulator, PresentCount {
  readonly source: number
  readonly changeBit = 0
  readonly byteLength = 0
  readonly offset: number
  readonly #records: GroupRecords

  constructor(source: number, records: GroupRecords) {
    this.source = source
    this.#records = records
    this.offset = records.take()
  }

  add(group: number): void {
    this.#change(group, 1)
  }

  remove(group: number): void {
    this.#change(group, -1)
  }

  /** Nothing to do: the tuple stays. */
  update(): void {}

  /** Nothing to do: a group without tuples counts none. */
  clear(): void {}

  #change(group: number, sign: 1 | -1): void {
    this.#records.numbers[group * this.#records.stride + this.offset]! += sign
  }
}
