import type { DbsyncError } from '../core/errors.ts'
import type { Lsn } from '../core/lsn.ts'
import { ViewCell } from '../stores/memory-view.ts'
import { indexColumnsOf } from '../views/view-indexes.ts'
import type { CheckedOptions } from './options.ts'
import type { Replica } from './replica.ts'
import type { SyncStatus } from './sync.ts'

/** What the cells need of the sync. */
export interface ViewCellsHost {
  /** Everything before it is in the views that are live. */
  position(): Lsn
  /** Somebody began or stopped to listen. */
  onDemand(): void
}

/** The memory views of a sync, as their readers hold them: they outlive the replicas that fill them. */
export class ViewCells {
  /** By the names given to `createSync`. */
  readonly views: Readonly<Record<string, ViewCell>>
  readonly #options: CheckedOptions
  /** By the views' own names. */
  readonly #cells = new Map<string, ViewCell>()
  readonly #failed = new Set<string>()

  constructor(options: CheckedOptions, host: ViewCellsHost) {
    this.#options = options
    const views: [string, ViewCell][] = []
    for (const [property, view] of Object.entries(options.views)) {
      const hooks = {
        position: () => host.position(),
        onDemand: () => host.onDemand(),
        onListenerError: (error: unknown) =>
          options.onEvent({ kind: 'listener-error', view: view.name, error }),
      }
      const cell = new ViewCell(view.name, view.ir.key, hooks, indexColumnsOf(view))
      this.#cells.set(view.name, cell)
      views.push([property, cell])
    }
    // Assigning would lose a property that is named `__proto__`.
    this.views = Object.freeze(Object.fromEntries(views))
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

  /** The replica is what readers see from now on; `prepare` runs before anybody is told. */
  goLive(replica: Replica, prepare: () => void): void {
    // A view that had stopped may be whole again: its tables were read anew.
    for (const [name, state] of replica.compiled.views) if (state.failure === null) this.#failed.delete(name)
    const swaps = [...replica.compiled.views].map(([name, state]) => this.#cells.get(name)?.goLive(state))
    prepare()
    // All views first: whoever is told of one reads the others at the same position.
    for (const tell of swaps) tell?.()
    this.#reportFailures(replica)
  }

  /** The rows of these views, or of all, stay readable but are no more what the database holds. */
  goStale(names: Iterable<string> = this.#cells.keys()): void {
    for (const name of names) this.#cells.get(name)?.goStale()
  }

  /** Ends every reader, with an error if the sync failed. */
  end(failure: DbsyncError | null): void {
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
