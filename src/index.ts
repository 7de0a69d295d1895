export type {
  AnyChange,
  DeleteChange,
  HandlerResult,
  InsertChange,
  MessageEvent,
  ReadChange,
  TransactionInfo,
  TruncateChange,
  UpdateChange,
} from './changes/change.ts'
export { lastCommit, trackCommits } from './client/commit-scope.ts'
export { withCommitLsn, type AdapterFactory } from './client/with-commit-lsn.ts'
export { withViews, type ViewsExtension, type ViewSource } from './client/with-views.ts'
export { defineSchema } from './contract/define-schema.ts'
export { defineTable } from './contract/define-table.ts'
export { hashContract, sealContract } from './contract/hash-contract.ts'
export { parseContract } from './contract/parse-contract.ts'
export type {
  ColumnContract,
  DecimalConstructor,
  DecimalLike,
  EnumContract,
  ModelContract,
  RelationContract,
  ScalarType,
  Schema,
  SchemaContract,
  Table,
} from './contract/schema-contract.ts'
export { DbsyncError, ERROR_CODES, isDbsyncError, type ErrorCode, type Recovery } from './core/errors.ts'
export { formatLsn, parseLsn, type Lsn } from './core/lsn.ts'
export type { OnError } from './engine/attempt.ts'
export type { Clock } from './engine/clock.ts'
export type { ConsumerOptions, ModelRef } from './engine/consumer-options.ts'
export { createSync } from './engine/create-sync.ts'
export type { TableProgress } from './engine/replica.ts'
export type {
  Refresh,
  RefreshOptions,
  RefreshProgress,
  RefreshResult,
  RefreshState,
  TableKey,
} from './engine/refresh.ts'
export { message, type MessageConsumer, type StandardResult, type StandardSchema } from './engine/message.ts'
export type { SlotOptions, SyncOptions, ViewSet } from './engine/options.ts'
export {
  sink,
  type Sink,
  type SinkKey,
  type SinkKeys,
  type SinkModel,
  type SinkOptions,
  type SinkRow,
  type SinkRows,
} from './engine/sink.ts'
export type { ChangeOf, ModelIn, Sync, SyncStatus, SyncViews } from './engine/sync.ts'
export type { ColumnsOptions, StoreOptions, StoreTarget, TableOptions } from './engine/store-options.ts'
export type { StoreState, StoreStatus } from './engine/store-writer.ts'
export type { SyncEvent, SyncState } from './engine/sync-event.ts'
export { uninstall, type Uninstalled, type UninstallOptions } from './engine/uninstall.ts'
export { changeCodec, keyCodec, rowCodec, type JsonCodec } from './json/json-codecs.ts'
export type { ConnectionOptions } from './postgres/resolve-connection.ts'
export type { AdviceCode, Finding, Severity } from './postgres/finding.ts'
export type { SyncTransaction } from './engine/transaction-feed.ts'
export type { RedisClient } from './stores/redis/redis-client.ts'
export { redisKey } from './stores/redis/redis-key.ts'
export { redisPosition, type RedisPosition } from './stores/redis/redis-position.ts'
export { redisStore, type RedisStoreOptions } from './stores/redis/redis-store.ts'
export type { StoreBatch, StoredColumn, StoredValues, StoredView, ViewStore } from './stores/view-store.ts'
export type {
  AtOptions,
  ChangedKey,
  MemoryView,
  ViewBatch,
  ViewChange,
  ViewReadiness,
} from './stores/memory-view.ts'
export { avg, boolAnd, boolOr, count, countDistinct, max, min, sum } from './views/build/aggregates.ts'
export {
  abs,
  add,
  ceil,
  divide,
  floor,
  modulo,
  multiply,
  negate,
  round,
  subtract,
} from './views/build/arithmetic.ts'
export { eq, gt, gte, inArray, isNotNull, isNull, lt, lte, ne } from './views/build/comparisons.ts'
export {
  defineView,
  type ViewDefinition,
  type ViewKey,
  type ViewMatch,
  type ViewRow,
} from './views/define-view.ts'
export {
  caseWhen,
  cast,
  coalesce,
  nullif,
  type CaseWhen,
  type CastTarget,
} from './views/build/conditional.ts'
export { datePart, dateTrunc } from './views/build/dates.ts'
export { between, isDistinctFrom, isNotDistinctFrom } from './views/build/distinctness.ts'
export type { Expression, MovingTime } from './views/build/expression.ts'
export { arrayContains, arrayLength } from './views/build/lists.ts'
export { explain } from './views/explain/explain.ts'
export type {
  ExplainedChange,
  ExplainedColumn,
  ExplainedFactor,
  ExplainedIndex,
  ExplainedState,
  ExplainedStep,
  ExplainedTable,
  Explanation,
} from './views/explain/explanation.ts'
export { and, not, or } from './views/build/logic.ts'
export { nowMinus, type Interval } from './views/build/moving-time.ts'
export { asc, desc, type Order, type OrderOptions } from './views/build/order.ts'
export type { Query, QueryStart } from './views/build/query-builder.ts'
export { nest } from './views/build/nest.ts'
export { except, intersect, union, unionAll } from './views/build/set-operations.ts'
export { arrayAgg, jsonAgg, stringAgg } from './views/build/ordered-aggregates.ts'
export type { ViewIr } from './views/view-ir.ts'
export {
  concat,
  ilike,
  length,
  like,
  lower,
  replace,
  startsWith,
  substring,
  trim,
  upper,
  type LikeOptions,
} from './views/build/text.ts'
