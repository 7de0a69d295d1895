import type { ColumnContract, ModelContract } from '../contract/schema-contract.ts'
import { quoteIdentifier } from '../core/quote.ts'
import { tableName } from '../postgres/table-name.ts'
import { parsePgTypeName } from '../values/pg-type.ts'

/** A column and the text of its value; null is NULL. */
export interface ColumnText {
  readonly column: ColumnContract
  readonly text: string | null
}

/** A statement with numbered parameters. */
export interface ParameterSql {
  readonly sql: string
  readonly values: readonly (string | null)[]
}

/** A parameter that is given to a column or compared with it, and takes its type from there. The text of money is a matter of the server's locale. */
function parameter(number: number, { pgType, list }: ColumnContract): string {
  if (pgType !== 'money') return `$${number}`
  return list ? `$${number}::numeric[]::money[]` : `$${number}::numeric::money`
}

/** Inserts one row. */
export function insertSql(model: ModelContract, row: readonly ColumnText[]): ParameterSql {
  const names = row.map(({ column }) => quoteIdentifier(column.column)).join(', ')
  const values = row.map(({ column }, index) => parameter(index + 1, column)).join(', ')
  return {
    sql: `INSERT INTO ${tableName(model)} (${names}) VALUES (${values})`,
    values: row.map(({ text }) => text),
  }
}

/** Changes the row of a key, or all rows. */
export function updateSql(
  model: ModelContract,
  set: readonly ColumnText[],
  key: readonly ColumnText[],
): ParameterSql {
  const assignments = equations(set, 1).join(', ')
  return {
    sql: `UPDATE ${tableName(model)} SET ${assignments}${whereSql(key, set.length + 1)}`,
    values: [...set, ...key].map(({ text }) => text),
  }
}

/** Deletes the row of a key, or all rows. */
export function deleteSql(model: ModelContract, key: readonly ColumnText[]): ParameterSql {
  return {
    sql: `DELETE FROM ${tableName(model)}${whereSql(key, 1)}`,
    values: key.map(({ text }) => text),
  }
}

/** Empties tables; also those that refer to them, of which the contract knows nothing, if `isCascading`. */
export function truncateSql(models: readonly ModelContract[], isCascading = false): string {
  return `TRUNCATE ${models.map(tableName).join(', ')}${isCascading ? ' CASCADE' : ''}`
}

/**
 * A text as a value of a column: cast to the type without its length and precision, so that one that does not fit is refused, and not cut as by a
 * cast.
 */
function castText(text: string, { pgType, list }: ColumnContract): string {
  const { base } = parsePgTypeName(pgType)
  const brackets = list ? '[]' : ''
  // The name alone means one of length 1.
  if (base === 'character') return `${text}::bpchar${brackets}`
  if (base === 'bit') return `${text}::varbit${brackets}`
  if (base === 'money') return `${text}::numeric${brackets}::money${brackets}`
  return `${text}::${base}${brackets}`
}

/** Inserts rows that are given by column, as one list of texts each. */
export function insertListsSql(model: ModelContract, columns: readonly ColumnContract[]): string {
  const names = columns.map(({ column }) => quoteIdentifier(column)).join(', ')
  const values = columns.map((column, index) => castText(`v${index}`, column)).join(', ')
  const lists = columns.map((_, index) => `$${index + 1}::text[]`).join(', ')
  const aliases = columns.map((_, index) => `v${index}`).join(', ')
  return `INSERT INTO ${tableName(model)} (${names}) SELECT ${values} FROM unnest(${lists}) AS given (${aliases})`
}

function whereSql(key: readonly ColumnText[], from: number): string {
  return key.length === 0 ? '' : ` WHERE ${equations(key, from).join(' AND ')}`
}

function equations(columns: readonly ColumnText[], from: number): string[] {
  return columns.map(
    ({ column }, index) => `${quoteIdentifier(column.column)} = ${parameter(from + index, column)}`,
  )
}
