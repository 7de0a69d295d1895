import { DbsyncError, isDbsyncError } from '../core/errors.ts'
import { formatLsn, minLsn, parseLsn, type Lsn } from '../core/lsn.ts'
import type { ControlSession } from '../postgres/control-session.ts'
import { readSlot } from '../postgres/slot-status.ts'
import { packageVersion } from '../state/package-version.ts'
import { makeIdentity, type StateIdentity } from '../state/state-identity.ts'
import { unusable } from '../state/state-items.ts'
import { ViewNetwork } from '../views/compile/view-network.ts'
import { Interner } from '../zset/interner.ts'
import type { Continuity } from './continuity.ts'
import type { DriftWatch } from './drift-watch.ts'
import type { OpenedStream } from './open-stream.ts'
import type { CheckedOptions } from './options.ts'
import type { Pipeline } from './pipeline.ts'
import type { TableReading } from './table-reading.ts'
import type { TableWatch } from './watch-tables.ts'
import { Replica } from './replica.ts'
import { gapOf, hasPassed, savedFingerprints, StateLoader, type LoadedState } from './state-loader.ts'
import { StateSaver, type StateMoment } from './state-saver.ts'
import type { Stores } from './stores.ts'
import type { ViewCells } from './view-cells.ts'

/** What saving and loading the state of the views needs of the sync. */
export interface CheckpointsHost {
  readonly options: CheckedOptions
  readonly control: ControlSession
  readonly pipeline: Pipeline
  readonly continuity: Continuity
  readonly cells: Pick<ViewCells, 'definitions'>
  readonly stores: Stores
  /** What the views show. */
  replica(): Replica | null
  /** Where the views stand, with nothing of the stream half shown; null while there is no such moment. */
  settle(): Lsn | null
  readonly watch: TableWatch
  readonly reading: TableReading
}

/** What a state was read for. */
interface RestoredViews {
  readonly replica: Replica
  readonly watch: DriftWatch
}

/** The local checkpoint of a sync: what it begins with, and what it leaves for the next. Without a folder for it nothing happens. */
export class Checkpoints {
  readonly #host: CheckpointsHost
  readonly #saver: StateSaver | null
  #loader: StateLoader | null = null

  constructor(host: CheckpointsHost) {
    this.#host = host
    const { stateDir: folder, saveEveryMs: everyMs, slot, onEvent } = host.options
    this.#saver =
      folder !== null && slot.name !== null
        ? new StateSaver({
            folder,
            slot: slot.name,
            everyMs,
            moment: () => this.#moment(),
            onSaved: () => host.pipeline.noteHandled(),
            onEvent,
          })
        : null
  }

  /** Begins to read what an earlier process has left, so that it is there when the server has answered. */
  prefetch(): void {
    const { stateDir, slot } = this.#host.options
    if (stateDir === null || slot.name === null) return
    this.#loader = new StateLoader(stateDir, slot.name, () => this.#identity)
  }

  /** The position of the state that is safe on disk; null: there is none, or none is to be. */
  get savedLsn(): Lsn | null {
    return this.#saver?.limit ?? null
  }

  /** How far the slot may be confirmed where everything else allows `position`: not past the state that is saved. */
  confirmable(position: Lsn): Lsn {
    const limit = this.savedLsn
    return limit === null ? position : minLsn(position, limit)
  }

  /**
   * The views as an earlier process left them, watched and ready for its stream, once in the life of a sync; null if everything is
   * to be read anew. Why a state is of no use is told. Call it when the slot is ours, before the stream starts. Throws: POSTGRES.*,
   * VIEW.*.
   */
  async restore(opened: OpenedStream): Promise<Replica | null> {
    const loader = this.#loader
    this.#loader = null
    if (loader === null) return null
    try {
      const loaded = await loader.load()
      if (loaded === null) return null
      const { replica, watch } = await this.#restore(loaded, loader.path, opened)
      const { id } = loaded.saved.origin
      const { pipeline, options, watch: tables, reading } = this.#host
      tables.take(watch, replica)
      await reading.resume(replica, opened)
      pipeline.resume(loaded.position)
      this.#host.stores.resume(replica, loaded.saved.origin)
      this.#saver?.resume(id, loaded.position, pipeline.version, loaded.file)
      const { byteLength: bytes } = loaded.saved
      options.onEvent({ kind: 'checkpoint-loaded', position: loaded.position, bytes })
      return replica
    } catch (error) {
      if (!isDbsyncError(error, 'STATE.UNUSABLE')) throw error
      this.#host.options.onEvent({ kind: 'warning', code: error.code, message: error.message })
      return null
    }
  }

