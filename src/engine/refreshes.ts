import type { Schema, Table } from '../contract/schema-contract.ts'
import {
  modelsOf,
  RefreshRun,
  type Refresh,
  type RefreshHost,
  type RefreshOptions,
  type RefreshProgress,
} from './refresh.ts'

/** The refreshes of a sync that are not done. */
export class Refreshes {
  readonly #host: RefreshHost
  readonly #schema: Schema
  /** Models that something of this sync reads. */
  readonly #known: readonly string[]
  readonly #open = new Set<Refresh>()

  constructor(schema: Schema, known: Iterable<string>, host: RefreshHost) {
    this.#schema = schema
    this.#known = [...new Set(known)]
    this.#host = host
  }

  /** How each of them stands. */
  get progress(): readonly RefreshProgress[] {
    return [...this.#open].map((refresh) => refresh.progress)
  }

  /** Throws: CONFIG.INVALID_OPTIONS. */
  start(tables: Table | readonly Table[] | undefined, options: RefreshOptions): Refresh {
    const run = new RefreshRun(this.#host, modelsOf(this.#schema, tables, this.#known), options)
    this.#open.add(run)
    const forget = (): void => {
      this.#open.delete(run)
    }
    run.then(forget, forget)
    return run
  }
}
