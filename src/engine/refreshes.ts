import { DbsyncError, toDbsyncError } from '../core/errors.ts'
import { modelOf } from '../contract/lookup.ts'
import type { ModelContract, Table } from '../contract/schema-contract.ts'
import { keyFromJson } from '../changes/key-texts.ts'
import type { ControlSession } from '../postgres/control-session.ts'
import { ReadingStore, type StoredReading } from '../postgres/reading-store.ts'
import type { ConsumerSet } from './consumer-set.ts'
import { ConsumerTarget } from './consumer-target.ts'
import { suspects } from './ghosts.ts'
import type { CheckedOptions } from './options.ts'
import type { Pipeline } from './pipeline.ts'
import type { ReadTarget } from './read-job.ts'
import { ReadingSaver } from './reading-saver.ts'
import type { RefreshRequest } from './refresh-request.ts'
import {
  modelsOf,
  RefreshRun,
  type Refresh,
  type RefreshHost,
  type RefreshOptions,
  type RefreshProgress,
} from './refresh.ts'
import type { Replica } from './replica.ts'
import type { TableReader } from './table-reader.ts'
import type { ViewCells } from './view-cells.ts'
import { modelsOf as modelsOfQuery } from '../views/models-of.ts'

/** What reading rows again, and reading them for consumers, needs of the sync. */
export interface RefreshesHost {
  readonly options: CheckedOptions
  readonly control: ControlSession
  readonly pipeline: Pipeline
  readonly consumed: ConsumerSet | null
  readonly cells: Pick<ViewCells, 'definitions'>
  /** Resolves when the views are live. Throws: what stopped the sync. */
  ready(): Promise<void>
  /** What reads the tables of the views that readers see; there is one when these are live. */
  reader(): TableReader | null
  replica(): Replica | null
  /** The rows that consumers were promised cannot be read. */
  onFailed(error: DbsyncError): void
}

/** The refreshes of a sync that are not done, and the first reading for its consumers. */
export class Refreshes {
  readonly #host: RefreshesHost
  readonly #open = new Set<Refresh>()
  #hasBegun = false

  constructor(host: RefreshesHost) {
    this.#host = host
  }

  /** How each of them stands. */
  get progress(): readonly RefreshProgress[] {
    return [...this.#open].map((refresh) => refresh.progress)
  }

  /** Lets those that wait for consumers look again. */
  wake(reader: TableReader | null): void {
    if (this.#open.size > 0) reader?.wake()
  }

  /** Throws: CONFIG.INVALID_OPTIONS. */
  start(tables: Table | readonly Table[] | undefined, options: RefreshOptions): Refresh {
    const { schema } = this.#host.options
    return this.#add(new RefreshRun(this.#runHost(), modelsOf(schema, tables, this.#known()), options))
  }

  /** Obeys a request that came with the stream; null for one that cannot be understood. Models that this sync does not read are passed over. */
  obey(request: RefreshRequest | null): void {
    try {
      if (request === null) throw malformedRequest()
      this.#obey(request)
    } catch (error) {
      const { code, message } = toDbsyncError(error)
      this.#host.options.onEvent({
        kind: 'warning',
        code,
        message: `A refresh that was asked for by a logical message: ${message}`,
      })
    }
  }

