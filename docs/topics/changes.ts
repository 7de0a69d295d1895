/**
 * Changes of rows, in commit order, at least once: handlers, messages, sinks, and whole transactions.
 *
 * @module Changes and handlers
 */
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
} from '../../src/changes/change.ts'
export type { OnError } from '../../src/engine/attempt.ts'
export type { ConsumerOptions, ModelRef } from '../../src/engine/consumer-options.ts'
export {
  message,
  type MessageConsumer,
  type StandardResult,
  type StandardSchema,
} from '../../src/engine/message.ts'
export {
  sink,
  type Sink,
  type SinkKey,
  type SinkKeys,
  type SinkModel,
  type SinkOptions,
  type SinkRow,
  type SinkRows,
} from '../../src/engine/sink.ts'
export { changeCodec, keyCodec, rowCodec, type JsonCodec } from '../../src/json/json-codecs.ts'
export type { ChangeOf, ModelIn } from '../../src/engine/sync.ts'
export type { SyncTransaction } from '../../src/engine/transaction-feed.ts'
