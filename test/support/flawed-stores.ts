import type { Lsn } from '../../src/core/lsn.ts'
import { PostgresStore } from '../../src/stores/postgres/postgres-store.ts'
import { storedViewOf } from '../../src/stores/stored-view.ts'
import type { StoreBatch, StoredValues, StoredView } from '../../src/stores/view-store.ts'
import type { ViewDefinition } from '../../src/views/define-view.ts'
import { isMove } from './kill-points.ts'
import type { Tap } from './tap.ts'

/*
 * Stores of derived tables with one flaw each, by which the tests of derived tables are tested.
 */

/** Takes it that the tables show what their checkpoint says, and goes on from there without comparing. */
class TrustingStore extends PostgresStore {
  #position: Lsn | null = null
  #isSkipped = false

  override async open(
    views: readonly StoredView[],
    options: { readonly takeOver: boolean },
  ): Promise<Lsn | null> {
    this.#position = await super.open(views, options)
    return this.#position
  }

  override begin(batch: StoreBatch): Promise<void> {
    this.#isSkipped = batch.kind === 'whole' && this.#position !== null
    return super.begin(this.#isSkipped ? { ...batch, kind: 'changes' } : batch)
  }

  override async upsert(view: StoredView, rows: readonly StoredValues[]): Promise<void> {
    if (!this.#isSkipped) await super.upsert(view, rows)
  }

  override async delete(view: StoredView, keys: readonly StoredValues[]): Promise<void> {
    if (!this.#isSkipped) await super.delete(view, keys)
  }
}

/** A store of these views' derived tables that writes no more than what changes while it is there. */
export function trustingStore(url: string, views: readonly ViewDefinition[]): PostgresStore {
  return new TrustingStore({
    connection: url,
    pipeline: 'trusting',
    tables: new Map(
      views.map((view) => [storedViewOf(view).name, { schema: 'derived', table: view.name, indexes: [] }]),
    ),
    enumTypes: new Map(),
    publication: null,
  })
}

/** SQL of a store whose checkpoint is no more compared before it is set: whoever wrote before writes on. */
export function withoutFence(sql: string): string {
  return sql
    .replace(
      /AND epoch = '\d+' AND lsn IS NOT DISTINCT FROM (?:'[^']*'::pg_lsn|NULL) FOR UPDATE/,
      'FOR UPDATE',
    )
    .replace(
      'AND epoch = $2 AND lsn IS NOT DISTINCT FROM $3::pg_lsn',
      'AND $2::bigint > 0 AND ($3::pg_lsn IS NULL OR true)',
    )
}

/** Makes a store behind a tap commit its rows before it moves the checkpoint, which then is a transaction of its own. */
export function splitCommits(target: Tap): void {
  const { onMessage } = target
  let isParsed = false
  target.onMessage = (message, link) => {
    const { type, from, sql } = message
    if (from === 'client' && isMove(sql) && (type === 'P' || (type === 'B' && !isParsed)))
      link.inject('COMMIT')
    if (from === 'client') isParsed = type === 'P'
    return onMessage(message, link)
  }
}
