import { GroupNotes } from './group-notes.ts'
import type { OrderKey, RowOrder } from './row-order.ts'
import type { RowSource } from './row-source.ts'
import type { Row } from './view-state.ts'

interface Place {
  readonly group: number
  readonly row: Row
  readonly key: OrderKey
}

/**
 * All rows of a view in order, as one array that stays the same until a row changes.
 *
 * State: the array and the group of each of its places, from the first read on.
 * Cost: a read after d changes of n rows sorts the changed ones and copies the others: O(d log n) comparisons, O(n) copies.
 */
export class RowList {
  readonly #source: RowSource
  readonly #order: RowOrder
  readonly notes: GroupNotes = new GroupNotes()
  #groups: readonly number[] = []
  #rows: readonly Row[] = Object.freeze([])
  #isBuilt = false

  constructor(source: RowSource, order: RowOrder) {
    this.#source = source
    this.#order = order
  }

  get byteLength(): number {
    return this.#groups.length * 16 + this.notes.byteLength
  }

  /** Frozen. Throws: what showing a row throws; the next read tries again. */
  read(): readonly Row[] {
    if (!this.#isBuilt) {
      for (let group = 0; group < this.#source.used; group += 1) this.notes.add(group)
      this.#isBuilt = true
    }
    if (this.notes.groups.length > 0) this.#update()
    return this.#rows
  }

  #update(): void {
    const places = this.#sortedPlaces()
    const kept = this.#withoutNoted()
    const groups: number[] = []
    const rows: Row[] = []
    let from = 0
    // Plain loops: these copy every row of the view.
    const copyTo = (end: number): void => {
      for (; from < end; from += 1) {
        groups.push(kept.groups[from]!)
        rows.push(kept.rows[from]!)
      }
    }
    for (const place of places) {
      copyTo(this.#placeIn(kept.groups, from, place))
      for (let copy = this.#source.copies(place.group); copy > 0; copy -= 1) {
        groups.push(place.group)
        rows.push(place.row)
      }
    }
    copyTo(kept.groups.length)
    this.#groups = groups
    if (!isSame(rows, this.#rows)) this.#rows = Object.freeze(rows)
    this.notes.clear()
  }

  /** What the noted groups show now. */
  #sortedPlaces(): readonly Place[] {
    const places: Place[] = []
    for (const group of this.notes.groups) {
      const row = this.#source.shown(group)
      if (row !== null) places.push({ group, row, key: this.#source.orderKey(group) })
    }
    return places.toSorted((a, b) => this.#order.compare(a.key, a.group, b.key, b.group))
  }

  #withoutNoted(): { readonly groups: readonly number[]; readonly rows: readonly Row[] } {
    const { notes } = this
    const groups: number[] = []
    const rows: Row[] = []
    for (let index = 0; index < this.#groups.length; index += 1) {
      const group = this.#groups[index]!
      if (notes.has(group)) continue
      groups.push(group)
      rows.push(this.#rows[index]!)
    }
    return { groups, rows }
  }

  /** How many of the groups, which stand in order, stand before a place; not less than `from`. */
  #placeIn(groups: readonly number[], from: number, { group, key }: Place): number {
    let low = from
    let high = groups.length
    while (low < high) {
      const middle = (low + high) >>> 1
      const other = groups[middle] ?? 0
      if (this.#order.compare(this.#source.orderKey(other), other, key, group) < 0) low = middle + 1
      else high = middle
    }
    return low
  }
}

function isSame(a: readonly Row[], b: readonly Row[]): boolean {
  if (a.length !== b.length) return false
  for (let index = 0; index < a.length; index += 1) if (a[index] !== b[index]) return false
  return true
}
