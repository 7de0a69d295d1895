import { grownFloat64 } from '../zset/grow.ts'
import type { Column } from '../zset/column.ts'
import type { Accumulator } from './accumulator.ts'

const FIRST_GROUPS = 16
/** Doubles a group: how many, low limb, high limb, how many NaN. */
const STRIDE = 4
/** What one unit of the high limb stands for. */
const LIMB = 2 ** 45
/** Room for one more value of 50 bits below the 53 that a double holds exactly. */
const CARRY_AT = 2 ** 52
const LIMB_BIGINT = 2n ** 45n
/** From this many limbs on the total may not fit a double any more. */
const SAFE_HIGH = 2 ** 8

/** What sums show of a group: the exact total in units of 10^-scale. */
export interface Total {
  readonly total: bigint
  readonly scale: number
}

/** An accumulator that adds up. */
export interface Summing extends Accumulator {
  /** The exact total, or the text of what it is instead: NaN, Infinity, -Infinity. */
  total(group: number): Total | string
  /** The total if it is clearly a safe integer of scale zero, else NaN; saves the BigInt most of the time. */
  safeTotal(group: number): number
}

/**
 * Exact `sum` and `count` of numbers kept as integers: int2, int4, int8 and numeric up to 15 digits.
 *
 * State: 32 bytes a group; two limbs, exact up to 2^97. No BigInt is made until a total is shown.
 */
abstract class LimbSum implements Summing {
  readonly source: number
  readonly changeBit: number
  protected readonly column: Column
  readonly #scale: number
  protected groups: Float64Array = new Float64Array(FIRST_GROUPS * STRIDE)

  constructor(source: number, column: Column, scale: number) {
    this.source = source
    this.changeBit = column.changeBit
    this.column = column
    this.#scale = scale
  }

  get byteLength(): number {
    return this.groups.byteLength
  }

  abstract add(group: number, slot: number): void
  abstract remove(group: number, slot: number): void

  update(group: number, old: number, slot: number): void {
    this.remove(group, old)
    this.add(group, slot)
  }

  grow(groups: number): void {
    this.groups = grownFloat64(this.groups, groups * STRIDE)
  }

  clear(group: number): void {
    this.groups.fill(0, group * STRIDE, group * STRIDE + STRIDE)
  }

  count(group: number): number {
    return this.groups[group * STRIDE]!
  }

  total(group: number): Total | string {
    const at = group * STRIDE
    if (this.groups[at + 3] !== 0) return 'NaN'
    const total = BigInt(this.groups[at + 2]!) * LIMB_BIGINT + BigInt(this.groups[at + 1]!)
    return { total, scale: this.#scale }
  }

  safeTotal(group: number): number {
    const at = group * STRIDE
    const high = this.groups[at + 2]!
    if (this.#scale !== 0 || this.groups[at + 3] !== 0 || high >= SAFE_HIGH || high <= -SAFE_HIGH)
      return Number.NaN
    const total = high * LIMB + this.groups[at + 1]!
    return Number.isSafeInteger(total) ? total : Number.NaN
  }

  /** `low` has up to 50 bits, `high` counts limbs. */
  protected accumulate(at: number, low: number, high: number): void {
    const { groups } = this
    let sum = groups[at + 1]! + low
    let carry = high
    if (sum >= CARRY_AT || sum <= -CARRY_AT) {
      const limbs = Math.trunc(sum / LIMB)
      sum -= limbs * LIMB
      carry += limbs
    }
    groups[at + 1] = sum
    if (carry !== 0) groups[at + 2]! += carry
  }
}

/** int2 and int4. */
export class Int32Sum extends LimbSum {
  constructor(source: number, column: Column) {
    super(source, column, 0)
  }

  override add(group: number, slot: number): void {
    const { column } = this
    if (slot < 0 || column.isNull(slot)) return
    const at = group * STRIDE
    this.groups[at]! += 1
    this.accumulate(at, column.rows.words[slot * column.stride + column.offset]!, 0)
  }

  override remove(group: number, slot: number): void {
    const { column } = this
    if (slot < 0 || column.isNull(slot)) return
    const at = group * STRIDE
    this.groups[at]! -= 1
    this.accumulate(at, -column.rows.words[slot * column.stride + column.offset]!, 0)
  }
}

/** numeric(p,s) with p up to 15. */
export class ScaledSum extends LimbSum {
  override add(group: number, slot: number): void {
    this.#change(group, slot, 1)
  }

  override remove(group: number, slot: number): void {
    this.#change(group, slot, -1)
  }

  #change(group: number, slot: number, sign: number): void {
    const { column } = this
    if (slot < 0 || column.isNull(slot)) return
    const at = group * STRIDE
    const value = column.rows.floats[(slot * column.stride + column.offset) >>> 1]!
    this.groups[at]! += sign
    if (Number.isNaN(value)) this.groups[at + 3]! += sign
    else this.accumulate(at, sign * value, 0)
  }
}

/** int8. */
export class Int64Sum extends LimbSum {
  constructor(source: number, column: Column) {
    super(source, column, 0)
  }

  override add(group: number, slot: number): void {
    this.#change(group, slot, 1)
  }

  override remove(group: number, slot: number): void {
    this.#change(group, slot, -1)
  }

  #change(group: number, slot: number, sign: number): void {
    const { column } = this
    if (slot < 0 || column.isNull(slot)) return
    const at = group * STRIDE
    const word = slot * column.stride + column.offset
    const { words } = column.rows
    const high = words[word]!
    // value = (high >> 13) * 2^45 + the low 45 bits, which are never negative.
    const low = (high & 0x1fff) * 0x1_0000_0000 + (words[word + 1]! >>> 0)
    this.groups[at]! += sign
    this.accumulate(at, sign * low, sign * (high >> 13))
  }
}
