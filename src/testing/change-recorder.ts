import { AssertionError } from 'node:assert'
import { setTimeout as sleep } from 'node:timers/promises'
import { inspect } from 'node:util'
import type { AnyChange, MessageEvent } from '../changes/change.ts'
import type { SyncTransaction, TransactionFeed } from '../engine/transaction-feed.ts'

/** One transaction, kept. */
export interface RecordedTransaction<Change = AnyChange> extends Omit<SyncTransaction, 'changes'> {
  readonly changes: readonly (Change | MessageEvent)[]
}

/** What {@link ChangeRecorder.next} waits for: of a model, of a kind, or both. */
export interface ChangeMatch<Model = string, Op = string> {
  readonly model?: Model
  readonly op?: Op
}

type Fits<Change, Match, Name extends 'model' | 'op'> =
  Match extends Readonly<Record<Name, infer Wanted>>
    ? Change extends Readonly<Record<Name, infer Has>>
      ? Wanted extends Has
        ? true
        : false
      : false
    : true

/** Those of a union of changes that a {@link ChangeMatch} means. */
export type MatchedChange<Change, Match> = Change extends unknown
  ? [Fits<Change, Match, 'model'>, Fits<Change, Match, 'op'>] extends [true, true]
    ? Change
    : never
  : never

type ModelName<Change> = Change extends { readonly model: infer Model } ? Model : never
type OpName<Change> = Change extends { readonly op: infer Op } ? Op : never

/** The changes of a sync, in order, for assertions. */
export interface ChangeRecorder<Change = AnyChange> extends AsyncDisposable {
  /** Every change and logical message so far. */
  readonly all: readonly (Change | MessageEvent)[]
  /** The same, by transaction. */
  readonly transactions: readonly RecordedTransaction<Change>[]
  /**
   * Resolves with the first change that matches, of those behind the one that the last call of `next` gave; those in between are passed
   * over. Rejects with an `AssertionError` that lists what came instead if there is none within `timeoutMs` (default: 5 000), and with what
   * stopped the sync.
   */
  next<const Match extends ChangeMatch<ModelName<Change>, OpName<Change | MessageEvent>>>(
    match: Match,
    options?: { readonly timeoutMs?: number },
  ): Promise<MatchedChange<Change | MessageEvent, Match>>
  next(
    match?: (change: Change | MessageEvent) => boolean,
    options?: { readonly timeoutMs?: number },
  ): Promise<Change | MessageEvent>
  /** Resolves once everything that was committed before this call is recorded. Throws: what stopped the sync. */
  settled(): Promise<void>
  /** Forgets what was recorded. */
  clear(): void
  /** Ends the recording; what was recorded can still be read. So does the end of the sync. */
  close(): Promise<void>
}

const TURN_MS = 1
/** How many changes a message lists. */
const LISTED = 10

/** A reader that keeps what it is given. */
export class Recorder<Change> implements ChangeRecorder<Change> {
  readonly #feed: TransactionFeed
  readonly #catchUp: () => Promise<unknown>
  readonly #recording: Promise<void>
  readonly #waiting = new Set<() => void>()
  #transactions: RecordedTransaction<Change>[] = []
  #all: (Change | MessageEvent)[] = []
  /** Behind what `next` has given. */
  #at = 0
  #end: { readonly failure: unknown } | null = null

  constructor(feed: TransactionFeed, catchUp: () => Promise<unknown>) {
    this.#feed = feed
    this.#catchUp = catchUp
    this.#recording = this.#record()
  }

  get all(): readonly (Change | MessageEvent)[] {
    return this.#all
  }

  get transactions(): readonly RecordedTransaction<Change>[] {
    return this.#transactions
  }

  async next(match: unknown = {}, options: { readonly timeoutMs?: number } = {}): Promise<never> {
    const timeoutMs = options.timeoutMs ?? 5_000
    const deadline = performance.now() + timeoutMs
    for (;;) {
      const found = this.#all.findIndex((change, index) => index >= this.#at && isMatch(change, match))
      if (found >= 0) {
        this.#at = found + 1
        // It fits the match; only the overloads know its type.
        // oxlint-disable-next-line typescript/no-unsafe-type-assertion
        return this.#all[found] as never
      }
      const leftMs = deadline - performance.now()
      if (this.#end !== null) throw this.#ended()
      if (leftMs <= 0) throw this.#notCome(match, timeoutMs)
      await this.#arrival(leftMs)
    }
  }

  async settled(): Promise<void> {
    await this.#catchUp()
    // By then it has been given to every reader of the sync; this one may not have come to it.
    while (this.#end === null && !this.#feed.queue.isIdle) await sleep(TURN_MS)
    if (this.#end !== null) throw this.#ended()
  }

  clear(): void {
    this.#transactions = []
    this.#all = []
    this.#at = 0
  }

  async close(): Promise<void> {
    await this.#feed.return()
    await this.#recording
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #record(): Promise<void> {
    try {
      for await (const transaction of this.#feed) {
        // The feed gives changes of all models that the sync offers, which are those of the type.
        // oxlint-disable-next-line typescript/no-unsafe-type-assertion
        const changes = [...transaction.changes] as (Change | MessageEvent)[]
        this.#transactions.push({ ...transaction, changes })
        this.#all.push(...changes)
        this.#tell()
      }
      this.#end = { failure: null }
    } catch (error) {
      this.#end = { failure: error }
    }
    this.#tell()
  }

  #tell(): void {
    for (const wake of this.#waiting) wake()
  }

  #arrival(timeoutMs: number): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        clearTimeout(timer)
        this.#waiting.delete(wake)
        resolve()
      }
      const timer = setTimeout(wake, timeoutMs)
      this.#waiting.add(wake)
    })
  }

  #ended(): unknown {
    return (
      this.#end?.failure ??
      new AssertionError({ message: 'The recording has ended, with the sync or by close().' })
    )
  }

  #notCome(match: unknown, timeoutMs: number): AssertionError {
    const wanted =
      typeof match === 'function' ? 'change that the function takes' : `change like ${inspect(match)}`
    const seen = this.#all.slice(this.#at)
    const lines = seen.slice(0, LISTED).map((change) => `\n  ${describe(change)}`)
    const more = seen.length > LISTED ? `\n  and ${seen.length - LISTED} more` : ''
    const instead = seen.length === 0 ? 'Nothing else came.' : `What came instead:${lines.join('')}${more}`
    return new AssertionError({ message: `No ${wanted} came within ${timeoutMs} ms. ${instead}` })
  }
}

function isMatch(change: unknown, match: unknown): boolean {
  if (typeof match === 'function') return Boolean(match(change))
  const wanted: readonly [string, unknown][] =
    typeof match === 'object' && match !== null ? Object.entries(match) : []
  return (
    typeof change === 'object' &&
    change !== null &&
    wanted.every(([name, value]) => value === undefined || Reflect.get(change, name) === value)
  )
}

/** A change in one line, by its key. */
function describe(change: unknown): string {
  if (typeof change !== 'object' || change === null) return inspect(change)
  const { model, op, prefix, key }: { model?: unknown; op?: unknown; prefix?: unknown; key?: unknown } =
    change
  const what = `${String(model ?? prefix)} ${String(op)}`
  return key === undefined ? what : `${what} ${inspect(key, { breakLength: Infinity })}`
}
