import type { DbsyncError } from '../core/errors.ts'
import type { ControlSession } from '../postgres/control-session.ts'
import { tableNeeds } from './check-database.ts'
import { DriftWatch } from './drift-watch.ts'
import { LoopWatch } from './loop-watch.ts'
import type { OpenedStream } from './open-stream.ts'
import type { CheckedOptions } from './options.ts'
import type { Replica } from './replica.ts'

/** What the tables of a replica need of the sync when somebody changes them. */
export interface WatchedSync {
  readonly control: ControlSession
  readonly options: CheckedOptions
  /** Whether any views have been live; before, what is wrong with a table is for the caller of `start`. */
  wasLive(): boolean
  /** The rows of the table must be read again, for that reason. */
  reread(model: string, reason: string, serverVersion: number): void
  endSession(error: DbsyncError): void
  /** Resolves once the stream has delivered what is committed now. */
  reachEnd(signal: AbortSignal): Promise<void>
  /** Views have changed outside the stream's own turn. */
  noteChanged(): void
}

/** The watch over the tables of the replica that is shown or being read to be shown, none before the first; and over those that are written. */
export class TableWatch {
  readonly #sync: WatchedSync
  readonly #loops: LoopWatch
  #watch: DriftWatch | null = null
  #replica: Replica | null = null

  constructor(sync: WatchedSync) {
    this.#sync = sync
    this.#loops = new LoopWatch(sync.control, sync.options)
  }

  /** The watch; null before the first. */
  get watch(): DriftWatch | null {
    return this.#watch
  }

  /** A watch over the tables of a replica that is about to be read, which has not been started. Throws: POSTGRES.*. */
  open(replica: Replica, opened: OpenedStream): Promise<DriftWatch> {
    return openWatch(replica, opened, this.#sync)
  }

  /** From now on it is this watch, over what views and consumers read and nothing else. */
  take(watch: DriftWatch, replica: Replica): void {
    this.#watch?.stop()
    this.#watch = watch
    this.#replica = replica
    this.narrow()
  }

  /** Lets go of what neither the views of the replica nor consumers read any more. */
  narrow(): void {
    if (this.#replica !== null) this.#watch?.narrow(tableNeeds(this.#sync.options, this.#replica.compiled))
  }

  start(): void {
    this.#watch?.start()
    this.#loops.start()
  }

  stop(): void {
    this.#watch?.stop()
    this.#loops.stop()
  }

  /** Looks now. Never throws. */
  async look(): Promise<void> {
    await this.#watch?.look()
  }

  /** Whether the stream has passed changes over of which it is not known yet what becomes. */
  get hasDoubts(): boolean {
    return this.#watch?.hasDoubts === true
  }

  /** Resolves once it is known what becomes of the tables that were doubted so far. */
  async clearDoubts(): Promise<void> {
    await this.#watch?.clearDoubts()
  }
}

/**
 * Watches the tables of a replica that is about to be read, and does what the watch decides: a table that cannot be followed
 * takes the views over it along, one whose rows are not what they were is read again.
 *
 * Throws: POSTGRES.*.
 */
function openWatch(replica: Replica, opened: OpenedStream, sync: WatchedSync): Promise<DriftWatch> {
  const { control, options } = sync
  const { tables: read } = replica.compiled
  const warn = (code: string, message: string): void => options.onEvent({ kind: 'warning', code, message })
  const watching = DriftWatch.open(
    {
      control,
      contract: options.schema.contract,
      publication: options.publication,
      serverVersion: opened.checked.serverVersion,
      needs: opened.needs,
      consumed: new Set([...opened.consumed.values()].map(({ model }) => model)),
      everyMs: options.watchMs,
    },
    {
      isBroken: (model) => replica.isBroken(model),
      breakTable: (model, error) => replica.breakTable(model, error),
      reread: (model, catalog, reason) => {
        // Handlers keep nothing that could be read again.
        if (!read.has(model)) return
        warn('SNAPSHOT.RELATION_CHANGED', reason)
        replica.rebind(model, catalog)
        sync.reread(model, reason, opened.checked.serverVersion)
      },
      endSession: (error) => sync.endSession(error),
      reachEnd: (signal) => sync.reachEnd(signal),
      warn,
      onWait: (reason) => options.onEvent({ kind: 'waiting', reason }),
    },
  )
  replica.onTables({
    onBroken: (model, error) => {
      if (!sync.wasLive()) sync.endSession(error)
      // No view tells of it.
      if (!read.has(model)) warn(error.code, error.message)
      sync.noteChanged()
    },
    onDoubt: (model) => {
      watching.then((watch) => watch.doubt(model)).catch(() => {})
    },
    onDescribed: () => {
      watching.then((watch) => watch.look()).catch(() => {})
    },
  })
  return watching
}
