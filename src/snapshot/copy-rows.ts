import { DbsyncError } from '../core/errors.ts'
import type { Span } from '../wal/transaction.ts'

const COPY_DATA = 0x64 // d
const TAB = 0x09
const NEWLINE = 0x0a
const BACKSLASH = 0x5c

/** Bytes of a message's tag and length. */
const HEADER = 5

/**
 * Calls `visit` with each row of a COPY in order, its newline left off.
 *
 * Throws: WAL.MALFORMED if a message ends outside its span.
 */
export function walkCopyRows(
  spans: readonly Span[],
  visit: (buffer: Buffer, start: number, end: number) => void,
): void {
  for (const { buffer, from, to } of spans) {
    let at = from
    while (at < to) {
      if (to - at < HEADER) throw tooShort()
      const start = at + HEADER
      const end = at + 1 + buffer.readInt32BE(at + 1)
      if (end < start || end > to) throw tooShort()
      if (buffer[at] === COPY_DATA)
        visit(buffer, start, end > start && buffer[end - 1] === NEWLINE ? end - 1 : end)
      at = end
    }
  }
}

/** The end of the field that begins at `start`: the next tab, or the row's end. */
export function copyFieldEnd(buffer: Buffer, start: number, rowEnd: number): number {
  let at = start
  while (at < rowEnd && buffer[at] !== TAB) at += 1
  return at
}

/** Whether a field is NULL, `\N`. */
export function isCopyNull(buffer: Buffer, start: number, end: number): boolean {
  return end - start === 2 && buffer[start] === BACKSLASH && buffer[start + 1] === 0x4e
}

const ESCAPES = new Map<number, number>([
  [0x62, 0x08], // b
  [0x66, 0x0c], // f
  [0x6e, 0x0a], // n
  [0x72, 0x0d], // r
  [0x74, 0x09], // t
  [0x76, 0x0b], // v
])

/**
 * Undoes COPY's backslashes into `scratch`, which must be as long as the field, and returns the length.
 * Throws: WAL.MALFORMED if the field ends with a backslash, which would take a byte of the next one.
 * Source: PostgreSQL manual, COPY, "Text Format". The server writes no octal or hexadecimal escapes.
 */
export function unescapeCopy(buffer: Buffer, start: number, end: number, scratch: Buffer): number {
  let length = 0
  for (let at = start; at < end; at += 1) {
    let byte = buffer[at] ?? 0
    if (byte === BACKSLASH) {
      at += 1
      if (at >= end) throw tooShort()
      const next = buffer[at] ?? 0
      byte = ESCAPES.get(next) ?? next
    }
    scratch[length] = byte
    length += 1
  }
  return length
}

/** A whole row as texts; for the few rows that are looked at outside the hot path. */
export function copyFields(buffer: Buffer, start: number, end: number): (string | null)[] {
  const fields: (string | null)[] = []
  let at = start
  for (;;) {
    const stop = copyFieldEnd(buffer, at, end)
    if (isCopyNull(buffer, at, stop)) fields.push(null)
    else {
      const scratch = Buffer.allocUnsafe(stop - at)
      fields.push(scratch.toString('utf8', 0, unescapeCopy(buffer, at, stop, scratch)))
    }
    if (stop >= end) return fields
    at = stop + 1
  }
}

function tooShort(): DbsyncError {
  return new DbsyncError('WAL.MALFORMED', 'A row of a chunk ends before its time; reconnecting.')
}
