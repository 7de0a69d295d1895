/**
 * A server with a handful of rows, one transaction a step of the model: the key locks, the WAL and the moment at which a
 * commit becomes visible are Postgres' own; everything else is left out.
 */

/** What a row holds beside its key: a small value, and a large one that updates may leave out. */
export interface ModelRow {
  readonly small: string
  readonly large: string
}

/** The rows by key. */
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

/** A transaction of the model; `xid` is given out when it writes, on the rows `before`. */
export interface ModelTransaction {
  readonly xid: number
  readonly statements: readonly Statement[]
  readonly before: ModelTable
}

/** Keys that a transaction holds locks on from its write until it is visible. */
export function lockedKeys(statements: readonly Statement[]): ReadonlySet<string> {
  return new Set(statements.flatMap((one) => (one.kind === 'move' ? [one.key, one.to] : [one.key])))
}

/** The table after a transaction, or null if the server would refuse it (a duplicate key, no such row). */
export function execute(table: ModelTable, statements: readonly Statement[]): ModelTable | null {
  const rows = new Map(table)
  for (const one of statements) {
    const row = rows.get(one.key)
    if (one.kind === 'insert') {
      if (row !== undefined) return null
      rows.set(one.key, one.row)
      continue
    }
    if (row === undefined) return null
    if (one.kind === 'update') rows.set(one.key, one.row)
    else if (one.kind === 'touch') rows.set(one.key, { ...row, small: one.small })
    else if (one.kind === 'delete') rows.delete(one.key)
    else {
      if (rows.has(one.to)) return null
      rows.delete(one.key)
      rows.set(one.to, { ...row, small: `from ${one.key}` })
    }
  }
  return rows
}

/** What a SELECT saw: the transactions that were visible, and how Postgres prints that. */
export interface ModelSnapshot {
  readonly visible: ReadonlySet<number>
  readonly text: string
}

/**
 * A snapshot after `visible` have become visible while `started` have an id. Postgres takes xmax from the latest id that
 * has ended, so an id at or above it may be in the WAL already.
 */
export function takeSnapshot(
  started: readonly number[],
  visible: ReadonlySet<number>,
  firstXid: number,
): ModelSnapshot {
  const xmax = Math.max(firstXid, ...[...visible].map((xid) => xid + 1))
  const running = started.filter((xid) => xid < xmax && !visible.has(xid)).toSorted((a, b) => a - b)
  return { visible, text: `${running[0] ?? xmax}:${xmax}:${running.join(',')}` }
}

/** The table that a snapshot shows, given all transactions in an order in which they were executed. */
export function tableAt(
  start: ModelTable,
  executed: readonly ModelTransaction[],
  visible: ReadonlySet<number>,
): ModelTable {
  let table = start
  for (const { xid, statements } of executed) {
    if (!visible.has(xid)) continue
    const next = execute(table, statements)
    if (next === null) throw new Error('a snapshot that no server shows')
    table = next
  }
  return table
}
