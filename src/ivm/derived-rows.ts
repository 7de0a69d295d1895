import { type DbsyncError, toDbsyncError } from '../core/errors.ts'
import type { Column } from '../zset/column.ts'
import type { SourceTable } from '../zset/source-table.ts'
import { grownInt32 } from '../zset/grow.ts'
import type { StateCarrier } from '../zset/state-carrier.ts'
import type { GroupSink } from './group-sink.ts'
import type { GroupStore } from './group-store.ts'

/** Writes one output of a group into a scratch slot of the derived table. */
export type RowWriter = (group: number, slot: number) => void

/** What derived rows are made of. */
export interface DerivedRowsParts {
  /** For messages. */
  readonly name: string
  readonly table: SourceTable
  readonly groups: GroupStore
  /** The table's key: which row of which branch it is. */
  readonly rowKey: Column
  /** This block is one of several that fill the table. */
  readonly branch: number
  readonly branches: number
  readonly writers: readonly RowWriter[]
  /** One row that is there from the start, whatever the sources hold. */
  readonly single: boolean
}

const FIRST_GROUPS = 16

/**
 * The rows of a block as rows of a table that other blocks read.
 *
 * A change of a group is noted; `flush` writes what the touched groups are now and changes the table by the difference
 * alone, so readers of the table see one change a row however often a transaction touched it.
 * State: one byte and one word a group beside the group and the row.
 */
export class DerivedRows implements GroupSink {
  readonly groups: GroupStore
  readonly table: SourceTable
  readonly #parts: DerivedRowsParts
  #slots: Int32Array = new Int32Array(FIRST_GROUPS).fill(-1)
  #marks: Uint8Array = new Uint8Array(FIRST_GROUPS)
  #touched: number[] = []
  #failure: DbsyncError | null = null
  work = 0

  constructor(parts: DerivedRowsParts) {
    this.#parts = parts
    this.groups = parts.groups
    this.table = parts.table
    if (parts.single) this.touch(0)
  }

  /** Why the block stopped; null while it is maintained. */
  get failure(): DbsyncError | null {
    return this.#failure
  }

  /** Whether the table is behind. */
  get pending(): boolean {
    return this.#touched.length > 0
  }

  get byteLength(): number {
    return this.groups.byteLength + this.#slots.byteLength + this.#marks.byteLength
  }

  touch(group: number): void {
    if (group >= this.#marks.length) this.#grow()
    if (this.#marks[group] === 1) return
    this.#marks[group] = 1
    this.#touched.push(group)
  }

  enter(group: number): void {
    this.groups.countTuple(group, 1)
  }

  leave(group: number): boolean {
    return this.groups.countTuple(group, -1) === 0 && !this.#parts.single
  }

  /** A group without tuples goes with the flush: until then its row is in the table. */
  bury(): void {}

  /** Hands over which row each group has; the rows are the table's to carry. Call it right after `flush`. */
  carry(state: StateCarrier): void {
    this.groups.carry(state)
    this.#slots = state.int32(this.#slots, this.#slots.length)
    if (!state.isLoading) return
    this.#marks = new Uint8Array(this.#slots.length)
    this.#touched = []
  }

  /** Brings the table up to date; `reason` is the circuit's error. A value that cannot be computed stops the block. */
  flush(reason: unknown): void {
    if (reason !== null) this.fail(reason)
    const touched = this.#touched
    if (touched.length === 0) return
    this.#touched = []
    try {
      for (const group of touched) this.#show(group)
    } catch (error) {
      this.fail(error)
    }
  }

  fail(error: unknown): void {
    this.#failure ??= toDbsyncError(error, `the view ${this.#parts.name} failed with `)
    this.#touched = []
  }

  #show(group: number): void {
    const { table } = this
    this.#marks[group] = 0
    const live = this.#slots[group]!
    if (this.groups.count(group) === 0 && !this.#parts.single) {
      if (live >= 0) table.remove(live)
      this.#slots[group] = -1
      this.groups.close(group)
      return
    }
    const slot = this.#write(group)
    if (live < 0) {
      table.insert(slot)
      this.#slots[group] = slot
    } else if (table.sameRow(live, slot)) table.release(slot)
    else table.replace(live, slot)
  }

  #write(group: number): number {
    const { table } = this
    const { rowKey, branch, branches, writers } = this.#parts
    const slot = table.allocate()
    rowKey.putWords(slot, group * branches + branch, 0)
    try {
      for (let index = 0; index < writers.length; index += 1) writers[index]!(group, slot)
    } catch (error) {
      table.release(slot)
      throw error
    }
    return slot
  }

  #grow(): void {
    const marks = new Uint8Array(Math.max(this.groups.capacity, this.#marks.length * 2))
    marks.set(this.#marks)
    this.#marks = marks
    const known = this.#slots.length
    this.#slots = grownInt32(this.#slots, marks.length).fill(-1, known)
  }
}
