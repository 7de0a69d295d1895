import type {
  Aggregate,
  ColumnRef,
  Computed,
  Condition,
  Literal,
  NestedRows,
  Predicate,
  Selection,
} from './expression.ts'
import type {
  AddFull,
  AddRight,
  AddSource,
  GroupedPaths,
  NamesOf,
  NewAlias,
  OrderedPaths,
  OutputPaths,
  PathOf,
  QueryType,
  Refs,
  RowOf,
  Scope,
  Sources,
  Total,
  UngroupedPaths,
} from './infer.ts'
import type { Expression } from './expression.ts'
import type { Order } from './order.ts'
import type { RawLimit, RawQuery, RawSelect, RawSource, RawTables } from './raw-query.ts'
import { columnsOf, refsOf } from './refs.ts'
import type { JoinKind } from '../view-ir.ts'

/** The start of a query: the relation whose rows it is about. */
export interface QueryStart {
  /** `FROM`: a table, a finished query or a view under an alias, `{ r: Restaurant }`. */
  from<T extends Sources>(source: T): JoinStep<AddSource<unknown, T, false, never>>
}

/** After `from` and the joins. */
export interface JoinStep<S extends Scope> extends WhereStep<S> {
  /**
   * `INNER JOIN`: only rows that have a partner. `on` holds at least one `eq` between the new relation and an
   * earlier one, and may hold further conditions. One relation may stand under several aliases.
   */
  innerJoin<T extends Sources, Equated extends string>(
    source: T & NewAlias<S>,
    on: (tables: Refs<AddSource<S, T, false, never>>) => Condition<Equated>,
  ): JoinStep<AddSource<S, T, false, Equated>>
  /** `LEFT JOIN`: a row without a partner stays, and the new relation's columns are null in it. */
  leftJoin<T extends Sources, Equated extends string>(
    source: T & NewAlias<S>,
    on: (tables: Refs<AddSource<S, T, false, never>>) => Condition<Equated>,
  ): JoinStep<AddSource<S, T, true, Equated>>
  /**
   * `RIGHT JOIN`: a row of the new relation without a partner stays, and all earlier columns are null in it. Its rows
   * are told apart by the keys of both sides, as are those of a full join.
   */
  rightJoin<T extends Sources>(
    source: T & NewAlias<S>,
    on: (tables: Refs<AddSource<S, T, false, never>>) => Condition,
  ): JoinStep<AddRight<S, T>>
  /** `FULL JOIN`: rows of both sides without a partner stay, and the other side's columns are null in them. */
  fullJoin<T extends Sources>(
    source: T & NewAlias<S>,
    on: (tables: Refs<AddSource<S, T, false, never>>) => Condition,
  ): JoinStep<AddFull<S, T>>
}

/** After `where`. */
export interface WhereStep<S extends Scope> {
  /** `WHERE`: keeps the rows for which the condition is true; several calls are joined by AND. */
  where(condition: (tables: Refs<S>) => Predicate): WhereStep<S>
  /**
   * `WHERE EXISTS`: keeps the rows that have a partner in the relation, and keeps them once. `on` holds at least one
   * `eq` between the relation and the query, and may hold further conditions.
   */
  whereExists<T extends Sources>(
    source: T & NewAlias<S>,
    on: (tables: Refs<AddSource<S, T, false, never>>) => Condition,
  ): WhereStep<S>
  /** `WHERE NOT EXISTS`: keeps the rows that have no partner in the relation. */
  whereNotExists<T extends Sources>(
    source: T & NewAlias<S>,
    on: (tables: Refs<AddSource<S, T, false, never>>) => Condition,
  ): WhereStep<S>
  /** `GROUP BY`: one result row for each distinct combination of these values; nulls are alike. */
  groupBy<const G extends readonly Expression<unknown>[]>(
    columns: (tables: Refs<S>) => G,
  ): GroupStep<S, PathOf<G[number]>>
  /** `SELECT`: the columns of the result by name. With aggregates alone the result is one row over everything. */
  select<const Selected extends Readonly<Record<string, Selection>>>(
    columns: (tables: Refs<S>) => Selected,
  ): SelectedQuery<RowOf<Selected>, Selected, S, string, UngroupedPaths<S, Selected>>
  /** `SELECT DISTINCT`: each combination of values once. */
  selectDistinct<const Selected extends Readonly<Record<string, Selection>>>(
    columns: (tables: Refs<S>) => Selected,
  ): DistinctQuery<RowOf<Selected>, Selected, S, string>
}

