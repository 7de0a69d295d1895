import type { Workload } from './workload.ts'

/** The views of bench `core`: the average rating by restaurant, or each visit with the name of its restaurant. */
export type CoreView = 'average' | 'join'

/**
 * One way to keep a view: ours or a peer's. Each call is one transaction, complete when it returns: the view is as after it.
 */
export interface CoreEngine {
  /** The restaurants, for the join. */
  loadRestaurants(): void
  loadVisits(): void
  /** The updates from one number up to another, without it. */
  update(from: number, to: number): void
  /** One renaming. */
  rename(index: number): void
  /** What the view says of one of the rows that update `index` changed: the average, or the rating. */
  read(index: number): number
  /** Reads the whole view; see {@link addAverage} and {@link addVisit}. */
  checksum(): number
}

/** Makes an engine; it has nothing yet. */
export type MakeEngine = (workload: Workload, view: CoreView) => CoreEngine

/** Adds one row of the view `average` to a checksum that does not depend on the order of rows. */
export function addAverage(sum: number, restaurant: number, average: number): number {
  // Rounded, since it is no promise of a peer to divide exactly.
  return (sum + Math.imul(Math.round(average * 10_000), 2 * restaurant + 1)) | 0
}

/** Adds one row of the view `join` to a checksum that does not depend on the order of rows. */
export function addVisit(sum: number, visit: number, rating: number, name: string): number {
  let hash = rating
  for (let at = 0; at < name.length; at += 1) hash = (Math.imul(hash, 31) + name.charCodeAt(at)) | 0
  return (sum + Math.imul(hash, 2 * visit + 1)) | 0
}
