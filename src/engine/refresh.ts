import { randomUUID } from 'node:crypto'
import { z } from 'zod'
import { DbsyncError, invariant, toDbsyncError } from '../core/errors.ts'
import type { Lsn } from '../core/lsn.ts'
import { modelOf } from '../contract/lookup.ts'
import type { ModelContract, Schema, Table } from '../contract/schema-contract.ts'
import { keyTexts } from '../changes/key-texts.ts'
import type { KeyBounds } from '../snapshot/chunk-query.ts'
import { Deferred } from './deferred.ts'
import { ReadControl, ReadJob, type ReadTarget } from './read-job.ts'
import { ReadMeter } from './read-meter.ts'
import type { TableReader } from './table-reader.ts'

type IsUnion<T, Whole = T> = [T] extends [never]
  ? false
  : T extends Whole
    ? [Whole] extends [T]
      ? false
      : true
    : never

/** The key of a row of a table: an object of its key fields, or the value alone where the key is one field. */
export type TableKey<T extends Table> =
  T extends Table<string, infer Row, infer KeyField>
    ? Pick<Row, KeyField & keyof Row> | (IsUnion<KeyField> extends true ? never : Row[KeyField & keyof Row])
    : never

/** Which rows a refresh reads again, and how fast. Without keys, ends or condition: all. */
export interface RefreshOptions<Key = unknown> {
  /** These rows alone. Not with `from`, `to` or `where`. */
  readonly keys?: readonly Key[]
  /** The first key, in the order of Postgres; itself included. Leading fields of the key are enough. */
  readonly from?: Key | Partial<Key>
  /** The last key, itself included. */
  readonly to?: Key | Partial<Key>
  /**
   * An SQL condition over the table's columns, by their names in the database: `visited_at > now() - interval '1 day'`. It goes
   * to the server as it is: never build it from what somebody else wrote.
   */
  readonly where?: string
  /** Reads no more rows a second than this. Default: as fast as short chunks go. */
  readonly rowsPerSecond?: number
}

/** Where a refresh stands. */
export type RefreshState = 'waiting' | 'reading' | 'paused' | 'done' | 'cancelled' | 'failed'

/** How far a refresh has come. */
export interface RefreshProgress {
  readonly id: string
  readonly models: readonly string[]
  readonly state: RefreshState
  /** Rows read and merged. */
  readonly rows: number
  /** How many there will be about; null if nobody knows. */
  readonly estimatedRows: number | null
  /** Rows a second since the reading began; null before there is a figure. */
  readonly rowsPerSecond: number | null
  /** About how long the rest takes, in milliseconds; null if that cannot be said. */
  readonly etaMs: number | null
}

/** What a refresh has done. */
export interface RefreshResult {
  readonly id: string
  /** Rows read and merged. */
  readonly rows: number
  /** Where the stream stood when the last chunk was merged. */
  readonly lsn: Lsn
}

/**
 * A refresh under way. Awaiting it gives the result.
 *
 * Throws: REFRESH.CANCELLED, SYNC.CLOSED, SNAPSHOT.CHUNK_FAILED (a condition that Postgres refuses), what stopped the sync.
 */
export interface Refresh extends PromiseLike<RefreshResult> {
  readonly id: string
  readonly progress: RefreshProgress
  /** Reads no further chunk until `resume`. The stream goes on. */
  pause(): void
  /** Reads on where `pause` has stopped it. */
  resume(): void
  /** Ends the reading; what was merged stays. */
  cancel(): void
  /** From now on at most so many rows a second; null for as many as go. */
  throttle(rowsPerSecond: number | null): void
}

/** What a refresh needs of the sync. */
export interface RefreshHost {
  readonly schema: Schema
  /** Resolves when the views are live. Throws: what stopped the sync. */
  ready(): Promise<void>
  /** What reads the tables of the views that readers see; there is one when these are live. */
  reader(): TableReader | null
  /** What the rows of a model go to. */
  targets(model: string): readonly ReadTarget[]
  /** Keys of rows of a target that a reading within the bounds has not confirmed and that the database seems not to have. */
  ghosts(target: ReadTarget, scan: number, bounds: KeyBounds): AsyncIterable<readonly (readonly string[])[]>
  position(): Lsn
  onProgress(progress: RefreshProgress): void
}

