import type { DbsyncError } from '../core/errors.ts'
import { columnOf } from '../contract/lookup.ts'
import type { ModelContract } from '../contract/schema-contract.ts'
import {
  ChangeApplier,
  isTableFailure,
  type CapturedTable,
  type TableListener,
} from '../changes/change-applier.ts'
import { ChunkWriter } from '../changes/chunk-writer.ts'
import { mergeChunk } from '../changes/merge-chunk.ts'
import type { ViewChange } from '../ivm/view-state.ts'
import type { CatalogTable } from '../postgres/catalog.ts'
import type { ChunkTable } from '../snapshot/chunk-query.ts'
import type { Chunk } from '../snapshot/chunk-reader.ts'
import type { Unsettled } from '../snapshot/unsettled.ts'
import type { ViewDefinition } from '../views/define-view.ts'
import type { ViewNetwork } from '../views/compile/view-network.ts'
import type { SourceTable } from '../zset/source-table.ts'
import { microsecondsOf, type Clock } from './clock.ts'
import type { ReadTarget } from './read-job.ts'
import { ReadMeter } from './read-meter.ts'

/** How far the reading of one table is. */
export interface TableProgress {
  readonly model: string
  /** `failed`: it was given up, and the views over it have stopped. */
  readonly state: 'pending' | 'reading' | 'covered' | 'failed'
  /** Rows read so far. */
  readonly rows: number
  /** The planner's estimate of the table's rows; null if it has none. */
  readonly estimatedRows: number | null
  /** Rows a second since the reading began; null before there is a figure. */
  readonly rowsPerSecond: number | null
  /** About how long the rest takes, in milliseconds; null if that cannot be said. */
  readonly etaMs: number | null
}

/** One source table of a replica and how much of it has been read. */
export class ReplicaTable implements CapturedTable, ReadTarget {
  readonly model: ModelContract
  readonly table: SourceTable
  readonly chunkTable: ChunkTable
  readonly estimatedRows: number | null
  readonly isBusy = false
  readonly isReadAnew = true
  readonly #writer: ChunkWriter
  readonly #replica: Replica
  readonly #meter: ReadMeter
  #catalog: CatalogTable
  #state: TableProgress['state'] = 'pending'

  constructor(
    replica: Replica,
    model: ModelContract,
    catalog: CatalogTable,
    table: SourceTable,
    estimatedRows: number | null,
  ) {
    this.#replica = replica
    this.model = model
    this.#catalog = catalog
    this.table = table
    this.estimatedRows = estimatedRows
    this.#writer = new ChunkWriter(table)
    this.#meter = new ReadMeter(estimatedRows)
    this.chunkTable = {
      model,
      columns: table.columns.map(({ contract }) => contract.column),
      key: model.key.map((field) => columnOf(model, field).column),
    }
  }

  /** What the catalog says of it: of the table that bears its name now. */
  get catalog(): CatalogTable {
    return this.#catalog
  }

  /** The catalog says something else of it, or another table has taken its name. */
  rebind(catalog: CatalogTable): void {
    this.#catalog = catalog
  }

  /** Its rows are worth nothing any more and are let go. */
  fail(): void {
    this.#state = 'failed'
    this.table.clear()
  }

