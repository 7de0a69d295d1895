import { DbsyncError } from '../core/errors.ts'
import { makeCast } from '../values/cast-value.ts'
import { makeValueComparison, toDouble, toNumeric } from '../values/compare-values.ts'
import { placeEvaluationError } from '../values/evaluation-error.ts'
import { valueKind, valueOfText, type ValueKind } from '../values/value-of-text.ts'
import type { Value } from '../values/value.ts'
import type { CallIr, CallName, ExpressionIr, TypeIr } from '../views/view-ir.ts'
import { makeArithmetic, makeRounding } from './evaluate-number.ts'
import { makeDatePart, makeDateTrunc } from './evaluate-date.ts'
import { makeArrayContains, makeArrayLength } from './evaluate-list.ts'
import { LIKE, makeLikeTest, TEXT_FUNCTIONS } from './evaluate-text.ts'
import { makePredicate, type PredicateContext, UNKNOWN } from './predicate.ts'

/** The value of an expression for the current tuple. Throws: VIEW.EVALUATION where Postgres has an error. */
export type Evaluator = () => Value

/** An argument: its evaluator and how its values are passed around. */
export interface Argument {
  readonly value: Evaluator
  readonly kind: ValueKind
  readonly type: TypeIr
  /** The value of a literal; undefined: it is none. */
  readonly constant: Value | undefined
}

/** What expressions are compiled with: as predicates. */
export type EvaluateContext = PredicateContext

/**
 * Compiles an expression into a closure that gives its value for the current tuple; columns of a missing side of a join
 * are null.
 *
 * Throws: VIEW.UNSUPPORTED, VIEW.INVALID_DEFINITION for what is no value of a row.
 */
export function makeEvaluator(expression: ExpressionIr, context: EvaluateContext): Evaluator {
  switch (expression.kind) {
    case 'column': {
      const { source, column } = context.resolve(expression)
      const { tuple } = context
      return () => {
        const slot = tuple[source]!
        return slot < 0 ? null : column.valueOf(slot)
      }
    }
    case 'literal': {
      const value = literalValue(expression.text, expression.type)
      return () => value
    }
    case 'call':
      return makeCall(expression, context)
    default:
      throw new DbsyncError(
        'VIEW.INVALID_DEFINITION',
        `${context.path}: found an aggregate or a nested result inside an expression; need values of a row. Select it by itself.`,
      )
  }
}

/** How values of a type are passed around. */
export function kindOf(type: TypeIr): ValueKind {
  // An enum may have the name of a type that Postgres brings.
  return type.enum === undefined ? valueKind(type.pgType, type.list) : 'text'
}

function literalValue(text: string | null, type: TypeIr): Value {
  return text === null ? null : valueOfText(text, kindOf(type))
}

function makeCall(call: CallIr, context: EvaluateContext): Evaluator {
  if (CONDITIONS.has(call.name)) return conditionValue(call, context)
  const args = call.args.map((argument): Argument => {
    return {
      value: makeEvaluator(argument, context),
      kind: kindOf(argument.type),
      type: argument.type,
      constant: argument.kind === 'literal' ? literalValue(argument.text, argument.type) : undefined,
    }
  })
  const made = FUNCTIONS[call.name]?.(args, call, context)
  if (made !== undefined) return FALLIBLE.has(call.name) ? placed(made, context.path) : made
  throw new DbsyncError(
    'VIEW.UNSUPPORTED',
    `${context.path}: found ${call.name} of ${call.args.map(({ type }) => type.pgType).join(', ')}; this version has none. Leave it out.`,
  )
}

/** Compiles a call; undefined where there is no such function of those types. */
type Maker = (args: readonly Argument[], call: CallIr, context: EvaluateContext) => Evaluator | undefined

