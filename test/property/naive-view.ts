import type { BlockIr } from '../../src/views/compile/block-ir.ts'
import type { AggregateIr, ExpressionIr } from '../../src/views/view-ir.ts'
import type { TextRow } from '../conformance/mirror.ts'

/**
 * What a view means, computed from scratch: nested loops, SQL's three-valued logic, groups by text. It shares no code
 * with the engine. Values are integers and texts only; averages are left to the comparison with Postgres.
 */

type Value = bigint | string | boolean | null
type Binding = Readonly<Record<string, TextRow | null>>

/** The rows of a view, each as the text of its outputs in order, sorted. */
export function naiveRows(
  ir: BlockIr,
  tables: Readonly<Record<string, readonly TextRow[]>>,
): readonly string[] {
  let tuples: Binding[] = [{}]
  for (const { alias, model, join } of ir.sources) {
    tuples = tuples.flatMap((tuple) => {
      const candidates = (tables[model] ?? []).map((row): Binding =>
        Object.assign({}, tuple, { [alias]: row }),
      )
      if (join === null) return candidates
      const matches = candidates.filter((candidate) => evaluate(join.on, candidate) === true)
      return matches.length === 0 && join.kind === 'left' ? [{ ...tuple, [alias]: null }] : matches
    })
  }
  const { where, groupBy } = ir
  if (where !== null) tuples = tuples.filter((tuple) => evaluate(where, tuple) === true)
  const aggregates = ir.select.some(({ expression }) => expression.kind === 'aggregate')
  if (groupBy === null && !aggregates) {
    return tuples
      .map((tuple) => show(ir.select.map(({ expression }) => evaluate(expression, tuple))))
      .toSorted()
  }
  const groups = new Map<string, Binding[]>()
  if (groupBy === null || groupBy.length === 0) groups.set('', [])
  for (const tuple of tuples) {
    const key = show((groupBy ?? []).map((column) => evaluate(column, tuple)))
    const group = groups.get(groupBy === null || groupBy.length === 0 ? '' : key)
    if (group === undefined) groups.set(key, [tuple])
    else group.push(tuple)
  }
  return [...groups.values()]
    .map((group) =>
      show(
        ir.select.map(({ expression }) =>
          expression.kind === 'aggregate'
            ? aggregate(expression, group)
            : evaluate(expression, group[0] ?? {}),
        ),
      ),
    )
    .toSorted()
}

/** The text of some values; texts and numbers stay apart. */
export function show(values: readonly unknown[]): string {
  return JSON.stringify(
    values.map((value) => (typeof value === 'bigint' || typeof value === 'number' ? `#${value}` : value)),
  )
}

function evaluate(expression: ExpressionIr, tuple: Binding): Value {
  if (expression.kind === 'literal') return typed(expression.text, expression.type.scalar)
  if (expression.kind === 'column') {
    return typed(tuple[expression.source]?.[expression.field] ?? null, expression.type.scalar)
  }
  if (expression.kind === 'aggregate' || expression.kind === 'nested') throw new Error('not of a row')
  const values = expression.args.map((argument) => evaluate(argument, tuple))
  const [a = null, b = null] = values
  switch (expression.name) {
    case 'and':
      return values.includes(false) ? false : values.includes(null) ? null : true
    case 'or':
      return values.includes(true) ? true : values.includes(null) ? null : false
    case 'not':
      return a === null ? null : a === false
    case 'isNull':
      return a === null
    case 'isNotNull':
      return a !== null
    case 'inArray':
      if (a === null) return null
      return values.slice(1).some((item) => item === a)
  }
  if (a === null || b === null) return null
  const order = a < b ? -1 : a > b ? 1 : 0
  switch (expression.name) {
    case 'eq':
      return order === 0
    case 'ne':
      return order !== 0
    case 'gt':
      return order > 0
    case 'gte':
      return order >= 0
    case 'lt':
      return order < 0
    case 'lte':
      return order <= 0
    default:
      throw new Error(`no naive ${expression.name}`)
  }
}

function typed(text: string | null, scalar: string): Value {
  if (text === null) return null
  if (scalar === 'Boolean') return text === 't'
  return scalar === 'Int' || scalar === 'BigInt' ? BigInt(text) : text
}

function aggregate({ name, argument }: AggregateIr, group: readonly Binding[]): Value {
  if (argument === null) return BigInt(group.length)
  const values = group.map((tuple) => evaluate(argument, tuple)).filter((value) => value !== null)
  if (name === 'count') return BigInt(values.length)
  if (values.length === 0) return null
  if (name === 'sum') {
    return values.reduce<bigint>((sum, value) => sum + (typeof value === 'bigint' ? value : 0n), 0n)
  }
  return values.reduce((best, value) => ((name === 'min') === value < best ? value : best))
}
