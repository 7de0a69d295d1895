import type { Column } from '../zset/column.ts'
import type { Accumulator, PresentCount } from './accumulator.ts'
import type { GroupRecords } from './group-records.ts'

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
  /** How many arguments are not NULL. */
  count(group: number): number
  /** The exact total, or the text of what it is instead: NaN, Infinity, -Infinity. */
  total(group: number): Total | string
  /** The total if it is clearly a safe integer of scale zero, else NaN; saves the BigInt most of the time. */
  safeTotal(group: number): number
}

/**
 * Exact `sum` and `count` of numbers kept as integers: int2, int4, int8 and numeric up to 15 digits.
 *
 * State: two limbs a group, exact up to 2^97, of which most changes touch the low one alone; a count of the values
 *   unless somebody else counts them. No BigInt is made until a total is shown.
 */
abstract class LimbSum implements Summing, PresentCount {
  readonly source: number
  readonly changeBit: number
  readonly byteLength = 0
  readonly offset: number
  protected readonly column: Column
  protected readonly records: GroupRecords
  readonly #scale: number
  /** 1 if this counts the values, 0 if `offset` is somebody else's. */
  readonly #counts: 0 | 1
  readonly #low: number
  readonly #high: number
  /** 0 where the type has no NaN. */
  readonly #nan: number

  constructor(
    source: number,
    column: Column,
    records: GroupRecords,
    counted: PresentCount | null,
    scale: number,
    hasNaN: boolean,
  ) {
    this.source = source
    this.changeBit = column.changeBit
    this.column = column
    this.records = records
    this.#scale = scale
    this.#counts = counted === null ? 1 : 0
    this.offset = counted === null ? records.take() : counted.offset
    this.#low = records.take()
    this.#high = records.takeLast()
    this.#nan = hasNaN ? records.takeLast() : 0
  }

  abstract add(group: number, slot: number): void
  abstract remove(group: number, slot: number): void

  update(group: number, old: number, slot: number): void {
    this.remove(group, old)
    this.add(group, slot)
  }

  clear(group: number): void {
    const { numbers, stride } = this.records
    const at = group * stride
    if (this.#counts === 1) numbers[at + this.offset] = 0
    numbers[at + this.#low] = 0
    numbers[at + stride + this.#high] = 0
    if (this.#nan !== 0) numbers[at + stride + this.#nan] = 0
  }

  count(group: number): number {
    return this.records.numbers[group * this.records.stride + this.offset]!
  }

  total(group: number): Total | string {
    const { numbers, stride } = this.records
    const at = group * stride
    if (this.#hasNaN(at + stride)) return 'NaN'
    const high = BigInt(numbers[at + stride + this.#high]!)
    return { total: high * LIMB_BIGINT + BigInt(numbers[at + this.#low]!), scale: this.#scale }
  }

  safeTotal(group: number): number {
    const { numbers, stride } = this.records
    const at = group * stride
    const high = numbers[at + stride + this.#high]!
    if (this.#scale !== 0 || this.#hasNaN(at + stride) || high >= SAFE_HIGH || high <= -SAFE_HIGH)
      return Number.NaN
    const total = high * LIMB + numbers[at + this.#low]!
    return Number.isSafeInteger(total) ? total : Number.NaN
  }

  /** Adds one value, or takes it away: `low` has up to 50 bits, `high` counts limbs. */
  protected accumulate(group: number, sign: number, low: number, high: number): void {
    if (this.#counts === 1) this.records.numbers[group * this.records.stride + this.offset]! += sign
    this.shift(group, sign * low, sign * high)
  }

  /** Moves the sum; `low` has up to 51 bits, `high` counts limbs. */
  protected shift(group: number, low: number, high: number): void {
    const { numbers, stride } = this.records
    const at = group * stride
    let sum = numbers[at + this.#low]! + low
    let carry = high
    if (sum >= CARRY_AT || sum <= -CARRY_AT) {
      const limbs = Math.trunc(sum / LIMB)
      sum -= limbs * LIMB
      carry += limbs
    }
    numbers[at + this.#low] = sum
    if (carry !== 0) numbers[at + stride + this.#high]! += carry
  }

  /** Counts a NaN, or one less. */
  protected accumulateNaN(group: number, sign: number): void {
    const { numbers, stride } = this.records
    if (this.#counts === 1) numbers[group * stride + this.offset]! += sign
    numbers[group * stride + stride + this.#nan]! += sign
  }

  #hasNaN(end: number): boolean {
    return this.#nan !== 0 && this.records.numbers[end + this.#nan] !== 0
  }
}

/** int2 and int4. */
export class Int32Sum extends LimbSum {
  constructor(source: number, column: Column, records: GroupRecords, counted: PresentCount | null = null) {
    super(source, column, records, counted, 0, false)
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
    this.accumulate(group, sign, column.rows.words[slot * column.stride + column.offset]!, 0)
  }

  /** Two present values are one change by their difference. */
  override update(group: number, old: number, slot: number): void {
    const { column } = this
    if (column.isNull(old) || column.isNull(slot)) {
      super.update(group, old, slot)
      return
    }
    const { words } = column.rows
    const before = words[old * column.stride + column.offset]!
    this.shift(group, words[slot * column.stride + column.offset]! - before, 0)
  }
}

/** numeric(p,s) with p up to 15. */
export class ScaledSum extends LimbSum {
  constructor(
    source: number,
    column: Column,
    records: GroupRecords,
    scale: number,
    counted: PresentCount | null = null,
  ) {
    super(source, column, records, counted, scale, true)
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
    const value = column.rows.floats[(slot * column.stride + column.offset) >>> 1]!
    if (Number.isNaN(value)) this.accumulateNaN(group, sign)
    else this.accumulate(group, sign, value, 0)
  }

  /** Two present values are one change by their difference. */
  override update(group: number, old: number, slot: number): void {
    const { column } = this
    const { floats } = column.rows
    // NaN if either is NaN.
    const difference =
      floats[(slot * column.stride + column.offset) >>> 1]! -
      floats[(old * column.stride + column.offset) >>> 1]!
    if (Number.isNaN(difference) || column.isNull(old) || column.isNull(slot)) super.update(group, old, slot)
    else this.shift(group, difference, 0)
  }
}

/** int8. */
export class Int64Sum extends LimbSum {
  constructor(source: number, column: Column, records: GroupRecords, counted: PresentCount | null = null) {
    super(source, column, records, counted, 0, false)
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
    const word = slot * column.stride + column.offset
    const { words } = column.rows
    const high = words[word]!
    // value = (high >> 13) * 2^45 + the low 45 bits, which are never negative.
    this.accumulate(group, sign, (high & 0x1fff) * 0x1_0000_0000 + (words[word + 1]! >>> 0), high >> 13)
  }
}
