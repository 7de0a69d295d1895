import type pg from 'pg'
import { ReplicationSession } from '../../src/replication/replication-session.ts'
import { walkChanges, type Transaction } from '../../src/wal/transaction.ts'
import type { LogicalMessage } from '../../src/wal/logical-message.ts'
import { TransactionAssembler } from '../../src/wal/transaction-assembler.ts'
import type { TestDatabase } from './database.ts'

const PREFIX = 'dbsync.textbook'
/** Rows around the last key that an event named, most of them behind it. */
const [BEHIND, AHEAD] = [150, 50]

/** A chunk between its two watermarks. */
interface Window {
  /** Keys that events named since the low watermark; null before it. */
  touched: Set<number> | null
  rows: readonly { readonly key: number; readonly counter: number }[] | null
  isClosed: boolean
  readonly finish: () => void
}

/**
 * DBLog by the book, the control of a race: a low watermark, a SELECT, a high watermark; events between the two take their
 * rows out of the chunk, and what is left of it overwrites what the consumer has. The visits' ratings are counters that
 * only grow, so that a row which is set back is seen at once, before a later event heals it.
 */
export class TextbookConsumer implements AsyncDisposable {
  /** How many rows chunks have set back to an older value. */
  staleRows = 0
  /** How many rows of chunks were taken. */
  chunkRows = 0
  /** How many events were delivered. */
  events = 0
  readonly #counters = new Map<number, number>()
  readonly #session: ReplicationSession
  readonly #reader: pg.ClientBase
  /** The last user that an event named. */
  #frontier = 0
  #window: Window | null = null
  /** What has come after a high watermark whose chunk is still on its way. */
  #waiting: (() => void)[] = []

  private constructor(session: ReplicationSession, reader: pg.ClientBase) {
    this.#session = session
    this.#reader = reader
  }

  /** Streams the publication through a slot of its own; dropped with its session. */
  static async open(db: TestDatabase, publication: string): Promise<TextbookConsumer> {
    const session = await ReplicationSession.connect(db.url)
    const consumer = new TextbookConsumer(session, await db.connect())
    const slot = `textbook_${db.name}`
    await session.query(`CREATE_REPLICATION_SLOT ${slot} TEMPORARY LOGICAL pgoutput NOEXPORT_SNAPSHOT`)
    const assembler = new TransactionAssembler(
      {
        onTransaction: (transaction, messages) => consumer.#receive(transaction, messages),
        onLargeTransaction() {},
      },
      Number.MAX_SAFE_INTEGER,
    )
    await session.start(slot, publication, {
      onFrame: (buffer, frame, end) => assembler.readFrame(buffer, frame, end),
      onChunkEnd() {},
      onKeepalive() {},
      streamedTimeUs: null,
    })
    return consumer
  }

  /** Reads one chunk where the last events were, and resolves once it is merged. */
  async refresh(): Promise<void> {
    let finish = (): void => {}
    const finished = new Promise<void>((resolve) => {
      finish = resolve
    })
    const window: Window = { touched: null, rows: null, isClosed: false, finish }
    this.#window = window
    const emit = (kind: string): string =>
      `BEGIN; SELECT pg_logical_emit_message(true, '${PREFIX}', '${kind}'); COMMIT`
    const from = this.#frontier - BEHIND
    const results = (await this.#reader.query(
      `${emit('low')};
       SELECT user_id AS key, visit_rating AS counter FROM visit WHERE user_id BETWEEN ${from} AND ${from + BEHIND + AHEAD};
       ${emit('high')}`,
    )) as unknown as readonly pg.QueryResult<{ key: number; counter: number }>[]
    window.rows = results[3]?.rows ?? []
    this.#merge(window)
    await finished
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#session.close()
  }

  #receive(transaction: Transaction, messages: readonly LogicalMessage[]): void {
    if (this.#window?.isClosed === true) this.#waiting.push(() => this.#apply(transaction, messages))
    else this.#apply(transaction, messages)
  }

  #apply(transaction: Transaction, messages: readonly LogicalMessage[]): void {
    walkChanges(transaction.spans, transaction.relations, (_tag, _relation, buffer, start) => {
      const [key = 0, , , counter = 0] = readRow(buffer, start + 1).map(Number)
      this.#counters.set(key, counter)
      this.#window?.touched?.add(key)
      this.#frontier = key
      this.events += 1
    })
    for (const { prefix, content } of messages) {
      if (prefix !== PREFIX || this.#window === null) continue
      if (content.toString() === 'low') this.#window.touched = new Set()
      else {
        this.#window.isClosed = true
        this.#merge(this.#window)
      }
    }
  }

  #merge(window: Window): void {
    if (!window.isClosed || window.rows === null) return
    for (const { key, counter } of window.rows) {
      if (window.touched?.has(key) === true) continue
      this.chunkRows += 1
      if (counter < (this.#counters.get(key) ?? counter)) this.staleRows += 1
      this.#counters.set(key, counter)
    }
    this.#window = null
    const waiting = this.#waiting
    this.#waiting = []
    for (const apply of waiting) apply()
    window.finish()
  }
}

/** The wire texts of a new row without nulls; `start` is the position after its kind. */
function readRow(buffer: Buffer, start: number): string[] {
  const values: string[] = []
  let at = start + 2
  for (let column = 0; column < buffer.readInt16BE(start); column += 1) {
    const end = at + 5 + buffer.readInt32BE(at + 1)
    values.push(buffer.toString('utf8', at + 5, end))
    at = end
  }
  return values
}
