import { DbsyncError, invariant, isDbsyncError } from '../../core/errors.ts'
import type { Lsn } from '../../core/lsn.ts'
import type { ConnectionTarget } from '../../postgres/resolve-connection.ts'
import type { StoreBatch, StoredValues, StoredView, ViewStore } from '../view-store.ts'
import { ensureBookkeeping } from './bookkeeping.ts'
import { assertNotPublished } from './check-target.ts'
import { Checkpoint, type Claim, type TableKey } from './checkpoint.ts'
import { DerivedColumns, type DerivedColumnsOptions } from './derived-columns.ts'
import { DerivedTable, type DerivedTableOptions } from './derived-table.ts'
import { endingSilentHolders } from './end-silent-holders.ts'
import { noteDetached, noteFailure } from './registry.ts'
import { StoreSession } from './store-session.ts'
import type { StoreTarget } from './store-target.ts'

/** What a {@link PostgresStore} writes, and where. */
export interface PostgresStoreOptions {
  readonly connection: ConnectionTarget
  /** Whose checkpoint it is: one writer at a time. */
  readonly pipeline: string
  /** By the names of the views. */
  readonly tables: ReadonlyMap<string, DerivedTableOptions>
  /**
   * By the names of the views; none of them is in `tables` too. For these the database is that of the sources, and a position is visible
   * there before `commit` is called with it: a row whose transaction new snapshots do not see yet would be missed.
   */
  readonly columns?: ReadonlyMap<string, DerivedColumnsOptions>
  /** By the contract's name of an enum: its type in the target database. One that is not there is text. */
  readonly enumTypes: ReadonlyMap<string, string>
  /** The sync's own publication, in which no derived table may be; null where the target is another database. */
  readonly publication: string | null
  /** A statement that takes longer counts as a lost connection. Default: five minutes. */
  readonly statementTimeoutMs?: number
}

/**
 * stale: the table needs all rows. claimed: it shows its view at the position that `open` returned. current: it takes changes.
 */
type Freshness = 'stale' | 'claimed' | 'current'

/** One view in this store. */
interface Target {
  readonly place: StoreTarget
  freshness: Freshness
}

const STATEMENT_TIMEOUT_MS = 300_000
const BEGIN = 'BEGIN ISOLATION LEVEL READ COMMITTED'

interface Batch {
  readonly kind: StoreBatch['kind']
  readonly targets: readonly Target[]
}

/**
 * Keeps views as tables in Postgres. Each batch is one transaction that moves the checkpoint of its pipeline by compare-and-set, so
 * rows and position become visible together, and a writer that was replaced writes nothing more.
 *
 * Every error that ends the session's transaction also ends the session, but for STORE.ROW_REFUSED: after that the store goes on
 * with the next `begin`.
 */
export class PostgresStore implements ViewStore {
  readonly name: string
  readonly needsVisible: boolean
  readonly #options: PostgresStoreOptions
  readonly #checkpoint: Checkpoint
  #session: StoreSession | null = null
  #claim: Claim | null = null
  /** Where a commit led whose answer has not come. */
  #attempted: Lsn | null = null
  #targets = new Map<string, Target>()
  /** Views that have stopped, by name: until the store is taken over anew, nothing is asked of their tables. */
  readonly #stopped = new Set<string>()
  #batch: Batch | null = null
  /** Counts what was opened and closed: who connects meanwhile has come too late. */
  #turn = 0

  constructor(options: PostgresStoreOptions) {
    this.name = options.tables.size > 0 ? 'derived tables' : 'derived columns'
    this.needsVisible = (options.columns?.size ?? 0) > 0
    this.#options = options
    this.#checkpoint = new Checkpoint(options.pipeline)
  }