const optionsSchema = z.strictObject({
  keys: z.array(z.unknown()).optional(),
  from: z.unknown().optional(),
  to: z.unknown().optional(),
  where: z.string().min(1).optional(),
  rowsPerSecond: z.number().positive().optional(),
})

/** One refresh: reads the rows again while the stream runs, and repairs what differs. */
export class RefreshRun implements Refresh {
  readonly id: string
  readonly #host: RefreshHost
  readonly #models: readonly ModelContract[]
  readonly #options: RefreshOptions
  readonly #control: ReadControl
  readonly #result: Promise<RefreshResult>
  #meter = new ReadMeter(null)
  #estimatedRows: number | null = null
  #state: RefreshState = 'waiting'
  #wake: () => void = () => {}

  /** Throws: CONFIG.INVALID_OPTIONS. */
  constructor(
    host: RefreshHost,
    models: readonly ModelContract[],
    options: RefreshOptions,
    id: string = randomUUID(),
  ) {
    this.id = id
    checkRefresh(models, options)
    this.#host = host
    this.#models = models
    this.#options = options
    this.#control = new ReadControl(() => this.#wake(), options.rowsPerSecond ?? null)
    // Read now: a key of another type is the caller's mistake, and told at once.
    const selections = models.map((model) => this.#selectionOf(model))
    this.#result = this.#run(selections)
    this.#result.catch(() => {})
  }

  get progress(): RefreshProgress {
    const { rows, rowsPerSecond, etaMs } = this.#meter
    const state = this.#state === 'reading' && this.#control.isPaused ? 'paused' : this.#state
    return {
      id: this.id,
      models: this.#models.map(({ model }) => model),
      state,
      rows,
      estimatedRows: this.#estimatedRows,
      rowsPerSecond,
      etaMs,
    }
  }

  // oxlint-disable-next-line unicorn/no-thenable -- awaiting a refresh is how one waits for it
  then<Done = RefreshResult, Failed = never>(
    onDone?: ((result: RefreshResult) => Done | PromiseLike<Done>) | null,
    onFailed?: ((reason: unknown) => Failed | PromiseLike<Failed>) | null,
  ): Promise<Done | Failed> {
    return this.#result.then(onDone, onFailed)
  }

  pause(): void {
    this.#control.setPaused(true)
    this.#meter.pause()
    this.#report()
  }

  resume(): void {
    if (this.#state === 'reading') this.#meter.begin()
    this.#control.setPaused(false)
    this.#report()
  }

  cancel(): void {
    this.#control.cancel()
  }

  throttle(rowsPerSecond: number | null): void {
    if (rowsPerSecond !== null && !(rowsPerSecond > 0)) {
      throw new DbsyncError(
        'CONFIG.INVALID_OPTIONS',
        `throttle was given ${rowsPerSecond}; it needs a positive number of rows a second, or null.`,
      )
    }
    this.#control.throttle(rowsPerSecond)
  }

  async #run(selections: readonly Selection[]): Promise<RefreshResult> {
    try {
      await this.#untilCancelled(this.#host.ready())
      this.#control.signal.throwIfAborted()
      let work: readonly Work[] = this.#models.flatMap((model, index) =>
        this.#host.targets(model.model).map((target) => ({ target, selection: selections[index] ?? ALL })),
      )
      this.#begin(work)
      while (work.length > 0) work = await this.#readAll(work)
      this.#end('done')
      return { id: this.id, rows: this.#meter.rows, lsn: this.#host.position() }
    } catch (error) {
      this.#end(this.#control.signal.aborted ? 'cancelled' : 'failed')
      throw toDbsyncError(error)
    }
  }

  /** Reads and returns what is left to be read. */
  async #readAll(work: readonly Work[]): Promise<readonly Work[]> {
    const reader = this.#host.reader()
    invariant(reader !== null, 'a live sync reads no tables')
    this.#wake = () => reader.wake()
    try {
      await Promise.all(work.map(({ target, selection }) => this.#read(reader, target, selection)))
      return []
    } catch (error) {
      if (this.#control.signal.aborted || reader === this.#host.reader()) throw error
      await this.#untilCancelled(this.#host.ready())
      // The tables of views were read anew meanwhile, from another slot: that is a refresh too.
      return work.filter(({ target }) => !target.isReadAnew)
    }
  }

  async #read(reader: TableReader, target: ReadTarget, selection: Selection): Promise<void> {
    const job = this.#job(target, selection)
    await reader.read(job)
    if (selection.kind === 'keys' || selection.bounds === null || job.scan === null) return
    for await (const keys of this.#host.ghosts(target, job.scan, selection.bounds)) {
      await reader.read(this.#job(target, { kind: 'keys', keys }))
    }
  }

  #job(target: ReadTarget, selection: Selection): ReadJob {
    const job = new ReadJob(target, selection, this.#control)
    job.onMerged = (chunk) => {
      this.#meter.note(chunk.rows)
      this.#report()
    }
    return job
  }

  #begin(work: readonly Work[]): void {
    const estimates = work.map(({ target, selection }) => {
      if (selection.kind === 'keys') return selection.keys.length
      return selection.bounds === null ? target.estimatedRows : null
    })
    this.#estimatedRows = estimates.reduce<number | null>(
      (sum, rows) => (sum === null || rows === null ? null : sum + rows),
      0,
    )
    this.#meter = new ReadMeter(this.#estimatedRows)
    if (!this.#control.isPaused) this.#meter.begin()
    this.#state = 'reading'
    this.#report()
  }

  #end(state: RefreshState): void {
    this.#state = state
    this.#meter.end()
    this.#report()
  }

  #report(): void {
    this.#host.onProgress(this.progress)
  }

