/**
 * Functions of a row: each has the value, the digits and the errors of its SQL. The operators table
 * (`docs/operators.md`) has the SQL and the type of each. `defineView` checks their arguments; what it refuses it
 * refuses there, with VIEW.INVALID_DEFINITION, VIEW.NOT_EXACT or VIEW.UNSUPPORTED. Where nothing else is said, a
 * function of null is null, and its result is nullable exactly if one of its arguments is.
 *
 * @module Expressions
 */
export { eq, gt, gte, inArray, isNotNull, isNull, lt, lte, ne } from '../../src/views/build/comparisons.ts'
export { between, isDistinctFrom, isNotDistinctFrom } from '../../src/views/build/distinctness.ts'
export { and, not, or } from '../../src/views/build/logic.ts'
export {
  abs,
  add,
  ceil,
  divide,
  floor,
  modulo,
  multiply,
  negate,
  round,
  subtract,
} from '../../src/views/build/arithmetic.ts'
export {
  caseWhen,
  cast,
  coalesce,
  nullif,
  type CaseWhen,
  type CastTarget,
} from '../../src/views/build/conditional.ts'
export {
  concat,
  ilike,
  length,
  like,
  lower,
  replace,
  startsWith,
  substring,
  trim,
  upper,
  type LikeOptions,
} from '../../src/views/build/text.ts'
export { datePart, dateTrunc } from '../../src/views/build/dates.ts'
export { nowMinus, type Interval } from '../../src/views/build/moving-time.ts'
export { arrayContains, arrayLength } from '../../src/views/build/lists.ts'
export type { Expression, MovingTime } from '../../src/views/build/expression.ts'
