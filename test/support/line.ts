import { maxLsn, parseLsn, ZERO_LSN, type Lsn } from '../../src/core/lsn.ts'
import { ChunkWriter } from '../../src/changes/chunk-writer.ts'
import { mergeChunk } from '../../src/changes/merge-chunk.ts'
import { xid8 } from '../../src/core/xid.ts'
import { Pipeline } from '../../src/engine/pipeline.ts'
import { hydrate } from '../../src/engine/hydrate.ts'
import type { ReadTarget } from '../../src/engine/read-job.ts'
import { RefreshRun, type Refresh, type RefreshOptions } from '../../src/engine/refresh.ts'
import { suspects } from '../../src/engine/ghosts.ts'
import { modelOf } from '../../src/contract/lookup.ts'
import { Replica, type ReplicaTable } from '../../src/engine/replica.ts'
import { TableReader } from '../../src/engine/table-reader.ts'
import { ControlSession } from '../../src/postgres/control-session.ts'
import { preflight } from '../../src/postgres/preflight.ts'
import { ensurePublication } from '../../src/postgres/publication.ts'
import { ReplicationSession } from '../../src/replication/replication-session.ts'
import { createSlot } from '../../src/replication/slot.ts'
import { readExportedSnapshot, readSnapshot } from '../../src/snapshot/read-snapshot.ts'
import { Unsettled } from '../../src/snapshot/unsettled.ts'
import { isVisible, type Snapshot } from '../../src/snapshot/visibility.ts'
import type { Transaction } from '../../src/wal/transaction.ts'
import { compileViews } from '../../src/views/compile/compile.ts'
import { schema } from '../../generated/dbsync/index.ts'
import { compareView, formatDifference } from '../../src/testing/compare-view.ts'
import type { TestDatabase } from './database.ts'
import type { ViewSet } from 'prisma-dbsync'
import { exampleViews } from './views.ts'

/** The parts of the exact merge that a control can leave out. */
export type MergePart = 'fold' | 'anchor' | 'epoch'

/** Takes the stream's 32 bits of a transaction id for all of it. */
class NarrowUnsettled extends Unsettled {
  readonly #whole: Unsettled

  constructor(whole: Unsettled) {
    super()
    this.#whole = whole
  }

  override invisibleIn(snapshot: Snapshot): readonly Transaction[] {
    return this.#whole.all().filter(({ xid }) => !isVisible(snapshot, xid8(BigInt(xid))))
  }

  override all(): readonly Transaction[] {
    return this.#whole.all()
  }
}

/**
 * The shipped line, its steps in the test's hands: the stream can run, and transactions be delivered, before the first
 * chunk is read. The controls leave one part of the merge out and must go wrong.
 */
export class TestLine implements AsyncDisposable {
  readonly pipeline: Pipeline
  readonly replica: Replica
  readonly control: ControlSession
  readonly session: ReplicationSession
  confirmed: Lsn = ZERO_LSN
  /** Told of each watermark that the stream delivers, by its number from 1; the chunk waits until `seen` is called. */
  onWatermark: (seen: () => void, order: number) => void = (seen) => seen()
  /** How many chunks have been asked for. */
  chunks = 0
  readonly #views: ViewSet
  readonly #db: TestDatabase
  readonly #anchor: Snapshot | null
  readonly #abort = new AbortController()
  #reader: TableReader | null = null

  private constructor(
    db: TestDatabase,
    parts: Pick<TestLine, 'control' | 'session'>,
    makeReplica: (unsettled: Unsettled) => Replica,
    anchor: Snapshot | null,
    views: ViewSet,
  ) {
    this.#db = db
    this.#views = views
    this.control = parts.control
    this.session = parts.session
    this.#anchor = anchor
    this.pipeline = new Pipeline(
      {
        onStep: (replica) => void replica.flush(),
        onConfirm: (position) => {
          this.confirmed = maxLsn(this.confirmed, position)
          this.session.confirm(position)
        },
        onProbeWanted() {},
        onPause() {},
      },
      null,
    )
    this.replica = makeReplica(this.pipeline.unsettled)
  }

  /** Streams from a new slot, or from one that exists; no table is read yet. */
  static async open(
    db: TestDatabase,
    options: {
      readonly slot?: string
      readonly durable?: boolean
      /** Default: the running example's. */
      readonly views?: ViewSet
      /** Runs while the slot is being created. */
      readonly meanwhile?: () => Promise<void>
    } = {},
  ): Promise<TestLine> {
    const control = new ControlSession(db.url)
    const views = options.views ?? exampleViews
    const compiled = compileViews(
      schema,
      Object.values(views).map((view) => view.ir),
    )
    const needs = [...compiled.tables.values()].map((table) => ({
      model: table.model,
      fields: table.columns.map(({ contract }) => contract.field),
    }))
    const client = await control.client()
    const checked = await preflight(client, schema.contract, needs)
    await ensurePublication(client, 'dbsync', needs, checked.serverVersion)
    const session = await ReplicationSession.connect(db.url)
    const name = options.slot ?? `line_${db.name}`
    const existing = await control.query('SELECT 1 FROM pg_replication_slots WHERE slot_name = $1', [name])
    let anchor: Snapshot | null = null
    let start = ZERO_LSN
    if (existing.length === 0) {
      const [created] = await Promise.all([
        createSlot(session, name, options.durable !== true, async () => {}),
        options.meanwhile?.(),
      ])
      anchor = await readExportedSnapshot(control, created.snapshotName)
      start = created.consistentPoint
    }
    const makeReplica = (unsettled: Unsettled): Replica =>
      new Replica(compiled, checked.tables, new Map(), unsettled)
    const line = new TestLine(db, { control, session }, makeReplica, anchor, views)
    line.pipeline.beginStream(start)
    line.pipeline.feed(line.replica)
    await session.start(name, 'dbsync', line.pipeline)
    return line
  }

