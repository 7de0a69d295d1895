import { sleep } from '../core/backoff.ts'
import type { Lsn } from '../core/lsn.ts'
import type { ControlSession } from '../postgres/control-session.ts'
import { readSnapshot } from '../snapshot/read-snapshot.ts'
import type { Pipeline } from './pipeline.ts'

const PROBE_MS = 500
const POLL_MS = 20

/** Lets go of delivered transactions as soon as a snapshot shows them; the slot is confirmed no further than that. */
export class Prober {
  readonly #control: ControlSession
  readonly #pipeline: Pipeline
  readonly #isReading: () => boolean
  #timer: NodeJS.Timeout | null = null
  #isProbing = false

  /** `isReading`: a chunk is under way, which must not find settled what it does not see. */
  constructor(control: ControlSession, pipeline: Pipeline, isReading: () => boolean) {
    this.#control = control
    this.#pipeline = pipeline
    this.#isReading = isReading
  }

  start(): void {
    this.#timer ??= setInterval(() => void this.probe(), PROBE_MS)
  }

  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer)
    this.#timer = null
  }

  /** One probe now, unless one is under way or none is needed. Never throws. */
  async probe(): Promise<void> {
    if (this.#isProbing || this.#timer === null || !this.#isNeeded) return
    this.#isProbing = true
    try {
      const snapshot = await readSnapshot(this.#control)
      // A reading that began meanwhile may have an older snapshot than this one.
      if (this.#isNeeded) this.#pipeline.settle(snapshot)
    } catch {
      // The stream's own session reports a server that is gone.
    } finally {
      this.#isProbing = false
    }
  }

  /** Resolves once new snapshots see every transaction before a position that has been delivered. Throws: the signal's reason. */
  async reachVisible(position: Lsn, signal: AbortSignal): Promise<void> {
    const { unsettled } = this.#pipeline
    while (unsettled.settledLsn(position) < position) {
      signal.throwIfAborted()
      await this.probe()
      if (unsettled.settledLsn(position) < position) await sleep(POLL_MS, signal)
    }
  }

  get #isNeeded(): boolean {
    return this.#pipeline.unsettled.size > 0 && !this.#isReading()
  }
}
