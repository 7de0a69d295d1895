import type { ControlSession } from '../postgres/control-session.ts'
import { describeLockHolders } from '../postgres/lock-barrier.ts'
import { tableName } from '../postgres/table-name.ts'
import type { SyncEvent } from './sync-event.ts'
import type { ChunkRetry } from './table-reader.ts'

const LOCK_NOT_AVAILABLE = '55P03'

/** Tells that a chunk is tried again, or, where somebody holds the table, whom it waits for. Never throws. */
export async function tellChunkRetry(
  control: ControlSession,
  { model, attempt, waitMs, error }: ChunkRetry,
  onEvent: (event: SyncEvent) => void,
): Promise<void> {
  if (error.details['sqlState'] !== LOCK_NOT_AVAILABLE) {
    onEvent({ kind: 'chunk-retry', model: model.model, attempt, waitMs, error })
    return
  }
  const table = tableName(model)
  const holders = await describeLockHolders(control, [table]).catch(() => '')
  onEvent({ kind: 'waiting', reason: `a lock on ${table}${holders === '' ? '' : `: held by ${holders}`}` })
}
