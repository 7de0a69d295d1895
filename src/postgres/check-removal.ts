import type pg from 'pg'
import { DbsyncError } from '../core/errors.ts'
import { quoteIdentifier } from '../core/quote.ts'

/**
 * Whether a slot is there, and nothing stands against dropping it.
 *
 * Throws: SLOT.IN_USE, SLOT.INCOMPATIBLE, POSTGRES.PERMISSION.
 */
export async function findDroppableSlot(client: pg.ClientBase, name: string): Promise<boolean> {
  const { rows } = await client.query<{
    plugin: string
    database: string
    is_here: boolean
    pid: number | null
    application: string | null
    role: string | null
    may_drop: boolean
  }>(
    `SELECT coalesce(s.plugin, '')::text AS plugin, coalesce(s.database, '')::text AS database,
            coalesce(s.database = current_database(), false) AS is_here, s.active_pid AS pid,
            a.application_name AS application, a.usename::text AS role,
            EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = current_user AND (rolreplication OR rolsuper)
                       OR rolname = 'rds_replication' AND pg_has_role(oid, 'MEMBER')) AS may_drop
     FROM pg_catalog.pg_replication_slots s LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = s.active_pid
     WHERE s.slot_name = $1`,
    [name],
  )
  const [slot] = rows
  if (slot === undefined) return false
  if (!slot.is_here || slot.plugin !== 'pgoutput') {
    throw new DbsyncError(
      'SLOT.INCOMPATIBLE',
      `Slot "${name}" belongs to plugin "${slot.plugin}" and database "${slot.database}", so it is not dropped from here. ` +
        'Name the slot of your sync, or connect to that database.',
      { details: { slot: name } },
    )
  }
  if (slot.pid !== null) {
    throw new DbsyncError(
      'SLOT.IN_USE',
      `Slot "${name}" is in use by backend ${slot.pid} (application "${slot.application ?? ''}", role "${slot.role ?? ''}"). ` +
        'Stop that sync first; nothing was dropped.',
      { details: { slot: name, pid: slot.pid, application: slot.application, role: slot.role } },
    )
  }
  if (!slot.may_drop) {
    throw new DbsyncError(
      'POSTGRES.PERMISSION',
      `The role may not drop slot "${name}": that takes REPLICATION. Connect as a role that has it; nothing was dropped.`,
      { details: { slot: name, right: 'REPLICATION' } },
    )
  }
  return true
}

/** Whether a publication is there, and the role may drop it. Throws: POSTGRES.PERMISSION. */
export async function findDroppablePublication(client: pg.ClientBase, name: string): Promise<boolean> {
  const { rows } = await client.query<{ is_owner: boolean; owner: string }>(
    `SELECT pg_has_role(pubowner, 'USAGE') AS is_owner, pg_get_userbyid(pubowner)::text AS owner
     FROM pg_catalog.pg_publication WHERE pubname = $1`,
    [name],
  )
  const [publication] = rows
  if (publication === undefined) return false
  if (publication.is_owner) return true
  throw new DbsyncError(
    'POSTGRES.PERMISSION',
    `Publication "${name}" belongs to role "${publication.owner}". Have that role run: DROP PUBLICATION ${quoteIdentifier(name)}; ` +
      'nothing was dropped.',
    { details: { publication: name, owner: publication.owner } },
  )
}
