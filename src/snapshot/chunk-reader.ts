import { randomBytes } from 'node:crypto'
import { DbsyncError } from '../core/errors.ts'
import type { RawSession } from '../postgres/raw-session.ts'
import type { Span } from '../wal/transaction.ts'
import { chunkSql, type ChunkRange, type ChunkTable } from './chunk-query.ts'
import { copyFields, walkCopyRows } from './copy-rows.ts'
import { parseSnapshot, type Snapshot } from './visibility.ts'

/** Rows of one table, read in one snapshot, still the bytes of the COPY. */
export interface Chunk {
  /** The content of its high watermark, unique in the database. */
  readonly watermark: string
  readonly table: ChunkTable
  readonly range: ChunkRange
  readonly snapshot: Snapshot
  readonly spans: readonly Span[]
  readonly rows: number
  readonly bytes: number
  /** The last row's key in wire text; null for an empty chunk. */
  readonly lastKey: readonly string[] | null
  /** Whether nothing lies beyond it. */
  readonly isLast: boolean
}

/** Reads chunks over one session, one at a time. */
export class ChunkReader {
  readonly #session: RawSession
  readonly #run = randomBytes(8).toString('hex')
  #count = 0

  constructor(session: RawSession) {
    this.#session = session
  }

  /** A watermark for the next chunk. The stream may deliver it before the chunk itself has come. */
  nextWatermark(): string {
    this.#count += 1
    return `${this.#run}:${this.#count}`
  }

  /**
   * Reads one chunk and writes its high watermark.
   *
   * Throws: SNAPSHOT.CHUNK_FAILED, POSTGRES.PERMISSION (no SELECT, or row security hides rows), POSTGRES.CONNECTION_LOST.
   */
  async read(table: ChunkTable, range: ChunkRange, watermark: string): Promise<Chunk> {
    const spans: Span[] = []
    let last: Span | null = null
    let rows = 0
    let bytes = 0
    this.#session.onCopyData = (buffer, frame, _start, end) => {
      if (last !== null && last.buffer === buffer) last.to = end
      else {
        last = { buffer, from: frame, to: end }
        spans.push(last)
      }
      rows += 1
      bytes += end - frame
    }
    const results = await this.#query(chunkSql(table, range, watermark), table)
    const snapshotText = results.find((result) => result.command === 'SELECT 1')?.rows[0]?.[0]
    if (typeof snapshotText !== 'string') {
      throw new DbsyncError('INTERNAL.INVARIANT', 'a chunk came without its snapshot')
    }
    return {
      watermark,
      table,
      range,
      snapshot: parseSnapshot(snapshotText),
      spans,
      rows,
      bytes,
      lastKey: lastKeyOf(table, spans),
      isLast: range.kind === 'keys' || rows < range.limit,
    }
  }

  async #query(sql: string, table: ChunkTable): ReturnType<RawSession['query']> {
    try {
      return await this.#session.query(sql)
    } catch (error) {
      // The failed chunk left a transaction open.
      await this.#session.query('ROLLBACK').catch(() => {})
      if (!(error instanceof DbsyncError) || error.code !== 'POSTGRES.QUERY_FAILED') throw error
      throw new DbsyncError(
        'SNAPSHOT.CHUNK_FAILED',
        `A chunk of ${table.model.schema}.${table.model.table} could not be read: ${error.message}`,
        { details: { ...error.details, model: table.model.model } },
      )
    }
  }
}

function lastKeyOf(table: ChunkTable, spans: readonly Span[]): readonly string[] | null {
  const span = spans.at(-1)
  if (span === undefined) return null
  let lastStart = 0
  let lastEnd = 0
  walkCopyRows([span], (_buffer, start, end) => {
    lastStart = start
    lastEnd = end
  })
  const fields = copyFields(span.buffer, lastStart, lastEnd)
  return table.key.map((column) => {
    const value = fields[table.columns.indexOf(column)]
    if (typeof value !== 'string')
      throw new DbsyncError('INTERNAL.INVARIANT', 'a key column is missing or null')
    return value
  })
}
