import { DbsyncError } from '../core/errors.ts'
import type { ModelContract, Schema } from '../contract/schema-contract.ts'
import type { Chunk } from '../snapshot/chunk-reader.ts'
import { copyFields, walkCopyRows } from '../snapshot/copy-rows.ts'
import type { Unsettled } from '../snapshot/unsettled.ts'
import { identityOf } from '../values/row-identity.ts'
import { codecFor } from '../values/codec-for.ts'
import type { AnyChange, ReadChange, TransactionInfo } from './change.ts'
import type { EventDecoder } from './event-decoder.ts'
import { copyField, mergeRows, showField, showNull, type EventRow } from './event-row.ts'

/** A row of the chunk on its way through the replay. */
interface FoldedRow {
  readonly key: EventRow
  readonly row: EventRow
}

/** What turning a chunk into events takes. */
export interface ReadSource {
  readonly schema: Schema
  readonly decoder: EventDecoder
  readonly unsettled: Unsettled
  /** Where the stream stands: the position and its commit's time. */
  readonly at: Pick<TransactionInfo, 'lsn' | 'commitTime'>
}

/**
 * The rows of a chunk as `read` events, for consumers that have had every transaction delivered so far.
 *
 * Meaning: each event is the row as it is at the stream's position. How: as `mergeChunk`, the fold of the delivered transactions
 *   that the chunk's snapshot does not see over the chunk's row; values that they leave out are the chunk's. A row that they delete
 *   gives no event, nor do rows that they insert: those events were delivered. A row that they move is given under its new key, since
 *   the value that a move leaves out would otherwise be nobody's.
 * When: at the chunk's merge, before `mergeChunk` lets go of what the snapshot shows; to be given to the consumers in the same block.
 * Returns null, as `mergeChunk` returns false, if such a transaction was too large to be kept: read the chunk again.
 * Throws: CHANGES.*, WAL.MALFORMED.
 */
export function readChanges(
  chunk: Chunk,
  { schema, decoder, unsettled, at }: ReadSource,
): readonly ReadChange[] | null {
  const invisible = unsettled.invisibleIn(chunk.snapshot)
  if (invisible.some(({ isPartial }) => isPartial)) return null
  const { model } = chunk.table
  const rows = chunkRows(chunk, schema)
  for (const transaction of invisible) {
    for (const change of decoder.changes(transaction)) {
      if (change.model === model.model) replay(rows, change)
    }
  }
  let seq = -1
  return [...rows.values()].map(({ key, row }) => {
    seq += 1
    const tx = Object.freeze({ xid: 0n, ...at, seq })
    return Object.freeze({ model: model.model, op: 'read', key, after: row, tx })
  })
}

/** Brings one delivered change over the rows. A row that is gone from them stays gone: what follows on its key was delivered whole. */
function replay(rows: Map<string, FoldedRow>, change: AnyChange): void {
  if (change.op === 'truncate') rows.clear()
  else if (change.op === 'delete') rows.delete(identityOf(change.key))
  else if (change.op === 'update') {
    const key = rowOf(change.key)
    const id = identityOf(key)
    const old = change.before === undefined ? key : keyFrom(key, rowOf(change.before))
    const oldId = identityOf(old)
    const known = rows.get(oldId)
    if (known === undefined) {
      // What is there under the new key is the row of somebody who leaves it in the same transaction.
      if (oldId !== id) rows.delete(id)
      return
    }
    if (oldId !== id) {
      rows.delete(oldId)
      if (rows.delete(id)) return
    }
    rows.set(id, { key, row: mergeRows(known.row, rowOf(change.after)) })
  }
}

function chunkRows(chunk: Chunk, schema: Schema): Map<string, FoldedRow> {
  const { model, columns } = chunk.table
  const codecs = columns.map((name) => codecOf(schema, model, name))
  const rows = new Map<string, FoldedRow>()
  walkCopyRows(chunk.spans, (buffer, start, end) => {
    const texts = copyFields(buffer, start, end)
    if (texts.length !== codecs.length) throw malformedRow()
    const row: EventRow = {}
    codecs.forEach((codec, index) => {
      const text = texts[index] ?? null
      if (text === null) showNull(row, codec)
      else showField(row, codec, () => text)
    })
    const key: EventRow = {}
    for (const field of model.key) copyField(row, key, field)
    rows.set(identityOf(key), { key, row })
  })
  return rows
}

function codecOf(schema: Schema, model: ModelContract, name: string): ReturnType<typeof codecFor> {
  const column = model.columns.find((candidate) => candidate.column === name)
  if (column === undefined) {
    throw new DbsyncError('INTERNAL.INVARIANT', 'a chunk has a column that the contract does not have')
  }
  return codecFor(schema, model.model, column)
}

function keyFrom(key: EventRow, before: EventRow): EventRow {
  const old: EventRow = {}
  for (const field of Object.keys(key)) copyField(before, old, field)
  return old
}

/** The public form of a key or a row: the decoder makes no other. */
function rowOf(value: unknown): EventRow {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return value as EventRow
}

function malformedRow(): DbsyncError {
  return new DbsyncError(
    'WAL.MALFORMED',
    'A row of a chunk does not have the columns that were asked for; reconnecting.',
  )
}
