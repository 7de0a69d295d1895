import { DbsyncError } from '../core/errors.ts'
import type { ChunkRange, ChunkTable, KeyBounds } from '../snapshot/chunk-query.ts'
import type { Chunk } from '../snapshot/chunk-reader.ts'
import { ChunkSize } from '../snapshot/chunk-size.ts'
import { Deferred } from './deferred.ts'

/** What the rows of a reading go to. */
export interface ReadTarget {
  readonly chunkTable: ChunkTable
  /** The planner's estimate of the table's rows; null if it has none. */
  readonly estimatedRows: number | null
  /** Whether it has enough to do for now; who ends that wakes the reader. */
  readonly isBusy: boolean
  /** Whether a sync that loses its stream reads all of it again anyhow; else a reading must go on. */
  readonly isReadAnew: boolean
  /** Where a reading of the whole table begins, if not at its first row. */
  readonly resumeAfter?: readonly string[] | null
  /** Whether the table was given up: nothing more of it is read. */
  readonly isBroken?: boolean
  /** The first chunk of a reading of the whole table, or of a part of it, is about to be read; returns what `end` takes. */
  begin(): number
  /** Brings a chunk in, exactly; false, having changed nothing, if it must be read again. */
  merge(chunk: Chunk): boolean
  /** Every chunk of the reading was merged; `isWhole` if it was the whole table. */
  end(scan: number, isWhole: boolean): void
}

/** Which rows a job reads: a table in the order of its key, the whole or what lies in the bounds; or rows by their keys. */
export type ReadSelection =
  | { readonly kind: 'scan'; readonly bounds: KeyBounds | null }
  | { readonly kind: 'keys'; readonly keys: readonly (readonly string[])[] }

/** How a reading may be steered while it goes on; several jobs may share one. */
export class ReadControl {
  readonly #abort = new AbortController()
  readonly #onChange: () => void
  #isPaused = false
  #rowsPerSecond: number | null

  constructor(onChange: () => void = () => {}, rowsPerSecond: number | null = null) {
    this.#onChange = onChange
    this.#rowsPerSecond = rowsPerSecond
  }

  get isPaused(): boolean {
    return this.#isPaused
  }

  /** At most so many rows a second; null for as many as go. */
  get rowsPerSecond(): number | null {
    return this.#rowsPerSecond
  }

  get signal(): AbortSignal {
    return this.#abort.signal
  }

  setPaused(isPaused: boolean): void {
    this.#isPaused = isPaused
    this.#onChange()
  }

  throttle(rowsPerSecond: number | null): void {
    this.#rowsPerSecond = rowsPerSecond
    this.#onChange()
  }

  cancel(): void {
    this.#abort.abort(new DbsyncError('REFRESH.CANCELLED', 'The refresh was cancelled.'))
    this.#onChange()
  }
}

const MAX_KEYS_PER_CHUNK = 1_000
/** A throttled reading asks for a quarter of a second's rows at a time. */
const THROTTLED_CHUNKS_PER_SECOND = 4

/** One reading: what is left to ask for, and how far it has come. */
export class ReadJob {
  readonly target: ReadTarget
  readonly selection: ReadSelection
  readonly control: ReadControl
  /** Told after each chunk that was merged. */
  onMerged: (chunk: Chunk) => void = () => {}
  readonly #size = new ChunkSize()
  readonly #done = new Deferred()
  #key: readonly string[] | null
  #nextKey = 0
  #isAsked = false
  #isEnded = false
  /** Chunks that are read and not merged. */
  #pending = 0
  #scan: number | null = null
  #notBeforeMs = 0

  constructor(target: ReadTarget, selection: ReadSelection, control = new ReadControl()) {
    this.target = target
    this.selection = selection
    this.control = control
    const isWhole = selection.kind === 'scan' && selection.bounds === null
    this.#key = isWhole ? (target.resumeAfter ?? null) : null
    if (selection.kind === 'keys' && selection.keys.length === 0) this.end(null)
  }

  /** Resolves once every row is merged. Throws: what ended the reading before. */
  get done(): Promise<void> {
    return this.#done.promise
  }

  get isEnded(): boolean {
    return this.#isEnded
  }

  /** How long to wait before the next chunk may be read; Infinity if none is to be read. */
  waitMs(nowMs: number): number {
    if (this.#isAsked || this.#isEnded || this.control.isPaused || this.target.isBusy) return Infinity
    return Math.max(0, this.#notBeforeMs - nowMs)
  }

  /** The rows that the next chunk asks for. */
  nextRange(): ChunkRange {
    if (this.selection.kind === 'keys') {
      const keys = this.selection.keys.slice(this.#nextKey, this.#nextKey + MAX_KEYS_PER_CHUNK)
      return { kind: 'keys', keys }
    }
    this.#scan ??= this.target.begin()
    const { rowsPerSecond } = this.control
    const allowed =
      rowsPerSecond === null ? Infinity : Math.max(1, Math.ceil(rowsPerSecond / THROTTLED_CHUNKS_PER_SECOND))
    const limit = Math.min(this.#size.rows, allowed)
    return { kind: 'after', key: this.#key, limit, bounds: this.selection.bounds }
  }

  /** A chunk was read; the next one begins after it. */
  noteRead(chunk: Chunk, ms: number): void {
    this.#pending += 1
    this.#size.note(chunk.rows, chunk.bytes, ms)
    const { rowsPerSecond } = this.control
    if (rowsPerSecond !== null) {
      this.#notBeforeMs = Math.max(this.#notBeforeMs, performance.now()) + (chunk.rows / rowsPerSecond) * 1000
    }
    if (chunk.range.kind === 'after') {
      this.#key = chunk.lastKey
      this.#isAsked = chunk.isLast
    } else if (this.selection.kind === 'keys') {
      this.#nextKey += chunk.range.keys.length
      this.#isAsked = this.#nextKey >= this.selection.keys.length
    }
  }

  /** A chunk took too long. */
  noteTimeout(): void {
    this.#size.halve()
  }

  /** A chunk that was read is to be read again. */
  rewind(chunk: Chunk): void {
    this.#pending -= 1
    this.#isAsked = false
    if (chunk.range.kind === 'after') this.#key = chunk.range.key
    else this.#nextKey -= chunk.range.keys.length
  }

  /** A chunk was merged. */
  noteMerged(chunk: Chunk): void {
    this.#pending -= 1
    const isDone = this.#isAsked && this.#pending === 0 && !this.#isEnded
    if (isDone && this.#scan !== null && this.selection.kind === 'scan') {
      this.target.end(this.#scan, this.selection.bounds === null)
    }
    this.onMerged(chunk)
    if (isDone) this.end(null)
  }

  /** Ends the job, with an error unless all of it is done. */
  end(error: unknown): void {
    if (this.#isEnded) return
    this.#isEnded = true
    if (error === null) this.#done.resolve()
    else this.#done.reject(error)
  }

  /** The generation in which the reading began; null before its first chunk. */
  get scan(): number | null {
    return this.#scan
  }
}
