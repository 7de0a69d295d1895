import { columnOf, modelOf } from '../../contract/lookup.ts'
import type { Schema } from '../../contract/schema-contract.ts'
import { invariant } from '../../core/errors.ts'
import { quoteIdentifier, quoteLiteral } from '../../core/quote.ts'
import { parsePgTypeName } from '../../values/pg-type.ts'
import { queryOutputs } from '../query-outputs.ts'
import { sameExpression } from '../same-expression.ts'
import { collated } from '../functions/collate.ts'
import { type SqlScope, writeExpression } from './to-sql.ts'
import type {
  ColumnIr,
  ExistsIr,
  ExpressionIr,
  LimitIr,
  NestedIr,
  OrderIr,
  OutputIr,
  QueryIr,
  QuerySourceIr,
  SelectIr,
  SetIr,
  SourceIr,
} from '../view-ir.ts'
import { hasAggregate } from '../walk-ir.ts'

const JOINS = { inner: 'INNER', left: 'LEFT', right: 'RIGHT', full: 'FULL' } as const
const SETS = { union: 'UNION', intersect: 'INTERSECT', except: 'EXCEPT' } as const

/**
 * Writes the statement that defines a view: one query whose columns carry the view's names in its order.
 *
 * The text depends on the view and the schema alone. Tables are named with their schema, so no search path
 * matters, and text is ordered by `COLLATE "C"`, so no locale does.
 *
 * Throws: CONTRACT.INVALID if the schema lacks a model or a field of the view.
 */
export function toSql(query: QueryIr, schema: Schema): string {
  return new QueryWriter(schema)
    .query(query)
    .flatMap((line) => line.split(BREAK))
    .join('\n')
}

/** Ends a line inside an expression. Names and literals may hold line ends of their own, and never a NUL. */
const BREAK = '\0'

/** Statements are lists of lines, so that what stands inside another is indented. */
type Lines = readonly string[]

class QueryWriter {
  readonly #schema: Schema

  constructor(schema: Schema) {
    this.#schema = schema
  }

  query(query: QueryIr): Lines {
    if (query.kind !== 'select') return this.#ranged(query, this.#set(query), query.order, query.limit)
    if (!query.distinct) return this.#select(query)
    // ORDER BY of a SELECT DISTINCT takes no COLLATE, so it stands around it.
    const bare = this.#select({ ...query, order: [], limit: null })
    const output = (expression: ExpressionIr): ExpressionIr => outputLike(query.select, expression)
    const order = query.order.map((item) => ({ ...item, expression: output(item.expression) }))
    const limit = query.limit === null ? null : { ...query.limit, by: query.limit.by.map(output) }
    return this.#ranged(query, bare, order, limit)
  }

