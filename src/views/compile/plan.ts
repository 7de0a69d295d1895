import { columnOf, modelOf } from '../../contract/lookup.ts'
import type { ColumnContract, ModelContract, Schema } from '../../contract/schema-contract.ts'
import { DbsyncError, invariant } from '../../core/errors.ts'
import { isOrderedAggregate, typeAggregate } from '../check/aggregate-types.ts'
import type { BlockIr } from './block-ir.ts'
import { areComparable } from '../functions/types.ts'
import {
  capability,
  distinctColumns,
  isDerived,
  keyOf,
  mostFrequent,
  nameOf,
  sameColumn,
  typeOfColumn,
  uniquesOf,
} from './plan-columns.ts'
import { nestedArgument } from './nested-columns.ts'
import type { AggregateIr, CallIr, ColumnIr, ExpressionIr } from '../view-ir.ts'
import { aliasesIn, conjuncts } from '../walk-ir.ts'

/** How a source hangs on an earlier one: equal pairs of fields, in one order on both sides. */
export interface JoinEdge {
  readonly parent: number
  readonly parentFields: readonly string[]
  readonly childFields: readonly string[]
  readonly outer: boolean
}

/** One source of a view and what the view wants of it. */
export interface PlannedSource {
  readonly alias: string
  readonly model: ModelContract
  /** Null for the first. */
  readonly edge: JoinEdge | null
  /** Whether a tuple may lack it. */
  readonly optional: boolean
  readonly fields: ReadonlySet<string>
  /** Fields whose change moves tuples. */
  readonly critical: ReadonlySet<string>
}

/**
 * `single`: one row, aggregates over everything. `grouped`: aggregates by group. `keyed`: one row a tuple, found by its
 * key. `bag`: rows without identity, counted.
 */
export type ViewShape = 'single' | 'grouped' | 'keyed' | 'bag'

/** A view, resolved against the schema: what to index, what to store, what to compute. */
export interface ViewPlan {
  readonly ir: BlockIr
  readonly shape: ViewShape
  readonly sources: readonly PlannedSource[]
  /** WHERE and what inner joins ask beyond their edge. */
  readonly conditions: readonly ExpressionIr[]
  /** What identifies a row, then what depends on it. */
  readonly parts: readonly ColumnIr[]
  readonly identity: number
  /** The source whose rows and the view's groups correspond one to one, or -1. */
  readonly groupSource: number
}

/** What a block is for: to show a view's rows, or to be read by other blocks. */
export type BlockRole = 'view' | 'node'

/**
 * Resolves a block against the schema and decides how it is maintained. A node's rows need no key: they are told apart
 * by the rows that they are made of.
 *
 * Throws: VIEW.INVALID_DEFINITION, VIEW.UNSUPPORTED or VIEW.NOT_EXACT with the path of what is refused.
 */
export function planView(schema: Schema, ir: BlockIr, role: BlockRole = 'view'): ViewPlan {
  const planner = new Planner(schema, ir, role)
  return planner.plan()
}

interface DraftSource {
  readonly alias: string
  readonly model: ModelContract
  edge: JoinEdge | null
  optional: boolean
  readonly fields: Set<string>
  readonly critical: Set<string>
}

class Planner {
  readonly #schema: Schema
  readonly #ir: BlockIr
  readonly #isNode: boolean
  readonly #sources: DraftSource[] = []
  readonly #conditions: ExpressionIr[] = []

  constructor(schema: Schema, ir: BlockIr, role: BlockRole) {
    this.#schema = schema
    this.#ir = ir
    this.#isNode = role === 'node'
  }

