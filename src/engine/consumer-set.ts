import type { DbsyncError } from '../core/errors.ts'
import type { Xid8 } from '../core/xid.ts'
import type { ModelContract, Schema } from '../contract/schema-contract.ts'
import type { TransactionInfo } from '../changes/change.ts'
import { EventDecoder } from '../changes/event-decoder.ts'
import { readChanges } from '../changes/read-events.ts'
import type { Chunk } from '../snapshot/chunk-reader.ts'
import type { Unsettled } from '../snapshot/unsettled.ts'
import { Consumers } from './consumers.ts'
import { HandlerConsumer, type HandlerHost } from './handler-consumer.ts'
import type { CheckedOptions } from './options.ts'
import type { PipelineConsumers } from './pipeline.ts'
import { referredFirst } from './sink-batch.ts'
import { SinkConsumer } from './sink-consumer.ts'
import { TransactionFeed } from './transaction-feed.ts'

/** What the consumers of a sync need of it. */
export interface ConsumerSetHost {
  /** A 64-bit transaction id of about the stream's start. */
  xidReference(): Xid8
  /** More may be confirmed. */
  onHandled(): void
  /** A stream that waits for consumers may go on. */
  onRoom(): void
  onFailed(error: DbsyncError): void
}

/** Makes the consumers that the options name, and readers as they come. */
export class ConsumerSet implements PipelineConsumers {
  readonly consumers = new Consumers()
  readonly mayRead: boolean
  readonly tempDir: string | null
  readonly #models = new Map<number, ModelContract>()
  readonly #schema: Schema
  readonly #decoder: EventDecoder
  readonly #host: ConsumerSetHost
  #isClosed = false

  constructor({ schema, consumers: options, onEvent }: CheckedOptions, host: ConsumerSetHost) {
    this.mayRead = options.mayRead
    this.tempDir = options.tempDir
    this.#schema = schema
    this.#host = host
    this.#decoder = new EventDecoder(schema, this.#models, () => host.xidReference())
    const handlerHost: HandlerHost = {
      ...this.#queueHost(),
      onRetry: (model, op, attempt, error) => onEvent({ kind: 'handler-retry', model, op, attempt, error }),
      onSkipped: (skipped) => onEvent({ kind: 'handler-skipped', ...skipped }),
    }
    if (options.handlers.size + options.messages.size > 0) {
      this.consumers.add(new HandlerConsumer(this.#decoder, options, handlerHost))
    }
    const order = referredFirst(schema.contract)
    for (const sink of options.sinks) {
      this.consumers.add(new SinkConsumer(this.#decoder, sink, order, options.policy, handlerHost))
    }
  }

  /** The tables of consumed models, by relation oid. A table that was made anew keeps its former oid for what is still to come. */
  noteModels(models: ReadonlyMap<number, ModelContract>): void {
    for (const [oid, model] of models) this.#models.set(oid, model)
  }

  /**
   * Gives the rows of a chunk to the consumers that want them, in their place behind the transactions given so far. At the chunk's merge,
   * before `mergeChunk`. `onHandled`: all of them have handled the rows; not called if the sync ends before.
   * Returns false, having given nothing, if the chunk must be read again. Throws: as `readChanges`.
   */
  pushChunk(
    chunk: Chunk,
    unsettled: Unsettled,
    at: Pick<TransactionInfo, 'lsn' | 'commitTime'>,
    onHandled: () => void,
  ): boolean {
    const source = { schema: this.#schema, decoder: this.#decoder, unsettled, at }
    const changes = readChanges(chunk, source)
    if (changes !== null) this.consumers.pushRead(chunk.table.model.model, changes, chunk.bytes, onHandled)
    return changes !== null
  }

  /** A reader of some models' changes, from the next transaction on. */
  open(models: ReadonlySet<string>, signal: AbortSignal | undefined): TransactionFeed {
    const feed: TransactionFeed = new TransactionFeed(this.#decoder, models, signal, {
      ...this.#queueHost(),
      onReturn: () => {
        // Not at once: a reader that left by an error, whose sync is closed for it, must get its transaction again.
        setImmediate(() => {
          if (this.#isClosed) return
          this.consumers.remove(feed)
          this.#host.onHandled()
          if (this.consumers.hasRoom) this.#host.onRoom()
        })
      },
    })
    this.consumers.add(feed)
    return feed
  }

  /** Closes all. What they have not handled stays unconfirmed. */
  async close(reason: Error, graceMs: number): Promise<void> {
    this.#isClosed = true
    await this.consumers.close(reason, graceMs)
  }

  #queueHost(): Pick<HandlerHost, 'onHandled' | 'onTaken' | 'onFailed'> {
    const onTaken = (): void => {
      if (this.consumers.hasRoom) this.#host.onRoom()
    }
    return {
      onHandled: () => this.#host.onHandled(),
      onTaken,
      onFailed: (error) => this.#host.onFailed(error),
    }
  }
}
