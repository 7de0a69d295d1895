import { toDbsyncError, type DbsyncError } from '../core/errors.ts'
import type { ControlSession } from '../postgres/control-session.ts'
import { readSnapshot } from '../snapshot/read-snapshot.ts'
import type { CheckedOptions } from './options.ts'
import type { Pipeline } from './pipeline.ts'
import type { TableReaderHost } from './table-reader.ts'
import { tellChunkRetry } from './tell-chunk-retry.ts'

/** What the reading of tables needs of a sync, made of its parts. */
export function readerHost(sync: {
  readonly options: CheckedOptions
  readonly control: ControlSession
  readonly pipeline: Pipeline
  readonly endSession: (error: DbsyncError) => void
  readonly recheck: () => Promise<void>
  /** Looks which delivered transactions are visible. */
  readonly probe: () => void
}): TableReaderHost {
  const { options, control, pipeline } = sync
  return {
    expectWatermark: (watermark, seen) => pipeline.expectWatermark(watermark, seen),
    forgetWatermark: (watermark) => pipeline.forgetWatermark(watermark),
    readSnapshot: () => readSnapshot(control),
    isMidTransaction: () => pipeline.isMidTransaction,
    noteMerged: () => pipeline.noteMerged(),
    onChunkRetry: (retry) => {
      // Between two attempts no chunk is under way.
      sync.probe()
      void tellChunkRetry(control, retry, options.onEvent)
    },
    onFailure: (error) => sync.endSession(toDbsyncError(error)),
    recheck: sync.recheck,
  }
}
