import { quoteLiteral } from '../../core/quote.ts'
import { writeAggregate } from './aggregate-sql.ts'
import { collated } from '../functions/collate.ts'
import { FUNCTIONS } from '../functions/registry.ts'
import type { CallIr, ExpressionIr, LiteralIr, NestedIr } from '../view-ir.ts'

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

function writeCall(call: CallIr, scope: SqlScope): string {
  const parts = call.args.map((arg) => writeExpression(arg, scope))
  return FUNCTIONS[call.name].write(parts, call)
}
