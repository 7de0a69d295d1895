import { randomBytes, randomUUID } from 'node:crypto'
import { DbsyncError, invariant } from '../../core/errors.ts'
import { formatLsn, parseLsn, type Lsn } from '../../core/lsn.ts'
import type { StoreBatch, StoredValues, StoredView, ViewStore } from '../view-store.ts'
import { checkEviction, claimPlace, fencedError, lostError } from './redis-claim.ts'
import type { RedisClient } from './redis-client.ts'
import { RedisConnection, type RedisCommand } from './redis-connection.ts'
import { replyList, replyMap, replyText } from './redis-reply.ts'
import { CHECKPOINT, checkpointName, REDIS_PIPELINE, REDIS_PREFIX, rowsName } from './redis-names.ts'
import { makeRowNamer, rowCommands, rowContent, type PendingRow, type RedisFormat } from './row-commands.ts'

/** How views are kept in Redis. */
export interface RedisStoreOptions {
  /** Where all keys begin; nothing else may be kept under it. A `keyPrefix` of the client does not count. Default `dbsync`. */
  readonly prefix?: string
  /**
   * `hash`: each row is a hash, its fields the columns in Postgres' text form, NULL no field at all. `json`: each row is one JSON object
   * as readers of the view have it, BigInt and Decimal as texts. Default `hash`.
   */
  readonly format?: RedisFormat
  /** The name of the sync that writes: the same over restarts, another one for another sync under this prefix. Default `dbsync`. */
  readonly pipeline?: string
  /** Rows at most that change in one transaction of Redis; larger batches become visible in several. Default 10 000. */
  readonly maxRows?: number
}

/**
 * A store that keeps the rows of views in Redis, each under the key that `redisKey` tells, for any number of readers.
 *
 * `client` is the application's own; the store opens connections like it. A batch and its position are one transaction of
 * Redis; one of more than `maxRows` rows is several, of which each leaves whole rows and the last moves the position (see `redisPosition`).
 *
 * Throws: CONFIG.INVALID_OPTIONS. The store's own errors: STORE.FENCED, STORE.UNAVAILABLE (Redis cannot be reached, takes no writes, or has
 * lost what was written), STORE.TABLE_IN_USE (another pipeline writes the view under this prefix), STORE.TABLE_EXISTS, STORE.UNSUPPORTED for a
 * Redis that evicts keys.
 *
 * @example
 * ```ts
 * import { createClient } from 'redis'
 * import { createSync, defineView, redisStore, type Sync } from 'prisma-dbsync'
 * import { Restaurant, schema } from './generated/dbsync/index.ts'
 *
 * const restaurants = defineView('restaurants', (q) => q.from({ r: Restaurant }).select(({ r }) => ({ id: r.id, name: r.name })))
 *
 * export async function sharedCache(connection: string, url: string): Promise<Sync> {
 *   const redis = await createClient({ url }).connect()
 *   return createSync({
 *     schema,
 *     connection,
 *     stores: [{ store: redisStore(redis, { format: 'json' }), views: [restaurants] }],
 *   })
 * }
 * ```
 */
export function redisStore(client: RedisClient, options: RedisStoreOptions = {}): ViewStore {
  const { prefix = REDIS_PREFIX, format = 'hash', pipeline = REDIS_PIPELINE, maxRows = 10_000 } = options
  if (prefix === '' || pipeline === '') throw invalid('an empty prefix or pipeline; need a name')
  if (format !== 'hash' && format !== 'json') throw invalid("another format; need 'hash' or 'json'")
  if (!Number.isSafeInteger(maxRows) || maxRows < 1) throw invalid('maxRows; need a whole number from 1')
  return new RedisStore(client, { prefix, format, pipeline, maxRows })
}

function invalid(found: string): DbsyncError {
  return new DbsyncError('CONFIG.INVALID_OPTIONS', `redisStore: found ${found}. Correct the option.`)
}

/** A batch that was begun and how far it is. */
interface OpenBatch extends StoreBatch {
  /** By key, what has not been sent yet. */
  readonly rows: Map<string, PendingRow>
  chars: number
}

