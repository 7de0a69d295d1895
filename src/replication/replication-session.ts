import { DbsyncError } from '../core/errors.ts'
import { lsn, maxLsn, minLsn, ZERO_LSN, type Lsn } from '../core/lsn.ts'
import { quoteIdentifier, quoteProtocolLiteral } from '../core/quote.ts'
import { POSTGRES_EPOCH_MS } from '../core/postgres-time.ts'
import type { ConnectionTarget } from '../postgres/resolve-connection.ts'
import { RawSession } from '../postgres/raw-session.ts'
import type { ServerErrorFields } from '../postgres/server-error.ts'
import { assertSlotName } from './slot.ts'

/** Receives the stream, synchronously and in order. */
export interface StreamReceiver {
  /** A WAL data frame where it lies; `frame` is the position of its CopyData tag. */
  onFrame(buffer: Buffer, frame: number, end: number): void
  /** A chunk of the socket is used up: the moment to tell readers what is new. */
  onChunkEnd(): void
  /** The server has sent everything before this position. */
  onKeepalive(walEnd: Lsn): void
  /** When the transaction that is being read was committed, in microseconds since 2000-01-01 UTC; null before the first. */
  readonly streamedTimeUs: bigint | null
}

/** A WAL frame: its tag, where it starts, where it ends, the server's clock, the message. */
const WAL_END = 9
const WAL_HEADER = 25
const COMMIT = 0x43
/** What tells, with the same SQLSTATE, that the stream waits for a standby. Names of routines are never translated. */
const STANDBY_WAIT = 'StandbySlotsHaveCaughtup'

/** A stream that is so late is read in larger pieces: a millisecond more is nothing to it. */
const LATE_US = 1_000_000n
const MAX_REPLIES_PER_SECOND = 10
const UNDEFINED_OBJECT = '42704'
/** How often a status update goes out at least; 34 bytes a second cost nothing and keep restarts short. */
const MAX_STATUS_MS = 1_000
/** After so much silence the server is asked to say something. */
const ASK_AFTER_MS = 5_000
/** A server that is there answers within this time, however short its own patience is; and where it has no limit at all. */
const MIN_SILENCE_MS = 10_000
const UNLIMITED_SILENCE_MS = 30_000

/**
 * The walsender's other side: starts the stream, keeps it alive, confirms.
 *
 * Only what was given to {@link confirm} is ever confirmed, whatever was received; status updates go out
 * on a timer of their own, also while reading is paused; at most ten replies a second answer keepalives (a server
 * that shuts down asks thousands of times a second).
 * Source: PostgreSQL manual, "Streaming Replication Protocol".
 */
export class ReplicationSession {
  /** Settles when the stream is over: null after `close`, else with the reason. */
  readonly closed: Promise<DbsyncError | null>

  readonly #raw: RawSession
  #confirmed: Lsn = ZERO_LSN
  #received: Lsn = ZERO_LSN
  /** The last commit's frame, whose position is read when somebody asks for it; the frames of changes lie before it. */
  #lastCommit: Buffer | null = null
  #lastCommitStart = 0
  #timer: NodeJS.Timeout | null = null
  #replyCount = 0
  #replySecond = 0
  #replyWalEnd: Lsn = ZERO_LSN
  #silenceLimitMs = 60_000

