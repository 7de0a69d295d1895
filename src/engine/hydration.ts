import { sleep } from '../core/backoff.ts'
import { DbsyncError, isDbsyncError } from '../core/errors.ts'
import { mergeChunk } from '../changes/merge-chunk.ts'
import { RawSession } from '../postgres/raw-session.ts'
import type { ConnectionOptions } from '../postgres/connect.ts'
import type { ChunkRange } from '../snapshot/chunk-query.ts'
import { ChunkReader, type Chunk } from '../snapshot/chunk-reader.ts'
import { ChunkSize } from '../snapshot/chunk-size.ts'
import type { Unsettled } from '../snapshot/unsettled.ts'
import { seesAllOf, type Snapshot } from '../snapshot/visibility.ts'
import type { Replica, ReplicaTable } from './replica.ts'

/** How far the reading of one table is. */
export interface TableProgress {
  readonly model: string
  readonly state: 'pending' | 'reading' | 'covered'
  readonly rows: number
  /** The planner's estimate of the table's rows; null if it has none. */
  readonly estimatedRows: number | null
}

/** What hydration needs of the stream. */
export interface HydrationHost {
  readonly unsettled: Unsettled
  /** Calls back once the stream has delivered the watermark. */
  expectWatermark(watermark: string, seen: () => void): void
  forgetWatermark(watermark: string): void
  /** What a statement that runs now would see. */
  readSnapshot(): Promise<Snapshot>
  /** Whether a transaction is being applied in pieces; nothing may be merged meanwhile. */
  isMidTransaction(): boolean
  /** A chunk was merged: the views have changed. */
  noteMerged(): void
  onProgress(progress: readonly TableProgress[]): void
}

/** Where a chunk's watermark is: the stream may deliver it before the chunk has come over its own session. */
interface Delivery {
  isDelivered: boolean
}

interface QueuedChunk {
  readonly chunk: Chunk
  readonly table: ReplicaTable
  readonly delivery: Delivery
}

/** Chunks that are read and wait for their watermark. */
const MAX_QUEUED = 4
const MAX_QUEUED_BYTES = 32 * 1024 * 1024
const RETRY_MS = 20
const CLOSE_GRACE_MS = 5_000
const MAX_KEYS_PER_CHUNK = 1_000

/**
 * Reads every table of a replica in chunks while the stream runs, and merges each once the stream has passed it.
 *
 * Reading goes ahead of merging by a few chunks; merges happen in the order of reading, on the stream's own turn.
 */
export class Hydration {
  readonly #replica: Replica
  readonly #host: HydrationHost
  readonly #connection: ConnectionOptions
  readonly #ended = new AbortController()
  readonly #signal: AbortSignal
  readonly #size = new ChunkSize()
  readonly #anchor: Snapshot | null
  #session: RawSession | null = null
  #reader: ChunkReader | null = null
  #queue: QueuedChunk[] = []
  #rewind: { readonly table: ReplicaTable; readonly range: ChunkRange } | null = null
  #wake: (() => void) | null = null
  readonly #keys = new Map<string, Map<string, readonly string[]>>()
  #keyWork: Promise<void> | null = null
  #isRunning = false
  #reading: Promise<void> | null = null
  #failure: unknown = null

  /** `anchor`: what the slot's creation saw; chunks are read once new snapshots see all of it. */
  constructor(options: {
    readonly replica: Replica
    readonly host: HydrationHost
    readonly connection: ConnectionOptions
    readonly anchor: Snapshot | null
    readonly signal: AbortSignal
  }) {
    this.#replica = options.replica
    this.#host = options.host
    this.#connection = options.connection
    this.#anchor = options.anchor
    this.#signal = AbortSignal.any([options.signal, this.#ended.signal])
  }

  /**
   * Whether a chunk is being read or waits to be merged. Then only the chunks' own snapshots may settle transactions: a
   * later one could let go of a transaction that the waiting chunk did not see.
   */
  get isActive(): boolean {
    return this.#isRunning || this.#keyWork !== null
  }

