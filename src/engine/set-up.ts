import { DbsyncError } from '../core/errors.ts'
import type { SchemaContract } from '../contract/schema-contract.ts'
import { checkLimits } from '../postgres/check-limits.ts'
import { checkPublication } from '../postgres/check-publication.ts'
import type { ConnectionTarget } from '../postgres/resolve-connection.ts'
import { ControlSession } from '../postgres/control-session.ts'
import { assertNoFindings } from '../postgres/finding.ts'
import { preflight } from '../postgres/preflight.ts'
import { missingRights, type Statement } from '../postgres/role-rights.ts'
import { wholeTable } from './diagnose.ts'

/** What no statement of ours mends. */
const BLOCKING: ReadonlySet<string> = new Set([
  'CONTRACT.TABLE_MISSING',
  'POSTGRES.STANDBY',
  'POSTGRES.VERSION',
])

/** What is to be set up. */
export interface SetUpOptions {
  readonly contract: SchemaContract
  readonly connection: ConnectionTarget
  readonly publication: string
  /** The role of the sync; null for the one that connects. */
  readonly role: string | null
  /** Model names; empty for all. */
  readonly models: readonly string[]
  /** Whether to run the statements, all of them in one transaction. */
  readonly apply: boolean
}

/** What there was to do. */
export interface SetUp {
  /** In order; none if everything is set up. */
  readonly statements: readonly Statement[]
  /** For an administrator: what cannot be part of a transaction, or is a matter of judgement. Never applied. */
  readonly hints: readonly Statement[]
  readonly isApplied: boolean
}

/**
 * Finds the statements that give a sync the rights, the replica identities and the publication that it lacks, the least that
 * does, and applies them if asked to. Done twice, the second time there is nothing left.
 *
 * Throws: CONTRACT.TABLE_MISSING, POSTGRES.STANDBY, CONFIG.INVALID_OPTIONS for a model that it lacks,
 * POSTGRES.PERMISSION if the role that connects may not do it; then nothing is done.
 */
export async function setUp(options: SetUpOptions): Promise<SetUp> {
  const { contract, publication, role, apply } = options
  const needs = pickModels(contract, options.models).map((model) => wholeTable(model))
  const control = new ControlSession(options.connection)
  try {
    return await control.use('set up replication', async (client) => {
      const { findings, tables, serverVersion } = await preflight(client, contract, needs)
      assertNoFindings(findings.filter(({ code }) => BLOCKING.has(code)))
      const identities = findings
        .filter(({ code }) => code === 'CHANGES.REPLICA_IDENTITY')
        .flatMap(({ sql, details }) =>
          sql.map((one) => ({
            sql: one,
            reason: `the WAL must tell the rows of ${String(details['table'])} apart`,
          })),
        )
      const members = await checkPublication(client, publication, needs, tables, serverVersion)
      const limits = await checkLimits(client, false)
      const statements = [
        ...(await missingRights(
          client,
          role,
          needs.map(({ model }) => model),
        )),
        ...identities,
        ...members.flatMap(({ sql }) =>
          sql.map((one) => ({ sql: one, reason: 'exactly the tables of the models' })),
        ),
      ]
      const hints = [...findings.filter(({ code }) => code === 'POSTGRES.WAL_LEVEL'), ...limits].flatMap(
        ({ sql, message }) => sql.map((one, index) => ({ sql: one, reason: index === 0 ? message : '' })),
      )
      if (apply && statements.length > 0) {
        await client.query('BEGIN')
        try {
          for (const { sql } of statements) await client.query(sql)
          await client.query('COMMIT')
        } catch (error) {
          await client.query('ROLLBACK').catch(() => {})
          throw error
        }
      }
      return { statements, hints, isApplied: apply }
    })
  } finally {
    await control.close()
  }
}

/** The models of these names, all of them if none is named. Throws: CONFIG.INVALID_OPTIONS. */
export function pickModels(contract: SchemaContract, names: readonly string[]): SchemaContract['models'] {
  const unknown = names.filter((name) => !contract.models.some(({ model }) => model === name))
  if (unknown.length > 0) {
    throw new DbsyncError(
      'CONFIG.INVALID_OPTIONS',
      `The contract has no model ${unknown.map((name) => JSON.stringify(name)).join(', ')}. It has ` +
        `${contract.models.map(({ model }) => model).join(', ')}.`,
      { details: { models: unknown } },
    )
  }
  return names.length === 0 ? contract.models : contract.models.filter(({ model }) => names.includes(model))
}