  plan(): ViewPlan {
    const ir = this.#ir
    ir.sources.forEach((_, index) => this.#addSource(index))
    if (ir.sources.length === 0) throw this.#invalid('from', 'no source', 'one table at least')
    if (ir.select.length === 0) throw this.#invalid('select', 'nothing', 'one output at least')
    const taker = nestedArgument(ir, this.#sources)
    if (taker !== null)
      throw this.#error('VIEW.UNSUPPORTED', 'select', `${taker} of a nested result`, 'the result itself')
    if (ir.where !== null) this.#conditions.push(...conjuncts(ir.where))
    for (const condition of this.#conditions) this.#useCondition(condition, 'where')
    const shape = this.#shape()
    const columns = this.#identifyingColumns(shape)
    for (const output of ir.select) this.#useOutput(output.expression, shape, `select.${output.name}`)
    for (const column of columns.parts) this.#use(column, true, 'groupBy')
    for (const column of ir.rows?.columns ?? []) this.#use(column, false, 'rows')
    for (const { expression } of ir.rows?.order ?? []) this.#useCondition(expression, 'rows')
    for (const { expression } of ir.order ?? []) this.#useCondition(expression, 'orderBy', shape === 'bag')
    return {
      ir,
      shape,
      sources: this.#sources,
      conditions: this.#conditions,
      parts: columns.parts,
      identity: columns.identity,
      groupSource: this.#groupSource(shape, columns.parts.slice(0, columns.identity)),
    }
  }

  #addSource(index: number): void {
    const source = this.#ir.sources[index]
    if (source === undefined) return
    const path = `from.${source.alias}`
    const model = modelOf(this.#schema, source.model)
    if (this.#sources.some(({ alias }) => alias === source.alias)) {
      throw this.#invalid(path, 'an alias used twice', 'a different name for each source')
    }
    invariant(!this.#sources.some((other) => other.model === model), 'a block that reads a table twice')
    const draft: DraftSource = {
      alias: source.alias,
      model,
      edge: null,
      optional: false,
      fields: new Set(model.key),
      critical: new Set(),
    }
    this.#sources.push(draft)
    if ((source.join === null) !== (index === 0)) {
      throw this.#invalid(
        path,
        'a join in the wrong place',
        'the first source without a join and every other with one',
      )
    }
    if (source.join === null) return
    const outer = source.join.kind === 'left'
    draft.edge = this.#edge(index, source.join.on, outer, path)
    // An inner join lets no tuple through that lacks its source, whatever its parent is.
    draft.optional = outer
  }

  #edge(index: number, on: ExpressionIr, outer: boolean, path: string): JoinEdge {
    const pairs: { parent: number; parentField: string; childField: string; condition: ExpressionIr }[] = []
    const others: ExpressionIr[] = []
    for (const condition of conjuncts(on)) {
      const pair = this.#pair(index, condition)
      if (pair === null) others.push(condition)
      else pairs.push({ ...pair, condition })
    }
    const parent = mostFrequent(pairs.map((pair) => pair.parent))
    const advice = 'equalities between its columns and those of one earlier source'
    if (parent === undefined) throw this.#error('VIEW.UNSUPPORTED', `${path}.on`, 'no such equality', advice)
    // Each column joins once; a second equality of the same column is a condition.
    const chosen: typeof pairs = []
    for (const pair of pairs) {
      const taken = chosen.some(
        ({ childField, parentField }) => childField === pair.childField || parentField === pair.parentField,
      )
      if (pair.parent === parent && !taken) chosen.push(pair)
      else others.push(pair.condition)
    }
    if (outer && others.length > 0) {
      throw this.#error(
        'VIEW.UNSUPPORTED',
        `${path}.on`,
        'further conditions in a left join',
        `only ${advice}`,
      )
    }
    this.#conditions.push(...others)
    const child = this.#sources[index]
    const upper = this.#sources[parent]
    for (const { parentField, childField } of chosen) {
      if (child === undefined || upper === undefined) continue
      const left = columnOf(upper.model, parentField)
      const right = columnOf(child.model, childField)
      this.#requireKey(left, `${path}.on`)
      this.#requireKey(right, `${path}.on`)
      this.#requireFamily(left, right, `${path}.on`)
      for (const set of [child.fields, child.critical]) set.add(childField)
      for (const set of [upper.fields, upper.critical]) set.add(parentField)
    }
    return {
      parent,
      parentFields: chosen.map((pair) => pair.parentField),
      childFields: chosen.map((pair) => pair.childField),
      outer,
    }
  }

  #pair(
    index: number,
    condition: ExpressionIr,
  ): { parent: number; parentField: string; childField: string } | null {
    if (condition.kind !== 'call' || condition.name !== 'eq') return null
    const [a, b] = condition.args
    if (a?.kind !== 'column' || b?.kind !== 'column') return null
    const left = this.#sourceOf(a)
    const right = this.#sourceOf(b)
    if (left === index && right < index) return { parent: right, parentField: b.field, childField: a.field }
    if (right === index && left < index) return { parent: left, parentField: a.field, childField: b.field }
    return null
  }

