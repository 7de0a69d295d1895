/**
 * A server with a handful of rows, one transaction a step of the model: the locks, the WAL and the moment at which a
 * commit becomes visible are Postgres' own; everything else is left out.
 */

/** What a row holds beside its key: a small value, and a large one that updates may leave out. */
export interface ModelRow {
  readonly small: string
  readonly large: string
}

/** The rows by key. {@link execute} returns the same object for the same rows. */
export type ModelTable = ReadonlyMap<string, ModelRow>

/** One statement on the table. */
export type Statement =
  | { readonly kind: 'insert'; readonly key: string; readonly row: ModelRow }
  | { readonly kind: 'update'; readonly key: string; readonly row: ModelRow }
  /** Sets the small value alone: the WAL leaves the large one out. */
  | { readonly kind: 'touch'; readonly key: string; readonly small: string }
  | { readonly kind: 'delete'; readonly key: string }
  /** Changes the key, and the small value to tell so: the WAL leaves the large one out. */
  | { readonly kind: 'move'; readonly key: string; readonly to: string }
  | { readonly kind: 'truncate' }

/** What one transaction does. Told apart by identity. */
export type Program = readonly Statement[]

/** A transaction that has written, on the rows `before`; the same object for the same three. */
export interface ModelTransaction {
  readonly xid: number
  readonly program: Program
  readonly before: ModelTable
  /** Unique among the transactions of one model. */
  readonly name: string
}

/** Whether two transactions lock the same row, or one the whole table, so that the later one waits. */
export function conflicts(a: Program, b: Program): boolean {
  if (locksTable(a) || locksTable(b)) return true
  const held = lockedKeys(a)
  for (const key of lockedKeys(b)) if (held.has(key)) return true
  return false
}

/** Whether a transaction holds ACCESS EXCLUSIVE on the table until it is visible: then no chunk is read either. */
export function locksTable(program: Program): boolean {
  return program.some(({ kind }) => kind === 'truncate')
}

const KEYS = new WeakMap<Program, ReadonlySet<string>>()

/** The keys of the rows that a transaction holds locks on from its write until it is visible. */
export function lockedKeys(program: Program): ReadonlySet<string> {
  const known = KEYS.get(program)
  if (known !== undefined) return known
  const keys = new Set(
    program.flatMap((one) => {
      if (one.kind === 'truncate') return []
      return one.kind === 'move' ? [one.key, one.to] : [one.key]
    }),
  )
  KEYS.set(program, keys)
  return keys
}

/** The rows after one statement, or null if the server would refuse it (a duplicate key) or find no such row. */
export function after(table: ModelTable, one: Statement): ModelTable | null {
  if (one.kind === 'truncate') return new Map()
  const rows = new Map(table)
  const row = rows.get(one.key)
  if (one.kind === 'insert') return row === undefined ? rows.set(one.key, one.row) : null
  if (row === undefined) return null
  if (one.kind === 'update') return rows.set(one.key, one.row)
  if (one.kind === 'touch') return rows.set(one.key, { ...row, small: one.small })
  rows.delete(one.key)
  if (one.kind === 'delete') return rows
  return rows.has(one.to) ? null : rows.set(one.to, { ...row, small: `from ${one.key}` })
}

/** {@link after} each statement of a transaction. */
export function execute(table: ModelTable, program: Program): ModelTable | null {
  const known = RESULTS.get(table) ?? new Map<Program, ModelTable | null>()
  RESULTS.set(table, known)
  const found = known.get(program)
  if (found !== undefined) return found
  let rows: ModelTable | null = table
  for (const one of program) {
    rows = after(rows, one)
    if (rows === null) break
  }
  const result = rows === null ? null : canonical(rows)
  known.set(program, result)
  return result
}

const RESULTS = new WeakMap<ModelTable, Map<Program, ModelTable | null>>()
const TABLES = new Map<string, ModelTable>()
const TEXTS = new WeakMap<ModelTable, string>()

/** The one object for these rows. */
export function canonical(table: ModelTable): ModelTable {
  const text = textOf(table)
  const known = TABLES.get(text) ?? table
  TABLES.set(text, known)
  return known
}

/** One text for some rows; the same for equal rows. */
export function textOf(table: ModelTable): string {
  const known = TEXTS.get(table)
  if (known !== undefined) return known
  const text = [...table]
    .map(([key, { small, large }]) => `id=${key} name=${small} city=${large}`)
    .toSorted()
    .join('; ')
  TEXTS.set(table, text)
  return text
}

/** What a SELECT saw, and how Postgres prints which transactions that were. */
export interface ModelSnapshot {
  readonly visible: ReadonlySet<number>
  readonly text: string
}

/**
 * A snapshot that sees `visible` out of the transactions `firstXid` and up, all of which have their id from the
 * beginning. Postgres takes xmax from the latest id that has ended, so a commit at or above it may be in the WAL already.
 */
export function takeSnapshot(visible: ReadonlySet<number>, firstXid: number): ModelSnapshot {
  const xmax = Math.max(firstXid, ...[...visible].map((xid) => xid + 1))
  const running: number[] = []
  for (let xid = firstXid; xid < xmax; xid += 1) if (!visible.has(xid)) running.push(xid)
  return { visible, text: `${running[0] ?? xmax}:${xmax}:${running.join(',')}` }
}

/** The rows that a snapshot shows, given all transactions in the order of their writes. */
export function tableAt(
  start: ModelTable,
  executed: readonly ModelTransaction[],
  visible: ReadonlySet<number>,
): ModelTable {
  let table = start
  for (const { xid, program } of executed) {
    if (!visible.has(xid)) continue
    const next = execute(table, program)
    if (next === null) throw new Error('a snapshot that no server shows')
    table = next
  }
  return table
}

const numbers = new WeakMap<object, number>()
let lastNumber = 0

/** A number for an object: different for different objects. */
export function numberOf(thing: object): number {
  const known = numbers.get(thing)
  if (known !== undefined) return known
  lastNumber += 1
  numbers.set(thing, lastNumber)
  return lastNumber
}
