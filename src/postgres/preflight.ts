import type pg from 'pg'
import type { ErrorCode } from '../core/errors.ts'
import { quoteIdentifier } from '../core/quote.ts'
import type { ModelContract, SchemaContract } from '../contract/schema-contract.ts'
import { isOrdinary, readCatalogTable, type CatalogTable } from './catalog.ts'
import { checkColumns } from './check-columns.ts'
import { problem, type FindingParts, type Problem } from './finding.ts'
import { missingTable } from './missing-table.ts'
import { checkIdentity } from './replica-identity.ts'
import { tableName } from './table-name.ts'

/** What a sync reads of one table. */
export interface TableNeed {
  readonly model: ModelContract
  /** Field names that views or handlers use; the key's are always among them. */
  readonly fields: readonly string[]
}

/** What the checks found. */
export interface Preflight {
  readonly findings: readonly Problem[]
  /** By model name; lacks the tables that the database lacks. */
  readonly tables: ReadonlyMap<string, CatalogTable>
  readonly serverVersion: number
  /** The role that the session runs as. */
  readonly role: string
}

/** Checks server, role and tables, and changes nothing. Rights: connect. */
export async function preflight(
  client: pg.ClientBase,
  contract: SchemaContract,
  needs: readonly TableNeed[],
): Promise<Preflight> {
  const findings: Problem[] = []
  const add: Add = (code, message, parts) => findings.push(problem(code, message, parts))
  const { serverVersion, role } = await checkServer(client, add)
  const tables = new Map<string, CatalogTable>()
  for (const need of needs) {
    const table = await readCatalogTable(client, need.model)
    if (table === null) {
      findings.push(await missingTable(client, contract, need.model))
    } else {
      tables.set(need.model.model, table)
      checkTable(contract, need, table, role, add)
    }
  }
  return { findings, tables, serverVersion, role }
}

type Add = (code: ErrorCode, message: string, parts?: FindingParts) => unknown

async function checkServer(
  client: pg.ClientBase,
  add: Add,
): Promise<{ readonly serverVersion: number; readonly role: string }> {
  const { rows } = await client.query<{
    version: number
    wal_level: string
    standby: boolean
    replication: boolean
    role: string
    encoding: string
  }>(`SELECT current_setting('server_version_num')::int AS version, current_setting('wal_level') AS wal_level,
             pg_is_in_recovery() AS standby, current_setting('server_encoding') AS encoding, current_user::text AS role,
             -- Managed services grant the right by membership.
             EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = current_user AND (rolreplication OR rolsuper)
                        OR rolname = 'rds_replication' AND pg_has_role(oid, 'MEMBER')) AS replication`)
  const [server] = rows
  if (server === undefined) return { serverVersion: 0, role: '' }
  if (server.version < 140_000) {
    add(
      'POSTGRES.VERSION',
      `The server is PostgreSQL ${Math.floor(server.version / 10_000)}; DBSync needs 14 or newer. Upgrade the server.`,
      { details: { version: server.version } },
    )
  }
  if (server.wal_level !== 'logical') {
    add(
      'POSTGRES.WAL_LEVEL',
      `The server runs with wal_level = ${server.wal_level}; DBSync needs wal_level = logical. Run ` +
        '"ALTER SYSTEM SET wal_level = logical" and restart the server (on a managed service: its parameter for ' +
        'logical replication).',
      { sql: ["ALTER SYSTEM SET wal_level = 'logical';"], details: { walLevel: server.wal_level } },
    )
  }
  if (server.standby) {
    add('POSTGRES.STANDBY', 'The server is a hot standby; DBSync reads the primary. Connect to the primary.')
  }
  if (!server.replication) {
    add(
      'POSTGRES.PERMISSION',
      `Role "${server.role}" may not use replication. Run "ALTER ROLE ${quoteIdentifier(server.role)} REPLICATION" as a ` +
        'superuser (on a managed service: grant its replication role).',
      {
        sql: [`ALTER ROLE ${quoteIdentifier(server.role)} REPLICATION;`],
        details: { role: server.role, right: 'REPLICATION' },
      },
    )
  }
  if (server.encoding === 'SQL_ASCII') {
    add(
      'POSTGRES.ENCODING',
      'The database has encoding SQL_ASCII, so its text may be no valid UTF-8. Use a database with encoding UTF8.',
    )
  }
  return { serverVersion: server.version, role: server.role }
}

function checkTable(
  contract: SchemaContract,
  need: TableNeed,
  table: CatalogTable,
  role: string,
  add: Add,
): void {
  const { model } = need
  const name = tableName(model)
  const details = { model: model.model, table: model.table }
  if (!isOrdinary(table)) {
    add(
      'CONTRACT.TABLE_MISSING',
      `${name} (model ${model.model}) is not an ordinary logged table, so the WAL does not carry its changes. ` +
        'Leave the model out of views and handlers.',
      { details },
    )
    return
  }
  if (table.hasChildren) {
    add(
      'VIEW.NOT_EXACT',
      `Other tables inherit from ${name} (model ${model.model}); a query of it shows their rows, the stream names them apart. ` +
        'Leave the model out of views and handlers, or use declarative partitioning.',
      { details },
    )
  }
  for (const found of [...checkColumns(contract, need, table), ...checkIdentity(model, table)]) {
    add(found.code, found.message, found)
  }
  if (!table.canUseSchema) {
    const schema = quoteIdentifier(model.schema)
    add(
      'POSTGRES.PERMISSION',
      `The role may not look into schema ${schema}. Run "GRANT USAGE ON SCHEMA ${schema} TO …" for the role that DBSync connects with.`,
      {
        sql: [`GRANT USAGE ON SCHEMA ${schema} TO ${quoteIdentifier(role)};`],
        details: { ...details, right: 'USAGE' },
      },
    )
  }
  if (!table.canSelect) {
    add(
      'POSTGRES.PERMISSION',
      `The role may not read ${name}. Run "GRANT SELECT ON ${name} TO …" for the role that DBSync connects with.`,
      {
        sql: [`GRANT SELECT ON TABLE ${name} TO ${quoteIdentifier(role)};`],
        details: { ...details, right: 'SELECT' },
      },
    )
  }
}
