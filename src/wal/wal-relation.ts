import { DbsyncError } from '../core/errors.ts'

/** A column as a Relation message describes it. */
export interface WalColumn {
  readonly name: string
  readonly typeOid: number
  readonly typeModifier: number
  /** Whether the column belongs to the replica identity. */
  readonly isIdentity: boolean
}

/** A table as the stream names it from here on, valid at this point of the WAL. */
export interface WalRelation {
  readonly oid: number
  readonly schema: string
  readonly name: string
  readonly replicaIdentity: 'default' | 'nothing' | 'full' | 'index'
  readonly columns: readonly WalColumn[]
}

const IDENTITIES: Readonly<Record<string, WalRelation['replicaIdentity']>> = {
  d: 'default',
  n: 'nothing',
  f: 'full',
  i: 'index',
}

/**
 * Reads a Relation message; `start` is the position after its tag.
 *
 * Throws: WAL.MALFORMED if it ends before its time or names an unknown replica identity.
 * Source: PostgreSQL manual, "Logical Replication Message Formats", Relation.
 */
export function readRelation(buffer: Buffer, start: number, end: number): WalRelation {
  let at = start + 4
  const text = (): string => {
    const stop = buffer.indexOf(0, at)
    if (stop < 0 || stop >= end) throw malformed()
    const value = buffer.toString('utf8', at, stop)
    at = stop + 1
    return value
  }
  if (end - start < 8) throw malformed()
  const oid = buffer.readUInt32BE(start)
  const schema = text() || 'pg_catalog'
  const name = text()
  const replicaIdentity = IDENTITIES[String.fromCharCode(buffer[at] ?? 0)]
  if (replicaIdentity === undefined || at + 3 > end) throw malformed()
  const count = buffer.readInt16BE(at + 1)
  if (count < 0) throw malformed()
  at += 3
  const columns: WalColumn[] = []
  for (let index = 0; index < count; index += 1) {
    const flags = buffer[at] ?? 0
    at += 1
    const column = text()
    if (at + 8 > end) throw malformed()
    columns.push({
      name: column,
      typeOid: buffer.readUInt32BE(at),
      typeModifier: buffer.readInt32BE(at + 4),
      isIdentity: (flags & 1) === 1,
    })
    at += 8
  }
  return { oid, schema, name, replicaIdentity, columns }
}

function malformed(): DbsyncError {
  return new DbsyncError(
    'WAL.MALFORMED',
    'A Relation message of the stream ends before its time; reconnecting.',
  )
}
