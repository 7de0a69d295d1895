import { isCall } from './define-spec.ts'
import type { History } from './history.ts'
import type { Exp, LimitSpec, Named, OrderSpec, QuerySpec, Rel, SelectSpec } from './spec.ts'

/** A query and the history over which it goes wrong. */
export interface Failing {
  readonly spec: QuerySpec
  readonly history: History
}

/** Cuts a failing pair down to one of which nothing can be left out without it going right; at most `budget` attempts. */
export async function shrink(
  start: Failing,
  fails: (candidate: Failing) => Promise<boolean>,
  budget = 600,
): Promise<Failing> {
  let best = start
  let left = budget
  for (let isSmaller = true; isSmaller && left > 0;) {
    isSmaller = false
    for (const candidate of smaller(best)) {
      left -= 1
      if (left <= 0) break
      if (!(await fails(candidate))) continue
      best = candidate
      isSmaller = true
      break
    }
  }
  return best
}

/** The pair as a case for `cases.ts`. */
export function caseText(name: string, { spec, history }: Failing): string {
  return `  { name: ${JSON.stringify(name)}, query: ${JSON.stringify(spec)}, history: ${JSON.stringify(history)} },`
}

function* smaller({ spec, history }: Failing): Generator<Failing> {
  for (const shorter of histories(history)) yield { spec, history: shorter }
  for (const simpler of queries(spec)) yield { spec: simpler, history }
}

function* histories(history: History): Generator<History> {
  for (let size = history.length >> 1; size >= 1; size >>= 1) {
    for (let at = history.length - size; at >= 0; at -= size) yield without(history, at, size)
  }
  for (const [at, statements] of history.entries()) {
    for (const [index, sql] of statements.entries()) {
      if (statements.length > 1) yield replaced(history, at, without(statements, index, 1))
      for (const simpler of texts(sql)) yield replaced(history, at, replaced(statements, index, simpler))
    }
  }
}

/** Statements with fewer rows, or fewer statements in one text. */
function* texts(sql: string): Generator<string> {
  const parts = sql.split('; ')
  if (parts.length > 1) for (const index of parts.keys()) yield without(parts, index, 1).join('; ')
  const [, head, rows, tail] = /^(INSERT INTO .*?\(VALUES )(\(.*\))(\) AS v .*)$/.exec(sql) ?? []
  const tuples = rows?.split(/(?<=\)), (?=\()/) ?? []
  if (tuples.length < 2) return
  for (let size = tuples.length >> 1; size >= 1; size >>= 1) {
    for (let at = 0; at < tuples.length; at += size) {
      const kept = without(tuples, at, size)
      if (kept.length > 0) yield `${head}${kept.join(', ')}${tail}`
    }
  }
}

function* queries(spec: QuerySpec): Generator<QuerySpec> {
  if ('set' in spec) {
    yield* spec.inputs
    if (spec.order !== undefined) yield omit(spec, 'order', 'limit')
    for (const [index, input] of spec.inputs.entries()) {
      if (spec.inputs.length > 2) yield { ...spec, inputs: without(spec.inputs, index, 1) }
      for (const simpler of queries(input)) yield { ...spec, inputs: replaced(spec.inputs, index, simpler) }
    }
    return
  }
  yield* relations(spec.from[1])
  for (const { source } of spec.joins ?? []) yield* relations(source[1])
  for (const part of ['where', 'having', 'distinct', 'groupBy', 'exists', 'joins'] as const) {
    if (spec[part] !== undefined) yield omit(spec, part)
  }
  if (spec.limit !== undefined) yield omit(spec, 'order', 'limit')
  yield* lists(spec)
  yield* expressions(spec)
  for (const named of nameds(spec.from)) yield { ...spec, from: named }
}

function* relations(relation: Rel): Generator<QuerySpec> {
  if (typeof relation === 'object') yield 'view' in relation ? relation.view : relation
}

