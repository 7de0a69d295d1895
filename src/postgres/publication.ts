import type pg from 'pg'
import { DbsyncError, isDbsyncError } from '../core/errors.ts'
import { quoteIdentifier } from '../core/quote.ts'
import type { ModelContract } from '../contract/schema-contract.ts'
import { problem, type Problem } from './finding.ts'
import type { TableNeed } from './preflight.ts'
import { serverError } from './server-error.ts'
import { tableName } from './table-name.ts'

/** A publication as the catalog has it. */
export interface CatalogPublication {
  readonly oid: number
  readonly owner: string
  readonly isOwner: boolean
  readonly publishesAll: boolean
  readonly allTables: boolean
  readonly viaRoot: boolean
}

/** What a publication lacks of what a sync needs. */
export interface PublicationState {
  /** Null if there is none of that name. */
  readonly found: CatalogPublication | null
  /** What adding tables does not mend. */
  readonly problems: readonly Problem[]
  /** Models whose tables it does not publish: all of them if there is none. */
  readonly missing: readonly ModelContract[]
}

/** Compares a publication with what a sync reads, and changes nothing. Rights: none. Version: 14. */
export async function inspectPublication(
  client: pg.ClientBase,
  name: string,
  needs: readonly TableNeed[],
  serverVersion: number,
): Promise<PublicationState> {
  const found = await readPublication(client, name)
  if (found === null) return { found, problems: [], missing: needs.map(({ model }) => model) }
  const problems: Problem[] = []
  checkOptions(name, found, problems)
  const missing: ModelContract[] = []
  for (const need of needs) {
    const member = await readMember(client, name, need.model, serverVersion)
    if (member !== null) {
      checkMember(name, need, member, problems)
      continue
    }
    const { isPartitioned, isListed } = await readListing(client, found.oid, need.model)
    if (isPartitioned && !found.viaRoot) problems.push(namesPartitions(name, need.model))
    if (!isListed) missing.push(need.model)
  }
  return { found, problems, missing }
}

/**
 * Checks a publication's name.
 *
 * Throws: CONFIG.INVALID_OPTIONS. Postgres cuts longer names silently, so that another publication could be meant.
 */
export function assertPublicationName(name: string): void {
  const bytes = Buffer.byteLength(name)
  if (bytes > 0 && bytes <= 63 && !/\0|\p{Surrogate}/u.test(name)) return
  throw new DbsyncError(
    'CONFIG.INVALID_OPTIONS',
    `${JSON.stringify(name)} cannot name a publication. Use 1 to 63 bytes of text without a NUL.`,
    { details: { publication: name } },
  )
}

/**
 * Makes sure that a publication carries every change of the tables that a sync reads, and returns its oid.
 *
 * A missing publication is created with these tables alone; one that exists is extended, never narrowed, and
 * only if the role owns it. Call it after preflight: a table without replica identity must not come here.
 * Throws: PUBLICATION.INCOMPLETE with the SQL that mends it, POSTGRES.PERMISSION.
 */
export async function ensurePublication(
  client: pg.ClientBase,
  name: string,
  needs: readonly TableNeed[],
  serverVersion: number,
): Promise<{ readonly oid: number; readonly isExtended: boolean }> {
  const { found, problems, missing } = await inspectPublication(client, name, needs, serverVersion)
  if (found === null) {
    try {
      await createPublication(client, name, needs)
    } catch (error) {
      // Another sync made it in the same moment: then it is there, and checked like any other.
      if (!isTaken(error)) throw error
      return ensurePublication(client, name, needs, serverVersion)
    }
    const created = await readPublication(client, name)
    if (created === null) throw new DbsyncError('INTERNAL.INVARIANT', 'a publication vanished as it was made')
    return { oid: created.oid, isExtended: false }
  }
  const [first] = problems
  if (first !== undefined) throw new DbsyncError(first.code, first.message, { details: first.details })
  if (missing.length === 0) return { oid: found.oid, isExtended: false }
  try {
    await addTables(client, name, found, missing)
  } catch (error) {
    if (!isTaken(error)) throw error
    return ensurePublication(client, name, needs, serverVersion)
  }
  return { oid: found.oid, isExtended: true }
}

/** The statement that creates a publication of these tables alone. */
export function createPublicationSql(name: string, models: readonly ModelContract[]): string {
  const tables = models.map(tableName).toSorted()
  return (
    `CREATE PUBLICATION ${quoteIdentifier(name)}${tables.length === 0 ? '' : ` FOR TABLE ${tables.join(', ')}`} ` +
    'WITH (publish_via_partition_root = true);'
  )
}

/** The statement that adds tables to a publication. */
export function addTablesSql(name: string, models: readonly ModelContract[]): string {
  return `ALTER PUBLICATION ${quoteIdentifier(name)} ADD TABLE ${models.map(tableName).join(', ')};`
}

function namesPartitions(name: string, model: ModelContract): Problem {
  const sql = `ALTER PUBLICATION ${quoteIdentifier(name)} SET (publish_via_partition_root = true);`
  return problem(
    'PUBLICATION.INCOMPLETE',
    `Publication "${name}" names the partitions of ${tableName(model)} instead of the table. Have its owner run: ${sql}`,
    { sql: [sql], details: { publication: name, table: model.table } },
  )
}

/** duplicate_object, unique_violation, or two at once on one catalog row. */
function isTaken(error: unknown): boolean {
  return isDbsyncError(error) && ['42710', '23505', 'XX000'].includes(String(error.details['sqlState']))
}

