import { DbsyncError } from '../../core/errors.ts'
import type { ModelContract } from '../../contract/schema-contract.ts'
import type { SourceTable } from '../../zset/source-table.ts'
import { compileViews } from '../compile/compile.ts'
import type { ViewDefinition } from '../define-view.ts'
import { conjuncts } from '../walk-ir.ts'
import type { ViewPlan } from '../compile/plan.ts'
import type { TimeNode, TopNode } from '../compile/plan-node.ts'
import type { NetworkStep } from '../compile/network-node.ts'
import { costOf, costOfLimit, costOfSource } from './change-costs.ts'
import { describe, describeOrder, readable } from './describe-expression.ts'
import type {
  ExplainedChange,
  ExplainedFactor,
  ExplainedStep,
  ExplainedTable,
  Explanation,
} from './explanation.ts'
import { formatExplanation } from './format-explanation.ts'
import { MAP_BYTES, stateOf } from './state-bytes.ts'

const NOTES: readonly string[] = [
  'Arrays grow by doubling, so a table, an index or the groups of a step take up to twice what their rows need.',
  'Text is kept once for all tables, however many rows have it: its bytes and about 24 more for each different text.',
  'A change of columns that no step reads costs O(1) and goes through none.',
  '"matches" are the rows that a join brings together with the changed one, "group" the rows of its group.',
  'get is O(1); rows and all read every row, where the rows that it finds.',
]

/**
 * Tells how views are kept before they are deployed: the steps on the way from the tables to the rows, the columns and indexes that
 * are kept, bytes for each row and group, and what a change of each table costs. No database is needed.
 *
 * Several views are explained as one sync keeps them: tables, indexes and equal steps are shared. The result is frozen
 * and JSON can hold it; its `toString()` is for people.
 * Throws: CONFIG.INVALID_OPTIONS without a view, or for views of different schemas; CONFIG.DUPLICATE_VIEW; VIEW.UNSUPPORTED.
 *
 * @example
 * ```ts
 * import { avg, defineView, eq, explain } from 'prisma-dbsync'
 * import { Restaurant, Visit } from './generated/dbsync/index.ts'
 *
 * const rating = defineView('rating', (q) =>
 *   q.from({ r: Restaurant })
 *     .leftJoin({ v: Visit }, ({ r, v }) => eq(v.restaurantId, r.id))
 *     .groupBy(({ r }) => [r.id])
 *     .select(({ r, v }) => ({ id: r.id, rating: avg(v.visitRating) })))
 *
 * export const text = explain(rating).toString()
 * export const costs = explain(rating).changes.map(({ name, cost }) => [name, cost])   // [['Restaurant', 'O(matches)'], ['Visit', 'O(1)']]
 * ```
 */
export function explain(...views: readonly ViewDefinition[]): Explanation {
  const [first] = views
  if (
    first === undefined ||
    views.some(({ schema }) => schema.contract.hash !== first.schema.contract.hash)
  ) {
    throw new DbsyncError(
      'CONFIG.INVALID_OPTIONS',
      first === undefined
        ? 'explain was given no view; give it one that defineView made, or several.'
        : 'explain was given views over different generated schemas; explain those of one schema at a time.',
    )
  }
  const network = compileViews(
    first.schema,
    views.map(({ ir }) => ir),
  )
  const { steps } = network
  const names = namesOf(steps)
  const nameOf = (model: string): string => names.get(model) ?? model
  const sources = [...network.tables.values()]
  const derived = steps.flatMap(({ table }, at) =>
    table === null || steps.findIndex((other) => other.table === table) !== at ? [] : [table],
  )
  const data: Omit<Explanation, 'toString'> = {
    views: views.map(({ name }) => name),
    tables: withNames(
      [...sources, ...derived].map((table) => explainTable(table, nameOf)),
      names,
    ),
    steps: withNames(
      steps.map((step) => withIndexes(explainStep(step, nameOf), views)),
      names,
    ),
    changes: withNames(
      sources.map((table) => explainChange(table.model.model, steps, nameOf)),
      names,
    ),
    notes: NOTES,
  }
  // Not enumerable, so that it is no part of the data.
  return deepFreeze(Object.defineProperty(data, 'toString', { value: () => formatExplanation(data) }))
}

