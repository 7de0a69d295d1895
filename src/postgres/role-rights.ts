import type pg from 'pg'
import { quoteIdentifier } from '../core/quote.ts'
import type { ModelContract } from '../contract/schema-contract.ts'
import { tableName } from './table-name.ts'

/** One statement and the reason for it. */
export interface Statement {
  /** Ended by `;`. */
  readonly sql: string
  readonly reason: string
}

interface RoleRow {
  readonly name: string
  readonly is_super: boolean
  readonly may_replicate: boolean
  readonly may_bypass: boolean
  readonly may_connect: boolean
}

/** What a role still needs to read and stream these tables, the least that does. `role` null: the session's own. */
export async function missingRights(
  client: pg.ClientBase,
  role: string | null,
  models: readonly ModelContract[],
): Promise<readonly Statement[]> {
  const { rows } = await client.query<RoleRow>(
    `SELECT r.rolname::text AS name, r.rolsuper AS is_super, r.rolbypassrls AS may_bypass,
            has_database_privilege(r.oid, current_database(), 'CONNECT') AS may_connect,
            r.rolreplication OR EXISTS (SELECT FROM pg_catalog.pg_roles g
                                        WHERE g.rolname = 'rds_replication' AND pg_has_role(r.oid, g.oid, 'MEMBER')) AS may_replicate
     FROM pg_catalog.pg_roles r WHERE r.rolname = coalesce($1::name, current_user)`,
    [role],
  )
  const [found] = rows
  if (found?.is_super === true) return []
  const name = quoteIdentifier(found?.name ?? role ?? '')
  const statements: Statement[] = []
  if (found === undefined) {
    statements.push({
      sql: `CREATE ROLE ${name} LOGIN REPLICATION;`,
      reason: `the role of the sync; give it a password yourself (psql: \\password ${name})`,
    })
  } else if (!found.may_replicate) {
    statements.push({ sql: `ALTER ROLE ${name} REPLICATION;`, reason: 'to stream changes' })
  }
  const database = await client.query<{ name: string }>('SELECT current_database()::text AS name')
  if (found?.may_connect === false) {
    statements.push({
      sql: `GRANT CONNECT ON DATABASE ${quoteIdentifier(database.rows[0]?.name ?? '')} TO ${name};`,
      reason: 'to log in',
    })
  }
  const tables = await tableRights(client, found?.name ?? null, models)
  const schemas = new Set(tables.filter((table) => !table.may_use).map(({ model }) => model.schema))
  for (const schema of schemas) {
    statements.push({
      sql: `GRANT USAGE ON SCHEMA ${quoteIdentifier(schema)} TO ${name};`,
      reason: 'to name its tables',
    })
  }
  const unread = tables.filter((table) => !table.may_select).map(({ model }) => tableName(model))
  if (unread.length > 0) {
    statements.push({
      sql: `GRANT SELECT ON TABLE ${unread.join(', ')} TO ${name};`,
      reason: 'to read them in chunks',
    })
  }
  const hidden = tables.filter((table) => table.has_policies).map(({ model }) => tableName(model))
  if (hidden.length > 0 && found?.may_bypass !== true) {
    statements.push({
      sql: `ALTER ROLE ${name} BYPASSRLS;`,
      reason: `row-level security of ${hidden.join(', ')} would hide rows`,
    })
  }
  return statements
}

interface TableRights {
  readonly model: ModelContract
  readonly may_use: boolean
  readonly may_select: boolean
  readonly has_policies: boolean
}

/** `role` null: one that is not there yet, and has no rights but everybody's. */
async function tableRights(
  client: pg.ClientBase,
  role: string | null,
  models: readonly ModelContract[],
): Promise<readonly TableRights[]> {
  const found: TableRights[] = []
  for (const model of models) {
    const { rows } = await client.query<Omit<TableRights, 'model'>>(
      `SELECT has_schema_privilege($3::name, n.oid, 'USAGE') AS may_use, has_table_privilege($3::name, c.oid, 'SELECT') AS may_select,
              c.relrowsecurity AND CASE WHEN c.relforcerowsecurity OR $3::name = 'public' THEN true
                                       ELSE NOT pg_has_role($3::name, c.relowner, 'USAGE') END AS has_policies
       FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
       WHERE n.nspname = $1 AND c.relname = $2`,
      [model.schema, model.table, role ?? 'public'],
    )
    const [row] = rows
    if (row !== undefined) found.push({ model, ...row })
  }
  return found
}
