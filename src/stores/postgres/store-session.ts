import type pg from 'pg'
import { DbsyncError } from '../../core/errors.ts'
import { closeClient } from '../../postgres/close-client.ts'
import { connectSql, socketOf } from '../../postgres/connect.ts'
import type { ConnectionTarget } from '../../postgres/resolve-connection.ts'
import { connectFailure, storeError, type StatementContext } from './store-error.ts'

/**
 * What the session of a store needs beyond the pinned settings.
 *
 * Whoever holds the checkpoint's row and has stopped without ending must let go of it, so that another can take over. Plans of
 * statements over few rows of large tables are kept while the tables grow, so they must go by the index from the first.
 */
const SETTINGS = [
  "SET lock_timeout = '10s'",
  "SET idle_in_transaction_session_timeout = '60s'",
  'SET statement_timeout = 0',
  // To be told of rows that a policy hides, rather than not to see them.
  'SET row_security = off',
  "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'",
  'SET jit = off',
  'SET enable_seqscan = off',
  'SET enable_hashjoin = off',
  'SET enable_mergejoin = off',
].join('; ')

/** Lets the planner read whole tables until the transaction ends. */
export const SCAN_WHOLE =
  'SET LOCAL enable_seqscan = on; SET LOCAL enable_hashjoin = on; SET LOCAL enable_mergejoin = on'

/** A row of a result: texts, in the order of the columns; statements cast what they select. */
export type TextRow = readonly (string | null)[]

/** What a statement answers. */
export interface TextResult {
  readonly rows: readonly TextRow[]
  readonly count: number
  readonly command: string
}

/** One SQL session of a store; every error of its statements has its code, and leaves what to do with the session to the caller. */
export class StoreSession {
  readonly #client: pg.Client
  #isLost = false
  /** The role that it works as. */
  readonly role: string
  readonly database: string
  /** The server's process. */
  readonly pid: number
  /** As `server_version_num` has it: 180004 for 18.4. */
  readonly serverVersion: number

  /** Names of prepared statements, by their text. */
  readonly #prepared = new Map<string, string>()

  private constructor(
    client: pg.Client,
    { role, database, pid, serverVersion }: Pick<StoreSession, 'role' | 'database' | 'pid' | 'serverVersion'>,
  ) {
    this.#client = client
    this.role = role
    this.database = database
    this.pid = pid
    this.serverVersion = serverVersion
    client.once('end', () => {
      this.#isLost = true
    })
  }

  /** Throws: as `connectSql`; STORE.UNAVAILABLE where the server has no room, or is a standby. */
  static async connect(target: ConnectionTarget, statementTimeoutMs: number): Promise<StoreSession> {
    let client: pg.Client
    try {
      client = await connectSql(target, 'store', statementTimeoutMs)
    } catch (error) {
      throw connectFailure(error)
    }
    try {
      await client.query(SETTINGS)
      const { rows } = await client.query<{
        role: string
        database: string
        pid: number
        version: string
        is_standby: boolean
      }>(
        `SELECT current_user::text AS role, current_database()::text AS database, pg_backend_pid() AS pid, current_setting('server_version_num') AS version, pg_is_in_recovery() AS is_standby`,
      )
      const [row] = rows
      if (row === undefined || row.is_standby) {
        throw new DbsyncError(
          'STORE.UNAVAILABLE',
          `The server at ${client.host}:${client.port} is a standby and takes no writes; derived tables need the primary. It is tried ` +
            'again; if it is not about to be promoted, correct the connection.',
          { details: { host: client.host, port: client.port } },
        )
      }
      return new StoreSession(client, { ...row, serverVersion: Number(row.version) })
    } catch (error) {
      await closeClient(client)
      throw storeError(error, { doing: 'prepare a session for derived tables' })
    }
  }

  get isLost(): boolean {
    return this.#isLost
  }

  /** A statement that is run again and again: it is parsed once, and its plan is kept. */
  async runPrepared(
    context: StatementContext,
    text: string,
    values: readonly unknown[],
  ): Promise<TextResult> {
    let name = this.#prepared.get(text)
    if (name === undefined) {
      name = `dbsync_${this.#prepared.size}`
      this.#prepared.set(text, name)
    }
    return this.run(context, text, values, name)
  }

  /** One statement with parameters. The name, where there is one, keeps its plan; it must stand for one text. */
  async run(
    context: StatementContext,
    text: string,
    values: readonly unknown[] = [],
    name?: string,
  ): Promise<TextResult> {
    try {
      const result = await this.#client.query<(string | null)[]>({
        text,
        values: [...values],
        rowMode: 'array',
        ...(name === undefined ? {} : { name }),
      })
      return { rows: result.rows, count: result.rowCount ?? 0, command: result.command }
    } catch (error) {
      throw storeError(error, context)
    }
  }

  /** Several statements in one round trip, without parameters. Returns the rows of the last one. */
  async runAll(context: StatementContext, statements: readonly string[]): Promise<readonly TextRow[]> {
    try {
      const result: unknown = await this.#client.query({ text: statements.join('; '), rowMode: 'array' })
      const last: unknown = Array.isArray(result) ? result.at(-1) : result
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- rowMode makes it so
      return (last as pg.QueryArrayResult<(string | null)[]>).rows
    } catch (error) {
      throw storeError(error, context)
    }
  }

  /** Cuts the session without a goodbye: the server ends its transaction. */
  drop(): void {
    this.#isLost = true
    socketOf(this.#client).destroy()
  }

  async close(): Promise<void> {
    this.#isLost = true
    await closeClient(this.#client)
  }
}
