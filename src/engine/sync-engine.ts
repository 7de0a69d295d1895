import { Backoff, sleep } from '../core/backoff.ts'
import { DbsyncError, toDbsyncError, type ErrorCode } from '../core/errors.ts'
import type { Lsn } from '../core/lsn.ts'
import { xid8, type Xid8 } from '../core/xid.ts'
import type { Table } from '../contract/schema-contract.ts'
import { ControlSession } from '../postgres/control-session.ts'
import type { ReplicationSession } from '../replication/replication-session.ts'
import { readSnapshot } from '../snapshot/read-snapshot.ts'
import type { AtOptions, ViewCell } from '../stores/memory-view.ts'
import type { ViewDefinition } from '../views/define-view.ts'
import { AwaitPosition } from './await-position.ts'
import { Checkpoints } from './checkpoints.ts'
import { Continuity } from './continuity.ts'
import { Lifecycle } from './lifecycle.ts'
import type { DriftWatch } from './drift-watch.ts'
import { openReader, type ReaderOptions } from './open-reader.ts'
import { ConsumerSet } from './consumer-set.ts'
import { openStream, type OpenedStream } from './open-stream.ts'
import type { CheckedOptions } from './options.ts'
import { Pipeline } from './pipeline.ts'
import { statusOf } from './progress.ts'
import { Prober } from './prober.ts'
import { SlotWatch } from './slot-watch.ts'
import { lossTeller } from './tell-loss.ts'
import { mayRetry } from './recovery.ts'
import type { Replica } from './replica.ts'
import { Rereads } from './rereads.ts'
import { stopController } from './stop-controller.ts'
import { Stores } from './stores.ts'
import type { Sync, SyncStatus } from './sync.ts'
import { TableReading } from './table-reading.ts'
import { Refreshes } from './refreshes.ts'
import type { Refresh, RefreshOptions } from './refresh.ts'
import type { TransactionFeed } from './transaction-feed.ts'
import { ViewCells } from './view-cells.ts'
import { ViewChanges, type LiveSync } from './view-changes.ts'
import { TableWatch } from './watch-tables.ts'

const CLOSE_GRACE_MS = 5_000

/**
 * Joins the floors, keeps the session alive, decides what a failure means. What `changes` gives has more exact types outside.
 */
