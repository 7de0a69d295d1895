/**
 * Functions of a group, in `select` and `having`. `filter` of each is SQL's `FILTER (WHERE …)`.
 *
 * @module Aggregates
 */
export {
  avg,
  boolAnd,
  boolOr,
  count,
  countDistinct,
  max,
  min,
  sum,
} from '../../src/views/build/aggregates.ts'
export { arrayAgg, jsonAgg, stringAgg } from '../../src/views/build/ordered-aggregates.ts'
export type { Aggregate } from '../../src/views/build/expression.ts'
