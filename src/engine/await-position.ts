import { sleep } from '../core/backoff.ts'
import { DbsyncError } from '../core/errors.ts'
import type { Lsn } from '../core/lsn.ts'
import { currentScope, outsideOfScope } from '../client/commit-scope.ts'
import type { AtOptions, ViewCell } from '../stores/memory-view.ts'
import { abortable } from './abortable.ts'
import type { TableWatch } from './watch-tables.ts'
import { StreamReach, type ReachHost } from './stream-reach.ts'

const RETRY_MS = 20

/** What waiting for a position needs of the sync. */
export interface PositionHost extends ReachHost {
  /** Whether every view is live. */
  isLive(): boolean
  /** Resolves when every view is live. Throws: what stopped the sync. */
  ready(): Promise<void>
  /** Over the tables: it knows whether the stream has passed changes over of which it is not known yet what becomes. */
  watch(): Pick<TableWatch, 'hasDoubts' | 'clearDoubts'>
  /** Resolves once everything before the position is written wherever views are written. */
  stored(position: Lsn): Promise<void>
  /** Resolves when a sync that is closing is closed. */
  closed(): Promise<void | null>
}

/** Waits until views show what was committed. */
export class AwaitPosition {
  readonly #host: PositionHost
  readonly #reach: StreamReach

  constructor(host: PositionHost) {
    this.#host = host
    this.#reach = new StreamReach(host)
  }

  /** Resolves once the stream has delivered what is committed now, whether views show it or not. Throws: as `StreamReach`. */
  reachEnd(signal: AbortSignal): Promise<void> {
    return this.#reach.toCurrentEnd(signal)
  }

  /** Resolves once what the views show is written wherever they are. Throws: what stopped the sync. */
  written(): Promise<Lsn> {
    return this.#untilClosed(async () => {
      const { position } = this.#host.pipeline
      await this.#host.stored(position)
      return position
    })
  }

  /** Resolves once what is committed now is in every view, and written wherever they are. Throws: what stopped the sync. */
  catchUp(): Promise<Lsn> {
    return this.#untilClosed(async () => {
      await this.#host.ready()
      await this.#reach.toCurrentEnd(this.#host.signal)
      // Changes that were passed over are in the views once their table has been read again.
      await this.#host.watch().clearDoubts()
      await this.#host.ready()
      const { position } = this.#host.pipeline
      await this.#host.stored(position)
      return position
    })
  }

  /**
   * Resolves once the view, or all of them wherever they are written, shows everything before `position`; null: whatever it shows. `undefined`: the last commit
   * of the scope in which it is called. A view that has failed or was removed is not waited for.
   *
   * Throws: SYNC.STATE, CONFIG.INVALID_OPTIONS, POSTGRES.HISTORY, the signal's reason, what stopped the sync.
   */
  at(
    position: Lsn | null | undefined,
    { signal }: AtOptions = {},
    view: ViewCell | null = null,
  ): Promise<Lsn> {
    const scope = currentScope()
    return this.#untilClosed(async () => {
      signal?.throwIfAborted()
      if (position === undefined && scope === null) throw outsideOfScope('at()')
      if (position === undefined && scope?.isUnknown === true) {
        await abortable(this.#host.ready(), signal)
        await this.#reach.toCurrentEnd(signal ?? this.#host.signal)
      }
      const target = checkPosition(position === undefined ? (scope?.last ?? null) : position)
      for (let isFirst = true; !this.#shows(target, view); isFirst = false) {
        if (!isFirst) await sleep(RETRY_MS, signal)
        if (!this.#isLive(view)) await abortable(this.#host.ready(), signal)
        if (target !== null) await this.#reach.to(target, signal)
        if (this.#host.watch().hasDoubts) await abortable(this.#host.watch().clearDoubts(), signal)
      }
      const { position: reached } = this.#host.pipeline
      if (view === null && target !== null) await abortable(this.#host.stored(target), signal)
      return reached
    })
  }

  #isLive(view: ViewCell | null): boolean {
    return view === null ? this.#host.isLive() : view.readiness === 'live'
  }

  #shows(target: Lsn | null, view: ViewCell | null): boolean {
    const { pipeline } = this.#host
    if (view?.readiness === 'failed' || view?.readiness === 'removed') return true
    const isReached = target === null || pipeline.position >= target
    return isReached && this.#isLive(view) && !this.#host.watch().hasDoubts
  }

  async #untilClosed(work: () => Promise<Lsn>): Promise<Lsn> {
    try {
      return await work()
    } catch (error) {
      // Whoever is told that the sync has stopped finds it so.
      await this.#host.closed()
      throw error
    }
  }
}

function checkPosition(position: unknown): Lsn | null {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a position is a bigint with a name
  if (position === null || typeof position === 'bigint') return position as Lsn | null
  throw new DbsyncError(
    'CONFIG.INVALID_OPTIONS',
    `at() was given a ${typeof position}; need a position as lastCommit(), catchUp() or parseLsn() give it.`,
  )
}
