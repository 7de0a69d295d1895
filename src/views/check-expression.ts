import type { ModelContract, Schema } from '../contract/schema-contract.ts'
import { capabilityOf, type Capability } from './capabilities.ts'
import { encodeLiteral } from './encode-literal.ts'
import { isExpression, type ColumnRef, type RawExpression } from './expression.ts'
import type { Problems } from './problems.ts'
import type { AggregateIr, CallIr, CallName, ColumnIr, ExpressionIr, LiteralIr, TypeIr } from './view-ir.ts'

/** A table in FROM, as far as expressions need it. */
export interface ScopeSource {
  readonly alias: string
  readonly model: ModelContract
  /** On the nullable side of a left join. */
  readonly optional: boolean
}

/** What an expression is checked against. */
export interface CheckScope {
  readonly schema: Schema
  readonly sources: readonly ScopeSource[]
  readonly problems: Problems
}

/** Without a problem the IR; else null, and the problems are noted. */
type Checked<T> = T | null

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
    default:
      return checkComparison(scope, name, args[0], args[1], place)
  }
}

/** Checks a reference to a column: that alias and field exist and that the type can be read. */
export function checkColumn(
  scope: CheckScope,
  raw: ColumnRef<unknown, string>,
  place: string,
): Checked<ColumnIr> {
  const source = scope.sources.find(({ alias }) => alias === raw.source)
  if (source === undefined) {
    const aliases = scope.sources.map(({ alias }) => alias).join(', ')
    return scope.problems.add(
      'VIEW.INVALID_DEFINITION',
      place,
      `there is no table "${raw.source}" here; there are: ${aliases}`,
    )
  }
  const column = source.model.columns.find(({ field }) => field === raw.field)
  if (column === undefined) {
    const fields = source.model.columns.map(({ field }) => field).join(', ')
    return scope.problems.add(
      'VIEW.INVALID_DEFINITION',
      place,
      `${source.model.model} has no field "${raw.field}"; it has: ${fields}`,
    )
  }
  const type: TypeIr = {
    scalar: column.type,
    ...(column.enum === undefined ? {} : { enum: column.enum }),
    pgType: column.pgType,
    list: column.list,
    nullable: column.nullable || source.optional,
  }
  const ir: ColumnIr = { kind: 'column', source: raw.source, field: raw.field, type }
  const capability = capabilityOf(type)
  return capability.read ? ir : refuse(scope, ir, capability, 'kept in a view', place)
}

/** Checks an aggregate and gives it its type. */
export function checkAggregate(
  scope: CheckScope,
  raw: Extract<RawExpression, { kind: 'aggregate' }>,
  place: string,
): Checked<AggregateIr> {
  if (raw.argument === null && raw.name === 'count') {
    return { kind: 'aggregate', name: 'count', argument: null, type: COUNT }
  }
  const argument = checkColumnOperand(scope, raw.argument, raw.name, place)
  if (argument === null) return null
  const capability = capabilityOf(argument.type)
  switch (raw.name) {
    case 'count':
      // Postgres may hold NULL in a list where Prisma shows [], and the contract cannot tell.
      if (argument.type.list) return refuse(scope, argument, capability, 'counted', place)
      return { kind: 'aggregate', name: 'count', argument, type: COUNT }
    case 'sum':
    case 'avg': {
      const pgType = capability[raw.name]
      if (pgType === null && argument.type.scalar !== 'Float' && capability.family !== 'number') {
        return scope.problems.add(
          'VIEW.INVALID_DEFINITION',
          place,
          `${raw.name} needs numbers, and ${label(argument)} is not one`,
        )
      }
      if (pgType === null) return refuse(scope, argument, capability, `used in ${raw.name}`, place)
      const float = raw.name === 'avg' && pgType === 'double precision'
      const scalar = float ? 'Float' : argument.type.scalar
      return {
        kind: 'aggregate',
        name: raw.name,
        argument,
        type: { scalar, pgType, list: false, nullable: true },
      }
    }
    default: {
      const pgType = capability.minMax
      if (pgType === null) return refuse(scope, argument, capability, `used in ${raw.name}`, place)
      return {
        kind: 'aggregate',
        name: raw.name,
        argument,
        type: { ...argument.type, pgType, nullable: true },
      }
    }
  }
}

