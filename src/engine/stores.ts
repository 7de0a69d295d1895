import type { DbsyncError } from '../core/errors.ts'
import { parseLsn, type Lsn } from '../core/lsn.ts'
import type { StateOrigin } from '../state/state-identity.ts'
import { storedViewOf } from '../stores/stored-view.ts'
import type { Replica } from './replica.ts'
import { makeStores } from './make-stores.ts'
import type { CheckedOptions } from './options.ts'
import {
  StoreWriter,
  type Left,
  type StoreStatus,
  type StoreWriterHost,
  type Written,
} from './store-writer.ts'

/** All stores of a sync, each with a writer of its own. */
export class Stores {
  readonly #writers: readonly StoreWriter[]
  #attached: Replica | null = null
  /** A replica to come that begins with what an earlier process left, and what changed of it since; by writer. */
  #resumed: {
    readonly replica: Replica
    readonly parts: readonly { readonly all: readonly Written[]; readonly left: Left }[]
  } | null = null

  /** Throws: CONFIG.INVALID_OPTIONS, STORE.UNSUPPORTED. */
  constructor(options: CheckedOptions, host: StoreWriterHost) {
    this.#writers = makeStores(options).map(
      ({ store, views }) => new StoreWriter(store, views.map(storedViewOf), host),
    )
  }

  /** Whether anything is written anywhere. */
  get isNeeded(): boolean {
    return this.#writers.length > 0
  }

  get status(): readonly StoreStatus[] {
    return this.#writers.map((writer) => writer.status)
  }

  /** Throws what a store has against the views, before anything is made for them. */
  async check(): Promise<void> {
    for (const writer of this.#writers) await writer.check()
  }

  /** The sync holds the slot: it may write, and whoever wrote before may not. */
  takeOver(): void {
    for (const writer of this.#writers) writer.takeOver()
  }

  /** For each store the position that it shows, where no change of the views waits for it. */
  get shown(): readonly (Lsn | null)[] {
    return this.#writers.map((writer) => writer.shown)
  }

  /** A replica begins with what an earlier process left: what changes from there on is followed. */
  resume(replica: Replica, { position, stores }: Pick<StateOrigin, 'position' | 'stores'>): void {
    const parts = this.#writers.map((writer, index) => {
      const shown = stores[index] ?? null
      const left = { position: parseLsn(position), shown: shown === null ? null : parseLsn(shown) }
      return { all: writer.follow(replica.compiled.stored), left }
    })
    this.#resumed = { replica, parts }
  }

  /** What is written from now on; null: nothing. A replica that is written already goes on where it is. */
  attach(replica: Replica | null): void {
    if (replica === this.#attached) {
      this.note()
      return
    }
    this.#attached = replica
    const resumed = this.#resumed?.replica === replica ? this.#resumed.parts : []
    this.#resumed = null
    this.#writers.forEach((writer, index) => {
      const part = resumed[index]
      if (replica === null) writer.attach(null)
      else if (part === undefined) writer.attach(writer.follow(replica.compiled.stored))
      else writer.attach(part.all, part.left)
    })
  }

  /** Something may have changed. */
  note(): void {
    for (const writer of this.#writers) writer.note()
  }

  /** Resolves once all stores show everything before the position. Throws: what stopped a writer. */
  async reach(position: Lsn): Promise<void> {
    await Promise.all(this.#writers.map((writer) => writer.reach(position)))
  }

  /** Writes what waits, at most so long, and lets go of the stores. */
  async close(reason: DbsyncError, graceMs: number): Promise<void> {
    await Promise.all(this.#writers.map((writer) => writer.close(reason, graceMs)))
  }
}
