import { DbsyncError, invariant } from '../../core/errors.ts'
import type { RedisClient } from './redis-client.ts'

/** One command with its arguments. */
export type RedisCommand = readonly string[]

/**
 * A connection of a store's own. WATCH belongs to a connection, so nobody else may use it, and it never connects again by
 * itself: a transaction that went on over a new connection would be guarded by nothing.
 *
 * Errors: STORE.UNAVAILABLE for whatever goes wrong; afterwards the connection is of no more use.
 */
export class RedisConnection {
  readonly #client: RedisClient
  #isOpen = true

  private constructor(client: RedisClient) {
    this.#client = client
  }

  /** Connects to where `client` connects. */
  static async open(client: RedisClient): Promise<RedisConnection> {
    const own = client.duplicate({
      socket: { ...client.options?.socket, reconnectStrategy: false },
      disableOfflineQueue: true,
      // None of a transaction's commands may be given up while the others are sent.
      commandsQueueMaxLength: Number.MAX_SAFE_INTEGER,
      commandOptions: { timeout: 0 },
    })
    // Whoever waits for a reply is told; without a listener the process would end.
    own.on('error', () => {})
    const connection = new RedisConnection(own)
    await connection.#do(() => own.connect())
    return connection
  }

  /** Sends commands in one go; returns their replies in order. */
  async send(commands: readonly RedisCommand[]): Promise<readonly unknown[]> {
    return this.#do(() => Promise.all(commands.map((command) => this.#client.sendCommand([...command]))))
  }

  /** Sends one command. */
  async ask(command: RedisCommand): Promise<unknown> {
    const [reply] = await this.send([command])
    return reply
  }

  /** Sends one command; returns null if the server refuses it. */
  async tryAsk(command: RedisCommand): Promise<unknown> {
    return this.#do(() =>
      this.#client.sendCommand([...command]).catch((error: unknown) => {
        if (wordOf(error) === null) throw error
        return null
      }),
    )
  }

  /**
   * Executes commands as one, if no watched key has changed.
   *
   * Returns false if one has, and nothing was done.
   */
  async execute(commands: readonly RedisCommand[]): Promise<boolean> {
    const replies = await this.send([['MULTI'], ...commands, ['EXEC']])
    const results = replies.at(-1)
    if (results === null) return false
    invariant(Array.isArray(results), 'EXEC answers with no list')
    // A command that fails among the others leaves those done.
    const failure: unknown = results.find((result) => result instanceof Error)
    if (failure !== undefined) throw this.#failed(failure)
    return true
  }

  close(): void {
    if (!this.#isOpen) return
    this.#isOpen = false
    try {
      this.#client.destroy()
    } catch {
      // It was closed by the other side.
    }
  }

  async #do<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      throw this.#failed(error)
    }
  }

  #failed(error: unknown): DbsyncError {
    this.close()
    const reason = reasonOf(error)
    return new DbsyncError(
      'STORE.UNAVAILABLE',
      `Found ${reason} when writing to Redis; need a server that takes writes. It is tried again; look at the server.`,
      { details: { reason } },
    )
  }
}

function reasonOf(error: unknown): string {
  const word = wordOf(error)
  if (word !== null) return `the error ${word}`
  const code: unknown = error instanceof Error && 'code' in error ? error.code : null
  return typeof code === 'string' ? `the error ${code}` : 'a lost connection'
}

/** The word that errors of the server begin with, whose rest may quote values; null for errors of another kind. */
function wordOf(error: unknown): string | null {
  return error instanceof Error ? (/^([A-Z][A-Z0-9_]+)(?= |$)/.exec(error.message)?.[1] ?? null) : null
}