export class SyncEngine implements Omit<Sync, 'changes' | 'addView'> {
  readonly views: Readonly<Record<string, ViewCell>>
  readonly #options: CheckedOptions
  readonly #control: ControlSession
  readonly #pipeline: Pipeline
  readonly #consumed: ConsumerSet | null
  readonly #cells: ViewCells
  readonly #continuity = new Continuity()
  readonly #reading: TableReading
  readonly #watch: TableWatch
  readonly #positions: AwaitPosition
  readonly #prober: Prober
  readonly #slotWatch: SlotWatch
  readonly #warn = (code: ErrorCode, message: string): void =>
    this.#options.onEvent({ kind: 'warning', code, message })
  readonly #waiting = (reason: string): void => this.#options.onEvent({ kind: 'waiting', reason })
  readonly #stop = stopController()
  readonly #life: Lifecycle
  #loop: Promise<void> | null = null
  #closing: Promise<void> | null = null
  #session: ReplicationSession | null = null
  #slotName: string | null = null
  /** What the views show. */
  #replica: Replica | null = null
  /** What is being read to take its place. */
  #building: Replica | null = null
  /** A table of the replica is not what it was read as. */
  #isOutdated = false
  /** What the views show is what the database held at the position of the pipeline, be there a session or not. */
  #isExact = false
  /** What the session was opened with. */
  #opened: OpenedStream | null = null
  #xidReference: Xid8 = xid8(0n)
  #reconnects = 0
  readonly #refreshes: Refreshes
  readonly #stores: Stores
  readonly #checkpoints: Checkpoints
  readonly #changes: ViewChanges
  readonly #rereads = new Rereads(
    () => {
      const isWhole = this.#building === null && !this.#isOutdated
      if (this.#life.state === 'hydrating' && isWhole && this.#replica !== null) this.#goLive(this.#replica)
    },
    (reader, error) => {
      if (this.#reading.reader === reader && !this.#stop.signal.aborted) this.#rebuild(toDbsyncError(error))
    },
  )

  constructor(options: CheckedOptions) {
    this.#options = options
    this.#life = new Lifecycle((state) => options.onEvent({ kind: 'state', state }))
    this.#control = new ControlSession(options.connection)
    this.#consumed = options.consumers.isNeeded ? this.#makeConsumers(options) : null
    this.#pipeline = new Pipeline(
      {
        onStep: (replica) => {
          if (replica === this.#replica) this.#cells.publish(replica)
          else replica.flush()
          this.#stores.note()
        },
        onConfirm: (position) => {
          if (this.#session === null || !this.#continuity.isHeld) return
          this.#session.confirm(this.#checkpoints.confirmable(position))
          this.#continuity.noteConfirmed(this.#session.confirmed)
        },
        onProbeWanted: () => void this.#prober.probe(),
        onPause: () => this.#pause(),
        onRefreshRequest: (request) => this.#refreshes.obey(request),
      },
      this.#consumed,
    )
    this.#cells = new ViewCells(options, {
      position: () => this.#pipeline.position,
      onDemand: () => this.#applyDemand(),
      onTime: () => this.#pipeline.noteTime(),
      reach: (cell, position, how) => this.#positions.at(position, how, cell),
    })
    this.views = this.#cells.views
    const parts = {
      options,
      control: this.#control,
      pipeline: this.#pipeline,
      cells: this.#cells,
      consumed: this.#consumed,
      signal: this.#stop.signal,
      ready: () => this.ready(),
      reader: () => this.#reading.reader,
      replica: () => this.#replica,
      endSession: (error: DbsyncError) => this.#rebuild(error),
      onWait: this.#waiting,
      onFailed: (error: DbsyncError) => void this.#fail(error),
    }
    this.#positions = new AwaitPosition({
      ...parts,
      prompt: () => this.#session?.sendStatus(true),
      isLive: () => this.#life.isLive,
      stored: (position) => this.#stores.reach(position),
      watch: () => this.#watch,
      closed: async () => this.#closing,
    })
    this.#watch = new TableWatch({
      ...parts,
      wasLive: () => this.#replica !== null,
      reread: (model, reason, serverVersion) => this.#reread(model, reason, serverVersion),
      endSession: (error) => this.#session?.destroy(error),
      reachEnd: (signal) => this.#positions.reachEnd(signal),
      noteChanged: () => this.#pipeline.noteMerged(),
    })
    this.#reading = new TableReading({
      ...parts,
      recheck: () => this.#watch.look(),
      probe: () => void this.#prober.probe(),
    })
    this.#refreshes = new Refreshes(parts)
    this.#changes = new ViewChanges({
      ...parts,
      live: () => this.#liveNow(),
      watch: (replica, opened) => this.#watch.open(replica, opened),
      replace: (replica, opened, watch) => this.#replace(replica, opened, watch),
      onProgress: (replica) => this.#reading.tell(replica),
    })
    this.#stores = new Stores(options, {
      settle: () => this.#settle(),
      visible: (position) => this.#prober.reachVisible(position, this.#stop.signal),
      onEvent: options.onEvent,
      onFenced: (error) => this.#rebuild(error),
      onFailed: (error) => void this.#fail(error),
    })
    this.#checkpoints = new Checkpoints({
      ...parts,
      continuity: this.#continuity,
      watch: this.#watch,
      reading: this.#reading,
      stores: this.#stores,
      settle: () => this.#settle(),
    })
    this.#prober = new Prober(this.#control, this.#pipeline, () => this.#reading.reader?.isActive === true)
    this.#slotWatch = new SlotWatch({
      control: this.#control,
      slot: () => (this.#session === null ? null : this.#slotName),
      received: () => (this.#session?.isPaused === false ? this.#session.received : null),
      onHealth: options.onEvent,
      onWarning: this.#warn,
    })
    this.#pipeline.onPartialEnd(() => {
      // Where nobody listens the rows before it are simply forgotten.
      this.#applyDemand()
      this.#reading.reader?.drain()
    })
  }

  get state(): SyncStatus['state'] {
    return this.#life.state
  }

  async start(): Promise<void> {
    this.#life.begin()
    this.#checkpoints.prefetch()
    this.#loop = this.#run()
    await this.#life.live
    await this.#positions.written()
  }

  ready(): Promise<void> {
    return this.#life.ready()
  }

  catchUp(): Promise<Lsn> {
    return this.#positions.catchUp()
  }

  at(position?: Lsn | null, options?: AtOptions): Promise<Lsn> {
    return this.#positions.at(position, options)
  }

  refresh(tables?: Table | readonly Table[], options: RefreshOptions = {}): Refresh {
    if (this.#life.state === 'created' || this.#stop.signal.aborted) {
      throw new DbsyncError('SYNC.STATE', `refresh() was called on a sync that is ${this.#life.state}.`)
    }
    return this.#refreshes.start(tables, options)
  }

  changes(options: ReaderOptions = {}): TransactionFeed {
    return openReader(this.#consumed, this.#options.consumers, this.#stop.signal, options)
  }

  addView(view: ViewDefinition): Promise<ViewCell> {
    return this.#changes.add(view)
  }

  removeView(view: Pick<ViewDefinition, 'name'> | string): void {
    this.#stop.signal.throwIfAborted()
    const name = typeof view === 'string' ? view : view.name
    this.#cells.remove(name)
    for (const replica of [this.#replica, this.#building, this.#changes.beside]) replica?.removeView(name)
    if (this.#replica !== null) this.#cells.keepTime(this.#replica)
    this.#watch.narrow()
  }

  status(): SyncStatus {
    const status = statusOf({
      options: this.#options,
      pipeline: this.#pipeline,
      session: this.#session,
      slotName: this.#slotName,
      replica: this.#building ?? this.#changes.beside ?? this.#replica,
      refreshes: this.#refreshes,
      cells: this.#cells,
      stores: this.#stores,
    })
    return { state: this.#life.state, ...status, reconnects: this.#reconnects }
  }

  close(): Promise<void> {
    this.#closing ??= this.#close(null)
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #close(failure: DbsyncError | null): Promise<void> {
    const reason = failure ?? new DbsyncError('SYNC.CLOSED', 'The sync is closed.')
    if (failure === null) this.#life.set('closing')
    if (this.#stores.isNeeded) await this.#stores.close(reason, failure === null ? CLOSE_GRACE_MS : 0)
    await this.#checkpoints.close(failure === null)
    this.#stop.abort(reason)
    this.#prober.stop()
    this.#watch.stop()
    this.#slotWatch.stop()
    await this.#consumed?.close(reason, CLOSE_GRACE_MS)
    // Before the loop: it may be waiting for an answer that does not come.
    await this.#control.close()
    await this.#reading.reader?.close()
    await this.#session?.close()
    if (failure === null) await this.#loop?.catch(() => {})
    this.#pipeline.dropSpill()
    this.#cells.end(failure)
    this.#life.end(failure === null ? 'closed' : 'failed', reason)
  }

  async #fail(error: DbsyncError): Promise<void> {
    if (this.#closing !== null) return
    this.#closing = this.#close(error)
    await this.#closing
    this.#options.onEvent({ kind: 'failed', error })
  }

  /** Session after session, until the sync is closed or a failure needs a person. */
  async #run(): Promise<void> {
    const backoff = new Backoff()
    for (;;) {
      let error: DbsyncError
      try {
        const reason = await this.#stream(() => backoff.noteSuccess())
        if (reason === null) return
        error = reason
      } catch (thrown) {
        error = toDbsyncError(thrown)
      }
      if (error.code === 'PUBLICATION.MISSING') this.#continuity.doubtPublication()
      await this.#leaveSession()
      // It may be as dead as the stream, and not know it yet.
      this.#control.drop()
      if (this.#stop.signal.aborted) return
      const { isProven } = this.#continuity
      if (!mayRetry(error, { isProven, hasConsumers: this.#consumed !== null })) {
        await this.#fail(error)
        return
      }
      this.#cells.goStale()
      this.#life.leave('reconnecting')
      this.#reconnects += 1
      const waitMs = backoff.nextMs()
      this.#options.onEvent({ kind: 'reconnecting', error, attempt: backoff.attempts, waitMs })
      await sleep(waitMs, this.#stop.signal).catch(() => {})
      if (this.#stop.signal.aborted) return
    }
  }

  /** One session from preflight to its end; null when the sync is closing. */
  async #stream(onLive: () => void): Promise<DbsyncError | null> {
    if (!this.#continuity.hasStreamed) await this.#stores.check()
    const loss = { hasConsumers: this.#consumed !== null, slot: this.#slotName, onWarning: this.#warn }
    const opened = await openStream(
      {
        control: this.#control,
        options: this.#options,
        continuity: this.#continuity,
        signal: this.#stop.signal,
        lastEnd: this.#pipeline.lastEnd,
        wasLive: this.#replica !== null,
        onSession: (opening) => {
          this.#session = opening
        },
        onNewSlot: (name) => this.#refreshes.forget(name),
        onWait: this.#waiting,
        onWarning: this.#warn,
        onPromoted: () => {
          this.#pipeline.leaveHistory()
          this.#reading.reader?.readAgain()
        },
        ...lossTeller(loss),
      },
      this.#replica?.compiled ?? this.#cells.compile(),
    )
    const { session, slot, checked } = opened
    this.#opened = opened
    this.#consumed?.noteModels(opened.consumed)
    this.#slotName = slot.name
    await this.#refreshes.begin(slot.name)
    this.#xidReference = (await readSnapshot(this.#control)).xmax
    // First, since it is what notices that a transaction was torn.
    const restored = await this.#checkpoints.restore(opened)
    if (slot.isNew) this.#pipeline.beginStream(slot.start)
    else if (restored === null) this.#pipeline.beginSession()
    const isContinued =
      slot.isContinued &&
      this.#replica?.isOver(checked.tables) === true &&
      this.#building === null &&
      !this.#isOutdated &&
      !this.#pipeline.isTainted
    const known = isContinued ? this.#replica : restored
    const replica =
      known ?? (await this.#build(this.#cells.makeReplica(opened, this.#pipeline.unsettled), opened))
    for (const [model, error] of opened.broken) replica.breakTable(model, error)
    this.#pipeline.feed(replica)
    await session.start(slot.name, this.#options.publication, this.#pipeline)
    await this.#checkpoints.requireHeld(opened, restored !== null)
    this.#stop.signal.throwIfAborted()
    if (!isContinued) this.#stores.takeOver()
    this.#continuity.noteStreaming()
    for (const part of [this.#prober, this.#slotWatch, this.#watch, this.#checkpoints]) part.start()
    if (!isContinued && restored === null) this.#life.set('hydrating')
    const live = isContinued ? this.#rereads.settled() : this.#reading.hydrate(replica, opened)
    live.then(
      () => {
        if (this.#session !== session || this.#isOutdated || this.#stop.signal.aborted) return
        // The session has been told to end: whoever called start() hears of it.
        if (this.#replica === null && replica.failure !== null) return
        this.#goLive(replica)
        onLive()
      },
      (error: unknown) => session.destroy(toDbsyncError(error)),
    )
    return session.closed
  }

  /** Begins with a replica that is to be read, whose tables are watched from now on; no step shows the former any more. */
  async #build(replica: Replica, opened: OpenedStream): Promise<Replica> {
    this.#building = replica
    this.#isExact = false
    this.#stores.attach(null)
    this.#pipeline.feed(null)
    this.#isOutdated = false
    this.#watch.take(await this.#watch.open(replica, opened), replica)
    return replica
  }

  /** Ends the session, and reads everything anew in the next. */
  #rebuild(reason: DbsyncError): void {
    this.#isOutdated = true
    this.#session?.destroy(reason)
  }

  /**
   * The rows of a table changed without the stream saying so: they are read again, in place where the views are live. A
   * walsender of version 14 goes on to leave out a partition that came back; only another one looks anew.
   */
  #reread(model: string, reason: string, serverVersion: number): void {
    const replica = this.#building === null && serverVersion >= 150_000 ? this.#replica : null
    const [table, reader] = [replica?.table(model), this.#reading.reader]
    if (replica === null || table === undefined || reader === null) {
      this.#rebuild(new DbsyncError('SNAPSHOT.RELATION_CHANGED', reason, { details: { model } }))
      return
    }
    if (this.#life.isLive) this.#life.leave('hydrating')
    this.#changes.abandon()
    this.#isExact = false
    this.#cells.goStale(replica.viewsOver(model))
    reader.readAgain()
    this.#rereads.start(reader, table)
  }

  /** Shows a replica that shows the same and more. */
  #replace(replica: Replica, opened: OpenedStream, watch: DriftWatch): void {
    this.#opened = opened
    this.#pipeline.feed(replica)
    this.#goLive(replica, true)
    this.#watch.take(watch, replica)
    watch.start()
  }

  /** What readers see, between a beginning and an end of being live. */
  #liveNow(): LiveSync | null {
    const [replica, reader, opened] = [this.#replica, this.#reading.reader, this.#opened]
    if (!this.#life.isLive || this.#session === null || this.#isOutdated) return null
    return replica === null || reader === null || opened === null ? null : { replica, reader, opened }
  }

  /** `isSame`: it shows what the former replica shows. */
  #goLive(replica: Replica, isSame = false): void {
    this.#building = null
    this.#replica = replica
    this.#isExact = true
    this.#cells.goLive(replica, () => this.#applyDemand(), isSame)
    this.#stores.attach(replica)
    this.#life.goLive()
  }

  /** Where the views stand, with nothing of the stream half shown; null while there is no such moment. */
  #settle(): Lsn | null {
    if (!this.#isExact || this.#isOutdated) return null
    return this.#pipeline.settleStep() ? this.#pipeline.position : null
  }

  async #leaveSession(): Promise<void> {
    const session = this.#session
    this.#changes.abandon()
    this.#watch.stop()
    // What was read so far goes with the stream that it was merged with.
    if (this.#building !== null) await this.#reading.end()
    this.#session = null
    await session?.close()
  }

  /** Views keep what changes only while somebody wants to be told. */
  #applyDemand(): void {
    if (!this.#pipeline.isMidTransaction) {
      // While a replica is read anew, the former may hold half of a transaction behind what it shows.
      if (this.#building === null) this.#cells.applyDemand(this.#replica)
      else this.#building.retainAll(false)
    }
    this.#pipeline.stepEachCommit(this.#cells.hasDemand)
  }

  #makeConsumers(options: CheckedOptions): ConsumerSet {
    return new ConsumerSet(options, {
      xidReference: () => this.#xidReference,
      onHandled: () => this.#pipeline.noteHandled(),
      onRoom: () => {
        if (this.#session?.isPaused === true) this.#session.resume()
        this.#refreshes.wake(this.#reading.reader)
      },
      onFailed: (error) => void this.#fail(error),
    })
  }

  /** Consumers are behind. Before the sync is live somebody may wait for it who should be reading. */
  #pause(): void {
    const session = this.#session
    if (session === null || session.isPaused) return
    session.pause()
    if (!this.#life.isLive) this.#waiting('consumers, for whom as much waits as may be kept in memory')
  }
}
