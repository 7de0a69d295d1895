import { DbsyncError } from '../core/errors.ts'

/** A transactional `pg_logical_emit_message` that came with a transaction. */
export interface LogicalMessage {
  readonly prefix: string
  readonly content: Buffer
}

/** Prefixes that begin so are ours: watermarks, requests. Nobody else is given such messages. */
export const RESERVED_PREFIX = 'dbsync.'

/** Bytes of the fewest fields that a logical message has, after the tag. */
const MESSAGE_BYTES = 14

/**
 * Reads a logical message; `at` is the position after its tag. Null for one outside a transaction: it has no place in
 * commit order.
 *
 * Throws: WAL.MALFORMED if it ends before its time.
 */
export function readLogicalMessage(buffer: Buffer, at: number, end: number): LogicalMessage | null {
  const stop = buffer.indexOf(0, at + 9)
  if (end - at < MESSAGE_BYTES || stop < 0 || end - stop < 5) throw tooShort()
  const start = stop + 5
  const length = buffer.readInt32BE(stop + 1)
  if (length < 0 || length > end - start) throw tooShort()
  if (buffer[at] !== 1) return null
  return {
    prefix: buffer.toString('utf8', at + 9, stop),
    content: buffer.subarray(start, start + length),
  }
}

function tooShort(): DbsyncError {
  return new DbsyncError('WAL.MALFORMED', 'A message of the stream ends before its time; reconnecting.')
}
