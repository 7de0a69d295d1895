import { isDbsyncError } from '../core/errors.ts'
import { quoteIdentifier } from '../core/quote.ts'
import type { ControlSession } from '../postgres/control-session.ts'
import {
  fingerprintSql,
  readFingerprints,
  type Fingerprints,
  type TableFingerprint,
} from '../postgres/fingerprint.ts'
import type { TableNeed } from '../postgres/preflight.ts'
import { tableName } from '../postgres/table-name.ts'
import { targetOf } from './drift.ts'

/** A publication that may be mended. */
export interface MendTarget {
  readonly control: ControlSession
  readonly publication: string
  readonly serverVersion: number
}

/** How an attempt to mend ended: with the table as it is now, or with the statements that somebody else must run. */
export type Mended =
  | { readonly made: TableFingerprint; readonly sql: null }
  | { readonly made: null; readonly sql: string }

/**
 * Puts a table into the publication, whole: one that is in it with a filter or a column list is taken out first.
 *
 * Rights: ownership of publication and table; without them nothing is changed. Throws: POSTGRES.*.
 */
export async function mendMembership(
  target: MendTarget,
  need: TableNeed,
  found: Fingerprints,
): Promise<Mended> {
  const { control, publication, serverVersion } = target
  const { model } = need.model
  const alter = `ALTER PUBLICATION ${quoteIdentifier(publication)}`
  const table = tableName(need.model)
  const isMember = found.tables.get(model)?.membership.row != null
  const statements = [...(isMember ? [`${alter} DROP TABLE ${table}`] : []), `${alter} ADD TABLE ${table}`]
  const refused: Mended = { made: null, sql: statements.join('; ') }
  if (found.publication?.isOwner !== true) return refused
  const look = fingerprintSql([targetOf(need, null)], publication, serverVersion)
  try {
    // One message is one transaction: what is returned is what was made, whatever others do next.
    const rows = await control.query(["SET LOCAL lock_timeout = '5s'", ...statements, look].join('; '))
    const made = readFingerprints(rows).tables.get(model)
    return made?.membership.isListed === true ? { made, sql: null } : refused
  } catch (error) {
    if (isDbsyncError(error, 'POSTGRES.PERMISSION')) return refused
    throw error
  }
}

/** Has the publication publish every operation again, if the role may. What was skipped meanwhile is lost all the same. */
export async function mendOptions(target: MendTarget, found: Fingerprints): Promise<void> {
  const { publication } = found
  const isPartitioned = [...found.tables.values()].some(({ partitions }) => partitions !== null)
  if (publication === null || !publication.isOwner) return
  // Not if nothing is wrong with it: every ALTER is a change to whoever else streams from it.
  if (publication.publishesAll && (publication.isViaRoot || !isPartitioned)) return
  await target.control.query(
    `ALTER PUBLICATION ${quoteIdentifier(target.publication)} ` +
      "SET (publish = 'insert, update, delete, truncate', publish_via_partition_root = true)",
  )
}
