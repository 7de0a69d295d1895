import { Backoff, sleep } from '../core/backoff.ts'
import { DbsyncError, toDbsyncError } from '../core/errors.ts'
import { ZERO_LSN, type Lsn } from '../core/lsn.ts'
import type { AnyChange } from '../changes/change.ts'
import type { EventDecoder } from '../changes/event-decoder.ts'
import type { Transaction } from '../wal/transaction.ts'

/** Handlers of one model, by kind of change. */
export type ModelHandlers = Readonly<
  Partial<Record<AnyChange['op'], (change: AnyChange) => void | Promise<void>>>
>

/** How often a failing handler is called for one change before the sync stops. */
export interface HandlerPolicy {
  readonly attempts: number
}

/** After so long the event loop gets its turn. */
const MAX_TURN_MS = 20

/** What the queue reports. */
export interface HandlerHost {
  /** Everything up to this position has been handled. */
  onHandled(position: Lsn): void
  /** A handler threw and will be called again with the same change. */
  onRetry(model: string, op: string, attempt: number, error: unknown): void
  /** A handler's attempts are used up. */
  onFailed(error: DbsyncError): void
}

/**
 * Calls handlers one at a time, in commit order, each awaited before the next.
 *
 * A transaction counts as handled once its last handler has returned; the slot is confirmed no further. So each change is
 * handled at least once: after a crash in the middle of a transaction all of it comes again.
 */
export class HandlerQueue {
  readonly #decoder: EventDecoder
  readonly #handlers: ReadonlyMap<string, ModelHandlers>
  readonly #policy: HandlerPolicy
  readonly #host: HandlerHost
  readonly #stop = new AbortController()
  #queue: Transaction[] = []
  #bytes = 0
  #handled: Lsn = ZERO_LSN
  #work: Promise<void> | null = null
  #isFailed = false
  #lastYieldMs = 0

  constructor(
    decoder: EventDecoder,
    handlers: ReadonlyMap<string, ModelHandlers>,
    policy: HandlerPolicy,
    host: HandlerHost,
  ) {
    this.#decoder = decoder
    this.#handlers = handlers
    this.#policy = policy
    this.#host = host
  }

  /** Bytes of stream that wait for their handlers. */
  get bytes(): number {
    return this.#bytes
  }

  /** Whether every transaction given so far has been handled. */
  get isIdle(): boolean {
    return this.#work === null && !this.#isFailed && !this.#stop.signal.aborted
  }

  /** The end of the last transaction that was handled whole. */
  get handled(): Lsn {
    return this.#handled
  }

  /** Adds a transaction, in commit order. */
  push(transaction: Transaction): void {
    if (this.#isFailed || this.#stop.signal.aborted) return
    this.#queue.push(transaction)
    this.#bytes += transaction.bytes
    this.#work ??= this.#run()
  }

  /** Waits for the transaction in hand, at most `graceMs`, and drops the others; they come again from the slot. */
  async close(graceMs: number): Promise<void> {
    this.#queue = []
    this.#bytes = 0
    this.#stop.abort(new DbsyncError('SYNC.CLOSED', 'The sync is closed.'))
    const work = this.#work
    if (work === null) return
    let timer: NodeJS.Timeout | undefined
    const grace = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, graceMs)
    })
    await Promise.race([work, grace])
    clearTimeout(timer)
  }

  async #run(): Promise<void> {
    // Off the stream's turn.
    await Promise.resolve()
    try {
      for (let next = this.#queue[0]; next !== undefined; next = this.#queue[0]) {
        const isWhole = await this.#handle(next)
        if (!isWhole) return
        this.#queue.shift()
        this.#bytes = Math.max(0, this.#bytes - next.bytes)
        this.#handled = next.endLsn
        this.#host.onHandled(next.endLsn)
        if (this.#stop.signal.aborted) return
      }
      this.#work = null
    } catch (error) {
      this.#work = null
      if (this.#stop.signal.aborted) return
      this.#isFailed = true
      this.#queue = []
      this.#bytes = 0
      this.#host.onFailed(toDbsyncError(error))
    }
  }

  /** Whether the transaction was handled to its end. */
  async #handle(transaction: Transaction): Promise<boolean> {
    for (const change of this.#decoder.changes(transaction)) {
      if (this.#stop.signal.aborted) return false
      const handler = this.#handlers.get(change.model)?.[change.op]
      if (handler === undefined) continue
      await this.#call(handler, change)
      // Handlers that do not wait for anything would keep timers and sockets waiting.
      if (performance.now() - this.#lastYieldMs > MAX_TURN_MS) {
        await new Promise((resolve) => setImmediate(resolve))
        this.#lastYieldMs = performance.now()
      }
    }
    return true
  }

  async #call(handler: (change: AnyChange) => void | Promise<void>, change: AnyChange): Promise<void> {
    const backoff = new Backoff()
    for (let attempt = 1; ; attempt += 1) {
      try {
        await handler(change)
        return
      } catch (error) {
        if (attempt >= this.#policy.attempts) {
          throw new DbsyncError(
            'HANDLER.FAILED',
            `The ${change.op} handler of ${change.model} threw ${attempt} times for one change (see cause). The sync ` +
              'stops and confirms nothing further, so the change comes again when it is started with a handler that works.',
            { details: { model: change.model, op: change.op, attempts: attempt }, cause: error },
          )
        }
        this.#host.onRetry(change.model, change.op, attempt, error)
        await sleep(backoff.nextMs(), this.#stop.signal)
      }
    }
  }
}
