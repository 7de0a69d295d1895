import type { ColumnContract, RelationContract, SchemaContract } from '../../src/contract/schema-contract.ts'
import { quoteIdentifier as quote, quoteLiteral } from '../../src/core/quote.ts'
import { tableName } from '../../src/postgres/table-name.ts'

/** What a foreign key does when the row that it points to goes or moves. */
export type OnParent = 'CASCADE' | 'RESTRICT' | 'SET NULL'

/** Statements that make the tables of a contract, with all the constraints that it tells of. */
export function contractTables(
  { enums, models }: SchemaContract,
  onParent: (relation: RelationContract, isNullable: boolean) => OnParent = (_, isNullable) =>
    isNullable ? 'SET NULL' : 'CASCADE',
): string {
  const list = (fields: readonly string[], columns: readonly ColumnContract[]): string =>
    `(${fields.map((field) => quote(columns.find((column) => column.field === field)?.column ?? '')).join(', ')})`
  const types = enums.flatMap(({ name, values }) => {
    const column = models.flatMap(({ columns }) => columns).find((one) => one.enum === name)
    const labels = values.map(({ label }) => quoteLiteral(label)).join(', ')
    return column === undefined ? [] : [`CREATE TYPE ${column.pgType} AS ENUM (${labels})`]
  })
  const tables = models.map((model) => {
    const columns = model.columns.map(
      ({ column, pgType, list: isList, nullable }) =>
        `${quote(column)} ${pgType}${isList ? '[]' : ''}${nullable || isList ? '' : ' NOT NULL'}`,
    )
    const uniques = (model.uniques ?? []).map((fields) => `UNIQUE ${list(fields, model.columns)}`)
    const key = `${model.keyIsPrimary ? 'PRIMARY KEY' : 'UNIQUE'} ${list(model.key, model.columns)}`
    return `CREATE TABLE ${tableName(model)} (${[...columns, key, ...uniques].join(', ')})`
  })
  const references = models.flatMap((model) =>
    model.relations.map((relation) => {
      const target = models.find((other) => other.model === relation.model)
      if (target === undefined) throw new Error(`no model ${relation.model}`)
      const isNullable = relation.fields.every((field) =>
        model.columns.some((column) => column.field === field && column.nullable),
      )
      return (
        `ALTER TABLE ${tableName(model)} ADD FOREIGN KEY ${list(relation.fields, model.columns)} ` +
        `REFERENCES ${tableName(target)} ${list(relation.references, target.columns)} ` +
        `ON DELETE ${onParent(relation, isNullable)} ON UPDATE CASCADE`
      )
    }),
  )
  const schemas = [...new Set(models.map(({ schema }) => schema))].map(
    (schema) => `CREATE SCHEMA IF NOT EXISTS ${quote(schema)}`,
  )
  return [...schemas, 'CREATE EXTENSION IF NOT EXISTS citext', ...types, ...tables, ...references].join(';\n')
}
