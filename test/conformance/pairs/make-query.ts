import type { Choice } from './axes.ts'
import { conjunction, SourceMaker } from './make-sources.ts'
import { computedValue, condition } from './make-expression.ts'
import { aggregates } from './make-aggregate.ts'
import { viewOf } from './define-spec.ts'
import type { Random } from './random.ts'
import {
  comparison,
  constantFor,
  hasOrder,
  isComparable,
  isKey,
  isOrdered,
  sourceOf,
  type Column,
  type Source,
} from './scope.ts'
import type { Exp, NestSpec, OrderSpec, QuerySpec, SelectSpec } from './spec.ts'
import { models } from './world.ts'

/** Makes a query that has the chosen features, of columns and constants at random. Throws where `defineView` refuses a part. */
export function makeQuery(random: Random, choice: Choice, depth = 0): QuerySpec {
  return new QueryMaker(random, depth).query(choice)
}

class QueryMaker {
  readonly #random: Random
  readonly #sources: SourceMaker

  constructor(random: Random, depth: number) {
    this.#random = random
    this.#sources = new SourceMaker(random, depth, makeQuery)
  }

  query(choice: Choice): QuerySpec {
    const select = this.#select({ ...choice, limit: choice.set === 'none' ? choice.limit : 'none' })
    if (choice.set === 'none') return select
    const first = narrow(select)
    const inputs = [first, this.#sibling(first, choice.set)]
    if (this.#random.once(3)) inputs.push(this.#sibling(first, choice.set))
    const names = Object.keys(first.select)
    const order = names.map((name) => this.#ordered(`.${name}`))
    const all: QuerySpec = {
      set: choice.set,
      inputs: choice.set === 'except' ? inputs : this.#random.shuffle(inputs),
    }
    const ordered = columnsOf(all).every(isOrdered)
    return choice.limit === 'none' || !ordered ? all : { ...all, order, limit: this.#limit(choice, []) }
  }

  #select(choice: Choice): SelectSpec {
    const random = this.#random
    const base = this.#sources.source(choice.relation)
    const [sources, joins] = this.#sources.joins(choice, base)
    const columns = sources.flatMap((source) => source.columns)
    const where = this.#where(choice, columns)
    const exists = this.#sources.exists(choice, sources)
    const groupBy = this.#groups(choice, columns)
    const isGrouped = groupBy !== null
    // Rows that are told apart by all outputs.
    const told = choice.distinct === 'yes' || choice.set !== 'none'
    const counted = isGrouped
      ? aggregates(random, choice.aggregate, told ? columns.filter(isKey) : columns, sources, told)
      : []
    const having = this.#having(choice, columns, groupBy)
    const select: Record<string, Exp> = {}
    const keys = sources.flatMap(({ key }) => key ?? [])
    if (isGrouped) {
      const shown = random.once(4) ? random.sample(groupBy, 1) : groupBy
      shown.forEach((exp, index) => (select[`g${index}`] = exp))
      counted.forEach((exp, index) => (select[`a${index}`] = exp))
    } else {
      if (choice.distinct === 'no' && random.once(2))
        keys.forEach(({ exp }, index) => (select[`k${index}`] = exp))
      random
        .sample(
          told ? (choice.limit === 'none' ? columns : columns.filter(isOrdered)).filter(isKey) : columns,
          1 + random.below(3),
        )
        .forEach(({ exp }, index) => (select[`c${index}`] = exp))
    }
    if (choice.computed !== 'none') {
      const usable = isGrouped ? columns.filter(({ exp }) => groupBy.includes(exp)) : columns
      const value = computedValue(
        random,
        choice.computed,
        told ? usable.filter(isExact) : usable,
        isGrouped ? counted : [],
      )
      if (value !== null) select['x'] = value
    }
    if (choice.nested !== 'none') {
      const usable = isGrouped ? columns.filter(({ exp }) => groupBy.includes(exp)) : columns
      select['nested'] = this.#nested(choice.nested, usable)
    }
    if (Object.keys(select).length === 0) select['n'] = { agg: 'count' }
    const spec: SelectSpec = {
      from: base.named,
      ...(joins.length === 0 ? {} : { joins }),
      ...(where === null ? {} : { where }),
      ...(exists.length === 0 ? {} : { exists }),
      ...(groupBy === null || groupBy.length === 0 ? {} : { groupBy }),
      ...(having === null ? {} : { having }),
      select,
      ...(choice.distinct === 'yes' ? { distinct: true } : {}),
    }
    return this.#limited(choice, spec, sources, groupBy)
  }

  #where({ where }: Choice, columns: readonly Column[]): Exp | null {
    const random = this.#random
    switch (where) {
      case 'none':
        return null
      case 'compare':
        return random.once(3)
          ? ['and', comparison(random, columns), comparison(random, columns)]
          : comparison(random, columns)
      case 'orNull':
        return ['or', comparison(random, columns), ['isNull', random.pick(columns.filter(isComparable)).exp]]
      case 'not':
        return ['not', [random.pick(['and', 'or']), comparison(random, columns), comparison(random, columns)]]
      default:
        return condition(random, columns)
    }
  }

  /** Rows of another relation; `deep`: with rows of a further one inside. */
  #nested(nested: Choice['nested'], columns: readonly Column[]): NestSpec {
    const random = this.#random
    const outer: Source = { named: ['', 'Team'], columns, key: null }
    const [source, pairs] = this.#sources.pair([outer], this.#sources.source('table'))
    const key = source.key ?? []
    const shown = source.columns.filter(
      ({ type }) =>
        (type.scalar === 'Int' || type.pgType === 'text' || type.scalar === 'Boolean') && !type.list,
    )
    const first = random.sample(source.columns.filter(isOrdered), 1)
    const order = [...first, ...key.filter((column) => !first.includes(column))]
    return {
      nest: source.named,
      on: conjunction(random.once(3) ? [...pairs, comparison(random, source.columns)] : pairs),
      select: {
        ...Object.fromEntries(random.sample(shown, 2).map(({ exp }, index) => [`c${index}`, exp])),
        ...(nested === 'deep' ? { deep: this.#nested('all', source.columns) } : {}),
      },
      order: order.map(({ exp }) => this.#ordered(exp)),
      ...(random.once(2)
        ? { limit: random.pick([{ count: 1 }, { count: 2 }, { count: 2, offset: 1 }]) }
        : {}),
    }
  }

  #groups({ group, limit }: Choice, columns: readonly Column[]): readonly Exp[] | null {
    const random = this.#random
    const usable = limit === 'none' ? columns : columns.filter(isOrdered)
    const keys = usable.filter(isKey).map(({ exp }) => exp)
    switch (group) {
      case 'none':
        return null
      case 'all':
        return []
      case 'one':
        return random.sample(keys, 1)
      case 'two':
        return random.sample(keys, 2)
      default: {
        const value = computedValue(
          random,
          random.pick(['number', 'case', 'text', 'date', 'condition'] as const),
          columns.filter(isExact),
          [],
        )
        return value === null
          ? random.sample(keys, 1)
          : random.once(2)
            ? [value]
            : [value, ...random.sample(keys, 1)]
      }
    }
  }

  #having({ having }: Choice, columns: readonly Column[], groupBy: readonly Exp[] | null): Exp | null {
    const random = this.#random
    if (having === 'none' || groupBy === null) return null
    const grouped = columns.filter((column) => groupBy.includes(column.exp) && isComparable(column))
    if (having === 'group' && grouped.length > 0) return comparison(random, grouped)
    const ordered = columns.filter(hasOrder)
    if (ordered.length > 0 && random.once(3)) {
      const column = random.pick(ordered)
      return [
        random.pick(['gt', 'lte', 'ne']),
        { agg: random.pick(['min', 'max']), of: column.exp },
        constantFor(random, column.type),
      ]
    }
    return random.pick<Exp>([
      ['gt', { agg: 'count' }, { v: random.pick([0, 1]) }],
      ['lte', { agg: 'count' }, { v: random.pick([1, 2, 3]) }],
      ['ne', { agg: 'count' }, { v: random.pick([1, 2]) }],
    ])
  }

  #limited(
    choice: Choice,
    spec: SelectSpec,
    sources: readonly Source[],
    groupBy: readonly Exp[] | null,
  ): SelectSpec {
    if (choice.limit === 'none') return spec
    const random = this.#random
    const columns = sources.flatMap((source) => source.columns)
    const outputs = Object.values(spec.select).filter((exp) => typeof exp === 'string' || !('nest' in exp))
    const isBag = sources.some(({ key }) => key === null)
    let first: readonly Exp[] = random.sample(columns.filter(isOrdered), 1).map(({ exp }) => exp)
    let total: readonly Exp[] = isBag
      ? outputs
      : sources.flatMap(({ key }) => (key ?? []).map(({ exp }) => exp))
    if (groupBy !== null) {
      first = random.sample([{ agg: 'count' }, ...groupBy], 1)
      total = groupBy
    }
    if (spec.distinct === true) {
      first = random.sample(outputs, 1)
      total = outputs
    }
    const by = choice.limit === 'per' ? this.#by(spec, columns, groupBy) : []
    const order = [...first, ...total].filter(
      (exp, index, all) => all.findIndex((other) => sameExp(other, exp)) === index,
    )
    const needed = order.filter(
      (exp, index) => index === 0 || !by.some((one) => sameExp(one, exp)) || random.once(2),
    )
    return {
      ...spec,
      order: needed.map((exp) => this.#ordered(exp)),
      limit: this.#limit(choice, by),
    }
  }

  #by(spec: SelectSpec, columns: readonly Column[], groupBy: readonly Exp[] | null): readonly Exp[] {
    const outputs = Object.values(spec.select)
    const usable = columns
      .filter(isKey)
      .map(({ exp }) => exp)
      .filter((exp) =>
        spec.distinct === true ? outputs.includes(exp) : groupBy === null || groupBy.includes(exp),
      )
    return usable.length === 0 ? (groupBy ?? outputs).slice(0, 1) : this.#random.sample(usable, 1)
  }

  #ordered(by: Exp): OrderSpec {
    const random = this.#random
    const nulls = random.pick([undefined, 'first', 'last'] as const)
    return { by, ...(random.once(2) ? { desc: true } : {}), ...(nulls === undefined ? {} : { nulls }) }
  }

