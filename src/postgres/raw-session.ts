import type { Socket } from 'node:net'
import pg from 'pg'
import { DbsyncError, toDbsyncError } from '../core/errors.ts'
import { clientConfig, connectClient, PIN_SQL, socketOf } from './connect.ts'
import type { ConnectionTarget } from './resolve-connection.ts'
import { serverError, type ServerErrorFields } from './server-error.ts'

/**
 * Receives one CopyData message where it lies.
 *
 * `frame` is the position of the message's tag, `start` of its payload, `end` the position after it. The
 * buffer belongs to the receiver as long as it keeps it: the session never writes to it again.
 */
export type CopyDataReceiver = (buffer: Buffer, frame: number, start: number, end: number) => void

/** The rows of one statement, every value as text. */
export interface RawResult {
  readonly command: string
  readonly rows: readonly (readonly (string | null)[])[]
}

const TAG = {
  copyData: 0x64, // d
  copyDone: 0x63, // c
  commandComplete: 0x43, // C
  dataRow: 0x44, // D
  error: 0x45, // E
  notice: 0x4e, // N
  ready: 0x5a, // Z
  copyBoth: 0x57, // W
} as const

/** What else a server sends to simple queries and that has nothing for us, by letter: T S H I A. */
const IGNORED: ReadonlySet<number> = new Set([0x54, 0x53, 0x48, 0x49, 0x41])
/** Tags of messages that may be long: d D E N T A. */
const LONG: ReadonlySet<number> = new Set([0x64, 0x44, 0x45, 0x4e, 0x54, 0x41])
/** The server builds no message of more than 1 GB; one of the other kinds, as libpq has it, is never past 30 kB. */
const MAX_LONG_BYTES = 0x4000_0100
const MAX_SHORT_BYTES = 30_000

/** After a chunk of this size more is waiting already. */
const FULL_CHUNK_BYTES = 32 * 1024
const GATHER_MS = 1
/** Longer than any timeout that our statements run under: a server that is still there has said something by then. */
const SILENCE_MS = 70_000

interface PendingQuery {
  readonly sql: string
  readonly results: RawResult[]
  rows: (string | null)[][]
  error: ServerErrorFields | null
  readonly resolve: (results: readonly RawResult[]) => void
  readonly reject: (error: DbsyncError) => void
}

/**
 * A session of the simple query protocol that hands over CopyData bytes without an object per message.
 *
 * node-pg connects and authenticates (TLS, SCRAM, passwords from functions); then this session takes
 * the socket and scans the chunks as they arrive. Handing each CopyData message through an event and an object
 * costs several times as much as reading it here (bench/README.md, `cpu`).
 * Source: PostgreSQL manual, "Frontend/Backend Protocol: Message Formats".
 */
export class RawSession {
  /** Called for every CopyData message while a COPY runs. */
  onCopyData: CopyDataReceiver = () => {}
  /** Called once after each chunk of the socket is used up. */
  onChunkEnd: () => void = () => {}
  /** Called with each notice; on a walsender some notices report lost changes. */
  onNotice: (notice: ServerErrorFields) => void = () => {}
  /** Called when the server ends a COPY by itself. */
  onCopyDone: () => void = () => {}
  /**
   * Whether chunks may gather in the kernel for a millisecond before they are read. A walsender flushes every message, so a
   * reader that keeps up is woken for each row, and waking costs several times what reading the row does (1.4 to 2.0
   * against 0.5 us a row, 2026-11-22). For a stream that is late anyway.
   */
  gathersChunks = false
  /** Settles when the socket is gone: with null after `close`, else with the reason. */
  readonly closed: Promise<DbsyncError | null>

  readonly #socket: Socket
  readonly #role: string
  #settleClosed: (reason: DbsyncError | null) => void = () => {}
  #pending: PendingQuery | null = null
  #copyStarted: (() => void) | null = null
  #rest: Buffer[] = []
  #restBytes = 0
  #needBytes = 5
  #closing = false
  #failure: DbsyncError | null = null
  #dead = false
  #isDestroyed = false
  #isPaused = false
  #isGathering = false
  #lastInboundMs = performance.now()
  readonly #backendPid: number

