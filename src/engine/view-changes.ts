import { sleep } from '../core/backoff.ts'
import { DbsyncError, isDbsyncError } from '../core/errors.ts'
import type { ControlSession } from '../postgres/control-session.ts'
import type { ViewCell } from '../stores/memory-view.ts'
import { compileViews } from '../views/compile/compile.ts'
import type { ViewDefinition } from '../views/define-view.ts'
import { modelsOf } from '../views/models-of.ts'
import { awaitTableWriters } from './await-table-writers.ts'
import { checkDatabase, readEstimates, tableNeeds } from './check-database.ts'
import type { DriftWatch } from './drift-watch.ts'
import { hydrate } from './hydrate.ts'
import type { OpenedStream } from './open-stream.ts'
import { checkViewSchema, type CheckedOptions } from './options.ts'
import type { Pipeline } from './pipeline.ts'
import { Replica } from './replica.ts'
import type { TableReader } from './table-reader.ts'
import type { ViewCells } from './view-cells.ts'

/** What a sync whose views are live is made of. */
export interface LiveSync {
  readonly replica: Replica
  readonly reader: TableReader
  readonly opened: OpenedStream
}

/** What adding views to a running sync needs of it. */
export interface ViewChangesHost {
  readonly control: ControlSession
  readonly options: CheckedOptions
  readonly pipeline: Pipeline
  readonly cells: ViewCells
  readonly signal: AbortSignal
  /** Resolves when the views are live. Throws: what stopped the sync. */
  ready(): Promise<void>
  /** Null while the views are not live. */
  live(): LiveSync | null
  /** Watches the tables of a replica that is about to be read. */
  watch(replica: Replica, opened: OpenedStream): Promise<DriftWatch>
  /** The replica takes the place of the one that readers see, which shows the same. */
  replace(replica: Replica, opened: OpenedStream, watch: DriftWatch): void
  onProgress(replica: Replica): void
  readonly onWait: (reason: string) => void
}

const POLL_MS = 20

/**
 * Views that are added to a running sync, one after the other.
 *
 * Where the tables hold what the view needs it is filled from them, in one synchronous block. Else another replica, of all
 * views, is fed by the same stream and read beside the one that readers see, and takes its place once it is covered. The
 * stream goes on all the while, so consumers and the other views notice nothing.
 */
export class ViewChanges {
  readonly #host: ViewChangesHost
  #last: Promise<unknown> = Promise.resolve()
  #beside: Replica | null = null

  constructor(host: ViewChangesHost) {
    this.#host = host
  }

  /** The replica that is being read for a view to come. */
  get beside(): Replica | null {
    return this.#beside
  }

  /** What is being read is worth nothing: the stream or a table is another one. It is begun anew once the views are live. */
  abandon(): void {
    this.#beside?.abandon()
    this.#beside = null
    this.#host.pipeline.feedBeside(null)
  }

  /**
   * Adds a view; resolves with its cell once it is live. What fails leaves everything as it was.
   *
   * Throws: CONFIG.INVALID_OPTIONS, CONFIG.DUPLICATE_VIEW, VIEW.*, what is wrong with its tables, what stopped the sync.
   */
  add(view: ViewDefinition): Promise<ViewCell> {
    const work = this.#last.then(() => this.#add(view))
    this.#last = work.catch(() => {})
    return work
  }

  async #add(view: ViewDefinition): Promise<ViewCell> {
    const { options, cells, signal } = this.#host
    checkViewSchema(options.schema, view, 'addView')
    // Before anything is touched: what cannot be compiled.
    compileViews(options.schema, [view.ir])
    for (;;) {
      await this.#host.ready()
      signal.throwIfAborted()
      if (cells.definitions.some(({ name }) => name === view.name)) {
        throw new DbsyncError(
          'CONFIG.DUPLICATE_VIEW',
          `addView was given a view named "${view.name}", and the sync has one of that name. Rename it, or remove the other.`,
          { details: { view: view.name } },
        )
      }
      const live = this.#liveNow()
      const cell =
        live === null ? null : (this.#addInPlace(view, live) ?? (await this.#addBeside(view, live)))
      if (cell !== null) return cell
      await sleep(POLL_MS, signal)
    }
  }

