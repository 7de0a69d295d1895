import type pg from 'pg'
import { ChangeApplier } from '../../../src/changes/change-applier.ts'
import { preflight } from '../../../src/postgres/preflight.ts'
import type { ViewNetwork } from '../../../src/views/compile/view-network.ts'
import type { Transaction } from '../../../src/wal/transaction.ts'
import { TransactionAssembler } from '../../../src/wal/transaction-assembler.ts'
import type { CatalogTable } from '../../../src/postgres/catalog.ts'
import { feed, walFrame } from '../../support/pgoutput.ts'
import { models, schema } from './world.ts'

/** What the server's transactions do to the tables, by a slot of its own that is read on demand. */
export class WalFeed {
  readonly catalog: ReadonlyMap<string, CatalogTable>
  readonly #client: pg.ClientBase
  readonly #slot: string
  readonly #come: Transaction[] = []
  readonly #assembler = new TransactionAssembler(
    { onTransaction: (transaction) => this.#come.push(transaction), onLargeTransaction() {} },
    Number.MAX_SAFE_INTEGER,
  )

  private constructor(client: pg.ClientBase, slot: string, catalog: WalFeed['catalog']) {
    this.#client = client
    this.#slot = slot
    this.catalog = catalog
  }

  /** From now on; the tables must be there. */
  static async open(client: pg.ClientBase, slot: string): Promise<WalFeed> {
    const needs = models.map((model) => ({ model, fields: model.columns.map(({ field }) => field) }))
    const { tables, findings } = await preflight(client, schema.contract, needs)
    if (findings.length > 0) throw new Error(findings.map(({ message }) => message).join('\n'))
    await client.query(`CREATE PUBLICATION generated FOR ALL TABLES`)
    await client.query(`SELECT pg_create_logical_replication_slot('${slot}', 'pgoutput')`)
    return new WalFeed(client, slot, tables)
  }

  /** The transactions that were committed since the last call, in commit order. */
  async take(): Promise<readonly Transaction[]> {
    const { rows } = await this.#client.query<{ data: Buffer }>(
      `SELECT data FROM pg_logical_slot_get_binary_changes('${this.#slot}', NULL, NULL,
        'proto_version', '1', 'publication_names', 'generated')`,
    )
    this.#come.length = 0
    feed(this.#assembler, [Buffer.concat(rows.map(({ data }) => walFrame(data)))])
    return [...this.#come]
  }
}

/** Keeps the tables of one network in step with transactions. */
export class Follower {
  readonly network: ViewNetwork
  readonly #applier: ChangeApplier

  constructor(network: ViewNetwork, catalog: WalFeed['catalog']) {
    this.network = network
    const captured = [...network.tables].map(([name, table]) => {
      const found = catalog.get(name)
      if (found === undefined) throw new Error(`no table of ${name}`)
      return { model: table.model, catalog: found, table }
    })
    this.#applier = new ChangeApplier(captured, (model) => {
      throw new Error(`a row of ${model} came in part`)
    })
  }

  /** Puts the transaction's changes into the tables; `flush` is the caller's. */
  apply({ spans, relations }: Pick<Transaction, 'spans' | 'relations'>): void {
    this.#applier.apply(spans, relations)
  }
}