/** Joins, EXISTS, outputs, groups and orders, one less or one simpler. */
function* lists(spec: SelectSpec): Generator<SelectSpec> {
  const { joins = [], exists = [], groupBy = [], order = [] } = spec
  for (const [index, join] of joins.entries()) {
    if (joins.length > 1) yield { ...spec, joins: without(joins, index, 1) }
    if (join.kind !== 'inner') yield { ...spec, joins: replaced(joins, index, { ...join, kind: 'inner' }) }
    for (const on of simplerExps(join.on)) yield { ...spec, joins: replaced(joins, index, { ...join, on }) }
    for (const source of nameds(join.source))
      yield { ...spec, joins: replaced(joins, index, { ...join, source }) }
  }
  for (const [index, item] of exists.entries()) {
    if (exists.length > 1) yield { ...spec, exists: without(exists, index, 1) }
    for (const on of simplerExps(item.on)) yield { ...spec, exists: replaced(exists, index, { ...item, on }) }
    for (const source of nameds(item.source))
      yield { ...spec, exists: replaced(exists, index, { ...item, source }) }
  }
  for (const index of groupBy.keys()) {
    if (groupBy.length > 1) yield { ...spec, groupBy: without(groupBy, index, 1) }
  }
  for (const index of order.keys()) if (order.length > 1) yield { ...spec, order: without(order, index, 1) }
  const names = Object.keys(spec.select)
  for (const name of names) {
    if (names.length > 1) yield { ...spec, select: omit(spec.select, name) }
  }
}

function* expressions(spec: SelectSpec): Generator<SelectSpec> {
  for (const where of spec.where === undefined ? [] : simplerExps(spec.where)) yield { ...spec, where }
  for (const having of spec.having === undefined ? [] : simplerExps(spec.having)) yield { ...spec, having }
  for (const [name, exp] of Object.entries(spec.select)) {
    for (const simpler of simplerExps(exp)) yield { ...spec, select: { ...spec.select, [name]: simpler } }
  }
  for (const order of spec.order === undefined ? [] : plainOrders(spec.order)) yield { ...spec, order }
  for (const limit of spec.limit === undefined ? [] : plainLimits(spec.limit)) yield { ...spec, limit }
}

function* simplerExps(exp: Exp): Generator<Exp> {
  if (typeof exp === 'string') return
  if (isCall(exp)) {
    const [, ...args] = exp
    const name = exp[0]
    yield* args
    for (const [index, arg] of args.entries()) {
      if (args.length > 2) yield [name, ...without(args, index, 1)]
      for (const simpler of simplerExps(arg)) yield [name, ...replaced(args, index, simpler)]
    }
  } else if ('agg' in exp && exp.filter !== undefined) {
    yield omit(exp, 'filter')
    for (const filter of simplerExps(exp.filter)) yield { ...exp, filter }
  } else if ('nest' in exp) {
    if (exp.limit !== undefined) yield omit(exp, 'limit')
    for (const on of simplerExps(exp.on)) yield { ...exp, on }
    for (const nest of nameds(exp.nest)) yield { ...exp, nest }
    const names = Object.keys(exp.select)
    for (const name of names) if (names.length > 1) yield { ...exp, select: omit(exp.select, name) }
  }
}

function* plainOrders(order: readonly OrderSpec[]): Generator<readonly OrderSpec[]> {
  for (const [index, { by, desc, nulls }] of order.entries()) {
    if (desc !== undefined || nulls !== undefined) yield replaced(order, index, { by })
  }
}

function* plainLimits(limit: LimitSpec): Generator<LimitSpec> {
  if (limit.offset !== undefined && limit.count !== undefined) yield omit(limit, 'offset')
}

function* nameds([alias, relation]: Named): Generator<Named> {
  if (typeof relation === 'string') return
  if ('view' in relation) yield [alias, relation.view]
  const query = 'view' in relation ? relation.view : relation
  if ('set' in query) for (const input of query.inputs) yield [alias, input]
  else
    yield* [query.from, ...(query.joins ?? []).map(({ source }) => source)].map(([, inner]): Named => [
      alias,
      inner,
    ])
  for (const simpler of queries(query)) yield [alias, 'view' in relation ? { view: simpler } : simpler]
}

function without<T>(items: readonly T[], at: number, count: number): readonly T[] {
  return items.filter((_, index) => index < at || index >= at + count)
}

function replaced<T>(items: readonly T[], at: number, item: T): readonly T[] {
  return items.map((old, index) => (index === at ? item : old))
}

function omit<T extends object, K extends keyof T>(from: T, ...names: readonly K[]): Omit<T, K> {
  const kept: Omit<T, K> & Partial<Pick<T, K>> = { ...from }
  for (const name of names) delete kept[name]
  return kept
}