  #obey({ id, models, keys, from, to }: RefreshRequest): void {
    const { schema } = this.#host.options
    const known = this.#known()
    const asked = (models ?? known)
      .filter((name) => known.includes(name))
      .map((name) => modelOf(schema, name))
    const [first] = asked
    if (first === undefined) return
    const read = (key: unknown): unknown => keyFromJson(schema, first, key)
    const options: RefreshOptions = {
      ...(keys === undefined ? {} : { keys: keys.map(read) }),
      ...(from === undefined ? {} : { from: read(from) ?? {} }),
      ...(to === undefined ? {} : { to: read(to) ?? {} }),
    }
    this.#add(new RefreshRun(this.#runHost(), asked, options, id))
  }

  /** A durable slot of that name is about to be made: nothing was read for it. Throws: POSTGRES.*. */
  async forget(slot: string): Promise<void> {
    if (!this.#host.options.consumers.readsInitially) return
    const store = new ReadingStore(this.#host.control, slot)
    await store.ensure()
    await store.forget()
  }

  /** Begins the first reading for the consumers, or goes on with it; once in the life of a sync. Throws: POSTGRES.*. */
  async begin(slot: string): Promise<void> {
    const { options, control, consumed } = this.#host
    if (!options.consumers.readsInitially || consumed === null || this.#hasBegun) return
    const store = options.slot.durable ? new ReadingStore(control, slot) : null
    await store?.ensure()
    const stored = (await store?.load()) ?? new Map<string, StoredReading>()
    this.#hasBegun = true
    const left = [...options.consumers.models].filter(
      (model) => consumed.consumers.wantsRead(model) && stored.get(model)?.isDone !== true,
    )
    if (left.length === 0) return
    const saver = store === null ? null : new ReadingSaver(store, () => this.#host.ready())
    const host: RefreshHost = {
      ...this.#runHost(),
      targets: (name) => [
        this.#consumerTarget(consumed, modelOf(options.schema, name), saver, stored.get(name)),
      ],
    }
    const run = new RefreshRun(
      host,
      left.map((model) => modelOf(options.schema, model)),
      {},
    )
    this.#add(run).then(
      () => {},
      (error: unknown) => this.#host.onFailed(toDbsyncError(error)),
    )
  }

  #add(run: RefreshRun): Refresh {
    this.#open.add(run)
    const forget = (): void => {
      this.#open.delete(run)
    }
    run.then(forget, forget)
    return run
  }

  /** Models that something of this sync reads. */
  #known(): readonly string[] {
    const { options, consumed } = this.#host
    const viewed = this.#host.cells.definitions.flatMap((view) => modelsOfQuery(view.ir.query))
    const wanted = [...options.consumers.models].filter(
      (model) => consumed?.consumers.wantsRead(model) === true,
    )
    return [...new Set([...viewed, ...wanted])]
  }

  #runHost(): RefreshHost {
    const { options, control, pipeline } = this.#host
    return {
      schema: options.schema,
      ready: () => this.#host.ready(),
      reader: () => this.#host.reader(),
      targets: (model) => this.#targets(modelOf(options.schema, model)),
      ghosts: (target, scan, bounds) => suspects(control, target, scan, bounds),
      position: () => pipeline.position,
      onProgress: (progress) => options.onEvent({ kind: 'refresh', progress }),
    }
  }

  #targets(model: ModelContract): readonly ReadTarget[] {
    const { consumed } = this.#host
    const targets: ReadTarget[] = []
    const table = this.#host.replica()?.table(model.model)
    if (table !== undefined) targets.push(table)
    if (consumed?.consumers.wantsRead(model.model) === true)
      targets.push(this.#consumerTarget(consumed, model, null))
    return targets
  }

  #consumerTarget(
    consumed: ConsumerSet,
    model: ModelContract,
    saver: ReadingSaver | null,
    from?: StoredReading,
  ): ConsumerTarget {
    const { pipeline } = this.#host
    return new ConsumerTarget(
      model,
      null,
      {
        isBusy: () => !consumed.consumers.hasRoom,
        // Nor is there anything to read where everybody who wanted it is gone.
        isBroken: () =>
          this.#host.replica()?.isBroken(model.model) === true || !consumed.consumers.wantsRead(model.model),
        push(chunk, onHandled) {
          if (!consumed.pushChunk(chunk, pipeline.unsettled, pipeline.at, onHandled)) return false
          // Snapshots only ever see more: what this one sees, the next chunk's sees.
          pipeline.unsettled.settle(chunk.snapshot)
          return true
        },
        onHandled: (lastKey, rows, isDone) => saver?.save({ model: model.model, lastKey, rows, isDone }),
      },
      from,
    )
  }
}

function malformedRequest(): DbsyncError {
  return new DbsyncError(
    'CONFIG.INVALID_OPTIONS',
    'it has not the form { id, models?, keys?, from?, to? }; send it with "prisma-dbsync refresh".',
  )
}