/** Notes that a column's type does not allow what is done with it. */
export function refuse(
  scope: CheckScope,
  column: ColumnIr,
  capability: Capability,
  use: string,
  place: string,
): null {
  return scope.problems.add(
    'VIEW.NOT_EXACT',
    place,
    `${label(column)} cannot be ${use} exactly: ${capability.reason}`,
  )
}

/** How messages name a column: `v.visitRating (integer)`. */
export function label(column: ColumnIr): string {
  return `${column.source}.${column.field} (${column.type.pgType}${column.type.list ? '[]' : ''})`
}

/** Every column in an expression. */
export function columnsIn(expression: ExpressionIr): readonly ColumnIr[] {
  switch (expression.kind) {
    case 'column':
      return [expression]
    case 'call':
      return expression.args.flatMap(columnsIn)
    case 'aggregate':
      return expression.argument === null ? [] : columnsIn(expression.argument)
    default:
      return []
  }
}

const COUNT: TypeIr = { scalar: 'Int', pgType: 'bigint', list: false, nullable: false }

function checkComparison(
  scope: CheckScope,
  name: 'eq' | 'ne' | 'gt' | 'gte' | 'lt' | 'lte',
  left: unknown,
  right: unknown,
  place: string,
): Checked<CallIr> {
  const [a, b] = [left, right].map((side) =>
    isExpression(side) ? checkColumnOperand(scope, side, name, place) : undefined,
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

function checkColumnOperand(scope: CheckScope, raw: unknown, use: string, place: string): Checked<ColumnIr> {
  if (!isExpression(raw)) {
    return scope.problems.add(
      'VIEW.INVALID_DEFINITION',
      place,
      `${use} needs a column; it got ${describe(raw)}`,
    )
  }
  if (raw.kind === 'aggregate') return misplacedAggregate(scope, raw.name, place)
  if (raw.kind === 'call') {
    return scope.problems.add(
      'VIEW.UNSUPPORTED',
      place,
      `${use} takes a column; it got the condition ${raw.name}, which only and, or, not, where and on take`,
    )
  }
  return checkColumn(scope, raw, place)
}

function mayCompare(scope: CheckScope, name: CallName, column: ColumnIr, place: string): boolean {
  const capability = capabilityOf(column.type)
  const equality = name === 'eq' || name === 'ne' || name === 'inArray'
  if (equality ? capability.equality : capability.order) return true
  refuse(scope, column, capability, `compared with ${name}`, place)
  return false
}

function checkLiteral(
  scope: CheckScope,
  value: unknown,
  column: ColumnIr,
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

function misplacedAggregate(scope: CheckScope, name: string, place: string): null {
  return scope.problems.add(
    'VIEW.INVALID_DEFINITION',
    place,
    `the aggregate ${name} stands inside another expression; aggregates stand by themselves in select`,
  )
}

function call(name: CallName, args: readonly ExpressionIr[]): CallIr {
  return { kind: 'call', name, args, type: { ...BOOLEAN, nullable: args.some(({ type }) => type.nullable) } }
}

function all<T>(items: readonly Checked<T>[]): Checked<readonly T[]> {
  const good = items.filter((item) => item !== null)
  return good.length === items.length ? good : null
}

/** The kind of a value, never the value itself. */
function describe(value: unknown): string {
  if (value === null || value === undefined) return String(value)
  if (typeof value === 'object') return `a ${value.constructor?.name ?? 'object'}`
  return `a ${typeof value}`
}