  get progress(): TableProgress {
    const { rows, rowsPerSecond, etaMs } = this.#meter
    const { estimatedRows } = this
    return { model: this.model.model, state: this.#state, rows, estimatedRows, rowsPerSecond, etaMs }
  }

  /** All of it is there already. */
  cover(): void {
    this.#state = 'covered'
    this.#meter.note(this.table.size)
    this.#meter.end()
  }

  /** Whether all of it has been read, so that a row that it lacks is not in the database. */
  get isCovered(): boolean {
    return this.#state === 'covered'
  }

  /** Whether it was given up, or nobody wants it any more, so that nothing of it is worth reading. */
  get isBroken(): boolean {
    return !this.#replica.wants(this) || this.#replica.isBroken(this.model.model)
  }

  /**
   * Whatever no chunk and no change confirms until the reading's end is gone from the database. What was delivered before and
   * no snapshot shows yet needs nothing here: a chunk shows it, or its merge applies it once more. Applied now, it would
   * undo what a transaction too large to be kept has done since.
   */
  begin(): number {
    if (this.isBroken) return this.table.generation
    if (this.#state === 'pending') {
      this.#state = 'reading'
      this.#meter.begin()
    }
    this.table.beginGeneration()
    return this.table.generation - 1
  }

  merge(chunk: Chunk): boolean {
    const { unsettled, applier } = this.#replica
    try {
      if (!this.isBroken && !mergeChunk(chunk, unsettled, applier, this.#writer)) return false
    } catch (error) {
      if (!isTableFailure(error)) throw error
      this.#replica.breakTable(this.model.model, error)
    }
    if (this.isBroken) return true
    if (this.#state === 'reading' && chunk.range.kind === 'after') this.#meter.note(chunk.rows)
    return true
  }

  end(scan: number, isWhole: boolean): void {
    if (!isWhole || this.isBroken) return
    this.table.sweep(scan)
    this.#state = 'covered'
    this.#meter.end()
  }
}

/** The tables that a set of views needs, and the views over them: exact once every table is covered. */
export class Replica {
  tables: readonly ReplicaTable[]
  readonly applier: ChangeApplier
  readonly compiled: ViewNetwork
  /** What was delivered and no snapshot has shown; chunks are merged with it. */
  readonly unsettled: Unsettled
  #onUnknownRows: (table: ReplicaTable, keys: readonly (readonly string[])[]) => void = () => {}
  #listener: TableListener | null = null
  readonly #broken = new Map<string, DbsyncError>()
  #isAbandoned = false
  #isRestored = false
  readonly #clock: Clock

  constructor(
    compiled: ViewNetwork,
    catalog: ReadonlyMap<string, CatalogTable>,
    estimates: ReadonlyMap<string, number>,
    unsettled: Unsettled,
    clock: Clock = Date,
  ) {
    this.compiled = compiled
    this.unsettled = unsettled
    this.#clock = clock
    this.#advance()
    const tables: ReplicaTable[] = []
    for (const [name, table] of this.compiled.tables) {
      const found = catalog.get(name)
      if (found === undefined) continue
      tables.push(new ReplicaTable(this, table.model, found, table, estimates.get(name) ?? null))
    }
    this.tables = tables
    this.applier = new ChangeApplier(
      tables,
      (model, key, former) => {
        const table = this.table(model)
        // A row that stayed where it was is in a chunk to come, as long as its table is not covered.
        if (table === undefined || (former === null && !table.isCovered)) return
        this.#onUnknownRows(table, former === null ? [key] : [key, former])
      },
      {
        onBroken: (model, error) => this.breakTable(model, error),
        onDoubt: (model, error) => {
          if (this.#listener === null) this.breakTable(model, error)
          else this.#listener.onDoubt(model, error)
        },
        onDescribed: (model) => this.#listener?.onDescribed(model),
      },
    )
  }

  /** The table of a model, if a view reads it. */
  table(model: string): ReplicaTable | undefined {
    return this.tables.find((candidate) => candidate.model.model === model)
  }

  /** Whether these are the very tables that it was read from; those that have been given up do not count. */
  isOver(catalog: ReadonlyMap<string, CatalogTable>): boolean {
    return this.tables.every(
      ({ model, catalog: own }) => this.isBroken(model.model) || catalog.get(model.model)?.oid === own.oid,
    )
  }

  /** Whether its rows came from elsewhere than the tables. */
  get isRestored(): boolean {
    return this.#isRestored
  }

  /** All rows of all tables are there already. */
  cover(): void {
    this.#isRestored = true
    for (const table of this.tables) table.cover()
  }

  get isCovered(): boolean {
    return this.tables.every((table) => table.isCovered)
  }

  /** Whether the table was given up: its changes are passed over and the views over it have stopped. */
  isBroken(model: string): boolean {
    return this.#broken.has(model)
  }

  /** Whether views of this replica, if anybody wants these, read the table. */
  wants(table: ReplicaTable): boolean {
    return !this.#isAbandoned && this.tables.includes(table)
  }

  /** Why the table was given up; null while it is followed. */
  failureOf(model: string): DbsyncError | null {
    return this.#broken.get(model) ?? null
  }

  /** Nobody wants it any more: what is being read for it is read no further. */
  abandon(): void {
    this.#isAbandoned = true
  }

  /** Lets go of a view, and of the tables that no other view reads. */
  removeView(name: string): void {
    this.compiled.remove(name)
    for (const { model } of this.tables) {
      if (this.compiled.tables.has(model.model)) continue
      this.applier.leaveOut(model.model)
      this.#broken.delete(model.model)
    }
    this.tables = this.tables.filter(({ model }) => this.compiled.tables.has(model.model))
  }

  /** Why the first table that was given up was; null while all are followed. */
  get failure(): DbsyncError | null {
    const [first] = this.#broken.values()
    return first ?? null
  }

  /** The names of the views that read the table. */
  viewsOver(model: string): readonly string[] {
    return [...(this.compiled.readers.get(model) ?? [])].map((view) => view.name)
  }

  /** Gives a table up: the views over it stop with the error, the others go on. */
  breakTable(model: string, error: DbsyncError): void {
    if (this.#broken.has(model)) return
    this.#broken.set(model, error)
    this.applier.leaveOut(model)
    for (const view of this.compiled.readers.get(model) ?? []) view.fail(error)
    this.table(model)?.fail()
    this.#listener?.onBroken(model, error)
  }

  /** The table that bears the name now is this one; its rows are still the former one's. */
  rebind(model: string, catalog: CatalogTable): void {
    const table = this.table(model)
    if (table === undefined || this.isBroken(model)) return
    table.rebind(catalog)
    this.applier.rebind(table)
  }

  /** Says who is told of tables that are given up or described anew. */
  onTables(listener: TableListener): void {
    this.#listener = listener
  }

  /** Rows kept over all tables. */
  get size(): number {
    return this.tables.reduce((sum, { table }) => sum + table.size, 0)
  }

  /** Says who reads rows of which the stream has told only a part. */
  onUnknownRows(listener: (table: ReplicaTable, keys: readonly (readonly string[])[]) => void): void {
    this.#onUnknownRows = listener
  }

  /** Ends a step at the present: the net changes of each view that is told to retain them. */
  flush(): ReadonlyMap<string, readonly ViewChange[]> {
    this.#advance()
    return this.compiled.flush()
  }

  /** As {@link flush}, at the moment that another replica shows, so that nothing is to be told when it takes its place. */
  flushLike(other: Replica): void {
    if (other.compiled.isMoving) this.compiled.advance(other.compiled.now)
    else this.#advance()
    this.compiled.flush()
  }

  /** Adds a view at the moment of the others, which have nothing to tell; false as of {@link ViewNetwork.add}. */
  addView({ ir }: Pick<ViewDefinition, 'ir'>): boolean {
    const wasMoving = this.compiled.isMoving
    if (!this.compiled.add(ir)) return false
    if (!wasMoving) this.#advance()
    this.compiled.flush()
    return true
  }

  #advance(): void {
    if (!this.compiled.isMoving) return
    const now = microsecondsOf(this.#clock)
    if (now !== null) this.compiled.advance(now)
  }

  /** From now on (or no more) views keep what a step changes, and show the state before it until it is flushed. */
  retain(view: string, enabled: boolean): void {
    this.compiled.views.get(view)?.retain(enabled)
  }

  /** As {@link retain}, for every view. */
  retainAll(enabled: boolean): void {
    for (const state of this.compiled.views.values()) state.retain(enabled)
  }

  /** The first view failure, if a view has failed. */
  failures(): readonly { readonly view: string; readonly failure: DbsyncError }[] {
    const failures: { view: string; failure: DbsyncError }[] = []
    for (const [view, state] of this.compiled.views) {
      if (state.failure !== null) failures.push({ view, failure: state.failure })
    }
    return failures
  }
}
