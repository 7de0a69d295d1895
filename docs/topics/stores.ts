/**
 * Views outside of the process: derived tables and columns in Postgres, rows in Redis, and the port for stores of your
 * own.
 *
 * @module Stores
 */
export type {
  ColumnsOptions,
  StoreOptions,
  StoreTarget,
  TableOptions,
} from '../../src/engine/store-options.ts'
export type { StoreState, StoreStatus } from '../../src/engine/store-writer.ts'
export { redisStore, type RedisStoreOptions } from '../../src/stores/redis/redis-store.ts'
export { redisKey } from '../../src/stores/redis/redis-key.ts'
export { redisPosition, type RedisPosition } from '../../src/stores/redis/redis-position.ts'
export type { RedisClient } from '../../src/stores/redis/redis-client.ts'
export type {
  StoreBatch,
  StoredColumn,
  StoredValues,
  StoredView,
  ViewStore,
} from '../../src/stores/view-store.ts'
