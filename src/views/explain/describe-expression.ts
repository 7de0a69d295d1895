import { quoteLiteral } from '../../core/quote.ts'
import type { AggregateIr, CallIr, ColumnIr, ExpressionIr, LiteralIr, OrderIr } from '../view-ir.ts'

const INFIX: Readonly<Partial<Record<CallIr['name'], string>>> = {
  eq: '=',
  ne: '<>',
  gt: '>',
  gte: '>=',
  lt: '<',
  lte: '<=',
  isDistinctFrom: 'IS DISTINCT FROM',
  isNotDistinctFrom: 'IS NOT DISTINCT FROM',
  and: 'AND',
  or: 'OR',
  like: 'LIKE',
  ilike: 'ILIKE',
  add: '+',
  subtract: '-',
  multiply: '*',
  divide: '/',
  modulo: '%',
}

const AGGREGATES: Readonly<Partial<Record<AggregateIr['name'], string>>> = {
  countDistinct: 'count DISTINCT',
  boolAnd: 'bool_and',
  boolOr: 'bool_or',
  arrayAgg: 'array_agg',
  stringAgg: 'string_agg',
  jsonAgg: 'json_agg',
}

/** A name for people: those that no query can have begin with `~`. */
export function readable(name: string): string {
  return name.replaceAll('\0', '~')
}

/** An expression much as SQL writes it, for people. */
export function describe(expression: ExpressionIr): string {
  switch (expression.kind) {
    case 'column':
      return describeColumn(expression)
    case 'literal':
      return describeLiteral(expression)
    case 'call':
      return describeCall(expression)
    case 'aggregate':
      return describeAggregate(expression)
    default:
      return `rows of ${readable(expression.source.alias)}`
  }
}

/** One item of ORDER BY. */
export function describeOrder({ expression, descending }: OrderIr): string {
  return `${describe(expression)}${descending ? ' DESC' : ''}`
}

function describeLiteral({ text, type }: LiteralIr): string {
  if (text === null) return 'NULL'
  return type.scalar === 'Int' || type.scalar === 'BigInt' || type.scalar === 'Decimal'
    ? text
    : quoteLiteral(text)
}

function describeColumn({ source, field }: ColumnIr): string {
  return source === '' ? readable(field) : `${readable(source)}.${readable(field)}`
}

function describeCall({ name, args, type }: CallIr): string {
  const all = args.map(describe)
  const infix = INFIX[name]
  if (infix !== undefined) {
    const sides = args.map((arg, index) => (isInfix(arg) ? `(${all[index]})` : all[index]))
    return sides.join(` ${infix} `)
  }
  const [first = '', ...others] = all
  if (name === 'isNull') return `${first} IS NULL`
  if (name === 'isNotNull') return `${first} IS NOT NULL`
  if (name === 'not') return `NOT (${first})`
  if (name === 'inArray') return `${first} IN (${others.length} values)`
  if (name === 'cast') return `${first}::${type.pgType}`
  return `${name}(${all.join(', ')})`
}

function isInfix(expression: ExpressionIr): boolean {
  return expression.kind === 'call' && INFIX[expression.name] !== undefined
}

function describeAggregate({ name, argument, filter, order = [] }: AggregateIr): string {
  const own = argument === null ? '*' : describe(argument)
  const sorted = order.length === 0 ? '' : ` ORDER BY ${order.map(describeOrder).join(', ')}`
  const filtered = filter === undefined ? '' : ` FILTER (${describe(filter)})`
  return `${AGGREGATES[name] ?? name}(${own}${sorted})${filtered}`
}
