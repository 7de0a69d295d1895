import { DbsyncError, toDbsyncError } from '../core/errors.ts'
import { sameValue } from '../values/same-value.ts'
import type { StateCarrier } from '../zset/state-carrier.ts'
import type { GroupSink } from './group-sink.ts'
import { GroupKey, type KeyPart } from './group-key.ts'
import type { GroupStore } from './group-store.ts'
import type { IndexColumn } from './row-index.ts'
import { RowReaders } from './row-readers.ts'
import type { RowSource } from './row-source.ts'
import { type OrderKey, type OrderPart, RowOrder } from './row-order.ts'

/** A public row of a view: frozen, the select names in their order. */
export type Row = Readonly<Record<string, unknown>>

/**
 * A net change of one row between two flushes; `before` and `after` are never equal and never both null.
 *
 * `key` is the value of a single-column key, an object of the key's names for a longer one, and null for a view of one
 * row and for a bag; a bag repeats the change as often as the row was added or taken away.
 */
export interface ViewChange {
  readonly key: unknown
  readonly before: Row | null
  readonly after: Row | null
}

/** How one output of a view is shown. */
export interface ViewOutput {
  readonly name: string
  value(group: number): unknown
}

/** What a view state is made of. */
export interface ViewStateParts {
  readonly name: string
  readonly groups: GroupStore
  readonly outputs: readonly ViewOutput[]
  /** Each name of the key with the part of the group that it shows; null: no key. */
  readonly key: readonly KeyPart[] | null
  /** One row that is there from the start, whatever the sources hold. */
  readonly single: boolean
  /** A group is repeated as often as it has tuples. */
  readonly bag: boolean
  /** What the rows stand in, by what is a group's at the time; absent or empty: no order. */
  readonly order?: readonly OrderPart[]
}

/** The row is in `#rows`. */
const CACHED = 1
/** The row in `#rows` is that of the last flush. */
const PINNED = 2
/** No row is kept, and the list and the indexes know that the group has changed. */
const NOTED = 3

/**
 * What one view shows: its rows by key, and what changed since the last flush.
 *
 * Rows are made when they are read, and the same object is returned while a row does not change. Not retained, a change
 * shows at once and leaves no trace; retained (`retain(true)`), readers see the state of the last flush and `flush`
 * returns the net changes.
 */
export class ViewState implements GroupSink {
  readonly name: string
  readonly groups: GroupStore
  readonly #outputs: readonly ViewOutput[]
  readonly #key: GroupKey | null
  readonly #single: boolean
  readonly #bag: boolean
  readonly #order: RowOrder | null
  /** What readers see of a group: of a pinned one for certain, null for no row; of another if it was made. */
  #rows: (Row | null | undefined)[] = []
  /** One byte a group, so that touching one again costs a look at a small array: 0, CACHED, PINNED or NOTED. */
  #marks: Uint8Array = new Uint8Array(16)
  /** The mark with which a group needs nothing when it is touched: PINNED while retaining, else NOTED if there is somebody to note it, or 0. */
  #quiet: typeof PINNED | typeof NOTED | 0 = 0
  /** The pinned groups: touched since the last flush, while retaining. */
  #pinned: number[] = []
  readonly #beforeCounts = new Map<number, number>()
  /** What the rows of pinned groups stand by, in a view with an order. */
  readonly #beforeKeys = new Map<number, OrderKey>()
  /** The list and the indexes that readers use. */
  readonly #readers: RowReaders
  #retaining = false
  #size: number
  #shownSize: number
  #failure: DbsyncError | null = null
  /** How many tuples went through the view so far: the work that its changes cost. */
  work = 0

