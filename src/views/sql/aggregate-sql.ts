import { quoteLiteral } from '../../core/quote.ts'
import type { AggregateIr, ExpressionIr } from '../view-ir.ts'

/** How the expressions inside an aggregate are written. */
export interface ExpressionWriter {
  write(expression: ExpressionIr): string
  /** With COLLATE "C" where it is text: for whatever depends on an order or on what is equal. */
  writeSorted(expression: ExpressionIr): string
}

/** The SQL of an aggregate. */
export function writeAggregate(aggregate: AggregateIr, writer: ExpressionWriter): string {
  const { filter, type, name } = aggregate
  const condition = filter === undefined ? '' : ` FILTER (WHERE ${writer.write(filter)})`
  const call = `${writeCall(aggregate, writer)}${condition}`
  return name === 'avg' && type.pgType === 'double precision' ? `(${call})::float8` : call
}

function writeCall(
  { name, argument, order = [], separator = '' }: AggregateIr,
  writer: ExpressionWriter,
): string {
  if (argument === null) return 'count(*)'
  const value = writer.write(argument)
  const items = order.map(
    ({ expression, descending, nullsFirst }) =>
      `${writer.writeSorted(expression)} ${descending ? 'DESC' : 'ASC'} NULLS ${nullsFirst ? 'FIRST' : 'LAST'}`,
  )
  const by = items.length === 0 ? '' : ` ORDER BY ${items.join(', ')}`
  switch (name) {
    case 'min':
    case 'max':
      return `${name}(${writer.writeSorted(argument)})`
    case 'countDistinct':
      return `count(DISTINCT ${writer.writeSorted(argument)})`
    case 'boolAnd':
      return `bool_and(${value})`
    case 'boolOr':
      return `bool_or(${value})`
    case 'arrayAgg':
      return `array_agg(${value}${by})`
    case 'stringAgg':
      return `string_agg(${value}, ${quoteLiteral(separator)}::text${by})`
    case 'jsonAgg':
      return `jsonb_agg(${value}${by})`
    default:
      return `${name}(${value})`
  }
}
