import { DbsyncError, invariant, isDbsyncError } from '../../core/errors.ts'
import type { Lsn } from '../../core/lsn.ts'
import type { ConnectionTarget } from '../../postgres/resolve-connection.ts'
import type { StoreBatch, StoredValues, StoredView, ViewStore } from '../view-store.ts'
import { ensureBookkeeping, takeTurn } from './bookkeeping.ts'
import { assertNotPublished } from './check-target.ts'
import { Checkpoint, type Claim } from './checkpoint.ts'
import { DerivedTable, type DerivedTableOptions } from './derived-table.ts'
import { noteDetached, noteFailure } from './registry.ts'
import { StoreSession } from './store-session.ts'

/** What a {@link PostgresStore} writes, and where. */
export interface PostgresStoreOptions {
  readonly connection: ConnectionTarget
  /** Whose checkpoint it is: one writer at a time. */
  readonly pipeline: string
  /** By the names of the views. */
  readonly tables: ReadonlyMap<string, DerivedTableOptions>
  /** By the contract's name of an enum: its type in the target database. One that is not there is text. */
  readonly enumTypes: ReadonlyMap<string, string>
  /** The sync's own publication, in which no derived table may be; null where the target is another database. */
  readonly publication: string | null
}

/**
 * stale: the table needs all rows. claimed: it shows its view at the position that `open` returned. current: it takes changes.
 */
type Freshness = 'stale' | 'claimed' | 'current'

/** One view's table in this store. */
interface Target {
  readonly table: DerivedTable
  freshness: Freshness
}

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
  readonly name = 'derived tables'
  readonly #options: PostgresStoreOptions
  readonly #checkpoint: Checkpoint
  #session: StoreSession | null = null
  #claim: Claim | null = null
  /** Where a commit led whose answer has not come. */
  #attempted: Lsn | null = null
  #targets = new Map<string, Target>()
  #batch: Batch | null = null

  constructor(options: PostgresStoreOptions) {
    this.#options = options
    this.#checkpoint = new Checkpoint(options.pipeline)
  }

  async open(
    views: readonly StoredView[],
    { takeOver }: { readonly takeOver: boolean },
  ): Promise<Lsn | null> {
    this.#drop()
    const session = await StoreSession.connect(this.#options.connection)
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
    const { pipeline, publication } = this.#options
    const tables = views.map((view) => this.#tableOf(view, session))
    await session.run({ doing: 'begin' }, 'BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE')
    const { claim, isTrusted } = await this.#take(session, takeOver)
    const targets = new Map<string, Target>()
    const position = isTrusted ? claim.lsn : null
    for (const table of tables) {
      const isThere = await table.prepare(session, pipeline, position)
      targets.set(table.view.name, { table, freshness: isThere ? 'claimed' : 'stale' })
    }
    if (takeOver) await noteDetached(session, pipeline, tables)
    if (publication !== null) await assertNotPublished(session, publication, tables)
    await commit(session)
    this.#claim = claim
    this.#attempted = null
    this.#targets = targets
    return [...targets.values()].every(({ freshness }) => freshness === 'claimed') ? position : null
  }

  async #take(session: StoreSession, takeOver: boolean): Promise<{ claim: Claim; isTrusted: boolean }> {
    const known = this.#claim
    await ensureBookkeeping(session)
    if (takeOver || known === null) {
      return { claim: await this.#checkpoint.claim(session), isTrusted: true }
    }
    const { kind, claim } = await this.#checkpoint.resume(session, known, this.#attempted)
    return { claim, isTrusted: kind === 'ours' }
  }

  #tableOf(view: StoredView, { serverVersion }: StoreSession): DerivedTable {
    const options = this.#options.tables.get(view.name)
    invariant(options !== undefined, `view "${view.name}" has no derived table`)
    return new DerivedTable(view, options, {
      indexes: options.indexes,
      serverVersion,
      enumTypes: this.#options.enumTypes,
    })
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
      if (targets.some(({ table }) => table.mustReplace)) await takeTurn(session)
      for (const [place, { table }] of targets.entries()) await table.beginWhole(session, place)
    })
  }

  async delete(view: StoredView, keys: readonly StoredValues[]): Promise<void> {
    await this.#guarded((session) => this.#inBatch(view).table.delete(session, keys))
  }

  async upsert(view: StoredView, rows: readonly StoredValues[]): Promise<void> {
    await this.#guarded((session) => this.#inBatch(view).table.upsert(session, rows))
  }

  async commit(position: Lsn): Promise<void> {
    await this.#guarded(async (session, claim) => {
      const batch = this.#batch
      invariant(batch !== null, 'a store commits without a batch')
      if (batch.kind === 'whole') {
        for (const { table } of batch.targets) await table.endWhole(session, this.#options.pipeline)
      }
      const moved = this.#movedBy(batch)
      await this.#checkpoint.move(
        session,
        claim,
        position,
        moved.map(({ table }) => table),
      )
      this.#attempted = position
      await commit(session)
      this.#attempted = null
      this.#claim = { epoch: claim.epoch, lsn: position }
      this.#batch = null
      for (const { table } of batch.targets) table.committed()
      // Whoever writes some views whole does not go on from where the others were.
      for (const target of this.#targets.values()) {
        if (moved.includes(target)) target.freshness = 'current'
        else if (target.freshness === 'claimed') target.freshness = 'stale'
      }
    })
  }

  /** Who is at the position that a batch leads to: with changes all that go on from the one before, whether they changed or not. */
  #movedBy({ kind, targets }: Batch): readonly Target[] {
    if (kind === 'whole') return targets
    return [...this.#targets.values()].filter(({ freshness }) => freshness !== 'stale')
  }

  async fail(view: StoredView, code: string): Promise<void> {
    await this.#guarded(async (session, claim) => {
      invariant(this.#batch === null, 'a view is failed within a batch of its store')
      const target = this.#targetOf(view)
      await this.#checkpoint.lock(session, claim)
      await noteFailure(session, target.table, code)
      await commit(session)
      target.freshness = 'stale'
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
      if (isDbsyncError(error, 'STORE.ROW_REFUSED')) await this.#rollBack(session)
      else this.#drop()
      throw error
    }
  }

  async #rollBack(session: StoreSession): Promise<void> {
    for (const { table } of this.#batch?.targets ?? []) table.rollBack()
    this.#batch = null
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
    for (const { table } of this.#batch?.targets ?? []) table.rollBack()
    this.#session = null
    this.#batch = null
  }

  #notOpen(): DbsyncError {
    return new DbsyncError(
      'POSTGRES.CONNECTION_LOST',
      'The session that writes derived tables is closed or lost. It is opened again; what was begun is void.',
    )
  }
}

/** Ends a transaction. The server answers the COMMIT of one that had failed by rolling it back, and calls that no error. */
async function commit(session: StoreSession): Promise<void> {
  const { command } = await session.run({ doing: 'commit a batch' }, 'COMMIT')
  if (command === 'COMMIT') return
  throw new DbsyncError(
    'STORE.UNAVAILABLE',
    `The server answered COMMIT by ${command}: nothing of the transaction was kept. It is written again.`,
    { details: { command } },
  )
}
