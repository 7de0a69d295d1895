import { invariant, type DbsyncError, toDbsyncError } from '../core/errors.ts'
import { writeInstant } from '../values/read-date-time.ts'
import { Int64Column } from '../zset/int64-column.ts'
import { compareWords } from '../zset/ordered-multiset.ts'
import { OrderedSlots } from '../zset/ordered-slots.ts'
import type { StateCarrier } from '../zset/state-carrier.ts'
import { RowSelection } from './row-selection.ts'
import { maskOf, type RowListener, type SourceTable } from '../zset/source-table.ts'
import { compareColumns } from './compare-columns.ts'

/** What time rows are made of. */
export interface TimeRowsParts {
  /** A table of the schema, or a derived one; its rows are taken as they are and listened to from then on. */
  readonly input: SourceTable
  /** Empty; its key is the integer column ROW_KEY, its other columns have names and types of the input's. */
  readonly output: SourceTable
  /** A timestamp of the input, with or without a time zone. */
  readonly field: string
  /** How a row's time stands to the moment for the row to be in the output. */
  readonly comparison: 'gt' | 'gte' | 'lt' | 'lte'
  /** How far before now the moment lies, in microseconds. */
  readonly micros: bigint
  /** Microseconds since 1970-01-01 UTC. */
  readonly now: bigint
}

const CHANGED = 1
const LIVE = 2
const ONE_PARTITION = 0
/** Beyond every time that Postgres knows, and within what the words of an instant hold. */
const FIRST = -300_000_000_000_000_000n
const LAST = 9_300_000_000_000_000_000n

/**
 * `time > now - interval` and its like: the output holds exactly the rows whose time is on the right side of the moment.
 *
 * Meaning: as Postgres; NULL is on neither side, the infinities are beyond every moment. Now may go back.
 * Shape: the row number of an output row is the slot of its input row. Changes of rows and of now are noted as they come;
 *   `flush` brings the output up to date, each of its rows changed at most once.
 * State: 17 bytes an input row (its place in the order, a mark).
 * Cost: O(log n) comparisons a change; O(log n) comparisons and O(rows that cross) looks when now moves.
 */
export class TimeRows {
  readonly listener: RowListener
  readonly #input: SourceTable
  readonly #column: Int64Column
  readonly #micros: bigint
  /** Whether the output has the rows behind the moment, not those before it. */
  readonly #isAfter: boolean
  /** Whether a row at the very moment counts as before it. */
  readonly #isInclusive: boolean
  /** The rows that have a time, by it. */
  readonly #order: OrderedSlots
  readonly #selection: RowSelection
  /** The moment, in words that sort as those of the column. */
  readonly #moment = new Int32Array(2)
  /** The moment that the output shows. */
  readonly #shown = new Int32Array(2)
  /** {@link CHANGED}: the slot is in `#changed`; {@link LIVE}: it has a row. */
  #marks: Uint8Array = new Uint8Array(16)
  #changed: number[] = []
  #failure: DbsyncError | null = null

