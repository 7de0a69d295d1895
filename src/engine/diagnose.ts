import { isDbsyncError } from '../core/errors.ts'
import type { ModelContract, SchemaContract } from '../contract/schema-contract.ts'
import { checkDrift } from '../postgres/check-drift.ts'
import { checkEnums } from '../postgres/check-enums.ts'
import { checkLimits } from '../postgres/check-limits.ts'
import { checkPublication } from '../postgres/check-publication.ts'
import { checkSlots } from '../postgres/check-slot.ts'
import { checkTables } from '../postgres/check-tables.ts'
import type { ConnectionTarget } from '../postgres/resolve-connection.ts'
import { ControlSession } from '../postgres/control-session.ts'
import { advice, problem, type Finding, type Severity } from '../postgres/finding.ts'
import { preflight, type TableNeed } from '../postgres/preflight.ts'
import { readSlots } from '../postgres/read-slots.ts'
import { ReplicationSession } from '../replication/replication-session.ts'

/** What is to be checked. */
export interface DiagnoseOptions {
  readonly contract: SchemaContract
  readonly connection: ConnectionTarget
  readonly publication: string
  /** The durable slot that the sync uses, or would. */
  readonly slot: string
}

/** What the checks found, the worst first. */
export interface Diagnosis {
  readonly server: { readonly version: number; readonly database: string; readonly role: string }
  readonly findings: readonly Finding[]
}

const WEIGHT: Readonly<Record<Severity, number>> = { error: 0, warning: 1, note: 2 }

/**
 * Checks everything that a sync of all models needs of server, role, tables, publication and slot, and changes nothing.
 *
 * Throws: POSTGRES.CONNECTION_REFUSED, POSTGRES.AUTHENTICATION, and what the server answers to a check.
 */
export async function diagnose(options: DiagnoseOptions): Promise<Diagnosis> {
  const { contract, connection, publication, slot } = options
  const needs = contract.models.map((model) => wholeTable(model))
  const control = new ControlSession(connection)
  try {
    const { server, findings } = await control.use('be checked', async (client) => {
      const { rows } = await client.query<{ pid: number; database: string; is_super: boolean }>(
        `SELECT pg_backend_pid() AS pid, current_database()::text AS database,
                (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user) AS is_super`,
      )
      const { findings: problems, tables, serverVersion, role } = await preflight(client, contract, needs)
      const slots = await readSlots(client)
      const all: Finding[] = [
        ...problems,
        ...checkDrift(needs, tables),
        ...(await checkEnums(client, contract, needs, tables)),
        ...checkTables(needs, tables, role),
        ...(await checkPublication(client, publication, needs, tables, serverVersion)),
        ...(await checkLimits(
          client,
          slots.some(({ name }) => name === slot),
        )),
        ...(await checkSlots(client, slot, slots)),
      ]
      if (rows[0]?.is_super === true) all.push(superuser(role))
      const { rows: later } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')
      if (later[0]?.pid !== rows[0]?.pid) all.push(pooler())
      return { server: { version: serverVersion, database: rows[0]?.database ?? '', role }, findings: all }
    })
    const isHopeless = findings.some(
      ({ code, details }) =>
        details['right'] === 'REPLICATION' ||
        (code === 'POSTGRES.LIMIT' && details['setting'] === 'max_wal_senders'),
    )
    if (!isHopeless) findings.push(...(await checkReplication(connection)))
    return { server, findings: findings.toSorted((a, b) => WEIGHT[a.severity] - WEIGHT[b.severity]) }
  } finally {
    await control.close()
  }
}

/** The need of somebody who reads every column of a table. */
export function wholeTable(model: ModelContract): TableNeed {
  return { model, fields: model.columns.map(({ field }) => field) }
}

/** Whether a walsender session can be opened: rights, `pg_hba.conf` and what stands in between. */
async function checkReplication(connection: ConnectionTarget): Promise<readonly Finding[]> {
  try {
    const session = await ReplicationSession.connect(connection)
    try {
      await session.query('IDENTIFY_SYSTEM')
    } finally {
      await session.close()
    }
    return []
  } catch (error) {
    if (!isDbsyncError(error)) throw error
    // A pooler does not know the start-up parameter that makes a session a walsender.
    if (error.details['sqlState'] === '08P01') return [pooler()]
    return [
      problem(error.code, `A replication session cannot be opened. ${error.message}`, {
        details: error.details,
      }),
    ]
  }
}

function pooler(): Finding {
  return problem(
    'CONFIG.INVALID_OPTIONS',
    'A connection pooler stands between here and the server, and it cannot replicate. Connect to the server directly (many ' +
      'services have a second host or port for that).',
  )
}

function superuser(role: string): Finding {
  return advice(
    'warning',
    'ADVICE.SUPERUSER',
    `Role "${role}" is a superuser; a sync needs LOGIN, REPLICATION and SELECT on its tables. Make a role of its own: ` +
      'prisma-dbsync setup --role NAME.',
    { details: { role } },
  )
}
