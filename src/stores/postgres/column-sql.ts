import { quoteIdentifier } from '../../core/quote.ts'
import { keyMatch, looseType, names, numbered, parameterRows, type WrittenColumn } from './row-sql.ts'

/** A table of somebody else's, some of whose columns are written. */
export interface ColumnsTable {
  /** Qualified and quoted. */
  readonly name: string
  readonly key: readonly WrittenColumn[]
  readonly values: readonly WrittenColumn[]
}

/** Rows that come in statements have numbered columns: the key's, then the values'. */
const allOf = ({ key, values }: ColumnsTable): readonly WrittenColumn[] => [...key, ...values]

const matchOf = (table: ColumnsTable): string => {
  const columns = { name: table.name, columns: table.key, key: [...table.key.keys()] }
  return keyMatch(columns, [], columns.key)
}

/** As the column stores it, so that equal values look alike; but for types of which a cast would cut a value to size. */
function storedType(sqlType: string): string {
  return /^(?:character|bit)\b/.test(sqlType) ? looseType(sqlType) : sqlType
}

/**
 * Writes values into the rows whose keys the query `rows` has, if any of them differs. Each row is locked in the order of the
 * keys, as the application should lock several.
 */
function writeSql(table: ColumnsTable, rows: string, values: readonly string[]): string {
  const match = matchOf(table)
  const differs = `ROW(${names(table.values, 't.')})::record OPERATOR(pg_catalog.*<>) ROW(${values.join(', ')})::record`
  const assignments = table.values
    .map(({ name }, at) => `${quoteIdentifier(name)} = ${values[at] ?? 'NULL'}`)
    .join(', ')
  return `WITH r AS MATERIALIZED (${rows}),
      v AS MATERIALIZED (SELECT v.* FROM r AS v JOIN ${table.name} AS t ON ${match} WHERE ${differs}
                         ORDER BY ${names(table.key, 't.')} FOR NO KEY UPDATE OF t)
    UPDATE ${table.name} AS t SET ${assignments} FROM v WHERE ${match}`
}

function valuesOf({ key, values }: ColumnsTable): readonly string[] {
  return values.map(({ sqlType }, at) => `v.c${key.length + at}::${storedType(sqlType)}`)
}

/** The defaults, in text parameters from that number on. */
function defaultsOf({ values }: ColumnsTable, first: number): readonly string[] {
  return values.map(({ sqlType }, at) => `$${first + at}::text::${storedType(sqlType)}`)
}

/** Writes rows, one array parameter a column: those of the key, then the values. */
export function updateSql(table: ColumnsTable): string {
  return writeSql(table, parameterRows(allOf(table)), valuesOf(table))
}

/** Writes the defaults into rows, one array parameter a column of the key; then the defaults, a text parameter each. */
export function resetSql(table: ColumnsTable): string {
  return writeSql(table, parameterRows(table.key), defaultsOf(table, table.key.length + 1))
}

/** Makes the table in which rows are gathered until the transaction ends, so that those of the other are not locked meanwhile. */
export function createGatherSql(table: ColumnsTable, gathered: string): string {
  const columns = allOf(table).map(({ sqlType }, at) => `c${at} ${looseType(sqlType)}`)
  return `CREATE TEMPORARY TABLE ${gathered} (${columns.join(', ')}, UNIQUE (${numbered(table.key.keys())})) ON COMMIT DROP`
}

/** Gathers rows, parameters as of {@link updateSql}; a later one of a key counts. */
export function gatherSql(table: ColumnsTable, gathered: string): string {
  const all = allOf(table)
  const changes = all.map((_, at) => `c${at} = excluded.c${at}`)
  return `INSERT INTO ${gathered} ${parameterRows(all)} ON CONFLICT (${numbered(table.key.keys())}) DO UPDATE SET ${changes.join(', ')}`
}

/** Takes rows out of those that were gathered, one array parameter a column of the key. */
export function ungatherSql(table: ColumnsTable, gathered: string): string {
  const match = table.key.map((_, at) => `t.c${at} = v.c${at}`)
  return `WITH v AS (${parameterRows(table.key)}) DELETE FROM ${gathered} AS t USING v WHERE ${match.join(' AND ')}`
}

/** Writes what was gathered. */
export function updateGatheredSql(table: ColumnsTable, gathered: string): string {
  return writeSql(table, `SELECT * FROM ${gathered}`, valuesOf(table))
}

/** Writes the defaults, a text parameter each, into all rows of which nothing was gathered. */
export function resetOthersSql(table: ColumnsTable, gathered: string): string {
  const keys = table.key.map(({ name }, at) => `t.${quoteIdentifier(name)} AS c${at}`)
  const match = table.key.map(({ name }, at) => `t.${quoteIdentifier(name)} = g.c${at}`)
  const rows = `SELECT ${keys.join(', ')} FROM ${table.name} AS t
                WHERE NOT EXISTS (SELECT FROM ${gathered} AS g WHERE ${match.join(' AND ')})`
  return writeSql(table, rows, defaultsOf(table, 1))
}
