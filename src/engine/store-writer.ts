import { Backoff, sleep } from '../core/backoff.ts'
import { DbsyncError, isDbsyncError, toDbsyncError } from '../core/errors.ts'
import type { Lsn } from '../core/lsn.ts'
import type { PendingBatch, PendingRows, StoredRows } from '../ivm/pending-rows.ts'
import type { StoredView, ViewStore } from '../stores/view-store.ts'
import { Bell } from './bell.ts'
import { Deferred } from './deferred.ts'
import { settleWithin } from './settle-within.ts'
import type { SyncEvent } from './sync-event.ts'

/**
 * How a store stands. `waiting`: the views are not live; `rebuilding`: all rows are compared and what differs is written, readers
 * see the former ones; `live`: what changes is written; `retrying`: the store did not take a batch.
 */
export type StoreState = 'waiting' | 'rebuilding' | 'live' | 'retrying'

/** How one store of a sync stands. */
export interface StoreStatus {
  readonly name: string
  readonly state: StoreState
  /** The store shows the views at this position; null before the first batch. */
  readonly position: Lsn | null
  /** Rows that changed and wait to be written. */
  readonly pending: number
  /** Rows written so far in the batch in hand. */
  readonly written: number
  /** The names of the views that have stopped. */
  readonly failed: readonly string[]
}

/** What a writer needs of the sync. */
export interface StoreWriterHost {
  /** Where the views stand, with nothing of the stream half shown; null while there is no such moment. */
  settle(): Lsn | null
  /** Resolves once new snapshots of the source see all that is before the position. */
  visible(position: Lsn): Promise<void>
  onEvent(event: SyncEvent): void
  /** Another instance writes the store now. */
  onFenced(error: DbsyncError): void
  /** The store is not usable as it is configured. */
  onFailed(error: DbsyncError): void
}

/** A view and what of its rows waits to be written. */
export interface Written {
  readonly view: StoredView
  readonly rows: PendingRows
}

/** The rows of one replica. */
interface Source {
  readonly all: readonly Written[]
  /** All that changed since then waits; null: nothing is known of what the store may lack. */
  readonly left: Left | null
}

/** What an earlier process left. */
export interface Left {
  /** Where the views stood. */
  readonly position: Lsn
  /** Where the store stood, if no change waited for it. */
  readonly shown: Lsn | null
}

/** What is being written is that of a replica that has been replaced, or of a view that has stopped: it is begun anew. */
const SUPERSEDED = new DbsyncError('STORE.UNAVAILABLE', 'The rows of a batch are no more those of the views.')

/** Rows whose texts are made in one synchronous block. */
const SLICE_ROWS = 2_000

/**
 * Writes the views of one store, batch after batch, each from where the store stands to where the views stand.
 *
 * However slow the store is, the stream is not held back: what waits is the names of the rows that changed, so it is bounded by
 * the rows that there are. A batch that fails is no loss: its rows wait again.
 */
export class StoreWriter {
  readonly #store: ViewStore
  readonly #views: readonly StoredView[]
  readonly #host: StoreWriterHost
  readonly #bell = new Bell()
  readonly #stop = new AbortController()
  readonly #backoff = new Backoff()
  readonly #failed = new Map<string, DbsyncError>()
  #source: Source | null = null
  #mustTakeOver = true
  #isOpen = false
  #isOpening = false
  /** Whether all rows must be compared with those in the store. */
  #isWhole = true
  #isRetrying = false
  /** What was taken is on its way. */
  #isWriting = false
  #position: Lsn | null = null
  /** What the last commit was to lead to. */
  #attempted: Lsn | null = null
  #written = 0
  #waiters: { readonly target: Lsn; readonly done: Deferred }[] = []
  #loop: Promise<void> | null = null

  constructor(store: ViewStore, views: readonly StoredView[], host: StoreWriterHost) {
    this.#store = store
    this.#views = views
    this.#host = host
  }

