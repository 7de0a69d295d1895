import { parseSnapshot, seesAllOf } from '../../src/snapshot/visibility.ts'
import {
  conflicts,
  execute,
  locksTable,
  numberOf,
  tableAt,
  takeSnapshot,
  type ModelSnapshot,
  type ModelTable,
  type ModelTransaction,
  type Program,
} from './server-model.ts'

/** One thing in the WAL, in its order: the commit of a transaction, or the high watermark of a session's chunk. */
export type WalEntry =
  | { readonly kind: 'commit'; readonly transaction: ModelTransaction }
  | { readonly kind: 'watermark'; readonly session: number; readonly chunk: number }

/** What a consumer does, and in a session that is not its last also what it is given, in their order. */
export type ConsumerStep =
  /** The next entry of the WAL arrives. */
  | { readonly kind: 'deliver' }
  /** The next chunk is read: `rows` are all that its snapshot shows, `at` the entries that were in the WAL. */
  | {
      readonly kind: 'chunk'
      readonly snapshot: ModelSnapshot
      readonly rows: ModelTable
      readonly at: number
    }
  /** A probe reads what is visible; then the server is told what it may discard. */
  | { readonly kind: 'confirm'; readonly snapshot: ModelSnapshot }

/** One session of the consumer on the slot. */
export interface Session {
  /** What a new slot's creation saw; null in a session that found the slot. */
  readonly anchor: ModelSnapshot | null
  /** Transactions that held locks when a session began that found the slot, and still do. */
  readonly writers: readonly number[]
  /** How many chunks it has to read. */
  readonly chunks: number
  readonly steps: readonly ConsumerStep[]
  /** From which entry of the WAL on the slot sends again, by what the consumer confirmed; null before it did. */
  readonly confirmed: Confirmed | null
}

/** Entries of the WAL. */
export interface Confirmed {
  /** Confirmed as the shipped code does. */
  readonly shipped: number
  /** Confirmed whatever was applied. */
  readonly applied: number
}

/** What is explored: so many transactions out of these programs, and sessions with so many chunks each. */
export interface Space {
  readonly start: ModelTable
  readonly programs: readonly Program[]
  readonly transactions: number
  /** `as written`: in the order of the first writes; else a transaction may have its id long before it writes. */
  readonly ids: 'as written' | 'any order'
  readonly chunks: number
  /** How the first of two sessions ends: with the process, or with the stream alone; null if there is only one. */
  readonly ending: 'crash' | 'lost stream' | null
}

/** The ids straddle the end of an epoch. */
export const FIRST_XID = 4_294_967_294

const RUNNING = 0
const WRITTEN = 1
const IN_WAL = 2
const VISIBLE = 3
type Stage = 0 | 1 | 2 | 3

/** Server and consumer at one moment, and what of their past still matters. */
export interface State {
  /** In the order of their writes. */
  readonly executed: readonly ModelTransaction[]
  /** By id. */
  readonly stages: readonly Stage[]
  readonly table: ModelTable
  readonly wal: readonly WalEntry[]
  /** How many entries of the WAL precede the slot; -1 before it is made. */
  readonly slotStart: number
  readonly sessions: readonly Session[]
  /** Between a crash and the restart it is not. */
  readonly isUp: boolean
  /** Entries of the WAL that the present session has had or does not get. */
  readonly delivered: number
  /** Whether a chunk was read before the shipped code would have read it. */
  readonly isEarly: boolean
}

/** What the shipped code has confirmed at the end of a session's steps. */
export type ConfirmRule = (
  steps: readonly ConsumerStep[],
  wal: readonly WalEntry[],
  slotStart: number,
) => Confirmed

/** The steps that can be taken in a state, as the states that they lead to. */
export class Steps {
  readonly #space: Space
  readonly #confirm: ConfirmRule
  readonly #transactions = new Map<string, ModelTransaction>()
  readonly #seesAll = new Map<string, boolean>()

  constructor(space: Space, confirm: ConfirmRule) {
    this.#space = space
    this.#confirm = confirm
  }

