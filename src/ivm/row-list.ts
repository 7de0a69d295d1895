import { GroupNotes } from './group-notes.ts'
import type { OrderKey, RowOrder } from './row-order.ts'
import type { RowSource } from './row-source.ts'
import type { Row } from './view-state.ts'

interface Place {
  readonly group: number
  readonly row: Row
  readonly copies: number
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
  #groups: Int32Array = new Int32Array(0)
  #rows: readonly Row[] = Object.freeze([])
  #isBuilt = false

  constructor(source: RowSource, order: RowOrder) {
    this.#source = source
    this.#order = order
  }

  get byteLength(): number {
    return this.#groups.length * 12 + this.notes.byteLength
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

  /** Copies with plain loops over typed arrays, since it copies every row of the view. */
  #update(): void {
    const places = this.#sortedPlaces()
    const kept = this.#keptGroups()
    const former = this.#groups
    const length = places.reduce((sum, { copies }) => sum + copies, kept.length)
    const groups = new Int32Array(length)
    const rows = this.#rows.slice(0, length)
    const all = this.#rows
    let isSame = length === all.length
    let at = 0
    let old = 0
    const copy = (count: number): void => {
      let from = at
      let next = old
      for (let left = count; left > 0; next += 1) {
        const group = former[next]!
        if (this.notes.has(group)) continue
        groups[from] = group
        // Up to the first place that changed, the row is there already.
        if (from !== next) {
          isSame &&= all[from] === all[next]
          rows[from] = all[next]!
        }
        from += 1
        left -= 1
      }
      at = from
      old = next
    }
    let copied = 0
    for (const place of places) {
      const end = this.#placeIn(kept, copied, place)
      copy(end - copied)
      copied = end
      for (let left = place.copies; left > 0; left -= 1) {
        groups[at] = place.group
        isSame &&= all[at] === place.row
        rows[at] = place.row
        at += 1
      }
    }
    copy(kept.length - copied)
    this.#groups = groups
    if (!isSame) this.#rows = Object.freeze(rows)
    this.notes.clear()
  }

  /** What the noted groups show now. */
  #sortedPlaces(): readonly Place[] {
    const places: Place[] = []
    for (const group of this.notes.groups) {
      const row = this.#source.shown(group)
      if (row !== null)
        places.push({ group, row, copies: this.#source.copies(group), key: this.#source.orderKey(group) })
    }
    return places.toSorted((a, b) => this.#order.compare(a.key, a.group, b.key, b.group))
  }

  /** The groups in order, without those that are noted. */
  #keptGroups(): Int32Array {
    const former = this.#groups
    const kept = new Int32Array(former.length)
    let length = 0
    for (let index = 0; index < former.length; index += 1) {
      const group = former[index]!
      if (this.notes.has(group)) continue
      kept[length] = group
      length += 1
    }
    return kept.subarray(0, length)
  }

  /** How many of the groups, which stand in order, stand before a place; not less than `from`. */
  #placeIn(groups: Int32Array, from: number, { group, key }: Place): number {
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
