import { ROW_KEY } from '../../zset/row-key.ts'
import { invariant } from '../../core/errors.ts'
import type { ModelContract } from '../../contract/schema-contract.ts'
import type { BlockSourceIr } from '../compile/block-ir.ts'
import { columnAs, visibleUniques } from '../compile/plan-columns.ts'
import { type DerivedModel, hidden, ROW_KEY_TYPE } from '../compile/plan-node.ts'
import type { JoinPair } from '../join-pair.ts'
import { BOOLEAN, conjunction, equality } from '../make-condition.ts'
import { distinct, identify, sameExpression } from '../same-expression.ts'
import type {
  ColumnIr,
  ExistsIr,
  ExpressionIr,
  OutputIr,
  QueryIr,
  QuerySourceIr,
  SelectIr,
  SourceIr,
} from '../view-ir.ts'
import { aliasesIn, conjuncts } from '../walk-ir.ts'
import { type Draft, draftOf, onlyColumn, type Place, rewrite } from './draft.ts'
import { isOneEdge, type JoinCondition, otherColumn, ownColumn, takeApart, turned } from './join-condition.ts'
import { type Needed, neededBy, restrict, withOwn } from './needed.ts'
import { type MovingBound, movingBound } from './moving-bound.ts'
import type { Nodes } from './nodes.ts'

/**
 * Builds the FROM of a block: inner and left joins by equal columns stay as they are, all else becomes blocks before it.
 */
export class JoinLowering {
  readonly #nodes: Nodes
  readonly #tableOf: (query: QueryIr) => DerivedModel
  /** How often a derived table stands in some FROM: its alias tells, so that equal queries are equal nodes. */
  readonly #uses = new Map<string, number>()

  constructor(nodes: Nodes, tableOf: (query: QueryIr) => DerivedModel) {
    this.#nodes = nodes
    this.#tableOf = tableOf
  }

  /** FROM, EXISTS and WHERE of a query. */
  from(select: SelectIr): Draft {
    const needed = neededBy(select)
    let draft: Draft = { sources: [], conditions: [], places: new Map() }
    for (const source of select.sources) draft = this.#join(draft, source, needed)
    for (const exists of select.exists) draft = this.#exists(draft, exists, needed)
    const conditions: ExpressionIr[] = []
    const bounds: MovingBound[] = []
    for (const condition of conjuncts(select.where)) {
      const bound = movingBound(condition)
      if (bound === null) conditions.push(rewrite(condition, draft))
      else bounds.push(bound)
    }
    draft = { ...draft, conditions: [...draft.conditions, ...conditions] }
    for (const bound of bounds) draft = this.#bounded(draft, bound, needed)
    return draft
  }