  /**
   * Now that the slot is held: whether nobody has moved it on since it was looked at, past where the sync or the state that it begins with
   * stood. Throws: POSTGRES.CONNECTION_LOST, STATE.UNUSABLE.
   */
  async requireHeld({ slot }: OpenedStream, isRestored: boolean): Promise<void> {
    // A slot of this session's making is nobody else's to have moved.
    const status = slot.isNew ? null : await readSlot(this.#host.control, slot.name)
    this.#host.continuity.checkHeld(slot, status)
    if (!isRestored) return
    const { restored } = this.#host.pipeline
    if (status !== null && !hasPassed(status, restored)) return
    throw new DbsyncError(
      'STATE.UNUSABLE',
      `Slot "${slot.name}" was moved past the saved state while the sync was starting. All tables are read anew.`,
    )
  }

  /** Saves from now on, every so often. */
  start(): void {
    this.#saver?.start()
  }

  /** Saves for the last time, if `isWanted`. Never throws. */
  async close(isWanted: boolean): Promise<void> {
    await this.#saver?.close(isWanted)
  }

  async #restore(loaded: LoadedState, path: string, opened: OpenedStream): Promise<RestoredViews> {
    const { options, control, pipeline, continuity } = this.#host
    const misfit = (reason: string): DbsyncError => unusable(path, reason)
    const { source } = loaded.saved
    if (opened.slot.isNew) throw misfit('the slot is not the one that it was saved for')
    if (opened.broken.size > 0) throw misfit('a table cannot be followed any more')
    const interner = new Interner()
    interner.carry(source)
    const network = new ViewNetwork(
      options.schema,
      this.#host.cells.definitions.map(({ ir }) => ir),
      options.stores.views.map(({ ir }) => ir),
      interner,
    )
    network.carry(source)
    const { checked, estimates, session, slot } = opened
    const replica = new Replica(network, checked.tables, estimates, pipeline.unsettled, options.clock)
    replica.cover()
    const watch = await this.#host.watch.open(replica, opened)
    // Now that the slot is ours: it may have been waited for while another sync went on.
    const [[, , end] = []] = await session.query('IDENTIFY_SYSTEM')
    const reason = await gapOf(loaded, {
      ...continuity.server,
      end: parseLsn(end ?? '0/0'),
      leftAt: (timeline) => continuity.leftAt(session, timeline),
      slot: await readSlot(control, slot.name),
      needs: opened.needs.filter(({ model }) => network.tables.has(model.model)),
      catalog: watch.known,
    })
    if (reason !== null) {
      replica.abandon()
      throw misfit(reason)
    }
    return { replica, watch }
  }

  #moment(): StateMoment | null {
    const { watch, pipeline, continuity } = this.#host
    const position = this.#host.settle()
    const network = this.#host.replica()?.compiled
    const known = watch.watch?.known
    if (position === null || network === undefined || known === undefined) return null
    const { system, timeline } = continuity.server
    const stores = this.#host.stores.shown.map((shown) => (shown === null ? null : formatLsn(shown)))
    return {
      network,
      position,
      version: pipeline.version,
      identity: this.#identity,
      origin: { system, timeline, catalog: savedFingerprints(known), stores },
    }
  }

  get #identity(): StateIdentity {
    const { options, cells } = this.#host
    return makeIdentity({
      version: packageVersion(),
      contract: options.schema.contract.hash,
      slot: options.slot.name ?? '',
      publication: options.publication,
      views: [
        ...cells.definitions.map((view) => `${view.name}:${view.fingerprint}`),
        ...options.stores.views.map((view) => `stored ${view.name}:${view.fingerprint}`),
      ],
    })
  }
}