  /** A query whose order and limit are over its outputs. */
  #ranged(query: QueryIr, lines: Lines, order: readonly OrderIr[], limit: LimitIr | null): Lines {
    if (order.length === 0 && limit === null) return lines
    const scope = this.#scope([])
    const names = queryOutputs(query).map(({ name }) => name)
    const columns = names.map((name) => `  ${quoteIdentifier(name)}`)
    const from = ['FROM (', ...indent(lines), ') AS "rows"']
    if (limit === null || limit.by.length === 0) {
      return ['SELECT', ...commas(columns), ...from, ...writeOrder(order, scope), ...writeLimit(limit)]
    }
    const inner = ['SELECT', ...commas([...columns, `  ${this.#rank(names, order, limit, scope)}`]), ...from]
    return ranked(names, inner, limit)
  }

  #select(query: SelectIr): Lines {
    const { select, order, limit, where, having } = query
    const scope = this.#scope(query.sources)
    const columns = select.map(
      ({ name, expression }) => `  ${writeExpression(expression, scope)} AS ${quoteIdentifier(name)}`,
    )
    const conditions = [
      ...(where === null ? [] : [writeExpression(where, scope)]),
      ...query.exists.map((exists) => this.#exists(exists, query.sources)),
    ]
    const rest = [
      ...query.sources.flatMap((source) => this.#source(source, scope)),
      ...(conditions.length === 0 ? [] : [`WHERE ${conditions.join(`${BREAK}  AND `)}`]),
      ...writeGroups(query, scope),
      ...(having === null ? [] : [`HAVING ${writeExpression(having, scope)}`]),
    ]
    const head = query.distinct ? 'SELECT DISTINCT' : 'SELECT'
    if (limit === null || limit.by.length === 0) {
      return [head, ...commas(columns), ...rest, ...writeOrder(order, scope), ...writeLimit(limit)]
    }
    invariant(!query.distinct, 'a distinct query is ranged from outside')
    const names = select.map(({ name }) => name)
    const rank = this.#rank(names, order, limit, scope)
    return ranked(names, [head, ...commas([...columns, `  ${rank}`]), ...rest], limit)
  }

  #rank(names: readonly string[], order: readonly OrderIr[], { by }: LimitIr, scope: SqlScope): string {
    const partition = by.map((value) => writeExpression(value, scope)).join(', ')
    const items = writeItems(order, scope).join(', ')
    const ordered = items === '' ? '' : ` ORDER BY ${items}`
    return `row_number() OVER (PARTITION BY ${partition}${ordered}) AS ${quoteIdentifier(rankName(names))}`
  }

  #set({ kind, all, inputs }: SetIr): Lines {
    const operator = all ? `${SETS[kind]} ALL` : SETS[kind]
    return inputs.flatMap((input, index) => [
      ...(index === 0 ? [] : [operator]),
      '(',
      ...indent(this.query(input)),
      ')',
    ])
  }

  #source(source: SourceIr, scope: SqlScope): Lines {
    const { join } = source
    const [first, ...others] = this.#relation(source)
    invariant(first !== undefined, 'a relation without text')
    if (join === null) return [`FROM ${first}`, ...others]
    const lines = [`${JOINS[join.kind]} JOIN ${first}`, ...others]
    return [...lines.slice(0, -1), `${lines.at(-1) ?? ''} ON ${writeExpression(join.on, scope)}`]
  }

  /** A relation and its alias, as FROM takes it. */
  #relation({ alias, from }: QuerySourceIr): Lines {
    const name = quoteIdentifier(alias)
    if (from.kind === 'query') return ['(', ...indent(this.query(from.query)), `) AS ${name}`]
    const { schema: namespace, table } = modelOf(this.#schema, from.model)
    return [`${quoteIdentifier(namespace)}.${quoteIdentifier(table)} AS ${name}`]
  }

  #exists({ negated, source, on }: ExistsIr, outer: readonly QuerySourceIr[]): string {
    const scope = this.#scope([...outer, source])
    const [first, ...others] = this.#relation(source)
    const lines = ['SELECT 1', `FROM ${first ?? ''}`, ...others, `WHERE ${writeExpression(on, scope)}`]
    return `${negated ? 'NOT ' : ''}EXISTS (${BREAK}${indent(indent(lines)).join(BREAK)}${BREAK}  )`
  }

  #nested(nested: NestedIr, outer: readonly QuerySourceIr[]): string {
    const { source, on, select, order, limit, offset } = nested
    const scope = this.#scope([...outer, source])
    const own = this.#scope([source])
    const items = writeItems(order, own).join(', ')
    const object = writeObject(select, own)
    const [first, ...others] = this.#relation(source)
    const rows = [`FROM ${first ?? ''}`, ...others, `WHERE ${writeExpression(on, scope)}`]
    const name = quoteIdentifier(source.alias)
    const limited = [
      'FROM (',
      ...indent([
        `SELECT ${name}.*`,
        ...rows,
        ...writeOrder(order, own),
        ...writeLimit({ count: limit, offset, by: [] }),
      ]),
      `) AS ${name}`,
    ]
    const lines = [
      `SELECT jsonb_agg(${object}${items === '' ? '' : ` ORDER BY ${items}`})`,
      ...(limit === null && offset === 0 ? rows : limited),
    ]
    return `COALESCE((${BREAK}${indent(indent(lines)).join(BREAK)}${BREAK}  ), '[]'::jsonb)`
  }

  #scope(sources: readonly QuerySourceIr[]): SqlScope {
    return {
      column: (alias, field) => {
        if (alias === '') return quoteIdentifier(field)
        const source = sources.findLast((item) => item.alias === alias)
        invariant(source !== undefined, 'a column of a table that the view does not read')
        const { from } = source
        const column =
          from.kind === 'query' ? field : columnOf(modelOf(this.#schema, from.model), field).column
        return `${quoteIdentifier(alias)}.${quoteIdentifier(column)}`
      },
      nested: (nested) => this.#nested(nested, sources),
    }
  }
}

