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

/** The position after a tuple that begins at `at`. */
export function tupleEnd(buffer: Buffer, at: number): number {
  const columns = buffer.readInt16BE(at)
  let position = at + 2
  for (let index = 0; index < columns; index += 1) {
    const kind = buffer[position]
    position += 1
    if (kind === TUPLE.text || kind === TUPLE.binary) position += 4 + buffer.readInt32BE(position)
  }
  return position
}
