import { DbsyncError } from '../core/errors.ts'
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

/** Applies the changes of transactions to the tables that views read; other relations are passed over. */
export class ChangeApplier {
  readonly #byOid: ReadonlyMap<number, CapturedTable>
  /** By relation object: a relation described anew is another object. */
  readonly #writers = new WeakMap<WalRelation, RelationWriter | null>()
  readonly #onUnknownRow: UnknownRowListener

  constructor(captured: Iterable<CapturedTable>, onUnknownRow: UnknownRowListener) {
    this.#byOid = new Map([...captured].map((table) => [table.catalog.oid, table]))
    this.#onUnknownRow = onUnknownRow
  }

  /**
   * Applies every change of the spans in order and returns how many were to captured tables.
   *
   * Throws: CONTRACT.*, CHANGES.*, WAL.MALFORMED.
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
      writer.write(tag, buffer, start, end, isReplay)
    })
    return applied
  }

  #writerOf(relation: WalRelation): RelationWriter | null {
    const known = this.#writers.get(relation)
    if (known !== undefined) return known
    const captured = this.#byOid.get(relation.oid)
    const writer = captured === undefined ? null : this.#bind(relation, captured)
    this.#writers.set(relation, writer)
    return writer
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
