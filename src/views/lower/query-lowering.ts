import { invariant } from '../../core/errors.ts'
import { COUNT_TYPE } from '../check/aggregate-types.ts'
import type { BlockIr } from '../compile/block-ir.ts'
import { columnAs } from '../compile/plan-columns.ts'
import { type DerivedModel, type FieldOrder, hidden } from '../compile/plan-node.ts'
import { BOOLEAN, conjunction } from '../make-condition.ts'
import { queryOutputs } from '../query-outputs.ts'
import { distinct, identify, sameExpression } from '../same-expression.ts'
import type {
  AggregateIr,
  CallIr,
  ColumnIr,
  ExpressionIr,
  LimitIr,
  LiteralIr,
  OrderIr,
  OutputIr,
  QueryIr,
  SelectIr,
  SetIr,
  TypeIr,
} from '../view-ir.ts'
import { aggregatesIn, aliasesIn, conjuncts, hasAggregate } from '../walk-ir.ts'
import { type Draft, draftOf, rewrite } from './draft.ts'
import { JoinLowering } from './join-lowering.ts'
import { lowerNested } from './lower-nested.ts'
import type { BlockParts, Nodes } from './nodes.ts'

const TRUE: LiteralIr = { kind: 'literal', text: 't', type: BOOLEAN }
const ZERO: LiteralIr = { kind: 'literal', text: '0', type: COUNT_TYPE }

/** A query up to its ORDER BY and LIMIT, over the sources of one block. */
interface Pending {
  readonly draft: Draft
  /** Null: a row of the result for each row. */
  readonly groupBy: readonly ColumnIr[] | null
  readonly outputs: readonly OutputIr[]
  readonly identities: readonly (readonly string[])[]
}

/** Takes queries apart into the nodes of one view. */
export class QueryLowering {
  readonly #nodes: Nodes
  readonly #joins: JoinLowering
  /** A query is lowered once: its hidden names count on, and would make other nodes of it. */
  readonly #tables = new Map<QueryIr, DerivedModel>()

  constructor(nodes: Nodes) {
    this.#nodes = nodes
    this.#joins = new JoinLowering(nodes, (query) => this.table(query))
  }

  /** The block that shows a view's rows. */
  last(query: QueryIr, key: BlockIr['key']): BlockIr {
    const orders = orderNames(query.order)
    let pending = this.#rows(query, query.order)
    // A bag counts equal rows, so it is grouped by columns; and rows are ordered by what they hold.
    const computed = pending.outputs.some(({ expression }) => expression.kind !== 'column')
    if (pending.groupBy === null ? key === null && computed : orders.length > 0) {
      pending = this.#all(this.#emit(pending), queryOutputs(query), orders)
    }
    const { draft, groupBy, outputs } = pending
    const order = query.order.map(({ descending, nullsFirst }, index): OrderIr => {
      return { expression: named(outputs, orders[index] ?? ''), descending, nullsFirst }
    })
    const shown = new Set(queryOutputs(query).map(({ name }) => name))
    const select = outputs.filter(({ name }) => shown.has(name))
    return {
      name: this.#nodes.view,
      ...parts(draft, groupBy, select),
      ...(order.length === 0 ? {} : { order }),
      key,
    }
  }

  /** The table of a query's rows; its fields are the query's outputs. */
  table(query: QueryIr): DerivedModel {
    const known = this.#tables.get(query)
    if (known !== undefined) return known
    const model = query.limit === null ? this.#emit(this.#unlimited(query)) : this.#limited(query)
    this.#tables.set(query, model)
    return model
  }

