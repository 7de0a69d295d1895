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
  readonly #writers = new Map<WalRelation, RelationWriter | null>()
  readonly #onUnknownRow: UnknownRowListener

  constructor(captured: Iterable<CapturedTable>, onUnknownRow: UnknownRowListener) {
    this.#byOid = new Map([...captured].map((table) => [table.catalog.oid, table]))
    this.#onUnknownRow = onUnknownRow
  }

  /**
   * Applies every change of the spans in order and returns how many were to captured tables.
   *
   * Applying changes once more that the tables already show leads to the same rows: each sets or removes a whole
   * row, and the last one of each key decides. The merge of chunks rests on that.
   * Throws: CONTRACT.*, CHANGES.*, WAL.MALFORMED.
   */
  apply(spans: readonly Span[], relations: RelationMap, onlyModel?: string): number {
    let applied = 0
    let lastRelation: WalRelation | null = null
    let writer: RelationWriter | null = null
    walkChanges(spans, relations, (tag, relation, buffer, start) => {
      if (relation !== lastRelation) {
        lastRelation = relation
        writer = this.#writerOf(relation)
        if (onlyModel !== undefined && this.#byOid.get(relation.oid)?.model.model !== onlyModel) writer = null
      }
      if (writer === null) return
      applied += 1
      writer.write(tag, buffer, start)
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
