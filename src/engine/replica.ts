import type { DbsyncError } from '../core/errors.ts'
import { columnOf } from '../contract/lookup.ts'
import type { ModelContract } from '../contract/schema-contract.ts'
import { ChangeApplier, type CapturedTable } from '../changes/change-applier.ts'
import { ChunkWriter } from '../changes/chunk-writer.ts'
import type { ViewChange } from '../ivm/view-state.ts'
import type { CatalogTable } from '../postgres/catalog.ts'
import type { ChunkTable } from '../snapshot/chunk-query.ts'
import type { Unsettled } from '../snapshot/unsettled.ts'
import type { Replica as CompiledViews } from '../views/compile.ts'
import type { SourceTable } from '../zset/source-table.ts'
import type { TableProgress } from './hydration.ts'

/** One source table of a replica and how much of it has been read. */
export class ReplicaTable implements CapturedTable {
  readonly model: ModelContract
  readonly catalog: CatalogTable
  readonly table: SourceTable
  readonly writer: ChunkWriter
  readonly chunkTable: ChunkTable
  readonly #estimatedRows: number | null
  #state: TableProgress['state'] = 'pending'
  #rows = 0
  /** The generation of the table in which the reading began. */
  #scan = 0
  readonly #replay: (unsettled: Unsettled) => void

  constructor(
    model: ModelContract,
    catalog: CatalogTable,
    table: SourceTable,
    estimatedRows: number | null,
    replay: (unsettled: Unsettled) => void,
  ) {
    this.model = model
    this.catalog = catalog
    this.table = table
    this.writer = new ChunkWriter(table)
    this.#estimatedRows = estimatedRows
    this.#replay = replay
    this.chunkTable = {
      model,
      columns: table.columns.map(({ contract }) => contract.column),
      key: model.key.map((field) => columnOf(model, field).column),
    }
  }

  get progress(): TableProgress {
    return {
      model: this.model.model,
      state: this.#state,
      rows: this.#rows,
      estimatedRows: this.#estimatedRows,
    }
  }

  /**
   * A reading of the whole table begins. Whatever no chunk and no change confirms until its end is gone from the
   * database. What was delivered and no snapshot shows yet counts as confirmed: applying it once more says so.
   */
  beginScan(unsettled: Unsettled): void {
    this.#state = 'reading'
    this.#rows = 0
    this.table.beginGeneration()
    this.#scan = this.table.generation
    this.#replay(unsettled)
  }

  /** A chunk was merged. */
  noteChunk(rows: number, isLast: boolean): void {
    this.#rows += rows
    if (!isLast) return
    this.table.sweep(this.#scan)
    this.#state = 'covered'
  }
}

/** The tables that a set of views needs, and the views over them: exact once every table is covered. */
export class Replica {
  readonly tables: readonly ReplicaTable[]
  readonly applier: ChangeApplier
  readonly compiled: CompiledViews
  #onUnknownRow: (table: ReplicaTable, key: readonly string[], hasMoved: boolean) => void = () => {}
  #onFailure: (error: unknown) => void = () => {}

  constructor(
    compiled: CompiledViews,
    catalog: ReadonlyMap<string, CatalogTable>,
    estimates: ReadonlyMap<string, number>,
  ) {
    this.compiled = compiled
    const tables: ReplicaTable[] = []
    for (const [name, table] of this.compiled.tables) {
      const found = catalog.get(name)
      if (found === undefined) continue
      const replay = (unsettled: Unsettled): void => {
        for (const { spans, relations } of unsettled.all()) this.applier.replay(spans, relations, name)
      }
      tables.push(new ReplicaTable(table.model, found, table, estimates.get(name) ?? null, replay))
    }
    this.tables = tables
    this.applier = new ChangeApplier(tables, (model, key, hasMoved) => {
      const table = tables.find((candidate) => candidate.model.model === model)
      if (table !== undefined) this.#onUnknownRow(table, key, hasMoved)
    })
  }

  /** Whether these are the very tables that it was read from. */
  isOver(catalog: ReadonlyMap<string, CatalogTable>): boolean {
    return this.tables.every((table) => catalog.get(table.model.model)?.oid === table.catalog.oid)
  }

  get isCovered(): boolean {
    return this.tables.every((table) => table.progress.state === 'covered')
  }

  /** Rows kept over all tables. */
  get size(): number {
    return this.tables.reduce((sum, { table }) => sum + table.size, 0)
  }

  /** Says who reads rows of which only a part is known, and who is told when that fails. */
  onUnknownRow(
    listener: (table: ReplicaTable, key: readonly string[], hasMoved: boolean) => void,
    onFailure: (error: unknown) => void,
  ): void {
    this.#onUnknownRow = listener
    this.#onFailure = onFailure
  }

  fail(error: unknown): void {
    this.#onFailure(error)
  }

  /** Ends a step: the net changes of each view that is told to retain them. */
  flush(): ReadonlyMap<string, readonly ViewChange[]> {
    return this.compiled.flush()
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
