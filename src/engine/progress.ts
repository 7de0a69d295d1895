import { maxLsn, ZERO_LSN } from '../core/lsn.ts'
import { dateOfServerTime } from '../core/postgres-time.ts'
import type { ReplicationSession } from '../replication/replication-session.ts'
import type { CheckedOptions } from './options.ts'
import type { Pipeline } from './pipeline.ts'
import type { Refreshes } from './refreshes.ts'
import type { Replica } from './replica.ts'
import type { Stores } from './stores.ts'
import type { SyncStatus } from './sync.ts'
import type { ViewCells } from './view-cells.ts'

/** Where the parts of a sync stand, as `status` tells. */
export interface StatusParts {
  readonly options: CheckedOptions
  readonly pipeline: Pipeline
  readonly session: ReplicationSession | null
  readonly slotName: string | null
  /** Whose tables are being read, or else what readers see. */
  readonly replica: Replica | null
  readonly refreshes: Refreshes
  readonly cells: ViewCells
  readonly stores: Stores
}

/** How a sync stands. */
export function statusOf({
  options,
  pipeline,
  session,
  slotName,
  replica,
  refreshes,
  cells,
  stores,
}: StatusParts): Omit<SyncStatus, 'state' | 'reconnects'> {
  return {
    ...progressOf(pipeline, session),
    slot:
      slotName === null || session === null
        ? null
        : { name: slotName, durable: options.slot.durable, confirmed: session.confirmed },
    publication: options.publication,
    tables: replica?.tables.map((table) => table.progress) ?? [],
    refreshes: refreshes.progress,
    views: cells.status(),
    stores: stores.status,
  }
}

/** How far the stream has come, and how far it is behind. */
function progressOf(
  pipeline: Pipeline,
  session: ReplicationSession | null,
): Pick<SyncStatus, 'position' | 'received' | 'lagBytes' | 'lagMs' | 'changes' | 'unsettled'> {
  const { position, lastCommitTimeUs: committed, changes, unsettled } = pipeline
  const received = maxLsn(session?.received ?? ZERO_LSN, position)
  const lagMs =
    received > position && committed !== null
      ? Math.max(0, Date.now() - dateOfServerTime(committed).getTime())
      : 0
  return {
    position,
    received,
    lagBytes: Number(received - position),
    lagMs,
    changes,
    unsettled: unsettled.size,
  }
}
