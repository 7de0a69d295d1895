import { DbsyncError } from '../core/errors.ts'
import { ZERO_LSN } from '../core/lsn.ts'
import type { EventDecoder, Wanted } from '../changes/event-decoder.ts'
import type { Span } from '../wal/transaction.ts'
import { attempt, type ErrorPolicy } from './attempt.ts'
import { ConsumerQueue, type QueueItem } from './consumer-queue.ts'
import type { Consumer } from './consumers.ts'
import type { HandlerHost } from './handler-consumer.ts'
import { settleWithin } from './settle-within.ts'
import { SinkBatch, type SinkCall } from './sink-batch.ts'
import type { Sink } from './sink.ts'
import { Turn } from './turn.ts'

/** Stream bytes after which a batch ends, however few keys they were for. */
const MAX_BATCH_BYTES = 32 * 1024 * 1024

/** Folds transactions into batches and gives them to a sink, one after the other. */
export class SinkConsumer implements Consumer {
  readonly queue: ConsumerQueue
  readonly readModels: ReadonlySet<string>
  readonly #decoder: EventDecoder
  readonly #sink: Sink
  readonly #policy: ErrorPolicy
  readonly #host: HandlerHost
  readonly #wanted: Wanted
  readonly #batch: SinkBatch
  readonly #turn = new Turn()
  readonly #work: Promise<void>
  /** When the batch must end; null while it is empty. */
  #deadlineMs: number | null = null
  /** Bytes of stream since the last call. */
  #bytes = 0

  /** `order`: all models of the schema, those that others refer to first. */
  constructor(
    decoder: EventDecoder,
    sink: Sink,
    order: readonly string[],
    policy: ErrorPolicy,
    host: HandlerHost,
  ) {
    this.queue = new ConsumerQueue(host)
    this.readModels = new Set(sink.models ?? order)
    this.#decoder = decoder
    this.#sink = sink
    this.#policy = policy
    this.#host = host
    this.#wanted = { models: this.readModels, messages: false }
    this.#batch = new SinkBatch(order)
    this.#work = this.queue.run(
      () => this.#take(),
      (error) => host.onFailed(error),
    )
  }

  async close(reason: Error, graceMs: number): Promise<void> {
    this.queue.close(reason)
    await settleWithin(this.#work, graceMs)
  }

  async #take(): Promise<void> {
    for (;;) {
      const item = await this.queue.next(this.#waitMs())
      if (item === null) return
      if (item !== 'timeout') {
        await this.#fold(item)
        if (this.queue.isOver) return
      }
      if (this.#batch.isEmpty) this.queue.finish()
      else if (this.#isFull() || this.#waitMs() === 0) {
        if (!(await this.#flush())) return
        this.queue.finish()
      }
    }
  }

  /** How long the batch may still grow; null while it is empty. */
  #waitMs(): number | null {
    return this.#deadlineMs === null ? null : Math.max(0, this.#deadlineMs - performance.now())
  }

  #isFull(): boolean {
    return this.#batch.size >= this.#sink.maxRows || this.#bytes > MAX_BATCH_BYTES
  }

  async #fold(item: QueueItem): Promise<void> {
    // Of this item alone: a transaction that is larger than a batch is written in pieces, others only as a whole.
    let changes = 0
    let bytes = 0
    const count = (length: number): void => {
      bytes += length
      this.#bytes += length
    }
    const events =
      item.kind === 'read'
        ? item.changes
        : this.#decoder.events(
            { ...item.transaction, spans: counted(item.transaction.spans, count) },
            this.#wanted,
          )
    for (const event of events) {
      if (event.op === 'message') continue
      if (changes >= this.#sink.maxRows || bytes > MAX_BATCH_BYTES) {
        if (this.#isFull() && !(await this.#flush())) return
        changes = 0
        bytes = 0
      }
      this.#add(event)
      changes += 1
      if (this.#turn.isOver) await this.#turn.yield()
      if (this.queue.isOver) return
    }
    this.queue.releaseFiles()
  }

  #add(change: Parameters<SinkBatch['add']>[0]): void {
    if (change.op === 'truncate' && this.#sink.truncate === null) {
      throw new DbsyncError(
        'SINK.TRUNCATED',
        `The table of ${change.model} was truncated, and its sink has no truncate callback, so what it holds cannot follow. Give it ` +
          'one and start again; nothing was confirmed.',
        { details: { model: change.model } },
      )
    }
    if (this.#batch.isEmpty) this.#deadlineMs = performance.now() + this.#sink.maxMs
    this.#batch.add(change)
  }

  /** Gives the batch to the sink; false if that was ended by closing. */
  async #flush(): Promise<boolean> {
    const lsn = this.#batch.lsn ?? ZERO_LSN
    this.#deadlineMs = null
    this.#bytes = 0
    for (const call of this.#batch.drain(this.#sink.maxRows)) {
      if (this.queue.isOver) return false
      await attempt(
        () => this.#call(call),
        () => ({ model: call.model, op: call.op, lsn, seq: null }),
        { policy: this.#policy, host: this.#host, signal: this.queue.signal },
      )
    }
    return true
  }

  #call({ op, model, items }: SinkCall): unknown {
    if (op === 'upsert') return this.#sink.upsert(model, items)
    return op === 'delete' ? this.#sink.delete(model, items) : this.#sink.truncate?.(model)
  }
}

/** The same spans; `note` is told the bytes of each before it is used. */
function* counted(spans: Iterable<Span>, note: (bytes: number) => void): Generator<Span, void> {
  for (const span of spans) {
    note(span.to - span.from)
    yield span
  }
}