const FUNCTIONS: Readonly<Partial<Record<CallName, Maker>>> = {
  coalesce: makeCoalesce,
  nullif: makeNullif,
  case: makeCase,
  cast: makeCastCall,
  add: makeArithmetic,
  subtract: makeArithmetic,
  multiply: makeArithmetic,
  divide: makeArithmetic,
  modulo: makeArithmetic,
  negate: makeArithmetic,
  abs: makeArithmetic,
  round: makeRounding,
  floor: makeRounding,
  ceil: makeRounding,
  ...TEXT_FUNCTIONS,
  like: (args) => makeLikeTest(args, LIKE),
  ilike: (args) => makeLikeTest(args, { ...LIKE, ignoreCase: true }),
  datePart: makeDatePart,
  dateTrunc: makeDateTrunc,
  arrayContains: makeArrayContains,
  arrayLength: makeArrayLength,
}

/** What may have an error instead of a value. */
const FALLIBLE: ReadonlySet<CallName> = new Set([
  'cast',
  'add',
  'subtract',
  'multiply',
  'divide',
  'modulo',
  'negate',
  'abs',
  'round',
  'substring',
  'like',
  'ilike',
  'datePart',
  'dateTrunc',
])

/** Errors say where they are. */
function placed(evaluate: Evaluator, place: string): Evaluator {
  return () => {
    try {
      return evaluate()
    } catch (error) {
      throw placeEvaluationError(error, place)
    }
  }
}

/** What predicates decide themselves, without a value. */
const CONDITIONS: ReadonlySet<CallName> = new Set([
  'eq',
  'ne',
  'gt',
  'gte',
  'lt',
  'lte',
  'isDistinctFrom',
  'isNotDistinctFrom',
  'and',
  'or',
  'not',
  'isNull',
  'isNotNull',
  'inArray',
])

function conditionValue(call: CallIr, context: EvaluateContext): Evaluator {
  const predicate = makePredicate(call, context)
  return () => {
    const truth = predicate()
    return truth === UNKNOWN ? null : truth === 1
  }
}

/** The evaluator's values as those of another kind, as Postgres does where types are mixed. */
export function converted({ value, kind }: Argument, wanted: ValueKind): Evaluator {
  if (kind === wanted) return value
  const convert = conversion(kind, wanted)
  if (convert === undefined) return value
  return () => {
    const found = value()
    return found === null ? null : convert(found)
  }
}

function conversion(from: ValueKind, to: ValueKind): ((value: Value) => Value) | undefined {
  switch (to) {
    case 'bigint':
      return (value) => BigInt(Number(value))
    case 'numeric':
      return toNumeric
    case 'double':
      return (value) => toDouble(value, from)
    default:
      return undefined
  }
}

function makeCoalesce(args: readonly Argument[], call: CallIr): Evaluator {
  const candidates = args.map((argument) => converted(argument, kindOf(call.type)))
  return () => {
    for (const candidate of candidates) {
      const value = candidate()
      if (value !== null) return value
    }
    return null
  }
}

function makeNullif([left, right]: readonly Argument[], call: CallIr): Evaluator | undefined {
  if (left === undefined || right === undefined) return undefined
  const compare = makeValueComparison(left.kind, right.kind)
  if (compare === undefined) return undefined
  const shown = converted({ ...left, value: () => current }, kindOf(call.type))
  let current: Value = null
  return () => {
    current = left.value()
    const other = right.value()
    if (current === null || (other !== null && compare(current, other) === 0)) return null
    return shown()
  }
}

function makeCase(args: readonly Argument[], call: CallIr, context: EvaluateContext): Evaluator {
  const kind = kindOf(call.type)
  const branches = Array.from({ length: Math.floor(args.length / 2) }, (_, index) => ({
    condition: makePredicate(call.args[index * 2]!, context),
    value: converted(args[index * 2 + 1]!, kind),
  }))
  const last = args.length % 2 === 1 ? args.at(-1) : undefined
  const otherwise = last === undefined ? () => null : converted(last, kind)
  return () => {
    for (const { condition, value } of branches) if (condition() === 1) return value()
    return otherwise()
  }
}

function makeCastCall([argument]: readonly Argument[], call: CallIr): Evaluator | undefined {
  if (argument === undefined) return undefined
  const { value, type } = argument
  // The text of a label is the label.
  if (type.enum !== undefined) return call.type.pgType === 'text' ? value : undefined
  const cast = makeCast(type.pgType, call.type.pgType)
  if (cast === undefined) return undefined
  return () => {
    const found = value()
    return found === null ? null : cast(found)
  }
}
