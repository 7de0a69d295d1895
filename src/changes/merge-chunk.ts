import { walkCopyRows } from '../snapshot/copy-rows.ts'
import type { Chunk } from '../snapshot/chunk-reader.ts'
import type { Unsettled } from '../snapshot/unsettled.ts'
import type { ChangeApplier } from './change-applier.ts'
import type { ChunkWriter } from './chunk-writer.ts'

/**
 * The exact merge: brings a chunk into the table that the stream has been changing meanwhile.
 *
 * Meaning: for every key of the chunk's range the table afterwards holds what Postgres holds at the stream's position.
 * How: write the chunk's rows, then apply once more, in commit order, the delivered transactions that the chunk's snapshot
 *   does not see. Writers of one row wait for each other until the earlier one is visible, so what the snapshot sees of a
 *   row is a beginning of its history and what it does not see is the rest; the row is the fold of the rest over the chunk.
 *   Unchanged TOAST values are inherited from the chunk. Rows of keys outside the chunk are further on than what is
 *   replayed and must not be its base: a key that was moved away and taken anew would give its new row's value to the
 *   one that left. A row whose value is neither in the chunk nor in the replay is read by its key.
 * When: after the chunk's high watermark was delivered (then everything that the snapshot sees was delivered too), and
 *   not inside a transaction that is applied in pieces. Later is as good: what comes meanwhile and is invisible is replayed.
 * Returns false, having changed nothing, if an invisible transaction was too large to be kept: read the chunk again.
 * Source: Andreakis and Papapanagiotou, "DBLog", 2020, whose low watermark assumes that a commit in the log is visible;
 *   on PostgreSQL it need not be (ARCHITECTURE.md, "The exact merge").
 */
export function mergeChunk(
  chunk: Chunk,
  unsettled: Unsettled,
  applier: ChangeApplier,
  writer: ChunkWriter,
): boolean {
  const invisible = unsettled.invisibleIn(chunk.snapshot)
  if (invisible.some((transaction) => transaction.isPartial)) return false
  writer.begin()
  walkCopyRows(chunk.spans, (buffer, start, end) => writer.write(buffer, start, end))
  for (const transaction of invisible) {
    applier.replay(transaction.spans, transaction.relations, chunk.table.model.model)
  }
  if (chunk.range.kind === 'keys') writer.removeAbsent(chunk.range.keys)
  // Snapshots only ever see more: what this one sees, the next chunk's sees.
  unsettled.settle(chunk.snapshot)
  return true
}