  #emit({ draft, groupBy, outputs, identities }: Pending): DerivedModel {
    return this.#nodes.block(parts(draft, groupBy, outputs), identities)
  }

  /** The rows of a query; what they are ordered by is an output beside the others. */
  #rows(query: QueryIr, order: readonly OrderIr[] = []): Pending {
    return query.limit === null
      ? this.#unlimited(query, order)
      : this.#all(this.#limited(query), queryOutputs(query), orderNames(order))
  }

  /** The same without LIMIT. */
  #unlimited(query: QueryIr, order: readonly OrderIr[] = [], by: LimitIr['by'] = []): Pending {
    return query.kind === 'select' ? this.#select(query, order, by) : this.#set(query)
  }

  /** All rows of a table, as a query over it; `more` are further columns of it. */
  #all(model: DerivedModel, shown: readonly OutputIr[], more: readonly string[] = []): Pending {
    const source = hidden('t')
    const known = new Set(shown.map(({ name }) => name))
    const outputs = [
      ...shown,
      ...model.columns
        .filter(({ field }) => more.includes(field) && !known.has(field))
        .map((column): OutputIr => ({ name: column.field, expression: columnAs(source, column) })),
    ]
    return {
      draft: draftOf(source, model),
      groupBy: null,
      outputs: outputs.map(({ name, expression }) => ({
        name,
        expression: { kind: 'column', source, field: name, type: expression.type },
      })),
      identities: model.identities,
    }
  }

  /** The rows within LIMIT; what they are ordered by is an output beside the others. */
  #limited(query: QueryIr): DerivedModel {
    const { limit } = query
    invariant(limit !== null, 'no limit')
    const input = this.#emit(this.#unlimited(query, query.order, limit.by))
    return this.#nodes.top(
      input,
      limit.by.map((expression, index) => fieldOf(expression, hidden(`p${index}`))),
      query.order.map((item, index): FieldOrder => ({
        field: orderName(item.expression, index),
        descending: item.descending,
        nullsFirst: item.nullsFirst,
      })),
      limit.count,
      limit.offset,
    )
  }

  #select(select: SelectIr, order: readonly OrderIr[] = [], by: LimitIr['by'] = []): Pending {
    const extra: readonly OutputIr[] = [
      ...order.map(({ expression }, index) => ({ name: hidden(`o${index}`), expression })),
      ...by.map((expression, index) => ({ name: hidden(`p${index}`), expression })),
    ]
    const from = this.#joins.from(select)
    const outputs = [...select.select, ...extra]
    const isGrouped = select.groupBy !== null || outputs.some(({ expression }) => hasAggregate(expression))
    const pending = isGrouped
      ? this.#grouped(select, from, outputs)
      : {
          ...this.#shown(from, outputs, (expression) => rewrite(expression, from)),
          groupBy: null,
          identities: this.#joins.identities(select, outputs),
        }
    return select.distinct ? this.#distinct(pending) : pending
  }

  #grouped(select: SelectIr, from: Draft, outputs: readonly OutputIr[]): Pending {
    const groups = select.groupBy ?? []
    const aggregates = distinct(
      [...outputs.map(({ expression }) => expression), ...conjuncts(select.having)].flatMap(aggregatesIn),
    )
    // What an aggregate reads is of one source; a filter stays a condition on its rows.
    const spread = aggregates.some((aggregate) => aliasesIn(rewrite(aggregate, from)).size > 1)
    const values = [...groups, ...aggregates.flatMap(argumentsOf)]
    const [draft, columns] = this.#columns(select, from, values, spread)
    const groupBy = groups.map((group) => asColumn(rewrite(group, draft, columns)))
    const isPlain = ({ expression }: OutputIr): boolean =>
      expression.kind === 'aggregate' || groups.some((group) => sameExpression(group, expression))
    const identities = [names(outputs, groups)].filter((list) => list !== null)
    if (select.having === null && outputs.every(isPlain)) {
      const plain = outputs.map(({ name, expression }) => ({
        name,
        expression: rewrite(expression, draft, columns),
      }))
      return { draft, groupBy, outputs: plain, identities }
    }
    const model = this.#nodes.block(
      parts(draft, groupBy, [
        ...groupBy.map((expression, index) => ({ name: hidden(`g${index}`), expression })),
        ...aggregates.map((aggregate, index) => ({
          name: hidden(`a${index}`),
          expression: rewrite(aggregate, draft, columns),
        })),
      ]),
      [groupBy.map((_, index) => hidden(`g${index}`))],
    )
    const source = hidden('g')
    const column = (field: string, { type }: ExpressionIr): ColumnIr => ({
      kind: 'column',
      source,
      field,
      type,
    })
    const known = new Map([
      ...groups.map((group, index) => [identify(group), column(hidden(`g${index}`), group)] as const),
      ...aggregates.map((item, index) => [identify(item), column(hidden(`a${index}`), item)] as const),
    ])
    const over = draftOf(source, model)
    const filtered = {
      ...over,
      conditions: conjuncts(select.having).map((item) => rewrite(item, over, known)),
    }
    const shown = this.#shown(filtered, outputs, (expression) => rewrite(expression, over, known))
    return { ...shown, groupBy: null, identities }
  }

  /** The outputs over the sources of a draft, with a source more for each nested result. */
  #shown(
    from: Draft,
    outputs: readonly OutputIr[],
    carry: (expression: ExpressionIr) => ExpressionIr,
  ): Pick<Pending, 'draft' | 'outputs'> {
    let draft = from
    const shown = outputs.map(({ name, expression }): OutputIr => {
      if (expression.kind !== 'nested') return { name, expression: carry(expression) }
      const [joined, column] = lowerNested(this.#joins, this.#nodes, draft, expression, carry)
      draft = joined
      return { name, expression: column }
    })
    return { draft, outputs: shown }
  }

  /** Makes plain columns of expressions, by a block of its own where one is computed or `together` asks for one. */
  #columns(
    select: SelectIr,
    draft: Draft,
    expressions: readonly ExpressionIr[],
    together: boolean,
  ): readonly [Draft, ReadonlyMap<string, ColumnIr>] {
    const computed = distinct(expressions.filter(({ kind }) => kind !== 'column'))
    return computed.length === 0 && !together
      ? [draft, new Map()]
      : this.#joins.compute(select, draft, computed)
  }

  #distinct(pending: Pending): Pending {
    const { outputs } = pending
    const plain =
      pending.groupBy === null && outputs.every(({ expression }) => expression.kind === 'column')
        ? pending
        : this.#all(this.#emit(pending), outputs)
    return {
      ...plain,
      groupBy: plain.outputs.map(({ expression }) => asColumn(expression)),
      identities: [outputs.map(({ name }) => name)],
    }
  }

  #set(set: SetIr): Pending {
    const outputs = tableOutputs(set)
    const isCounted = set.kind !== 'union'
    const branches = set.inputs.map((input, branch): BlockParts => {
      const pending = this.#rows(input)
      // What a branch groups is grouped before its outputs are converted.
      const own = pending.groupBy === null ? pending : this.#all(this.#emit(pending), queryOutputs(input))
      const columns = outputs.map(({ name, expression: { type } }): OutputIr => {
        const expression = own.outputs.find((output) => output.name === name)?.expression
        invariant(expression !== undefined, `no output ${name}`)
        return {
          name,
          expression: expression.type.pgType === type.pgType ? expression : cast(expression, type),
        }
      })
      const flags = isCounted
        ? set.inputs.map((_, index): OutputIr => ({
            name: hidden(`b${index}`),
            expression: index === branch ? TRUE : { ...TRUE, text: null },
          }))
        : []
      return parts(own.draft, null, [...columns, ...flags])
    })
    const all = this.#all(this.#nodes.union(branches, []), outputs)
    if (set.all) return all
    const groupBy = all.outputs.map(({ expression }) => asColumn(expression))
    const identities = [outputs.map(({ name }) => name)]
    if (!isCounted) return { ...all, groupBy, identities }
    const counts = set.inputs.map((_, index): OutputIr => ({
      name: hidden(`n${index}`),
      expression: {
        kind: 'aggregate',
        name: 'count',
        argument: { kind: 'column', source: hidden('t'), field: hidden(`b${index}`), type: BOOLEAN },
        type: COUNT_TYPE,
      },
    }))
    const counted = this.#nodes.block(parts(all.draft, groupBy, [...all.outputs, ...counts]), identities)
    const shown = this.#all(counted, outputs)
    const conditions = counts.map(({ name }, index): CallIr => ({
      kind: 'call',
      name: set.kind === 'intersect' || index === 0 ? 'gt' : 'eq',
      args: [{ kind: 'column', source: hidden('t'), field: name, type: COUNT_TYPE }, ZERO],
      type: BOOLEAN,
    }))
    return { ...shown, draft: { ...shown.draft, conditions }, identities }
  }
}