  /** The rows of a draft whose time is within a moving bound, as those of one table. */
  #bounded(draft: Draft, { value, comparison, micros }: MovingBound, needed: Needed): Draft {
    // Conditions on one table are as good after the bound: its rows are fewer then, and views may share them.
    const isTable = draft.sources.length === 1 && value.kind === 'column'
    const [rows, known] = isTable
      ? [draft, NONE]
      : this.#settle(draft, needed, value.kind === 'column' ? [] : [value])
    const column = rewrite(value, rows, known)
    const [only] = rows.sources
    invariant(only !== undefined && column.kind === 'column', 'a moving bound without a column')
    const { model } = this.#nodes.time(only.model, { field: column.field, comparison, micros })
    return { ...rows, sources: [{ ...only, model }] }
  }

  /** The same rows with columns that hold those expressions of the query. */
  compute(
    select: SelectIr,
    draft: Draft,
    expressions: readonly ExpressionIr[],
  ): readonly [Draft, ReadonlyMap<string, ColumnIr>] {
    return this.#settle(draft, neededBy(select), expressions)
  }

  /** Sets of outputs of which no two rows of an ungrouped query have the same values. */
  identities(select: SelectIr, outputs: readonly OutputIr[]): readonly (readonly string[])[] {
    const keys = select.sources.map((source) => {
      const model = this.#modelOf(source)
      const found = visibleUniques(model)
        .map((fields) => fields.map((field) => nameOf(outputs, source.alias, field)))
        .find((list) => list.every((name) => name !== undefined))
      return found?.filter((name) => name !== undefined)
    })
    const all = keys.flatMap((list) => list ?? [])
    return keys.every((list) => list !== undefined) ? [all] : []
  }

  #modelOf({ from }: QuerySourceIr): ModelContract {
    return from.kind === 'table' ? this.#nodes.model(from.model) : this.#tableOf(from.query)
  }

  #join(draft: Draft, source: SourceIr, needed: Needed): Draft {
    const { join, alias } = source
    if (join === null) return this.begin(source)
    const condition = takeApart(join.on, alias)
    if (condition.pairs.length === 0) {
      throw this.#nodes.refuse(
        `a join of ${alias} without an equality`,
        'eq of one of its columns with an earlier one',
      )
    }
    switch (join.kind) {
      case 'inner':
        return this.#inner(draft, source, condition, needed)
      case 'left':
        return this.#outer(draft, this.begin(source), condition, needed)
      case 'right':
        return this.#right(draft, source, condition, needed)
      default:
        return this.#full(draft, source, condition, needed)
    }
  }

  /** A FROM of one source. */
  begin(source: QuerySourceIr): Draft {
    const { alias } = source
    const place: Place = { source: alias, fields: null, optional: false }
    return draftOf(alias, this.#modelOf(source), new Map([[alias, place]]))
  }

  #inner(draft: Draft, source: QuerySourceIr, condition: JoinCondition, needed: Needed): Draft {
    const [left, right, on] = this.#equate(draft, this.begin(source), condition.pairs, needed)
    const joined = this.attach(left, right, 'inner', on, needed)
    const conditions = [...condition.own, ...condition.rest].map((item) => rewrite(item, joined))
    return { ...joined, conditions: [...joined.conditions, ...conditions] }
  }

  /** `outer LEFT JOIN inner`; the condition's own side is the inner one. */
  #outer(draft: Draft, inner: Draft, { pairs, own, rest }: JoinCondition, needed: Needed): Draft {
    const filtered =
      own.length === 0
        ? inner
        : this.#settled({ ...inner, conditions: own.map((item) => rewrite(item, inner)) }, needed)
    if (rest.length === 0) {
      const [left, right, on] = this.#equate(this.#joined(draft, pairs, needed), filtered, pairs, needed)
      if (isOneEdge(on)) return this.attach(left, right, 'left', on, needed)
    }
    // What matches is a block of its own, found by the row that it matches.
    const base = this.#settled(draft, needed)
    const [first, second, equalities] = this.#equate(base, filtered, pairs, needed)
    const both = this.attach(first, second, 'inner', equalities, needed)
    const conditions = [...both.conditions, ...rest.map((item) => rewrite(item, both))]
    const key = onlyColumn(first, ROW_KEY, ROW_KEY_TYPE)
    const matched = hidden('l')
    const aliases = [...inner.places.keys()]
    const outputs = outputsOf(both, restrict(needed, aliases))
    const model = this.#nodes.block(
      {
        sources: both.sources,
        where: conjunction(conditions),
        groupBy: null,
        select: [{ name: matched, expression: key }, ...outputs],
      },
      [],
    )
    const over = this.over(model, both, aliases)
    const tie = equality(key, onlyColumn(over, matched, ROW_KEY_TYPE))
    return this.attach(first, over, 'left', [tie], needed)
  }

  /** `A RIGHT JOIN B` is `B LEFT JOIN A`. */
  #right(draft: Draft, source: QuerySourceIr, condition: JoinCondition, needed: Needed): Draft {
    const left = this.begin(source)
    return this.#outer(left, this.#settled(draft, needed), turned(condition, source.alias), needed)
  }

  /** What the left join gives, and the rows of the new source that match nothing. */
  #full(draft: Draft, source: QuerySourceIr, condition: JoinCondition, needed: Needed): Draft {
    const left = this.#settled(draft, needed)
    const right = this.#settled(this.begin(source), needed)
    const joined = this.#outer(left, right, condition, needed)
    const aliases = [...joined.places.keys()]
    const lonely = this.#without(right, left, turned(condition, source.alias), needed)
    const outputs = outputsOf(joined, restrict(needed, aliases))
    const own = outputsOf(lonely, restrict(needed, [source.alias]))
    const rest = outputs.slice(0, outputs.length - own.length).map(({ name, expression }): OutputIr => ({
      name,
      expression: { kind: 'literal', text: null, type: { ...expression.type, nullable: true } },
    }))
    const model = this.#nodes.union(
      [
        { sources: joined.sources, where: conjunction(joined.conditions), groupBy: null, select: outputs },
        {
          sources: lonely.sources,
          where: conjunction(lonely.conditions),
          groupBy: null,
          select: [...rest, ...own],
        },
      ],
      [],
    )
    return this.over(model, { places: optional(joined.places) }, aliases)
  }

  #exists(draft: Draft, { negated, source, on }: ExistsIr, needed: Needed): Draft {
    const { alias } = source
    const condition = takeApart(on, alias)
    if (condition.pairs.length === 0) {
      throw this.#nodes.refuse(
        `EXISTS over ${alias} that nothing ties to the query`,
        'eq of one of its columns with one of the query',
      )
    }
    const inner = this.begin(source)
    const whole = withOwn(needed, alias, on)
    return negated
      ? this.#without(draft, inner, condition, whole)
      : this.#within(draft, inner, condition, whole)
  }

  /** The rows of a draft that have a match in `inner`, each once. */
  #within(draft: Draft, inner: Draft, condition: JoinCondition, needed: Needed): Draft {
    const [left, matches, on] = this.#matches(draft, inner, condition, needed)
    return { ...this.attach(left, matches, 'inner', on, needed), places: left.places }
  }

  /** The rows of a draft that have no match in `inner`. */
  #without(draft: Draft, inner: Draft, condition: JoinCondition, needed: Needed): Draft {
    const [left, matches, on] = this.#matches(draft, inner, condition, needed)
    const joined = this.attach(left, matches, 'left', on, needed)
    const missing: ExpressionIr = {
      kind: 'call',
      name: 'isNull',
      args: [onlyColumn(matches, ROW_KEY, { ...ROW_KEY_TYPE, nullable: true })],
      type: { ...BOOLEAN, nullable: false },
    }
    return { ...joined, conditions: [...joined.conditions, missing], places: left.places }
  }

  /** A table with one row for what each row of the draft may match, and what ties the two. */
  #matches(
    draft: Draft,
    inner: Draft,
    { pairs, own, rest }: JoinCondition,
    needed: Needed,
  ): readonly [Draft, Draft, readonly ExpressionIr[]] {
    const filtered = {
      ...inner,
      conditions: [...inner.conditions, ...own.map((item) => rewrite(item, inner))],
    }
    if (rest.length > 0) {
      const base = this.#settled(draft, needed)
      const [left, right, on] = this.#equate(base, this.#settled(filtered, needed), pairs, needed)
      const both = this.attach(left, right, 'inner', on, needed)
      const key = onlyColumn(left, ROW_KEY, ROW_KEY_TYPE)
      const matched = hidden('l')
      const model = this.#nodes.block(
        {
          sources: both.sources,
          where: conjunction([...both.conditions, ...rest.map((item) => rewrite(item, both))]),
          groupBy: [key],
          select: [{ name: matched, expression: key }],
        },
        [[matched]],
      )
      const over = this.over(model, { places: new Map() }, [])
      return [left, over, [equality(key, onlyColumn(over, matched, ROW_KEY_TYPE))]]
    }
    const [left, right, on] = this.#equate(this.#joined(draft, pairs, needed), filtered, pairs, needed)
    // One row for each combination of the columns that are equated.
    const columns = distinct(on.map((pair) => ownColumn(pair, right)))
    const names = columns.map((_, index) => hidden(`k${index}`))
    const model = this.#nodes.block(
      {
        sources: right.sources,
        where: conjunction(right.conditions),
        groupBy: columns,
        select: columns.map((expression, index) => ({ name: names[index] ?? '', expression })),
      },
      [names],
    )
    const over = this.over(model, { places: new Map() }, [])
    const ties = on.map((pair) => {
      const mine = ownColumn(pair, right)
      const at = columns.findIndex((column) => sameExpression(column, mine))
      return equality(otherColumn(pair, right), onlyColumn(over, names[at] ?? '', mine.type))
    })
    return [left, over, ties]
  }

  /** A draft in which one source holds all that the pairs tie the new one to. */
  #joined(draft: Draft, pairs: readonly JoinPair[], needed: Needed): Draft {
    const parents = aliasesIn(...pairs.map(({ other }) => rewrite(other, draft)))
    return parents.size > 1 ? this.#settled(draft, needed) : draft
  }

  /** Both sides with plain columns for what is equated, and the equalities. */
  #equate(
    draft: Draft,
    inner: Draft,
    pairs: readonly JoinPair[],
    needed: Needed,
  ): readonly [Draft, Draft, readonly ExpressionIr[]] {
    const computed = (sides: readonly ExpressionIr[]): readonly ExpressionIr[] =>
      sides.filter(({ kind }) => kind !== 'column')
    const others = computed(pairs.map(({ other }) => other))
    const owns = computed(pairs.map(({ own }) => own))
    const [left, known] = others.length === 0 ? [draft, NONE] : this.#settle(draft, needed, others)
    const [right, ownKnown] = owns.length === 0 ? [inner, NONE] : this.#settle(inner, needed, owns)
    return [
      left,
      right,
      pairs.map(({ own, other }) => equality(rewrite(other, left, known), rewrite(own, right, ownKnown))),
    ]
  }

  /** Adds the only source of `right` to the FROM of `left`. */
  attach(
    left: Draft,
    right: Draft,
    kind: 'inner' | 'left',
    on: readonly ExpressionIr[],
    needed: Needed,
  ): Draft {
    const condition = conjunction(on)
    const [only, ...others] = right.sources
    invariant(only !== undefined && others.length === 0 && condition !== null, 'no single source to join')
    invariant(kind === 'inner' || right.conditions.length === 0, 'a condition on what may be missing')
    const isTwice = left.sources.some(({ model }) => model === only.model)
    const model = isTwice ? this.#copy(only, needed) : only.model
    const places = kind === 'left' ? optional(right.places) : right.places
    return {
      sources: [...left.sources, { alias: only.alias, model, join: { kind, on: condition } }],
      conditions: [...left.conditions, ...right.conditions],
      places: new Map([...left.places, ...places]),
    }
  }

  /** The rows of a table in a table of their own, so that a block can read it twice. */
  #copy({ alias, model: name }: BlockSourceIr, needed: Needed): string {
    const model = this.#nodes.model(name)
    const used = needed.get(alias)
    const columns = model.columns.filter(
      ({ field }) => field !== ROW_KEY && (used === undefined || used.has(field)),
    )
    const select = columns.map((column): OutputIr => ({
      name: column.field,
      expression: columnAs(alias, column),
    }))
    const sources = [{ alias, model: name, join: null }]
    return this.#nodes.block({ sources, where: null, groupBy: null, select }, visibleUniques(model)).model
  }

  #settled(draft: Draft, needed: Needed): Draft {
    return this.#settle(draft, needed, [])[0]
  }

  /** The same rows as those of one derived table, with columns that hold some expressions. */
  #settle(
    draft: Draft,
    needed: Needed,
    expressions: readonly ExpressionIr[],
  ): readonly [Draft, ReadonlyMap<string, ColumnIr>] {
    const aliases = [...draft.places.keys()]
    const outputs = outputsOf(draft, restrict(needed, aliases))
    const computed = expressions.map((expression, index): OutputIr => ({
      name: hidden(`c${index}`),
      expression: rewrite(expression, draft),
    }))
    const model = this.#nodes.block(
      {
        sources: draft.sources,
        where: conjunction(draft.conditions),
        groupBy: null,
        select: [...outputs, ...computed],
      },
      [],
    )
    const over = this.over(model, draft, aliases)
    const known = expressions.map((expression, index): [string, ColumnIr] => [
      identify(expression),
      onlyColumn(over, hidden(`c${index}`), { ...expression.type, nullable: true }),
    ])
    return [over, new Map(known)]
  }

  /** A derived table in FROM, with the columns of some sources that its block had. */
  over(model: DerivedModel, { places }: Pick<Draft, 'places'>, aliases: readonly string[]): Draft {
    const uses = (this.#uses.get(model.model) ?? 0) + 1
    this.#uses.set(model.model, uses)
    const source = hidden(`${model.model}.${uses}`)
    const moved = aliases.map((alias): [string, Place] => {
      const fields = model.columns
        .filter(({ field }) => ownedBy(field, alias))
        .map(({ field }): [string, string] => [field.slice(alias.length + 1), field])
      return [alias, { source, fields: new Map(fields), optional: places.get(alias)?.optional === true }]
    })
    return draftOf(source, model, new Map(moved))
  }
}

const NONE: ReadonlyMap<string, ColumnIr> = new Map()

/** The columns of a draft's sources as outputs `alias.field`. */
function outputsOf(draft: Draft, needed: Needed): readonly OutputIr[] {
  return [...needed].flatMap(([alias, fields]) =>
    [...fields].map(([field, type]): OutputIr => ({
      name: `${alias}.${field}`,
      expression: rewrite({ kind: 'column', source: alias, field, type }, draft),
    })),
  )
}

/** Aliases have no dots, so the first one ends it. */
function ownedBy(name: string, alias: string): boolean {
  return name.startsWith(`${alias}.`)
}

function optional(places: Draft['places']): Draft['places'] {
  return new Map([...places].map(([alias, place]) => [alias, { ...place, optional: true }]))
}

function nameOf(outputs: readonly OutputIr[], source: string, field: string): string | undefined {
  return outputs.find(
    ({ expression }) =>
      expression.kind === 'column' && expression.source === source && expression.field === field,
  )?.name
}
