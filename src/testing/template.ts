import { createHash } from 'node:crypto'
import type pg from 'pg'
import type { SchemaContract } from '../contract/schema-contract.ts'
import { quoteIdentifier, quoteLiteral } from '../core/quote.ts'
import { assertSchema } from './assert-schema.ts'
import { applyMigrations, type Migration } from './migrations.ts'
import { openClient } from './open-client.ts'

/** What a template database has in it. */
export interface TemplateContent {
  readonly contract: SchemaContract
  readonly migrations: readonly Migration[]
}

const PREFIX = 'dbsync_template_'
/** Changes with what the code here does to a template. */
const VERSION = 1
const MISSING_DATABASE = '3D000'

/**
 * Creates a database as a copy of the template with this content, which is made first if the server does not have it.
 *
 * However many come at once, from however many processes, one makes the template and the others wait for it. Templates of migrations that
 * have changed meanwhile are dropped after a week.
 * Throws: TESTING.MIGRATIONS, TESTING.SCHEMA_DIFFERS.
 */
export async function copyTemplate(
  admin: pg.ClientBase,
  serverUrl: string,
  name: string,
  content: TemplateContent,
): Promise<void> {
  const { rows } = await admin.query<{ role: string }>('SELECT current_user::text AS role')
  const template = templateName(content, rows[0]?.role ?? '')
  for (;;) {
    await makeTemplate(admin, serverUrl, template, content)
    try {
      await admin.query(`CREATE DATABASE ${quoteIdentifier(name)} TEMPLATE ${quoteIdentifier(template)}`)
      return
    } catch (error) {
      // Dropped as too old, since we have looked.
      if (!(error instanceof Error && 'code' in error && error.code === MISSING_DATABASE)) throw error
    }
  }
}

/** The name of the database that is copied for this content by this role: nobody may copy what is another role's. */
export function templateName({ contract, migrations }: TemplateContent, role: string): string {
  const hash = createHash('sha256').update(`${VERSION}\0${role}\0${contract.hash}`)
  for (const { name, sql } of migrations) hash.update(`\0${name}\0${sql}`)
  return `${PREFIX}${hash.digest('hex').slice(0, 24)}`
}

async function makeTemplate(
  admin: pg.ClientBase,
  serverUrl: string,
  template: string,
  content: TemplateContent,
): Promise<void> {
  if (await hasDatabase(admin, template)) return
  await admin.query('SELECT pg_advisory_lock(hashtext($1))', [template])
  try {
    if (await hasDatabase(admin, template)) return
    await dropOldTemplates(admin)
    // Named as a template only when it is whole: who makes it may be killed.
    const making = `${template}_making`
    await admin.query(`DROP DATABASE IF EXISTS ${quoteIdentifier(making)} WITH (FORCE)`)
    await admin.query(`CREATE DATABASE ${quoteIdentifier(making)}`)
    try {
      await fill(urlOf(serverUrl, making), content)
    } catch (error) {
      await admin.query(`DROP DATABASE IF EXISTS ${quoteIdentifier(making)} WITH (FORCE)`)
      throw error
    }
    const { rows } = await admin.query<{ now: string }>('SELECT now()::text AS now')
    await admin.query(
      `COMMENT ON DATABASE ${quoteIdentifier(making)} IS ${quoteLiteral(`${PREFIX}${rows[0]?.now ?? ''}`)}`,
    )
    // A database that somebody is connected to cannot be copied; nobody can be, from now on.
    await admin.query(`ALTER DATABASE ${quoteIdentifier(making)} WITH ALLOW_CONNECTIONS false`)
    await admin.query(`ALTER DATABASE ${quoteIdentifier(making)} RENAME TO ${quoteIdentifier(template)}`)
  } finally {
    await admin.query('SELECT pg_advisory_unlock(hashtext($1))', [template])
  }
}

async function fill(url: string, { contract, migrations }: TemplateContent): Promise<void> {
  const client = await openClient(url)
  try {
    await applyMigrations(client, migrations)
    await assertSchema(client, contract, migrations)
  } finally {
    await client.end()
  }
}

async function hasDatabase(admin: pg.ClientBase, name: string): Promise<boolean> {
  const { rows } = await admin.query('SELECT FROM pg_catalog.pg_database WHERE datname = $1', [name])
  return rows.length > 0
}

async function dropOldTemplates(admin: pg.ClientBase): Promise<void> {
  const { rows } = await admin.query<{ name: string }>(
    `SELECT datname::text AS name
     FROM (SELECT datname, shobj_description(oid, 'pg_database') AS comment FROM pg_catalog.pg_database
       WHERE pg_has_role(datdba, 'USAGE')) AS d
     WHERE starts_with(datname::text, $1) AND CASE WHEN starts_with(comment, $1)
       THEN substr(comment, length($1) + 1)::timestamptz < now() - interval '7 days' END`,
    [PREFIX],
  )
  for (const { name } of rows)
    await admin.query(`DROP DATABASE IF EXISTS ${quoteIdentifier(name)} WITH (FORCE)`)
}

/** The same server's other database. */
export function urlOf(serverUrl: string, database: string): string {
  const url = new URL(serverUrl)
  url.pathname = `/${database}`
  return url.href
}
