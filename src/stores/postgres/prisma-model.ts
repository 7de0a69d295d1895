import type { StoredColumn, StoredView } from '../view-store.ts'
import { checkTable } from './check-table.ts'
import { hasNullableKey, keyColumns } from './nullable-key.ts'
import { fieldNamesOf, modelNameOf } from './prisma-names.ts'
import { prismaTypeOf } from './prisma-type.ts'
import { onlyColumn, tableParts, type TableName, type TableOptions } from './table-ddl.ts'

/** What a model is like beyond its table. */
export interface PrismaOptions extends TableOptions {
  /** Names that models and enums of the schema have already. */
  readonly taken: ReadonlySet<string>
}

/** A model of a Prisma schema. */
export interface PrismaModel {
  readonly name: string
  /** The whole block, as `prisma format` would leave it. */
  readonly text: string
}

/**
 * The Prisma model that fits a view's derived table, so that Prisma Client reads it. Where Prisma cannot express the key, the model has
 * `@@ignore` and says why.
 *
 * Throws: as `createTable`.
 */
export function prismaModel(view: StoredView, name: TableName, options: PrismaOptions): PrismaModel {
  checkTable(view, name, options)
  const only = onlyColumn(view)
  const columns = view.columns.map((column) => column.name)
  const fields = fieldNamesOf(only === null ? columns : [...columns, only], view.key)
  const fieldOf = (column: string): string => fields.get(column) ?? column
  const parts = tableParts(view, name, options.indexes)
  const reason = whyIgnored(view, options)
  const model = modelNameOf(view.name, options.taken)
  const id = `map: ${quoted(parts.constraint)}`
  const [single] = view.key.length === 1 ? view.key : []

  const rows = view.columns.map((column) => {
    const isId = column.name === single && reason === null
    return fieldRow(column, fieldOf(column.name), isId ? `@id(${id})` : null, options)
  })
  if (only !== null) rows.push([fieldOf(only), 'Boolean', `@id(${id}) @default(true)`])
  const attributes = [
    ...keyAttribute(view, fields, reason, parts.constraint),
    ...options.indexes.map(
      (index, at) => `@@index([${index.map(fieldOf).join(', ')}], map: ${quoted(parts.indexes[at] ?? '')})`,
    ),
    ...(reason === null ? [] : ['@@ignore']),
    ...(model === name.table ? [] : [`@@map(${quoted(name.table)})`]),
    `@@schema(${quoted(name.schema)})`,
  ]
  const comments = [
    `/// Kept by DBSync from the view ${view.name}: to be read, never written.`,
    ...(reason === null ? [] : [`/// ${reason}`]),
  ]
  const lines = [...aligned(rows), '', ...attributes].map((line) => (line === '' ? '' : `  ${line}`))
  return { name: model, text: [...comments, `model ${model} {`, ...lines, '}'].join('\n') }
}

/** Why Prisma Client cannot have the model; null if it can. */
function whyIgnored(view: StoredView, options: TableOptions): string | null {
  if (hasNullableKey(view)) {
    return 'Prisma Client needs a key without NULL: replace NULL by a value with coalesce in the view, and it reads this table.'
  }
  const odd = keyColumns(view).find(({ type }) => prismaTypeOf(type, options).isUnsupported)
  return odd === undefined
    ? null
    : `Prisma has no name for the type of the key column ${JSON.stringify(odd.name)} (${odd.type.pgType}).`
}

function keyAttribute(
  { key }: StoredView,
  fields: ReadonlyMap<string, string>,
  reason: string | null,
  constraint: string,
): readonly string[] {
  const names = key.map((column) => fields.get(column) ?? column)
  const map = `map: ${quoted(constraint)}`
  if (reason !== null) return [`@@unique([${names.join(', ')}], ${map})`]
  return names.length < 2 ? [] : [`@@id([${names.join(', ')}], ${map})`]
}

type FieldRow = readonly [name: string, type: string, attributes: string]

function fieldRow(
  { name, type }: StoredColumn,
  field: string,
  id: string | null,
  options: PrismaOptions,
): FieldRow {
  const { scalar, native } = prismaTypeOf(type, options)
  const attributes = [id, field === name ? null : `@map(${quoted(name)})`, native].filter(
    (one) => one !== null,
  )
  return [field, `${scalar}${type.list ? '[]' : type.nullable ? '?' : ''}`, attributes.join(' ')]
}

function aligned(rows: readonly FieldRow[]): readonly string[] {
  const width = (at: 0 | 1): number => Math.max(...rows.map((row) => row[at].length))
  const [names, types] = [width(0), width(1)]
  return rows.map(([name, type, attributes]) =>
    `${name.padEnd(names)} ${type.padEnd(types)} ${attributes}`.trimEnd(),
  )
}

/** A text in a Prisma schema. */
function quoted(text: string): string {
  return JSON.stringify(text)
}
