import { createHash } from 'node:crypto'
import { DbsyncError, isDbsyncError } from '../../core/errors.ts'
import { quoteIdentifier } from '../../core/quote.ts'
import { tableName } from '../../postgres/table-name.ts'
import type { TableKey } from './checkpoint.ts'
import type { StoreSession } from './store-session.ts'

/** How often the lock for a swap is asked for; each time readers that come later wait for a second at most. */
const LOCK_ATTEMPTS = 120

/** Where a table is filled that is to take another's place: beside it, under a name that nobody else has. */
export function replacementOf({ schema, table }: TableKey): TableKey {
  return { schema, table: `dbsync_next_${createHash('sha256').update(table).digest('hex').slice(0, 16)}` }
}

/**
 * Makes sure that a table can be dropped for another, and that nothing is lost with it that cannot be carried over.
 *
 * Throws: STORE.UNSUPPORTED with what depends on it, and what guards it.
 */
export async function assertReplaceable(session: StoreSession, key: TableKey, oid: string): Promise<void> {
  const { rows } = await session.run(
    { doing: 'look for what depends on a derived table' },
    `SELECT pg_catalog.pg_describe_object(classid, objid, objsubid) FROM pg_catalog.pg_depend
     WHERE refclassid = 'pg_catalog.pg_class'::regclass AND refobjid = $1 AND deptype = 'n'
     UNION SELECT 'trigger ' || quote_ident(tgname) FROM pg_catalog.pg_trigger WHERE tgrelid = $1 AND NOT tgisinternal
     UNION SELECT 'row-level security' FROM pg_catalog.pg_class
       WHERE oid = $1 AND (relrowsecurity OR EXISTS (SELECT FROM pg_catalog.pg_policy WHERE polrelid = $1))
     UNION SELECT 'publication ' || quote_ident(p.pubname)
       FROM pg_catalog.pg_publication_rel r JOIN pg_catalog.pg_publication p ON p.oid = r.prpubid WHERE r.prrelid = $1
     ORDER BY 1`,
    [oid],
  )
  if (rows.length === 0) return
  const objects = rows.map(([object]) => object ?? '')
  throw new DbsyncError(
    'STORE.UNSUPPORTED',
    `Table ${tableName(key)} must be made anew, since the definition of its view has changed, and there is more about it than DBSync ` +
      `can carry over: ${objects.join(', ')}. Drop these, start, and create them again; or give the new definition a table of another name.`,
    { details: { table: tableName(key), objects } },
  )
}

/**
 * Puts one table in the place of another: its name, the names of its constraints and indexes, its owner and its GRANTs. Inside a
 * transaction; readers of the old one are waited for, and those that come later see the new one.
 *
 * `statements` make an empty table of the old one's name, from which the names are learned.
 * Throws: STORE.UNAVAILABLE where readers do not end.
 */
export async function swapTables(
  session: StoreSession,
  view: string,
  { from, to, statements }: { from: TableKey; to: TableKey; statements: readonly string[] },
): Promise<void> {
  const context = { doing: 'put a new derived table in the place of the former one', view }
  await lockForSwap(session, view, to)
  await copyRights(session, view, to, from)
  await session.run(context, `DROP TABLE ${tableName(to)}`)
  await session.runAll(context, statements)
  const wanted = await readParts(session, to)
  await session.run(context, `DROP TABLE ${tableName(to)}`)
  const found = await readParts(session, from)
  const renames = found.flatMap(({ kind, name }, at) => {
    const other = wanted[at]
    if (other === undefined || other.name === name) return []
    const [old, next] = [quoteIdentifier(name), quoteIdentifier(other.name)]
    return [
      kind === 'index'
        ? `ALTER INDEX ${quoteIdentifier(from.schema)}.${old} RENAME TO ${next}`
        : `ALTER TABLE ${tableName(from)} RENAME CONSTRAINT ${old} TO ${next}`,
    ]
  })
  await session.runAll(context, [
    ...renames,
    `ALTER TABLE ${tableName(from)} RENAME TO ${quoteIdentifier(to.table)}`,
  ])
}

