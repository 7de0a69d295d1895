import { DbsyncError } from '../core/errors.ts'
import { widenXid, xid8, type Xid, type Xid8 } from '../core/xid.ts'

/** An MVCC snapshot as `pg_current_snapshot()` prints it: which transactions a SELECT saw. */
export interface Snapshot {
  readonly xmin: Xid8
  /** The low 32 bits of xmin. */
  readonly xminLow: number
  readonly xmax: Xid8
  /** Top-level transactions in progress, at or above xmin and below xmax. */
  readonly inProgress: ReadonlySet<bigint>
}

/** Ids of 64 bits have at most 20 digits. */
const SNAPSHOT_TEXT = /^(\d{1,20}):(\d{1,20}):((?:\d{1,20}(?:,\d{1,20})*)?)$/

/** Reads `xmin:xmax:xip,xip`. Throws: INTERNAL.INVARIANT if the text is none. */
export function parseSnapshot(text: string): Snapshot {
  const match = SNAPSHOT_TEXT.exec(text)
  const [, xmin, xmax, list] = match ?? []
  if (xmin === undefined || xmax === undefined || list === undefined) {
    throw new DbsyncError('INTERNAL.INVARIANT', `"${text}" is not a snapshot`)
  }
  return {
    xmin: xid8(BigInt(xmin)),
    xminLow: Number(BigInt.asUintN(32, BigInt(xmin))),
    xmax: xid8(BigInt(xmax)),
    inProgress: new Set(list === '' ? [] : list.split(',').map(BigInt)),
  }
}

/**
 * Whether a snapshot sees what a transaction wrote, given that it committed.
 *
 * Both clauses are needed: a transaction whose commit is in the WAL and which is not visible yet may lie in the
 * list, and may as well lie at or above xmax.
 * Source: PostgreSQL, `is_visible_fxid` of xid8funcs.c.
 */
export function isVisible(snapshot: Snapshot, id: Xid8): boolean {
  return id < snapshot.xmin || (id < snapshot.xmax && !snapshot.inProgress.has(id))
}

/** {@link isVisible} for an id of the stream. */
export function isVisibleNarrow(snapshot: Snapshot, id: Xid): boolean {
  // Nearly every transaction lies below xmin; 32 bits decide that, since ids in use are within 2^31 of each other.
  if (((id - snapshot.xminLow) | 0) < 0) return true
  return isVisible(snapshot, widenXid(id, snapshot.xmax))
}

/**
 * Whether `later` sees everything that `anchor` sees.
 *
 * The anchor is the snapshot of a slot's creation: what it sees is in no stream. A chunk read in a snapshot that
 * does not see all of it would miss those transactions for good.
 */
export function seesAllOf(later: Snapshot, anchor: Snapshot): boolean {
  for (const id of later.inProgress) {
    if (isVisible(anchor, xid8(id))) return false
  }
  for (let id = later.xmax as bigint; id < anchor.xmax; id += 1n) {
    if (isVisible(anchor, xid8(id))) return false
  }
  return true
}
