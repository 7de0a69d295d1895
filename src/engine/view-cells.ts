import { DbsyncError } from '../core/errors.ts'
import type { Lsn } from '../core/lsn.ts'
import type { Unsettled } from '../snapshot/unsettled.ts'
import { ViewCell, type AtOptions } from '../stores/memory-view.ts'
import { compileViews } from '../views/compile/compile.ts'
import type { ViewDefinition } from '../views/define-view.ts'
import type { ViewNetwork } from '../views/compile/view-network.ts'
import { indexColumnsOf } from '../views/check/view-indexes.ts'
import type { CheckedOptions } from './options.ts'
import type { OpenedStream } from './open-stream.ts'
import { Replica } from './replica.ts'
import type { SyncStatus } from './sync.ts'

/** What the cells need of the sync. */
export interface ViewCellsHost {
  /** Everything before it is in the views that are live. */
  position(): Lsn
  /** Somebody began or stopped to listen. */
  onDemand(): void
  /** About once a second while a view has a moving time bound. */
  onTime(): void
  /** Resolves once the view shows everything before the position; undefined: the last commit of the caller's scope. */
  reach(cell: ViewCell, position: Lsn | null | undefined, options?: AtOptions): Promise<unknown>
}

const TICK_MS = 1000

/** The memory views of a sync, as their readers hold them: they outlive the replicas that fill them. */
export class ViewCells {
  /** By the names given to `createSync`. */
  readonly views: Readonly<Record<string, ViewCell>>
  readonly #options: CheckedOptions
  readonly #host: ViewCellsHost
  /** By the views' own names. */
  readonly #cells = new Map<string, ViewCell>()
  readonly #definitions = new Map<string, ViewDefinition>()
  readonly #failed = new Set<string>()
  #ticker: NodeJS.Timeout | null = null

  constructor(options: CheckedOptions, host: ViewCellsHost) {
    this.#options = options
    this.#host = host
    const views = Object.entries(options.views).map(([property, view]) => [property, this.add(view)] as const)
    // Assigning would lose a property that is named `__proto__`.
    this.views = Object.freeze(Object.fromEntries(views))
  }

  /** The views that there are now. */
  get definitions(): readonly ViewDefinition[] {
    return [...this.#definitions.values()]
  }

  /** The tables that the views need, and some more views, and nothing in them. Throws: VIEW.*. */
  compile(more: readonly ViewDefinition[] = []): ViewNetwork {
    return compileViews(
      this.#options.schema,
      [...this.definitions, ...more].map(({ ir }) => ir),
      this.#options.stores.views.map(({ ir }) => ir),
    )
  }

  /** What the views need, to be read from the tables of a stream. Throws: VIEW.*. */
  makeReplica(
    { checked, estimates }: Pick<OpenedStream, 'checked' | 'estimates'>,
    unsettled: Unsettled,
  ): Replica {
    return new Replica(this.compile(), checked.tables, estimates, unsettled, this.#options.clock)
  }

  /** The cell of one view more, which is not live yet. */
  add(view: ViewDefinition): ViewCell {
    const hooks = {
      position: () => this.#host.position(),
      onDemand: () => this.#host.onDemand(),
      onListenerError: (error: unknown) =>
        this.#options.onEvent({ kind: 'listener-error', view: view.name, error }),
      reach: (position: Lsn | null | undefined, options?: AtOptions): Promise<unknown> =>
        this.#host.reach(cell, position, options),
    }
    const cell: ViewCell = new ViewCell(view.name, view.ir.key, hooks, indexColumnsOf(view))
    this.#cells.set(view.name, cell)
    this.#definitions.set(view.name, view)
    return cell
  }

  /** Ends a view's readers for good. Throws: CONFIG.INVALID_OPTIONS if there is none of that name. */
  remove(name: string): void {
    const cell = this.#cells.get(name)
    if (cell === undefined) {
      throw new DbsyncError(
        'CONFIG.INVALID_OPTIONS',
        `removeView was given "${name}", which is no view of this sync. It has ${[...this.#cells.keys()].join(', ') || 'none'}.`,
        { details: { view: name } },
      )
    }
    this.#cells.delete(name)
    this.#definitions.delete(name)
    this.#failed.delete(name)
    cell.remove()
  }

  /** Whether somebody listens to any view. */
  get hasDemand(): boolean {
    return [...this.#cells.values()].some((cell) => cell.hasDemand)
  }

  /** Views keep what changes only while somebody wants to be told. */
  applyDemand(replica: Replica | null): void {
    for (const [name, cell] of this.#cells) replica?.retain(name, cell.hasDemand)
  }

  /** Ends a step of the replica and tells the subscribers. */
  publish(replica: Replica): void {
    for (const [view, changes] of replica.flush()) this.#cells.get(view)?.publish(changes)
    this.#reportFailures(replica)
  }

  /**
   * The replica is what readers see from now on; `prepare` runs before anybody is told. `isSame`: it shows what the former
   * one showed, so that there is nothing to tell.
   */
  goLive(replica: Replica, prepare: () => void, isSame: boolean): void {
    // A view that had stopped may be whole again: its tables were read anew.
    for (const [name, state] of replica.compiled.views) if (state.failure === null) this.#failed.delete(name)
    const swaps = [...replica.compiled.views].map(([name, state]) =>
      this.#cells.get(name)?.goLive(state, isSame),
    )
    prepare()
    // All views first: whoever is told of one reads the others at the same position.
    for (const tell of swaps) tell?.()
    this.#reportFailures(replica)
    this.keepTime(replica)
  }

  /** Ticks from now on if a view of the replica has a moving time bound, and no more if none has. */
  keepTime({ compiled }: Replica): void {
    if (!compiled.isMoving) this.#stopTicking()
    // A tick, not an alarm at the next crossing: the clock may be set, or the machine sleep.
    else this.#ticker ??= setInterval(() => this.#host.onTime(), TICK_MS).unref()
  }

  #stopTicking(): void {
    if (this.#ticker !== null) clearInterval(this.#ticker)
    this.#ticker = null
  }

  /** The rows of these views, or of all, stay readable but are no more what the database holds. */
  goStale(names: Iterable<string> = this.#cells.keys()): void {
    for (const name of names) this.#cells.get(name)?.goStale()
  }

  /** Ends every reader, with an error if the sync failed. */
  end(failure: DbsyncError | null): void {
    this.#stopTicking()
    this.goStale()
    for (const cell of this.#cells.values()) cell.end(failure)
  }

  status(): SyncStatus['views'] {
    return [...this.#cells.values()].map((cell) => ({
      name: cell.name,
      readiness: cell.readiness,
      rows: cell.readiness === 'live' || cell.readiness === 'stale' ? cell.size : null,
      lsn: cell.lsn,
    }))
  }

  #reportFailures(replica: Replica): void {
    for (const { view, failure } of replica.failures()) {
      // Again after each session: a reader who comes now must not wait for ever.
      this.#cells.get(view)?.end(failure)
      if (this.#failed.has(view)) continue
      this.#failed.add(view)
      this.#options.onEvent({ kind: 'view-failed', view, error: failure })
    }
  }
}
