import { createHash } from 'node:crypto'
import type { Schema } from '../contract/schema-contract.ts'
import { DbsyncError } from '../core/errors.ts'
import { checkView } from './check/check-view.ts'
import { compileViews } from './compile/compile.ts'
import type { KeyOf, MatchBy, QueryType } from './build/infer.ts'
import { startQuery, type QueryStart, type Query } from './build/query-builder.ts'
import { toSql } from './sql/query-sql.ts'
import { checkIndexes } from './check/view-indexes.ts'
import type { ViewIr } from './view-ir.ts'

/**
 * A view: frozen plain data, the same on every run of the same code.
 *
 * `Row` is what reading it gives. `Key` is what tells its rows apart: the value of the one key column, an
 * object of several, `void` for a view of one row, `never` for a bag. `Match` is what `where` takes: the columns of one of
 * the view's indexes, `never` without any.
 */
export interface ViewDefinition<
  Row = unknown,
  Key = unknown,
  Names extends string | null = string | null,
  Match = unknown,
> extends QueryType<Row, Names> {
  readonly kind: 'view'
  readonly name: string
  readonly ir: ViewIr
  /** The statement that says what the view means. */
  readonly sql: string
  readonly schema: Schema
  /** SHA-256 over algebra and SQL, lower-case hex: two views with one fingerprint have one meaning. */
  readonly fingerprint: string
  /** Lists of output names by which `where` finds rows. They are no part of what the view means. */
  readonly indexes: readonly (readonly string[])[]
  /** Types only; never present at run time. */
  readonly $types?: { readonly row: Row; readonly key: Key; readonly names: Names; readonly match: Match }
}

/** The row type of a view: `ViewRow<typeof restaurantRating>`. */
export type ViewRow<V extends ViewDefinition> = V extends ViewDefinition<infer Row> ? Row : never

/** The key type of a view: `ViewKey<typeof restaurantRating>`. */
export type ViewKey<V extends ViewDefinition> = V extends ViewDefinition<unknown, infer Key> ? Key : never

/** What `where` of a view takes: `ViewMatch<typeof restaurantRating>`. */
export type ViewMatch<V extends ViewDefinition> =
  V extends ViewDefinition<unknown, unknown, string | null, infer Match> ? Match : never

/**
 * Defines a view over the tables of the generated schema, over queries and over other views.
 *
 * The definition is checked as a whole, and what could not be kept exactly as Postgres would answer is
 * refused here, with the place and the reason of every problem. The key of the view is inferred: the groups, all
 * columns of distinct rows and of set operations, or the keys of its relations, where they are selected; `key` names
 * another order of its columns or adds further ones. A view whose key is not selected is a bag. `indexes` lists outputs
 * by which `where` of the live view finds rows at once: `indexes: [['city'], ['city', 'rating']]`.
 *
 * Throws: VIEW.INVALID_DEFINITION for mistakes, VIEW.NOT_EXACT for what the wire's values cannot decide,
 * VIEW.UNSUPPORTED for what this version does not do; `details.problems` lists `{ path, code, message }`.
 *
 * @example
 * ```ts
 * import { avg, count, defineView, eq, sum } from 'prisma-dbsync'
 * import { Restaurant, Visit } from './generated/dbsync/index.ts'
 *
 * export const restaurantRating = defineView('restaurant_rating', (q) =>
 *   q.from({ r: Restaurant })
 *     .leftJoin({ v: Visit }, ({ r, v }) => eq(v.restaurantId, r.id))
 *     .groupBy(({ r }) => [r.id, r.name])
 *     .select(({ r, v }) => ({
 *       id: r.id,
 *       name: r.name,
 *       visits: count(v.userId),
 *       rating: avg(v.visitRating),
 *       spent: sum(v.amountSpent),
 *     })))
 * ```
 */
export function defineView<
  Row,
  Inferred extends string | null,
  const K extends string = never,
  const I extends readonly string[] = never,
>(
  name: string,
  build: (q: QueryStart) => Query<Row, Inferred>,
  options: {
    readonly key?: readonly (K & keyof Row)[]
    readonly indexes?: readonly (I & readonly (keyof Row)[])[]
  } = {},
): ViewDefinition<
  NoInfer<{ readonly [N in keyof Row]: Row[N] }>,
  KeyOf<Row, NamesOr<Inferred, K>>,
  NamesOr<Inferred, K>,
  MatchBy<Row, I>
> {
  const query = build(startQuery())
  if (query.kind !== 'query') {
    throw new DbsyncError(
      'VIEW.INVALID_DEFINITION',
      `${name}: the callback gives no finished query; end it with select(...).`,
    )
  }
  const { ir, schema } = checkView(name, query.raw, options.key)
  const sql = toSql(ir.query, schema)
  // What cannot be kept is refused here too, and not when a sync is made.
  compileViews(schema, [ir])
  const fingerprint = createHash('sha256')
    .update(JSON.stringify([ir, sql]))
    .digest('hex')
  const indexes = checkIndexes(ir, options.indexes ?? [])
  return Object.freeze({
    kind: 'view',
    name,
    ir: deepFreeze(ir),
    sql,
    schema,
    fingerprint,
    indexes: deepFreeze(indexes),
  })
}

/** Tells whether a value is a view that `defineView` made. */
export function isViewDefinition(value: unknown): value is ViewDefinition {
  return (
    typeof value === 'object' &&
    value !== null &&
    'kind' in value &&
    value.kind === 'view' &&
    'name' in value &&
    'ir' in value &&
    'schema' in value
  )
}

/** The names of a view's key: those that `key` gives, or the inferred ones. */
type NamesOr<Inferred extends string | null, K extends string> = [K] extends [never] ? Inferred : K

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null) {
    for (const item of Object.values(value)) deepFreeze(item)
    Object.freeze(value)
  }
  return value
}
