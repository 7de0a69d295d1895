import { sleep } from '../core/backoff.ts'
import { DbsyncError, isDbsyncError } from '../core/errors.ts'
import { formatLsn, parseLsn, type Lsn } from '../core/lsn.ts'
import type { ControlSession } from '../postgres/control-session.ts'
import { watermarkSql } from '../snapshot/chunk-query.ts'
import { abortable } from './abortable.ts'
import { Deferred } from './deferred.ts'
import type { Pipeline } from './pipeline.ts'

const TICK_MS = 50
const FIRST_NUDGE_MS = 100
const MAX_NUDGE_MS = 2_000

/** What it takes to have a stream come somewhere. */
export interface ReachHost {
  readonly control: ControlSession
  readonly pipeline: Pipeline
  /** Asks the server to say how far it has sent. */
  prompt(): void
  /** Ends with the sync. */
  readonly signal: AbortSignal
}

/** Somebody who waits for a position. */
interface Wait {
  readonly target: Lsn
  readonly end: Deferred
  /** When the server is to be nudged for it, by `performance.now`, and how long after that again. */
  dueMs: number
  nextMs: number
}

/**
 * Waits for positions of the stream, and sees to it that they come: an idle server may stand at a position that no record
 * ends at, or that is not flushed, and a commit of our own moves it on. However many wait, the server is nudged for all at once.
 */
export class StreamReach {
  readonly #host: ReachHost
  readonly #waits = new Set<Wait>()
  #isNudging = false
  /** The question for the end of the WAL that is on its way, and the next one. */
  #asking: Promise<Lsn> | null = null
  #askingNext: Promise<Lsn> | null = null

  constructor(host: ReachHost) {
    this.#host = host
    host.signal.addEventListener('abort', () => {
      for (const { end } of this.#waits) end.reject(host.signal.reason)
    })
  }

  /**
   * Resolves once everything before `target` has been delivered and applied; a session that is lost meanwhile is waited for.
   *
   * Throws: the signal's reason, or the sync's; POSTGRES.HISTORY for a position that the server's WAL does not have.
   */
  async to(target: Lsn, signal?: AbortSignal): Promise<void> {
    const { pipeline, signal: stopped } = this.#host
    if (pipeline.position >= target) return
    stopped.throwIfAborted()
    const end = new Deferred()
    const wait: Wait = {
      target,
      end,
      dueMs: performance.now() + FIRST_NUDGE_MS,
      nextMs: FIRST_NUDGE_MS * 2,
    }
    const forget = pipeline.whenAt(target, end.resolve)
    this.#waits.add(wait)
    void this.#nudge()
    this.#host.prompt()
    try {
      await abortable(end.promise, signal)
    } finally {
      this.#waits.delete(wait)
      forget()
    }
  }

  /**
   * Resolves once everything that was committed before the call has been delivered and applied.
   *
   * Throws: as `to`, and what the server refuses for good.
   */
  async toCurrentEnd(signal: AbortSignal): Promise<void> {
    await this.to(await this.#currentEnd(signal), signal)
  }

  /** Nudges while somebody waits for too long. Never throws. */
  async #nudge(): Promise<void> {
    if (this.#isNudging) return
    this.#isNudging = true
    try {
      while (this.#waits.size > 0) {
        await sleep(TICK_MS, this.#host.signal)
        const nowMs = performance.now()
        const due = [...this.#waits].filter(({ dueMs }) => dueMs <= nowMs)
        for (const wait of due) {
          wait.dueMs = nowMs + wait.nextMs
          wait.nextMs = Math.min(wait.nextMs * 2, MAX_NUDGE_MS)
        }
        if (due.length > 0) await this.#nudgeFor(due)
      }
    } catch {
      // The sync has ended, and whoever waits has been told.
    } finally {
      this.#isNudging = false
    }
  }

  async #nudgeFor(due: readonly Wait[]): Promise<void> {
    const { control } = this.#host
    try {
      const end = await this.#readEnd()
      for (const { target, end: wait } of due) if (target > end) wait.reject(beyond(target, end))
      if (due.every(({ target }) => target > end)) return
      await control.query(`BEGIN; SET LOCAL synchronous_commit = local; ${watermarkSql('nudge')}; COMMIT`)
    } catch {
      // A server that is away is waited for.
    }
    this.#host.prompt()
  }

  async #currentEnd(signal: AbortSignal): Promise<Lsn> {
    for (;;) {
      try {
        return await this.#readEnd()
      } catch (error) {
        signal.throwIfAborted()
        if (!isDbsyncError(error) || error.recovery === 'fix') throw error
        await sleep(FIRST_NUDGE_MS, signal)
      }
    }
  }

  /** The end of the WAL now. A question on its way may be answered already; all who come meanwhile share the next. */
  #readEnd(): Promise<Lsn> {
    if (this.#asking === null) return this.#ask()
    this.#askingNext ??= this.#asking
      .catch(() => {})
      .then(() => {
        this.#askingNext = null
        return this.#ask()
      })
    return this.#askingNext
  }

  #ask(): Promise<Lsn> {
    this.#asking = this.#host.control
      .query('SELECT pg_current_wal_insert_lsn()::text')
      .then(([row]) => parseLsn(row?.[0] ?? ''))
      .finally(() => {
        this.#asking = null
      })
    return this.#asking
  }
}

function beyond(target: Lsn, end: Lsn): DbsyncError {
  return new DbsyncError(
    'POSTGRES.HISTORY',
    `A position was waited for that the server does not have: ${formatLsn(target)}, while its WAL ends at ${formatLsn(end)}. ` +
      'It is of another server, or was lost in a failover; give one that this server has told.',
    { details: { target: formatLsn(target), end: formatLsn(end) } },
  )
}
