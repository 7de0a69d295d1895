import { maxLsn, ZERO_LSN } from '../core/lsn.ts'
import { dateOfServerTime } from '../core/postgres-time.ts'
import type { ReplicationSession } from '../replication/replication-session.ts'
import type { Pipeline } from './pipeline.ts'
import type { SyncStatus } from './sync.ts'

/** How far the stream has come, and how far it is behind. */
export function progressOf(
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
