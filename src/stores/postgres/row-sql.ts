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

/** Some columns of a table, in the order of the positions. */
export function pick(table: WrittenTable, positions: readonly number[]): readonly WrittenColumn[] {
  return positions.flatMap((position) => table.columns[position] ?? [])
}

/** Quoted names, each after a prefix and before a suffix of SQL. */
export function names(columns: readonly WrittenColumn[], prefix = '', joint = ', '): string {
  return columns.map(({ name }) => prefix + quoteIdentifier(name)).join(joint)
}

/** The columns of the rows in the parameters: c0, c1 and so on. */
export function numbered(positions: Iterable<number>, prefix = ''): string {
  return Array.from(positions, (position) => `${prefix}c${position}`).join(', ')
}

/** The query of the rows in array parameters, one a column, as columns c0, c1 and so on, of the columns' types. */
export function parameterRows(columns: readonly WrittenColumn[]): string {
  const places = columns.map((_, place) => place)
  const parameters = columns
    .map(({ sqlType }, place) => `$${place + 1}::${isList(sqlType) ? 'text' : looseType(sqlType)}[]`)
    .join(', ')
  const values = columns
    .map(({ sqlType }, place) => (isList(sqlType) ? `c${place}::${sqlType} AS c${place}` : `c${place}`))
    .join(', ')
  return `SELECT ${values} FROM unnest(${parameters}) AS u (${numbered(places)})`
}

/** The condition under which a row `t` of the table has the key of the row `v`, whose columns are `places`. */
export function keyMatch(table: WrittenTable, nulls: NullPattern, places: readonly number[]): string {
  return pick(table, table.key)
    .map(({ name }, at) =>
      nulls[at] === true
        ? `t.${quoteIdentifier(name)} IS NULL`
        : `t.${quoteIdentifier(name)} = v.c${places[at] ?? at}`,
    )
    .join(' AND ')
}

/**
 * Writes rows, one array parameter a column: those that are there change if anything of them differs, to the last digit of a
 * numeric and the last blank of a JSON. In the order of their keys, so that two writers wait for each other and no more.
 *
 * `seen`: a table that notes the keys, so that what was not written can be found; rows that are as they should be are then left
 * alone altogether, without so much as a lock.
 */
export function upsertSql(table: WrittenTable, nulls: NullPattern, seen: string | null): string {
  const { columns, key, name } = table
  const rows = parameterRows(columns)
  const all = names(columns)
  const values = numbered(columns.keys(), 'v.')
  const keyValues = numbered(key, 'v.')
  const assignments = columns
    .map((column) => quoteIdentifier(column.name))
    .map((column) => `${column} = excluded.${column}`)
    .join(', ')
  const noting =
    seen === null ? '' : `, noted AS (INSERT INTO ${seen} SELECT ${keyValues} FROM v ON CONFLICT DO NOTHING)`
  const isNew =
    seen === null
      ? ''
      : `WHERE NOT EXISTS (SELECT FROM ${name} AS t WHERE ${keyMatch(table, nulls, key)}
                           AND ROW(${names(columns, 't.')})::record OPERATOR(pg_catalog.*=) ROW(${values})::record)`
  return `WITH v AS (${rows}) ${noting}
    INSERT INTO ${name} AS t (${all}) SELECT ${values} FROM v ${isNew} ORDER BY ${keyValues}
    ON CONFLICT (${names(pick(table, key))}) DO UPDATE SET ${assignments} WHERE t.* OPERATOR(pg_catalog.*<>) excluded.*`
}

/** Deletes rows by their keys, one array parameter a column of the key. */
export function deleteSql(table: WrittenTable, nulls: NullPattern): string {
  const rows = parameterRows(pick(table, table.key))
  const places = table.key.map((_, place) => place)
  return `WITH v AS (${rows}) DELETE FROM ${table.name} AS t USING v WHERE ${keyMatch(table, nulls, places)}`
}

/** Makes the table that notes keys until the transaction ends. */
export function createSeenSql(table: WrittenTable, seen: string, hasNulls: boolean): string {
  const key = pick(table, table.key)
  const columns = key.map(({ name, sqlType }) => `${quoteIdentifier(name)} ${sqlType}`).join(', ')
  const unique = hasNulls ? 'UNIQUE NULLS NOT DISTINCT' : 'UNIQUE'
  return `CREATE TEMPORARY TABLE ${seen} (${columns}, ${unique} (${names(key)})) ON COMMIT DROP`
}

/** Deletes the rows whose keys were not noted. Comparing rows, Postgres takes NULLs for equal and can still hash or sort them. */
export function deleteUnseenSql(table: WrittenTable, seen: string, hasNulls: boolean): string {
  const key = pick(table, table.key)
  const matches = hasNulls
    ? `ROW(${names(key, 's.')})::record = ROW(${names(key, 't.')})::record`
    : key
        .map(({ name }) => quoteIdentifier(name))
        .map((name) => `s.${name} = t.${name}`)
        .join(' AND ')
  return `DELETE FROM ${table.name} AS t WHERE NOT EXISTS (SELECT FROM ${seen} AS s WHERE ${matches})`
}
