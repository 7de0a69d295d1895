import { DbsyncError } from '../../core/errors.ts'
import { parsePgTypeName } from '../../values/pg-type.ts'
import type { TypeIr } from '../../views/view-ir.ts'
import type { StoredView } from '../view-store.ts'
import { hasNullableKey, keyColumns, mayBeNull } from './nullable-key.ts'
import type { TableName, TableOptions } from './table-ddl.ts'

const MAX_NAME_BYTES = 63
const MAX_COLUMNS = 1600
const MAX_KEY_COLUMNS = 32
const NULLS_NOT_DISTINCT = 150_000

/** Postgres compares these by no operator, so that no index can hold them. */
const WITHOUT_EQUALITY: ReadonlySet<string> = new Set(['json', 'xml'])

/** Names that every table has already. */
const SYSTEM_COLUMNS: ReadonlySet<string> = new Set(['ctid', 'xmin', 'cmin', 'xmax', 'cmax', 'tableoid'])

/**
 * Checks that Postgres can hold a view in a table of that name, with those indexes.
 *
 * Throws: STORE.UNSUPPORTED if no table can hold the view; CONFIG.INVALID_OPTIONS for a name or an index that cannot be.
 */
export function checkTable(view: StoredView, name: TableName, options: TableOptions): void {
  checkName(view, 'schema', name.schema)
  checkName(view, 'table', name.table)
  checkView(view, options.serverVersion)
  options.indexes.forEach((names, index) => checkIndex(view, options.indexes, names, index))
}

function checkView(view: StoredView, serverVersion: number): void {
  const unsupported = (found: string, need: string): DbsyncError =>
    new DbsyncError(
      'STORE.UNSUPPORTED',
      `The view ${view.name} cannot be a derived table: found ${found}; ${need}.`,
      {
        details: { view: view.name },
      },
    )
  const hidden = view.key.length === 0 ? 1 : 0
  if (view.columns.length + hidden > MAX_COLUMNS) {
    throw unsupported(
      `${view.columns.length} outputs`,
      `a table has ${MAX_COLUMNS} columns at most. Select fewer`,
    )
  }
  const system = view.columns.find(({ name }) => SYSTEM_COLUMNS.has(name))
  if (system !== undefined) {
    throw unsupported(
      `an output "${system.name}"`,
      'every table has a column of that name already. Give it another name',
    )
  }
  if (view.key.length > MAX_KEY_COLUMNS) {
    throw unsupported(
      `a key of ${view.key.length} columns`,
      `an index has ${MAX_KEY_COLUMNS} at most. Group or tell apart by fewer, or select the keys of the view's tables`,
    )
  }
  const odd = keyColumns(view).find(({ type }) => !isComparable(type))
  if (odd !== undefined) {
    throw unsupported(
      `the key column "${odd.name}" of type ${odd.type.pgType}`,
      'a key needs a type with equality. Name other columns as `key`',
    )
  }
  if (serverVersion < NULLS_NOT_DISTINCT && hasNullableKey(view)) {
    const names = keyColumns(view).filter(({ type }) => mayBeNull(type))
    throw unsupported(
      `key columns that may be NULL (${names.map(({ name }) => name).join(', ')}) on PostgreSQL ${Math.floor(serverVersion / 10_000)}`,
      'such a key needs PostgreSQL 15. Replace NULL by a value with coalesce, or use a newer server',
    )
  }
}

function checkIndex(
  view: StoredView,
  indexes: TableOptions['indexes'],
  names: readonly string[],
  position: number,
): void {
  const invalid = (found: string): DbsyncError =>
    new DbsyncError(
      'CONFIG.INVALID_OPTIONS',
      `The derived table of ${view.name}: indexes.${position}: ${found}.`,
      {
        details: { view: view.name, index: position },
      },
    )
  const known = view.columns.map(({ name }) => name)
  if (names.length === 0 || names.length > MAX_KEY_COLUMNS) {
    throw invalid(`found ${names.length} columns; an index has 1 to ${MAX_KEY_COLUMNS}`)
  }
  for (const name of names) {
    const column = view.columns.find((item) => item.name === name)
    if (column === undefined) throw invalid(`the view has no output "${name}"; it has: ${known.join(', ')}`)
    if (!isComparable(column.type)) {
      throw invalid(`"${name}" is of type ${column.type.pgType}, which Postgres cannot compare; leave it out`)
    }
  }
  if (new Set(names).size < names.length) throw invalid('an output stands twice in it; name it once')
  if (indexes.findIndex((other) => JSON.stringify(other) === JSON.stringify(names)) < position) {
    throw invalid('the table has this index already; leave it out')
  }
}

function isComparable({ pgType, enum: isEnum }: TypeIr): boolean {
  return isEnum !== undefined || !WITHOUT_EQUALITY.has(parsePgTypeName(pgType).base)
}

function checkName(view: StoredView, what: 'schema' | 'table', name: string): void {
  const invalid = (found: string): DbsyncError =>
    new DbsyncError(
      'CONFIG.INVALID_OPTIONS',
      `The derived table of ${view.name}: its ${what}'s name ${found}.`,
      {
        details: { view: view.name },
      },
    )
  if (name === '' || name.includes('\0')) throw invalid('is empty or holds a NUL; give it another')
  if (Buffer.byteLength(name) > MAX_NAME_BYTES) {
    throw invalid(
      `has ${Buffer.byteLength(name)} bytes, and Postgres cuts it off after ${MAX_NAME_BYTES}; give a shorter one`,
    )
  }
  if (what === 'schema' && (name === 'dbsync' || name.startsWith('pg_') || name === 'information_schema')) {
    throw invalid(`is "${name}", which is not for tables of views; give it another`)
  }
}
