import { parseLsn, ZERO_LSN, type Lsn } from '../core/lsn.ts'
import type { ErrorCode } from '../core/errors.ts'
import type { ControlSession } from '../postgres/control-session.ts'
import { describeBlockers, readRetention, type SlotRetention } from '../postgres/slot-status.ts'
import type { SlotHealth, SyncEvent } from './sync-event.ts'

const INTERVAL_MS = 10_000
const STALL_MS = 60_000
const WARNING_SHARE = 0.5
const CRITICAL_SHARE = 0.2

/** What watching a slot needs of the sync. */
export interface SlotWatchHost {
  readonly control: ControlSession
  /** The slot that is streamed from; null while none is. */
  slot(): string | null
  /** How far the server is known to have sent; null while reading is paused, since silence is then of our own making. */
  received(): Lsn | null
  onHealth(event: Extract<SyncEvent, { kind: 'slot-health' }>): void
  onWarning(code: ErrorCode, message: string): void
}

/** How often a slot is looked at, and how long the server may send nothing while its WAL grows. */
export interface SlotWatchTimes {
  readonly intervalMs: number
  readonly stallMs: number
}

/**
 * Looks at the sync's own slot every ten seconds: whether the server is about to give it up, and whether the stream has
 * come to a halt although the session is alive (as when a standby is down that `synchronized_standby_slots` names).
 */
export class SlotWatch {
  readonly #host: SlotWatchHost
  readonly #times: SlotWatchTimes
  #timer: NodeJS.Timeout | null = null
  #isLooking = false
  #slot: string | null = null
  #health: SlotHealth = 'ok'
  /** As the last look found them. */
  #received: Lsn | null = null
  #serverEnd: Lsn = ZERO_LSN
  /** When the server was first seen to write while the stream did not move; null while it moves. */
  #behindSinceMs: number | null = null
  #isStalled = false

  constructor(host: SlotWatchHost, times: SlotWatchTimes = { intervalMs: INTERVAL_MS, stallMs: STALL_MS }) {
    this.#host = host
    this.#times = times
  }

  start(): void {
    this.#timer ??= setInterval(() => void this.look(), this.#times.intervalMs)
  }

  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer)
    this.#timer = null
  }

  /** One look now, unless one is under way. Never throws. */
  async look(): Promise<void> {
    const slot = this.#host.slot()
    if (this.#isLooking || this.#timer === null || slot === null) return
    this.#isLooking = true
    try {
      const found = await readRetention(this.#host.control, slot)
      if (found === null || slot !== this.#host.slot()) return
      await this.#judgeHealth(slot, found)
      this.#judgeProgress(slot, found)
    } catch {
      // The stream's own session reports a server that is gone.
    } finally {
      this.#isLooking = false
    }
  }

  async #judgeHealth(slot: string, found: SlotRetention): Promise<void> {
    if (slot !== this.#slot) this.#health = 'ok'
    this.#slot = slot
    const health = healthOf(found)
    if (health === this.#health) return
    const openTransactions = health === 'ok' ? '' : await describeBlockers(this.#host.control)
    this.#health = health
    const { retainedBytes, safeBytes } = found
    this.#host.onHealth({ kind: 'slot-health', status: health, retainedBytes, safeBytes, openTransactions })
  }

  #judgeProgress(slot: string, { serverEnd }: SlotRetention): void {
    const nowMs = performance.now()
    const received = this.#host.received()
    const end = parseLsn(serverEnd)
    if (received === null || received !== this.#received) {
      this.#behindSinceMs = null
      this.#isStalled = false
    } else if (end > this.#serverEnd) this.#behindSinceMs ??= nowMs
    this.#received = received
    this.#serverEnd = end
    if (this.#isStalled || this.#behindSinceMs === null) return
    const behindMs = nowMs - this.#behindSinceMs
    if (behindMs < this.#times.stallMs) return
    this.#isStalled = true
    this.#host.onWarning(
      'SLOT.STALLED',
      `The server writes WAL and has sent nothing of it to slot "${slot}" for ${Math.round(behindMs / 1000)} s. It may ` +
        'wait for a standby that synchronized_standby_slots names, or read a very large transaction; see ' +
        'pg_stat_activity for what the walsender waits for.',
    )
  }
}

function healthOf({ isEnding, safeBytes, limitBytes }: SlotRetention): SlotHealth {
  if (isEnding) return 'critical'
  if (safeBytes === null || limitBytes === null || limitBytes === 0) return 'ok'
  const share = safeBytes / limitBytes
  if (share < CRITICAL_SHARE) return 'critical'
  return share < WARNING_SHARE ? 'warning' : 'ok'
}
