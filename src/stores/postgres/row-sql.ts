import { quoteIdentifier } from '../../core/quote.ts'

/** A column of a table that rows are written to. */
export interface WrittenColumn {
  readonly name: string
  /** As DDL takes it. */
  readonly sqlType: string
}

/** A table as rows are written to it. */
export interface WrittenTable {
  /** Qualified and quoted. */
  readonly name: string
  readonly columns: readonly WrittenColumn[]
  /** Positions of the key's columns, in the key's order. */
  readonly key: readonly number[]
}

/** Which columns of a key are NULL in the rows of a statement, in the key's order: an index finds NULLs by IS NULL alone. */
export type NullPattern = readonly boolean[]

/** Array parameters have the elements' type, but for lists: an array of lists has another meaning. */
const isList = (sqlType: string): boolean => sqlType.endsWith('[]')

/**
 * The type without its length or precision, so that a cast cannot cut a value to size silently: storing it decides. `character` and
 * `bit` have one of 1 by default.
 */
export function looseType(sqlType: string): string {
  if (sqlType.includes('"') || isList(sqlType)) return sqlType
  if (sqlType.startsWith('interval')) return 'interval'
  const bare = sqlType.replace(/\(\s*-?\d+(?:\s*,\s*-?\d+)?\s*\)/, '')
  if (bare === 'character') return 'bpchar'
  return bare === 'bit' ? 'bit varying' : bare
}

const list = (parts: readonly string[], separator = ', '): string => parts.join(separator)

const typeOf = (table: WrittenTable, position: number): string => table.columns[position]?.sqlType ?? 'text'
const nameOf = (table: WrittenTable, position: number): string =>
  quoteIdentifier(table.columns[position]?.name ?? '')

/** `SELECT` of the rows in array parameters, one a column, as columns c0, c1 and so on, of the columns' types. */
function rowsOf(types: readonly string[]): string {
  const parameters = types.map((type, at) => `$${at + 1}::${isList(type) ? 'text' : looseType(type)}[]`)
  const columns = types.map((type, at) => (isList(type) ? `c${at}::${type} AS c${at}` : `c${at}`))
  return `SELECT ${list(columns)} FROM unnest(${list(parameters)}) AS u (${list(types.map((_, at) => `c${at}`))})`
}

/** The condition that finds the row `t` of a key whose columns are c0, c1 and so on, or where `columns` says. */
function keyMatch(table: WrittenTable, nulls: NullPattern, columns: readonly number[]): string {
  const conditions = table.key.map((position, at) =>
    nulls[at] === true
      ? `t.${nameOf(table, position)} IS NULL`
      : `t.${nameOf(table, position)} = v.c${columns[at] ?? at}`,
  )
  return conditions.join(' AND ')
}

/**
 * Writes rows, one array parameter a column: those that are there change if anything of them differs, to the last digit of a
 * numeric and the last blank of a JSON. In the order of their keys, so that two writers wait for each other and no more.
 *
 * `seen`: a table that notes the keys, so that what was not written can be found; rows that are as they should be are then left
 * alone altogether, without so much as a lock.
 */
export function upsertSql(table: WrittenTable, nulls: NullPattern, seen: string | null): string {
  const types = table.columns.map(({ sqlType }) => sqlType)
  const names = table.columns.map(({ name }) => quoteIdentifier(name))
  const values = list(names.map((_, at) => `v.c${at}`))
  const keys = table.key.map((position) => nameOf(table, position))
  const notes =
    seen === null
      ? ''
      : `, noted AS (INSERT INTO ${seen} SELECT ${list(table.key.map((position) => `v.c${position}`))} FROM v ON CONFLICT DO NOTHING)`
  const isNew =
    seen === null
      ? ''
      : ` WHERE NOT EXISTS (SELECT FROM ${table.name} AS t WHERE ${keyMatch(table, nulls, table.key)}` +
        ` AND ROW(${list(names.map((name) => `t.${name}`))})::record OPERATOR(pg_catalog.*=) ROW(${values})::record)`
  return (
    `WITH v AS (${rowsOf(types)})${notes} INSERT INTO ${table.name} AS t (${list(names)})` +
    ` SELECT ${values} FROM v${isNew} ORDER BY ${list(table.key.map((position) => `v.c${position}`))}` +
    ` ON CONFLICT (${list(keys)}) DO UPDATE SET ${list(names.map((name) => `${name} = excluded.${name}`))}` +
    ' WHERE t.* OPERATOR(pg_catalog.*<>) excluded.*'
  )
}

/** Deletes rows by their keys, one array parameter a column of the key; `from` has the key's columns under the names of the table. */
export function deleteSql(table: WrittenTable, nulls: NullPattern, from = table.name): string {
  const types = table.key.map((position) => typeOf(table, position))
  return `WITH v AS (${rowsOf(types)}) DELETE FROM ${from} AS t USING v WHERE ${keyMatch(
    table,
    nulls,
    types.map((_, at) => at),
  )}`
}

/** Makes the table that notes keys until the transaction ends. */
export function createSeenSql(table: WrittenTable, seen: string, hasNulls: boolean): string {
  const keys = table.key.map((position) => `${nameOf(table, position)} ${typeOf(table, position)}`)
  const names = list(table.key.map((position) => nameOf(table, position)))
  const unique = hasNulls ? 'UNIQUE NULLS NOT DISTINCT' : 'UNIQUE'
  return `CREATE TEMPORARY TABLE ${seen} (${list(keys)}, ${unique} (${names})) ON COMMIT DROP`
}

/** Deletes the rows whose keys were not noted. Comparing rows, Postgres takes NULLs for equal and can still hash or sort them. */
export function deleteUnseenSql(table: WrittenTable, seen: string, hasNulls: boolean): string {
  const names = table.key.map((position) => nameOf(table, position))
  const row = (alias: string): string => `ROW(${list(names.map((name) => `${alias}.${name}`))})::record`
  const matches = hasNulls
    ? `${row('s')} = ${row('t')}`
    : list(
        names.map((name) => `s.${name} = t.${name}`),
        ' AND ',
      )
  return `DELETE FROM ${table.name} AS t WHERE NOT EXISTS (SELECT FROM ${seen} AS s WHERE ${matches})`
}
