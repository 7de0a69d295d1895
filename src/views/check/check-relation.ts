import type { Schema } from '../../contract/schema-contract.ts'
import type { Checked, ScopeColumn } from './check-column.ts'
import { inferKey } from './infer-key.ts'
import type { QueryContext } from './query-context.ts'
import { queryOutputs } from '../query-outputs.ts'
import { isQuery, isTable, isView, modelOfTable, type RawTables } from '../build/raw-query.ts'
import type { QueryIr, RelationIr } from '../view-ir.ts'

/** What stands in FROM under an alias, checked. */
export interface Relation {
  readonly alias: string
  /** How messages call it. */
  readonly name: string
  readonly from: RelationIr
  readonly columns: readonly ScopeColumn[]
  /** The fields that identify a row; empty: one row; null: none do. */
  readonly key: readonly string[] | null
}

/**
 * Checks `{ r: Restaurant }`: one alias that nobody has yet, and a table handle, a finished query or a view of the
 * schema of the others.
 */
export function checkRelation(
  context: QueryContext,
  tables: RawTables,
  taken: readonly string[],
  step: string,
): Checked<Relation> {
  const { problems } = context
  const entries = typeof tables === 'object' && tables !== null ? Object.entries(tables) : []
  const [entry] = entries
  if (entry === undefined || entries.length > 1) {
    return problems.add(
      'VIEW.INVALID_DEFINITION',
      step,
      `it takes one table under one alias, { r: Restaurant }; it got ${entries.length}`,
    )
  }
  const [alias, source] = entry
  const place = `${step}.${alias}`
  const relation = checkSource(context, source, place)
  if (relation === null) return null
  // The dot is what separates alias and field in the types' paths.
  if (alias === '' || /[.\0]/.test(alias) || Buffer.byteLength(alias) > 63) {
    return problems.add(
      'VIEW.INVALID_DEFINITION',
      place,
      'an alias has 1 to 63 bytes, without dots; choose a plain name',
    )
  }
  if (taken.includes(alias)) {
    return problems.add(
      'VIEW.INVALID_DEFINITION',
      place,
      `the alias "${alias}" is taken by an earlier table; choose another`,
    )
  }
  return { alias, ...relation }
}

/** Checks a finished query or a view that another query reads. */
export function checkInnerQuery(
  context: QueryContext,
  source: unknown,
  place: string,
): Checked<{ readonly query: QueryIr; readonly key: readonly string[] | null }> {
  if (isView(source)) {
    if (!sameSchema(context, source.schema, `the view ${source.name}`, place)) return null
    return { query: withoutOrder(source.ir.query), key: source.ir.key }
  }
  if (!isQuery(source)) {
    return context.problems.add(
      'VIEW.INVALID_DEFINITION',
      place,
      'it is not a finished query; end it with select(...)',
    )
  }
  const checked = context.query(source.raw, context.problems.at(place))
  if (checked === null) return null
  return { query: withoutOrder(checked.ir), key: inferKey(checked.identity, queryOutputs(checked.ir)) }
}

function checkSource(
  context: QueryContext,
  source: unknown,
  place: string,
): Checked<Omit<Relation, 'alias'>> {
  if (isQuery(source) || isView(source)) {
    const inner = checkInnerQuery(context, source, place)
    if (inner === null) return null
    const { query, key } = inner
    const columns = queryOutputs(query).map(({ name, expression }) => ({
      field: name,
      type: expression.type,
    }))
    const name = isView(source) ? source.name : 'the query'
    return { name, from: { kind: 'query', query }, columns, key }
  }
  const model = isTable(source) ? modelOfTable(source) : undefined
  if (!isTable(source) || model === undefined) {
    return context.problems.add(
      'VIEW.INVALID_DEFINITION',
      place,
      'it is not a table handle of the generated code, nor a finished query or a view; import a table from there',
    )
  }
  if (!sameSchema(context, source.schema, model.model, place)) return null
  return {
    name: model.model,
    from: { kind: 'table', model: model.model },
    columns: model.columns.map(({ field, type, enum: name, pgType, list, nullable }) => ({
      field,
      type: { scalar: type, ...(name === undefined ? {} : { enum: name }), pgType, list, nullable },
    })),
    key: model.key,
  }
}

function sameSchema({ schema, problems }: QueryContext, other: Schema, what: string, place: string): boolean {
  if (schema?.contract.hash === other.contract.hash) return true
  problems.add(
    'VIEW.INVALID_DEFINITION',
    place,
    `${what} is of another generated schema than the first table; use handles of one schema`,
  )
  return false
}

/** The rows of a query in FROM have no order, unless a limit needs one. */
function withoutOrder(query: QueryIr): QueryIr {
  return query.limit === null ? { ...query, order: [] } : query
}
