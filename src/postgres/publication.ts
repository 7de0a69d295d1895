import type pg from 'pg'
import { DbsyncError, isDbsyncError } from '../core/errors.ts'
import { quoteIdentifier } from '../core/quote.ts'
import type { ModelContract } from '../contract/schema-contract.ts'
import { tableName, type Finding, type TableNeed } from './preflight.ts'
import { serverError } from './server-error.ts'

/** A publication as the catalog has it. */
interface CatalogPublication {
  readonly oid: number
  readonly isOwner: boolean
  readonly publishesAll: boolean
  readonly allTables: boolean
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
  const found = await readPublication(client, name)
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
  const problems: Finding[] = []
  checkOptions(name, found, problems)
  const missing: ModelContract[] = []
  for (const need of needs) {
    const member = await readMember(client, name, need.model, serverVersion)
    if (member === null) missing.push(need.model)
    else checkMember(name, need, member, problems)
  }
  const [problem] = problems
  if (problem !== undefined) {
    throw new DbsyncError(problem.code, problem.message, { details: problem.details })
  }
  if (missing.length === 0) return { oid: found.oid, isExtended: false }
  try {
    await addTables(client, name, found, missing)
  } catch (error) {
    if (!isTaken(error)) throw error
    return ensurePublication(client, name, needs, serverVersion)
  }
  for (const model of missing) {
    if ((await readMember(client, name, model, serverVersion)) !== null) continue
    // It is partitioned, and the publication names its partitions instead.
    throw new DbsyncError(
      'PUBLICATION.INCOMPLETE',
      `Publication "${name}" names the partitions of ${tableName(model)} instead of the table. Have its owner run: ` +
        `ALTER PUBLICATION ${quoteIdentifier(name)} SET (publish_via_partition_root = true);`,
      { details: { publication: name, table: model.table } },
    )
  }
  return { oid: found.oid, isExtended: true }
}

/** duplicate_object, unique_violation, or two at once on one catalog row. */
function isTaken(error: unknown): boolean {
  return isDbsyncError(error) && ['42710', '23505', 'XX000'].includes(String(error.details['sqlState']))
}

async function readPublication(client: pg.ClientBase, name: string): Promise<CatalogPublication | null> {
  const { rows } = await client.query<{
    oid: string
    is_owner: boolean
    publishes_all: boolean
    all_tables: boolean
  }>(
    `SELECT oid::int8::text AS oid, pg_has_role(pubowner, 'USAGE') AS is_owner, puballtables AS all_tables,
            pubinsert AND pubupdate AND pubdelete AND pubtruncate AS publishes_all
     FROM pg_catalog.pg_publication WHERE pubname = $1`,
    [name],
  )
  const [row] = rows
  if (row === undefined) return null
  return {
    oid: Number(row.oid),
    isOwner: row.is_owner,
    publishesAll: row.publishes_all,
    allTables: row.all_tables,
  }
}

async function createPublication(
  client: pg.ClientBase,
  name: string,
  needs: readonly TableNeed[],
): Promise<void> {
  const tables = needs.map((need) => tableName(need.model)).toSorted()
  const sql =
    `CREATE PUBLICATION ${quoteIdentifier(name)}${tables.length === 0 ? '' : ` FOR TABLE ${tables.join(', ')}`} ` +
    'WITH (publish_via_partition_root = true)'
  try {
    await client.query(sql)
  } catch (error) {
    const coded = serverError(error, 'create the publication')
    if (coded.code !== 'POSTGRES.PERMISSION') throw coded
    throw new DbsyncError(
      'POSTGRES.PERMISSION',
      `The role may not create publication "${name}": that takes CREATE on the database and ownership of every table. ` +
        `Have an owner run: ${sql};`,
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
  const sql = `ALTER PUBLICATION ${quoteIdentifier(name)} ADD TABLE ${models.map(tableName).join(', ')}`
  const incomplete = (): DbsyncError =>
    new DbsyncError(
      'PUBLICATION.INCOMPLETE',
      `Publication "${name}" lacks ${models.map(tableName).join(', ')}, and the role may not add to it. ` +
        `Have its owner run: ${sql};`,
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

function checkOptions(name: string, found: CatalogPublication, problems: Finding[]): void {
  if (!found.publishesAll) {
    problems.push({
      code: 'PUBLICATION.INCOMPLETE',
      message:
        `Publication "${name}" does not publish every operation. Have its owner run: ` +
        `ALTER PUBLICATION ${quoteIdentifier(name)} SET (publish = 'insert, update, delete, truncate');`,
      details: { publication: name },
    })
  }
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

function checkMember(name: string, need: TableNeed, member: Member, problems: Finding[]): void {
  const table = tableName(need.model)
  if (member.hasFilter) {
    problems.push({
      code: 'PUBLICATION.INCOMPLETE',
      message:
        `Publication "${name}" filters the rows of ${table}, so views would miss some. Remove its WHERE, or name a ` +
        'publication of its own in the option "publication".',
      details: { publication: name, table: need.model.table },
    })
  }
  const { columns } = member
  if (columns === null) return
  const lacking = need.fields.filter((field) => {
    const column = need.model.columns.find((candidate) => candidate.field === field)?.column
    return column !== undefined && !columns.includes(column)
  })
  if (lacking.length > 0) {
    problems.push({
      code: 'PUBLICATION.INCOMPLETE',
      message:
        `Publication "${name}" leaves out ${lacking.map((field) => `${need.model.model}.${field}`).join(', ')}, which ` +
        'views or handlers use. Add the columns to its list, or name a publication of its own.',
      details: { publication: name, table: need.model.table, fields: lacking },
    })
  }
}