  constructor(parts: ViewStateParts) {
    this.name = parts.name
    this.groups = parts.groups
    this.#outputs = parts.outputs
    this.#key = parts.key === null ? null : new GroupKey(parts.name, parts.groups, parts.key)
    this.#order = parts.order === undefined || parts.order.length === 0 ? null : new RowOrder(parts.order)
    this.#single = parts.single
    this.#bag = parts.bag
    this.#readers = new RowReaders(parts.name, this.#makeSource(), this.#order, {
      onInUse: () => this.#setQuiet(),
      onTaken: (groups) => this.#unnote(groups),
    })
    this.#size = parts.single ? 1 : 0
    this.#shownSize = this.#size
  }

  /** Why the view stopped; null while it is maintained. A failed view is detached and every read throws this. */
  get failure(): DbsyncError | null {
    return this.#failure
  }

  /** Names of the key, null for a bag. */
  get key(): readonly string[] | null {
    return this.#key === null ? null : this.#key.names
  }

  /** How many rows readers see. */
  get size(): number {
    this.#requireSound()
    return this.#retaining ? this.#shownSize : this.#size
  }

  /** Whether there are changes since the last flush; only retained views know. */
  get pending(): boolean {
    return this.#pinned.length > 0
  }

  /**
   * The row of a key: the value of a single-column key, or an object with the key's names; without an argument the row
   * of a view that has one row.
   *
   * Throws: VIEW.INVALID_DEFINITION if the view has no key, CONFIG.INVALID_OPTIONS if the key is not of its type,
   * VIEW.OUT_OF_RANGE if a value does not fit, and the view's failure.
   */
  get(key?: unknown): Row | undefined {
    this.#requireSound()
    if (this.#key === null) {
      throw new DbsyncError(
        'VIEW.INVALID_DEFINITION',
        `${this.name}: found a view without a key; get() needs one. Select the columns that identify a row, or read rows().`,
      )
    }
    const group = this.#key.find(key)
    const row = group < 0 ? null : this.#shown(group)
    return row !== null && this.#key.agrees(key, row) ? row : undefined
  }

  /**
   * All rows that readers see: in the view's order if it has one; else in no particular order, to be read in one go.
   *
   * Throws: VIEW.OUT_OF_RANGE if a value does not fit, and the view's failure.
   */
  rows(): Iterable<Row> {
    return this.#order === null ? this.#unordered() : this.all()
  }

  /**
   * All rows that readers see, in the view's order if it has one: a frozen array, the same one until a row changes.
   *
   * Throws: as `rows`.
   */
  all(): readonly Row[] {
    this.#requireSound()
    return this.#readers.all()
  }

  /**
   * Keeps the rows findable by those outputs from now on. Nothing for columns that have an index.
   *
   * A value that cannot be shown does not throw here but when the index is read.
   */
  addIndex(columns: readonly IndexColumn[]): void {
    this.#readers.addIndex(columns)
  }

  /**
   * The rows with those values, in the view's order if it has one: a frozen array, the same one until one of them changes.
   *
   * Throws: CONFIG.INVALID_OPTIONS if no index has exactly those columns or a value is not of its type, and as `rows`.
   */
  where(match: Row): readonly Row[] {
    this.#requireSound()
    return this.#readers.where(match)
  }

  /** Starts or ends keeping the state of the last flush. Ending it shows what is pending and forgets the changes. */
  retain(on: boolean): void {
    if (on === this.#retaining) return
    if (!on) this.#settle()
    this.#retaining = on
    this.#setQuiet()
    this.#shownSize = this.#size
  }

  /**
   * Shows what is pending and returns its net changes, each row once; nothing for a view that is not retained.
   *
   * A value that does not fit its type fails the view.
   */
  flush(): readonly ViewChange[] {
    if (this.#pinned.length === 0) return []
    const changes: ViewChange[] = []
    try {
      for (const group of this.#pinned) this.#collect(group, this.#rows[group] ?? null, changes)
    } catch (error) {
      this.fail(error)
      return []
    }
    this.#settle()
    return changes
  }

  /** Bytes of the groups, of the list and the indexes that are in use, and the cached rows' references. */
  get byteLength(): number {
    return this.groups.byteLength + this.#marks.byteLength + this.#rows.length * 8 + this.#readers.byteLength
  }

  /** Hands over what it shows. Call it right after `flush`; what comes in is for a view that nobody has read. */
  carry(state: StateCarrier): void {
    state.label(`view ${this.name}`)
    this.groups.carry(state)
    this.#size = state.number(this.#size)
    this.#shownSize = this.#size
  }

  /** Must be called before anything that the group shows changes. */
  touch(group: number): void {
    if (this.#marks[group] !== this.#quiet) this.#change(group)
  }

  /** One tuple more for a touched group. */
  enter(group: number): void {
    const count = this.groups.countTuple(group, 1)
    if (this.#bag || (count === 1 && !this.#single)) this.#size += 1
  }

  /** One tuple less for a touched group; true if it was the last and the group must go. */
  leave(group: number): boolean {
    const count = this.groups.countTuple(group, -1)
    if (this.#bag || (count === 0 && !this.#single)) this.#size -= 1
    return count === 0 && !this.#single
  }

  /** Forgets a group without tuples; a retained one goes with the flush, since readers still see it. */
  bury(group: number): void {
    if (!this.#retaining) this.groups.close(group)
  }

  /** Stops the view for good. */
  fail(error: unknown): void {
    this.#failure ??= toDbsyncError(error, `the view ${this.name} failed with `)
    this.#pinned = []
    this.#beforeCounts.clear()
    this.#beforeKeys.clear()
    this.#rows = []
    this.#marks.fill(0)
    this.#readers.clear()
  }

  #requireSound(): void {
    if (this.#failure !== null) throw this.#failure
  }

  /** A group that is cached is forgotten and noted, or pinned while retaining. */
  #change(group: number): void {
    if (group >= this.#marks.length) this.#grow()
    if (this.#quiet !== PINNED) {
      if (group < this.#rows.length) this.#rows[group] = undefined
      this.#marks[group] = this.#quiet
      this.#readers.note(group)
      return
    }
    this.#keep(group, this.#present(group) ? this.#row(group) : null, PINNED)
    this.#pinned.push(group)
    if (this.#order !== null && this.#present(group)) this.#beforeKeys.set(group, this.#order.keyOf(group))
    if (this.#bag) this.#beforeCounts.set(group, this.groups.count(group))
  }

  #present(group: number): boolean {
    return this.#single || this.groups.count(group) > 0
  }

  #shown(group: number): Row | null {
    if (this.#marks[group] === PINNED) return this.#rows[group] ?? null
    return this.#present(group) ? this.#row(group) : null
  }

  #row(group: number): Row {
    const cached = this.#marks[group] === CACHED ? this.#rows[group] : undefined
    if (cached != null) return cached
    const row = this.#makeRow(group)
    this.#keep(group, row, CACHED)
    return row
  }

  #makeRow(group: number): Row {
    const row: Record<string, unknown> = {}
    for (const output of this.#outputs) {
      const value = output.value(group)
      // Assigning to that name would change the row's prototype.
      if (output.name === '__proto__') Object.defineProperty(row, output.name, { value, enumerable: true })
      else row[output.name] = value
    }
    return Object.freeze(row)
  }

  #keep(group: number, row: Row | null, mark: typeof CACHED | typeof PINNED): void {
    if (group >= this.#marks.length) this.#grow()
    // Filled from the front: a hole far out would turn the array into a dictionary.
    while (this.#rows.length <= group) this.#rows.push(undefined)
    this.#rows[group] = row
    this.#marks[group] = mark
  }

  #grow(): void {
    const marks = new Uint8Array(this.groups.capacity)
    marks.set(this.#marks)
    this.#marks = marks
  }

  #collect(group: number, before: Row | null, changes: ViewChange[]): void {
    if (this.#bag) {
      const difference = this.groups.count(group) - (this.#beforeCounts.get(group) ?? 0)
      if (difference === 0) return
      const row = before ?? this.#makeRow(group)
      if (this.#present(group)) this.#keep(group, row, CACHED)
      const change = Object.freeze(
        difference > 0 ? { key: null, before: null, after: row } : { key: null, before: row, after: null },
      )
      for (let copy = 0; copy < Math.abs(difference); copy += 1) changes.push(change)
      return
    }
    const after = this.#present(group) ? this.#makeRow(group) : null
    const row = after ?? before
    if (row === null) return
    const same = before !== null && after !== null && this.#sameRow(before, after)
    if (after !== null) this.#keep(group, same ? before : after, CACHED)
    if (!same) changes.push(Object.freeze({ key: this.#key?.of(row) ?? null, before, after }))
  }

  #settle(): void {
    for (const group of this.#pinned) {
      this.#readers.note(group)
      if (!this.#present(group)) this.groups.close(group)
      if (this.#marks[group] !== PINNED) continue
      this.#rows[group] = undefined
      this.#marks[group] = 0
    }
    this.#pinned.length = 0
    // Clearing a Map makes it a new table, even if it is empty.
    if (this.#beforeCounts.size > 0) this.#beforeCounts.clear()
    if (this.#beforeKeys.size > 0) this.#beforeKeys.clear()
    this.#shownSize = this.#size
  }

  #sameRow(a: Row, b: Row): boolean {
    return this.#outputs.every(({ name }) => sameValue(a[name], b[name]))
  }

  *#unordered(): Generator<Row> {
    this.#requireSound()
    for (let group = 0; group < this.groups.used; group += 1) {
      const row = this.#shown(group)
      if (row === null) continue
      for (let copy = this.#copies(group); copy > 0; copy -= 1) yield row
    }
  }

  /** How often readers see a group's row. */
  #copies(group: number): number {
    return this.#bag ? (this.#beforeCounts.get(group) ?? this.groups.count(group)) : 1
  }

  #unnote(groups: readonly number[]): void {
    for (const group of groups) if (this.#marks[group] === NOTED) this.#marks[group] = 0
  }

  #setQuiet(): void {
    this.#quiet = this.#retaining ? PINNED : this.#readers.isInUse ? NOTED : 0
  }

  #makeSource(): RowSource {
    const { groups } = this
    const values = new Map(this.#outputs.map((output) => [output.name, output]))
    return {
      get used() {
        return groups.used
      },
      isShown: (group) => (this.#marks[group] === PINNED ? this.#rows[group] != null : this.#present(group)),
      shown: (group) => this.#shown(group),
      value: (group, name) =>
        this.#marks[group] === PINNED ? this.#rows[group]?.[name] : values.get(name)?.value(group),
      copies: (group) => this.#copies(group),
      orderKey: (group) => this.#beforeKeys.get(group) ?? this.#order?.keyOf(group) ?? [],
    }
  }
}