  get status(): StoreStatus {
    const state =
      this.#source === null
        ? 'waiting'
        : this.#isRetrying
          ? 'retrying'
          : this.#isWhole
            ? 'rebuilding'
            : 'live'
    return {
      name: this.#store.name,
      state,
      position: this.#position,
      pending: this.#waiting,
      written: this.#written,
      failed: [...this.#failed.keys()],
    }
  }

  /** The position that the store shows, if no change of the views waits for it; else null. */
  get shown(): Lsn | null {
    const isDone = this.#source !== null && !this.#isWhole && !this.#isWriting && this.#waiting === 0
    return isDone && this.#failed.size === 0 ? this.#position : null
  }

  /** Throws what the store has against the views. One that is busy has nothing against them. */
  async check(): Promise<void> {
    try {
      await this.#store.check?.(this.#views)
    } catch (error) {
      if (!isDbsyncError(error, 'STORE.UNAVAILABLE')) throw error
    }
  }

  /** The sync has the slot (again): from now on this writer may take the store over from whoever wrote before. */
  takeOver(): void {
    this.#mustTakeOver = true
    this.#isOpen = false
    this.#isOpening = true
    this.#loop ??= this.#run()
    this.#bell.ring()
  }

  /** Begins to note what changes of the views, for {@link attach}. */
  follow(stored: ReadonlyMap<string, StoredRows>): readonly Written[] {
    return this.#views.flatMap((view) => {
      const rows = stored.get(view.name)
      return rows === undefined ? [] : [{ view, rows: rows.follow() }]
    })
  }

  /**
   * The views are those of another replica from now on; null: of none. All their rows are compared with the store's, unless they go
   * on from what an earlier process left, and the store has all that came before.
   */
  attach(all: readonly Written[] | null, left: Left | null = null): void {
    this.#source = all === null ? null : { all, left }
    this.#isWhole = true
    this.#failed.clear()
    this.#bell.ring()
  }

  /** Something may have changed. */
  note(): void {
    this.#bell.ring()
  }

  /** Resolves once the store shows everything before the position. Throws: what stopped the writer. */
  reach(target: Lsn): Promise<void> {
    const done = new Deferred()
    if (this.#stop.signal.aborted) done.reject(this.#stop.signal.reason)
    else this.#waiters.push({ target, done })
    this.#bell.ring()
    return done.promise
  }

  /** Writes what waits, at most so long, and lets go of the store. */
  async close(reason: Error, graceMs: number): Promise<void> {
    const position = this.#source === null || this.#isRetrying ? null : this.#host.settle()
    if (position !== null) await settleWithin(this.reach(position), graceMs)
    this.#stop.abort(reason)
    this.#bell.ring()
    await this.#store.close().catch(() => {})
    await this.#loop?.catch(() => {})
    this.#rejectAll(reason)
  }

  #rejectAll(reason: Error): void {
    for (const { done } of this.#waiters) done.reject(reason)
    this.#waiters = []
  }

  get #waiting(): number {
    return this.#source?.all.reduce((sum, { rows }) => sum + rows.size, 0) ?? 0
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop
    while (!signal.aborted) {
      try {
        await this.#advance(signal)
      } catch (thrown) {
        const wasOpen = this.#isOpen
        this.#isOpen = false
        await this.#store.close().catch(() => {})
        if (signal.aborted) return
        if (thrown !== SUPERSEDED) await this.#recover(toDbsyncError(thrown), wasOpen, signal)
      }
    }
  }

  /** One batch, or a wait for something to do. */
  async #advance(signal: AbortSignal): Promise<void> {
    if ((this.#source !== null || this.#isOpening) && !this.#isOpen) await this.#open()
    const source = this.#source
    if (source !== null && this.#isOpen) {
      await this.#tellFailures(source)
      const { left } = source
      if (this.#isWhole && left !== null) {
        const shown = this.#position
        this.#isWhole = shown === null || (shown < left.position && shown !== left.shown)
        this.#source = { all: source.all, left: null }
        return
      }
      if (this.#isWhole || (this.#waiting > 0 && !this.#isAhead)) {
        await this.#write(source)
        return
      }
      this.#reachAll()
    }
    await this.#bell.wait(signal)
  }

  /** Whether the store shows more than the views, which an earlier process left behind it. */
  get #isAhead(): boolean {
    const position = this.#host.settle()
    return position !== null && this.#position !== null && position < this.#position
  }

  async #open(): Promise<void> {
    const takeOver = this.#mustTakeOver
    const position = await this.#store.open(this.#views, { takeOver })
    this.#isOpen = true
    this.#isOpening = false
    this.#mustTakeOver = false
    this.#isRetrying = false
    // A commit whose answer was lost may have happened: its rows are written once more, which changes nothing. Any other position
    // is not what this writer left.
    if (position !== this.#position && position !== this.#attempted) this.#isWhole = true
    this.#position = position
  }

  async #write(source: Source): Promise<void> {
    const isWhole = this.#isWhole
    const written = source.all.filter(({ rows }) => rows.failure === null && !this.#failed.has(rows.name))
    const taken: (readonly [PendingRows, PendingBatch])[] = []
    const take = (rows: PendingRows): PendingBatch => {
      const batch = rows.take()
      taken.push([rows, batch])
      return batch
    }
    this.#written = 0
    this.#isWriting = true
    if (isWhole) for (const { rows } of written) rows.markAll()
    try {
      await this.#store.begin({
        kind: isWhole ? 'whole' : 'changes',
        views: written.map(({ view }) => view),
      })
      // Many rows go slice by slice, while others change: those go behind them, fewer each time.
      for (let before = Infinity; ;) {
        const waiting = written.reduce((sum, { rows }) => sum + rows.size, 0)
        if (waiting <= SLICE_ROWS || waiting >= before) break
        before = waiting
        for (const item of written) await this.#put(source, item, take(item.rows))
      }
      const position = await this.#settled(source)
      if (written.some(({ rows }) => rows.failure !== null)) throw SUPERSEDED
      // In this block nothing changes: these rows and the position belong together.
      const last = written.map(({ view, rows }) => {
        const { changed, gone } = take(rows)
        return { view, gone, texts: rows.rows(changed) }
      })
      for (const { view, gone, texts } of last) {
        if (gone.length > 0) await this.#store.delete(view, gone)
        if (texts.length > 0) await this.#store.upsert(view, texts)
        this.#written += gone.length + texts.length
      }
      if (this.#store.needsVisible === true) await this.#host.visible(position)
      this.#requireCurrent(source)
      this.#attempted = position
      await this.#store.commit(position)
      this.#landed(position, isWhole)
    } catch (error) {
      for (const [rows, batch] of taken) rows.restore(batch)
      throw error
    } finally {
      this.#isWriting = false
    }
  }

  /** Writes rows as they are when their slice's turn has come. */
  async #put(source: Source, { view, rows }: Written, { changed, gone }: PendingBatch): Promise<void> {
    for (let at = 0; at < gone.length; at += SLICE_ROWS) {
      await this.#store.delete(view, gone.slice(at, at + SLICE_ROWS))
      this.#requireCurrent(source)
    }
    for (let at = 0; at < changed.length; at += SLICE_ROWS) {
      const texts = rows.rows(changed.slice(at, at + SLICE_ROWS))
      if (texts.length > 0) await this.#store.upsert(view, texts)
      this.#written += texts.length
      this.#requireCurrent(source)
    }
  }

  #landed(position: Lsn, isWhole: boolean): void {
    this.#position = position
    this.#backoff.noteSuccess()
    if (isWhole) {
      this.#isWhole = false
      this.#host.onEvent({ kind: 'store-rebuilt', store: this.#store.name, position, rows: this.#written })
    }
    this.#waiters = this.#waiters.filter(({ target, done }) => {
      if (target > position) return true
      done.resolve()
      return false
    })
  }

  /** With nothing pending the store shows what the views show. */
  #reachAll(): void {
    if (this.#waiters.length === 0 || this.#host.settle() === null || this.#waiting > 0) return
    for (const { done } of this.#waiters) done.resolve()
    this.#waiters = []
  }

  /** Waits for a moment between two transactions. */
  async #settled(source: Source): Promise<Lsn> {
    for (;;) {
      this.#requireCurrent(source)
      const position = this.#host.settle()
      if (position !== null) return position
      await this.#bell.wait(this.#stop.signal)
    }
  }

  #requireCurrent(source: Source): void {
    this.#stop.signal.throwIfAborted()
    if (this.#source !== source || !this.#isOpen) throw SUPERSEDED
  }

  /** Views that have stopped are no more written; the store may tell its readers. */
  async #tellFailures({ all }: Source): Promise<void> {
    for (const { view, rows } of all) {
      if (rows.failure === null || this.#failed.has(view.name)) continue
      this.#failed.set(view.name, rows.failure)
      this.#host.onEvent({
        kind: 'view-not-written',
        store: this.#store.name,
        view: view.name,
        error: rows.failure,
      })
      await this.#store.fail?.(view, rows.failure.code)
    }
  }

  async #recover(error: DbsyncError, wasOpen: boolean, signal: AbortSignal): Promise<void> {
    if (error.code === 'STORE.FENCED') {
      this.attach(null)
      this.#mustTakeOver = true
      this.#isOpening = false
      this.#host.onEvent({ kind: 'warning', code: error.code, message: error.message })
      this.#host.onFenced(error)
      return
    }
    // A store that does not open for a view would not do so without its rows either.
    const isRow = wasOpen && error.code === 'STORE.ROW_REFUSED'
    const refused = isRow ? this.#writtenAs(error.details['view']) : undefined
    if (refused !== undefined) {
      refused.fail(error)
      return
    }
    if (error.recovery !== 'retry' && error.recovery !== 'reconnect') {
      this.#stop.abort(error)
      this.#rejectAll(error)
      this.#host.onFailed(error)
      return
    }
    this.#isRetrying = true
    const waitMs = this.#backoff.nextMs()
    this.#host.onEvent({
      kind: 'store-retry',
      store: this.#store.name,
      error,
      attempt: this.#backoff.attempts,
      waitMs,
      pending: this.#waiting,
    })
    await sleep(waitMs, signal).catch(() => {})
  }

  #writtenAs(name: unknown): PendingRows | undefined {
    return this.#source?.all.find(({ view }) => view.name === name)?.rows
  }
}
