import type { Schema } from '../../contract/schema-contract.ts'
import type { Problems } from './problems.ts'
import type { RawQuery } from '../build/raw-query.ts'
import type { ExpressionIr, QueryIr } from '../view-ir.ts'

/** What the parts of a query are checked with. */
export interface QueryContext {
  /** That of the tables; null: the query reads none, so nothing in it has a meaning. */
  readonly schema: Schema | null
  readonly problems: Problems
  /** Checks a query inside the query; null if something is wrong with it, and the problems are noted. */
  query(raw: RawQuery, problems: Problems): CheckedQuery | null
}

/** A query without problems, and what identifies its rows. */
export interface CheckedQuery {
  readonly ir: QueryIr
  /**
   * The values that together tell the rows apart, selected or not: over the sources, or over the outputs of a set
   * operation. Empty: one row. Null: nothing does.
   */
  readonly identity: readonly ExpressionIr[] | null
}
