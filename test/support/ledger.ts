import type pg from 'pg'
import { lsn, parseLsn, ZERO_LSN, type Lsn } from '../../src/core/lsn.ts'
import { quoteIdentifier } from '../../src/core/quote.ts'
import { storedViewOf } from '../../src/stores/stored-view.ts'
import type { ViewDefinition } from '../../src/views/define-view.ts'
import type { TestDatabase } from './database.ts'
import { derivedDifferences } from './derived-differences.ts'
import { sleep } from './faults.ts'
import { isCollision, randomSource, randomStatement } from './workload.ts'

/*
 * What the views' SQL answered at each commit of the source, so that whatever a reader of derived tables has seen can be compared
 * with the one position that their checkpoint names.
 */

/** What derived tables showed in one snapshot. */
export interface Seen {
  /** `dbsync.checkpoint`'s; null before the first batch. */
  readonly position: string | null
  /** Those of `dbsync.derived_table` that are not the same. */
  readonly others: number
  /** Of all rows of all tables. */
  readonly digest: string
}

interface Commit {
  readonly end: Lsn
  readonly digest: string
}

const SLOT = 'ledger'

/** A writer of random transactions, and what each of its commits has left. */
export class Ledger {
  readonly #db: TestDatabase
  readonly #writer: pg.Client
  readonly #reader: pg.Client
  readonly #views: readonly ViewDefinition[]
  readonly #random: (bound: number) => number
  /** By transaction id, until the slot has told where it ended. */
  readonly #written = new Map<string, string>()
  readonly #commits: Commit[] = []
  #isRunning = false
  #loop: Promise<void> = Promise.resolve()

  private constructor(
    db: TestDatabase,
    { writer, reader }: { readonly writer: pg.Client; readonly reader: pg.Client },
    { views, seed }: { readonly views: readonly ViewDefinition[]; readonly seed: number },
  ) {
    this.#db = db
    this.#writer = writer
    this.#reader = reader
    this.#views = views
    this.#random = randomSource(seed)
  }

  /** Begins with what is there; nobody else may write. */
  static async open(db: TestDatabase, views: readonly ViewDefinition[], seed: number): Promise<Ledger> {
    await db.query('CREATE PUBLICATION ledger FOR TABLE users, restaurant, visit')
    await db.query("SELECT pg_create_logical_replication_slot($1 || '_' || current_database(), 'pgoutput')", [
      SLOT,
    ])
    const clients = { writer: await db.connect(), reader: await db.connect() }
    const ledger = new Ledger(db, clients, { views, seed })
    const { digest } = await ledger.#digest(clients.writer, (view) => `(${view.sql})`)
    ledger.#commits.push({ end: ZERO_LSN, digest })
    return ledger
  }

  /** How many transactions were committed. */
  get size(): number {
    return this.#commits.length + this.#written.size
  }

  /** Writes until {@link pause}. */
  run(): void {
    if (this.#isRunning) return
    this.#isRunning = true
    this.#loop = (async () => {
      while (this.#isRunning) {
        await this.#write()
        await sleep(this.#random(12))
      }
    })()
  }

  async pause(): Promise<void> {
    this.#isRunning = false
    await this.#loop
  }

  async #write(): Promise<void> {
    const client = this.#writer
    await client.query('BEGIN')
    try {
      for (let count = 1 + this.#random(4); count > 0; count -= 1) await randomStatement(client, this.#random)
      const { digest, xid } = await this.#digest(client, (view) => `(${view.sql})`)
      await client.query('COMMIT')
      this.#written.set(xid, digest)
    } catch (error) {
      await client.query('ROLLBACK')
      if (!isCollision(error)) throw error
    }
  }

  /** One digest over the rows of all views, as `from` says where they are, with what else there is to select. */
  async #digest(
    client: pg.Client,
    from: (view: ViewDefinition) => string,
    others = 'pg_current_xact_id()::xid::text AS xid',
  ): Promise<Record<'digest' | 'xid' | 'position', string> & { readonly others: number }> {
    const digests = this.#views.map((view) => {
      const names = storedViewOf(view).columns.map(({ name }) => `v.${quoteIdentifier(name)}`)
      const row = `ROW(${names.join(', ')})::text`
      return `(SELECT coalesce(md5(string_agg(${row}, ';' ORDER BY ${row} COLLATE "C")), '') FROM ${from(view)} AS v)`
    })
    const { rows } = await client.query(`SELECT ${digests.join(` || ' ' || `)} AS digest, ${others}`)
    return rows[0]
  }

  /** What a reader of the derived tables sees now; null while they are not there. */
  async look(): Promise<Seen | null> {
    const { rows } = await this.#reader.query<{ there: boolean }>(
      "SELECT to_regclass('dbsync.checkpoint') IS NOT NULL AND count(*) = $1 AS there FROM pg_tables WHERE schemaname = 'derived'",
      [this.#views.length],
    )
    if (rows[0]?.there !== true) return null
    return this.#digest(
      this.#reader,
      (view) => `derived.${quoteIdentifier(view.name)}`,
      `(SELECT lsn::text FROM dbsync.checkpoint) AS position,
       (SELECT count(*)::int FROM dbsync.derived_table, dbsync.checkpoint c WHERE derived_table.lsn IS DISTINCT FROM c.lsn) AS others`,
    )
  }

  /** What is wrong with what was seen: it is not what the SQL answered at the position that it names. */
  async check(seen: readonly Seen[]): Promise<readonly string[]> {
    await this.#settle()
    return seen.flatMap(({ position, others, digest }) => {
      // Before the first batch the tables are empty and say so.
      if (position === null) return []
      const at = this.#commits.findLastIndex(({ end }) => end <= parseLsn(position))
      const shown = this.#commits.findLastIndex((commit) => commit.digest === digest)
      if (others > 0) return [`${others} tables are not at ${position}`]
      if (this.#commits[at]?.digest === digest) return []
      return [
        `at ${position}, that of commit ${at}, readers saw ${shown < 0 ? 'what never was' : `commit ${shown}`}`,
      ]
    })
  }

  /** Asks the slot where the transactions ended. */
  async #settle(): Promise<void> {
    const before = [...this.#written.keys()]
    const rows = await this.#db.query<{ data: Buffer }>(
      `SELECT data FROM pg_logical_slot_get_binary_changes($1 || '_' || current_database(), NULL, NULL,
         'proto_version', '1', 'publication_names', 'ledger')`,
      [SLOT],
    )
    let current = ''
    for (const { data } of rows) {
      const type = data.toString('latin1', 0, 1)
      if (type === 'B') current = String(data.readUInt32BE(17))
      if (type !== 'C') continue
      const digest = this.#written.get(current)
      if (digest === undefined) continue
      this.#written.delete(current)
      this.#commits.push({ end: lsn(data.readBigUInt64BE(10)), digest })
    }
    // What changed nothing that is published has no end; nor has it changed what the views show.
    for (const xid of before) this.#written.delete(xid)
  }

  /** The rows on which derived tables and the views' SQL disagree now. */
  differences(): Promise<readonly string[]> {
    return derivedDifferences(this.#db, this.#views)
  }
}
