import { DbsyncError, isDbsyncError } from '../core/errors.ts'
import type { ModelContract } from '../contract/schema-contract.ts'
import type { CatalogTable } from '../postgres/catalog.ts'
import { walkChanges, type RelationMap, type Span } from '../wal/transaction.ts'
import type { WalRelation } from '../wal/wal-relation.ts'
import type { SourceTable } from '../zset/source-table.ts'
import { RelationWriter, type UnknownRowListener } from './relation-writer.ts'

/** A table whose changes are kept: what the contract, the catalog and the store say of it. */
export interface CapturedTable {
  readonly model: ModelContract
  readonly catalog: CatalogTable
  readonly table: SourceTable
}

/** What an applier tells of its tables. */
export interface TableListener {
  /** The changes of the table cannot be applied; the change in hand is not, and none that comes after it. */
  onBroken(model: string, error: DbsyncError): void
  /**
   * The stream describes the table as it cannot be followed. What it changes under this description is passed over: the
   * table must be read again, or broken, by whoever knows what it is now.
   */
  onDoubt(model: string, error: DbsyncError): void
  /** The stream describes a table again: its catalog rows were touched, or the session is another. */
  onDescribed(model: string): void
}

/** Whether an error is about the rows or the shape of one table, so that the others can go on. */
export function isTableFailure(error: unknown): error is DbsyncError {
  return isDbsyncError(error) && /^(CHANGES|CONTRACT)\./.test(error.code)
}

/** Applies the changes of transactions to the tables that views read; other relations are passed over. */
export class ChangeApplier {
  readonly #byOid: Map<number, CapturedTable>
  /** By relation object: a relation described anew is another object. */
  #writers = new WeakMap<WalRelation, RelationWriter | null>()
  /** Oids that the stream has described, and the descriptions. */
  readonly #describedOids = new Set<number>()
  readonly #described = new WeakSet<WalRelation>()
  readonly #onUnknownRow: UnknownRowListener
  readonly #listener: TableListener | null

  /** Without a listener a table that cannot be followed throws; with one it is reported and left out. */
  constructor(
    captured: Iterable<CapturedTable>,
    onUnknownRow: UnknownRowListener,
    listener: TableListener | null = null,
  ) {
    this.#byOid = new Map([...captured].map((table) => [table.catalog.oid, table]))
    this.#onUnknownRow = onUnknownRow
    this.#listener = listener
  }

  /** From now on the changes of the table are passed over. */
  leaveOut(model: string): void {
    for (const [oid, captured] of this.#byOid) if (captured.model.model === model) this.#byOid.delete(oid)
    this.#writers = new WeakMap()
  }

  /** The table's catalog entry is another one: from now on the changes of its oid are the table's. */
  rebind(captured: CapturedTable): void {
    this.leaveOut(captured.model.model)
    this.#byOid.set(captured.catalog.oid, captured)
  }

  /**
   * Applies every change of the spans in order and returns how many were to captured tables.
   *
   * Throws: WAL.MALFORMED; without a listener CONTRACT.* and CHANGES.* too.
   */
  apply(spans: readonly Span[], relations: RelationMap): number {
    return this.#apply(spans, relations, null)
  }

  /**
   * Applies delivered changes of one model once more, over a chunk that is older than they are (`mergeChunk`). Rows that the
   * merge has not put keep what they show: they have these changes already, and later ones.
   *
   * Throws: as {@link apply}.
   */
  replay(spans: readonly Span[], relations: RelationMap, model: string): void {
    this.#apply(spans, relations, model)
  }

  #apply(spans: readonly Span[], relations: RelationMap, replayed: string | null): number {
    let applied = 0
    let lastRelation: WalRelation | null = null
    let writer: RelationWriter | null = null
    const isReplay = replayed !== null
    walkChanges(spans, relations, (tag, relation, buffer, start, end) => {
      if (relation !== lastRelation) {
        lastRelation = relation
        writer = this.#writerOf(relation)
        if (isReplay && this.#byOid.get(relation.oid)?.model.model !== replayed) writer = null
      }
      if (writer === null) return
      applied += 1
      try {
        writer.write(tag, buffer, start, end, isReplay)
      } catch (error) {
        this.#break(relation, error)
        writer = null
      }
    })
    return applied
  }

  /** Leaves a table out that the error is about. Throws: any other error, and every one without a listener. */
  #break(relation: WalRelation, error: unknown): void {
    const captured = this.#byOid.get(relation.oid)
    if (this.#listener === null || captured === undefined || !isTableFailure(error)) throw error
    this.leaveOut(captured.model.model)
    this.#listener.onBroken(captured.model.model, error)
  }

  #writerOf(relation: WalRelation): RelationWriter | null {
    const known = this.#writers.get(relation)
    if (known !== undefined) return known
    const captured = this.#byOid.get(relation.oid)
    const writer = captured === undefined ? null : this.#tryBind(relation, captured)
    this.#writers.set(relation, writer)
    return writer
  }

  #tryBind(relation: WalRelation, captured: CapturedTable): RelationWriter | null {
    if (!this.#described.has(relation)) {
      if (this.#describedOids.has(relation.oid)) this.#listener?.onDescribed(captured.model.model)
      this.#describedOids.add(relation.oid)
      this.#described.add(relation)
    }
    try {
      return this.#bind(relation, captured)
    } catch (error) {
      if (this.#listener === null || !isTableFailure(error)) throw error
      this.#listener.onDoubt(captured.model.model, error)
      return null
    }
  }

  #bind(relation: WalRelation, captured: CapturedTable): RelationWriter {
    const { model, catalog, table } = captured
    for (const { contract } of table.columns) {
      const expected = catalog.columns.find((candidate) => candidate.name === contract.column)
      const actual = relation.columns.find((candidate) => candidate.name === contract.column)
      if (actual === undefined || actual.typeOid === expected?.typeOid) continue
      throw new DbsyncError(
        'CONTRACT.TYPE_MISMATCH',
        `${model.model}.${contract.field} changed its type while its changes were streamed. Bring schema.prisma up to date, run ` +
          'prisma generate and start again.',
        { details: { model: model.model, field: contract.field } },
      )
    }
    return new RelationWriter(relation, model, table, this.#onUnknownRow)
  }
}