/** Text at most in one transaction, in UTF-16 units. */
const MAX_CHARS = 8_000_000
/** Somebody else may touch the checkpoint without taking it over, as a copying tool does. */
const ATTEMPTS = 10

class RedisStore implements ViewStore {
  readonly name: string
  readonly #client: RedisClient
  readonly #options: Required<RedisStoreOptions>
  readonly #checkpoint: string
  #connection: RedisConnection | null = null
  #views: readonly StoredView[] = []
  /** Ours, from the first take-over on. */
  #writer: string | null = null
  /** The text of the position that Redis must show. */
  #stored: string | null = null
  /** That of a commit whose answer did not come. */
  #attempted: string | null = null
  /** Views that have stopped, since they were last written as a whole. */
  readonly #failed = new Set<string>()
  /** A batch of several parts was broken off, and not all rows have been written since. */
  #isTorn = false
  /** New for each batch of all rows, so what else it finds noted is a ghost. */
  #generation = newGeneration()
  #batch: OpenBatch | null = null

  constructor(client: RedisClient, options: Required<RedisStoreOptions>) {
    this.#client = client
    this.#options = options
    this.#checkpoint = checkpointName(options.prefix, options.pipeline)
    this.name = `Redis, keys ${options.prefix}:*`
  }

  async open(views: readonly StoredView[], options: { readonly takeOver: boolean }): Promise<Lsn | null> {
    await this.close()
    const writer = options.takeOver ? randomUUID() : this.#writer
    if (writer === null) throw fencedError(this.#checkpoint)
    const connection = await RedisConnection.open(this.#client)
    this.#connection = connection
    await checkEviction(connection)
    const { prefix, pipeline, format } = this.#options
    const claim = { prefix, pipeline, format, views, writer, failed: this.#failed, ...options }
    for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
      const found = await claimPlace(connection, claim)
      if (found === null) continue
      const { lsn, isTorn, isComplete } = found
      // Redis may have gone back to an older state: what was written since is known to nobody but its writer.
      const isKnown = options.takeOver || lsn === this.#stored || lsn === this.#attempted
      this.#writer = writer
      this.#views = views
      this.#stored = lsn
      this.#attempted = null
      this.#isTorn = isTorn
      return lsn !== null && isComplete && isKnown && !isTorn ? parseLsn(lsn) : null
    }
    throw lostError(this.#checkpoint, 'other writers that take over at the same time')
  }

  begin(batch: StoreBatch): Promise<void> {
    this.#batch = { ...batch, rows: new Map(), chars: 0 }
    if (batch.kind === 'whole') this.#generation = newGeneration()
    return Promise.resolve()
  }

  async delete(view: StoredView, keys: readonly StoredValues[]): Promise<void> {
    const { ofKey } = makeRowNamer(this.#options.prefix, view)
    for (const key of keys) {
      const name = ofKey(key)
      if (this.#isFull(name)) await this.#sendPart()
      this.#put(name, { view: view.name, content: null })
    }
  }

  async upsert(view: StoredView, rows: readonly StoredValues[]): Promise<void> {
    const { prefix, format } = this.#options
    const { ofRow } = makeRowNamer(prefix, view)
    for (const row of rows) {
      const name = ofRow(row)
      if (this.#isFull(name)) await this.#sendPart()
      this.#put(name, { view: view.name, content: rowContent(format, view.columns, row) })
    }
  }

  async commit(position: Lsn): Promise<void> {
    const batch = this.#begun()
    const { view, failed, lsn, writing } = CHECKPOINT
    const commands: RedisCommand[] = [['HSET', this.#checkpoint, lsn, formatLsn(position)]]
    let isTorn = this.#isTorn
    if (batch.kind === 'whole') {
      for (const { name } of batch.views) await this.#removeGhosts(name)
      for (const { name, fingerprint } of batch.views) {
        commands.push(['HSET', this.#checkpoint, view(name), `${this.#options.format} ${fingerprint}`])
        commands.push(['HDEL', this.#checkpoint, failed(name)])
      }
      const whole = new Set(batch.views.map(({ name }) => name))
      if (this.#views.every(({ name }) => whole.has(name) || this.#failed.has(name))) isTorn = false
    }
    if (!isTorn) commands.push(['HDEL', this.#checkpoint, writing])
    this.#attempted = formatLsn(position)
    await this.#send(batch, commands)
    this.#stored = this.#attempted
    this.#isTorn = isTorn
    if (batch.kind === 'whole') for (const { name } of batch.views) this.#failed.delete(name)
    this.#batch = null
  }

  async fail(view: StoredView, code: string): Promise<void> {
    const { view: ofView, failed } = CHECKPOINT
    await this.#execute([
      ['HSET', this.#checkpoint, failed(view.name), `${code} ${this.#stored ?? ''}`],
      // Its rows are of the past from now on, whatever the position says.
      ['HDEL', this.#checkpoint, ofView(view.name)],
    ])
    this.#failed.add(view.name)
  }

  close(): Promise<void> {
    this.#batch = null
    this.#connection?.close()
    return Promise.resolve()
  }

  #begun(): OpenBatch {
    invariant(this.#batch !== null, 'a store is written outside of a batch')
    return this.#batch
  }

  #isFull(name: string): boolean {
    const { rows, chars } = this.#begun()
    return (rows.size >= this.#options.maxRows || chars >= MAX_CHARS) && !rows.has(name)
  }

  async #sendPart(): Promise<void> {
    await this.#send(this.#begun(), [['HSET', this.#checkpoint, CHECKPOINT.writing, '1']])
  }

  #put(name: string, row: PendingRow): void {
    const batch = this.#begun()
    batch.rows.set(name, row)
    batch.chars += (row.content ?? []).reduce((sum, text) => sum + text.length, name.length)
  }

  /** Has the rows go that were noted by former batches, and not by this one. */
  async #removeGhosts(view: string): Promise<void> {
    const { rows } = this.#begun()
    const key = rowsName(this.#options.prefix, view)
    let cursor = '0'
    do {
      const reply = await this.#open().ask(['HSCAN', key, cursor, 'COUNT', '1000'])
      const [next, found] = replyList(reply)
      cursor = replyText(next) ?? '0'
      // Looked through before any of them makes room by sending rows that this page shows as they were.
      const ghosts = [...replyMap(found)].filter(
        ([name, generation]) => generation !== this.#generation && !rows.has(name),
      )
      for (const [name] of ghosts) {
        if (this.#isFull(name)) await this.#sendPart()
        this.#put(name, { view, content: null })
      }
    } while (cursor !== '0')
  }

  /** Sends the rows that wait, with further commands, as one transaction. */
  async #send(batch: OpenBatch, commands: readonly RedisCommand[]): Promise<void> {
    const { prefix, format } = this.#options
    await this.#execute([...rowCommands(prefix, format, this.#generation, batch.rows), ...commands])
    batch.rows.clear()
    batch.chars = 0
  }

  /** As one transaction, if we are still the writer, and Redis has what we wrote. */
  async #execute(commands: readonly RedisCommand[]): Promise<void> {
    const connection = this.#open()
    for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
      const [, found] = await connection.send([
        ['WATCH', this.#checkpoint],
        ['HMGET', this.#checkpoint, CHECKPOINT.writer, CHECKPOINT.lsn],
      ])
      const [writer = null, lsn = null] = replyList(found).map(replyText)
      if (writer === null) throw lostError(this.#checkpoint, 'no writer')
      if (writer !== this.#writer) throw fencedError(this.#checkpoint)
      if (lsn !== this.#stored) throw lostError(this.#checkpoint, 'another position')
      if (await connection.execute(commands)) return
    }
    throw lostError(this.#checkpoint, 'a checkpoint that changes all the time')
  }

  #open(): RedisConnection {
    invariant(this.#connection !== null, 'a store is written before it is opened')
    return this.#connection
  }
}

function newGeneration(): string {
  return randomBytes(6).toString('base64url')
}
