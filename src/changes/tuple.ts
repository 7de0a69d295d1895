import { DbsyncError } from '../core/errors.ts'

/**
 * Positions inside a pgoutput tuple: an Int16 column count, then per column a kind byte and, for text, an Int32
 * length and the bytes.
 * Source: PostgreSQL manual, "Logical Replication Message Formats", TupleData.
 */
export const TUPLE = {
  null: 0x6e, // n
  unchanged: 0x75, // u
  text: 0x74, // t
  binary: 0x62, // b
  new: 0x4e, // N
  key: 0x4b, // K
  old: 0x4f, // O
} as const

/**
 * The position after a tuple of so many columns that begins at `at`. Whoever has it can read the tuple without looking
 * at its bounds.
 *
 * Throws: WAL.MALFORMED if the tuple is another one or reaches beyond `end`.
 */
export function tupleEnd(buffer: Buffer, at: number, end: number, columns: number): number {
  if (end - at < 2 || buffer.readInt16BE(at) !== columns) throw malformedTuple()
  let position = at + 2
  for (let index = 0; index < columns; index += 1) {
    if (position >= end) throw malformedTuple()
    const kind = buffer[position]
    position += 1
    if (kind === TUPLE.text) position = textEnd(buffer, position, end)
    else if (kind !== TUPLE.null && kind !== TUPLE.unchanged) throw malformedTuple()
  }
  return position
}

/** The end of a text value whose length lies at `at`. Throws: WAL.MALFORMED if it reaches beyond `end`. */
export function textEnd(buffer: Buffer, at: number, end: number): number {
  if (end - at < 4) throw malformedTuple()
  const length = buffer.readInt32BE(at)
  if (length < 0 || length > end - at - 4) throw malformedTuple()
  return at + 4 + length
}

/** The error for a tuple that does not fit its relation or its message. */
export function malformedTuple(): DbsyncError {
  return new DbsyncError(
    'WAL.MALFORMED',
    'A row of the stream does not have the columns of its relation; reconnecting.',
  )
}
