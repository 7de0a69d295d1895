import { type Numeric, parseNumeric, pow10 } from '../values/numeric.ts'
import type { InternedColumn } from '../zset/interned-column.ts'
import type { Summing, Total } from './sum-accumulator.ts'

interface WideGroup {
  count: number
  nan: number
  plus: number
  minus: number
  /** In units of 10^-unit. */
  sum: bigint
  unit: number
  /** How many present inputs have each display scale; the greatest decides the scale of an average. */
  readonly scales: Map<number, number>
}

/**
 * Exact `sum` and `count` of numerics of more than 15 digits or without a scale, kept as wire text.
 *
 * State: one object a group. Cost: a BigInt addition a change.
 */
export class WideSum implements Summing {
  readonly source: number
  readonly changeBit: number
  /** Its objects would take longer to write than to make. */
  readonly isRefilled = true
  readonly #column: InternedColumn
  readonly #groups: (WideGroup | undefined)[] = []

  constructor(source: number, column: InternedColumn) {
    this.source = source
    this.changeBit = column.changeBit
    this.#column = column
  }

  get byteLength(): number {
    return this.#groups.length * 160
  }

  add(group: number, slot: number): void {
    this.#change(group, slot, 1)
  }

  remove(group: number, slot: number): void {
    this.#change(group, slot, -1)
  }

  update(group: number, old: number, slot: number): void {
    this.#change(group, old, -1)
    this.#change(group, slot, 1)
  }

  clear(group: number): void {
    this.#groups[group] = undefined
  }

  count(group: number): number {
    return this.#groups[group]?.count ?? 0
  }

  safeTotal(): number {
    return Number.NaN
  }

  total(group: number): Total | string {
    const state = this.#groups[group]
    if (state === undefined) return { total: 0n, scale: 0 }
    if (state.nan > 0 || (state.plus > 0 && state.minus > 0)) return 'NaN'
    if (state.plus > 0) return 'Infinity'
    if (state.minus > 0) return '-Infinity'
    let scale = 0
    for (const present of state.scales.keys()) if (present > scale) scale = present
    const excess = state.unit - scale
    // Digits beyond the greatest present scale have cancelled out.
    return { total: excess > 0 ? state.sum / pow10(excess) : state.sum, scale: Math.min(scale, state.unit) }
  }

  #change(group: number, slot: number, sign: 1 | -1): void {
    const column = this.#column
    if (slot < 0 || column.isNull(slot)) return
    const state = this.#state(group)
    state.count += sign
    const text = column.interner.text(column.rows.words[slot * column.stride + column.offset]!)
    const value = parseNumeric(text)
    if (value !== undefined) addFinite(state, value, sign)
    else if (text === 'NaN') state.nan += sign
    else if (text.startsWith('-')) state.minus += sign
    else state.plus += sign
  }

  #state(group: number): WideGroup {
    while (this.#groups.length <= group) this.#groups.push(undefined)
    let state = this.#groups[group]
    if (state === undefined) {
      state = { count: 0, nan: 0, plus: 0, minus: 0, sum: 0n, unit: 0, scales: new Map() }
      this.#groups[group] = state
    }
    return state
  }
}

function addFinite(state: WideGroup, { unscaled, scale }: Numeric, sign: 1 | -1): void {
  if (scale > state.unit) {
    state.sum *= pow10(scale - state.unit)
    state.unit = scale
  }
  const amount = scale < state.unit ? unscaled * pow10(state.unit - scale) : unscaled
  state.sum += sign === 1 ? amount : -amount
  const present = (state.scales.get(scale) ?? 0) + sign
  if (present === 0) state.scales.delete(scale)
  else state.scales.set(scale, present)
}
