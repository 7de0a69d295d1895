import { ReadJob, type ReadTarget } from './read-job.ts'
import type { Replica } from './replica.ts'
import type { TableReader } from './table-reader.ts'

/**
 * Reads every table of a replica while the stream runs; resolves when each is covered. Throws: what `TableReader.read` throws.
 */
export async function hydrate(
  replica: Replica,
  reader: TableReader,
  onProgress: () => void,
  targets: readonly ReadTarget[] = replica.tables,
): Promise<void> {
  replica.onUnknownRows((table, keys) => reader.requestRows(table, keys))
  onProgress()
  const jobs = targets.map((target) => new ReadJob(target, { kind: 'scan', bounds: null }))
  for (const job of jobs) job.onMerged = onProgress
  await Promise.all(jobs.map((job) => reader.read(job)))
  // Rows that moved here from a key which was never read, with a part of them left out.
  await reader.rowsKnown()
}
