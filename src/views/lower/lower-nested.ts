import { invariant } from '../../core/errors.ts'
import { hidden, type RowsShape } from '../compile/plan-node.ts'
import { conjunction, equality } from '../make-condition.ts'
import type { ColumnIr, ExpressionIr, NestedIr, OutputIr } from '../view-ir.ts'
import { type Draft, onlyColumn, rewrite } from './draft.ts'
import { takeApart } from './join-condition.ts'
import type { JoinLowering } from './join-lowering.ts'
import type { Nodes } from './nodes.ts'

/**
 * Adds a nested result to a query: the rows of its relation by what ties them to the query's rows. `carry` brings what the
 * condition takes of the query over to the draft.
 */
export function lowerNested(
  joins: JoinLowering,
  nodes: Nodes,
  draft: Draft,
  nested: NestedIr,
  carry: (expression: ExpressionIr) => ExpressionIr,
): readonly [Draft, ColumnIr] {
  const { source, select, order, limit, offset } = nested
  const { pairs, own, rest } = takeApart(nested.on, source.alias)
  const others = pairs.map(({ other }) => carry(other))
  if (pairs.length === 0 || rest.length > 0 || others.some(({ kind }) => kind !== 'column')) {
    throw nodes.refuse(
      `a nested result over ${source.alias} whose condition is not eq of its values with columns of the query`,
      'these, and conditions on its own columns. Make what both sides take part in a column of a view and nest that',
    )
  }
  let inner = joins.begin(source)
  inner = { ...inner, conditions: own.map((condition) => rewrite(condition, inner)) }
  const outputs: OutputIr[] = []
  const shape: RowsShape[number][] = []
  select.forEach(({ name, expression }, index) => {
    let value = expression
    if (expression.kind === 'nested') {
      const before = inner
      const [joined, column] = lowerNested(joins, nodes, inner, expression, (item) => rewrite(item, before))
      inner = joined
      value = column
    } else value = rewrite(expression, inner)
    shape.push({ name, type: expression.type, rows: nodes.shapeOf(inner.sources, value) ?? null })
    outputs.push({ name: hidden(`v${index}`), expression: value })
  })
  const keys = pairs.map((pair, index): OutputIr => ({
    name: hidden(`k${index}`),
    expression: rewrite(pair.own, inner),
  }))
  const orders = order.map(({ expression }, index): OutputIr => ({
    name: hidden(`o${index}`),
    expression: rewrite(expression, inner),
  }))
  const all = [...keys, ...orders, ...outputs]
  const where = conjunction(inner.conditions)
  let model = nodes.block({ sources: inner.sources, where, groupBy: null, select: all }, [])
  if (limit !== null || offset > 0) {
    const fields = order.map(({ descending, nullsFirst }, index) => ({
      field: hidden(`o${index}`),
      descending,
      nullsFirst,
    }))
    model = nodes.top(
      model,
      keys.map(({ name }) => name),
      fields,
      limit,
      offset,
    )
  }
  const column = ({ name, expression }: OutputIr): ColumnIr => ({
    kind: 'column',
    source: source.alias,
    field: name,
    type: expression.type,
  })
  const groupBy = keys.map(column)
  const grouped = nodes.nested(
    {
      sources: [{ alias: source.alias, model: model.model, join: null }],
      where: null,
      groupBy,
      select: keys.map((key) => ({ name: key.name, expression: column(key) })),
      rows: {
        name: hidden('rows'),
        columns: outputs.map(column),
        order: order.map(({ descending, nullsFirst }, index) => {
          const by = orders[index]
          invariant(by !== undefined, 'no order')
          return { expression: column(by), descending, nullsFirst }
        }),
      },
    },
    keys.map(({ name }) => name),
    shape,
  )
  const over = joins.over(grouped, { places: new Map() }, [])
  const ties = others.map((other, index) =>
    equality(other, onlyColumn(over, keys[index]?.name ?? '', other.type)),
  )
  const joined = joins.attach(draft, over, 'left', ties, new Map())
  return [{ ...joined, places: draft.places }, onlyColumn(over, hidden('rows'), nested.type)]
}
