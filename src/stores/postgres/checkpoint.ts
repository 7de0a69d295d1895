import { DbsyncError } from '../../core/errors.ts'
import { formatLsn, parseLsn, type Lsn } from '../../core/lsn.ts'
import { quoteLiteral } from '../../core/quote.ts'
import { bookkeepingGrant } from './bookkeeping.ts'
import type { StoreSession } from './store-session.ts'

/** A table of the registry, by its name. */
export interface TableKey {
  readonly schema: string
  readonly table: string
}

/** The checkpoint's row as this writer knows it. */
export interface Claim {
  readonly epoch: bigint
  readonly lsn: Lsn | null
}

/** What was found where the checkpoint was read again. */
export type Resumed =
  | { readonly kind: 'ours'; readonly claim: Claim }
  /** The database is older than our claim: a backup. */
  | { readonly kind: 'restored'; readonly claim: Claim }

/**
 * The row of one pipeline in `dbsync.checkpoint`: how far its derived tables are, and whose they are. Whoever claims it counts its
 * epoch up, and with it the former owner is fenced: each batch locks the row as the owner knows it, and moves it in the same
 * transaction as the rows.
 *
 * Errors: STORE.FENCED; those of `storeError`.
 */
export class Checkpoint {
  readonly #pipeline: string

  constructor(pipeline: string) {
    this.#pipeline = pipeline
  }

  /** Takes the row over; waits for a batch or a commit that is under way. */
  async claim(session: StoreSession): Promise<Claim> {
    const { rows } = await session.run(
      { doing: 'take over dbsync.checkpoint', grant: bookkeepingGrant(session.role) },
      `INSERT INTO dbsync.checkpoint AS c (pipeline, epoch) VALUES ($1, 1)
       ON CONFLICT (pipeline) DO UPDATE SET epoch = c.epoch + 1, updated_at = statement_timestamp()
       RETURNING epoch::text, lsn::text`,
      [this.#pipeline],
    )
    return claimOf(rows[0])
  }

  /**
   * Reads the row under its lock, so that a commit whose answer was lost is decided first. `attempted`: the position of that
   * commit, or null; a position that is neither that nor the one before is no work of ours.
   */
  async resume(session: StoreSession, known: Claim, attempted: Lsn | null): Promise<Resumed> {
    const { rows } = await session.run(
      { doing: 'read dbsync.checkpoint', grant: bookkeepingGrant(session.role) },
      'SELECT epoch::text, lsn::text FROM dbsync.checkpoint WHERE pipeline = $1 FOR UPDATE',
      [this.#pipeline],
    )
    const found = rows.length === 0 ? { epoch: 0n, lsn: null } : claimOf(rows[0])
    if (found.epoch > known.epoch) throw this.#fenced()
    const isOurs = found.lsn === known.lsn || (attempted !== null && found.lsn === attempted)
    if (found.epoch === known.epoch && isOurs) return { kind: 'ours', claim: found }
    const epoch = known.epoch + 1n
    await session.run(
      { doing: 'begin dbsync.checkpoint anew' },
      `INSERT INTO dbsync.checkpoint (pipeline, epoch) VALUES ($1, $2)
       ON CONFLICT (pipeline) DO UPDATE SET epoch = excluded.epoch, lsn = NULL, updated_at = statement_timestamp()`,
      [this.#pipeline, String(epoch)],
    )
    return { kind: 'restored', claim: { epoch, lsn: null } }
  }

  /** Opens a transaction that holds the row as the owner knows it; whoever wants to take over waits for its end. */
  async lock(session: StoreSession, known: Claim): Promise<void> {
    const rows = await session.runAll({ doing: 'begin a batch' }, [
      // Not READ WRITE: who makes a database read-only by default, such as one whose disk is nearly full, is to be heard.
      'BEGIN ISOLATION LEVEL READ COMMITTED',
      `SELECT 1 FROM dbsync.checkpoint WHERE pipeline = ${quoteLiteral(this.#pipeline)}
       AND epoch = ${quoteLiteral(String(known.epoch))} AND lsn IS NOT DISTINCT FROM ${lsnLiteral(known.lsn)} FOR UPDATE`,
    ])
    if (rows.length !== 1) throw await this.#refusal(session, known)
  }

  /** Moves the row, and the tables that are now at its position; compare-and-set, in the transaction of {@link lock}. */
  async move(session: StoreSession, known: Claim, to: Lsn, tables: readonly TableKey[]): Promise<void> {
    const { rows } = await session.runPrepared(
      { doing: 'move dbsync.checkpoint', grant: bookkeepingGrant(session.role) },
      `WITH moved AS (
         UPDATE dbsync.checkpoint SET lsn = $4::pg_lsn, updated_at = statement_timestamp()
         WHERE pipeline = $1 AND epoch = $2 AND lsn IS NOT DISTINCT FROM $3::pg_lsn RETURNING pipeline
       ), noted AS (
         UPDATE dbsync.derived_table AS d SET lsn = $4::pg_lsn, updated_at = statement_timestamp()
         FROM moved, unnest($5::text[], $6::text[]) AS n (schema, name)
         WHERE d.schema = n.schema AND d.name = n.name AND d.pipeline = moved.pipeline
       )
       SELECT 1 FROM moved`,
      [
        this.#pipeline,
        String(known.epoch),
        known.lsn === null ? null : formatLsn(known.lsn),
        formatLsn(to),
        tables.map(({ schema }) => schema),
        tables.map(({ table }) => table),
      ],
    )
    if (rows.length !== 1) throw await this.#refusal(session, known)
  }

  /** Why the row is not as its owner knows it. */
  async #refusal(session: StoreSession, known: Claim): Promise<DbsyncError> {
    const { rows } = await session.run(
      { doing: 'read dbsync.checkpoint' },
      'SELECT epoch::text FROM dbsync.checkpoint WHERE pipeline = $1',
      [this.#pipeline],
    )
    if (BigInt(rows[0]?.[0] ?? 0) > known.epoch) return this.#fenced()
    return new DbsyncError(
      'STORE.UNAVAILABLE',
      `dbsync.checkpoint of "${this.#pipeline}" is not where this sync left it, and nobody has taken over: the database was restored, ` +
        'or somebody wrote there. All rows are written anew.',
      { details: { pipeline: this.#pipeline } },
    )
  }

  #fenced(): DbsyncError {
    return new DbsyncError(
      'STORE.FENCED',
      `Another instance has taken over the derived tables of "${this.#pipeline}"; this one writes no more. Nothing is to be done ` +
        'if that is meant; otherwise give the two syncs slots of different names.',
      { details: { pipeline: this.#pipeline } },
    )
  }
}

function claimOf(row: readonly (string | null)[] | undefined): Claim {
  const [epoch, lsn] = row ?? []
  return { epoch: BigInt(epoch ?? 0), lsn: lsn == null ? null : parseLsn(lsn) }
}

function lsnLiteral(position: Lsn | null): string {
  return position === null ? 'NULL' : `${quoteLiteral(formatLsn(position))}::pg_lsn`
}
