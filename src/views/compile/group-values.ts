import { invariant } from '../../core/errors.ts'
import type { GroupTuples } from '../../ivm/circuit.ts'
import type { ColumnOperand, Tuple } from '../../ivm/comparison.ts'
import { makeEvaluator } from '../../ivm/evaluate.ts'
import type { GroupPart, GroupStore } from '../../ivm/group-store.ts'
import type { Value } from '../../values/value.ts'
import type { ExpressionIr } from '../view-ir.ts'
import type { OutputContext } from './compile-aggregates.ts'

/** The part of the groups that holds a column; undefined if it is none of theirs. */
export function findPart({ parts }: GroupStore, { source, column }: ColumnOperand): GroupPart | undefined {
  return parts.find((part) => part.source === source && part.column === column)
}

/** The part of the groups that holds a column, which must be grouped by. */
export function partOf(groups: GroupStore, operand: ColumnOperand): GroupPart {
  const part = findPart(groups, operand)
  invariant(part !== undefined, 'a column that is not grouped by')
  return part
}

/**
 * The value of an expression for the tuple of a group, where each group is one tuple. `path` is for messages.
 *
 * Throws: VIEW.UNSUPPORTED, VIEW.INVALID_DEFINITION for what is no value of a row.
 */
export function evaluatorOfGroup(
  context: OutputContext,
  tuples: GroupTuples,
  expression: ExpressionIr,
  path: string,
): (group: number) => Value {
  const { width } = tuples
  // A tuple of its own: groups are read in the middle of changes, when the circuit's is in use.
  const tuple: Tuple = new Int32Array(width)
  const evaluate = makeEvaluator(expression, {
    tuple,
    texts: context.texts,
    path,
    resolve: (column) => context.resolve(column),
  })
  return (group) => {
    tuple.set(tuples.slots.subarray(group * width, (group + 1) * width))
    return evaluate()
  }
}
