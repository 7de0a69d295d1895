import { Backoff, sleep } from '../core/backoff.ts'
import { DbsyncError, toDbsyncError } from '../core/errors.ts'
import { maxLsn, parseLsn, ZERO_LSN, type Lsn } from '../core/lsn.ts'
import { xid8, type Xid8 } from '../core/xid.ts'
import { modelOf } from '../contract/lookup.ts'
import type { ModelContract } from '../contract/schema-contract.ts'
import { EventDecoder } from '../changes/event-decoder.ts'
import { ControlSession } from '../postgres/control-session.ts'
import { awaitWriters } from '../postgres/lock-barrier.ts'
import type { Preflight } from '../postgres/preflight.ts'
import { ReplicationSession } from '../replication/replication-session.ts'
import { readSnapshot } from '../snapshot/read-snapshot.ts'
import type { Snapshot } from '../snapshot/visibility.ts'
import { ViewCell } from '../stores/memory-view.ts'
import { compileViews } from '../views/compile.ts'
import { reachCurrentEnd } from './catch-up.ts'
import { checkDatabase, readEstimates, tableNeeds } from './check-database.ts'
import { Deferred } from './deferred.ts'
import { HandlerQueue } from './handler-queue.ts'
import { Hydration, type TableProgress } from './hydration.ts'
import { openSlot, type LossCode, type OpenSlot } from './open-slot.ts'
import type { CheckedOptions } from './options.ts'
import { Pipeline } from './pipeline.ts'
import { Replica } from './replica.ts'
import type { SyncState } from './sync-event.ts'
import type { Sync, SyncStatus } from './sync.ts'

const PROBE_MS = 500
const RESUME_BYTES = 8 * 1024 * 1024
const CLOSE_GRACE_MS = 5_000
const POSTGRES_EPOCH_MS = 946_684_800_000
/** Errors after which handlers have missed changes. */
const LOSSES: ReadonlySet<string> = new Set(['SLOT.MISSING', 'SLOT.INVALIDATED', 'PUBLICATION.MISSING'])

/** The one implementation of {@link Sync}: joins the floors, keeps the session alive, decides what a failure means. */
export class SyncEngine implements Sync {
  readonly views: Readonly<Record<string, ViewCell>>
  readonly #options: CheckedOptions
  readonly #control: ControlSession
  readonly #pipeline: Pipeline
  readonly #handlers: HandlerQueue | null
  readonly #handledModels = new Map<number, ModelContract>()
  readonly #cells: ReadonlyMap<string, ViewCell>
  readonly #stop = new AbortController()
  #state: SyncState = 'created'
  #live = new Deferred()
  #loop: Promise<void> | null = null
  #closing: Promise<void> | null = null
  #session: ReplicationSession | null = null
  #slotName: string | null = null
  #hydration: Hydration | null = null
  /** What the views show. */
  #replica: Replica | null = null
  /** What is being read to take its place. */
  #building: Replica | null = null
  #publicationOid: number | null = null
  /** Whether the slot may have skipped changes; until another slot is made. */
  #isSlotDoubtful = false
  /** The server's system identifier and timeline. */
  #history: string | null = null
  /** How far the slot was ever confirmed. */
  #confirmed: Lsn = ZERO_LSN
  #xidReference: Xid8 = xid8(0n)
  #probeTimer: NodeJS.Timeout | null = null
  #isProbing = false
  #reconnects = 0
  #hasStreamed = false
  readonly #failedViews = new Set<string>()

