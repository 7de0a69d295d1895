import type { CoreEngine } from './engine.ts'
import { BATCH, type Workload } from './workload.ts'

/** What one engine did with a workload: row changes a second, but for `renames`, which counts transactions. */
export interface EngineRun {
  readonly load: number
  /** Transactions of one update. */
  readonly single: number
  /** The same, and the changed row is read after each. */
  readonly read: number
  /** Updates in transactions of {@link BATCH}. */
  readonly batched: number
  readonly renames: number
  /** Of the whole view at the end. */
  readonly checksum: number
}

/**
 * Drives an engine through the workload and takes the times. `isShort`: for one that is too slow for the rest, the
 * updates of the warm-up are the measured ones, and nothing follows.
 */
export function runEngine(engine: CoreEngine, workload: Workload, isShort = false): EngineRun {
  const { visits, updates, renames, size } = workload
  engine.loadRestaurants()
  const load = rate(visits.count, () => engine.loadVisits())
  let from = 0
  const next = (count: number): { readonly from: number; readonly to: number } => {
    const range = { from, to: from + count }
    from = range.to
    return range
  }
  const single = (count: number): number => {
    const range = next(count)
    return rate(count, () => {
      for (let index = range.from; index < range.to; index += 1) engine.update(index, index + 1)
    })
  }
  const read = (count: number): number => {
    const range = next(count)
    let sum = 0
    const perSecond = rate(count, () => {
      for (let index = range.from; index < range.to; index += 1) {
        engine.update(index, index + 1)
        sum += engine.read(index)
      }
    })
    if (Number.isNaN(sum)) throw new Error('a row that was changed is not in the view')
    return perSecond
  }
  const warm = read(size.warmUp)
  if (isShort) return { load, single: 0, read: warm, batched: 0, renames: 0, checksum: engine.checksum() }
  return {
    load,
    single: single(size.single),
    read: read(size.read),
    batched: rate(size.batched, () => {
      for (let index = from; index < updates.count; index += BATCH) {
        engine.update(index, Math.min(index + BATCH, updates.count))
      }
    }),
    renames: rate(renames.count, () => {
      for (let index = 0; index < renames.count; index += 1) engine.rename(index)
    }),
    checksum: engine.checksum(),
  }
}

function rate(count: number, work: () => void): number {
  const start = performance.now()
  work()
  return (count / (performance.now() - start)) * 1000
}