/** What a grouped query selects. */
type Grouped<Group extends string> = Readonly<
  Record<
    string,
    | ColumnRef<unknown, Group>
    | Computed<unknown>
    | Condition
    | Aggregate<unknown>
    | NestedRows<unknown>
    | Literal
  >
>

/** After `groupBy`. */
export interface GroupStep<S extends Scope, Group extends string> {
  /** `HAVING`: keeps the groups for which the condition, over groups and aggregates, is true. */
  having(condition: (tables: Refs<S>) => Predicate): GroupStep<S, Group>
  /** `SELECT`: groups and aggregates by name. */
  select<const Selected extends Grouped<Group>>(
    columns: (tables: Refs<S>) => Selected,
  ): SelectedQuery<RowOf<Selected>, Selected, S, Group, GroupedPaths<S, Group>>
  /** `SELECT DISTINCT`: each combination of values once. */
  selectDistinct<const Selected extends Grouped<Group>>(
    columns: (tables: Refs<S>) => Selected,
  ): DistinctQuery<RowOf<Selected>, Selected, S, Group>
}

/** A finished query, not yet checked; `defineView` takes it, and so do `from` and the joins. */
export interface Query<Row, Names extends string | null> extends QueryType<Row, Names> {
  readonly kind: 'query'
  readonly raw: RawQuery
}

/** After `select`. */
export interface SelectedQuery<
  Row,
  Selected,
  S extends Scope,
  Group extends string,
  Paths extends string | null,
> extends Query<Row, NamesOf<Selected, Paths>> {
  /**
   * `ORDER BY`, by columns whether they are selected or not. The second argument of the callback is what was
   * selected.
   */
  orderBy<const O extends readonly Order<Group | ''>[]>(
    order: (tables: Refs<S>, selected: Selected) => O,
  ): OrderedQuery<Row, NamesOf<Selected, Paths>, Refs<S>, Selected, Exclude<Paths, OrderedPaths<O>>>
}

/** After `selectDistinct`. */
export interface DistinctQuery<Row, Selected, S extends Scope, Group extends string> extends Query<
  Row,
  keyof Row & string
> {
  /** `ORDER BY`, by what is selected. */
  orderBy<const O extends readonly Order<Group | ''>[]>(
    order: (tables: Refs<S>, selected: Selected) => O,
  ): OrderedQuery<Row, keyof Row & string, Refs<S>, Selected, Exclude<OutputPaths<Selected>, OrderedPaths<O>>>
}

/** After `orderBy`. `Lacking` is what identifies a row and is not in the order. */
export interface OrderedQuery<
  Row,
  Names extends string | null,
  Tables,
  Selected,
  Lacking extends string | null,
> extends Query<Row, Names> {
  /** `LIMIT`: the first rows only. The order must be total: hold what tells the rows apart. */
  limit(count: Total<Lacking>): LimitedQuery<Row, Names>
  /** `OFFSET`: without the first rows. */
  offset(count: Total<Lacking>): Query<Row, Names>
  /** The first `count` rows of each combination of the given values. */
  limitPer(
    by: (tables: Tables, selected: Selected) => readonly Expression<unknown>[],
    count: number,
  ): LimitedQuery<Row, Names>
}

/** After `limit` or `limitPer`. */
export interface LimitedQuery<Row, Names extends string | null> extends Query<Row, Names> {
  /** `OFFSET`: begins after so many rows. */
  offset(count: number): Query<Row, Names>
}

