import { columnOf, modelOf } from '../contract/lookup.ts'
import type { ModelContract, Schema } from '../contract/schema-contract.ts'
import { DbsyncError, invariant } from '../core/errors.ts'
import { quoteIdentifier, quoteLiteral } from '../core/quote.ts'
import { parsePgTypeName } from '../values/pg-type.ts'
import { tableOf } from './models-of.ts'
import type { AggregateIr, CallIr, ColumnIr, ExpressionIr, LiteralIr, QueryIr, TypeIr } from './view-ir.ts'

const OPERATORS = { eq: '=', ne: '<>', gt: '>', gte: '>=', lt: '<', lte: '<=' } as const

/**
 * Writes the statement that defines a view: one SELECT whose columns carry the view's names in its order.
 *
 * The text depends on the view and the schema alone. Tables are named with their schema, so no search path
 * matters, and text is ordered by `COLLATE "C"`, so no locale does.
 *
 * Throws: CONTRACT.INVALID if the schema lacks a model or a field of the view.
 */
export function toSql(ir: QueryIr, schema: Schema): string {
  invariant(ir.kind === 'select', 'a set operation')
  const models = new Map(ir.sources.map((source) => [source.alias, modelOf(schema, tableOf(source))]))
  const select = ir.select.map(
    ({ name, expression }) => `  ${writeExpression(expression, models)} AS ${quoteIdentifier(name)}`,
  )
  const from = ir.sources.map((source) => {
    const { join } = source
    const { schema: namespace, table } = modelOf(schema, tableOf(source))
    const name = `${quoteIdentifier(namespace)}.${quoteIdentifier(table)} AS ${quoteIdentifier(source.alias)}`
    if (join === null) return `FROM ${name}`
    return `${join.kind === 'left' ? 'LEFT' : 'INNER'} JOIN ${name} ON ${writeExpression(join.on, models)}`
  })
  const lines = ['SELECT', select.join(',\n'), ...from]
  if (ir.where !== null) lines.push(`WHERE ${writeExpression(ir.where, models)}`)
  if (ir.groupBy !== null && ir.groupBy.length > 0) {
    lines.push(`GROUP BY ${ir.groupBy.map((item) => writeExpression(item, models)).join(', ')}`)
  }
  // An empty GROUP BY with aggregates is SQL's one row; without any it must be said.
  if (ir.groupBy?.length === 0 && ir.select.every(({ expression }) => expression.kind !== 'aggregate')) {
    lines.push('GROUP BY ()')
  }
  return lines.join('\n')
}

type Models = ReadonlyMap<string, ModelContract>

function writeExpression(expression: ExpressionIr, models: Models): string {
  switch (expression.kind) {
    case 'column':
      return writeColumn(expression, models)
    case 'literal':
      return writeLiteral(expression)
    case 'call':
      return writeCall(expression, models)
    case 'aggregate':
      return writeAggregate(expression, models)
    default:
      throw new DbsyncError('VIEW.UNSUPPORTED', 'found a nested result; this version has none. Leave it out.')
  }
}

function writeColumn({ source, field }: ColumnIr, models: Models): string {
  const model = models.get(source)
  invariant(model !== undefined, 'a column of a table that the view does not read')
  return `${quoteIdentifier(source)}.${quoteIdentifier(columnOf(model, field).column)}`
}

function writeLiteral({ text, type }: LiteralIr): string {
  if (type.scalar === 'Boolean' && text !== null) return text === 't' ? 'true' : 'false'
  const value = text === null ? 'NULL' : quoteLiteral(text)
  // The other side gives an enum's literal its type; its name alone would depend on the search path.
  return type.scalar === 'Enum' ? value : `${value}::${type.pgType}`
}

function writeCall({ name, args }: CallIr, models: Models): string {
  const parts = args.map((arg) => writeExpression(arg, models))
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

function writeAggregate({ name, argument, type }: AggregateIr, models: Models): string {
  if (argument === null) return 'count(*)'
  const value = writeExpression(argument, models)
  switch (name) {
    case 'avg':
      return type.pgType === 'double precision' ? `(avg(${value}))::float8` : `avg(${value})`
    case 'min':
    case 'max':
      return `${name}(${collated(value, argument.type)})`
    default:
      return `${name}(${value})`
  }
}

function collated(value: string, type: TypeIr | undefined): string {
  const base = type === undefined || type.scalar !== 'String' ? '' : parsePgTypeName(type.pgType).base
  return base === 'text' || base === 'character varying' ? `${value} COLLATE "C"` : value
}
