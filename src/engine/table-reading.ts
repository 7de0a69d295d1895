import type { DbsyncError } from '../core/errors.ts'
import type { ControlSession } from '../postgres/control-session.ts'
import { awaitTableWriters } from './await-table-writers.ts'
import { hydrate } from './hydrate.ts'
import type { OpenedStream } from './open-stream.ts'
import type { CheckedOptions } from './options.ts'
import type { Pipeline } from './pipeline.ts'
import { readerHost } from './reader-host.ts'
import type { Replica } from './replica.ts'
import { TableReader } from './table-reader.ts'

/** What reading the tables of views needs of a sync. */
export interface TableReadingHost {
  readonly options: CheckedOptions
  readonly control: ControlSession
  readonly pipeline: Pipeline
  readonly signal: AbortSignal
  /** What was read is worthless: all is read anew in another session. */
  endSession(error: DbsyncError): void
  recheck(): Promise<void>
  /** Looks which delivered transactions are visible. */
  probe(): void
  readonly onWait: (reason: string) => void
}

/** What reads the tables of a sync: one reader after the other, each for the slot of its time. */
export class TableReading {
  readonly #host: TableReadingHost
  #reader: TableReader | null = null

  constructor(host: TableReadingHost) {
    this.#host = host
  }

  /** Null before the first, and while there is none. */
  get reader(): TableReader | null {
    return this.#reader
  }

  /** Ends the reader; what it has in hand is never merged. */
  async end(): Promise<void> {
    const reader = this.#reader
    this.#reader = null
    await reader?.close()
  }

  /**
   * A new reader for a replica that has all rows already. Before the first chunk it waits for those who were writing: what they
   * wrote may have been in the replica before it was visible.
   */
  async resume(replica: Replica, { checked }: OpenedStream): Promise<void> {
    const { options, control, signal, onWait } = this.#host
    await this.end()
    const reader = new TableReader({
      connection: options.connection,
      anchor: null,
      before: () => awaitTableWriters(control, checked, signal, onWait),
      signal,
      host: readerHost(this.#host),
    })
    this.#reader = reader
    replica.onUnknownRows((table, keys) => reader.requestRows(table, keys))
  }

  /** Reads all tables of a replica, but of one that is restored, with a new reader; resolves when they are covered. Throws: POSTGRES.*, SNAPSHOT.*. */
  async hydrate(replica: Replica, { checked, slot }: OpenedStream): Promise<void> {
    if (replica.isRestored) return
    const { options, control, signal, onWait } = this.#host
    await this.end()
    const { connection } = options
    const reader = new TableReader({ connection, anchor: slot.anchor, signal, host: readerHost(this.#host) })
    this.#reader = reader
    if (!slot.isNew && (replica.tables.length > 0 || options.consumers.mayRead))
      await awaitTableWriters(control, checked, signal, onWait)
    await hydrate(replica, reader, () => this.tell(replica))
  }

  /** Tells how far the reading of the tables is. */
  tell({ tables }: Replica): void {
    const { options, pipeline } = this.#host
    options.onEvent({
      kind: 'progress',
      tables: tables.map((table) => table.progress),
      changes: pipeline.changes,
    })
  }
}
