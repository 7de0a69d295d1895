/**
 * Views that are live: reading their rows, hearing of changes, and having one's own writes in them.
 *
 * @module Reading views
 */
export type {
  AtOptions,
  ChangedKey,
  MemoryView,
  ViewBatch,
  ViewChange,
  ViewReadiness,
} from '../../src/stores/memory-view.ts'
export { lastCommit, trackCommits } from '../../src/client/commit-scope.ts'
export { withCommitLsn, type AdapterFactory } from '../../src/client/with-commit-lsn.ts'
export { withViews, type ViewsExtension, type ViewSource } from '../../src/client/with-views.ts'
