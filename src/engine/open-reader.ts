import { DbsyncError } from '../core/errors.ts'
import { offeredModels, type CheckedConsumers, type ModelRef } from './consumer-options.ts'
import type { ConsumerSet } from './consumer-set.ts'
import type { TransactionFeed } from './transaction-feed.ts'

/** What `sync.changes` takes. */
export interface ReaderOptions {
  readonly models?: readonly ModelRef[]
  readonly signal?: AbortSignal
}

/** A reader of whole transactions. Throws: SYNC.CLOSED, CONFIG.INVALID_OPTIONS for models that the sync does not offer. */
export function openReader(
  consumed: ConsumerSet | null,
  offered: CheckedConsumers,
  closed: AbortSignal,
  { models, signal }: ReaderOptions,
): TransactionFeed {
  const wanted = offeredModels(offered, models)
  if (consumed === null || closed.aborted)
    throw new DbsyncError('SYNC.CLOSED', 'changes() was called on a sync that is closed.')
  return consumed.open(wanted, signal)
}