  /** Reads all tables; resolves when every one is covered. Throws: what reading throws and retrying does not mend. */
  run(): Promise<void> {
    this.#reading = this.#readAll()
    return this.#reading
  }

  async #readAll(): Promise<void> {
    this.#isRunning = true
    await this.#awaitAnchor()
    for (const table of this.#replica.tables) await this.#readTable(table)
    // Rows that moved here from a key which was never read, with a part of them left out.
    while (this.#keys.size > 0) await this.#readKeys()
    this.#isRunning = false
    await this.#closeReader()
  }

  /** Merges what is due. Called on the stream's turn: after a watermark, after a transaction that came in pieces. */
  drain(): void {
    while (!this.#host.isMidTransaction()) {
      const [head] = this.#queue
      if (head === undefined || !head.delivery.isDelivered) break
      this.#queue.shift()
      this.#merge(head)
    }
    this.#wake?.()
    this.#wake = null
  }

  /** Reads one row by its key, because the stream changed a part of it and nobody knows the rest. */
  requestRow(table: ReplicaTable, key: readonly string[], hasMoved: boolean): void {
    // A row that stayed where it was is in a chunk to come, as long as its table is not covered.
    if (!hasMoved && table.progress.state !== 'covered') return
    const keys = this.#keys.get(table.model.model) ?? new Map<string, readonly string[]>()
    keys.set(JSON.stringify(key), key)
    this.#keys.set(table.model.model, keys)
    if (!this.#isRunning) this.#startKeyWork()
  }

  #startKeyWork(): void {
    this.#keyWork ??= this.#readKeys()
      .then(() => this.#closeReader())
      .catch((error: unknown) => {
        this.#failure = error
        this.#replica.fail(error)
      })
      .finally(() => {
        this.#keyWork = null
        // Asked for while the session was being closed.
        if (this.#keys.size > 0 && !this.#signal.aborted) this.#startKeyWork()
      })
  }

  /** Ends the reading for good: a chunk that is still under way is never merged. */
  async close(): Promise<void> {
    this.#ended.abort(new DbsyncError('SYNC.CLOSED', 'The reading of the tables was given up.'))
    this.#queue = []
    this.#wake?.()
    await this.#closeReader()
    // A session that is just being opened is closed by the reading itself.
    let timer: NodeJS.Timeout | undefined
    const grace = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, CLOSE_GRACE_MS)
    })
    await Promise.race([Promise.all([this.#reading?.catch(() => {}), this.#keyWork]), grace])
    clearTimeout(timer)
  }

  async #closeReader(): Promise<void> {
    const session = this.#session
    this.#session = null
    this.#reader = null
    await session?.close()
  }

  async #readTable(table: ReplicaTable): Promise<void> {
    table.beginScan(this.#host.unsettled)
    this.#report()
    let range: ChunkRange = { kind: 'after', key: null, limit: this.#size.rows }
    for (;;) {
      await this.#room()
      if (this.#rewind !== null) {
        range = this.#rewind.range
        this.#rewind = null
        // Until the transaction that was too large to be kept is visible.
        await sleep(RETRY_MS, this.#signal)
      }
      const { chunk, delivery }: { chunk: Chunk; delivery: Delivery } = await this.#readChunk(table, range)
      // Read on top of a chunk that has to be read again.
      if (this.#rewind !== null) continue
      this.#enqueue({ chunk, table, delivery })
      if (chunk.isLast) {
        await this.#idle()
        if (this.#rewind === null) return
      }
      range = { kind: 'after', key: chunk.lastKey, limit: this.#size.rows }
    }
  }

  async #readKeys(): Promise<void> {
    for (const [model, keys] of this.#keys) {
      const table = this.#replica.tables.find((candidate) => candidate.model.model === model)
      this.#keys.delete(model)
      if (table === undefined) continue
      const all = [...keys.values()]
      for (let at = 0; at < all.length; at += MAX_KEYS_PER_CHUNK) {
        const range: ChunkRange = { kind: 'keys', keys: all.slice(at, at + MAX_KEYS_PER_CHUNK) }
        do {
          this.#rewind = null
          this.#enqueue({ ...(await this.#readChunk(table, range)), table })
          await this.#idle()
        } while (this.#rewind !== null)
      }
    }
  }

  #enqueue(queued: QueuedChunk): void {
    this.#signal.throwIfAborted()
    this.#queue.push(queued)
    if (queued.delivery.isDelivered) this.drain()
  }

  #merge({ chunk, table }: QueuedChunk): void {
    if (!mergeChunk(chunk, this.#host.unsettled, this.#replica.applier, table.writer)) {
      // Later chunks build on this one: all of them are read again.
      this.#rewind = { table, range: chunk.range }
      this.#queue = []
      return
    }
    this.#host.noteMerged()
    if (chunk.range.kind === 'keys') return
    table.noteChunk(chunk.rows, chunk.isLast)
    this.#report()
  }

  /** Waits until new snapshots see all that the slot's creation saw; from then on every chunk does. */
  async #awaitAnchor(): Promise<void> {
    const anchor = this.#anchor
    if (anchor === null) return
    while (!seesAllOf(await this.#host.readSnapshot(), anchor)) await sleep(RETRY_MS, this.#signal)
  }

  async #readChunk(
    table: ReplicaTable,
    range: ChunkRange,
  ): Promise<{ readonly chunk: Chunk; readonly delivery: Delivery }> {
    for (;;) {
      this.#signal.throwIfAborted()
      const delivery: Delivery = { isDelivered: false }
      let watermark: string | null = null
      try {
        const startMs = performance.now()
        const reader = await this.#openReader()
        watermark = reader.nextWatermark()
        this.#host.expectWatermark(watermark, () => {
          delivery.isDelivered = true
          this.drain()
        })
        const chunk = await reader.read(table.chunkTable, range, watermark)
        this.#size.note(chunk.rows, chunk.bytes, performance.now() - startMs)
        return { chunk, delivery }
      } catch (error) {
        if (watermark !== null) this.#host.forgetWatermark(watermark)
        await this.#afterFailure(error)
      }
    }
  }

  async #afterFailure(error: unknown): Promise<void> {
    if (this.#signal.aborted || !isDbsyncError(error)) throw error
    const sqlState = error.details['sqlState']
    // A lock that somebody holds, a statement that took too long, a session that is gone: again, a little later.
    if (sqlState === '57014') this.#size.halve()
    const isPassing =
      error.code === 'POSTGRES.CONNECTION_LOST' || sqlState === '55P03' || sqlState === '57014'
    if (!isPassing) throw error
    if (error.code === 'POSTGRES.CONNECTION_LOST') this.#reader = null
    await sleep(RETRY_MS * 5, this.#signal)
  }

  async #openReader(): Promise<ChunkReader> {
    if (this.#reader !== null) return this.#reader
    const session = await RawSession.connect(this.#connection, 'snapshot', false)
    if (this.#signal.aborted) {
      await session.close()
      this.#signal.throwIfAborted()
    }
    this.#session = session
    this.#reader = new ChunkReader(this.#session)
    return this.#reader
  }

  /** Waits until another chunk may be read ahead. */
  async #room(): Promise<void> {
    const isFull = (): boolean =>
      this.#queue.length >= MAX_QUEUED ||
      this.#queue.reduce((sum, { chunk }) => sum + chunk.bytes, 0) > MAX_QUEUED_BYTES
    while (isFull()) await this.#drained()
  }

  /** Waits until every chunk read so far is merged, or must be read again. */
  async #idle(): Promise<void> {
    while (this.#queue.length > 0) await this.#drained()
  }

  async #drained(): Promise<void> {
    if (this.#failure !== null) throw this.#failure
    this.#signal.throwIfAborted()
    await new Promise<void>((resolve) => {
      const wake = (): void => {
        this.#signal.removeEventListener('abort', wake)
        resolve()
      }
      this.#wake = wake
      this.#signal.addEventListener('abort', wake, { once: true })
    })
    this.#signal.throwIfAborted()
  }

  #report(): void {
    this.#host.onProgress(this.#replica.tables.map((table) => table.progress))
  }
}
