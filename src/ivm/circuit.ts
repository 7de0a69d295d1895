import { grownInt32 } from '../zset/grow.ts'
import type { HeldTexts } from '../zset/held-texts.ts'
import type { RowStorage } from '../zset/row-storage.ts'
import type { SecondaryIndex } from '../zset/secondary-index.ts'
import type { RowListener } from '../zset/source-table.ts'
import type { StateCarrier } from '../zset/state-carrier.ts'
import type { Accumulator } from './accumulator.ts'
import type { Tuple } from './comparison.ts'
import type { Lookup } from './lookup.ts'
import { type Predicate, TRUE } from './predicate.ts'
import type { GroupSink } from './group-sink.ts'

/** One source after another that a change of some source is joined with. */
export interface JoinStep {
  /** The source that is looked up from, already bound. */
  readonly from: number
  /** Whether `from` is the changed source itself, whose place in the tuple may be empty. */
  readonly origin: boolean
  readonly target: number
  readonly lookup: Lookup
  /** A left join: without a match the target is missing. */
  readonly outer: boolean
  readonly next: JoinStep | null
}

/** What happens when one source of the view changes. */
export interface SourceCircuit {
  readonly source: number
  readonly mask: number
  readonly critical: number
  readonly steps: JoinStep | null
  /** Left-joined: the only match of a row replaces the row without a match. */
  readonly leftJoined: boolean
  /** Finds the other rows with the same join columns; null where these are the whole key, so there are none. */
  readonly index: SecondaryIndex | null
}

/** Where a group's number is kept in the rows of the source that the view is grouped by. */
export interface GroupWord {
  readonly source: number
  readonly rows: RowStorage
  readonly offset: number
}

/** What a circuit is made of. */
export interface CircuitParts {
  readonly state: GroupSink
  readonly tuple: Tuple
  readonly sources: readonly SourceCircuit[]
  readonly filter: Predicate | null
  readonly single: boolean
  readonly groupWord: GroupWord | null
  readonly accumulators: readonly Accumulator[]
  /** A view of rows: told which tuple a group stands for. */
  readonly tuples: GroupTuples | null
  /** The constants of the block's expressions. */
  readonly texts?: HeldTexts
}

/** The tuple of source rows that each group stands for, in a view that does not aggregate. */
export class GroupTuples {
  readonly width: number
  slots: Int32Array

  constructor(width: number) {
    this.width = width
    this.slots = new Int32Array(16 * width)
  }

  /** Hands over the tuples of the first `used` groups. */
  carry(state: StateCarrier, used: number): void {
    this.slots = state.int32(this.slots, used * this.width)
  }

  grow(groups: number): void {
    this.slots = grownInt32(this.slots, groups * this.width)
  }
}

type Mode = 1 | -1 | 0 | 2
const ADD = 1
const REMOVE = -1
const UPDATE = 0
/** Nothing changes but the accumulators whose state was not carried. */
const REFILL = 2

/**
 * One view's way from row changes to group changes.
 *
 * Meaning: the view is the join of its sources, filtered and grouped. By bilinearity, what a change of one source does to
 *   it is the join of that change with the other sources as they are, looked up in shared indexes; no join has state of
 *   its own. The changed row is never linked meanwhile, so every lookup shows the others.
 * A left join adds: a row that is the first match of its partners takes the tuples without a match away, and the last one
 *   brings them back; the size of its bucket tells.
 * Cost: O(tuples that change), whatever the sizes of groups and tables.
 */
export class Circuit {
  readonly #state: GroupSink
  readonly #tuple: Tuple
  readonly #filter: Predicate | null
  readonly #single: boolean
  readonly #word: GroupWord | null
  readonly #accumulators: readonly Accumulator[]
  /** Those with a condition. */
  readonly #filtered: readonly Accumulator[]
  readonly #refilled: readonly Accumulator[]
  readonly #root: SourceCircuit | undefined
  readonly #texts: HeldTexts | null
  readonly #tuples: GroupTuples | null
  readonly #probe: Int32Array
  /** One a source, in FROM order. */
  readonly listeners: readonly RowListener[]
  #capacity: number
  #mode: Mode = ADD
  #origin = -1
  #source = 0
  #scratch = -1
  #changed = 0
  #errors = 0
  #error: unknown = null