  /** All that taking over does, in a transaction that is rolled back. */
  async check(views: readonly StoredView[]): Promise<void> {
    const { connection, pipeline, statementTimeoutMs } = this.#options
    const session = await StoreSession.connect(connection, statementTimeoutMs ?? STATEMENT_TIMEOUT_MS)
    try {
      const places = views.map((view) => this.#placeOf(view, session))
      await session.run({ doing: 'begin' }, BEGIN)
      await ensureBookkeeping(session)
      await this.#checkpoint.claim(session)
      for (const place of places) await place.prepare(session, pipeline, null)
      await this.#assertUnpublished(session, places)
    } finally {
      // Whatever is open is rolled back.
      await session.close()
    }
  }

  async open(
    views: readonly StoredView[],
    { takeOver }: { readonly takeOver: boolean },
  ): Promise<Lsn | null> {
    const { connection, statementTimeoutMs } = this.#options
    this.#drop()
    if (takeOver) this.#stopped.clear()
    const turn = this.#turn
    const session = await StoreSession.connect(connection, statementTimeoutMs ?? STATEMENT_TIMEOUT_MS)
    if (turn !== this.#turn) {
      await session.close()
      throw this.#notOpen()
    }
    this.#session = session
    try {
      return await this.#prepare(session, views, takeOver)
    } catch (error) {
      this.#drop()
      throw error
    }
  }

  async #prepare(
    session: StoreSession,
    views: readonly StoredView[],
    takeOver: boolean,
  ): Promise<Lsn | null> {
    const { pipeline } = this.#options
    const places = views.map((view) => this.#placeOf(view, session))
    await session.run({ doing: 'begin' }, BEGIN)
    const { claim, isTrusted } = await this.#take(session, takeOver)
    const targets = new Map<string, Target>()
    const position = isTrusted ? claim.lsn : null
    for (const place of places) {
      const isThere = !this.#isStopped(place) && (await place.prepare(session, pipeline, position))
      targets.set(place.view.name, { place, freshness: isThere ? 'claimed' : 'stale' })
    }
    if (takeOver) {
      await noteDetached(
        session,
        pipeline,
        places.flatMap(({ keys }) => keys),
      )
    }
    await this.#assertUnpublished(session, places)
    await commit(session)
    this.#claim = claim
    this.#attempted = null
    this.#targets = targets
    const isComplete = [...targets.values()].every(
      ({ place, freshness }) => freshness === 'claimed' || this.#isStopped(place),
    )
    return isComplete ? position : null
  }

  async #assertUnpublished(session: StoreSession, places: readonly StoreTarget[]): Promise<void> {
    const { publication } = this.#options
    const tables = places.flatMap(({ unpublished }) => unpublished)
    if (publication !== null) await assertNotPublished(session, publication, tables)
  }

  async #take(session: StoreSession, takeOver: boolean): Promise<{ claim: Claim; isTrusted: boolean }> {
    const known = this.#claim
    await ensureBookkeeping(session)
    if (takeOver || known === null) {
      const claiming = this.#checkpoint.claim(session)
      const claim = await endingSilentHolders(this.#options.connection, session.pid, claiming)
      return { claim, isTrusted: true }
    }
    const { kind, claim } = await this.#checkpoint.resume(session, known, this.#attempted)
    return { claim, isTrusted: kind === 'ours' }
  }