  #shape(): ViewShape {
    const { groupBy, select, key } = this.#ir
    const aggregates = select.some(({ expression }) => expression.kind === 'aggregate')
    if (groupBy !== null && groupBy.length > 0) return 'grouped'
    if (groupBy !== null || aggregates) return 'single'
    return key === null && !this.#isNode ? 'bag' : 'keyed'
  }

  #identifyingColumns(shape: ViewShape): { readonly parts: readonly ColumnIr[]; readonly identity: number } {
    const { groupBy, select, key } = this.#ir
    if (shape === 'single') return { parts: [], identity: 0 }
    if (shape === 'bag') {
      const parts = select.map(({ name, expression }) => {
        if (expression.kind === 'column') return expression
        throw this.#error(
          'VIEW.UNSUPPORTED',
          `select.${name}`,
          'a computed output in a view without a key',
          'columns alone. Select the key as well',
        )
      })
      for (const { expression } of this.#ir.order ?? [])
        if (expression.kind === 'column') parts.push(expression)
      return { parts: distinctColumns(parts), identity: distinctColumns(parts).length }
    }
    if (shape === 'keyed' && this.#isNode) {
      const parts = this.#tupleIdentity()
      return { parts, identity: parts.length }
    }
    if (shape === 'keyed') {
      const parts = (key ?? []).map((name) => {
        const output = select.find((item) => item.name === name)
        if (output?.expression.kind === 'column') return output.expression
        throw this.#invalid('key', `"${name}", which is no selected column`, 'names of selected columns')
      })
      // Over derived tables the key was inferred from the whole query.
      if (!this.#sources.some(({ model }) => isDerived(model))) this.#requireIdentity(parts)
      return { parts: distinctColumns(parts), identity: distinctColumns(parts).length }
    }
    const all = distinctColumns(groupBy ?? [])
    for (const column of all) this.#requireKey(this.#contractOf(column), 'groupBy')
    // A source whose whole key is grouped by decides its other columns.
    const decided = new Set(
      this.#sources
        .filter(({ alias, model }) =>
          model.key.every((field) => all.some((item) => item.source === alias && item.field === field)),
        )
        .map(({ alias }) => alias),
    )
    const dependent = all.filter(
      (column) => decided.has(column.source) && !this.#modelOf(column).key.includes(column.field),
    )
    const own = all.filter((column) => !dependent.includes(column))
    for (const column of own) {
      if (key === null) break
      const named = select.some(
        ({ name, expression }) => key.includes(name) && sameColumn(expression, column),
      )
      if (!named)
        throw this.#invalid(
          'key',
          `no ${column.source}.${column.field}`,
          'every column that identifies a group',
        )
    }
    return { parts: [...own, ...dependent], identity: own.length }
  }

  /** The keys of the sources, without those that the others decide. */
  #tupleIdentity(): readonly ColumnIr[] {
    let kept = this.#sources
    for (const source of this.#sources.toReversed()) {
      const fewer = kept.filter((other) => other !== source)
      if (this.#openSource(fewer.flatMap(keyOf)) === undefined) kept = fewer
    }
    return kept.flatMap(keyOf)
  }

  /** A row's identity needs the key of every source, unless joins and conditions fix it. */
  #requireIdentity(key: readonly ColumnIr[]): void {
    const open = this.#openSource(key)
    if (open === undefined) return
    throw this.#invalid(
      'key',
      `a key that does not identify the rows of ${open.alias}`,
      `the key of ${open.model.model} in it, or no key at all`,
    )
  }

  /** A source of which those columns do not tell the row. */
  #openSource(key: readonly ColumnIr[]): DraftSource | undefined {
    const decided = new Set(key.map(nameOf))
    const isDecided = ({ alias, model }: DraftSource): boolean =>
      uniquesOf(model).some((fields) => fields.every((item) => decided.has(`${alias}.${item}`)))
    const knows = (source: DraftSource, field: string): boolean =>
      decided.has(`${source.alias}.${field}`) || isDecided(source)
    for (let size = -1; size !== decided.size;) {
      size = decided.size
      for (const child of this.#sources) this.#spread(child, knows, decided)
      for (const condition of this.#conditions) {
        if (condition.kind !== 'call' || condition.name !== 'eq') continue
        const [a, b] = condition.args
        for (const [side, other] of [
          [a, b],
          [b, a],
        ]) {
          if (side?.kind !== 'column') continue
          const source = other?.kind === 'column' ? this.#sources[this.#sourceOf(other)] : undefined
          const fixed = other?.kind === 'column' && source !== undefined && knows(source, other.field)
          if (other?.kind === 'literal' || fixed) decided.add(nameOf(side))
        }
      }
    }
    return this.#sources.find((source) => !source.model.key.every((field) => knows(source, field)))
  }

  /** The parent's value decides the child's, which may also be missing; an inner join works both ways. */
  #spread(
    child: DraftSource,
    knows: (source: DraftSource, field: string) => boolean,
    decided: Set<string>,
  ): void {
    const parent = child.edge === null ? undefined : this.#sources[child.edge.parent]
    if (child.edge === null || parent === undefined) return
    const { outer, parentFields, childFields } = child.edge
    childFields.forEach((childField, at) => {
      const parentField = parentFields[at] ?? ''
      if (knows(parent, parentField)) decided.add(`${child.alias}.${childField}`)
      if (!outer && knows(child, childField)) decided.add(`${parent.alias}.${parentField}`)
    })
  }

  #groupSource(shape: ViewShape, identity: readonly ColumnIr[]): number {
    const [first] = identity
    if (first === undefined || shape === 'bag') return -1
    const index = this.#sourceOf(first)
    const source = this.#sources[index]
    if (source === undefined || source.optional) return -1
    const exact =
      identity.length === source.model.key.length &&
      identity.every((column) => column.source === source.alias && source.model.key.includes(column.field))
    return exact ? index : -1
  }

  #useOutput(expression: ExpressionIr, shape: ViewShape, path: string): void {
    if (expression.kind === 'aggregate') {
      this.#useAggregate(expression, path)
      return
    }
    if (expression.kind === 'literal') return
    if (shape === 'single')
      throw this.#invalid(path, 'a column outside of an aggregate', 'an aggregate, or the column in groupBy')
    if (expression.kind === 'call') {
      if (shape !== 'keyed')
        throw this.#error('VIEW.UNSUPPORTED', path, 'a computed output here', 'a column or an aggregate')
      this.#useCondition(expression, path, false)
      return
    }
    if (expression.kind === 'nested')
      throw this.#error('VIEW.UNSUPPORTED', path, 'a nested result', 'columns and aggregates')
    if (shape === 'grouped' && !(this.#ir.groupBy ?? []).some((column) => sameColumn(column, expression))) {
      throw this.#invalid(
        path,
        `${expression.source}.${expression.field}, which is not grouped by`,
        'an aggregate, or the column in groupBy',
      )
    }
    this.#use(expression, shape === 'bag', path)
  }

  #useAggregate(aggregate: AggregateIr, path: string): void {
    const { name, argument, filter, order = [] } = aggregate
    const ordered = isOrderedAggregate(name)
    if (filter !== undefined) this.#useCondition(filter, `${path}.filter`, ordered)
    if (argument === null || argument.kind === 'literal') {
      if (name !== 'count') throw this.#error('VIEW.UNSUPPORTED', path, `${name} of a constant`, 'a column')
    } else if (argument.kind === 'column') {
      const contract = this.#contractOf(argument)
      const typing = typeAggregate(name, { ...contract, scalar: contract.type })
      if ('needs' in typing)
        throw this.#invalid(path, `${name} of ${contract.pgType}`, `${name} of ${typing.needs}`)
      if ('reason' in typing)
        throw this.#error('VIEW.NOT_EXACT', path, `${name} of ${contract.pgType}`, typing.reason)
      this.#use(argument, false, path)
    } else throw this.#error('VIEW.UNSUPPORTED', path, `${name} of a computed value`, 'a column')
    for (const { expression } of order) {
      if (expression.kind !== 'column')
        throw this.#error('VIEW.UNSUPPORTED', path, 'an order by a computed value', 'columns')
      // What moves a row in its group must come as a removal and an addition.
      this.#use(expression, true, path)
    }
    if (aliasesIn(aggregate).size > 1) {
      throw this.#error('VIEW.UNSUPPORTED', path, 'columns of several tables', 'columns of one table')
    }
  }

  #useCondition(expression: ExpressionIr, path: string, critical = true): void {
    if (expression.kind === 'aggregate') throw this.#invalid(path, 'an aggregate', 'a condition on rows')
    if (expression.kind === 'column') this.#use(expression, critical, path)
    if (expression.kind !== 'call') return
    this.#requireComparable(expression, path)
    for (const argument of expression.args) this.#useCondition(argument, path, critical)
  }

  #requireComparable(call: CallIr, path: string): void {
    const columns = call.args
      .filter((argument) => argument.kind === 'column')
      .map((column) => this.#contractOf(column))
    const equality = call.name === 'eq' || call.name === 'ne' || call.name === 'inArray'
    const order = call.name === 'gt' || call.name === 'gte' || call.name === 'lt' || call.name === 'lte'
    if (!equality && !order) return
    const [first] = columns
    for (const column of columns) {
      const able = capability(column)
      if (equality ? !able.equality : !able.order) {
        throw this.#error('VIEW.NOT_EXACT', path, `${call.name} of ${column.pgType}`, able.reason)
      }
      // Values are compared as Postgres converts them; only joins need one family.
      if (first !== undefined && !areComparable(typeOfColumn(first), typeOfColumn(column)))
        this.#requireFamily(first, column, path)
    }
  }

  #requireKey(contract: ColumnContract, path: string): void {
    const able = capability(contract)
    if (!able.key)
      throw this.#error('VIEW.NOT_EXACT', path, `${contract.field} of ${contract.pgType}`, able.reason)
  }

  #requireFamily(a: ColumnContract, b: ColumnContract, path: string): void {
    if (capability(a).family === capability(b).family) return
    throw this.#invalid(path, `a comparison of ${a.pgType} with ${b.pgType}`, 'two values of one kind')
  }

  #use(column: ColumnIr, critical: boolean, path: string): void {
    const source = this.#sources[this.#sourceOf(column)]
    if (source === undefined) throw this.#invalid(path, `the alias "${column.source}"`, 'one of the sources')
    const able = capability(columnOf(source.model, column.field))
    if (!able.read) throw this.#error('VIEW.UNSUPPORTED', path, column.field, able.reason)
    source.fields.add(column.field)
    if (critical) source.critical.add(column.field)
  }

  #contractOf(column: ColumnIr): ColumnContract {
    return columnOf(this.#modelOf(column), column.field)
  }

  #modelOf(column: ColumnIr): ModelContract {
    const source = this.#sources[this.#sourceOf(column)]
    if (source === undefined)
      throw this.#invalid('from', `the alias "${column.source}"`, 'one of the sources')
    return source.model
  }

  #sourceOf(column: ColumnIr): number {
    return this.#sources.findIndex(({ alias }) => alias === column.source)
  }

  #invalid(path: string, found: string, need: string): DbsyncError {
    return this.#error('VIEW.INVALID_DEFINITION', path, found, need)
  }

  #error(
    code: 'VIEW.INVALID_DEFINITION' | 'VIEW.UNSUPPORTED' | 'VIEW.NOT_EXACT',
    path: string,
    found: string,
    need: string,
  ): DbsyncError {
    return new DbsyncError(code, `${this.#ir.name}.${path}: found ${found}; need ${need}.`)
  }
}
