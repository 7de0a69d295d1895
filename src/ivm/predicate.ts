import { DbsyncError } from '../core/errors.ts'
import type { CallIr, ColumnIr, ExpressionIr } from '../views/view-ir.ts'
import { makeValueComparison, type ValueComparison } from '../values/compare-values.ts'
import type { ValueKind } from '../values/value-of-text.ts'
import type { Value } from '../values/value.ts'
import type { HeldTexts } from '../zset/held-texts.ts'
import {
  type ColumnOperand,
  type Comparison,
  makeComparison,
  type Operand,
  type Tuple,
} from './comparison.ts'
import { kindOf, makeEvaluator } from './evaluate.ts'

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
  readonly texts: HeldTexts
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
    case 'inArray':
      return makeMembership(call.args, context)
    case 'eq':
    case 'ne':
    case 'gt':
    case 'gte':
    case 'lt':
    case 'lte':
      return makeTest(call.name, required(first, call, context), required(second, call, context), context)
    case 'isDistinctFrom':
      return negate(makeSameness(required(first, call, context), required(second, call, context), context))
    case 'isNotDistinctFrom':
      return makeSameness(required(first, call, context), required(second, call, context), context)
    default:
      return truthOf(makeEvaluator(call, context))
  }
}

function truthOf(evaluate: () => Value): Predicate {
  return () => {
    const value = evaluate()
    return value === null ? UNKNOWN : value === true ? TRUE : FALSE
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
  const kept = keptComparison(left, right, context)
  if (kept === undefined) {
    const compare = computedComparison(left, right, context)
    return () => {
      const order = compare()
      return order === null ? UNKNOWN : outcome(order)
    }
  }
  return keptTest(outcome, kept)
}

function keptTest(
  outcome: (order: number) => Truth,
  { compare, leftNull, rightNull }: KeptComparison,
): Predicate {
  return () => {
    if ((leftNull !== null && leftNull()) || (rightNull !== null && rightNull())) return UNKNOWN
    return outcome(compare())
  }
}

/** A comparison of kept words, which makes no value, and the null tests of its columns. */
interface KeptComparison {
  readonly compare: Comparison
  readonly leftNull: (() => boolean) | null
  readonly rightNull: (() => boolean) | null
}

/** Of columns and literals whose words decide; undefined: values must be made. */
function keptComparison(
  left: ExpressionIr,
  right: ExpressionIr,
  context: PredicateContext,
): KeptComparison | undefined {
  const a = operandOf(left, context)
  const b = operandOf(right, context)
  if (a === null || b === null || !isAlike(left, right)) return undefined
  const compare = makeComparison(context.tuple, a, b, context.texts)
  if (compare === undefined) return undefined
  return {
    compare,
    leftNull: a.kind === 'column' ? makeNullTest(a, context.tuple) : null,
    rightNull: b.kind === 'column' ? makeNullTest(b, context.tuple) : null,
  }
}

/** Of one kind, or exact numbers: a `real` and a `double precision` of one text are not equal. */
function isAlike(left: ExpressionIr, right: ExpressionIr): boolean {
  const a = kindOf(left.type)
  const b = kindOf(right.type)
  return a === b || (EXACT_NUMBERS.has(a) && EXACT_NUMBERS.has(b))
}

const EXACT_NUMBERS: ReadonlySet<ValueKind> = new Set(['integer', 'bigint', 'numeric'])

/** Null where a side is. */
function computedComparison(
  left: ExpressionIr,
  right: ExpressionIr,
  context: PredicateContext,
): () => number | null {
  const compare = comparisonOf(left, right, context)
  const a = makeEvaluator(left, context)
  const b = makeEvaluator(right, context)
  return () => {
    const x = a()
    const y = b()
    return x === null || y === null ? null : compare(x, y)
  }
}

function comparisonOf(left: ExpressionIr, right: ExpressionIr, context: PredicateContext): ValueComparison {
  const compare = makeValueComparison(kindOf(left.type), kindOf(right.type))
  if (compare !== undefined) return compare
  throw new DbsyncError(
    'VIEW.UNSUPPORTED',
    `${context.path}: found a comparison of ${left.type.pgType} with ${right.type.pgType}; need values of one type. ` +
      'Compare columns of one type.',
  )
}

/** IS NOT DISTINCT FROM: two nulls are the same. Never unknown. */
function makeSameness(left: ExpressionIr, right: ExpressionIr, context: PredicateContext): Predicate {
  const compare = comparisonOf(left, right, context)
  const a = makeEvaluator(left, context)
  const b = makeEvaluator(right, context)
  return () => {
    const x = a()
    const y = b()
    if (x === null || y === null) return x === y ? TRUE : FALSE
    return compare(x, y) === 0 ? TRUE : FALSE
  }
}

/** IN: what is tested is evaluated once. */
function makeMembership(args: readonly ExpressionIr[], context: PredicateContext): Predicate {
  const [tested, ...candidates] = args
  if (tested === undefined) return () => FALSE
  const kept = candidates
    .map((item) => keptComparison(tested, item, context))
    .filter((comparison) => comparison !== undefined)
  if (kept.length === candidates.length) {
    const tests = kept.map((comparison) => keptTest(OUTCOMES.eq, comparison))
    return negate(makeAnd(tests.map(negate)))
  }
  const value = makeEvaluator(tested, context)
  const others = candidates.map((item) => ({
    compare: comparisonOf(tested, item, context),
    value: makeEvaluator(item, context),
  }))
  return () => {
    const found = value()
    let result: Truth = FALSE
    for (const other of others) {
      const candidate = other.value()
      if (found === null || candidate === null) result = UNKNOWN
      else if (other.compare(found, candidate) === 0) return TRUE
    }
    return result
  }
}

function operandOf(expression: ExpressionIr, context: PredicateContext): Operand | null {
  if (expression.kind === 'column') return context.resolve(expression)
  if (expression.kind === 'literal' && expression.text !== null)
    return { kind: 'literal', text: expression.text }
  return null
}

function makeOperandNullTest(expression: ExpressionIr, context: PredicateContext): () => boolean {
  if (expression.kind === 'column') return makeNullTest(context.resolve(expression), context.tuple)
  const evaluate = makeEvaluator(expression, context)
  return () => evaluate() === null
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