  get initial(): State {
    return {
      executed: [],
      stages: Array.from({ length: this.#space.transactions }, () => RUNNING),
      table: this.#space.start,
      wal: [],
      slotStart: -1,
      sessions: [],
      isUp: true,
      delivered: 0,
      isEarly: false,
    }
  }

  /** The states in which the server has taken a step: a write, a commit record, a commit that becomes visible. */
  ofServer(state: State): State[] {
    const next: State[] = []
    const { executed, stages, wal } = state
    for (const transaction of executed) {
      const index = transaction.xid - FIRST_XID
      if (stages[index] === WRITTEN) {
        const entry: WalEntry = { kind: 'commit', transaction }
        next.push({ ...state, stages: stages.with(index, IN_WAL), wal: [...wal, entry] })
      } else if (stages[index] === IN_WAL) {
        const sessions = withoutWriter(state.sessions, transaction.xid)
        next.push({ ...state, stages: stages.with(index, VISIBLE), sessions })
      }
    }
    return [...next, ...this.writes(state)]
  }

  /** The states in which one more transaction has written. */
  writes(state: State): State[] {
    const { executed, stages, table } = state
    const next: State[] = []
    const holders = executed.filter(({ xid }) => stages[xid - FIRST_XID] !== VISIBLE)
    this.#space.programs.forEach((program, number) => {
      if (holders.some((holder) => conflicts(holder.program, program))) return
      const rows = execute(table, program)
      if (rows === null) return
      for (const [index, stage] of stages.entries()) {
        if (stage !== RUNNING) continue
        const transaction = this.#transaction(FIRST_XID + index, program, number, table)
        next.push({
          ...state,
          executed: [...executed, transaction],
          stages: stages.with(index, WRITTEN),
          table: rows,
        })
        if (this.#space.ids === 'as written') break
      }
    })
    return next
  }

  /** The states in which the consumer has taken a step, or something has happened to it. */
  ofConsumer(state: State): State[] {
    const { sessions, slotStart, wal } = state
    const session = sessions.at(-1)
    if (session === undefined) {
      const made = newSession(this.#snapshot(state, IN_WAL), [], this.#space.chunks)
      return [{ ...state, slotStart: wal.length, sessions: [made], delivered: wal.length }]
    }
    if (!state.isUp) return [this.#restarted(state, session)]
    if (this.#isLast(state)) return this.#reading(state, session)
    if (this.#space.ending === 'lost stream') {
      const reading = [...this.#reading(state, session), ...this.#delivered(state, session)]
      const confirmed = session.confirmed ?? { shipped: slotStart, applied: slotStart }
      const ended = { ...state, sessions: [{ ...session, confirmed }], isUp: false }
      if (session.confirmed !== null) return [...reading, ended]
      const steps = this.#confirming(state, session)
      const told = { ...session, steps, confirmed: this.#confirm(steps, wal, slotStart) }
      return [...reading, { ...state, sessions: [told] }, ended]
    }
    // Of what it did before a crash only what it confirmed outlives it: nothing is told of it that comes after that, or never
    // comes to that, and its watermarks are nobody's.
    if (session.confirmed !== null) return [{ ...state, isUp: false }]
    const next = [...this.#reading(state, session), ...this.#delivered(state, session)]
    const commits = (end: number): number => wal.slice(0, end).filter(({ kind }) => kind === 'commit').length
    const { shipped, applied } = this.#confirm(this.#confirming(state, session), wal, slotStart)
    const remembered = {
      ...session,
      steps: [],
      confirmed: { shipped: commits(shipped), applied: commits(applied) },
    }
    next.push({ ...state, wal: wal.filter(({ kind }) => kind === 'commit'), sessions: [remembered] })
    if (session.steps.length > 0) return next
    const confirmed = { shipped: slotStart, applied: slotStart }
    return [...next, { ...state, sessions: [{ ...session, confirmed }], isUp: false }]
  }

  #isLast({ sessions }: State): boolean {
    return sessions.length === (this.#space.ending === null ? 1 : 2)
  }

  #restarted(state: State, former: Session): State {
    const writers = state.stages.flatMap((stage, index) =>
      stage === WRITTEN || stage === IN_WAL ? [FIRST_XID + index] : [],
    )
    const isContinued = this.#space.ending === 'lost stream' && former.chunks === mergedChunks(state)
    const session = newSession(null, writers, isContinued ? 0 : this.#space.chunks)
    return { ...state, sessions: [...state.sessions, session], isUp: true, delivered: 0 }
  }

  #delivered(state: State, session: Session): State[] {
    const { wal, delivered } = state
    if (delivered === wal.length) return []
    return [{ ...withStep(state, session, { kind: 'deliver' }), delivered: delivered + 1 }]
  }

  #confirming(state: State, session: Session): readonly ConsumerStep[] {
    return [...session.steps, { kind: 'confirm', snapshot: this.#snapshot(state, VISIBLE) }]
  }

  /** The next chunk is read, or its watermark reaches the WAL. */
  #reading(state: State, session: Session): State[] {
    const { wal, sessions, slotStart } = state
    const ordinal = sessions.length - 1
    const chunks = session.steps.filter(({ kind }) => kind === 'chunk').length
    const watermarks = wal.filter((entry) => entry.kind === 'watermark' && entry.session === ordinal).length
    if (watermarks < chunks) {
      return [{ ...state, wal: [...wal, { kind: 'watermark', session: ordinal, chunk: watermarks }] }]
    }
    if (chunks === session.chunks || isTableLocked(state)) return []
    const snapshot = this.#snapshot(state, VISIBLE)
    const isEarly = this.#isEarly(session, snapshot)
    const isLast = this.#isLast(state)
    // What a session that ends has read too early is lost with it.
    if (isEarly && !isLast) return []
    const rows = tableAt(this.#space.start, state.executed, snapshot.visible)
    const step: ConsumerStep = { kind: 'chunk', snapshot, rows, at: isLast ? wal.length : slotStart }
    return [{ ...withStep(state, session, step), isEarly: state.isEarly || isEarly }]
  }

  /** Whether the shipped code would have waited: for the anchor of a new slot, for the writers that a restart finds. */
  #isEarly({ anchor, writers }: Session, { text }: ModelSnapshot): boolean {
    if (anchor === null) return writers.length > 0
    const key = `${text} ${anchor.text}`
    const sees = this.#seesAll.get(key) ?? seesAllOf(parseSnapshot(text), parseSnapshot(anchor.text))
    this.#seesAll.set(key, sees)
    return !sees
  }

  #transaction(xid: number, program: Program, number: number, before: ModelTable): ModelTransaction {
    const key = `${xid}.${number}.${numberOf(before)}`
    const known = this.#transactions.get(key)
    if (known !== undefined) return known
    const made = { xid, program, before, name: this.#transactions.size.toString(36) }
    this.#transactions.set(key, made)
    return made
  }

  #snapshot({ stages }: State, from: Stage): ModelSnapshot {
    const visible = stages.flatMap((stage, index) => (stage >= from ? [FIRST_XID + index] : []))
    return takeSnapshot(new Set(visible), FIRST_XID)
  }
}

function newSession(anchor: ModelSnapshot | null, writers: readonly number[], chunks: number): Session {
  return { anchor, writers, chunks, steps: [], confirmed: null }
}

function withLast(sessions: readonly Session[], changed: Session): readonly Session[] {
  return [...sessions.slice(0, -1), changed]
}

function withStep(state: State, session: Session, step: ConsumerStep): State {
  return {
    ...state,
    sessions: withLast(state.sessions, { ...session, steps: [...session.steps, step] }),
  }
}

function withoutWriter(sessions: readonly Session[], xid: number): readonly Session[] {
  const last = sessions.at(-1)
  if (last === undefined || !last.writers.includes(xid)) return sessions
  return withLast(sessions, { ...last, writers: last.writers.filter((writer) => writer !== xid) })
}

/** Chunks are merged when their watermarks are delivered. */
function mergedChunks({ wal, delivered }: State): number {
  return wal.slice(0, delivered).filter(({ kind }) => kind === 'watermark').length
}

/** A chunk locks the table before it takes its snapshot. */
function isTableLocked({ executed, stages }: State): boolean {
  return executed.some(({ xid, program }) => stages[xid - FIRST_XID] !== VISIBLE && locksTable(program))
}
