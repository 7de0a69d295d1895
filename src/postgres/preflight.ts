import type pg from 'pg'
import type { ErrorCode } from '../core/errors.ts'
import { DbsyncError } from '../core/errors.ts'
import { quoteIdentifier } from '../core/quote.ts'
import type { ModelContract, SchemaContract } from '../contract/schema-contract.ts'
import { readCatalogTable, type CatalogColumn, type CatalogTable } from './catalog.ts'

/** Something that keeps the sync from running, as data. */
export interface Finding {
  readonly code: ErrorCode
  /** What was found, what is needed, what to do. */
  readonly message: string
  readonly details: Readonly<Record<string, unknown>>
}

/** What a sync reads of one table. */
export interface TableNeed {
  readonly model: ModelContract
  /** Field names that views or handlers use; the key's are always among them. */
  readonly fields: readonly string[]
}

/** What the checks found. */
export interface Preflight {
  readonly findings: readonly Finding[]
  /** By model name; lacks the tables that the database lacks. */
  readonly tables: ReadonlyMap<string, CatalogTable>
  readonly serverVersion: number
}

/** Checks server, role and tables, and changes nothing. Rights: connect. */
export async function preflight(
  client: pg.ClientBase,
  contract: SchemaContract,
  needs: readonly TableNeed[],
): Promise<Preflight> {
  const findings: Finding[] = []
  const add = (code: ErrorCode, message: string, details: Readonly<Record<string, unknown>> = {}): void => {
    findings.push({ code, message, details })
  }
  const serverVersion = await checkServer(client, add)
  const tables = new Map<string, CatalogTable>()
  for (const need of needs) {
    const table = await readCatalogTable(client, need.model)
    if (table === null) {
      add(
        'CONTRACT.TABLE_MISSING',
        `The contract names table ${tableName(need.model)} (model ${need.model.model}), which the database does not ` +
          'have. Apply your migrations (prisma migrate deploy), or run prisma generate if the table was renamed.',
        { model: need.model.model, table: need.model.table },
      )
    } else {
      tables.set(need.model.model, table)
      checkTable(contract, need, table, add)
    }
  }
  return { findings, tables, serverVersion }
}

/** Throws the first finding; its message carries the others too. Throws: the finding's code. */
export function assertNoFindings(findings: readonly Finding[]): void {
  const [first, ...others] = findings
  if (first === undefined) return
  const rest = others.map((finding) => `\n- ${finding.code}: ${finding.message}`).join('')
  throw new DbsyncError(first.code, others.length === 0 ? first.message : `${first.message}\nAlso:${rest}`, {
    details: { ...first.details, findings },
  })
}

type Add = (code: ErrorCode, message: string, details?: Readonly<Record<string, unknown>>) => void

async function checkServer(client: pg.ClientBase, add: Add): Promise<number> {
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
  if (server === undefined) return 0
  if (server.version < 140_000) {
    add(
      'POSTGRES.VERSION',
      `The server is PostgreSQL ${Math.floor(server.version / 10_000)}; DBSync needs 14 or newer. Upgrade the server.`,
      { version: server.version },
    )
  }
  if (server.wal_level !== 'logical') {
    add(
      'POSTGRES.WAL_LEVEL',
      `The server runs with wal_level = ${server.wal_level}; DBSync needs wal_level = logical. Run ` +
        '"ALTER SYSTEM SET wal_level = logical" and restart the server (on a managed service: its parameter for ' +
        'logical replication).',
      { walLevel: server.wal_level },
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
      { role: server.role, right: 'REPLICATION' },
    )
  }
  if (server.encoding === 'SQL_ASCII') {
    add(
      'POSTGRES.QUERY_FAILED',
      'The database has encoding SQL_ASCII, so its text may be no valid UTF-8. Use a database with encoding UTF8.',
    )
  }
  return server.version
}

function checkTable(contract: SchemaContract, need: TableNeed, table: CatalogTable, add: Add): void {
  const { model } = need
  const name = tableName(model)
  const details = { model: model.model, table: model.table }
  if (!(table.kind === 'r' || table.kind === 'p') || !table.isPermanent) {
    add(
      'CONTRACT.TABLE_MISSING',
      `${name} (model ${model.model}) is not an ordinary logged table, so the WAL does not carry its changes. ` +
        'Leave the model out of views and handlers.',
      details,
    )
    return
  }
  if (table.hasChildren) {
    add(
      'VIEW.NOT_EXACT',
      `Other tables inherit from ${name} (model ${model.model}); a query of it shows their rows, the stream names them apart. ` +
        'Leave the model out of views and handlers, or use declarative partitioning.',
      details,
    )
  }
  for (const field of need.fields) checkColumn(contract, model, field, table, add)
  checkIdentity(model, table, add)
  if (!table.canSelect) {
    add(
      'POSTGRES.PERMISSION',
      `The role may not read ${name}. Run "GRANT SELECT ON ${name} TO …" for the role that DBSync connects with.`,
      { ...details, right: 'SELECT' },
    )
  }
}

