import { Bell } from './bell.ts'
import { Backoff, sleep } from '../core/backoff.ts'
import { DbsyncError, isDbsyncError } from '../core/errors.ts'
import type { ModelContract } from '../contract/schema-contract.ts'
import type { ConnectionTarget } from '../postgres/resolve-connection.ts'
import { RawSession } from '../postgres/raw-session.ts'
import type { ChunkRange } from '../snapshot/chunk-query.ts'
import { ChunkReader, type Chunk } from '../snapshot/chunk-reader.ts'
import { seesAllOf, type Snapshot } from '../snapshot/visibility.ts'
import { ReadJob, type ReadTarget } from './read-job.ts'
import { settleWithin } from './settle-within.ts'

/** What reading tables needs of the stream. */
export interface TableReaderHost {
  /** Calls back once the stream has delivered the watermark. */
  expectWatermark(watermark: string, seen: () => void): void
  forgetWatermark(watermark: string): void
  /** What a statement that runs now would see. */
  readSnapshot(): Promise<Snapshot>
  /** Whether a transaction is being applied in pieces; nothing may be merged meanwhile. */
  isMidTransaction(): boolean
  /** A chunk was merged: the views have changed. */
  noteMerged(): void
  /** A chunk could not be read and is tried again. */
  onChunkRetry?: (retry: ChunkRetry) => void
  /** A chunk could not be merged, or rows that the stream changed in part could not be read: the tables are worthless. */
  onFailure(error: unknown): void
  /** A table or a column that a chunk reads is not there: looks what became of it, and breaks the table or begins anew. */
  recheck?(): Promise<void>
}

/** A chunk that is to be read again. */
export interface ChunkRetry {
  readonly model: ModelContract
  readonly attempt: number
  readonly waitMs: number
  readonly error: DbsyncError
}

/** Where a chunk's watermark is: the stream may deliver it before the chunk has come over its own session. */
interface Delivery {
  isDelivered: boolean
}

interface QueuedChunk {
  readonly chunk: Chunk
  readonly job: ReadJob
  readonly delivery: Delivery
}

/** Chunks that are read and wait for their watermark. */
const MAX_QUEUED = 4
const MAX_QUEUED_BYTES = 32 * 1024 * 1024
const RETRY_MS = 20
const MAX_RETRY_MS = 1_000
const MAX_CHUNK_RETRY_MS = 2_000
const CLOSE_GRACE_MS = 5_000

/**
 * Reads tables in chunks while the stream runs, and merges each chunk once the stream has passed it.
 *
 * Jobs are read one after the other, chunk by chunk; while one is paused or throttled the next goes on. Reading goes
 * ahead of merging by a few chunks; merges happen in the order of reading, on the stream's own turn.
 */
export class TableReader {
  readonly #host: TableReaderHost
  readonly #connection: ConnectionTarget
  readonly #ended = new AbortController()
  readonly #signal: AbortSignal
  readonly #bell = new Bell()
  #anchor: Snapshot | null
  #before: (() => Promise<void>) | null
  #jobs: ReadJob[] = []
  #queue: QueuedChunk[] = []
  #isReading = false
  /** Whether chunks were rewound since the last one was begun. */
  #isRewound = false
  #mustRest = false
  #hasRead = false
  #work: Promise<void> | null = null
  #session: RawSession | null = null
  #reader: ChunkReader | null = null
  /** Rows that the stream changed in part, by their target. */
  readonly #wanted = new Map<ReadTarget, Map<string, readonly string[]>>()
  #isReadingRows = false
  #rowsWaitMs = 0

  /** `anchor`: what the slot's creation saw; chunks are read once new snapshots see all of it. */
  constructor(options: {
    readonly host: TableReaderHost
    readonly connection: ConnectionTarget
    readonly anchor: Snapshot | null
    /** What must be over before the first chunk. */
    readonly before?: () => Promise<void>
    readonly signal: AbortSignal
  }) {
    this.#host = options.host
    this.#connection = options.connection
    this.#anchor = options.anchor
    this.#before = options.before ?? null
    this.#signal = AbortSignal.any([options.signal, this.#ended.signal])
  }

  /**
   * Whether a chunk is being read or waits to be merged. Then only the chunks' own snapshots may settle transactions: a
   * later one could let go of a transaction that the waiting chunk did not see.
   */
  get isActive(): boolean {
    return this.#isReading || this.#queue.length > 0
  }

  /** Queues a reading and resolves when all of it is merged. Throws: what reading throws and retrying does not mend. */
  async read(job: ReadJob): Promise<void> {
    this.#signal.throwIfAborted()
    const onCancel = (): void => this.#drop(job, job.control.signal.reason)
    if (job.control.signal.aborted) onCancel()
    else job.control.signal.addEventListener('abort', onCancel, { once: true })
    // Single rows first: a view waits for them.
    if (!job.isEnded && job.selection.kind === 'keys') this.#jobs.unshift(job)
    else if (!job.isEnded) this.#jobs.push(job)
    this.#go()
    try {
      await job.done
    } finally {
      job.control.signal.removeEventListener('abort', onCancel)
    }
  }

