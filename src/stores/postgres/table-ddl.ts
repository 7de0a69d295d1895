import { createHash } from 'node:crypto'
import { quoteIdentifier } from '../../core/quote.ts'
import { tableName } from '../../postgres/table-name.ts'
import type { TypeIr } from '../../views/view-ir.ts'
import type { StoredView } from '../view-store.ts'
import { checkTable } from './check-table.ts'
import { hasNullableKey, mayBeNull } from './nullable-key.ts'

/** A column of a derived table. */
export interface DerivedColumn {
  readonly name: string
  /** As DDL and casts take it, quoted where it must be. */
  readonly sqlType: string
  readonly notNull: boolean
}

/** Where a derived table stands; the names as they are, not quoted. */
export interface TableName {
  readonly schema: string
  readonly table: string
}

/** What the columns' types depend on. */
export interface ColumnOptions {
  /** By the contract's name of an enum: its type in the target database as SQL takes it. An enum that is not there is text. */
  readonly enumTypes: ReadonlyMap<string, string>
}

/** What a derived table is like beyond its columns. */
export interface TableOptions extends ColumnOptions {
  /** Lists of output names. */
  readonly indexes: readonly (readonly string[])[]
  /** As `server_version_num` has it: 150000. */
  readonly serverVersion: number
}

/** What the constraint and the indexes of a derived table are called; the indexes in the order of the options. */
export interface TableParts {
  /** The primary key, or the unique constraint of a key that may be NULL. */
  readonly constraint: string
  readonly indexes: readonly string[]
}

const MAX_NAME_BYTES = 63

/**
 * The columns of a view's derived table, one for each output in its order; the hidden column of a view of one row ({@link onlyColumn})
 * is not among them. A list may be NULL even where its type is not: Prisma shows that as an empty one.
 */
export function tableColumns(view: StoredView, options: ColumnOptions): readonly DerivedColumn[] {
  return view.columns.map(({ name, type }) => ({
    name,
    sqlType: sqlTypeOf(type, options.enumTypes),
    notNull: !mayBeNull(type),
  }))
}

/** The name of the hidden column that keeps the table of a view of one row to one row; null for any other view. */
export function onlyColumn({ key, columns }: StoredView): string | null {
  if (key.length > 0) return null
  let name = 'only'
  while (columns.some((column) => column.name === name)) name += '_'
  return name
}

/** The names of a table's constraint and indexes: of the table's name and the columns alone, each at most 63 bytes. */
export function tableParts(
  view: StoredView,
  { table }: Pick<TableName, 'table'>,
  indexes: readonly (readonly string[])[],
): TableParts {
  const suffix = hasNullableKey(view) ? 'key' : 'pkey'
  return {
    constraint: partName([table], suffix),
    indexes: indexes.map((names) => partName([table, ...names], 'idx')),
  }
}

/**
 * The statements that create a view's derived table in a schema that is there. The same view, name and options give the same text, so
 * its hash tells whether a table has the form that it should have.
 *
 * Throws: STORE.UNSUPPORTED if no table can hold the view; CONFIG.INVALID_OPTIONS for a name or an index that cannot be.
 */
export function createTable(view: StoredView, name: TableName, options: TableOptions): readonly string[] {
  checkTable(view, name, options)
  const parts = tableParts(view, name, options.indexes)
  const table = tableName(name)
  const columns = tableColumns(view, options).map(
    ({ name: column, sqlType, notNull }) =>
      `${quoteIdentifier(column)} ${sqlType}${notNull ? ' NOT NULL' : ''}`,
  )
  const lines = [...columns, ...keyLines(view, parts.constraint)].map((line) => `  ${line}`)
  return [
    `CREATE TABLE ${table} (\n${lines.join(',\n')}\n)`,
    ...options.indexes.map(
      (names, index) =>
        `CREATE INDEX ${quoteIdentifier(parts.indexes[index] ?? '')} ON ${table} (${list(names)})`,
    ),
  ]
}

function keyLines(view: StoredView, constraint: string): readonly string[] {
  const only = onlyColumn(view)
  const named = `CONSTRAINT ${quoteIdentifier(constraint)}`
  if (only !== null) {
    const column = quoteIdentifier(only)
    return [`${column} boolean NOT NULL DEFAULT true CHECK (${column})`, `${named} PRIMARY KEY (${column})`]
  }
  const kind = hasNullableKey(view) ? 'UNIQUE NULLS NOT DISTINCT' : 'PRIMARY KEY'
  return [`${named} ${kind} (${list(view.key)})`]
}

/** A type as DDL takes it. What `format_type` calls `character` and `bit` without a length would be of length 1 there. */
function sqlTypeOf(type: TypeIr, enumTypes: ReadonlyMap<string, string>): string {
  const { pgType, list: isList } = type
  const bare = pgType === 'character' ? 'bpchar' : pgType === 'bit' ? '"bit"' : pgType
  const element = type.enum === undefined ? bare : (enumTypes.get(type.enum) ?? 'text')
  return isList ? `${element}[]` : element
}

function list(names: readonly string[]): string {
  return names.map(quoteIdentifier).join(', ')
}

/** The hash keeps apart what reads alike: index (b_c) of table a, and (c) of table a_b. */
function partName(words: readonly string[], suffix: string): string {
  const hash = createHash('sha256').update(JSON.stringify(words)).digest('hex').slice(0, 8)
  const end = `_${hash}_${suffix}`
  const start = Buffer.from(words.join('_')).subarray(0, MAX_NAME_BYTES - Buffer.byteLength(end))
  // `stream` leaves out a character that the cut took apart.
  return new TextDecoder().decode(start, { stream: true }) + end
}
