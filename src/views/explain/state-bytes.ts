import { isOrderedAggregate } from '../check/aggregate-types.ts'
import type { NetworkStep } from '../compile/network-node.ts'
import { aggregatesOf } from './change-costs.ts'
import { describe, readable } from './describe-expression.ts'
import type { ExplainedState } from './explanation.ts'

/** Of a hash table that is neither empty nor full. */
export const MAP_BYTES = 8
const WORD = 4
const NUMBER = 8

/** What a step keeps for each of its groups, or rows. */
export function stateOf(step: NetworkStep): ExplainedState {
  const { plan, groups } = step
  if (plan === null || groups === null) {
    const isTime = step.node?.kind === 'time'
    // Its place in the order, its partition, a mark.
    const bytes = 16 + (isTime ? 0 : WORD) + 1
    const within = isTime ? 'bound' : 'limit'
    return {
      per: 'row',
      bytes,
      bytesPerKey: 0,
      more: [`a row for each row that it is given, within the ${within} or not`],
    }
  }
  const isRows = plan.shape === 'keyed' || plan.shape === 'bag'
  const tuples = plan.shape === 'keyed' ? plan.sources.length * WORD : 0
  // A mark, and where the row is: in the table that the step fills, or among the objects that were read.
  const shown = 1 + (step.table === null ? NUMBER : WORD)
  return {
    per: isRows ? 'row' : 'group',
    bytes: groups.stride * WORD + groups.records.stride * NUMBER + tuples + shown,
    bytesPerKey: plan.shape === 'single' ? 0 : MAP_BYTES,
    more: moreOf(step),
  }
}

function moreOf({ plan, table }: NetworkStep): readonly string[] {
  if (plan === null) return []
  const more: string[] = []
  for (const aggregate of aggregatesOf(plan)) {
    const { name, argument } = aggregate
    const what = describe(aggregate)
    if (name === 'min' || name === 'max') more.push(`${what}: 20 bytes for each different value of a group`)
    else if (name === 'countDistinct')
      more.push(`${what}: about 24 bytes for each different value of a group`)
    else if (isOrderedAggregate(name))
      more.push(`${what}: 16 bytes for each row of a group, and the value that was last shown`)
    else if (
      (name === 'sum' || name === 'avg') &&
      argument?.type.scalar === 'Decimal' &&
      isWide(argument.type.pgType)
    )
      more.push(`${what}: about 160 bytes a group`)
  }
  if (plan.ir.rows !== undefined)
    more.push(`nested rows ${readable(plan.ir.rows.name)}: 16 bytes for each row, and their text`)
  if (table === null) more.push('objects of the rows that were read, until they change')
  return more
}

/** Whether numbers of the type are kept as text. */
function isWide(pgType: string): boolean {
  const digits = /^numeric\((\d+)/.exec(pgType)?.[1]
  return digits === undefined || Number(digits) > 15
}
