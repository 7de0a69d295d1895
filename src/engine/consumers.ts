import { minLsn, type Lsn } from '../core/lsn.ts'
import type { AnyChange } from '../changes/change.ts'
import type { ConsumedTransaction, ConsumerQueue } from './consumer-queue.ts'

/** Who is given every change: the handlers, a sink, a reader of `sync.changes()`. */
export interface Consumer {
  readonly queue: ConsumerQueue
  /** Models whose rows it wants when their tables are read. */
  readonly readModels: ReadonlySet<string>
  /** Lets what is in hand finish, at most `graceMs`, and drops the rest. */
  close(reason: Error, graceMs: number): Promise<void>
}

/** From so much waiting memory, or so much waiting in files, the stream is paused. */
const PAUSE_BYTES = 32 * 1024 * 1024
const PAUSE_FILE_BYTES = 1024 * 1024 * 1024
/** At so little it goes on. */
const RESUME_BYTES = 8 * 1024 * 1024
/** What a row takes that was read and waits, beside its text. */
const READ_ROW_BYTES = 512

/** All consumers of a sync. Each is given every transaction; the slowest decides how far the slot may be confirmed. */
export class Consumers {
  readonly #consumers = new Set<Consumer>()

  add(consumer: Consumer): void {
    this.#consumers.add(consumer)
  }

  /** From now on it holds nothing back. */
  remove(consumer: Consumer): void {
    this.#consumers.delete(consumer)
    consumer.queue.abandonReads()
  }

  /** Whether so much waits that the stream must wait too. */
  get isFull(): boolean {
    for (const { queue } of this.#consumers) {
      if (queue.bytes > PAUSE_BYTES || queue.fileBytes > PAUSE_FILE_BYTES) return true
    }
    return false
  }

  /** Whether a stream that waits may go on. */
  get hasRoom(): boolean {
    for (const { queue } of this.#consumers) {
      if (queue.bytes > RESUME_BYTES || queue.fileBytes > PAUSE_FILE_BYTES) return false
    }
    return true
  }

  /** Gives a transaction to every consumer, in commit order. */
  push(transaction: ConsumedTransaction): void {
    for (const { queue } of this.#consumers) queue.push(transaction)
  }

  /** Whether somebody wants the rows of the model when its table is read. */
  wantsRead(model: string): boolean {
    for (const { readModels } of this.#consumers) if (readModels.has(model)) return true
    return false
  }

  /**
   * Gives rows that were read (`readChanges`; of one model; so many `bytes` of text) to the consumers that want them, behind the
   * transactions given so far. `onHandled` is called once all of them have handled the rows; never, if nobody has: all that wanted
   * them are gone.
   */
  pushRead(model: string, changes: readonly AnyChange[], bytes: number, onHandled: () => void): void {
    const wanting = [...this.#consumers].filter(({ readModels }) => readModels.has(model))
    let left = wanting.length
    let isHandled = false
    const end = (byHandling: boolean): void => {
      left -= 1
      isHandled ||= byHandling
      if (left === 0 && isHandled) onHandled()
    }
    if (changes.length === 0) {
      if (left > 0) onHandled()
      return
    }
    for (const { queue } of wanting) {
      queue.pushRead({
        changes,
        bytes: bytes + changes.length * READ_ROW_BYTES,
        onHandled: () => end(true),
        onAbandoned: () => end(false),
      })
    }
  }

  /** How far all have come, given that everything before `settled` is dealt with otherwise. */
  handledLsn(settled: Lsn): Lsn {
    let least = settled
    for (const { queue } of this.#consumers) {
      if (!queue.isIdle) least = minLsn(least, queue.handled)
    }
    return least
  }

  /** Closes all; none is removed, so that what they have not handled stays unconfirmed. */
  async close(reason: Error, graceMs: number): Promise<void> {
    await Promise.all([...this.#consumers].map((consumer) => consumer.close(reason, graceMs)))
  }
}