function writeGroups({ groupBy, select, having, order }: SelectIr, scope: SqlScope): Lines {
  if (groupBy === null) return []
  if (groupBy.length > 0) {
    return [`GROUP BY ${groupBy.map((item) => writeExpression(item, scope)).join(', ')}`]
  }
  // An empty GROUP BY with aggregates is SQL's one row; without any it must be said.
  const said = [...select, ...order].some(({ expression }) => hasAggregate(expression))
  return said || having !== null ? [] : ['GROUP BY ()']
}

function writeOrder(order: readonly OrderIr[], scope: SqlScope): Lines {
  return order.length === 0 ? [] : [`ORDER BY ${writeItems(order, scope).join(', ')}`]
}

function writeItems(order: readonly OrderIr[], scope: SqlScope): readonly string[] {
  return order.map(({ expression, descending, nullsFirst }) => {
    const value = collated(writeExpression(expression, scope), expression.type)
    return `${value} ${descending ? 'DESC' : 'ASC'} NULLS ${nullsFirst ? 'FIRST' : 'LAST'}`
  })
}

function writeLimit(limit: LimitIr | null): Lines {
  if (limit === null) return []
  return [
    ...(limit.count === null ? [] : [`LIMIT ${limit.count}`]),
    ...(limit.offset === 0 ? [] : [`OFFSET ${limit.offset}`]),
  ]
}

/** The rows of each part whose number is within the limit. */
function ranked(names: readonly string[], inner: Lines, { count, offset }: LimitIr): Lines {
  const rank = quoteIdentifier(rankName(names))
  const conditions = [
    ...(offset === 0 ? [] : [`${rank} > ${offset}`]),
    ...(count === null ? [] : [`${rank} <= ${offset + count}`]),
  ]
  return [
    'SELECT',
    ...commas(names.map((name) => `  ${quoteIdentifier(name)}`)),
    'FROM (',
    ...indent(inner),
    ') AS "ranked"',
    `WHERE ${conditions.join(' AND ')}`,
  ]
}

/** A name that no output has. */
function rankName(names: readonly string[]): string {
  let name = '#'
  while (names.includes(name)) name += '#'
  return name
}

/** An object of any size; a function takes a hundred arguments at most. */
function writeObject(select: readonly OutputIr[], scope: SqlScope): string {
  const pairs = select.map(({ name, expression }) => `${quoteLiteral(name)}, ${writeJson(expression, scope)}`)
  const objects: string[] = []
  for (let at = 0; at < pairs.length; at += 50) {
    objects.push(`jsonb_build_object(${pairs.slice(at, at + 50).join(', ')})`)
  }
  return objects.join(' || ')
}

/** A value whose JSON depends on no setting and loses no digit: decimals and BigInt are texts, times are of UTC. */
function writeJson(expression: ExpressionIr, scope: SqlScope): string {
  const { scalar, pgType, list } = expression.type
  const value = writeExpression(expression, scope)
  if (scalar === 'BigInt' || scalar === 'Decimal') return list ? `(${value})::text[]` : `(${value})::text`
  if (list) return value
  if (scalar === 'Bytes') return `encode(${value}, 'hex')`
  return parsePgTypeName(pgType).base === 'timestamp with time zone' ? `(${value} AT TIME ZONE 'UTC')` : value
}

function outputLike(select: readonly OutputIr[], expression: ExpressionIr): ColumnIr {
  const output = select.find((item) => sameExpression(item.expression, expression))
  invariant(output !== undefined, 'an order of a distinct query by what is not selected')
  return { kind: 'column', source: '', field: output.name, type: expression.type }
}

function indent(lines: Lines): Lines {
  return lines.flatMap((line) => line.split(BREAK)).map((line) => `  ${line}`)
}

function commas(lines: Lines): Lines {
  return lines.map((line, index) => (index === lines.length - 1 ? line : `${line},`))
}
