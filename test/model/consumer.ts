import { maxLsn, type Lsn } from '../../src/core/lsn.ts'
import { ChunkWriter } from '../../src/changes/chunk-writer.ts'
import { mergeChunk } from '../../src/changes/merge-chunk.ts'
import { Pipeline } from '../../src/engine/pipeline.ts'
import type { CatalogTable } from '../../src/postgres/catalog.ts'
import { Replica, type ReplicaTable } from '../../src/engine/replica.ts'
import type { Chunk } from '../../src/snapshot/chunk-reader.ts'
import { Unsettled } from '../../src/snapshot/unsettled.ts'
import { parseSnapshot } from '../../src/snapshot/visibility.ts'
import { defineView } from '../../src/views/define-view.ts'
import { Shop } from '../conformance/fixture.ts'
import { capture, chunkOf, type Captured } from '../support/captured.ts'
import { eachFrame } from '../support/pgoutput.ts'
import type { Outcome } from './explore.ts'
import { flawedSnapshot, withoutWindow, type MergeRule } from './flaws.ts'
import type { ModelTable } from './server-model.ts'
import type { Confirmed, ConsumerStep, WalEntry } from './steps.ts'
import { isSentFrom, lsnBefore, WalBytes, watermarkOf } from './wal-bytes.ts'

const view = defineView('all', (q) =>
  q.from({ h: Shop }).select(({ h }) => ({ id: h.id, name: h.name, city: h.city })),
)

/** Past every id of a model. */
const SEES_ALL = '4294968000:4294968000:'

/** The keys of each chunk, in the order in which they are read. */
export type Ranges = readonly ReadonlySet<string>[]

/** When the consumer, in its last session, comes to do what it may do at any time. */
export interface Pace {
  /** Whether all that was in the WAL when the first chunk was read had been delivered before. */
  readonly isEager: boolean
  /** How many more entries are delivered before a chunk is merged that could be. */
  readonly delay: number
}

type ChunkStep = Extract<ConsumerStep, { kind: 'chunk' }>

/**
 * The consumer: the shipped pipeline (assembler, applier, unsettled, confirmation), replica and merge, on the bytes of a
 * model's WAL and chunks. The tables of rows are used over and over; whatever reads anew begins with an empty one.
 */
export class Consumer {
  readonly #captured: Captured
  readonly #catalog: ReadonlyMap<string, CatalogTable>
  readonly #wal: WalBytes
  readonly #ranges: Ranges
  readonly #chunks = new Map<ModelTable, Map<string, Chunk>>()
  readonly #asked = new Set<string>()
  /** What the reading's beginning gave, for its end. */
  #scan = 0
  #confirmed = lsnBefore(0)

  constructor(identity: 'd' | 'f', ranges: Ranges) {
    this.#captured = capture('Shop', [view], { identity })
    this.#catalog = new Map([['Shop', this.#captured.catalog]])
    this.#wal = new WalBytes(this.#captured)
    this.#ranges = ranges
  }

