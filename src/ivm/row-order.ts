import type { Numeric } from '../values/numeric.ts'

/** What rows are ordered by: the exact value, where the public one may be rounded, as a `Date` is to milliseconds. */
export type OrderValue = boolean | number | bigint | string | Numeric

/** One item of a view's ORDER BY. */
export interface OrderPart {
  /** What a group is ordered by, as it is now; null is NULL. */
  value(group: number): OrderValue | null
  /** The ascending order of two values as Postgres has it: negative, zero or positive. */
  compare(a: OrderValue, b: OrderValue): number
  readonly descending: boolean
  readonly nullsFirst: boolean
}

/** The values that a group is ordered by, one an item. */
export type OrderKey = readonly (OrderValue | null)[]

/** The order of a view's rows; rows that tie stand in the order of their groups' numbers. */
export class RowOrder {
  readonly #parts: readonly OrderPart[]

  /** Without parts: the order of the groups' numbers. */
  constructor(parts: readonly OrderPart[]) {
    this.#parts = parts
  }

  /** What a group stands by now. */
  keyOf(group: number): OrderKey {
    return this.#parts.map((part) => part.value(group))
  }

  /** Negative if the first group stands before the second; zero for one group alone. */
  compare(a: OrderKey, groupA: number, b: OrderKey, groupB: number): number {
    const parts = this.#parts
    for (let index = 0; index < parts.length; index += 1) {
      const part = parts[index]
      if (part === undefined) break
      const left = a[index] ?? null
      const right = b[index] ?? null
      if (left === null || right === null) {
        if (left !== right) return (left === null) === part.nullsFirst ? -1 : 1
        continue
      }
      const order = part.compare(left, right)
      if (order !== 0) return part.descending ? -order : order
    }
    return groupA - groupB
  }
}