/** What the types call a callback; what it gives is checked later. */
export type Callback = (tables: object, selected?: unknown) => unknown

/** The one object behind all steps up to `select`; the interfaces above say which of its methods a step has. */
class Builder {
  readonly #query: RawSelect

  constructor(query: RawSelect) {
    this.#query = query
  }

  from(tables: RawTables): Builder {
    return this.#with({ sources: [{ tables, join: null }] })
  }

  innerJoin(tables: RawTables, on: Callback): Builder {
    return this.#join('inner', tables, on)
  }

  leftJoin(tables: RawTables, on: Callback): Builder {
    return this.#join('left', tables, on)
  }

  rightJoin(tables: RawTables, on: Callback): Builder {
    return this.#join('right', tables, on)
  }

  fullJoin(tables: RawTables, on: Callback): Builder {
    return this.#join('full', tables, on)
  }

  where(condition: Callback): Builder {
    return this.#with({ where: [...this.#query.where, condition(this.#refs())] })
  }

  whereExists(tables: RawTables, on: Callback): Builder {
    return this.#exists(false, tables, on)
  }

  whereNotExists(tables: RawTables, on: Callback): Builder {
    return this.#exists(true, tables, on)
  }

  groupBy(columns: Callback): Builder {
    return this.#with({ groupBy: columns(this.#refs()) })
  }

  having(condition: Callback): Builder {
    return this.#with({ having: [...this.#query.having, condition(this.#refs())] })
  }

  select(columns: Callback): Finished {
    return this.#finish(columns, false)
  }

  selectDistinct(columns: Callback): Finished {
    return this.#finish(columns, true)
  }

  #with(more: Partial<RawSelect>): Builder {
    return new Builder({ ...this.#query, ...more })
  }

  #refs(...more: readonly RawTables[]): object {
    return refsOf([...this.#query.sources.map(({ tables }) => tables), ...more])
  }

  #join(kind: JoinKind, tables: RawTables, on: Callback): Builder {
    const source: RawSource = { tables, join: { kind, on: on(this.#refs(tables)) } }
    return this.#with({ sources: [...this.#query.sources, source] })
  }

  #exists(negated: boolean, tables: RawTables, on: Callback): Builder {
    return this.#with({ exists: [...this.#query.exists, { tables, negated, on: on(this.#refs(tables)) }] })
  }

  #finish(columns: Callback, distinct: boolean): Finished {
    return new Finished({ ...this.#query, select: columns(this.#refs()), distinct })
  }
}

/** The one object behind a finished query, whatever was called on it. */
export class Finished {
  readonly kind = 'query'
  readonly raw: RawQuery

  constructor(raw: RawQuery) {
    this.raw = raw
  }

  orderBy(order: Callback): Finished {
    return new Finished({ ...this.raw, order: this.#call(order) })
  }

  limit(count: unknown): Finished {
    return this.#limit({ count })
  }

  limitPer(by: Callback, count: unknown): Finished {
    return this.#limit({ per: { by: this.#call(by), count } })
  }

  offset(offset: unknown): Finished {
    return this.#limit({ offset })
  }

  #limit(more: RawLimit): Finished {
    return new Finished({ ...this.raw, limit: { ...this.raw.limit, ...more } })
  }

  #call(callback: Callback): unknown {
    const { raw } = this
    return raw.kind === 'select'
      ? callback(refsOf(raw.sources.map(({ tables }) => tables)), raw.select)
      : callback(columnsOf('', this))
  }
}

/** A fresh builder. */
export function startQuery(): QueryStart {
  const builder = new Builder({
    kind: 'select',
    sources: [],
    where: [],
    exists: [],
    groupBy: null,
    having: [],
    select: null,
    distinct: false,
    order: null,
    limit: null,
  })
  // One untyped object stands behind all the typed steps; only here do the types meet it.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return builder as unknown as QueryStart
}
