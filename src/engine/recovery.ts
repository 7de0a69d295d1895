import type { DbsyncError } from '../core/errors.ts'

/** Errors after which consumers have missed changes. */
const LOSSES: ReadonlySet<string> = new Set([
  'SLOT.MISSING',
  'SLOT.INVALIDATED',
  'PUBLICATION.MISSING',
  'POSTGRES.HISTORY',
])

/** How a sync stands when a session ends. */
export interface SessionEnd {
  /** Whether the configuration is known to be good: a stream was started, or waits for another instance only. */
  readonly isProven: boolean
  /** Whether somebody must get every change. */
  readonly hasConsumers: boolean
}

/** Whether another session can mend what ended the last one; else a person must. */
export function mayRetry(error: DbsyncError, { isProven, hasConsumers }: SessionEnd): boolean {
  // The first attempt answers the caller of start(): what is wrong is wrong in the configuration.
  if (!isProven) return false
  if (LOSSES.has(error.code)) return !hasConsumers
  // A server that comes back may for a while have no free walsender, or still be a standby.
  if (error.code === 'POSTGRES.LIMIT' || error.code === 'POSTGRES.STANDBY') return true
  return error.recovery !== 'fix' && error.code !== 'HANDLER.FAILED'
}
