import { type DbsyncError, toDbsyncError } from '../core/errors.ts'
import { grownInt32 } from '../zset/grow.ts'
import { RowSelection } from './row-selection.ts'
import { OrderedSlots } from '../zset/ordered-slots.ts'
import type { StateCarrier } from '../zset/state-carrier.ts'
import { maskOf, type RowListener, type SourceTable } from '../zset/source-table.ts'
import { compareColumns } from './compare-columns.ts'
import { GroupStore } from './group-store.ts'

/** What top rows are made of. */
export interface TopRowsParts {
  /** A table of the schema, or a derived one; its rows are taken as they are and listened to from then on. */
  readonly input: SourceTable
  /** Empty; its key is the integer column ROW_KEY, its other columns have names and types of the input's. */
  readonly output: SourceTable
  /** Rows with equal values share a window, NULLs being equal; none: one window over all rows. */
  readonly partition: readonly string[]
  /** Rows that tie stand in the order of their slots, so it should hold what identifies a row. */
  readonly order: readonly {
    readonly field: string
    readonly descending: boolean
    readonly nullsFirst: boolean
  }[]
  /** How many rows a window has; null: all after the offset. */
  readonly limit: number | null
  readonly offset: number
}

/**
 * `ORDER BY … LIMIT … OFFSET …`, also of each partition: the output holds exactly the rows of the windows.
 *
 * Shape: the row number of an output row is the slot of its input row. Changes are noted as they come; `flush` brings the
 *   output up to date, each of its rows changed at most once, rows that stay in a window unchanged not at all.
 * A change moves the rows behind it by one place. So beside the changed rows themselves, only rows whose rank is as near
 *   to an end of the window as there were changes can have come in or gone out: they alone are looked at.
 * State: 21 bytes an input row (its place in the order, its partition, a mark), about 8 bytes a partition beside the words
 *   of its values. All rows are kept in order, not the window alone, so a row that leaves is replaced without a search.
 * Cost: O(log n) comparisons a change, O(changes) rows looked at a flush, whatever the sizes of window, partition and table.
 */
export class TopRows {
  readonly listener: RowListener
  readonly #input: SourceTable
  readonly #order: OrderedSlots
  readonly #groups: GroupStore
  readonly #selection: RowSelection
  readonly #start: number
  readonly #end: number
  readonly #tuple = new Int32Array(1)
  readonly #probe: Int32Array
  /** The partition of each input slot plus one; 0: the slot has no row. */
  #partitions: Int32Array = new Int32Array(16)
  /** 1: the slot is in `#changed`. */
  #marks: Uint8Array = new Uint8Array(16)
  /** Slots whose rows came, went, moved or have other values since the last flush. */
  #changed: number[] = []
  /** How many rows came to or went from a partition since the last flush. */
  readonly #shifts = new Map<number, number>()
  #failure: DbsyncError | null = null

  constructor({ input, output, partition, order, limit, offset }: TopRowsParts) {
    this.#input = input
    this.#start = offset
    this.#end = limit === null ? Number.POSITIVE_INFINITY : offset + limit
    const ordered = order.map((item) => ({ ...item, column: input.column(item.field) }))
    const parts = partition.map((field) => input.column(field))
    this.#order = new OrderedSlots(compareColumns(ordered))
    this.#groups = new GroupStore(
      parts.map((column) => ({
        source: 0,
        column,
        nullable: column.contract.nullable || column.contract.list,
      })),
      parts.length,
      input.interner,
    )
    this.#probe = new Int32Array(Math.max(this.#groups.stride, 1))
    this.#selection = new RowSelection(input, output)
    const critical = maskOf([...parts, ...ordered.map(({ column }) => column)])
    this.listener = {
      mask: critical | maskOf(this.#selection.columns),
      critical,
      insert: (slot) => this.#guard(() => this.#insert(slot)),
      remove: (slot) => this.#guard(() => this.#remove(slot)),
      update: (slot) => this.#guard(() => this.#note(slot)),
    }
    for (const slot of input.slots()) this.listener.insert(slot)
    input.listeners.push(this.listener)
  }

