/**
 * Defining views: the query builder, step by step, with the meaning of the SQL clauses of the same names. The step
 * interfaces (`JoinStep`, `WhereStep`, …) are not exported; they are here for their methods.
 *
 * @module Views
 */
export {
  defineView,
  type ViewDefinition,
  type ViewKey,
  type ViewMatch,
  type ViewRow,
} from '../../src/views/define-view.ts'
export type {
  DistinctQuery,
  GroupStep,
  JoinStep,
  LimitedQuery,
  OrderedQuery,
  Query,
  QueryStart,
  SelectedQuery,
  WhereStep,
} from '../../src/views/build/query-builder.ts'
export { asc, desc, type Order, type OrderOptions } from '../../src/views/build/order.ts'
export {
  nest,
  type NestLimited,
  type NestOrdered,
  type NestSelect,
  type NestStep,
} from '../../src/views/build/nest.ts'
export { except, intersect, union, unionAll, type SetQuery } from '../../src/views/build/set-operations.ts'
export { explain } from '../../src/views/explain/explain.ts'
export type {
  ExplainedChange,
  ExplainedColumn,
  ExplainedFactor,
  ExplainedIndex,
  ExplainedState,
  ExplainedStep,
  ExplainedTable,
  Explanation,
} from '../../src/views/explain/explanation.ts'
export type { ViewIr } from '../../src/views/view-ir.ts'
