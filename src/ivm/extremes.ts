import { compareNumericText } from '../values/numeric.ts'
import type { Value } from '../values/value.ts'
import type { Column } from '../zset/column.ts'
import { Float64Column } from '../zset/float64-column.ts'
import { InternedColumn } from '../zset/interned-column.ts'
import { compareWords, OrderedMultiset } from '../zset/ordered-multiset.ts'
import type { StateCarrier } from '../zset/state-carrier.ts'
import type { Accumulator } from './accumulator.ts'
import type { GroupRecords } from './group-records.ts'

const DOUBLE = new Float64Array(1)
const HALVES = new Int32Array(DOUBLE.buffer)
const FOUND = new Int32Array(2)

/**
 * `min` and `max` of one argument: every present value of every group in order.
 *
 * State: 20 bytes a distinct value of a group and one number a group. Cost: O(log n) a change and a question.
 */
export class Extremes implements Accumulator {
  readonly source: number
  readonly changeBit: number
  readonly #column: Column
  readonly #values: OrderedMultiset
  readonly #words = new Int32Array(2)
  readonly #double: boolean
  readonly #records: GroupRecords
  /** Where the group's record has the root of its tree. */
  readonly #offset: number

  constructor(source: number, column: Column, records: GroupRecords) {
    this.source = source
    this.changeBit = column.changeBit
    this.#column = column
    this.#records = records
    this.#offset = records.take()
    this.#double = column instanceof Float64Column
    if (column instanceof InternedColumn) {
      const { interner } = column
      this.#values = new OrderedMultiset(
        column.contract.type === 'Decimal'
          ? (a, _a, b) => compareNumericText(interner.text(a), interner.text(b))
          : (a, _a, b) => interner.compare(a, b),
        interner,
      )
    } else this.#values = new OrderedMultiset(compareWords)
  }

  get byteLength(): number {
    return this.#values.byteLength
  }

  add(group: number, slot: number): void {
    if (slot < 0 || this.#column.isNull(slot)) return
    this.#load(slot)
    const { numbers } = this.#records
    const at = group * this.#records.stride + this.#offset
    numbers[at] = this.#values.add(numbers[at]!, this.#words[0]!, this.#words[1]!)
  }

  remove(group: number, slot: number): void {
    if (slot < 0 || this.#column.isNull(slot)) return
    this.#load(slot)
    const { numbers } = this.#records
    const at = group * this.#records.stride + this.#offset
    numbers[at] = this.#values.remove(numbers[at]!, this.#words[0]!, this.#words[1]!)
  }

  update(group: number, old: number, slot: number): void {
    this.remove(group, old)
    this.add(group, slot)
  }

  /** Nothing to do: the tree of a group without tuples is empty. */
  clear(): void {}

  carry(state: StateCarrier): void {
    this.#values.carry(state)
  }

  dispose(): void {
    this.#values.dispose()
  }

  /** The public value of the least or the greatest value, null if there is none. */
  value(group: number, end: 'min' | 'max'): unknown {
    return this.#find(group, end) ? this.#column.publicOf(FOUND[0]!, FOUND[1]!) : null
  }

  /** The same as an expression has it: with microseconds, and whatever cannot be shown. */
  kept(group: number, end: 'min' | 'max'): Value {
    return this.#find(group, end) ? this.#column.valueOfWords(FOUND[0]!, FOUND[1]!) : null
  }

  /** Puts the words of a value into FOUND; false if there is none. */
  #find(group: number, end: 'min' | 'max'): boolean {
    const root = this.#records.numbers[group * this.#records.stride + this.#offset]!
    const node = end === 'min' ? this.#values.first(root) : this.#values.last(root)
    if (node === 0) return false
    let word0 = this.#values.word0(node)
    let word1 = this.#values.word1(node)
    if (this.#double) {
      unsort(word0, word1)
      word0 = HALVES[0]!
      word1 = HALVES[1]!
    }
    FOUND[0] = word0
    FOUND[1] = word1
    return true
  }

  #load(slot: number): void {
    const column = this.#column
    const at = slot * column.stride + column.offset
    const words = this.#words
    if (this.#double) {
      // +0 also makes -0 equal to 0, as Postgres has it.
      DOUBLE[0] = column.rows.floats[at >>> 1]! + 0
      sort(words)
      return
    }
    words[0] = column.rows.words[at]!
    words[1] = column.width === 2 ? column.rows.words[at + 1]! : 0
  }
}

/** Words that compare as the double in DOUBLE does: a negative one has all bits but the sign turned over. */
function sort(out: Int32Array): void {
  const high = HALVES[1]!
  out[0] = high < 0 ? high ^ 0x7fff_ffff : high
  out[1] = high < 0 ? ~HALVES[0]! : HALVES[0]!
}

function unsort(word0: number, word1: number): void {
  HALVES[1] = word0 < 0 ? word0 ^ 0x7fff_ffff : word0
  HALVES[0] = word0 < 0 ? ~word1 : word1
}
