import type { ModelContract, Table } from '../contract/schema-contract.ts'
import {
  columnRef,
  type Aggregate,
  type ColumnRef,
  type Condition,
  type Predicate,
  type Selection,
} from './expression.ts'
import type {
  AddSource,
  GroupedKey,
  NewAlias,
  PathOf,
  Refs,
  RowOf,
  Scope,
  Sources,
  UngroupedKey,
} from './infer.ts'

/** The start of a view: the table whose rows it is about. */
export interface QueryStart {
  /** `FROM`: one table under an alias, `{ r: Restaurant }`. */
  from<T extends Sources>(source: T): JoinStep<AddSource<unknown, T, false, never>>
}

/** After `from` and the joins. */
export interface JoinStep<S extends Scope> extends WhereStep<S> {
  /**
   * `INNER JOIN`: only rows that have a partner. `on` holds at least one `eq` between a column of the new
   * table and a column of an earlier one, and may hold further conditions.
   */
  innerJoin<T extends Sources, Equated extends string>(
    source: T & NewAlias<S>,
    on: (tables: Refs<AddSource<S, T, false, never>>) => Condition<Equated>,
  ): JoinStep<AddSource<S, T, false, Equated>>
  /**
   * `LEFT JOIN`: a row without a partner stays, and the new table's columns are null in it. `on` is one `eq`,
   * or `and` of several, between columns of the new table and columns of one earlier table.
   */
  leftJoin<T extends Sources, Equated extends string>(
    source: T & NewAlias<S>,
    on: (tables: Refs<AddSource<S, T, false, never>>) => Condition<Equated>,
  ): JoinStep<AddSource<S, T, true, Equated>>
}

/** After `where`. */
export interface WhereStep<S extends Scope> {
  /** `WHERE`: keeps the rows for which the condition is true; several calls are joined by AND. */
  where(condition: (tables: Refs<S>) => Predicate): WhereStep<S>
  /** `GROUP BY`: one result row for each distinct combination of these columns; nulls are alike. */
  groupBy<const G extends readonly ColumnRef<unknown, string>[]>(
    columns: (tables: Refs<S>) => G,
  ): GroupStep<S, PathOf<G[number]>>
  /** `SELECT`: the columns of the result by name. With aggregates alone the view is one row over everything. */
  select<const Selected extends Readonly<Record<string, Selection>>>(
    columns: (tables: Refs<S>) => Selected,
  ): SelectedQuery<RowOf<Selected>, UngroupedKey<S, Selected>>
}

/** After `groupBy`. */
export interface GroupStep<S extends Scope, Group extends string> {
  /** `SELECT`: group columns and aggregates by name. */
  select<
    const Selected extends Readonly<
      Record<string, ColumnRef<unknown, Group> | Condition | Aggregate<unknown>>
    >,
  >(
    columns: (tables: Refs<S>) => Selected,
  ): SelectedQuery<RowOf<Selected>, GroupedKey<S, Group, Selected>>
}

/** A finished query, not yet checked; `defineView` takes it. */
export interface SelectedQuery<Row, Key> {
  readonly kind: 'query'
  readonly raw: RawQuery
  /** Types only; never present at run time. */
  readonly $types?: { readonly row: Row; readonly key: Key }
}

/** What the builder collected: unchecked. */
export interface RawQuery {
  readonly sources: readonly RawSource[]
  readonly where: readonly unknown[]
  readonly groupBy: unknown
  readonly select: unknown
}

/** One call of `from`, `innerJoin` or `leftJoin`: its argument as it came. */
export interface RawSource {
  readonly tables: Readonly<Record<string, unknown>>
  readonly join: { readonly kind: 'inner' | 'left'; readonly on: unknown } | null
}

type Callback = (tables: object) => unknown

/** The one object behind all steps; the interfaces above say which of its methods a step has. */
class Builder {
  readonly #query: RawQuery

  constructor(query: RawQuery) {
    this.#query = query
  }

  from(tables: Sources): Builder {
    return new Builder({ ...this.#query, sources: [{ tables, join: null }] })
  }

  innerJoin(tables: Sources, on: Callback): Builder {
    return this.#join('inner', tables, on)
  }

  leftJoin(tables: Sources, on: Callback): Builder {
    return this.#join('left', tables, on)
  }

  where(condition: Callback): Builder {
    const where = [...this.#query.where, condition(refsOf(this.#query.sources))]
    return new Builder({ ...this.#query, where })
  }

  groupBy(columns: Callback): Builder {
    return new Builder({ ...this.#query, groupBy: columns(refsOf(this.#query.sources)) })
  }

  select(columns: Callback): { readonly kind: 'query'; readonly raw: RawQuery } {
    const select = columns(refsOf(this.#query.sources))
    return { kind: 'query', raw: { ...this.#query, select } }
  }

  #join(kind: 'inner' | 'left', tables: Sources, on: Callback): Builder {
    const sources: readonly RawSource[] = [...this.#query.sources, { tables, join: null }]
    const join = { kind, on: on(refsOf(sources)) }
    return new Builder({ ...this.#query, sources: [...this.#query.sources, { tables, join }] })
  }
}

/** A fresh builder. */
export function startQuery(): QueryStart {
  const builder = new Builder({ sources: [], where: [], groupBy: null, select: null })
  // One untyped object stands behind all the typed steps; only here do the types meet it.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return builder as unknown as QueryStart
}

/** Tells whether a value is a generated table handle. */
export function isTable(value: unknown): value is Table {
  return (
    typeof value === 'object' &&
    value !== null &&
    'kind' in value &&
    value.kind === 'table' &&
    'model' in value &&
    'schema' in value
  )
}

/** The model behind a handle, if its schema has it. */
export function modelOfTable(table: Table): ModelContract | undefined {
  return table.schema.contract.models.find(({ model }) => model === table.model)
}

/**
 * What a callback gets: `{ r, v }`, with every column as an own property, so that `...r` selects them all. A
 * name that is not there gives an expression too; the check reports it with its place.
 */
function refsOf(sources: readonly RawSource[]): object {
  const entries = sources.flatMap(({ tables }) => Object.entries(tables))
  const refs = Object.fromEntries(entries.map(([alias, table]) => [alias, columnsOf(alias, table)]))
  return withUnknown(refs, (alias) => columnsOf(alias, undefined))
}

function columnsOf(alias: string, table: unknown): object {
  const model = isTable(table) ? modelOfTable(table) : undefined
  const fields = model?.columns ?? []
  const columns = Object.fromEntries(fields.map(({ field }) => [field, columnRef(alias, field)]))
  return withUnknown(columns, (field) => columnRef(alias, field))
}

function withUnknown(known: object, make: (name: string) => unknown): object {
  return new Proxy(Object.freeze(known), {
    get: (target, name) =>
      typeof name === 'symbol' || Object.hasOwn(target, name) ? Reflect.get(target, name) : make(name),
  })
}