  /** Whether the output may be behind the input. */
  get pending(): boolean {
    return this.#changed.length > 0
  }

  /** Rows looked at and rows compared so far: what the changes cost. */
  get work(): number {
    return this.#selection.looks + this.#order.comparisons
  }

  /** Bytes kept beside the two tables. */
  get byteLength(): number {
    return (
      this.#order.byteLength + this.#groups.byteLength + this.#partitions.byteLength + this.#marks.byteLength
    )
  }

  /** Why it stopped; null while the output is maintained. */
  get failure(): DbsyncError | null {
    return this.#failure
  }

  /** Gives up the interned text of the partitions; the operator is of no more use. */
  dispose(): void {
    this.#groups.dispose()
  }

  /** Hands over its order; the rows are the two tables' to carry. Call it right after `flush`. */
  carry(state: StateCarrier): void {
    state.label('top rows')
    this.#order.carry(state)
    this.#groups.carry(state)
    this.#partitions = state.int32(this.#partitions, this.#partitions.length)
    if (state.isLoading) this.#marks = new Uint8Array(this.#partitions.length)
  }

  /** Brings the output up to date and tells its listeners. */
  flush(): void {
    if (this.#changed.length === 0) return
    this.#guard(() => {
      for (const slot of this.#changed) this.#settle(slot)
      for (const [partition, shift] of this.#shifts) this.#settleEnds(partition, shift)
    })
    for (const slot of this.#changed) this.#marks[slot] = 0
    this.#changed = []
    this.#shifts.clear()
  }

  /** A failure stops what depends on the output: the input and its other listeners go on. */
  #guard(work: () => void): void {
    if (this.#failure !== null) return
    try {
      work()
    } catch (error) {
      this.#failure = toDbsyncError(error, 'the first rows of an order failed with ')
    }
  }

  #insert(slot: number): void {
    this.#note(slot)
    this.#tuple[0] = slot
    this.#groups.write(this.#tuple, this.#probe)
    let partition = this.#groups.find(this.#probe)
    if (partition < 0) partition = this.#groups.open(this.#probe)
    this.#groups.countTuple(partition, 1)
    this.#partitions[slot] = partition + 1
    this.#order.insert(partition, slot)
    this.#shift(partition)
  }

  #remove(slot: number): void {
    this.#note(slot)
    const partition = this.#partitions[slot]! - 1
    this.#order.remove(partition, slot)
    this.#partitions[slot] = 0
    if (this.#groups.countTuple(partition, -1) === 0) this.#groups.close(partition)
    this.#shift(partition)
  }

  #shift(partition: number): void {
    this.#shifts.set(partition, (this.#shifts.get(partition) ?? 0) + 1)
  }

  #note(slot: number): void {
    if (slot >= this.#marks.length) this.#grow()
    if (this.#marks[slot] === 1) return
    this.#marks[slot] = 1
    this.#changed.push(slot)
  }

  #grow(): void {
    const { capacity } = this.#input.rows
    this.#partitions = grownInt32(this.#partitions, capacity)
    const marks = new Uint8Array(capacity)
    marks.set(this.#marks)
    this.#marks = marks
  }

  #settle(slot: number): void {
    const partition = this.#partitions[slot]! - 1
    const rank = partition < 0 ? -1 : this.#order.rank(partition, slot)
    this.#selection.show(slot, rank >= this.#start && rank < this.#end, true)
  }

  #settleEnds(partition: number, shift: number): void {
    const start = this.#start
    const end = this.#end
    // Nothing stands before the first row of all.
    const low = start === 0 ? 0 : start + shift
    if (end - shift <= low) this.#look(partition, start - shift, end + shift)
    else {
      this.#look(partition, start - shift, low)
      if (Number.isFinite(end)) this.#look(partition, end - shift, end + shift)
    }
  }

  /** Shows or hides the rows from one rank to below another. */
  #look(partition: number, from: number, to: number): void {
    let rank = Math.max(from, 0)
    for (const slot of this.#order.from(partition, rank, to - rank)) {
      this.#selection.show(slot, rank >= this.#start && rank < this.#end, false)
      rank += 1
    }
  }
}
