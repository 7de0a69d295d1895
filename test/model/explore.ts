import {
  execute,
  lockedKeys,
  takeSnapshot,
  type ModelSnapshot,
  type ModelTable,
  type ModelTransaction,
  type Statement,
} from './server-model.ts'

/** One thing in the WAL, in its order: the commit of a transaction (its index) or a chunk's high watermark. */
export type WalEntry =
  | { readonly kind: 'commit'; readonly transaction: ModelTransaction }
  | { readonly kind: 'watermark'; readonly chunk: number }

/** One way in which everything can go, as far as a reader of chunks and WAL can tell. */
export interface Outcome {
  /** In the order of their writes, which is also that of their ids. */
  readonly executed: readonly ModelTransaction[]
  readonly wal: readonly WalEntry[]
  /** One a chunk. */
  readonly snapshots: readonly ModelSnapshot[]
  readonly truth: ModelTable
}

/** What is explored: so many transactions out of these programs, and chunks that are read one after the other. */
export interface Exploration {
  readonly start: ModelTable
  readonly programs: readonly (readonly Statement[])[]
  readonly transactions: number
  readonly chunks: number
  readonly firstXid: number
}

interface State {
  readonly executed: readonly ModelTransaction[]
  /** By index of `executed`: 1 written, 2 in the WAL, 3 visible. */
  readonly stage: readonly (1 | 2 | 3)[]
  readonly table: ModelTable
  readonly wal: readonly WalEntry[]
  readonly snapshots: readonly ModelSnapshot[]
}

/**
 * Visits every outcome once, whatever number of interleavings lead to it.
 *
 * Steps: a transaction writes (if nobody who is not visible yet holds its keys), its commit reaches the WAL, it
 * becomes visible; a chunk's snapshot is taken, its watermark reaches the WAL. Any step that can be taken may be next.
 */
export function explore(space: Exploration, visit: (outcome: Outcome) => void): number {
  const known = new Set<string>()
  let states = 0
  const go = (state: State): void => {
    const name = nameOf(state)
    if (known.has(name)) return
    known.add(name)
    states += 1
    const { executed, stage, table, wal, snapshots } = state
    let isOver = true
    if (executed.length < space.transactions) {
      const locks = executed
        .filter((_, index) => stage[index] !== 3)
        .map(({ statements }) => lockedKeys(statements))
      for (const statements of space.programs) {
        const keys = lockedKeys(statements)
        if (locks.some((held) => [...keys].some((key) => held.has(key)))) continue
        const next = execute(table, statements)
        if (next === null) continue
        isOver = false
        const xid = space.firstXid + executed.length
        go({
          ...state,
          executed: [...executed, { xid, statements, before: table }],
          stage: [...stage, 1],
          table: next,
        })
      }
    }
    executed.forEach((transaction, index) => {
      const now = stage[index]
      if (now === 3 || now === undefined) return
      isOver = false
      const following: State = { ...state, stage: stage.with(index, now === 1 ? 2 : 3) }
      go(now === 1 ? { ...following, wal: [...wal, { kind: 'commit', transaction }] } : following)
    })
    const watermarks = wal.filter(({ kind }) => kind === 'watermark').length
    if (watermarks < snapshots.length) {
      isOver = false
      go({ ...state, wal: [...wal, { kind: 'watermark', chunk: watermarks }] })
    } else if (snapshots.length < space.chunks) {
      isOver = false
      const visible = new Set(executed.filter((_, index) => stage[index] === 3).map(({ xid }) => xid))
      const snapshot = takeSnapshot(
        executed.map(({ xid }) => xid),
        visible,
        space.firstXid,
      )
      go({ ...state, snapshots: [...snapshots, snapshot] })
    }
    if (isOver) visit({ executed, wal, snapshots, truth: table })
  }
  go({ executed: [], stage: [], table: space.start, wal: [], snapshots: [] })
  return states
}

const programNames = new WeakMap<readonly Statement[], number>()
let programCount = 0

function programName(statements: readonly Statement[]): number {
  const known = programNames.get(statements)
  if (known !== undefined) return known
  programCount += 1
  programNames.set(statements, programCount)
  return programCount
}

function nameOf({ executed, stage, wal, snapshots }: State): string {
  const programs = executed.map(({ statements }) => programName(statements)).join('.')
  const order = wal.map((entry) => (entry.kind === 'commit' ? entry.transaction.xid : 'w')).join('.')
  return `${programs}|${stage.join('')}|${order}|${snapshots.map(({ text }) => text).join('/')}`
}