  /** The sync between two transactions; null while there is no such moment. */
  #liveNow(): LiveSync | null {
    return this.#host.pipeline.isMidTransaction ? null : this.#host.live()
  }

  /** Null, with nothing changed, where the tables lack a column or an index. */
  #addInPlace(view: ViewDefinition, { replica }: LiveSync): ViewCell | null {
    const { cells, pipeline } = this.#host
    for (const model of modelsOf(view.ir.query)) {
      const failure = replica.failureOf(model)
      if (failure !== null) throw failure
    }
    pipeline.settleStep()
    // Whether some row has no value is known then.
    if (!replica.addView(view)) return null
    const state = replica.compiled.views.get(view.name)
    if (state === undefined) return null
    if (state.failure !== null) {
      replica.removeView(view.name)
      throw state.failure
    }
    const cell = cells.add(view)
    cell.goLive(state)()
    cells.keepTime(replica)
    return cell
  }

  /** Null if it has to be tried again: the stream was lost, or a table changed while it was read. */
  async #addBeside(view: ViewDefinition, live: LiveSync): Promise<ViewCell | null> {
    try {
      const { next, opened } = await this.#prepare(view, live)
      const watch = await this.#host.watch(next, opened)
      try {
        if (!(await this.#begin(view, next, live))) return null
        await this.#read(next, live, opened)
        if (!(await this.#reachWhole(next)) || watch.hasDoubts) return null
        return this.#show(view, { next, opened, watch }, live)
      } finally {
        if (this.#beside === next) this.abandon()
        if (this.#host.live()?.replica !== next) watch.stop()
      }
    } catch (error) {
      // Nobody knows yet that the stream is gone, or it is back already.
      if (isAway(error) || this.#host.live()?.opened !== live.opened) return null
      throw error
    }
  }

  /** Checks the tables, sees to the publication, and makes the replica. */
  async #prepare(
    view: ViewDefinition,
    live: LiveSync,
  ): Promise<{ readonly next: Replica; readonly opened: OpenedStream }> {
    const { control, options, pipeline, cells, signal, onWait } = this.#host
    const compiled = cells.compile([view])
    const needs = tableNeeds(options, compiled)
    const wasLive = live.replica.failure !== null
    const { checked, broken } = await checkDatabase({ control, options, signal, wasLive, onWait }, needs)
    const estimates = await readEstimates(control, checked)
    const next = new Replica(compiled, checked.tables, estimates, pipeline.unsettled, options.clock)
    for (const [model, error] of broken) next.breakTable(model, error)
    return { next, opened: { ...live.opened, checked, needs, estimates, broken } }
  }

  /** Has the stream fed to the replica, from between two transactions on; false if the stream is another by now. */
  async #begin(view: ViewDefinition, next: Replica, live: LiveSync): Promise<boolean> {
    const { cells, pipeline, signal } = this.#host
    while (this.#liveNow()?.opened !== live.opened) {
      if (this.#host.live()?.opened !== live.opened) return false
      await sleep(POLL_MS, signal)
    }
    const wanted = new Set([view, ...cells.definitions].map(({ name }) => name))
    // Some may have been removed meanwhile.
    for (const name of next.compiled.views.keys()) if (!wanted.has(name)) next.removeView(name)
    this.#beside = next
    pipeline.feedBeside(next)
    return true
  }

  async #read(next: Replica, { reader }: LiveSync, { checked }: OpenedStream): Promise<void> {
    const { control, signal, onWait } = this.#host
    // What they wrote before was not kept, or not streamed at all: the chunks must see it.
    await awaitTableWriters(control, checked, signal, onWait)
    await hydrate(next, reader, () => this.#host.onProgress(next))
  }

  /** Waits for the end of a transaction that is applied in pieces; false if the replica was abandoned. */
  async #reachWhole(next: Replica): Promise<boolean> {
    while (this.#beside === next) {
      if (this.#liveNow() !== null) return true
      await sleep(POLL_MS, this.#host.signal)
    }
    return false
  }

  #show(
    view: ViewDefinition,
    made: { readonly next: Replica; readonly opened: OpenedStream; readonly watch: DriftWatch },
    live: LiveSync,
  ): ViewCell {
    const { pipeline, cells } = this.#host
    const { next, opened, watch } = made
    const read = modelsOf(view.ir.query)
    for (const { model } of next.tables) {
      const failure = next.failureOf(model.model)
      if (failure === null) continue
      if (read.includes(model.model) || live.replica.failureOf(model.model) === null) throw failure
    }
    pipeline.settleStep()
    next.flushLike(live.replica)
    const failure = next.compiled.views.get(view.name)?.failure ?? null
    if (failure !== null) throw failure
    this.#beside = null
    const cell = cells.add(view)
    this.#host.replace(next, opened, watch)
    live.replica.abandon()
    return cell
  }
}

function isAway(error: unknown): boolean {
  return (
    isDbsyncError(error, 'POSTGRES.CONNECTION_LOST') || isDbsyncError(error, 'POSTGRES.CONNECTION_REFUSED')
  )
}
