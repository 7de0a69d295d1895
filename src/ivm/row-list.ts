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
    const places: Place[] = []
    for (const group of this.notes.groups) {
      const row = this.#source.shown(group)
      if (row !== null) places.push({ group, row, key: this.#source.orderKey(group) })
    }
    places.sort((a, b) => this.#order.compare(a.key, a.group, b.key, b.group))
    const keptGroups: number[] = []
    const keptRows: Row[] = []
    this.#rows.forEach((row, index) => {
      const group = this.#groups[index]
      if (group === undefined || this.notes.has(group)) return
      keptGroups.push(group)
      keptRows.push(row)
    })
    const groups: number[] = []
    const rows: Row[] = []
    let from = 0
    const copyTo = (end: number): void => {
      for (; from < end; from += 1) {
        const group = keptGroups[from]
        const row = keptRows[from]
        if (group === undefined || row === undefined) return
        groups.push(group)
        rows.push(row)
      }
    }
    for (const place of places) {
      copyTo(this.#placeIn(keptGroups, from, place))
      for (let copy = this.#source.copies(place.group); copy > 0; copy -= 1) {
        groups.push(place.group)
        rows.push(place.row)
      }
    }
    copyTo(keptGroups.length)
    this.#groups = groups
    const same = rows.length === this.#rows.length && rows.every((row, index) => row === this.#rows[index])
    if (!same) this.#rows = Object.freeze(rows)
    this.notes.clear()
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
