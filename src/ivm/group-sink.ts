import type { DbsyncError } from '../core/errors.ts'
import type { GroupStore } from './group-store.ts'

/** Where a circuit's groups go: the rows of a view, or those of a derived table. */
export interface GroupSink {
  readonly groups: GroupStore
  /** Why it stopped; null while it is maintained. */
  readonly failure: DbsyncError | null
  /** How many tuples went through so far: the work that changes cost. */
  work: number
  /** Must be called before anything of the group changes. */
  touch(group: number): void
  /** One tuple more for a touched group. */
  enter(group: number): void
  /** One tuple less for a touched group; true if it was the last and the group must go. */
  leave(group: number): boolean
  /** Forgets a group without tuples. */
  bury(group: number): void
  /** Stops it for good. */
  fail(error: unknown): void
}