  #placeOf(view: StoredView, { serverVersion }: StoreSession): StoreTarget {
    const { tables, columns, enumTypes } = this.#options
    const table = tables.get(view.name)
    const inColumns = columns?.get(view.name)
    invariant((table === undefined) !== (inColumns === undefined), `view "${view.name}" has no place, or two`)
    if (inColumns !== undefined) return new DerivedColumns(view, inColumns)
    invariant(table !== undefined, 'neither')
    return new DerivedTable(view, table, { indexes: table.indexes, serverVersion, enumTypes })
  }

  #isStopped({ view }: StoreTarget): boolean {
    return this.#stopped.has(view.name)
  }

  async begin({ kind, views }: StoreBatch): Promise<void> {
    await this.#guarded(async (session, claim) => {
      invariant(this.#batch === null, 'a batch of a store is begun within another')
      const targets = views.map((view) => this.#targetOf(view))
      const isReady = kind === 'whole' || targets.every(({ freshness }) => freshness !== 'stale')
      invariant(isReady, 'changes are written to a derived table that needs all rows')
      await this.#checkpoint.lock(session, claim)
      this.#batch = { kind, targets }
      if (kind === 'changes') return
      for (const [at, { place }] of targets.entries()) {
        if (this.#isStopped(place)) await this.#prepareAgain(session, place)
        await place.beginWhole(session, at)
      }
    })
  }

  /** A view that had stopped is tried again; what was wrong may still be, and is still its own trouble. */
  async #prepareAgain(session: StoreSession, place: StoreTarget): Promise<void> {
    try {
      await place.prepare(session, this.#options.pipeline, null)
    } catch (error) {
      if (!isDbsyncError(error) || error.recovery !== 'fix') throw error
      const { code, message, details } = error
      throw new DbsyncError('STORE.ROW_REFUSED', message, {
        details: { ...details, code, view: place.view.name },
      })
    }
  }

  async delete(view: StoredView, keys: readonly StoredValues[]): Promise<void> {
    await this.#guarded((session) => this.#inBatch(view).place.delete(session, keys))
  }

  async upsert(view: StoredView, rows: readonly StoredValues[]): Promise<void> {
    await this.#guarded((session) => this.#inBatch(view).place.upsert(session, rows))
  }

  async commit(position: Lsn): Promise<void> {
    await this.#guarded(async (session, claim) => {
      const batch = this.#batch
      invariant(batch !== null, 'a store commits without a batch')
      for (const { place } of batch.targets) await place.finish(session, this.#options.pipeline)
      const moved = this.#movedBy(batch)
      await this.#checkpoint.move(
        session,
        claim,
        position,
        moved.flatMap(({ place }) => place.keys),
      )
      this.#attempted = position
      await commit(session, (schema, name) => {
        const isIt = (key: TableKey): boolean => key.schema === schema && key.table === name
        return batch.targets.find(({ place }) => place.keys.some(isIt))?.place.view.name
      })
      this.#attempted = null
      this.#claim = { epoch: claim.epoch, lsn: position }
      this.#endBatch(true)
      // Whoever writes some views whole does not go on from where the others were.
      for (const target of this.#targets.values()) {
        if (moved.includes(target)) {
          target.freshness = 'current'
          this.#stopped.delete(target.place.view.name)
        } else if (target.freshness === 'claimed' || this.#isStopped(target.place)) target.freshness = 'stale'
      }
    })
  }

  /** Who is at the position that a batch leads to: with changes all that go on from the one before, whether they changed or not. */
  #movedBy({ kind, targets }: Batch): readonly Target[] {
    if (kind === 'whole') return targets
    return [...this.#targets.values()].filter(
      (target) =>
        target.freshness !== 'stale' && (targets.includes(target) || !this.#isStopped(target.place)),
    )
  }

  async fail(view: StoredView, code: string): Promise<void> {
    await this.#guarded(async (session, claim) => {
      invariant(this.#batch === null, 'a view is failed within a batch of its store')
      const target = this.#targetOf(view)
      await this.#checkpoint.lock(session, claim)
      await noteFailure(session, target.place.keys, code)
      await commit(session)
      target.freshness = 'stale'
      this.#stopped.add(view.name)
    })
  }

  async close(): Promise<void> {
    const session = this.#session
    this.#forget()
    await session?.close()
  }

  #targetOf(view: StoredView): Target {
    const target = this.#targets.get(view.name)
    invariant(target !== undefined, `view "${view.name}" is not open in its store`)
    return target
  }

  #inBatch(view: StoredView): Target {
    const target = this.#targetOf(view)
    invariant(this.#batch?.targets.includes(target) === true, `view "${view.name}" is not in the batch`)
    return target
  }

  /** Runs statements of the session; what ends its transaction ends the session too, unless only a view is refused. */
  async #guarded<Result>(work: (session: StoreSession, claim: Claim) => Promise<Result>): Promise<Result> {
    const session = this.#session
    if (session === null || session.isLost) throw this.#notOpen()
    try {
      return await work(session, this.#claim ?? { epoch: 0n, lsn: null })
    } catch (error) {
      if (isDbsyncError(error, 'STORE.ROW_REFUSED')) {
        await this.#rollBack(session)
        this.#stopped.add(String(error.details['view']))
      } else {
        this.#drop()
      }
      throw error
    }
  }

  async #rollBack(session: StoreSession): Promise<void> {
    this.#endBatch(false)
    try {
      await session.run({ doing: 'roll a batch back' }, 'ROLLBACK')
    } catch {
      this.#drop()
    }
  }

  #drop(): void {
    const session = this.#session
    this.#forget()
    session?.drop()
  }

  #forget(): void {
    this.#endBatch(false)
    this.#session = null
    this.#turn += 1
  }

  #endBatch(isCommitted: boolean): void {
    for (const { place } of this.#batch?.targets ?? []) place.ended(isCommitted)
    this.#batch = null
  }

  #notOpen(): DbsyncError {
    return new DbsyncError(
      'POSTGRES.CONNECTION_LOST',
      'The session that writes derived tables is closed or lost. It is opened again; what was begun is void.',
    )
  }
}

/**
 * Ends a transaction; `viewAt` tells whose table has the constraint that was put off until now. The server answers the COMMIT of a
 * transaction that had failed by rolling it back, and calls that no error.
 */
async function commit(
  session: StoreSession,
  viewAt: (schema: string, table: string) => string | undefined = () => undefined,
): Promise<void> {
  const { command } = await session.run({ doing: 'commit a batch', viewAt }, 'COMMIT')
  if (command === 'COMMIT') return
  throw new DbsyncError(
    'STORE.UNAVAILABLE',
    `The server answered COMMIT by ${command}: nothing of the transaction was kept. It is written again.`,
    { details: { command } },
  )
}