/** The outputs that hold the items of ORDER BY. */
function orderNames(order: readonly OrderIr[]): readonly string[] {
  return order.map(({ expression }, index) => orderName(expression, index))
}

/** The output that holds an item of ORDER BY: one of a set operation's own, or a hidden one. */
function orderName(expression: ExpressionIr, index: number): string {
  return fieldOf(expression, hidden(`o${index}`))
}

function fieldOf(expression: ExpressionIr, name: string): string {
  return expression.kind === 'column' && expression.source === '' ? expression.field : name
}

function named(outputs: readonly OutputIr[], name: string): ExpressionIr {
  const output = outputs.find((item) => item.name === name)
  invariant(output !== undefined, `no output ${name}`)
  return output.expression
}

function parts(draft: Draft, groupBy: BlockIr['groupBy'], select: readonly OutputIr[]): BlockParts {
  return { sources: draft.sources, where: conjunction(draft.conditions), groupBy, select }
}

function asColumn(expression: ExpressionIr): ColumnIr {
  invariant(expression.kind === 'column', 'a computed value where a column is meant')
  return expression
}

/** The outputs that hold those expressions; null if one is not among them. */
function names(outputs: readonly OutputIr[], expressions: readonly ExpressionIr[]): readonly string[] | null {
  const found = expressions.map(
    (expression) => outputs.find((output) => sameExpression(output.expression, expression))?.name,
  )
  return found.every((name) => name !== undefined) ? found : null
}

/** What must be columns for an aggregate. */
function argumentsOf({ name, argument, order = [] }: AggregateIr): readonly ExpressionIr[] {
  const isCounted = argument === null || (argument.kind === 'literal' && name === 'count')
  return [...(isCounted ? [] : [argument]), ...order.map(({ expression }) => expression)]
}

function cast(expression: ExpressionIr, type: TypeIr): ExpressionIr {
  return { kind: 'call', name: 'cast', args: [expression], type }
}

/**
 * The outputs of a set operation, of the types of the table in which the rows of all inputs lie. It holds NULLs of any
 * input, which the answer may lack, and texts of different lengths as `text`.
 */
function tableOutputs(set: SetIr): readonly OutputIr[] {
  const inputs = set.inputs.map(queryOutputs)
  return queryOutputs(set).map(({ name, expression }): OutputIr => {
    const types = inputs.map((outputs) => named(outputs, name).type)
    const isOne = new Set(types.map(({ pgType }) => pgType)).size === 1
    const pgType = isOne ? expression.type.pgType : 'text'
    const nullable = types.some((type) => type.nullable)
    return { name, expression: { ...expression, type: { ...expression.type, pgType, nullable } } }
  })
}