async function readPublication(client: pg.ClientBase, name: string): Promise<CatalogPublication | null> {
  const { rows } = await client.query<{
    oid: string
    owner: string
    is_owner: boolean
    publishes_all: boolean
    all_tables: boolean
    via_root: boolean
  }>(
    `SELECT oid::int8::text AS oid, pg_has_role(pubowner, 'USAGE') AS is_owner, puballtables AS all_tables,
            pubviaroot AS via_root, pg_get_userbyid(pubowner)::text AS owner,
            pubinsert AND pubupdate AND pubdelete AND pubtruncate AS publishes_all
     FROM pg_catalog.pg_publication WHERE pubname = $1`,
    [name],
  )
  const [row] = rows
  if (row === undefined) return null
  return {
    oid: Number(row.oid),
    owner: row.owner,
    isOwner: row.is_owner,
    publishesAll: row.publishes_all,
    allTables: row.all_tables,
    viaRoot: row.via_root,
  }
}

async function createPublication(
  client: pg.ClientBase,
  name: string,
  needs: readonly TableNeed[],
): Promise<void> {
  const sql = createPublicationSql(
    name,
    needs.map((need) => need.model),
  )
  try {
    await client.query(sql)
  } catch (error) {
    const coded = serverError(error, 'create the publication')
    if (coded.code !== 'POSTGRES.PERMISSION') throw coded
    throw new DbsyncError(
      'POSTGRES.PERMISSION',
      `The role may not create publication "${name}": that takes CREATE on the database and ownership of every table. ` +
        `Have an owner run: ${sql}`,
      { details: { publication: name, sql } },
    )
  }
}

async function addTables(
  client: pg.ClientBase,
  name: string,
  found: CatalogPublication,
  models: readonly ModelContract[],
): Promise<void> {
  const sql = addTablesSql(name, models)
  const incomplete = (): DbsyncError =>
    new DbsyncError(
      'PUBLICATION.INCOMPLETE',
      `Publication "${name}" lacks ${models.map(tableName).join(', ')}, and the role may not add to it. ` +
        `Have its owner run: ${sql}`,
      { details: { publication: name, sql } },
    )
  if (!found.isOwner) throw incomplete()
  try {
    await client.query(sql)
  } catch (error) {
    const coded = serverError(error, 'extend the publication')
    throw coded.code === 'POSTGRES.PERMISSION' ? incomplete() : coded
  }
}

function checkOptions(name: string, found: CatalogPublication, problems: Problem[]): void {
  if (found.publishesAll) return
  const sql = `ALTER PUBLICATION ${quoteIdentifier(name)} SET (publish = 'insert, update, delete, truncate');`
  problems.push(
    problem(
      'PUBLICATION.INCOMPLETE',
      `Publication "${name}" does not publish every operation. Have its owner run: ${sql}`,
      { sql: [sql], details: { publication: name } },
    ),
  )
}

/** Of a table that the publication does not show: it may be listed all the same, and shown by its partitions. */
async function readListing(
  client: pg.ClientBase,
  oid: number,
  model: ModelContract,
): Promise<{ readonly isPartitioned: boolean; readonly isListed: boolean }> {
  const { rows } = await client.query<{ is_partitioned: boolean; is_listed: boolean }>(
    `SELECT c.relkind = 'p' AS is_partitioned,
            EXISTS (SELECT FROM pg_catalog.pg_publication_rel r WHERE r.prpubid = $1 AND r.prrelid = c.oid) AS is_listed
     FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     WHERE n.nspname = $2 AND c.relname = $3`,
    [oid, model.schema, model.table],
  )
  const [row] = rows
  return { isPartitioned: row?.is_partitioned === true, isListed: row?.is_listed === true }
}

interface Member {
  readonly hasFilter: boolean
  /** Published column names, or null for all. */
  readonly columns: readonly string[] | null
}

async function readMember(
  client: pg.ClientBase,
  name: string,
  model: ModelContract,
  serverVersion: number,
): Promise<Member | null> {
  // Row filters and column lists came with 15.
  const extra =
    serverVersion >= 150_000
      ? 'rowfilter IS NOT NULL AS filtered, attnames::text[] AS columns'
      : 'false AS filtered, NULL::text[] AS columns'
  const { rows } = await client.query<{ filtered: boolean; columns: string[] | null }>(
    `SELECT ${extra} FROM pg_catalog.pg_publication_tables WHERE pubname = $1 AND schemaname = $2 AND tablename = $3`,
    [name, model.schema, model.table],
  )
  const [row] = rows
  return row === undefined ? null : { hasFilter: row.filtered, columns: row.columns }
}

function checkMember(name: string, need: TableNeed, member: Member, problems: Problem[]): void {
  const table = tableName(need.model)
  const publication = quoteIdentifier(name)
  const sql = [
    `ALTER PUBLICATION ${publication} DROP TABLE ${table};`,
    `ALTER PUBLICATION ${publication} ADD TABLE ${table};`,
  ]
  if (member.hasFilter) {
    problems.push(
      problem(
        'PUBLICATION.INCOMPLETE',
        `Publication "${name}" filters the rows of ${table}, so views would miss some. Remove its WHERE, or name a ` +
          'publication of its own in the option "publication".',
        { sql, details: { publication: name, table: need.model.table } },
      ),
    )
  }
  const { columns } = member
  if (columns === null) return
  const lacking = need.fields.filter((field) => {
    const column = need.model.columns.find((candidate) => candidate.field === field)?.column
    return column !== undefined && !columns.includes(column)
  })
  if (lacking.length === 0) return
  problems.push(
    problem(
      'PUBLICATION.INCOMPLETE',
      `Publication "${name}" leaves out ${lacking.map((field) => `${need.model.model}.${field}`).join(', ')}, which ` +
        'views or handlers use. Add the columns to its list, or name a publication of its own.',
      {
        // One of them mends both.
        sql: member.hasFilter ? [] : sql,
        details: { publication: name, table: need.model.table, fields: lacking },
      },
    ),
  )
}