  /** Waits until the stream has delivered so many transactions that no snapshot has shown. */
  async delivered(count: number): Promise<void> {
    for (let turn = 0; this.pipeline.unsettled.size < count; turn += 1) {
      if (turn > 500) throw new Error('the transaction is not delivered')
      await new Promise((done) => setTimeout(done, 10))
    }
  }

  /** Reads all tables. `without` leaves a part of the exact merge out. */
  async hydrate(without: MergePart | 'nothing' = 'nothing'): Promise<void> {
    const { pipeline, replica } = this
    this.#reader = new TableReader({
      connection: this.#db.url,
      anchor: without === 'anchor' ? null : this.#anchor,
      signal: this.#abort.signal,
      host: {
        expectWatermark: (watermark, seen) => {
          this.chunks += 1
          const order = this.chunks
          pipeline.expectWatermark(watermark, () => this.onWatermark(seen, order))
        },
        forgetWatermark: (watermark) => pipeline.forgetWatermark(watermark),
        readSnapshot: () => readSnapshot(this.control),
        isMidTransaction: () => pipeline.isMidTransaction,
        noteMerged: () => pipeline.noteMerged(),
        onFailure: (error) => {
          throw error
        },
      },
    })
    const targets =
      without === 'fold'
        ? // Nothing to replay: the chunk row wins, as in the textbook.
          replica.tables.map((table) => mergingWith(table, new Unsettled()))
        : without === 'epoch'
          ? replica.tables.map((table) => mergingWith(table, new NarrowUnsettled(pipeline.unsettled)))
          : replica.tables
    await hydrate(replica, this.#reader, () => {}, targets)
    function mergingWith(table: ReplicaTable, unsettled: Unsettled): ReadTarget {
      const writer = new ChunkWriter(table.table)
      return {
        chunkTable: table.chunkTable,
        estimatedRows: null,
        isBusy: false,
        isReadAnew: true,
        begin: () => {
          table.table.beginGeneration()
          return table.table.generation - 1
        },
        merge: (chunk) => mergeChunk(chunk, unsettled, replica.applier, writer),
        end: (scan, isWhole) => table.end(scan, isWhole),
      }
    }
  }

  /** As after a failover: what was read and not merged is read again. */
  readAgain(): void {
    this.#reader?.readAgain()
  }

  /** Reads rows again, as the sync's `refresh` does. */
  refresh(model: string, options: RefreshOptions = {}): Refresh {
    const reader = this.#reader
    if (reader === null) throw new Error('hydrate first')
    return new RefreshRun(
      {
        schema,
        ready: () => Promise.resolve(),
        reader: () => reader,
        targets: (name) => [this.replica.table(name)].filter((table) => table !== undefined),
        ghosts: (target, scan, bounds) => suspects(this.control, target, scan, bounds),
        position: () => this.pipeline.position,
        onProgress() {},
      },
      [modelOf(schema, model)],
      options,
    )
  }

  async settle(): Promise<void> {
    this.pipeline.settle(await readSnapshot(this.control))
  }

  /** Waits until the stream has delivered what is committed now. */
  async caughtUp(): Promise<void> {
    const [row] = await this.control.query(
      "BEGIN; SET LOCAL synchronous_commit = local; SELECT pg_logical_emit_message(true, 'nudge', ''); COMMIT; " +
        'SELECT pg_current_wal_insert_lsn()::text',
    )
    this.session.sendStatus(true)
    await this.pipeline.waitFor(parseLsn(row?.[0] ?? ''))
  }

  /** Catches up and compares every view with its SQL. */
  async differences(): Promise<string[]> {
    await this.caughtUp()
    // A row that was asked for by its key is read on the side.
    await this.#reader?.rowsKnown()
    const found: string[] = []
    const client = await this.#db.connect()
    for (const view of Object.values(this.#views)) {
      const rows = this.replica.compiled.views.get(view.name)?.rows() ?? []
      found.push(...(await compareView(view, rows, client)).map(formatDifference))
    }
    await client.end()
    return found
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#abort.abort(new Error('the test is over'))
    await this.#reader?.close()
    await this.session.close()
    await this.control.close()
  }
}