  /**
   * Another table or another server is there now: what was read and not merged is worth nothing, and its watermarks may never
   * come. It is read again, over a session of its own.
   */
  readAgain(): void {
    this.#rewind()
    this.#session?.destroy(new DbsyncError('POSTGRES.CONNECTION_LOST', 'The chunks are read again.'))
    this.#bell.ring()
  }

  /** Something that steers a job has changed. */
  wake(): void {
    this.#bell.ring()
  }

  /** Reads rows by their keys, because the stream changed a part of each and nobody knows the rest. */
  requestRows(target: ReadTarget, keys: readonly (readonly string[])[]): void {
    const wanted = this.#wanted.get(target) ?? new Map<string, readonly string[]>()
    for (const key of keys) wanted.set(JSON.stringify(key), key)
    this.#wanted.set(target, wanted)
    if (!this.#isReadingRows && !this.#signal.aborted) void this.#readWantedRows()
  }

  /** Resolves when every row that was asked for by its key is there. */
  async rowsKnown(): Promise<void> {
    while (this.#isReadingRows) await this.#bell.wait(this.#signal)
  }

  /** Merges what is due. Called on the stream's turn: after a watermark, after a transaction that came in pieces. */
  drain(): void {
    while (!this.#host.isMidTransaction()) {
      const [head] = this.#queue
      if (head === undefined || !head.delivery.isDelivered) break
      try {
        if (head.job.target.merge(head.chunk)) {
          this.#queue.shift()
          this.#host.noteMerged()
          head.job.noteMerged(head.chunk)
        } else this.#rewind()
      } catch (error) {
        this.#queue = this.#queue.filter(({ job }) => job !== head.job)
        this.#drop(head.job, error)
        this.#host.onFailure(error)
      }
    }
    this.#bell.ring()
  }

  /** Ends the reading for good: a chunk that is still under way is never merged. */
  async close(): Promise<void> {
    const reason = new DbsyncError('SYNC.CLOSED', 'The reading of the tables was given up.')
    this.#ended.abort(reason)
    this.#queue = []
    for (const job of this.#jobs) job.end(this.#signal.reason ?? reason)
    this.#jobs = []
    this.#wanted.clear()
    this.#bell.ring()
    await this.#closeSession()
    // A session that is just being opened is closed by the reading itself.
    if (this.#work !== null) await settleWithin(this.#work, CLOSE_GRACE_MS)
  }

  #go(): void {
    this.#bell.ring()
    this.#work ??= this.#run()
      .catch(async (error: unknown) => {
        this.#queue = []
        for (const job of this.#jobs) job.end(error)
        this.#jobs = []
        await this.#closeSession()
      })
      .finally(() => {
        this.#work = null
        // Asked for while the session was being closed.
        if (this.#jobs.length > 0 && !this.#signal.aborted) this.#go()
      })
  }

  /** Reads chunk after chunk until nothing is left to read or to merge. */
  async #run(): Promise<void> {
    await this.#awaitAnchor()
    for (;;) {
      if (this.#mustRest) await sleep(RETRY_MS, this.#signal)
      this.#mustRest = false
      this.#jobs = this.#jobs.filter((job) => !job.isEnded)
      if (this.#jobs.length === 0) break
      const nowMs = performance.now()
      const waits = this.#jobs.map((job) => job.waitMs(nowMs))
      const job = this.#isFull() ? undefined : this.#jobs[waits.indexOf(0)]
      if (job === undefined)
        await this.#bell.wait(this.#signal, this.#isFull() ? Infinity : Math.min(...waits))
      else await this.#readNext(job)
    }
    await this.#closeSession()
  }

  #isFull(): boolean {
    return (
      this.#queue.length >= MAX_QUEUED ||
      this.#queue.reduce((sum, { chunk }) => sum + chunk.bytes, 0) > MAX_QUEUED_BYTES
    )
  }

  async #readNext(job: ReadJob): Promise<void> {
    this.#isRewound = false
    if (isBroken(job)) {
      job.end(null)
      return
    }
    const range = job.nextRange()
    this.#isReading = true
    try {
      const startMs = performance.now()
      const { chunk, delivery } = await this.#readChunk(job, range)
      this.#signal.throwIfAborted()
      // It was read on top of a chunk that has to be read again.
      if (this.#isRewound) this.#host.forgetWatermark(chunk.watermark)
      else {
        job.noteRead(chunk, performance.now() - startMs)
        this.#queue.push({ chunk, job, delivery })
      }
      if (delivery.isDelivered) this.drain()
    } catch (error) {
      if (this.#signal.aborted) throw error
      // Nobody waits for rows of a table that was given up.
      this.#drop(job, isBroken(job) ? null : error)
    } finally {
      this.#isReading = false
    }
  }

  /** An invisible transaction was too large to be kept: all that is read and not merged is read again, a little later. */
  #rewind(): void {
    this.#isRewound = true
    this.#mustRest = true
    for (const { chunk, job } of this.#queue.toReversed()) {
      this.#host.forgetWatermark(chunk.watermark)
      job.rewind(chunk)
    }
    this.#queue = []
  }

  #drop(job: ReadJob, error: unknown): void {
    job.end(error)
    this.#jobs = this.#jobs.filter((other) => other !== job)
    this.#bell.ring()
  }

  async #readWantedRows(): Promise<void> {
    this.#isReadingRows = true
    try {
      for (const [target, wanted] of this.#wanted) {
        this.#wanted.delete(target)
        await this.read(new ReadJob(target, { kind: 'keys', keys: [...wanted.values()] }))
        // Asked for again while it was merged: a transaction that the chunk does not see.
        this.#rowsWaitMs = this.#wanted.has(target)
          ? Math.min(MAX_RETRY_MS, this.#rowsWaitMs * 2 + RETRY_MS)
          : 0
        if (this.#rowsWaitMs > 0) await sleep(this.#rowsWaitMs, this.#signal)
      }
    } catch (error) {
      if (!this.#signal.aborted) this.#host.onFailure(error)
    } finally {
      this.#isReadingRows = false
      this.#bell.ring()
    }
  }

  /** Waits until new snapshots see all that the slot's creation saw; from then on every chunk does. */
  async #awaitAnchor(): Promise<void> {
    await this.#before?.()
    this.#before = null
    while (this.#anchor !== null) {
      // A server that is away for a while is asked again, as for a chunk.
      const snapshot = await this.#host.readSnapshot().catch((error: unknown) => {
        if (isDbsyncError(error) && ['retry', 'reconnect'].includes(error.recovery)) return null
        throw error
      })
      if (snapshot !== null && seesAllOf(snapshot, this.#anchor)) this.#anchor = null
      else await sleep(RETRY_MS, this.#signal)
    }
  }

  async #readChunk(
    job: ReadJob,
    range: ChunkRange,
  ): Promise<{ readonly chunk: Chunk; readonly delivery: Delivery }> {
    const backoff = new Backoff(RETRY_MS * 5, MAX_CHUNK_RETRY_MS)
    for (;;) {
      this.#signal.throwIfAborted()
      const delivery: Delivery = { isDelivered: false }
      let watermark: string | null = null
      try {
        const reader = await this.#openReader()
        watermark = reader.nextWatermark()
        this.#host.expectWatermark(watermark, () => {
          delivery.isDelivered = true
          this.drain()
        })
        const chunk = await reader.read(job.target.chunkTable, range, watermark)
        this.#hasRead = true
        return { chunk, delivery }
      } catch (error) {
        if (watermark !== null) this.#host.forgetWatermark(watermark)
        // Nothing was seen: while somebody holds the table for hours, what is delivered must not be kept for a chunk to come.
        this.#isReading = false
        await this.#afterFailure(job, error, backoff)
        this.#isReading = true
        if (isBroken(job)) throw error
      }
    }
  }

  async #afterFailure(job: ReadJob, error: unknown, backoff: Backoff): Promise<void> {
    if (this.#signal.aborted || !isDbsyncError(error)) throw error
    const sqlState = error.details['sqlState']
    // A lock that somebody holds, a statement that took too long, a session or a server that is gone: again, a little later.
    if (sqlState === '57014') job.noteTimeout()
    // Of a condition that the caller wrote the caller hears.
    const isOurs = job.selection.kind === 'keys' || job.selection.bounds?.where == null
    if (this.#host.recheck !== undefined && isOurs && (sqlState === '42P01' || sqlState === '42703')) {
      await this.#host.recheck()
      await sleep(RETRY_MS * 5, this.#signal)
      return
    }
    const isPassing = isAway(error, this.#hasRead) || sqlState === '55P03' || sqlState === '57014'
    if (!isPassing) throw error
    if (error.code === 'POSTGRES.CONNECTION_LOST') this.#reader = null
    const waitMs = backoff.nextMs()
    this.#host.onChunkRetry?.({
      model: job.target.chunkTable.model,
      attempt: backoff.attempts,
      waitMs,
      error,
    })
    await sleep(waitMs, this.#signal)
  }

  async #openReader(): Promise<ChunkReader> {
    if (this.#reader !== null) return this.#reader
    const session = await RawSession.connect(this.#connection, 'snapshot', false)
    if (this.#signal.aborted) {
      await session.close()
      this.#signal.throwIfAborted()
    }
    this.#session = session
    this.#reader = new ChunkReader(session)
    return this.#reader
  }

  async #closeSession(): Promise<void> {
    const session = this.#session
    this.#session = null
    this.#reader = null
    await session?.close()
  }
}

/** Whether there is no session and may be one later; a limit that never let one in is for whoever set it. */
function isAway({ code }: DbsyncError, hasRead: boolean): boolean {
  return (
    code === 'POSTGRES.CONNECTION_LOST' ||
    code === 'POSTGRES.CONNECTION_REFUSED' ||
    (code === 'POSTGRES.LIMIT' && hasRead)
  )
}

/** Asked again and again: a table may be given up at any time. */
function isBroken(job: ReadJob): boolean {
  return job.target.isBroken === true
}