  constructor(options: CheckedOptions) {
    this.#options = options
    this.#control = new ControlSession(options.connection)
    this.#handlers = options.handlers.size === 0 ? null : this.#makeHandlers(options)
    this.#pipeline = new Pipeline(
      {
        onStep: (replica) => this.#onStep(replica),
        onConfirm: (position) => {
          if (this.#session === null) return
          this.#confirmed = maxLsn(this.#confirmed, position)
          this.#session.confirm(position)
        },
        onProbeWanted: () => void this.#probe(),
        onPause: () => this.#session?.pause(),
      },
      this.#handlers,
    )
    const cells = new Map<string, ViewCell>()
    const views: Record<string, ViewCell> = {}
    for (const [property, view] of Object.entries(options.views)) {
      const cell: ViewCell = new ViewCell(view.name, view.ir.key, {
        position: () => this.#pipeline.position,
        onDemand: () => this.#applyDemand(),
        onListenerError: (error) => options.onEvent({ kind: 'listener-error', view: view.name, error }),
      })
      cells.set(view.name, cell)
      views[property] = cell
    }
    this.#cells = cells
    this.views = Object.freeze(views)
    this.#pipeline.onPartialEnd(() => {
      // Where nobody listens the rows before it are simply forgotten.
      this.#applyDemand()
      this.#hydration?.drain()
    })
  }

  get state(): SyncState {
    return this.#state
  }

  async start(): Promise<void> {
    if (this.#state !== 'created') {
      throw new DbsyncError(
        'SYNC.STATE',
        `start() was called on a sync that is ${this.#state}; make a new one with createSync.`,
      )
    }
    this.#setState('connecting')
    this.#loop = this.#run()
    await this.#live.promise
  }

  ready(): Promise<void> {
    if (this.#state === 'created') {
      return Promise.reject(new DbsyncError('SYNC.STATE', 'ready() was called before start().'))
    }
    return this.#live.promise
  }

  async catchUp(): Promise<Lsn> {
    try {
      await this.ready()
      await reachCurrentEnd({
        control: this.#control,
        pipeline: this.#pipeline,
        prompt: () => this.#session?.sendStatus(true),
        signal: this.#stop.signal,
      })
      await this.#live.promise
      return this.#pipeline.position
    } catch (error) {
      // Whoever is told that the sync has stopped finds it so.
      await this.#closing
      throw error
    }
  }

  status(): SyncStatus {
    const position = this.#pipeline.position
    const session = this.#session
    const received = maxLsn(session?.received ?? ZERO_LSN, position)
    const committed = this.#pipeline.lastCommitTimeUs
    const isBehind = received > position
    return {
      state: this.#state,
      position,
      received,
      lagBytes: Number(received - position),
      lagMs:
        isBehind && committed !== null
          ? Math.max(0, Date.now() - (Number(committed / 1000n) + POSTGRES_EPOCH_MS))
          : 0,
      slot:
        this.#slotName === null || session === null
          ? null
          : { name: this.#slotName, durable: this.#options.slot.durable, confirmed: session.confirmed },
      publication: this.#options.publication,
      changes: this.#pipeline.changes,
      tables: (this.#building ?? this.#replica)?.tables.map((table) => table.progress) ?? [],
      views: [...this.#cells.values()].map((cell) => ({
        name: cell.name,
        readiness: cell.readiness,
        rows: cell.readiness === 'live' || cell.readiness === 'stale' ? cell.size : null,
        lsn: cell.lsn,
      })),
      unsettled: this.#pipeline.unsettled.size,
      reconnects: this.#reconnects,
    }
  }

  close(): Promise<void> {
    this.#closing ??= this.#close(null)
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #close(failure: DbsyncError | null): Promise<void> {
    if (failure === null) this.#setState('closing')
    const reason = failure ?? new DbsyncError('SYNC.CLOSED', 'The sync is closed.')
    this.#stop.abort(reason)
    if (this.#probeTimer !== null) clearInterval(this.#probeTimer)
    await this.#handlers?.close(CLOSE_GRACE_MS)
    // Before the loop: it may be waiting for an answer that does not come.
    await this.#control.close()
    await this.#hydration?.close()
    await this.#session?.close()
    if (failure === null) await this.#loop?.catch(() => {})
    for (const cell of this.#cells.values()) {
      cell.goStale()
      cell.end(failure)
    }
    this.#live.reject(reason)
    this.#live = new Deferred()
    this.#live.reject(reason)
    this.#setState(failure === null ? 'closed' : 'failed')
  }

  async #fail(error: DbsyncError): Promise<void> {
    this.#closing ??= this.#close(error)
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
      if (error.code === 'PUBLICATION.MISSING') this.#isSlotDoubtful = true
      await this.#leaveSession()
      // It may be as dead as the stream, and not know it yet.
      this.#control.drop()
      if (this.#stop.signal.aborted) return
      if (!this.#mayRetry(error)) {
        await this.#fail(error)
        return
      }
      if (this.#state === 'live') this.#live = new Deferred()
      for (const cell of this.#cells.values()) cell.goStale()
      this.#setState('reconnecting')
      this.#reconnects += 1
      const waitMs = backoff.nextMs()
      this.#options.onEvent({ kind: 'reconnecting', error, attempt: backoff.attempts, waitMs })
      await sleep(waitMs, this.#stop.signal).catch(() => {})
      if (this.#stop.signal.aborted) return
    }
  }

  #mayRetry(error: DbsyncError): boolean {
    // The first attempt answers the caller of start(): what is wrong is wrong in the configuration.
    if (!this.#hasStreamed) return false
    if (LOSSES.has(error.code)) return this.#handlers === null
    // A server that comes back may for a while have no free walsender, or still be a standby.
    if (error.code === 'POSTGRES.LIMIT' || error.code === 'POSTGRES.STANDBY') return true
    return error.recovery !== 'fix' && error.code !== 'HANDLER.FAILED'
  }

  /** One session from preflight to its end; null when the sync is closing. */
  async #stream(onLive: () => void): Promise<DbsyncError | null> {
    const { schema, connection, publication, views } = this.#options
    const compiled = compileViews(
      schema,
      Object.values(views).map((view) => view.ir),
    )
    const needs = tableNeeds(this.#options, compiled)
    const { checked, oid, isExtended } = await checkDatabase(this.#control, this.#options, needs)
    // Kept until a slot is made that is younger: the attempt may fail in between.
    if (this.#publicationOid !== null && (this.#publicationOid !== oid || isExtended))
      this.#isSlotDoubtful = true
    this.#publicationOid = oid
    for (const model of this.#options.handlers.keys()) {
      const table = checked.tables.get(model)
      if (table !== undefined) this.#handledModels.set(table.oid, modelOf(schema, model))
    }
    const session = await ReplicationSession.connect(connection)
    this.#session = session
    this.#stop.signal.throwIfAborted()
    await this.#checkHistory(session)
    const slot = await openSlot(
      {
        control: this.#control,
        options: this.#options,
        // A slot that this sync has streamed from must not vanish unnoticed.
        isExpected: this.#hasStreamed,
        isPublicationNew: this.#isSlotDoubtful,
        confirmed: this.#confirmed,
        signal: this.#stop.signal,
        onWait: (reason) => this.#waiting(reason),
        onLost: (code, found) => this.#onLost(code, found),
        onGap: () => {
          if (this.#handlers === null) return
          this.#options.onEvent({
            kind: 'warning',
            code: 'SLOT.MISSING',
            message:
              'The temporary slot ended with its session. Handlers have missed the changes since; a durable slot keeps them.',
          })
        },
      },
      session,
    )
    this.#slotName = slot.name
    if (slot.isNew) {
      this.#isSlotDoubtful = false
      this.#confirmed = ZERO_LSN
    }
    this.#xidReference = (await this.#snapshot()).xmax
    const estimates = await readEstimates(this.#control, checked)
    // First, since it is what notices that a transaction was torn.
    if (slot.isNew) this.#pipeline.beginStream(slot.start)
    else this.#pipeline.beginSession()
    const isContinued =
      !slot.isNew &&
      this.#replica?.isOver(checked.tables) === true &&
      this.#building === null &&
      !this.#pipeline.isTainted
    const replica = isContinued ? this.#replica : new Replica(compiled, checked.tables, estimates)
    if (!isContinued) this.#building = replica
    this.#pipeline.feed(replica)
    await session.start(slot.name, publication, this.#pipeline)
    this.#hasStreamed = true
    this.#probeTimer ??= setInterval(() => void this.#probe(), PROBE_MS)
    const live = isContinued || replica === null ? Promise.resolve() : this.#hydrate(replica, checked, slot)
    live.then(
      () => {
        if (this.#session !== session || this.#stop.signal.aborted) return
        this.#goLive(replica)
        onLive()
      },
      (error: unknown) => session.destroy(toDbsyncError(error)),
    )
    return session.closed
  }

  /** Another server, another timeline or a WAL that ends before where we were: what we know is not what the server knows. */
  async #checkHistory(session: ReplicationSession): Promise<void> {
    const [[system, timeline, end] = []] = await session.query('IDENTIFY_SYSTEM')
    const history = `${system}:${timeline}`
    const isBehind = parseLsn(end ?? '0/0') < this.#pipeline.lastEnd
    if (this.#history !== null && (this.#history !== history || isBehind)) this.#isSlotDoubtful = true
    this.#history = history
  }

  async #hydrate(replica: Replica, checked: Preflight, slot: OpenSlot): Promise<void> {
    await this.#hydration?.close()
    this.#setState('hydrating')
    const { signal } = this.#stop
    const hydration = new Hydration({
      replica,
      connection: this.#options.connection,
      anchor: slot.anchor,
      signal,
      host: {
        unsettled: this.#pipeline.unsettled,
        expectWatermark: (watermark, seen) => this.#pipeline.expectWatermark(watermark, seen),
        forgetWatermark: (watermark) => this.#pipeline.forgetWatermark(watermark),
        readSnapshot: () => this.#snapshot(),
        isMidTransaction: () => this.#pipeline.isMidTransaction,
        noteMerged: () => this.#pipeline.noteMerged(),
        onProgress: (tables: readonly TableProgress[]) =>
          this.#options.onEvent({ kind: 'progress', tables, changes: this.#pipeline.changes }),
      },
    })
    this.#hydration = hydration
    replica.onUnknownRow(
      (table, key, hasMoved) => hydration.requestRow(table, key, hasMoved),
      (error) => this.#session?.destroy(toDbsyncError(error)),
    )
    if (!slot.isNew && replica.tables.length > 0) {
      const oids = [...checked.tables.values()].map((table) => table.oid)
      await awaitWriters(this.#control, oids, signal, (holders) =>
        this.#waiting(`${holders} transactions that were writing when the sync started`),
      )
    }
    await hydration.run()
  }

  #goLive(replica: Replica | null): void {
    this.#building = null
    this.#replica = replica
    if (replica !== null) {
      const swaps = [...replica.compiled.views].map(([name, state]) => this.#cells.get(name)?.goLive(state))
      this.#applyDemand()
      // All views first: whoever is told of one reads the others at the same position.
      for (const tell of swaps) tell?.()
      this.#reportFailures(replica)
    }
    this.#setState('live')
    this.#live.resolve()
  }

  async #leaveSession(): Promise<void> {
    const session = this.#session
    const hydration = this.#hydration
    if (this.#building !== null) {
      // What was read so far goes with the stream that it was merged with.
      this.#hydration = null
      await hydration?.close()
    }
    this.#session = null
    await session?.close()
  }

  /** Continuity is gone. Views are read anew; handlers would miss changes, so a sync with handlers stops. */
  #onLost(code: LossCode, found: string): void {
    if (this.#handlers !== null) {
      throw new DbsyncError(
        code,
        `${found} Handlers have missed the changes since. Bring what they keep up to date, drop the slot if it is ` +
          'still there (SELECT pg_drop_replication_slot), and start again.',
        { details: { slot: this.#slotName } },
      )
    }
    this.#options.onEvent({ kind: 'warning', code, message: `${found} The tables are read anew.` })
  }

  #snapshot(): Promise<Snapshot> {
    return readSnapshot(this.#control)
  }

  /** Lets go of delivered transactions as soon as a snapshot shows them; the slot is confirmed no further than that. */
  async #probe(): Promise<void> {
    const isNeeded = (): boolean => this.#pipeline.unsettled.size > 0 && this.#hydration?.isActive !== true
    if (this.#isProbing || this.#stop.signal.aborted || !isNeeded()) return
    this.#isProbing = true
    try {
      const snapshot = await this.#snapshot()
      // A reading that began meanwhile may have an older snapshot than this one.
      if (isNeeded()) this.#pipeline.settle(snapshot)
    } catch {
      // The stream's own session reports a server that is gone.
    } finally {
      this.#isProbing = false
    }
  }

  #onStep(replica: Replica): void {
    const changes = replica.flush()
    if (replica !== this.#replica) return
    for (const [view, list] of changes) this.#cells.get(view)?.publish(list)
    this.#reportFailures(replica)
  }

  #reportFailures(replica: Replica): void {
    for (const { view, failure } of replica.failures()) {
      if (this.#failedViews.has(view)) continue
      this.#failedViews.add(view)
      this.#cells.get(view)?.end(failure)
      this.#options.onEvent({ kind: 'view-failed', view, error: failure })
    }
  }

  /** Views keep what changes only while somebody wants to be told. */
  #applyDemand(): void {
    let isWanted = false
    for (const [name, cell] of this.#cells) {
      if (!this.#pipeline.isMidTransaction) {
        // While a replica is read anew, the former may hold half of a transaction behind what it shows.
        if (this.#building === null) this.#replica?.retain(name, cell.hasDemand)
        else this.#building.retain(name, false)
      }
      isWanted ||= cell.hasDemand
    }
    this.#pipeline.stepEachCommit(isWanted)
  }

  #makeHandlers(options: CheckedOptions): HandlerQueue {
    const decoder = new EventDecoder(options.schema, this.#handledModels, () => this.#xidReference)
    return new HandlerQueue(
      decoder,
      options.handlers,
      { attempts: options.handlerAttempts },
      {
        onHandled: () => {
          this.#pipeline.noteHandled()
          if ((this.#handlers?.bytes ?? 0) < RESUME_BYTES && this.#session?.isPaused === true)
            this.#session.resume()
        },
        onRetry: (model, op, attempt, error) =>
          options.onEvent({ kind: 'handler-retry', model, op, attempt, error }),
        onFailed: (error) => void this.#fail(error),
      },
    )
  }

  #waiting(reason: string): void {
    this.#options.onEvent({ kind: 'waiting', reason })
  }

  #setState(state: SyncState): void {
    if (this.#state === state) return
    this.#state = state
    this.#options.onEvent({ kind: 'state', state })
  }
}
