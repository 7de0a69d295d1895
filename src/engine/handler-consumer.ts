import type { DbsyncError } from '../core/errors.ts'
import type { AnyChange, MessageEvent } from '../changes/change.ts'
import type { EventDecoder, Wanted } from '../changes/event-decoder.ts'
import { attempt, type AttemptHost, type ErrorPolicy } from './attempt.ts'
import { ConsumerQueue, type QueueHost, type QueueItem } from './consumer-queue.ts'
import type { Consumer } from './consumers.ts'
import type { MessageConsumer } from './message.ts'
import { settleWithin } from './settle-within.ts'
import { Turn } from './turn.ts'

/** Handlers of one model, by kind of change. */
export type ModelHandlers = Readonly<
  Partial<Record<AnyChange['op'], (change: AnyChange) => void | Promise<void>>>
>

/** What the handlers of a sync are, and what happens when they throw. */
export interface HandlerOptions {
  readonly handlers: ReadonlyMap<string, ModelHandlers>
  /** By prefix. */
  readonly messages: ReadonlyMap<string, MessageConsumer>
  readonly policy: ErrorPolicy
}

/** What handlers report. */
export interface HandlerHost extends QueueHost, AttemptHost {
  /** A handler has failed for good, or a change cannot be read. */
  onFailed(error: DbsyncError): void
}

/**
 * Calls handlers one at a time, in commit order, each awaited before the next.
 *
 * A transaction counts as handled once its last handler has returned. So each change is handled at least once: after a crash in
 * the middle of a transaction all of it comes again.
 */
export class HandlerConsumer implements Consumer {
  readonly queue: ConsumerQueue
  readonly readModels: ReadonlySet<string>
  readonly #decoder: EventDecoder
  readonly #options: HandlerOptions
  readonly #host: HandlerHost
  readonly #wanted: Wanted
  readonly #turn = new Turn()
  readonly #work: Promise<void>

  constructor(decoder: EventDecoder, options: HandlerOptions, host: HandlerHost) {
    this.queue = new ConsumerQueue(host)
    this.#decoder = decoder
    this.#options = options
    this.#host = host
    const { handlers, messages } = options
    this.readModels = new Set(
      [...handlers].flatMap(([model, { read }]) => (read === undefined ? [] : [model])),
    )
    this.#wanted = { models: new Set(handlers.keys()), messages: messages.size > 0 }
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
    for (let item = await this.queue.next(); item !== null; item = await this.queue.next()) {
      const isWhole = await this.#handle(item)
      if (!isWhole) return
      this.queue.finish()
    }
  }

  /** Whether the item was handled to its end. */
  async #handle(item: QueueItem): Promise<boolean> {
    const events = item.kind === 'read' ? item.changes : this.#decoder.events(item.transaction, this.#wanted)
    for (const event of events) {
      if (this.queue.isOver) return false
      const call = event.op === 'message' ? this.#messageCall(event) : this.#changeCall(event)
      if (call === null) continue
      await attempt(
        call,
        () => ({
          model: event.op === 'message' ? event.prefix : event.model,
          op: event.op,
          lsn: event.tx.lsn,
          seq: event.tx.seq,
        }),
        { policy: this.#options.policy, host: this.#host, signal: this.queue.signal },
      )
      if (this.#turn.isOver) await this.#turn.yield()
    }
    return true
  }

  #changeCall(change: AnyChange): (() => unknown) | null {
    const handler = this.#options.handlers.get(change.model)?.[change.op]
    return handler === undefined ? null : () => handler(change)
  }

  #messageCall(message: MessageEvent): (() => unknown) | null {
    const consumer = this.#options.messages.get(message.prefix)
    return consumer === undefined ? null : () => consumer.deliver(message)
  }
}