/** The same with the numbers of steps where hidden names hold the names of their tables. */
function withNames<T>(value: T, names: ReadonlyMap<string, string>): T {
  const text = JSON.stringify(value).replaceAll(/#[0-9a-f]{16}/g, (name) => names.get(name) ?? name)
  // Only text has changed, and in it only names.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return JSON.parse(text) as T
}

/** `#1`, `#2` for the tables of steps, in order. */
function namesOf(steps: readonly NetworkStep[]): ReadonlyMap<string, string> {
  const models = new Set(steps.flatMap(({ table }) => (table === null ? [] : [table.model.model])))
  return new Map([...models].map((model, index) => [model, `#${index + 1}`]))
}

function explainTable(table: SourceTable, nameOf: (model: string) => string): ExplainedTable {
  const { model, columns, keyColumns, indexes, rows } = table
  return {
    name: nameOf(model.model),
    table: isOfDatabase(model) ? `${model.schema}.${model.table}` : null,
    key: keyColumns.map(({ contract }) => readable(contract.field)),
    columns: columns.map(({ contract, width, interned }) => ({
      field: readable(contract.field),
      pgType: contract.list ? `${contract.pgType}[]` : contract.pgType,
      bytes: width * 4,
      isShared: interned,
    })),
    indexes: indexes.map((index) => ({
      fields: index.columns.map(({ contract }) => readable(contract.field)),
      bytesPerKey: (index.columns.reduce((words, { width }) => words + width, 0) + 2) * 4 + MAP_BYTES,
    })),
    bytesPerRow: rows.stride * 4,
    bytesPerKey: MAP_BYTES,
  }
}

function isOfDatabase({ schema }: ModelContract): boolean {
  return schema !== ''
}

function explainStep(step: NetworkStep, nameOf: (model: string) => string): ExplainedStep {
  const { node, plan, views, table } = step
  const common = {
    name: table === null ? (views[0] ?? '') : nameOf(table.model.model),
    views,
    branch: node?.kind === 'block' ? node.branch : 0,
    state: stateOf(step),
  }
  if (plan !== null) return { ...common, ...explainBlock(plan, nameOf) }
  if (node?.kind === 'time') return { ...common, ...explainTime(node, nameOf) }
  return { ...common, ...explainLimit(node?.kind === 'top' ? node : null, nameOf) }
}

/** Adds what `where` finds rows of a view by. */
function withIndexes(step: ExplainedStep, views: readonly ViewDefinition[]): ExplainedStep {
  const indexes = views.find(({ name }) => name === step.name)?.indexes ?? []
  const more = indexes.map(
    (names) =>
      `where by (${names.join(', ')}): about 20 bytes a row and a text for each combination of values, once it is used`,
  )
  return { ...step, state: { ...step.state, more: [...step.state.more, ...more] } }
}

function explainBlock(
  plan: ViewPlan,
  nameOf: (model: string) => string,
): Pick<ExplainedStep, 'kind' | 'from' | 'where' | 'groupBy' | 'select' | 'orderBy' | 'limit'> {
  const { ir, shape, sources, conditions } = plan
  const kinds = { keyed: 'rows', bag: 'bag', single: 'single row', grouped: 'groups' } as const
  return {
    kind: kinds[shape],
    from: sources.map(({ model, alias, edge }, index) => {
      const name = `${nameOf(model.model)} ${readable(alias)}`
      const on = ir.sources[index]?.join?.on
      if (edge === null || on === undefined) return name
      return `${edge.outer ? 'LEFT' : 'INNER'} JOIN ${name} ON ${conjuncts(on).map(describe).join(' AND ')}`
    }),
    where: conditions.map(describe),
    groupBy: (ir.groupBy ?? []).map(describe),
    select: [
      ...ir.select.map(({ name, expression }) => {
        const value = describe(expression)
        return expression.kind === 'column' && expression.field === name
          ? value
          : `${value} AS ${readable(name)}`
      }),
      ...(ir.rows === undefined
        ? []
        : [`rows(${ir.rows.columns.map(describe).join(', ')}) AS ${readable(ir.rows.name)}`]),
    ],
    orderBy: [...(ir.rows?.order ?? []), ...(ir.order ?? [])].map(describeOrder),
    limit: null,
  }
}

function explainLimit(
  top: TopNode | null,
  nameOf: (model: string) => string,
): Pick<ExplainedStep, 'kind' | 'from' | 'where' | 'groupBy' | 'select' | 'orderBy' | 'limit'> {
  const { input = '', partition = [], order = [], count = null, offset = 0 } = top ?? {}
  const size = count === null ? 'all rows' : `${count} rows`
  const each = partition.length === 0 ? '' : ` for each ${partition.map(readable).join(', ')}`
  return {
    kind: 'limit',
    from: [nameOf(input)],
    where: [],
    groupBy: [],
    select: [],
    orderBy: order.map(({ field, descending }) => `${readable(field)}${descending ? ' DESC' : ''}`),
    limit: `${size}${offset === 0 ? '' : ` after the first ${offset}`}${each}`,
  }
}

function explainTime(
  { input, field, comparison, micros }: TimeNode,
  nameOf: (model: string) => string,
): Pick<ExplainedStep, 'kind' | 'from' | 'where' | 'groupBy' | 'select' | 'orderBy' | 'limit'> {
  const sign = { gt: '>', gte: '>=', lt: '<', lte: '<=' }[comparison]
  const where = [`${readable(field)} ${sign} now - ${Number(micros) / 1_000_000} seconds`]
  return { kind: 'time', from: [nameOf(input)], where, groupBy: [], select: [], orderBy: [], limit: null }
}

/** Follows a change of a table through all steps that it can reach. */
function explainChange(
  model: string,
  steps: readonly NetworkStep[],
  nameOf: (model: string) => string,
): ExplainedChange {
  const changed = new Set([model])
  const reached: string[] = []
  const factors: ExplainedFactor[] = []
  for (const { node, plan, table, views } of steps) {
    const at = table === null ? (views[0] ?? '') : nameOf(table.model.model)
    const found: ExplainedFactor[] = []
    let isReached = false
    plan?.sources.forEach((source, index) => {
      if (!changed.has(source.model.model)) return
      isReached = true
      found.push(...costOfSource(plan, index, at, nameOf))
    })
    if (node?.kind === 'top' && changed.has(node.input)) {
      isReached = true
      found.push(...costOfLimit(node, at))
    }
    if (node?.kind === 'time' && changed.has(node.input)) {
      isReached = true
      found.push({ factor: 'log n', at, reason: 'its place in the order of time is searched' })
    }
    if (!isReached) continue
    if (!reached.includes(at)) reached.push(at)
    if (table !== null) changed.add(table.model.model)
    for (const factor of found) {
      if (!factors.some((other) => other.at === factor.at && other.reason === factor.reason))
        factors.push(factor)
    }
  }
  return { name: model, steps: reached, cost: costOf(factors), factors }
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null) {
    for (const item of Object.values(value)) deepFreeze(item)
    Object.freeze(value)
  }
  return value
}
