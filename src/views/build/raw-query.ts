import type { ModelContract, Table } from '../../contract/schema-contract.ts'
import type { QueryType } from './infer.ts'
import { queryOutputs } from '../query-outputs.ts'
import type { JoinKind, SetIr, ViewIr } from '../view-ir.ts'

/** What the builder collected: unchecked. */
export type RawQuery = RawSelect | RawSet

/** SELECT, as it came. */
export interface RawSelect {
  readonly kind: 'select'
  readonly sources: readonly RawSource[]
  readonly where: readonly unknown[]
  readonly exists: readonly RawExists[]
  readonly groupBy: unknown
  readonly having: readonly unknown[]
  readonly select: unknown
  readonly distinct: boolean
  readonly order: unknown
  readonly limit: RawLimit | null
}

/** A set operation, as it came. */
export interface RawSet {
  readonly kind: SetIr['kind']
  readonly all: boolean
  readonly inputs: readonly unknown[]
  readonly order: unknown
  readonly limit: RawLimit | null
}

/** One call of `from` or of a join: its argument as it came. */
export interface RawSource {
  readonly tables: RawTables
  readonly join: { readonly kind: JoinKind; readonly on: unknown } | null
}

/** One call of `whereExists` or `whereNotExists`. */
export interface RawExists {
  readonly tables: RawTables
  readonly negated: boolean
  readonly on: unknown
}

/** `nest`, as it came. */
export interface RawNested {
  readonly tables: RawTables
  readonly on: unknown
  readonly select: unknown
  readonly order: unknown
  readonly limit: RawLimit | null
}

/** `limit`, `offset` and `limitPer`; what was not called is undefined. */
export interface RawLimit {
  readonly count?: unknown
  readonly offset?: unknown
  readonly per?: { readonly by: unknown; readonly count: unknown }
}

/** `{ r: Restaurant }`, as it came. */
export type RawTables = Readonly<Record<string, unknown>>

/** Tells whether a value is a generated table handle. */
export function isTable(value: unknown): value is Table {
  return isOfKind(value, 'table') && 'model' in value && 'schema' in value
}

/** Tells whether a value is a finished query of the builder. */
export function isQuery(value: unknown): value is { readonly raw: RawQuery } {
  return isOfKind(value, 'query') && 'raw' in value
}

/** Tells whether a value is a view. */
export function isView(
  value: unknown,
): value is { readonly ir: ViewIr; readonly schema: Table['schema']; readonly name: string } {
  return isOfKind(value, 'view') && 'ir' in value && 'schema' in value
}

/** Tells whether a value is a nested result. */
export function isNested(value: unknown): value is { readonly raw: RawNested } {
  return isOfKind(value, 'nested') && 'raw' in value
}

/** The model behind a handle, if its schema has it. */
export function modelOfTable(table: Table): ModelContract | undefined {
  return table.schema.contract.models.find(({ model }) => model === table.model)
}

/** The names of the columns of what stands in FROM; none if it cannot stand there. */
export function columnNames(source: unknown): readonly string[] {
  if (isTable(source)) return modelOfTable(source)?.columns.map(({ field }) => field) ?? []
  if (isView(source)) return queryOutputs(source.ir.query).map(({ name }) => name)
  if (!isQuery(source)) return []
  const { raw } = source
  if (raw.kind !== 'select') return columnNames(raw.inputs[0])
  return typeof raw.select === 'object' && raw.select !== null ? Object.keys(raw.select) : []
}

/** The schema of the first table that a query reads; null if it reads none. */
export function schemaOf(source: unknown): Table['schema'] | null {
  if (isTable(source) || isView(source)) return source.schema
  if (!isQuery(source)) return null
  const { raw } = source
  const read =
    raw.kind === 'select' ? raw.sources.flatMap(({ tables }) => Object.values(tables ?? {})) : raw.inputs
  for (const item of read) {
    const schema = schemaOf(item)
    if (schema !== null) return schema
  }
  return null
}

function isOfKind(
  value: unknown,
  kind: QueryType<unknown, null>['kind'] | 'table' | 'nested',
): value is object {
  return typeof value === 'object' && value !== null && 'kind' in value && value.kind === kind
}
