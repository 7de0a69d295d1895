import type { Schema } from '../../contract/schema-contract.ts'
import { capabilityOf, type Capability } from './capabilities.ts'
import { isExpression, type Aggregate, type ColumnRef } from '../build/expression.ts'
import { MISPLACED_MOVING_TIME } from '../functions/time-functions.ts'
import type { Problems } from './problems.ts'
import type { AggregateIr, ColumnIr, ExpressionIr, TypeIr } from '../view-ir.ts'

/** A column of a relation in FROM. */
export interface ScopeColumn {
  readonly field: string
  readonly type: TypeIr
}

/** A relation in FROM, as far as expressions need it; under the empty alias the outputs of a set operation. */
export interface ScopeSource {
  readonly alias: string
  /** How messages call it. */
  readonly name: string
  readonly columns: readonly ScopeColumn[]
  /** The fields that identify a row; empty: one row; null: none do. */
  readonly key: readonly string[] | null
  /** On the nullable side of an outer join. */
  readonly optional: boolean
}

/** What an expression is checked against. */
export interface CheckScope {
  readonly schema: Schema
  readonly sources: readonly ScopeSource[]
  readonly problems: Problems
  /** Checks an aggregate inside an expression; absent where only values of a row can stand. */
  readonly aggregate?: (raw: Aggregate<unknown>, place: string) => Checked<AggregateIr>
}

/** Without a problem the IR; else null, and the problems are noted. */
export type Checked<T> = T | null

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
  const column = source.columns.find(({ field }) => field === raw.field)
  if (column === undefined) {
    const fields = source.columns.map(({ field }) => field).join(', ')
    return scope.problems.add(
      'VIEW.INVALID_DEFINITION',
      place,
      `${source.name} has no field "${raw.field}"; it has: ${fields}`,
    )
  }
  const type: TypeIr = { ...column.type, nullable: column.type.nullable || source.optional }
  const ir: ColumnIr = { kind: 'column', source: raw.source, field: raw.field, type }
  const capability = capabilityOf(type)
  return capability.read ? ir : refuse(scope, ir, capability, 'kept in a view', place)
}

/** Checks an operand that must be a column; `use` is the function that takes it, for messages. */
export function checkColumnOperand(
  scope: CheckScope,
  raw: unknown,
  use: string,
  place: string,
): Checked<ColumnIr> {
  if (!isExpression(raw)) {
    return scope.problems.add(
      'VIEW.INVALID_DEFINITION',
      place,
      `${use} needs a column; it got ${describe(raw)}`,
    )
  }
  if (raw.kind === 'aggregate') return misplacedAggregate(scope, raw.name, place)
  if (raw.kind === 'moving') return misplacedMovingTime(scope, place)
  if (raw.kind === 'call') {
    return scope.problems.add(
      'VIEW.UNSUPPORTED',
      place,
      `${use} takes a column; it got the condition ${raw.name}, which only and, or, not, where and on take`,
    )
  }
  return checkColumn(scope, raw, place)
}

/** Notes that a column's type does not allow what is done with it. */
export function refuse(
  scope: Pick<CheckScope, 'problems'>,
  expression: ExpressionIr,
  capability: Capability,
  use: string,
  place: string,
): null {
  return scope.problems.add(
    'VIEW.NOT_EXACT',
    place,
    `${label(expression)} cannot be ${use} exactly: ${capability.reason}`,
  )
}

/** How messages name a column, `v.visitRating (integer)`, or a computed value, `upper(…) (text)`. */
export function label(expression: ExpressionIr): string {
  const { type } = expression
  return `${nameOf(expression)} (${type.pgType}${type.list ? '[]' : ''})`
}

/** An expression without its type: `v.visitRating`. */
export function nameOf(expression: ExpressionIr): string {
  switch (expression.kind) {
    case 'column':
      return expression.source === '' ? expression.field : `${expression.source}.${expression.field}`
    case 'call':
    case 'aggregate':
      return `${expression.name}(…)`
    case 'literal':
      return 'a constant'
    default:
      return 'a nested result'
  }
}

/** Notes an aggregate where only values of a row can stand. */
export function misplacedAggregate(scope: CheckScope, name: string, place: string): null {
  return scope.problems.add(
    'VIEW.INVALID_DEFINITION',
    place,
    `the aggregate ${name} stands inside another expression; aggregates stand by themselves in select`,
  )
}

/** Notes a moving time where the answer would change with the clock unnoticed. */
export function misplacedMovingTime({ problems }: CheckScope, place: string): null {
  return problems.add('VIEW.UNSUPPORTED', place, MISPLACED_MOVING_TIME)
}

/** The kind of a value, never the value itself. */
export function describe(value: unknown): string {
  if (value === null || value === undefined) return String(value)
  if (typeof value === 'object') return `a ${value.constructor?.name ?? 'object'}`
  return `a ${typeof value}`
}