  constructor(parts: CircuitParts) {
    this.#state = parts.state
    this.#tuple = parts.tuple
    this.#filter = parts.filter
    this.#single = parts.single
    this.#word = parts.groupWord
    this.#accumulators = parts.accumulators
    this.#filtered = parts.accumulators.filter((accumulator) => 'error' in accumulator)
    this.#refilled = parts.accumulators.filter(({ isRefilled }) => isRefilled === true)
    this.#root = parts.sources[0]
    this.#texts = parts.texts ?? null
    this.#tuples = parts.tuples
    const { groups } = parts.state
    this.#probe = new Int32Array(Math.max(groups.stride, 1))
    this.#capacity = groups.capacity
    if (parts.single) groups.open(this.#probe)
    this.listeners = parts.sources.map((source) => this.#listen(source))
  }

  /**
   * Why the condition, or that of an aggregate, has no answer for some tuple of the sources as they are, where Postgres has an error; null if it has one
   * for all. In the middle of a transaction it may come and go.
   */
  get error(): unknown {
    if (this.#errors !== 0) return this.#error
    for (const { error } of this.#filtered) if (error != null) return error
    return null
  }

  /** Bytes of the aggregates and tuples; the groups are counted by the state. */
  get byteLength(): number {
    let bytes = this.#tuples === null ? 0 : this.#tuples.slots.byteLength
    for (const accumulator of this.#accumulators) bytes += accumulator.byteLength
    return bytes
  }

  /** Gives up the text that aggregates and constants hold; the circuit is of no more use. */
  dispose(): void {
    for (const accumulator of this.#accumulators) accumulator.dispose?.()
    this.#texts?.dispose()
  }

  /** Hands over what it keeps; its sink comes before it. Nothing must be pending, and no condition without an answer. */
  carry(state: StateCarrier): void {
    state.label(
      `circuit with ${this.#accumulators.length} accumulators, its group at ${this.#word?.offset ?? -1}`,
    )
    const { groups } = this.#state
    for (const accumulator of this.#accumulators) accumulator.carry?.(state)
    this.#tuples?.carry(state, groups.used)
    this.#texts?.carry(state)
    this.#capacity = groups.capacity
  }

  /** Whether {@link refill} must be told of the rows of the first source once all tables have come in. */
  get mustRefill(): boolean {
    return this.#refilled.length > 0
  }

  /** Tells the accumulators whose state was not carried of the tuples of a row. */
  refill(slot: number): void {
    if (this.#root !== undefined) this.#guard(this.#root, slot, REFILL)
  }

  #listen(source: SourceCircuit): RowListener {
    return {
      mask: source.mask,
      critical: source.critical,
      insert: (slot) => this.#guard(source, slot, ADD),
      remove: (slot) => this.#guard(source, slot, REMOVE),
      update: (old, scratch, changed) => {
        this.#scratch = scratch
        this.#changed = changed
        this.#guard(source, old, UPDATE)
      },
    }
  }

  /** A failure stays inside the view: the table and the other views go on. */
  #guard(source: SourceCircuit, slot: number, mode: Mode): void {
    if (this.#state.failure !== null) return
    try {
      this.#origin = slot
      this.#source = source.source
      this.#change(source, slot, mode)
    } catch (error) {
      this.#state.fail(error)
    }
  }

  #change(source: SourceCircuit, slot: number, mode: Mode): void {
    const alone =
      source.leftJoined && mode !== UPDATE && (source.index === null || source.index.countLike(slot) === 0)
    // What comes is added before what goes, so that a group that keeps a tuple lives on.
    if (alone && mode === REMOVE) this.#run(source, -1, ADD)
    this.#run(source, slot, mode)
    if (alone && mode === ADD) this.#run(source, -1, REMOVE)
  }

  #run(source: SourceCircuit, slot: number, mode: Mode): void {
    this.#tuple[source.source] = slot
    this.#mode = mode
    this.#join(source.steps)
  }

  #join(step: JoinStep | null): void {
    if (step === null) {
      this.#emit()
      return
    }
    const from = step.origin ? this.#origin : this.#tuple[step.from]!
    const { lookup } = step
    let slot = from < 0 ? -1 : lookup.first(from)
    if (slot < 0) {
      if (!step.outer) return
      this.#tuple[step.target] = -1
      this.#join(step.next)
      return
    }
    do {
      this.#tuple[step.target] = slot
      this.#join(step.next)
      slot = lookup.next(slot)
    } while (slot >= 0)
  }

  #emit(): void {
    if (this.#filter !== null && !this.#passes(this.#filter)) return
    if (this.#mode === REFILL) {
      this.#addAgain()
      return
    }
    this.#state.work += 1
    if (this.#mode === ADD) this.#add()
    else if (this.#mode === REMOVE) this.#remove()
    else this.#update()
  }

  #passes(filter: Predicate): boolean {
    try {
      return filter() === TRUE
    } catch (error) {
      this.#errors += this.#mode
      this.#error = error
      return false
    }
  }

  #add(): void {
    const state = this.#state
    const tuple = this.#tuple
    const group = this.#locateOrOpen()
    state.touch(group)
    state.enter(group)
    for (const accumulator of this.#accumulators) accumulator.add(group, tuple[accumulator.source]!)
    const tuples = this.#tuples
    if (tuples !== null) {
      const base = group * tuples.width
      for (let index = 0; index < tuples.width; index += 1) tuples.slots[base + index] = tuple[index]!
    }
  }

  #addAgain(): void {
    const group = this.#locate()
    for (const accumulator of this.#refilled) accumulator.add(group, this.#tuple[accumulator.source]!)
  }

  #remove(): void {
    const state = this.#state
    const tuple = this.#tuple
    const group = this.#locate()
    state.touch(group)
    for (const accumulator of this.#accumulators) accumulator.remove(group, tuple[accumulator.source]!)
    if (!state.leave(group)) return
    for (const accumulator of this.#accumulators) accumulator.clear(group)
    const word = this.#word
    if (word !== null) word.rows.words[tuple[word.source]! * word.rows.stride + word.offset] = -1
    state.bury(group)
  }

  #update(): void {
    const group = this.#locate()
    this.#state.touch(group)
    for (const accumulator of this.#accumulators) {
      if (accumulator.source === this.#source && (accumulator.changeBit & this.#changed) !== 0) {
        accumulator.update(group, this.#origin, this.#scratch)
      }
    }
  }

  #locate(): number {
    if (this.#single) return 0
    const word = this.#word
    if (word !== null) {
      const group = word.rows.words[this.#tuple[word.source]! * word.rows.stride + word.offset]!
      if (group >= 0) return group
    }
    const { groups } = this.#state
    groups.write(this.#tuple, this.#probe)
    return groups.find(this.#probe)
  }

  #locateOrOpen(): number {
    const known = this.#locate()
    const { groups } = this.#state
    let group = known
    if (known < 0) {
      group = groups.open(this.#probe)
      if (groups.capacity > this.#capacity) this.#grow(groups.capacity)
    } else if (groups.count(known) !== 0 || this.#single) return known
    else groups.reopen(known, this.#probe)
    const word = this.#word
    if (word !== null) word.rows.words[this.#tuple[word.source]! * word.rows.stride + word.offset] = group
    return group
  }

  #grow(capacity: number): void {
    this.#capacity = capacity
    this.#tuples?.grow(capacity)
  }
}