  /** From where the slot sends again after these steps of the session that has made it. */
  confirm(steps: readonly ConsumerStep[], wal: readonly WalEntry[], slotStart: number): Confirmed {
    const pipeline = this.#start()
    this.#first(pipeline, this.#emptyReplica(pipeline), steps, wal, slotStart)
    const sentFrom = (position: Lsn): number => {
      const index = wal.findIndex((_entry, place) => isSentFrom(position, place))
      return index < 0 ? wal.length : index
    }
    return { shipped: sentFrom(this.#confirmed), applied: sentFrom(pipeline.position) }
  }

  /**
   * The rows at the end, as a text. To the last session the slot sends the WAL from entry `from` on; whether the process
   * has `survived` the session before says whether it knows what it was told there.
   */
  run(outcome: Outcome, from: number, survived: boolean, rule: MergeRule, pace: Pace): string {
    const { wal, sessions, table, slotStart } = outcome
    const pipeline = this.#start()
    let replica = this.#emptyReplica(pipeline)
    const [first, second] = sessions
    if (second === undefined) pipeline.beginStream(lsnBefore(from))
    else {
      if (survived) this.#first(pipeline, replica, first?.steps ?? [], wal, slotStart)
      pipeline.beginSession()
      if (!replica.isCovered) replica = this.#emptyReplica(pipeline)
    }
    this.#last(pipeline, replica, outcome, from, rule, pace)
    // Rows of which a part is not known are read by their keys; everything is visible by then.
    while (this.#asked.size > 0) {
      const keys = new Set(this.#asked)
      this.#asked.clear()
      const chunk = this.#chunk(table, keys, [...keys].join(), SEES_ALL)
      mergeChunk(chunk, pipeline.unsettled, replica.applier, new ChunkWriter(tableOf(replica).table))
    }
    return [...this.#captured.rows().values()].toSorted().join('; ')
  }

  /** Plays a session that is not the last, on a slot that it has made, step by step. */
  #first(
    pipeline: Pipeline,
    replica: Replica,
    steps: readonly ConsumerStep[],
    wal: readonly WalEntry[],
    slotStart: number,
  ): void {
    pipeline.beginStream(lsnBefore(slotStart))
    this.#deliver(pipeline, this.#wal.relation)
    let delivered = slotStart
    let [read, merged] = [0, 0]
    for (const step of steps) {
      if (step.kind === 'deliver') {
        const entry = wal[delivered]
        if (entry === undefined) throw new Error('delivered before it was written')
        this.#deliver(pipeline, this.#wal.entry(entry, delivered))
        delivered += 1
      } else if (step.kind === 'chunk') {
        if (read === 0) this.#scan = tableOf(replica).begin()
        const chunk = read
        read += 1
        pipeline.expectWatermark(watermarkOf(0, chunk), () => {
          merged += 1
          this.#merge(pipeline, replica, step.rows, chunk, step.snapshot.text, 'shipped')
        })
      } else {
        pipeline.onKeepalive(lsnBefore(delivered))
        // As long as a chunk waits for its watermark only its own snapshot may settle anything.
        if (read === merged) pipeline.settle(parseSnapshot(step.snapshot.text))
      }
    }
  }

  /** Plays the last session: everything is delivered, the chunks are merged at the pace. */
  #last(
    pipeline: Pipeline,
    replica: Replica,
    { wal, sessions }: Outcome,
    from: number,
    rule: MergeRule,
    pace: Pace,
  ): void {
    const ordinal = sessions.length - 1
    const chunks = sessions.at(-1)?.steps.filter((step) => step.kind === 'chunk') ?? []
    const due: { readonly step: ChunkStep; readonly chunk: number; left: number }[] = []
    const merge = ({ rows, snapshot, at }: ChunkStep, chunk: number): void => {
      const isHigh = (entry: WalEntry): boolean =>
        entry.kind === 'watermark' && entry.session === ordinal && entry.chunk === chunk
      const shown = rule === 'textbook' ? withoutWindow(rows, wal, at, isHigh) : rows
      this.#merge(pipeline, replica, shown, chunk, snapshot.text, rule)
    }
    chunks.forEach((step, chunk) => {
      pipeline.expectWatermark(watermarkOf(ordinal, chunk), () => {
        if (pace.delay === 0) merge(step, chunk)
        else due.push({ step, chunk, left: pace.delay + 1 })
      })
    })
    const scanAt = pace.isEager ? Math.max(chunks[0]?.at ?? from, from) : from
    this.#deliver(pipeline, this.#wal.relation)
    for (let index = from; index < wal.length; index += 1) {
      if (index === scanAt && chunks.length > 0) this.#scan = tableOf(replica).begin()
      const entry = wal[index]
      if (entry === undefined) continue
      this.#deliver(pipeline, this.#wal.entry(entry, index))
      for (const waiting of due) waiting.left -= 1
      while (due[0] !== undefined && due[0].left <= 0) merge(due[0].step, due.shift()?.chunk ?? 0)
    }
    for (const { step, chunk } of due) merge(step, chunk)
  }

  /** A process begins: nothing is known. */
  #start(): Pipeline {
    this.#confirmed = lsnBefore(0)
    const onConfirm = (position: Lsn): void => {
      this.#confirmed = maxLsn(this.#confirmed, position)
    }
    const onStep = (replica: Replica): void => void replica.flush()
    return new Pipeline({ onStep, onConfirm, onProbeWanted() {}, onPause() {} }, null)
  }

  #emptyReplica(pipeline: Pipeline): Replica {
    this.#captured.table.clear()
    this.#asked.clear()
    const replica = new Replica(this.#captured.replica, this.#catalog, new Map(), pipeline.unsettled)
    replica.onUnknownRows((_table, keys) => {
      for (const [key = ''] of keys) this.#asked.add(key)
    })
    pipeline.feed(replica)
    return replica
  }

  #deliver(pipeline: Pipeline, frames: Buffer): void {
    eachFrame(frames, (frame, end) => pipeline.onFrame(frames, frame, end))
    pipeline.onChunkEnd()
  }

  #merge(
    { unsettled }: Pipeline,
    replica: Replica,
    rows: ModelTable,
    index: number,
    snapshot: string,
    rule: MergeRule,
  ): void {
    const table = tableOf(replica)
    const chunk = this.#chunk(rows, this.#ranges[index] ?? new Set(), `${index}`, snapshot)
    const flawed = { ...chunk, snapshot: flawedSnapshot(chunk.snapshot, rule) }
    const kept = rule === 'no fold' || rule === 'textbook' ? new Unsettled() : unsettled
    const writer = new ChunkWriter(table.table)
    if (!mergeChunk(flawed, kept, replica.applier, writer)) throw new Error('not merged')
    if (index === this.#ranges.length - 1) table.end(this.#scan, true)
  }

  #chunk(rows: ModelTable, range: ReadonlySet<string>, rangeName: string, snapshot: string): Chunk {
    const chunks = this.#chunks.get(rows) ?? new Map<string, Chunk>()
    this.#chunks.set(rows, chunks)
    const name = `${rangeName} ${snapshot}`
    const known = chunks.get(name)
    if (known !== undefined) return known
    const fields = [...rows]
      .filter(([key]) => range.has(key))
      .map(([key, { small, large }]) => ({ id: key, name: small, city: large }))
    const made = chunkOf(this.#captured, snapshot, fields)
    chunks.set(name, made)
    return made
  }
}

function tableOf({ tables: [table] }: Replica): ReplicaTable {
  if (table === undefined) throw new Error('a replica without its table')
  return table
}