function checkColumn(
  contract: SchemaContract,
  model: ModelContract,
  field: string,
  table: CatalogTable,
  add: Add,
): void {
  const column = model.columns.find((candidate) => candidate.field === field)
  if (column === undefined) return
  const found = table.columns.find((candidate) => candidate.name === column.column)
  const where = `${model.model}.${field} (column ${quoteIdentifier(column.column)} of ${tableName(model)})`
  const details = { model: model.model, field, column: column.column }
  if (found === undefined) {
    add(
      'CONTRACT.COLUMN_MISSING',
      `The contract names ${where}, which the database does not have. Apply your migrations, or run prisma generate.`,
      details,
    )
    return
  }
  if (found.isGenerated) {
    add(
      'CONTRACT.TYPE_MISMATCH',
      `${where} is a generated column; the WAL does not carry it. Leave it out of views and handlers.`,
      details,
    )
    return
  }
  if (!found.isDeterministic) {
    add(
      'VIEW.NOT_EXACT',
      `${where} has a non-deterministic collation, by which texts of different bytes may be equal. Give the column a ` +
        'deterministic collation, or leave it out of views and handlers.',
      details,
    )
  }
  const expected = `${expectedType(contract, column)}${column.list ? '[]' : ''}`
  const actual = `${column.enum === undefined ? found.type : enumName(found)}${found.list ? '[]' : ''}`
  if (expected !== actual) {
    add(
      'CONTRACT.TYPE_MISMATCH',
      `${where} is ${actual} in the database and ${expected} in the contract. Apply your migrations, or correct ` +
        'schema.prisma (prisma db pull shows the database) and run prisma generate.',
      { ...details, expected, actual },
    )
  }
}

function expectedType(contract: SchemaContract, column: ModelContract['columns'][number]): string {
  if (column.enum === undefined) return column.pgType
  return contract.enums.find((candidate) => candidate.name === column.enum)?.pgName ?? column.enum
}

function enumName(column: CatalogColumn): string {
  return column.isEnum ? column.typeName : column.type
}

function checkIdentity(model: ModelContract, table: CatalogTable, add: Add): void {
  const keyColumns = model.key.map(
    (field) => model.columns.find((column) => column.field === field)?.column ?? field,
  )
  const covered =
    table.replicaIdentity === 'full' || keyColumns.every((column) => table.identity.includes(column))
  if (covered && keyColumns.length > 0) {
    if (!table.uniqueKeys.some((unique) => unique.every((column) => keyColumns.includes(column)))) {
      add(
        'CHANGES.REPLICA_IDENTITY',
        `${tableName(model)} has no unique index over (${keyColumns.join(', ')}) that is checked at once (not DEFERRABLE, not partial), ` +
          'so two rows may share the key that DBSync knows them by. Add a primary key or unique constraint over those columns.',
        { model: model.model, table: model.table },
      )
    }
    return
  }
  const name = tableName(model)
  const found =
    table.identity.length === 0
      ? `has no usable replica identity (${table.replicaIdentity}${table.primaryKey.length === 0 ? ', no primary key' : ''})`
      : `has a replica identity of (${table.identity.join(', ')})`
  add(
    'CHANGES.REPLICA_IDENTITY',
    `${name} ${found}; DBSync needs the old value of (${keyColumns.join(', ')}) with each UPDATE and DELETE. ` +
      "It was not added to the publication, where it would make the application's own UPDATE fail. Add a primary key, or run " +
      `"ALTER TABLE ${name} REPLICA IDENTITY FULL", or USING INDEX with a unique index over those columns.`,
    { model: model.model, table: model.table, replicaIdentity: table.replicaIdentity },
  )
}

/** The table's qualified, quoted name. */
export function tableName(model: Pick<ModelContract, 'schema' | 'table'>): string {
  return `${quoteIdentifier(model.schema)}.${quoteIdentifier(model.table)}`
}
