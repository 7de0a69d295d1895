import { DbsyncError } from '../core/errors.ts'
import type { CallIr, ColumnIr, ExpressionIr } from '../views/view-ir.ts'
import type { Interner } from '../zset/interner.ts'
import {
  type ColumnOperand,
  type Comparison,
  makeComparison,
  type Operand,
  type Tuple,
} from './comparison.ts'

/** SQL's three truth values. */
export type Truth = 1 | 0 | -1
export const TRUE = 1
export const FALSE = 0
/** NULL: neither true nor false. */
export const UNKNOWN = -1

/** A condition on the current tuple. */
export type Predicate = () => Truth

/** What a predicate is compiled with. */
export interface PredicateContext {
  readonly tuple: Tuple
  readonly interner: Interner
  /** `view.where`, for messages. */
  readonly path: string
  resolve(column: ColumnIr): ColumnOperand
}

/**
 * Compiles a condition into a closure with SQL's three-valued logic; a column of a missing left-join side is NULL.
 *
 * Throws: VIEW.UNSUPPORTED for what cannot be compared.
 */
export function makePredicate(expression: ExpressionIr, context: PredicateContext): Predicate {
  switch (expression.kind) {
    case 'aggregate':
    case 'nested':
      throw new DbsyncError(
        'VIEW.INVALID_DEFINITION',
        `${context.path}: found an aggregate or a nested result; need a condition on rows.`,
      )
    case 'literal': {
      const { text } = expression
      const truth = text === null ? UNKNOWN : text === 't' || text === 'true' ? TRUE : FALSE
      return () => truth
    }
    case 'column': {
      const operand = context.resolve(expression)
      const missing = makeNullTest(operand, context.tuple)
      const { column, source } = operand
      const { tuple } = context
      return () =>
        missing()
          ? UNKNOWN
          : column.rows.words[tuple[source]! * column.stride + column.offset] === 1
            ? TRUE
            : FALSE
    }
    default:
      return makeCall(expression, context)
  }
}

/** Whether a column of the current tuple is NULL. */
export function makeNullTest({ source, column }: ColumnOperand, tuple: Tuple): () => boolean {
  return () => {
    const slot = tuple[source]!
    return slot < 0 || column.isNull(slot)
  }
}

function makeCall(call: CallIr, context: PredicateContext): Predicate {
  const [first, second] = call.args
  switch (call.name) {
    case 'and':
      return makeAnd(call.args.map((argument) => makePredicate(argument, context)))
    case 'or':
      return negate(makeAnd(call.args.map((argument) => negate(makePredicate(argument, context)))))
    case 'not':
      return negate(makePredicate(required(first, call, context), context))
    case 'isNull':
    case 'isNotNull': {
      const isNull = makeOperandNullTest(required(first, call, context), context)
      return call.name === 'isNull' ? () => (isNull() ? TRUE : FALSE) : () => (isNull() ? FALSE : TRUE)
    }
    case 'inArray': {
      const tested = required(first, call, context)
      const tests = call.args.slice(1).map((item) => makeTest('eq', tested, item, context))
      return negate(makeAnd(tests.map(negate)))
    }
    case 'eq':
    case 'ne':
    case 'gt':
    case 'gte':
    case 'lt':
    case 'lte':
      return makeTest(call.name, required(first, call, context), required(second, call, context), context)
    default:
      throw new DbsyncError(
        'VIEW.UNSUPPORTED',
        `${context.path}: found ${call.name}; this version has none. Leave it out.`,
      )
  }
}

type ComparisonName = 'eq' | 'ne' | 'gt' | 'gte' | 'lt' | 'lte'

const OUTCOMES: Readonly<Record<ComparisonName, (order: number) => Truth>> = {
  eq: (order) => (order === 0 ? TRUE : FALSE),
  ne: (order) => (order === 0 ? FALSE : TRUE),
  gt: (order) => (order > 0 ? TRUE : FALSE),
  gte: (order) => (order >= 0 ? TRUE : FALSE),
  lt: (order) => (order < 0 ? TRUE : FALSE),
  lte: (order) => (order <= 0 ? TRUE : FALSE),
}

function makeTest(
  name: ComparisonName,
  left: ExpressionIr,
  right: ExpressionIr,
  context: PredicateContext,
): Predicate {
  const outcome = OUTCOMES[name]
  if (isNullLiteral(left) || isNullLiteral(right)) return () => UNKNOWN
  if (left.kind === 'call' || right.kind === 'call') {
    const a = makePredicate(left, context)
    const b = makePredicate(right, context)
    return () => {
      const x = a()
      const y = b()
      return x === UNKNOWN || y === UNKNOWN ? UNKNOWN : outcome(x - y)
    }
  }
  const a = operandOf(left, context)
  const b = operandOf(right, context)
  const compare = comparisonOf(a, b, context)
  const leftNull = a.kind === 'column' ? makeNullTest(a, context.tuple) : null
  const rightNull = b.kind === 'column' ? makeNullTest(b, context.tuple) : null
  return () => {
    if ((leftNull !== null && leftNull()) || (rightNull !== null && rightNull())) return UNKNOWN
    return outcome(compare())
  }
}

function comparisonOf(a: Operand, b: Operand, context: PredicateContext): Comparison {
  const comparison = makeComparison(context.tuple, a, b, context.interner)
  if (comparison !== undefined) return comparison
  throw new DbsyncError(
    'VIEW.UNSUPPORTED',
    `${context.path}: found a comparison of two constants or of two unlike types; need a column and a value of its type. ` +
      'Compare columns of one type.',
  )
}

function operandOf(expression: ExpressionIr, context: PredicateContext): Operand {
  if (expression.kind === 'column') return context.resolve(expression)
  if (expression.kind === 'literal' && expression.text !== null)
    return { kind: 'literal', text: expression.text }
  throw new DbsyncError(
    'VIEW.UNSUPPORTED',
    `${context.path}: found ${expression.kind} in a comparison; need a column or a value.`,
  )
}

function makeOperandNullTest(expression: ExpressionIr, context: PredicateContext): () => boolean {
  if (expression.kind === 'column') return makeNullTest(context.resolve(expression), context.tuple)
  const predicate = makePredicate(expression, context)
  if (expression.kind === 'literal') return () => expression.text === null
  return () => predicate() === UNKNOWN
}

function makeAnd(parts: readonly Predicate[]): Predicate {
  return () => {
    let result: Truth = TRUE
    for (const part of parts) {
      const truth = part()
      if (truth === FALSE) return FALSE
      if (truth === UNKNOWN) result = UNKNOWN
    }
    return result
  }
}

function negate(predicate: Predicate): Predicate {
  return () => {
    const truth = predicate()
    return truth === UNKNOWN ? UNKNOWN : truth === TRUE ? FALSE : TRUE
  }
}

function isNullLiteral(expression: ExpressionIr): boolean {
  return expression.kind === 'literal' && expression.text === null
}

function required(argument: ExpressionIr | undefined, call: CallIr, context: PredicateContext): ExpressionIr {
  if (argument !== undefined) return argument
  throw new DbsyncError(
    'VIEW.INVALID_DEFINITION',
    `${context.path}: ${call.name} lacks an argument; need one more. Add it.`,
  )
}