  /** Waits, but no longer than until the refresh is cancelled. */
  async #untilCancelled(work: Promise<void>): Promise<void> {
    const cancelled = new Deferred()
    const { signal } = this.#control
    const onAbort = (): void => cancelled.reject(signal.reason)
    if (signal.aborted) onAbort()
    signal.addEventListener('abort', onAbort, { once: true })
    await Promise.race([work, cancelled.promise])
    signal.removeEventListener('abort', onAbort)
  }

  #selectionOf(model: ModelContract): Selection {
    const { schema } = this.#host
    const { keys, from, to, where } = this.#options
    if (keys !== undefined) {
      return { kind: 'keys', keys: keys.map((key) => keyTexts(schema, model, key, model.key.length)) }
    }
    if (from === undefined && to === undefined && where === undefined) return ALL
    const bounds: KeyBounds = {
      from: from === undefined ? null : keyTexts(schema, model, from, 1),
      to: to === undefined ? null : keyTexts(schema, model, to, 1),
      where: where ?? null,
    }
    return { kind: 'scan', bounds }
  }
}

type Selection =
  | { readonly kind: 'scan'; readonly bounds: KeyBounds | null }
  | { readonly kind: 'keys'; readonly keys: readonly (readonly string[])[] }

interface Work {
  readonly target: ReadTarget
  readonly selection: Selection
}

const ALL: Selection = { kind: 'scan', bounds: null }

/** The models of what `refresh` was given. Throws: CONFIG.INVALID_OPTIONS. */
export function modelsOf(
  schema: Schema,
  tables: Table | readonly Table[] | undefined,
  known: readonly string[],
): readonly ModelContract[] {
  const given: readonly unknown[] = tables === undefined ? known : Array.isArray(tables) ? tables : [tables]
  const names = given.map((table) =>
    typeof table === 'string'
      ? table
      : typeof table === 'object' && table !== null && 'model' in table
        ? String(table.model)
        : '',
  )
  for (const name of names) {
    if (known.includes(name)) continue
    throw new DbsyncError(
      'CONFIG.INVALID_OPTIONS',
      `refresh was given ${name === '' ? 'something that is no table of the generated schema' : name}, which no view of this ` +
        `sync reads and no handler asks to read. It reads ${known.join(', ') || 'none'}.`,
      { details: { model: name } },
    )
  }
  return [...new Set(names)].map((name) => modelOf(schema, name))
}

function checkRefresh(models: readonly ModelContract[], options: RefreshOptions): void {
  const result = optionsSchema.safeParse(options)
  const problems = result.success
    ? []
    : result.error.issues.map((issue) => `${issue.path.join('.') || 'options'}: ${issue.message}`)
  const { keys, from, to, where } = options
  const isPart = [keys, from, to, where].some((part) => part !== undefined)
  if (keys !== undefined && [from, to, where].some((part) => part !== undefined))
    problems.push('keys: cannot stand beside from, to or where')
  if (isPart && models.length !== 1) problems.push('keys, from, to and where need one table')
  if (problems.length === 0) return
  throw new DbsyncError(
    'CONFIG.INVALID_OPTIONS',
    `refresh was given options that are not valid:\n- ${problems.join('\n- ')}`,
    { details: { problems } },
  )
}
