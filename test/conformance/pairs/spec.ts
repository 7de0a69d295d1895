import type { JoinKind } from '../../../src/views/view-ir.ts'

/**
 * Queries as plain data: what the generators make, the shrinker cuts, and a kept case holds.
 */

/** A constant, as JSON can hold it. */
export type ConstantSpec =
  | { readonly v: number | string | boolean }
  | { readonly big: string }
  | { readonly dec: string }
  | { readonly date: string }

export interface AggregateSpec {
  readonly agg: string
  readonly of?: Exp
  readonly filter?: Exp
  readonly order?: readonly OrderSpec[]
  readonly separator?: string
}

export interface NestSpec {
  readonly nest: Named
  readonly on: Exp
  readonly select: Readonly<Record<string, Exp>>
  readonly order?: readonly OrderSpec[]
  readonly limit?: LimitSpec
}

/** `'p.id'` is a column, `'.name'` an output of a set operation, `['eq', a, b]` a call. */
export type Exp = string | ConstantSpec | AggregateSpec | NestSpec | { readonly query: QuerySpec } | CallSpec

/** The call's name, then its arguments. */
export interface CallSpec extends ReadonlyArray<Exp> {
  readonly 0: string
}

export interface OrderSpec {
  readonly by: Exp
  readonly desc?: boolean
  readonly nulls?: 'first' | 'last'
}

export interface LimitSpec {
  readonly count?: number
  readonly offset?: number
  readonly per?: readonly Exp[]
}

/** A model's name, a query in FROM, or a view. */
export type Rel = string | QuerySpec | { readonly view: QuerySpec }
export type Named = readonly [alias: string, relation: Rel]

export interface JoinSpec {
  readonly kind: JoinKind
  readonly source: Named
  readonly on: Exp
}

export interface ExistsSpec {
  readonly not?: boolean
  readonly source: Named
  readonly on: Exp
}

export interface SelectSpec {
  readonly from: Named
  readonly joins?: readonly JoinSpec[]
  readonly where?: Exp
  readonly exists?: readonly ExistsSpec[]
  readonly groupBy?: readonly Exp[]
  readonly having?: Exp
  readonly select: Readonly<Record<string, Exp>>
  readonly distinct?: boolean
  readonly order?: readonly OrderSpec[]
  readonly limit?: LimitSpec
}

export interface SetSpec {
  readonly set: 'union' | 'unionAll' | 'intersect' | 'except'
  readonly inputs: readonly QuerySpec[]
  readonly order?: readonly OrderSpec[]
  readonly limit?: LimitSpec
}

export type QuerySpec = SelectSpec | SetSpec
