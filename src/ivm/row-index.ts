import { grownInt32 } from '../zset/grow.ts'
import { GroupNotes } from './group-notes.ts'
import type { RowOrder } from './row-order.ts'
import type { RowSource } from './row-source.ts'
import type { Row } from './view-state.ts'

/** One output that rows are found by. */
export interface IndexColumn {
  readonly name: string
  /**
   * A text that is the same for two values exactly if they are equal; never called with null.
   *
   * Throws: CONFIG.INVALID_OPTIONS for a value that is not of the output's type.
   */
  text(value: unknown): string
}

/** The groups with one combination of values. */
interface Bucket {
  readonly key: string
  readonly groups: number[]
  /** What was read of it, until one of its groups changes. */
  rows: readonly Row[] | null
}

const NO_ROWS: readonly Row[] = Object.freeze([])

/**
 * The rows of a view by the values of some outputs, as readers see them; NULL equals NULL.
 *
 * State: about 20 bytes a group, and for each combination of values its text and the rows that were last read of it.
 * Cost: a read pays O(1) for each group that changed since the last one, and O(rows found); without a change it is the same
 *   array again.
 */
export class RowIndex {
  readonly columns: readonly IndexColumn[]
  readonly notes: GroupNotes = new GroupNotes()
  readonly #source: RowSource
  readonly #order: RowOrder | null
  readonly #buckets = new Map<string, Bucket>()
  readonly #bucketOf: (Bucket | null)[] = []
  /** Where each group stands in its bucket. */
  #places: Int32Array = new Int32Array(16)
  #isBuilt = false

  /** `order`: what the rows that are found stand in; null: none. */
  constructor(columns: readonly IndexColumn[], source: RowSource, order: RowOrder | null) {
    this.columns = columns
    this.#source = source
    this.#order = order
  }

  get byteLength(): number {
    return this.#bucketOf.length * 16 + this.#places.byteLength + this.notes.byteLength
  }

  /** The rows with those values, frozen. Throws: what showing a value throws; the next read tries again. */
  find(match: Row): readonly Row[] {
    this.update()
    const bucket = this.#buckets.get(this.#keyOf((name) => match[name]))
    if (bucket === undefined) return NO_ROWS
    bucket.rows ??= this.#rowsOf(bucket)
    return bucket.rows
  }

  /** Takes in what changed. Throws: what showing a value throws. */
  update(): void {
    if (!this.#isBuilt) {
      for (let group = 0; group < this.#source.used; group += 1) this.notes.add(group)
      this.#isBuilt = true
    }
    const { groups } = this.notes
    if (groups.length === 0) return
    for (const group of groups) this.#place(group)
    this.notes.clear()
  }

  #place(group: number): void {
    const source = this.#source
    const key = source.isShown(group) ? this.#keyOf((name) => source.value(group, name)) : null
    const old = this.#bucketOf[group] ?? null
    if (old !== null) old.rows = null
    if (old?.key === key) return
    if (old !== null) this.#leave(group, old)
    if (key !== null) this.#enter(group, key)
  }

  #enter(group: number, key: string): void {
    let bucket = this.#buckets.get(key)
    if (bucket === undefined) {
      bucket = { key, groups: [], rows: null }
      this.#buckets.set(key, bucket)
    }
    bucket.rows = null
    // Filled from the front: a hole far out would turn the array into a dictionary.
    while (this.#bucketOf.length <= group) this.#bucketOf.push(null)
    this.#bucketOf[group] = bucket
    if (group >= this.#places.length) this.#places = grownInt32(this.#places, (group + 1) * 2)
    this.#places[group] = bucket.groups.length
    bucket.groups.push(group)
  }

  #leave(group: number, bucket: Bucket): void {
    this.#bucketOf[group] = null
    const last = bucket.groups.pop() ?? group
    if (last !== group) {
      const place = this.#places[group]!
      bucket.groups[place] = last
      this.#places[last] = place
    }
    if (bucket.groups.length === 0) this.#buckets.delete(bucket.key)
  }

  #keyOf(valueOf: (name: string) => unknown): string {
    let key = ''
    for (const column of this.columns) {
      const value = valueOf(column.name)
      if (value === null) key += '-'
      else {
        const part = column.text(value)
        key += `${part.length}:${part}`
      }
    }
    return key
  }

  #rowsOf({ groups }: Bucket): readonly Row[] {
    const source = this.#source
    const rows: Row[] = []
    for (const group of this.#order === null ? groups : this.#sorted(groups, this.#order)) {
      const row = source.shown(group)
      if (row === null) continue
      for (let copy = source.copies(group); copy > 0; copy -= 1) rows.push(row)
    }
    return Object.freeze(rows)
  }

  #sorted(groups: readonly number[], order: RowOrder): readonly number[] {
    return groups
      .map((group) => ({ group, key: this.#source.orderKey(group) }))
      .toSorted((a, b) => order.compare(a.key, a.group, b.key, b.group))
      .map(({ group }) => group)
  }
}
