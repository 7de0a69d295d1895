import { capabilityOf } from './capabilities.ts'
import {
  checkColumn,
  checkColumnOperand,
  describe,
  label,
  misplacedAggregate,
  refuse,
  type Checked,
  type CheckScope,
} from './check-column.ts'
import { encodeLiteral } from './encode-literal.ts'
import { isExpression, type ColumnRef, type RawExpression } from './expression.ts'
import type { AggregateIr, CallIr, CallName, ColumnIr, ExpressionIr, LiteralIr, TypeIr } from './view-ir.ts'

const BOOLEAN: TypeIr = { scalar: 'Boolean', pgType: 'boolean', list: false, nullable: false }

/** Checks what `where` and `on` hold: something that is true, false or unknown for a row. */
export function checkPredicate(scope: CheckScope, raw: unknown, place: string): Checked<CallIr> {
  if (!isExpression(raw)) {
    return scope.problems.add(
      'VIEW.INVALID_DEFINITION',
      place,
      `${describe(raw)} is not a condition; build one with eq, gt, isNull, and, or, ...`,
    )
  }
  if (raw.kind === 'aggregate') return misplacedAggregate(scope, raw.name, place)
  if (raw.kind === 'column') return booleanColumn(scope, raw, place)
  return checkCall(scope, raw.name, raw.args, place)
}

/** Checks a call of the builder's row functions. */
export function checkCall(
  scope: CheckScope,
  name: CallName,
  args: readonly unknown[],
  place: string,
): Checked<CallIr> {
  switch (name) {
    case 'and':
    case 'or':
    case 'not': {
      if (args.length === 0) {
        return scope.problems.add(
          'VIEW.INVALID_DEFINITION',
          place,
          `${name}() has no condition; it needs one`,
        )
      }
      const checked = all(args.map((arg) => checkPredicate(scope, arg, place)))
      return checked === null ? null : call(name, checked)
    }
    case 'isNull':
    case 'isNotNull':
      return checkNullTest(scope, name, args[0], place)
    case 'inArray':
      return checkInArray(scope, args, place)
    case 'eq':
    case 'ne':
    case 'gt':
    case 'gte':
    case 'lt':
    case 'lte':
      return checkComparison(scope, name, args[0], args[1], place)
    default:
      return scope.problems.add('VIEW.UNSUPPORTED', place, `this version has no function ${name}`)
  }
}

function checkComparison(
  scope: CheckScope,
  name: 'eq' | 'ne' | 'gt' | 'gte' | 'lt' | 'lte',
  left: unknown,
  right: unknown,
  place: string,
): Checked<CallIr> {
  const [a, b] = [left, right].map((side) =>
    isExpression(side) ? checkOperand(scope, side, name, place) : undefined,
  )
  // Undefined: a literal. Null: a column with a problem, already noted.
  if (a === null || b === null) return null
  const column = a ?? b
  if (column === undefined) {
    return scope.problems.add(
      'VIEW.INVALID_DEFINITION',
      place,
      `${name} compares two constants; one side must be a column`,
    )
  }
  for (const side of [a, b]) {
    if (side !== undefined && !mayCompare(scope, name, side, place)) return null
  }
  if (a !== undefined && b !== undefined && capabilityOf(a.type).family !== capabilityOf(b.type).family) {
    return scope.problems.add(
      'VIEW.INVALID_DEFINITION',
      place,
      `${name} compares ${label(a)} with ${label(b)}; both sides must be numbers, or of the same type`,
    )
  }
  const args = all([
    a ?? checkLiteral(scope, left, column, place),
    b ?? checkLiteral(scope, right, column, place),
  ])
  return args === null ? null : call(name, args)
}

/** A column; in a condition on groups an aggregate too. */
function checkOperand(
  scope: CheckScope,
  raw: RawExpression,
  name: CallName,
  place: string,
): Checked<ColumnIr | AggregateIr> {
  return raw.kind === 'aggregate' && scope.aggregate !== undefined
    ? scope.aggregate(raw, place)
    : checkColumnOperand(scope, raw, name, place)
}