  #limit({ limit }: Choice, per: readonly Exp[]): NonNullable<SelectSpec['limit']> {
    const random = this.#random
    const count = random.pick([1, 2, 3, 5, 8])
    const offset = random.pick([1, 1, 2])
    if (limit === 'per') return { count, per, ...(random.once(3) ? { offset } : {}) }
    if (limit === 'offset') return { offset }
    return limit === 'both' ? { count, offset } : { count }
  }

  /** A query whose outputs have the same names and types. */
  #sibling(spec: SelectSpec, set: Choice['set']): SelectSpec {
    const random = this.#random
    const wanted = columnsOf(spec)
    const tables = models.map((model) => sourceOf('s', model.model))
    const found = tables.flatMap((source) => {
      const picked = wanted.map(({ type }) =>
        source.columns.filter(
          (column) =>
            column.type.pgType === type.pgType && column.type.scalar === type.scalar && !column.type.list,
        ),
      )
      return picked.every((list) => list.length > 0) ? [{ source, picked }] : []
    })
    // Unrelated rows are seldom the same.
    if (found.length === 0 || !random.once(set === 'intersect' ? 6 : 3)) {
      const { having: _having, ...others } = spec
      const columns = fromOf(spec)
      return random.once(2) && spec.groupBy === undefined
        ? { ...spec, where: comparison(random, columns) }
        : others
    }
    const { source, picked } = random.pick(found)
    const select = Object.fromEntries(
      Object.keys(spec.select).map((name, index) => [name, random.pick(picked[index] ?? []).exp]),
    )
    return {
      from: source.named,
      ...(random.once(2) ? { where: comparison(random, source.columns) } : {}),
      select,
    }
  }
}

/** At most two outputs, so that rows of several inputs are the same now and then. */
function narrow(spec: SelectSpec): SelectSpec {
  const { order: _order, limit: _limit, ...others } = spec
  return { ...others, select: Object.fromEntries(Object.entries(spec.select).slice(-2)) }
}

function columnsOf(spec: QuerySpec): readonly Column[] {
  return sourceOf('', viewOf('inner', spec).ir.query.kind === 'select' ? spec : spec).columns
}

function fromOf(spec: SelectSpec): readonly Column[] {
  return [spec.from, ...(spec.joins ?? []).map(({ source }) => source)].flatMap(
    ([alias, relation]) => sourceOf(alias, relation).columns,
  )
}

/** Whether what is computed of it has one form only. */
function isExact({ type }: Column): boolean {
  return type.scalar !== 'Decimal' && type.scalar !== 'Float'
}

function sameExp(a: Exp, b: Exp): boolean {
  return JSON.stringify(a) === JSON.stringify(b)
}
