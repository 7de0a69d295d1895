import pg from 'pg'
import { DbsyncError, isDbsyncError } from '../core/errors.ts'
import { closeClient } from './close-client.ts'
import { connectSql, socketOf } from './connect.ts'
import { assertOwnBackend } from './pooler.ts'
import type { ConnectionTarget } from './resolve-connection.ts'
import { serverError } from './server-error.ts'

/** No question of ours takes so long on a session that is alive. */
const QUERY_TIMEOUT_MS = 10_000

/** One ordinary SQL session for everything that is asked now and then; opened when needed, again after a loss. */
export class ControlSession {
  readonly #options: ConnectionTarget
  #client: pg.Client | null = null
  #connecting: Promise<pg.Client> | null = null
  #isClosed = false
  /** The end of what was asked last. */
  #last: Promise<unknown> = Promise.resolve()

  constructor(options: ConnectionTarget) {
    this.#options = options
  }

  /** The client, connected. Throws: as `connectSql`; SYNC.CLOSED. */
  async client(): Promise<pg.Client> {
    if (this.#isClosed) throw new DbsyncError('SYNC.CLOSED', 'The sync is closed.')
    if (this.#client !== null) return this.#client
    this.#connecting ??= this.#connect()
    return this.#connecting
  }

  /** Rows of the last statement that has any, as arrays; statements cast what they select to text. Throws: what `serverError` says. */
  async query(
    sql: string,
    values: readonly unknown[] = [],
  ): Promise<readonly (readonly (string | null)[])[]> {
    return this.#inTurn((client) => this.#ask(client, sql, values))
  }

  async #ask(
    client: pg.Client,
    sql: string,
    values: readonly unknown[],
  ): Promise<readonly (readonly (string | null)[])[]> {
    try {
      const result: unknown = await client.query({ text: sql, values: [...values], rowMode: 'array' })
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- rowMode makes it so
      const results = (Array.isArray(result) ? result : [result]) as pg.QueryArrayResult<(string | null)[]>[]
      return results.findLast(({ rows }) => rows.length > 0)?.rows ?? []
    } catch (error) {
      // Not an answer of the server: the session is of no more use.
      if (!(error instanceof pg.DatabaseError)) this.drop()
      throw serverError(error, 'answer a query of the control session')
    }
  }

  /**
   * Runs several statements of one purpose on the client. Throws: what they throw as a code of ours, else what
   * `serverError` says of the server's answer.
   */
  use<Result>(doing: string, work: (client: pg.Client) => Promise<Result>): Promise<Result> {
    return this.#inTurn(async (client) => {
      try {
        return await work(client)
      } catch (error) {
        if (isDbsyncError(error) || error instanceof TypeError || error instanceof RangeError) throw error
        if (!(error instanceof pg.DatabaseError)) this.drop()
        throw serverError(error, doing)
      }
    })
  }

  /** One question at a time: node-pg queues them too, with a warning that it will not for ever. */
  #inTurn<Result>(work: (client: pg.Client) => Promise<Result>): Promise<Result> {
    const turn = this.#last.then(async () => work(await this.client()))
    this.#last = turn.catch(() => {})
    return turn
  }

  /** Cuts the session without a goodbye; the next query opens another. For one that may be dead without having said so. */
  drop(): void {
    const client = this.#client
    this.#client = null
    if (client !== null) socketOf(client).destroy()
  }

  async close(): Promise<void> {
    this.#isClosed = true
    const client = this.#client ?? (await this.#connecting?.catch(() => null)) ?? null
    this.#client = null
    if (client === null) return
    await closeClient(client)
  }

  async #connect(): Promise<pg.Client> {
    try {
      const client = await connectSql(this.#options, 'control', QUERY_TIMEOUT_MS)
      try {
        await assertOwnBackend(client, () => connectSql(this.#options, 'control', QUERY_TIMEOUT_MS))
        // A lock that somebody holds is to be told of before the answer counts as lost.
        await client.query("SET lock_timeout = '3s'")
      } catch (error) {
        await client.end().catch(() => {})
        throw serverError(error, 'look at a new session')
      }
      client.once('end', () => {
        if (this.#client === client) this.#client = null
      })
      this.#client = client
      return client
    } finally {
      this.#connecting = null
    }
  }
}
