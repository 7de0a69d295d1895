import { DbsyncError, invariant } from '../core/errors.ts'
import { quoteLiteral } from '../core/quote.ts'
import { parsePgTypeName } from '../values/pg-type.ts'
import { writeAggregate } from './aggregate-sql.ts'
import type { CallIr, ExpressionIr, LiteralIr, NestedIr, TypeIr } from './view-ir.ts'

const OPERATORS = { eq: '=', ne: '<>', gt: '>', gte: '>=', lt: '<', lte: '<=' } as const

/** What the columns of a query are called in its text, and how a query inside an expression is written. */
export interface SqlScope {
  column(source: string, field: string): string
  nested(nested: NestedIr): string
}

/** Writes an expression; every name quoted, every literal typed, text ordered by `COLLATE "C"`. */
export function writeExpression(expression: ExpressionIr, scope: SqlScope): string {
  switch (expression.kind) {
    case 'column':
      return scope.column(expression.source, expression.field)
    case 'literal':
      return writeLiteral(expression)
    case 'call':
      return writeCall(expression, scope)
    case 'aggregate':
      return writeAggregate(expression, {
        write: (part) => writeExpression(part, scope),
        writeSorted: (part) => collated(writeExpression(part, scope), part.type),
      })
    default:
      return scope.nested(expression)
  }
}

function writeLiteral({ text, type }: LiteralIr): string {
  if (type.scalar === 'Boolean' && text !== null) return text === 't' ? 'true' : 'false'
  const value = text === null ? 'NULL' : quoteLiteral(text)
  // The other side gives an enum's literal its type; its name alone would depend on the search path.
  return type.scalar === 'Enum' ? value : `${value}::${type.pgType}`
}

function writeCall({ name, args }: CallIr, scope: SqlScope): string {
  const parts = args.map((arg) => writeExpression(arg, scope))
  const [first] = parts
  invariant(first !== undefined, `${name} has no argument`)
  switch (name) {
    case 'and':
    case 'or':
      return `(${parts.join(name === 'and' ? ' AND ' : ' OR ')})`
    case 'not':
      return `(NOT ${first})`
    case 'isNull':
      return `(${first} IS NULL)`
    case 'isNotNull':
      return `(${first} IS NOT NULL)`
    case 'inArray':
      return `(${first} IN (${parts.slice(1).join(', ')}))`
    case 'eq':
    case 'ne':
      return `(${parts.join(` ${OPERATORS[name]} `)})`
    case 'gt':
    case 'gte':
    case 'lt':
    case 'lte':
      return `(${parts.map((part, index) => collated(part, args[index]?.type)).join(` ${OPERATORS[name]} `)})`
    default:
      throw new DbsyncError(
        'VIEW.UNSUPPORTED',
        `found the function ${name}; this version has none. Leave it out.`,
      )
  }
}

/** A value as ORDER BY, comparisons and extremes take it: text by its bytes. */
export function collated(value: string, type: TypeIr | undefined): string {
  const base = type === undefined || type.scalar !== 'String' ? '' : parsePgTypeName(type.pgType).base
  return base === 'text' || base === 'character varying' ? `${value} COLLATE "C"` : value
}
