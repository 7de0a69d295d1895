import { compareNumericText } from '../values/numeric.ts'
import type { Column } from '../zset/column.ts'
import { Float64Column } from '../zset/float64-column.ts'
import { grownInt32 } from '../zset/grow.ts'
import { InternedColumn } from '../zset/interned-column.ts'
import { compareWords, OrderedMultiset } from '../zset/ordered-multiset.ts'
import type { Accumulator } from './accumulator.ts'

const DOUBLE = new Float64Array(1)
const HALVES = new Int32Array(DOUBLE.buffer)

/**
 * `min` and `max` of one argument: every present value of every group in order.
 *
 * State: 20 bytes a distinct value of a group and four bytes a group. Cost: O(log n) a change and a question.
 */
export class Extremes implements Accumulator {
  readonly source: number
  readonly changeBit: number
  readonly #column: Column
  readonly #values: OrderedMultiset
  readonly #words = new Int32Array(2)
  readonly #double: boolean
  #roots: Int32Array = new Int32Array(16)

  constructor(source: number, column: Column) {
    this.source = source
    this.changeBit = column.changeBit
    this.#column = column
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
    return this.#roots.byteLength + this.#values.byteLength
  }

  add(group: number, slot: number): void {
    if (slot < 0 || this.#column.isNull(slot)) return
    this.#load(slot)
    this.#roots[group] = this.#values.add(this.#roots[group]!, this.#words[0]!, this.#words[1]!)
  }

  remove(group: number, slot: number): void {
    if (slot < 0 || this.#column.isNull(slot)) return
    this.#load(slot)
    this.#roots[group] = this.#values.remove(this.#roots[group]!, this.#words[0]!, this.#words[1]!)
  }

  update(group: number, old: number, slot: number): void {
    this.remove(group, old)
    this.add(group, slot)
  }

  grow(groups: number): void {
    this.#roots = grownInt32(this.#roots, groups)
  }

  /** Nothing to do: the tree of a group without tuples is empty. */
  clear(): void {}

  /** Zero or one: whether there is a value. */
  count(group: number): number {
    return this.#roots[group] === 0 ? 0 : 1
  }

  /** The public value of the least or the greatest value, null if there is none. */
  value(group: number, end: 'min' | 'max'): unknown {
    const root = this.#roots[group]!
    const node = end === 'min' ? this.#values.first(root) : this.#values.last(root)
    if (node === 0) return null
    let word0 = this.#values.word0(node)
    let word1 = this.#values.word1(node)
    if (this.#double) {
      unsort(word0, word1)
      word0 = HALVES[0]!
      word1 = HALVES[1]!
    }
    return this.#column.publicOf(word0, word1)
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