  private constructor(raw: RawSession) {
    this.#raw = raw
    this.closed = raw.closed.then((reason) => {
      if (this.#timer !== null) clearInterval(this.#timer)
      // Up to version 17 the stream ends with "undefined object"; that a slot is missing is said before it begins.
      return reason?.details['sqlState'] === UNDEFINED_OBJECT ? publicationMissing(UNDEFINED_OBJECT) : reason
    })
  }

  /** Opens the walsender session. Throws: as `RawSession.connect`. */
  static async connect(options: ConnectionTarget): Promise<ReplicationSession> {
    return new ReplicationSession(await RawSession.connect(options, 'replication', true))
  }

  get backendPid(): number {
    return this.#raw.backendPid
  }

  /** The largest position that the server has told of in this session: it has written the WAL before it. */
  get received(): Lsn {
    const commit = this.#lastCommit
    if (commit !== null) {
      this.#received = maxLsn(this.#received, lsn(commit.readBigUInt64BE(this.#lastCommitStart + WAL_END)))
      this.#lastCommit = null
    }
    return this.#received
  }

  get confirmed(): Lsn {
    return this.#confirmed
  }

  get isPaused(): boolean {
    return this.#raw.isPaused
  }

  /** A statement of the replication protocol or of SQL, before the stream starts. */
  async query(sql: string): Promise<readonly (readonly (string | null)[])[]> {
    return (await this.#raw.query(sql)).at(-1)?.rows ?? []
  }

  /**
   * Starts the stream from wherever the slot stands. The position is left to the server (0/0): one beyond the
   * server's WAL would be accepted and skip changes silently.
   */
  async start(slot: string, publication: string, receiver: StreamReceiver): Promise<void> {
    const raw = this.#raw
    const timeout = await this.query(
      "RESET lock_timeout; SELECT setting::int FROM pg_settings WHERE name = 'wal_sender_timeout'",
    )
    const timeoutMs = Number(timeout[0]?.[0] ?? 60_000)
    const statusMs = timeoutMs === 0 ? MAX_STATUS_MS : Math.min(MAX_STATUS_MS, Math.max(250, timeoutMs / 3))
    this.#silenceLimitMs = timeoutMs === 0 ? UNLIMITED_SILENCE_MS : Math.max(timeoutMs * 2, MIN_SILENCE_MS)
    raw.onCopyData = (buffer, frame, start, end) => this.#read(receiver, buffer, frame, start, end)
    raw.onChunkEnd = () => {
      receiver.onChunkEnd()
      const streamed = receiver.streamedTimeUs
      raw.gathersChunks = streamed !== null && nowUs() - streamed > LATE_US
    }
    raw.onNotice = (notice) => this.#readNotice(notice)
    raw.onCopyDone = () =>
      raw.destroy(
        new DbsyncError(
          'POSTGRES.CONNECTION_LOST',
          'The server ended the stream; it is probably shutting down.',
        ),
      )
    assertSlotName(slot)
    await raw.startCopyBoth(
      `START_REPLICATION SLOT ${slot} LOGICAL 0/0 (proto_version '1', messages 'true', ` +
        // A list of identifiers inside a literal.
        `publication_names ${quoteProtocolLiteral(quoteIdentifier(publication))})`,
    )
    this.#timer = setInterval(() => this.#tick(), statusMs)
  }

  /**
   * Allows the server to discard WAL before `position`. Never moves back; sent with the next status update. Never goes past
   * what this session has heard of: a server that did not get so far, after a failover or a restore, would believe it and
   * skip every change up to there for good.
   */
  confirm(position: Lsn): void {
    this.#confirmed = maxLsn(this.#confirmed, minLsn(position, this.received))
  }

  /** Sends a status update now; with `wantReply` the server answers with a keepalive. */
  sendStatus(wantReply = false): void {
    const status = Buffer.alloc(34)
    status[0] = 0x72
    status.writeBigUInt64BE(maxLsn(this.received, this.#confirmed), 1)
    status.writeBigUInt64BE(this.#confirmed, 9)
    status.writeBigUInt64BE(this.#confirmed, 17)
    status.writeBigInt64BE(nowUs(), 25)
    status[33] = wantReply ? 1 : 0
    this.#raw.sendCopyData(status)
  }

  pause(): void {
    this.#raw.pause()
  }

  resume(): void {
    this.#raw.resume()
  }

  /** Confirms what is left to confirm and cuts the stream at once, with the reason that `closed` will report. */
  destroy(reason: DbsyncError): void {
    // A walsender of version 14 remembers of a partition what it was where decoding began: the next is not to begin before that.
    if (this.#confirmed > ZERO_LSN) this.sendStatus()
    this.#raw.destroy(reason)
  }

  /** Confirms what is left to confirm, ends the stream and waits until the server has let go of the slot. */
  async close(): Promise<void> {
    if (this.#timer !== null) {
      clearInterval(this.#timer)
      if (this.#confirmed > ZERO_LSN) this.sendStatus()
    }
    await this.#raw.close()
  }

  #read(receiver: StreamReceiver, buffer: Buffer, frame: number, start: number, end: number): void {
    const tag = buffer[start]
    if (tag === 0x77) {
      if (buffer[start + WAL_HEADER] === COMMIT) {
        this.#lastCommit = buffer
        this.#lastCommitStart = start
      }
      receiver.onFrame(buffer, frame, end)
    } else if (tag === 0x6b) {
      const walEnd = lsn(buffer.readBigUInt64BE(start + 1))
      this.#received = maxLsn(this.#received, walEnd)
      receiver.onKeepalive(walEnd)
      if (buffer[start + 17] === 1) this.#reply(walEnd)
    }
  }

  #reply(walEnd: Lsn): void {
    const second = Math.floor(performance.now() / 1000)
    if (second !== this.#replySecond || walEnd !== this.#replyWalEnd) {
      this.#replySecond = second
      this.#replyWalEnd = walEnd
      this.#replyCount = 0
    }
    this.#replyCount += 1
    if (this.#replyCount <= MAX_REPLIES_PER_SECOND) this.sendStatus()
    else if (this.#confirmed < walEnd) {
      // Only a server that shuts down asks again at once, and it waits for us: what is left cannot be confirmed any
      // more, since no snapshot will be taken that shows it. It comes again when the server is back.
      this.#raw.destroy(new DbsyncError('POSTGRES.CONNECTION_LOST', 'The server is shutting down.'))
    }
  }

  #tick(): void {
    const silentMs = performance.now() - this.#raw.lastInboundMs
    if (!this.#raw.isPaused && silentMs > this.#silenceLimitMs) {
      this.#raw.destroy(
        new DbsyncError(
          'POSTGRES.CONNECTION_LOST',
          `The server was silent for ${Math.round(silentMs / 1000)} s.`,
        ),
      )
      return
    }
    this.sendStatus(silentMs > ASK_AFTER_MS)
  }

  #readNotice(notice: ServerErrorFields): void {
    // From version 18 on a publication that is gone is a warning, and its changes are skipped.
    if (notice.sqlState !== '55000' || notice.routine === STANDBY_WAIT) return
    this.#raw.destroy(publicationMissing(notice.sqlState))
  }
}

/** Making it again does not help: the stream is read by the catalog of its time, in which it does not exist. */
function publicationMissing(sqlState: string): DbsyncError {
  return new DbsyncError(
    'PUBLICATION.MISSING',
    'The server reports that the publication does not exist at this point of the WAL, so the stream lacks changes. ' +
      'DBSync creates it again and reads the tables anew.',
    { details: { sqlState } },
  )
}

/** The clock as Postgres counts: microseconds since 2000-01-01 UTC. */
function nowUs(): bigint {
  return BigInt(Date.now() - POSTGRES_EPOCH_MS) * 1000n
}
