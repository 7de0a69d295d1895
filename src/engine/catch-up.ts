import { sleep } from '../core/backoff.ts'
import { isDbsyncError } from '../core/errors.ts'
import { parseLsn, type Lsn } from '../core/lsn.ts'
import type { ControlSession } from '../postgres/control-session.ts'
import { watermarkSql } from '../snapshot/chunk-query.ts'
import type { Pipeline } from './pipeline.ts'

const FIRST_NUDGE_MS = 100
const MAX_NUDGE_MS = 2_000

/** What catching up needs of a sync. */
export interface CatchUpHost {
  readonly control: ControlSession
  readonly pipeline: Pipeline
  /** Asks the server to say how far it has sent. */
  prompt(): void
  readonly signal: AbortSignal
}

/**
 * Resolves once everything that was committed before the call has been delivered and applied.
 *
 * Throws: the signal's reason, and what the server refuses for good; a session that is lost meanwhile is waited for.
 */
export async function reachCurrentEnd(host: CatchUpHost): Promise<void> {
  const { control, pipeline, signal } = host
  let isReached = false
  const reached = pipeline.waitFor(await currentEnd(control, signal)).then(() => {
    isReached = true
  })
  host.prompt()
  for (let waitMs = FIRST_NUDGE_MS; !isReached; waitMs = Math.min(waitMs * 2, MAX_NUDGE_MS)) {
    await Promise.race([reached, sleep(waitMs, signal)])
    if (isReached) return
    // An idle server may stand at a position that no record ends at; a commit of our own moves it on.
    const nudge = `BEGIN; SET LOCAL synchronous_commit = local; ${watermarkSql('nudge')}; COMMIT`
    await control.query(nudge).catch(() => {})
    host.prompt()
  }
}

/** The end of the WAL now. */
async function currentEnd(control: ControlSession, signal: AbortSignal): Promise<Lsn> {
  for (;;) {
    try {
      const [row] = await control.query('SELECT pg_current_wal_insert_lsn()::text')
      return parseLsn(row?.[0] ?? '')
    } catch (error) {
      signal.throwIfAborted()
      if (!isDbsyncError(error) || error.recovery === 'fix') throw error
      await sleep(FIRST_NUDGE_MS, signal)
    }
  }
}
