import { xid8 } from '../../src/core/xid.ts'
import type { Snapshot } from '../../src/snapshot/visibility.ts'
import { canonical, lockedKeys, locksTable, type ModelTable } from './server-model.ts'
import type { WalEntry } from './steps.ts'

/** How a chunk is merged: as shipped, or with a part of that left out or got wrong. */
export type MergeRule = 'shipped' | 'textbook' | 'no fold' | 'list alone' | 'xmax alone'

/**
 * The textbook's chunk: without the rows whose key had an event between the low watermark, put as late as can be, and the
 * high one. `at`: the entries that were in the WAL when the chunk was read.
 */
export function withoutWindow(
  rows: ModelTable,
  wal: readonly WalEntry[],
  at: number,
  isHigh: (entry: WalEntry) => boolean,
): ModelTable {
  const kept = new Map(rows)
  for (const entry of wal.slice(at)) {
    if (isHigh(entry)) break
    if (entry.kind !== 'commit') continue
    const { program } = entry.transaction
    if (locksTable(program)) kept.clear()
    for (const key of lockedKeys(program)) kept.delete(key)
  }
  return canonical(kept)
}

/** A snapshot of which one half is forgotten. */
export function flawedSnapshot(snapshot: Snapshot, rule: MergeRule): Snapshot {
  if (rule === 'xmax alone') return { ...snapshot, inProgress: new Set() }
  if (rule === 'list alone') return { ...snapshot, xmax: xid8(snapshot.xmax + 1_000n) }
  return snapshot
}
