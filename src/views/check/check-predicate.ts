import {
  checkColumn,
  describe,
  label,
  misplacedAggregate,
  misplacedMovingTime,
  type Checked,
  type CheckScope,
} from './check-column.ts'
import { encodeLiteral } from './encode-literal.ts'
import { isExpression } from '../build/expression.ts'
import { naturalType } from '../functions/natural-literal.ts'
import { FUNCTIONS } from '../functions/registry.ts'
import type { CallCheck } from '../functions/row-function.ts'
import type { CallIr, CallName, ExpressionIr, LiteralIr, TypeIr } from '../view-ir.ts'

/** Checks what `where` and `on` hold: something that is true, false or unknown for a row. */
export function checkPredicate(scope: CheckScope, raw: unknown, place: string): Checked<CallIr> {
  if (!isExpression(raw)) {
    return scope.problems.add(
      'VIEW.INVALID_DEFINITION',
      place,
      `${describe(raw)} is not a condition; build one with eq, gt, isNull, and, or, ...`,
    )
  }
  const checked = checkExpression(scope, raw, place, 'and')
  if (checked === null) return null
  if (checked.type.scalar !== 'Boolean' || checked.type.list) {
    return scope.problems.add(
      'VIEW.INVALID_DEFINITION',
      place,
      `${label(checked)} is not a condition; compare it`,
    )
  }
  if (checked.kind === 'call') return checked
  // A Boolean column as a condition is `column = true`, which is the same in three-valued logic.
  const truth: LiteralIr = { kind: 'literal', text: 't', type: { ...checked.type, nullable: false } }
  return { kind: 'call', name: 'eq', args: [checked, truth], type: checked.type }
}

/** Checks a value of a row: a column or a function of some; `use` is the function that takes it, for messages. */
export function checkExpression(
  scope: CheckScope,
  raw: unknown,
  place: string,
  use: string,
): Checked<ExpressionIr> {
  if (!isExpression(raw)) {
    return scope.problems.add(
      'VIEW.INVALID_DEFINITION',
      place,
      `${use} needs a column; it got ${describe(raw)}`,
    )
  }
  switch (raw.kind) {
    case 'aggregate':
      return scope.aggregate === undefined
        ? misplacedAggregate(scope, raw.name, place)
        : scope.aggregate(raw, place)
    case 'column':
      return checkColumn(scope, raw, place)
    case 'moving':
      return misplacedMovingTime(scope, place)
    default:
      return checkCall(scope, raw.name, raw.args, place)
  }
}

/** Checks what a select list may hold beside aggregates: a column, a function of some, or a constant. */
export function checkSelectable(scope: CheckScope, raw: unknown, place: string): Checked<ExpressionIr> {
  if (isExpression(raw)) return checkExpression(scope, raw, place, 'select')
  const type = naturalType(raw, null)
  const literal = type && tryLiteral(scope, raw, type)
  if (literal !== undefined) return literal
  return scope.problems.add(
    'VIEW.UNSUPPORTED',
    place,
    `${describe(raw)} is neither a column nor an aggregate nor a constant; nested objects cannot be selected`,
  )
}

/** Checks a call of the builder's row functions. */
export function checkCall(
  scope: CheckScope,
  name: CallName,
  args: readonly unknown[],
  place: string,
): Checked<CallIr> {
  const { problems } = scope
  const call: CallCheck = {
    name,
    args,
    isExpression,
    label,
    expression: (raw) => checkExpression(scope, raw, place, name),
    condition: (raw) => checkPredicate(scope, raw, place),
    tryLiteral: (raw, type) => tryLiteral(scope, raw, type),
    literal(raw, type, of) {
      const encoded = encodeLiteral(raw, type, scope.schema.contract.enums)
      if (encoded.ok) return literalOf(encoded.text, type)
      return call.invalid(`${of} ${describe(raw)} that does not fit; it needs ${encoded.needed}`)
    },
    invalid: (message) => problems.add('VIEW.INVALID_DEFINITION', place, message),
    notExact: (message) => problems.add('VIEW.NOT_EXACT', place, message),
    unsupported: (message) => problems.add('VIEW.UNSUPPORTED', place, message),
  }
  return FUNCTIONS[name].check(call)
}

function tryLiteral(scope: CheckScope, raw: unknown, type: TypeIr): LiteralIr | undefined {
  const encoded = encodeLiteral(raw, type, scope.schema.contract.enums)
  return encoded.ok ? literalOf(encoded.text, type) : undefined
}

function literalOf(text: string, type: TypeIr): LiteralIr {
  return { kind: 'literal', text, type: { ...type, nullable: false } }
}