  constructor({ input, output, field, comparison, micros, now }: TimeRowsParts) {
    const column = input.column(field)
    invariant(column instanceof Int64Column, 'a moving bound of what is no timestamp')
    this.#input = input
    this.#column = column
    this.#micros = micros
    this.#isAfter = comparison === 'gt' || comparison === 'gte'
    this.#isInclusive = comparison === 'gt' || comparison === 'lte'
    this.#order = new OrderedSlots(compareColumns([{ column, descending: false, nullsFirst: false }]))
    this.#selection = new RowSelection(input, output)
    const critical = maskOf([column])
    this.listener = {
      mask: critical | maskOf(this.#selection.columns),
      critical,
      insert: (slot) => this.#guard(() => this.#insert(slot)),
      remove: (slot) => this.#guard(() => this.#remove(slot)),
      update: (slot) => this.#guard(() => this.#note(slot)),
    }
    this.advance(now)
    this.#shown.set(this.#moment)
    for (const slot of input.slots()) this.listener.insert(slot)
    input.listeners.push(this.listener)
  }

  /** Whether the output may be behind the input or the clock. */
  get pending(): boolean {
    return this.#changed.length > 0 || this.#hasMoved
  }

  /** Rows looked at and rows compared so far: what the changes and the clock cost. */
  get work(): number {
    return this.#selection.looks + this.#order.comparisons
  }

  /** Bytes kept beside the two tables. */
  get byteLength(): number {
    return this.#order.byteLength + this.#marks.byteLength
  }

  /** Why it stopped; null while the output is maintained. */
  get failure(): DbsyncError | null {
    return this.#failure
  }

  /** The operator holds no text. */
  dispose(): void {}

  /** Moves now, forth or back, to microseconds since 1970-01-01 UTC; `flush` shows what that means. */
  advance(now: bigint): void {
    const moment = now - this.#micros
    writeInstant(moment < FIRST ? FIRST : moment > LAST ? LAST : moment, this.#moment)
  }

  /** Hands over its order and its moment; the rows are the two tables' to carry. Call it right after `flush`. */
  carry(state: StateCarrier): void {
    state.label('time rows')
    this.#order.carry(state)
    this.#marks = state.uint8(this.#marks, this.#marks.length)
    this.#moment.set(state.int32(this.#moment, this.#moment.length))
    this.#shown.set(this.#moment)
  }

  /** Brings the output up to date and tells its listeners. */
  flush(): void {
    if (!this.pending) return
    this.#guard(() => {
      for (const slot of this.#changed) this.#settle(slot)
      if (this.#hasMoved) this.#cross()
    })
    for (const slot of this.#changed) this.#marks[slot]! &= ~CHANGED
    this.#changed = []
    this.#shown.set(this.#moment)
  }

  get #hasMoved(): boolean {
    return this.#moment[0] !== this.#shown[0] || this.#moment[1] !== this.#shown[1]
  }

  /** A failure stops what depends on the output: the input and its other listeners go on. */
  #guard(work: () => void): void {
    if (this.#failure !== null) return
    try {
      work()
    } catch (error) {
      this.#failure = toDbsyncError(error, 'a moving time bound failed with ')
    }
  }

  #insert(slot: number): void {
    this.#note(slot)
    this.#marks[slot]! |= LIVE
    if (!this.#column.isNull(slot)) this.#order.insert(ONE_PARTITION, slot)
  }

  #remove(slot: number): void {
    this.#note(slot)
    this.#marks[slot]! &= ~LIVE
    if (!this.#column.isNull(slot)) this.#order.remove(ONE_PARTITION, slot)
  }

  #note(slot: number): void {
    if (slot >= this.#marks.length) {
      const marks = new Uint8Array(this.#input.rows.capacity)
      marks.set(this.#marks)
      this.#marks = marks
    }
    if ((this.#marks[slot]! & CHANGED) !== 0) return
    this.#marks[slot]! |= CHANGED
    this.#changed.push(slot)
  }

  #settle(slot: number): void {
    const hasTime = (this.#marks[slot]! & LIVE) !== 0 && !this.#column.isNull(slot)
    this.#selection.show(slot, hasTime && this.#isBefore(slot, this.#moment) !== this.#isAfter, true)
  }

  /** Looks at the rows between the moment that is shown and the one that is. */
  #cross(): void {
    const from = this.#countBefore(this.#shown)
    const to = this.#countBefore(this.#moment)
    // What lay behind the moment and is before it now goes in with `lt`, out with `gt`.
    const inside = to > from !== this.#isAfter
    const crossed = this.#order.from(ONE_PARTITION, Math.min(from, to), Math.abs(to - from))
    for (const slot of crossed) this.#selection.show(slot, inside, false)
  }

  #countBefore(moment: Int32Array): number {
    return this.#order.countWhile(ONE_PARTITION, (slot) => this.#isBefore(slot, moment))
  }

  #isBefore(slot: number, moment: Int32Array): boolean {
    const { rows, stride, offset } = this.#column
    const at = slot * stride + offset
    const order = compareWords(rows.words[at]!, rows.words[at + 1]!, moment[0]!, moment[1]!)
    return this.#isInclusive ? order <= 0 : order < 0
  }
}
