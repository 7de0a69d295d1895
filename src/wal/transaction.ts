import { DbsyncError } from '../core/errors.ts'
import type { Lsn } from '../core/lsn.ts'
import type { Xid } from '../core/xid.ts'
import { readLogicalMessage, RESERVED_PREFIX } from './logical-message.ts'
import { readRelation, type WalRelation } from './wal-relation.ts'

/** A run of protocol messages in one buffer, from the tag of the first to the end of the last. */
export interface Span {
  readonly buffer: Buffer
  readonly from: number
  to: number
}

/** The relations that the stream has described so far, by oid. Replaced, never changed. */
export type RelationMap = ReadonlyMap<number, WalRelation>

/**
 * One committed transaction, its changes still the bytes that the server sent.
 *
 * Nothing is decoded until somebody wants it: views read needed columns straight into their tables, handlers
 * read whole rows, and a transaction that a snapshot may not see yet is kept by keeping its bytes.
 */
export interface Transaction {
  readonly xid: Xid
  /** Start of the commit record: the transaction's place in commit order. */
  readonly commitLsn: Lsn
  /** First byte after the commit record: what is confirmed. */
  readonly endLsn: Lsn
  /** Microseconds since 2000-01-01 UTC, the server's clock. */
  readonly commitTimeUs: bigint
  /** The relations as they were described before the first span. */
  readonly relations: RelationMap
  readonly spans: readonly Span[]
  readonly bytes: number
  /** Whether `spans` is only the end of it: the beginning was applied while it arrived, and let go. */
  readonly isPartial: boolean
}

/** Message tags of pgoutput that carry row changes. */
export const CHANGE = {
  insert: 0x49, // I
  update: 0x55, // U
  delete: 0x44, // D
  truncate: 0x54, // T
} as const

const RELATION = 0x52 // R
const MESSAGE = 0x4d // M
const COPY_DATA = 0x64 // d
const WAL_DATA = 0x77 // w
/** Bytes of a CopyData header (tag, length) and of a WAL data header (tag, start, end, time). */
export const COPY_HEADER = 5
export const WAL_HEADER = 25
/** Bytes of a row change up to its tuple, and of a TRUNCATE up to its oids. */
const CHANGE_BYTES = 6
const TRUNCATE_BYTES = 6

/**
 * Receives one row change: its tag, its relation as described at this point, and where its body lies.
 *
 * `start` is the position after the relation's oid. A TRUNCATE comes once for each relation it names.
 */
export type ChangeVisitor = (
  tag: number,
  relation: WalRelation,
  buffer: Buffer,
  start: number,
  end: number,
) => void

/** Receives one logical message in its place among the changes; `content` is good as long as its span is. */
export type MessageVisitor = (prefix: string, content: Buffer) => void

/**
 * Walks the row changes of spans in order and returns the relations as described at their end. With `visitMessage` the logical
 * messages among them are visited too, but for our own.
 *
 * Throws: WAL.MALFORMED if a change names a relation that was never described, or ends before its time.
 */
export function walkChanges(
  spans: Iterable<Span>,
  relations: RelationMap,
  visit: ChangeVisitor,
  visitMessage: MessageVisitor | null = null,
): RelationMap {
  let known = relations
  let lastOid = -1
  let last: WalRelation | undefined
  for (const { buffer, from, to } of spans) {
    let at = from
    while (at < to) {
      if (to - at < COPY_HEADER) throw tooShort()
      const end = at + 1 + buffer.readInt32BE(at + 1)
      if (end < at + COPY_HEADER || end > to) throw tooShort()
      // Keepalives and other messages may lie between the changes.
      if (buffer[at] === COPY_DATA && buffer[at + COPY_HEADER] === WAL_DATA) {
        const message = at + COPY_HEADER + WAL_HEADER
        const tag = buffer[message] ?? 0
        if (tag === CHANGE.insert || tag === CHANGE.update || tag === CHANGE.delete) {
          if (end - message < CHANGE_BYTES) throw tooShort()
          const oid = buffer.readUInt32BE(message + 1)
          if (oid !== lastOid) {
            last = describedRelation(known, oid)
            lastOid = oid
          }
          if (last !== undefined) visit(tag, last, buffer, message + 5, end)
        } else if (tag === CHANGE.truncate) {
          if (end - message < TRUNCATE_BYTES) throw tooShort()
          const count = buffer.readInt32BE(message + 1)
          if (count < 0 || count * 4 > end - message - TRUNCATE_BYTES) throw tooShort()
          for (let index = 0; index < count; index += 1) {
            const oid = buffer.readUInt32BE(message + 6 + index * 4)
            visit(tag, describedRelation(known, oid), buffer, message + 6, end)
          }
        } else if (tag === RELATION) {
          const relation = readRelation(buffer, message + 1, end)
          known = new Map(known).set(relation.oid, relation)
          lastOid = -1
        } else if (tag === MESSAGE && visitMessage !== null) {
          const found = readLogicalMessage(buffer, message + 1, end)
          if (found !== null && !found.prefix.startsWith(RESERVED_PREFIX)) {
            visitMessage(found.prefix, found.content)
          }
        }
      }
      at = end
    }
  }
  return known
}

function describedRelation(known: RelationMap, oid: number): WalRelation {
  const relation = known.get(oid)
  if (relation !== undefined) return relation
  throw new DbsyncError(
    'WAL.MALFORMED',
    `The stream changes relation ${oid} that it has not described; reconnecting.`,
  )
}

function tooShort(): DbsyncError {
  return new DbsyncError('WAL.MALFORMED', 'A change of the stream ends before its time; reconnecting.')
}