  private constructor(socket: Socket, role: string, backendPid: number) {
    this.#socket = socket
    this.#role = role
    this.#backendPid = backendPid
    this.closed = new Promise((resolve) => {
      this.#settleClosed = resolve
    })
    socket.removeAllListeners('data')
    socket.on('data', (chunk: Buffer) => {
      try {
        this.#receive(chunk)
      } catch (error) {
        // Nobody is above this call: what escaped would end the process.
        this.destroy(toDbsyncError(error))
      }
      if (this.gathersChunks && chunk.length < FULL_CHUNK_BYTES) this.#gather()
    })
    socket.on('error', (error: Error) => {
      this.#failure ??= lost(role, error.message)
    })
    socket.on('close', () => this.#onClose())
  }

  /**
   * Connects and pins the session's settings. `replication` makes it a walsender.
   *
   * Throws: as {@link connectClient}.
   */
  static async connect(options: ConnectionTarget, role: string, replication: boolean): Promise<RawSession> {
    // `replication` is a start-up parameter that node-pg passes on; its types do not know it.
    const config: pg.ClientConfig & { replication?: string } = clientConfig(options, role)
    if (replication) config.replication = 'database'
    const client = new pg.Client(config)
    await connectClient(client)
    const session = new RawSession(socketOf(client), role, Number(Reflect.get(client, 'processID')))
    await session.query(PIN_SQL)
    return session
  }

  get backendPid(): number {
    return this.#backendPid
  }

  /** When the server last sent anything, on the clock of `performance.now()`. */
  get lastInboundMs(): number {
    return this.#lastInboundMs
  }

  /** Stops reading from the socket; the server notices by TCP's window alone. */
  pause(): void {
    this.#isPaused = true
    this.#socket.pause()
  }

  resume(): void {
    // What waited in the kernel meanwhile does not count as silence of the server.
    this.#lastInboundMs = performance.now()
    this.#isPaused = false
    if (!this.#isGathering) this.#socket.resume()
  }

  get isPaused(): boolean {
    return this.#isPaused
  }

  /**
   * Runs one or several statements. A `COPY … TO STDOUT` among them feeds `onCopyData`. A link can die without a word, and
   * the server's own timeouts do not reach us then: after `silenceMs` without a byte the session is given up.
   *
   * Throws: what {@link serverError} makes of the server's error; POSTGRES.CONNECTION_LOST.
   */
  query(sql: string, silenceMs = SILENCE_MS): Promise<readonly RawResult[]> {
    const answer = this.#send(sql)
    const timer = this.#watchSilence(silenceMs)
    return answer.finally(() => clearInterval(timer))
  }

  #watchSilence(silenceMs: number): NodeJS.Timeout {
    const stepMs = silenceMs / 4
    this.#lastInboundMs = performance.now()
    let lastMs = this.#lastInboundMs
    return setInterval(() => {
      const nowMs = performance.now()
      // After a long turn of the event loop timers come before the socket, whatever waits there.
      const wasBlocked = nowMs - lastMs > stepMs * 2
      lastMs = nowMs
      if (wasBlocked || this.#isPaused || nowMs - this.#lastInboundMs < silenceMs) return
      this.destroy(lost(this.#role, `no answer came for ${Math.round(silenceMs / 1000)} s`))
    }, stepMs)
  }

  #send(sql: string): Promise<readonly RawResult[]> {
    if (this.#pending !== null) {
      return Promise.reject(
        new DbsyncError('INTERNAL.INVARIANT', 'two statements at once on one raw session'),
      )
    }
    if (this.#dead || this.#closing) return Promise.reject(this.#failure ?? lost(this.#role, 'it is closed'))
    return new Promise((resolve, reject) => {
      this.#pending = { sql, results: [], rows: [], error: null, resolve, reject }
      this.#socket.write(queryMessage(sql))
    })
  }

  /**
   * Starts a statement that turns the session into a two-way COPY (`START_REPLICATION`). Resolves when
   * the COPY has begun.
   */
  startCopyBoth(sql: string): Promise<void> {
    return new Promise((resolve, reject) => {
      let hasBegun = false
      this.#copyStarted = () => {
        hasBegun = true
        resolve()
      }
      // Whoever reads the stream watches over its silence.
      this.#send(sql).then(
        () => {
          this.#copyStarted = null
          this.destroy(lost(this.#role, 'the server ended the stream'))
          if (!hasBegun) reject(this.#failure ?? lost(this.#role, 'the stream did not begin'))
        },
        (error: unknown) => {
          this.#copyStarted = null
          // An error in mid-stream leaves the walsender waiting for a command: the socket stays open, nothing comes any more.
          if (hasBegun && error instanceof DbsyncError) this.destroy(error)
          else reject(error)
        },
      )
    })
  }

  /** Sends one CopyData payload to the server. */
  sendCopyData(payload: Buffer): void {
    if (this.#dead || this.#closing) return
    const header = Buffer.allocUnsafe(5)
    header[0] = TAG.copyData
    header.writeInt32BE(payload.length + 4, 1)
    this.#socket.write(Buffer.concat([header, payload]))
  }

  /** Says goodbye and waits until the server has closed its side, at most `graceMs`. */
  async close(graceMs = 2_000): Promise<void> {
    if (!this.#dead && !this.#closing) {
      this.#closing = true
      this.#isPaused = false
      this.#socket.resume()
      this.#socket.end(Buffer.from([0x58, 0, 0, 0, 4]))
    }
    const timer = setTimeout(() => this.#socket.destroy(), graceMs)
    await this.closed
    clearTimeout(timer)
  }

  /** Cuts the connection at once. */
  destroy(reason: DbsyncError): void {
    this.#failure ??= reason
    this.#isDestroyed = true
    this.#socket.destroy()
  }

  #gather(): void {
    if (this.#isGathering || this.#dead || this.#closing) return
    this.#isGathering = true
    this.#socket.pause()
    setTimeout(() => {
      this.#isGathering = false
      if (!this.#isPaused) this.#socket.resume()
    }, GATHER_MS)
  }

  #onClose(): void {
    if (this.#dead) return
    this.#dead = true
    const reason = this.#closing ? null : (this.#failure ?? lost(this.#role, 'the server closed it'))
    this.#failure ??= reason
    const pending = this.#pending
    this.#pending = null
    if (pending !== null) {
      pending.reject(
        pending.error === null
          ? (reason ?? lost(this.#role, 'it is closed'))
          : this.#fail(pending.error, pending.sql),
      )
    }
    this.#settleClosed(reason)
  }

  #receive(chunk: Buffer): void {
    this.#lastInboundMs = performance.now()
    let buffer = chunk
    if (this.#restBytes > 0) {
      this.#rest.push(chunk)
      this.#restBytes += chunk.length
      // A message larger than a chunk is joined once, when all of it is there.
      if (this.#restBytes < this.#needBytes) return
      buffer = Buffer.concat(this.#rest, this.#restBytes)
      this.#rest = []
      this.#restBytes = 0
    }
    const length = buffer.length
    let at = 0
    this.#needBytes = 5
    while (at + 5 <= length) {
      const end = at + 1 + buffer.readInt32BE(at + 1)
      if (end < at + 5 || end - at > (LONG.has(buffer[at] ?? 0) ? MAX_LONG_BYTES : MAX_SHORT_BYTES)) {
        this.destroy(malformedMessage(this.#role, 'of a length that no server sends'))
        return
      }
      if (end > length) {
        this.#needBytes = end - at
        break
      }
      const tag = buffer[at]
      // What follows a message that ended the session must not be looked at: it would be applied over a gap.
      if (this.#isDestroyed) return
      if (tag === TAG.copyData) this.onCopyData(buffer, at, at + 5, end)
      else this.#control(tag ?? 0, buffer, at + 5, end)
      at = end
    }
    if (at < length) {
      this.#rest.push(at === 0 ? buffer : buffer.subarray(at))
      this.#restBytes = length - at
    }
    if (!this.#isDestroyed) this.onChunkEnd()
  }

  #control(tag: number, buffer: Buffer, start: number, end: number): void {
    const pending = this.#pending
    switch (tag) {
      case TAG.dataRow:
        pending?.rows.push(readDataRow(buffer, start, end))
        return
      case TAG.commandComplete:
        if (pending !== null) {
          pending.results.push({ command: buffer.toString('utf8', start, end - 1), rows: pending.rows })
          pending.rows = []
        }
        return
      case TAG.error: {
        const fields = readFields(buffer, start, end)
        if (pending === null) this.#failure ??= this.#fail(fields, 'stream')
        else pending.error = fields
        // A FATAL error is followed by the end of the connection, which reports it.
        if (fields.severity === 'FATAL' || fields.severity === 'PANIC')
          this.#failure ??= this.#fail(fields, 'stream')
        return
      }
      case TAG.notice:
        this.onNotice(readFields(buffer, start, end))
        return
      case TAG.copyBoth:
        this.#copyStarted?.()
        this.#copyStarted = null
        return
      case TAG.copyDone:
        this.onCopyDone()
        return
      case TAG.ready:
        this.#pending = null
        if (pending === null) return
        if (pending.error === null) pending.resolve(pending.results)
        else pending.reject(this.#fail(pending.error, pending.sql))
        return
      default:
        if (!IGNORED.has(tag)) throw malformedMessage(this.#role, 'of an unknown kind')
    }
  }

  #fail(fields: ServerErrorFields, sql: string): DbsyncError {
    // No more of it: what follows may be a literal.
    const verb = /^\s*([A-Z_]+(?: [A-Z_]+)?)/.exec(sql)?.[1] ?? 'a statement'
    return serverError(
      { code: fields.sqlState, message: fields.message },
      `run ${verb} on the ${this.#role} session`,
    )
  }
}

function lost(role: string, why: string): DbsyncError {
  return new DbsyncError('POSTGRES.CONNECTION_LOST', `The ${role} connection was lost: ${why}.`, {
    details: { role },
  })
}

function queryMessage(sql: string): Buffer {
  const bytes = Buffer.byteLength(sql)
  const message = Buffer.allocUnsafe(bytes + 6)
  message[0] = 0x51
  message.writeInt32BE(bytes + 5, 1)
  message.write(sql, 5)
  message[bytes + 5] = 0
  return message
}

function readDataRow(buffer: Buffer, start: number, end: number): (string | null)[] {
  const row: (string | null)[] = []
  let at = start + 2
  if (at > end) throw malformedRow()
  const count = buffer.readInt16BE(start)
  for (let column = 0; column < count; column += 1) {
    if (end - at < 4) throw malformedRow()
    const length = buffer.readInt32BE(at)
    at += 4
    if (length > end - at) throw malformedRow()
    if (length < 0) row.push(null)
    else {
      row.push(buffer.toString('utf8', at, at + length))
      at += length
    }
  }
  return row
}

function malformedMessage(role: string, what: string): DbsyncError {
  return new DbsyncError('WAL.MALFORMED', `The ${role} session received a message ${what}; reconnecting.`)
}

function malformedRow(): DbsyncError {
  return new DbsyncError('WAL.MALFORMED', 'A row of a result ends before its time; reconnecting.')
}

function readFields(buffer: Buffer, start: number, end: number): ServerErrorFields {
  let sqlState = ''
  let severity = ''
  let message = ''
  let routine: string | undefined
  let at = start
  while (at < end && buffer[at] !== 0) {
    const type = String.fromCharCode(buffer[at] ?? 0)
    const stop = buffer.indexOf(0, at + 1)
    if (stop < 0 || stop >= end) break
    const text = buffer.toString('utf8', at + 1, stop)
    if (type === 'C') sqlState = text
    // V is never translated; S is, by lc_messages.
    else if (type === 'V') severity = text
    else if (type === 'M') message = text
    else if (type === 'R') routine = text
    at = stop + 1
  }
  return routine === undefined ? { sqlState, severity, message } : { sqlState, severity, message, routine }
}
