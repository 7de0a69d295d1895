import type { History } from './history.ts'
import type { QuerySpec } from './spec.ts'

/** A query, and a history where there is one that it once went wrong over. */
export interface Case {
  readonly name: string
  readonly query: QuerySpec
  readonly history?: History
  /** Whether Postgres refuses to answer at the end of the history. */
  readonly fails?: boolean
}