/** Readers that hold the old table are waited for in short turns, so that others can go on in between. */
async function lockForSwap(session: StoreSession, view: string, table: TableKey): Promise<void> {
  const context = { doing: 'lock a derived table that is to be replaced', view }
  await session.runAll(context, ['SAVEPOINT swap', "SET LOCAL lock_timeout = '1s'"])
  for (let attempt = 1; ; attempt += 1) {
    try {
      await session.run(context, `LOCK TABLE ${tableName(table)} IN ACCESS EXCLUSIVE MODE`)
      break
    } catch (error) {
      const isBusy = isDbsyncError(error) && error.details['sqlState'] === '55P03'
      if (!isBusy || attempt === LOCK_ATTEMPTS) throw error
      await session.runAll(context, [
        'ROLLBACK TO SAVEPOINT swap',
        'SELECT pg_sleep(0.5)',
        "SET LOCAL lock_timeout = '1s'",
      ])
    }
  }
  await session.runAll(context, ['RELEASE SAVEPOINT swap', "SET LOCAL lock_timeout = '10s'"])
}

/** Constraints and other indexes in the order in which they were made. */
async function readParts(
  session: StoreSession,
  key: TableKey,
): Promise<readonly { readonly kind: 'index' | 'constraint'; readonly name: string }[]> {
  const { rows } = await session.run(
    { doing: 'read the names of constraints and indexes' },
    `SELECT 'constraint', k.conname::text, k.oid FROM pg_catalog.pg_constraint k WHERE k.conrelid = $1::regclass
     UNION ALL
     SELECT 'index', c.relname::text, c.oid FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
     WHERE i.indrelid = $1::regclass AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint WHERE conindid = i.indexrelid)
     ORDER BY 1, 3`,
    [tableName(key)],
  )
  return rows.map(([kind, name]) => ({ kind: kind === 'index' ? 'index' : 'constraint', name: name ?? '' }))
}

/** Gives a table the rights that others have on another, of the table and of its columns, and its owner; and no rights else. */
async function copyRights(session: StoreSession, view: string, from: TableKey, to: TableKey): Promise<void> {
  const context = { doing: 'give a new derived table the rights of the former one', view }
  const { rows } = await session.run(
    context,
    `WITH names AS (SELECT $1::regclass AS old, $2::regclass AS new, quote_ident($3) || '.' || quote_ident($4) AS target)
     SELECT format('REVOKE ALL ON TABLE %s FROM %s', target, CASE grantee WHEN 0 THEN 'PUBLIC' ELSE grantee::regrole::text END), 1
     FROM names, pg_catalog.pg_class c, aclexplode(c.relacl) WHERE c.oid = new AND grantee <> c.relowner
     UNION
     SELECT format('GRANT %s ON TABLE %s TO %s%s', privilege_type, target,
                   CASE grantee WHEN 0 THEN 'PUBLIC' ELSE grantee::regrole::text END,
                   CASE WHEN is_grantable THEN ' WITH GRANT OPTION' ELSE '' END), 2
     FROM names, pg_catalog.pg_class c, aclexplode(c.relacl) WHERE c.oid = old AND grantee <> c.relowner
     UNION
     SELECT format('GRANT %s (%I) ON TABLE %s TO %s%s', privilege_type, a.attname, target,
                   CASE grantee WHEN 0 THEN 'PUBLIC' ELSE grantee::regrole::text END,
                   CASE WHEN is_grantable THEN ' WITH GRANT OPTION' ELSE '' END), 2
     FROM names, pg_catalog.pg_attribute a, aclexplode(a.attacl)
     WHERE a.attrelid = old AND NOT a.attisdropped
       AND EXISTS (SELECT FROM pg_catalog.pg_attribute n WHERE n.attrelid = new AND n.attname = a.attname AND NOT n.attisdropped)
     UNION
     SELECT format('ALTER TABLE %s OWNER TO %s', target, o.relowner::regrole), 3
     FROM names, pg_catalog.pg_class o, pg_catalog.pg_class n WHERE o.oid = old AND n.oid = new AND o.relowner <> n.relowner
     ORDER BY 2, 1`,
    [tableName(from), tableName(to), to.schema, to.table],
  )
  const statements = rows.map(([statement]) => statement ?? '')
  if (statements.length > 0) await session.runAll(context, statements)
}
