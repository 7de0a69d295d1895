import { DbsyncError, type ErrorCode } from '../core/errors.ts'
import type { LossCode } from './open-slot.ts'

/** What telling of a loss needs of the sync. */
export interface LossHost {
  readonly hasConsumers: boolean
  /** The slot that was streamed from. */
  readonly slot: string | null
  readonly onWarning: (code: ErrorCode, message: string) => void
}

/** What is to be done when a slot is found to have lost changes. */
export function lossTeller(host: LossHost): {
  onGap(): void
  onLost(code: LossCode, found: string): void
} {
  return { onGap: () => tellGap(host), onLost: (code, found) => tellLoss(host, code, found) }
}

/** A temporary slot went with its session; consumers have missed what came since, views are read anew anyway. */
function tellGap({ hasConsumers, onWarning }: LossHost): void {
  if (!hasConsumers) return
  onWarning(
    'SLOT.MISSING',
    'The temporary slot ended with its session. Handlers, sinks and readers have missed the changes since; a durable slot keeps them.',
  )
}

/**
 * Continuity is gone. Views are read anew, with a warning; consumers would miss changes, so a sync with any stops.
 * Throws: the code, where there are consumers.
 */
function tellLoss({ hasConsumers, slot, onWarning }: LossHost, code: LossCode, found: string): void {
  if (hasConsumers) {
    throw new DbsyncError(
      code,
      `${found} Handlers, sinks and readers have missed the changes since. Bring what they keep up to date, drop the slot if it is ` +
        'still there (SELECT pg_drop_replication_slot), and start again.',
      { details: { slot } },
    )
  }
  onWarning(code, `${found} The tables are read anew.`)
}
