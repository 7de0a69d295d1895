import type { OrderKey } from './row-order.ts'
import type { Row } from './view-state.ts'

/** What a list or an index asks the state whose rows it has. */
export interface RowSource {
  /** Group numbers are below it. */
  readonly used: number
  /** Whether readers see a row of a group. */
  isShown(group: number): boolean
  /** One output of the row that they see. */
  value(group: number, name: string): unknown
  /** The row that readers see of a group, or null. */
  shown(group: number): Row | null
  /** How often they see it. */
  copies(group: number): number
  /** What the row that they see stands by. */
  orderKey(group: number): OrderKey
}
