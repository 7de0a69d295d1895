import { ChangeApplier } from '../../src/changes/change-applier.ts'
import { ChunkWriter } from '../../src/changes/chunk-writer.ts'
import { mergeChunk } from '../../src/changes/merge-chunk.ts'
import { parseSnapshot, type Snapshot } from '../../src/snapshot/visibility.ts'
import { Unsettled } from '../../src/snapshot/unsettled.ts'
import { defineView } from '../../src/views/define-view.ts'
import type { Transaction } from '../../src/wal/transaction.ts'
import { Shop } from '../conformance/fixture.ts'
import { capture, chunkOf, type Captured } from '../support/captured.ts'
import { message, transactionOf, UNCHANGED, type OldTuple } from '../support/pgoutput.ts'
import type { Outcome } from './explore.ts'
import {
  execute,
  tableAt,
  type ModelRow,
  type ModelTable,
  type ModelTransaction,
  type Statement,
} from './server-model.ts'

const view = defineView('all', (q) =>
  q.from({ h: Shop }).select(({ h }) => ({ id: h.id, name: h.name, city: h.city })),
)

/** A part that a control leaves out of the merge, or gets wrong. */
export type Flaw = 'none' | 'no fold' | 'list alone' | 'xmax alone'

/** The keys of each chunk, in the order in which they are read. */
export type Ranges = readonly ReadonlySet<string>[]

/**
 * Runs the shipped merge over outcomes of the model: real bytes, a real table. One instance is used over and over, each run
 * begins with an empty table.
 */
export class Replay {
  readonly #captured: Captured
  readonly #writer: ChunkWriter
  readonly #bytes = new Map<string, Transaction>()

  constructor(identity: 'd' | 'f') {
    this.#captured = capture('Shop', [view], { identity })
    this.#writer = new ChunkWriter(this.#captured.table)
  }

  /**
   * Delivers the WAL and merges each chunk `delay` entries after its watermark; at the end rows of which a part is not
   * known are read by their keys, as the engine does. Returns the rows as texts, by key.
   */
  run(outcome: Outcome, start: ModelTable, ranges: Ranges, delay: number, flaw: Flaw): Map<string, string> {
    const { table } = this.#captured
    table.clear()
    const asked = new Set<string>()
    let merged = 0
    const applier = new ChangeApplier([this.#captured], (_model, [key = ''], hasMoved) => {
      // One that did not move is in a chunk to come, if there is any.
      if (hasMoved || merged === ranges.length) asked.add(key)
    })
    const unsettled = new Unsettled()
    const due: { readonly chunk: number; left: number }[] = []
    const merge = (index: number): void => {
      const taken = outcome.snapshots[index]
      if (taken === undefined) throw new Error('a watermark without a snapshot')
      const shownRows = tableAt(start, outcome.executed, taken.visible)
      this.#merge(shownRows, taken.text, ranges[index] ?? new Set(), unsettled, applier, flaw)
      merged += 1
    }
    outcome.wal.forEach((entry, index) => {
      if (entry.kind === 'commit') {
        const bytes = this.#transaction(entry.transaction, index)
        applier.apply(bytes.spans, bytes.relations)
        unsettled.add(bytes)
      } else due.push({ chunk: entry.chunk, left: delay })
      for (const waiting of due) waiting.left -= 1
      while (due[0] !== undefined && due[0].left < 0) merge(due.shift()?.chunk ?? 0)
    })
    for (const { chunk } of due) merge(chunk)
    // Everything is visible in the end.
    const last = 1 + Math.max(...outcome.executed.map(({ xid }) => xid))
    if (asked.size > 0) this.#merge(outcome.truth, `${last}:${last}:`, asked, unsettled, applier, flaw)
    return this.#captured.rows()
  }

  #merge(
    rows: ModelTable,
    snapshot: string,
    range: ReadonlySet<string>,
    unsettled: Unsettled,
    applier: ChangeApplier,
    flaw: Flaw,
  ): void {
    const chunk = chunkOf(
      this.#captured,
      snapshot,
      [...rows]
        .filter(([key]) => range.has(key))
        .map(([key, { small, large }]) => ({ id: key, name: small, city: large })),
    )
    const flawed = { ...chunk, snapshot: flawedSnapshot(chunk.snapshot, flaw) }
    const kept = flaw === 'no fold' ? new Unsettled() : unsettled
    if (!mergeChunk(flawed, kept, applier, this.#writer)) throw new Error('not merged')
  }

  #transaction({ xid, statements, before }: ModelTransaction, position: number): Transaction {
    const name = `${xid} ${position} ${JSON.stringify([statements, [...before]])}`
    const known = this.#bytes.get(name)
    if (known !== undefined) return known
    const payloads: Buffer[] = [message.relation(this.#captured.wire)]
    let table = before
    for (const one of statements) {
      payloads.push(this.#payload(one, table.get(one.key)))
      table = execute(table, [one]) ?? table
    }
    const made = transactionOf(xid, BigInt(100 + position * 10), payloads)
    this.#bytes.set(name, made)
    return made
  }

  #payload(one: Statement, old: ModelRow | undefined): Buffer {
    const { wire, row } = this.#captured
    const id = one.key
    const full = row({ id, name: old?.small ?? null, city: old?.large ?? null })
    // DEFAULT sends the old key where it changed, FULL always the whole old row.
    const before: OldTuple | undefined = wire.identity === 'f' ? { kind: 'O', row: full } : undefined
    switch (one.kind) {
      case 'insert':
        return message.insert(wire, row({ id, name: one.row.small, city: one.row.large }))
      case 'update':
        return message.update(wire, row({ id, name: one.row.small, city: one.row.large }), before)
      case 'touch':
        return message.update(wire, row({ id, name: one.small, city: UNCHANGED }), before)
      case 'delete':
        return message.delete(wire, before ?? { kind: 'K', row: row({ id }) })
      default:
        return message.update(
          wire,
          row({ id: one.to, name: `from ${id}`, city: UNCHANGED }),
          before ?? { kind: 'K', row: row({ id }) },
        )
    }
  }
}

function flawedSnapshot(snapshot: Snapshot, flaw: Flaw): Snapshot {
  if (flaw === 'xmax alone') return { ...snapshot, inProgress: new Set() }
  if (flaw === 'list alone') {
    const { inProgress, xmin } = snapshot
    return { ...snapshot, xmin, inProgress, xmax: parseSnapshot('1000000:1000000:').xmax }
  }
  return snapshot
}

/** One text for some rows by key; the same for equal rows. */
export function textOf(rows: ReadonlyMap<string, string>): string {
  return [...rows.values()].toSorted().join('; ')
}

/** {@link textOf} the model's rows. */
export function textOfModel(table: ModelTable): string {
  return [...table]
    .map(([key, { small, large }]) => `id=${key} name=${small} city=${large}`)
    .toSorted()
    .join('; ')
}
