import { DbsyncError, isDbsyncError } from '../core/errors.ts'
import { parseLsn, type Lsn } from '../core/lsn.ts'
import type { ReplicationSession } from './replication-session.ts'

/** A slot that was just made. */
export interface CreatedSlot {
  /** Where its stream begins. */
  readonly consistentPoint: Lsn
  /** The name of the snapshot that sees exactly what lies before; valid until the session's next statement. */
  readonly snapshotName: string
}

const SLOT_NAME = /^[a-z0-9_]{1,63}$/

/**
 * Checks a slot's name.
 *
 * Throws: CONFIG.INVALID_OPTIONS. Postgres cuts longer names silently, so that two could become one.
 */
export function assertSlotName(name: string): void {
  if (SLOT_NAME.test(name)) return
  throw new DbsyncError(
    'CONFIG.INVALID_OPTIONS',
    `"${name}" cannot name a replication slot. Use 1 to 63 lower-case letters, digits and underscores.`,
    { details: { slot: name } },
  )
}

/**
 * Creates a slot on the walsender session and keeps its snapshot exported.
 *
 * The server waits for every transaction that runs at this moment; `onBlocked` is told each time ten seconds
 * have gone by, and decides by throwing whether to give up. `failover` asks for a slot that standbys keep too (17).
 * Throws: POSTGRES.LIMIT, POSTGRES.PERMISSION, SLOT.IN_USE if the name is taken.
 */
export async function createSlot(
  session: ReplicationSession,
  name: string,
  temporary: boolean,
  onBlocked: () => Promise<void>,
  failover = false,
): Promise<CreatedSlot> {
  assertSlotName(name)
  await session.query("SET lock_timeout = '10s'")
  for (;;) {
    try {
      const [row] = await session.query(
        `CREATE_REPLICATION_SLOT ${name}${temporary ? ' TEMPORARY' : ''} LOGICAL pgoutput ` +
          // The form with parentheses came with 15, failover with 17.
          (failover ? "(SNAPSHOT 'export', FAILOVER true)" : 'EXPORT_SNAPSHOT'),
      )
      const [, point, snapshotName] = row ?? []
      if (typeof point !== 'string' || typeof snapshotName !== 'string') {
        throw new DbsyncError('INTERNAL.INVARIANT', 'CREATE_REPLICATION_SLOT answered without a snapshot')
      }
      return { consistentPoint: parseLsn(point), snapshotName }
    } catch (error) {
      if (!isDbsyncError(error) || error.details['sqlState'] !== '55P03') throw error
      await onBlocked()
    }
  }
}
