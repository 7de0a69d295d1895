/**
 * A sync: what makes one, what it is asked, what it tells. Its options name the views, tables, handlers and sinks;
 * `start()` resolves once every view is live.
 *
 * @module Sync
 */
export { createSync } from '../../src/engine/create-sync.ts'
export type { SlotOptions, SyncOptions, ViewSet } from '../../src/engine/options.ts'
export type { Sync, SyncStatus, SyncViews } from '../../src/engine/sync.ts'
export type { SlotHealth, SyncEvent, SyncState } from '../../src/engine/sync-event.ts'
export type { TableProgress } from '../../src/engine/replica.ts'
export type {
  Refresh,
  RefreshOptions,
  RefreshProgress,
  RefreshResult,
  RefreshState,
  TableKey,
} from '../../src/engine/refresh.ts'
export type { Clock } from '../../src/engine/clock.ts'
export type { ConnectionOptions } from '../../src/postgres/resolve-connection.ts'
export type { AdviceCode, Finding, Severity } from '../../src/postgres/finding.ts'
export { uninstall, type Uninstalled, type UninstallOptions } from '../../src/engine/uninstall.ts'
export { formatLsn, parseLsn, type Lsn } from '../../src/core/lsn.ts'