/** Checks a value: a column or a function of some, an aggregate where groups are meant; `use` is what takes it, for messages. */
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
    default:
      return checkCall(scope, raw.name, raw.args, place)
  }
}

/** Checks what a select list may hold. */
export function checkSelectable(scope: CheckScope, raw: unknown, place: string): Checked<ExpressionIr> {
  if (isExpression(raw)) return checkExpression(scope, raw, place, 'select')
  return scope.problems.add(
    'VIEW.UNSUPPORTED',
    place,
    'it is neither a column nor an aggregate; constants and nested objects cannot be selected',
  )
}

function checkInArray(scope: CheckScope, args: readonly unknown[], place: string): Checked<CallIr> {
  const [tested, ...candidates] = args
  const column = checkColumnOperand(scope, tested, 'inArray', place)
  if (column === null || !mayCompare(scope, 'inArray', column, place)) return null
  if (candidates.length === 0) {
    return scope.problems.add(
      'VIEW.INVALID_DEFINITION',
      place,
      'inArray has no candidate, so it is never true; it needs at least one',
    )
  }
  const literals = all(candidates.map((candidate) => checkLiteral(scope, candidate, column, place)))
  return literals === null ? null : call('inArray', [column, ...literals])
}

function checkNullTest(
  scope: CheckScope,
  name: 'isNull' | 'isNotNull',
  raw: unknown,
  place: string,
): Checked<CallIr> {
  const column = checkColumnOperand(scope, raw, name, place)
  if (column === null) return null
  if (column.type.list) return refuse(scope, column, capabilityOf(column.type), `used in ${name}`, place)
  return { kind: 'call', name, args: [column], type: BOOLEAN }
}

/** A Boolean column as a condition is `column = true`, which is the same in three-valued logic. */
function booleanColumn(scope: CheckScope, raw: ColumnRef<unknown, string>, place: string): Checked<CallIr> {
  const column = checkColumn(scope, raw, place)
  if (column === null) return null
  if (column.type.scalar !== 'Boolean' || column.type.list) {
    return scope.problems.add(
      'VIEW.INVALID_DEFINITION',
      place,
      `${label(column)} is not a condition; compare it`,
    )
  }
  return call('eq', [column, { kind: 'literal', text: 't', type: { ...column.type, nullable: false } }])
}

function mayCompare(scope: CheckScope, name: CallName, column: ExpressionIr, place: string): boolean {
  const capability = capabilityOf(column.type)
  const equality = name === 'eq' || name === 'ne' || name === 'inArray'
  if (equality ? capability.equality : capability.order) return true
  refuse(scope, column, capability, `compared with ${name}`, place)
  return false
}

function checkLiteral(
  scope: CheckScope,
  value: unknown,
  column: ExpressionIr,
  place: string,
): Checked<LiteralIr> {
  if (isExpression(value)) {
    return scope.problems.add(
      'VIEW.UNSUPPORTED',
      place,
      'inArray takes constants; combine eq with or for columns',
    )
  }
  if (value === null || value === undefined) {
    return scope.problems.add(
      'VIEW.INVALID_DEFINITION',
      place,
      `${label(column)} is compared with ${String(value)}, which is never true; use isNull or isNotNull`,
    )
  }
  const encoded = encodeLiteral(value, column.type, scope.schema.contract.enums)
  if (encoded.ok) return { kind: 'literal', text: encoded.text, type: { ...column.type, nullable: false } }
  return scope.problems.add(
    'VIEW.INVALID_DEFINITION',
    place,
    `${label(column)} is compared with ${describe(value)} that does not fit; it needs ${encoded.needed}`,
  )
}

function call(name: CallName, args: readonly ExpressionIr[]): CallIr {
  return { kind: 'call', name, args, type: { ...BOOLEAN, nullable: args.some(({ type }) => type.nullable) } }
}

function all<T>(items: readonly Checked<T>[]): Checked<readonly T[]> {
  const good = items.filter((item) => item !== null)
  return good.length === items.length ? good : null
}
