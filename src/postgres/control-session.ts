import type pg from 'pg'
import { DbsyncError } from '../core/errors.ts'
import { connectSql, type ConnectionOptions } from './connect.ts'
import { serverError } from './server-error.ts'

/** One ordinary SQL session for everything that is asked now and then; opened when needed, again after a loss. */
export class ControlSession {
  readonly #options: ConnectionOptions
  #client: pg.Client | null = null
  #connecting: Promise<pg.Client> | null = null
  #isClosed = false

  constructor(options: ConnectionOptions) {
    this.#options = options
  }

  /** The client, connected. Throws: as `connectSql`; SYNC.CLOSED. */
  async client(): Promise<pg.Client> {
    if (this.#isClosed) throw new DbsyncError('SYNC.CLOSED', 'The sync is closed.')
    if (this.#client !== null) return this.#client
    this.#connecting ??= this.#connect()
    return this.#connecting
  }

  /** Rows of the last statement as arrays; statements cast what they select to text. Throws: what `serverError` says. */
  async query(
    sql: string,
    values: readonly unknown[] = [],
  ): Promise<readonly (readonly (string | null)[])[]> {
    const client = await this.client()
    try {
      const result: unknown = await client.query({ text: sql, values: [...values], rowMode: 'array' })
      // Several statements answer with a list of results; the last one's rows are meant.
      const last: unknown = Array.isArray(result) ? result.at(-1) : result
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- rowMode makes it so
      return (last as pg.QueryArrayResult<(string | null)[]>).rows
    } catch (error) {
      throw serverError(error, 'answer a query of the control session')
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true
    const client = this.#client ?? (await this.#connecting?.catch(() => null)) ?? null
    this.#client = null
    await client?.end().catch(() => {})
  }

  async #connect(): Promise<pg.Client> {
    try {
      const client = await connectSql(this.#options, 'control')
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
