import { defineView, type ViewDefinition } from '../../../src/views/define-view.ts'
import { columnRef, condition, EXPRESSION } from '../../../src/views/build/expression.ts'
import { asc, desc } from '../../../src/views/build/order.ts'
import { Finished, type Query } from '../../../src/views/build/query-builder.ts'
import type { RawLimit, RawQuery, RawTables } from '../../../src/views/build/raw-query.ts'
import type { CallName } from '../../../src/views/view-ir.ts'
import type {
  AggregateSpec,
  CallSpec,
  ConstantSpec,
  Exp,
  LimitSpec,
  Named,
  NestSpec,
  OrderSpec,
  QuerySpec,
  Rel,
} from './spec.ts'
import { decimal, TABLES } from './world.ts'

/** Defines the view of a query; throws what `defineView` throws. */
export function viewOf(name: string, spec: QuerySpec): ViewDefinition {
  return defineView(name.replaceAll(/[^a-z0-9]+/g, '_').slice(0, 60), () => queryOf(spec))
}

function queryOf(spec: QuerySpec): Query<unknown, string | null> {
  const query: unknown = new Finished(rawOf(spec))
  // What the builder's methods collect, without their types.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return query as Query<unknown, string | null>
}

function rawOf(spec: QuerySpec): RawQuery {
  const order = spec.order === undefined ? null : spec.order.map(orderOf)
  const limit = spec.limit === undefined ? null : limitOf(spec.limit)
  if ('set' in spec) {
    const { set } = spec
    return {
      kind: set === 'unionAll' ? 'union' : set,
      all: set === 'unionAll',
      inputs: spec.inputs.map(queryOf),
      order,
      limit,
    }
  }
  const { joins = [], exists = [], groupBy, where, having } = spec
  return {
    kind: 'select',
    sources: [
      { tables: tablesOf(spec.from), join: null },
      ...joins.map(({ kind, source, on }) => ({
        tables: tablesOf(source),
        join: { kind, on: expressionOf(on) },
      })),
    ],
    where: where === undefined ? [] : [expressionOf(where)],
    exists: exists.map(({ not, source, on }) => ({
      tables: tablesOf(source),
      negated: not === true,
      on: expressionOf(on),
    })),
    groupBy: groupBy === undefined ? null : groupBy.map(expressionOf),
    having: having === undefined ? [] : [expressionOf(having)],
    select: selectOf(spec.select),
    distinct: spec.distinct === true,
    order,
    limit,
  }
}

function selectOf(select: Readonly<Record<string, Exp>>): unknown {
  return Object.fromEntries(Object.entries(select).map(([name, item]) => [name, expressionOf(item)]))
}

function tablesOf([alias, relation]: Named): RawTables {
  return { [alias]: relationOf(relation) }
}

function relationOf(relation: Rel): unknown {
  if (typeof relation === 'string') return TABLES.get(relation)
  return 'view' in relation ? viewOf('inner', relation.view) : queryOf(relation)
}

function orderOf({ by, desc: isDescending, nulls }: OrderSpec): unknown {
  // Whatever it is: the check says.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  const expression = expressionOf(by) as Parameters<typeof asc>[0]
  const options = nulls === undefined ? {} : { nulls }
  return isDescending === true ? desc(expression, options) : asc(expression, options)
}

function limitOf({ count, offset, per }: LimitSpec): RawLimit {
  return {
    ...(per === undefined ? { count } : { per: { by: per.map(expressionOf), count } }),
    ...(offset === undefined ? {} : { offset }),
  }
}

function constantOf(spec: ConstantSpec): unknown {
  if ('v' in spec) return spec.v
  if ('big' in spec) return BigInt(spec.big)
  return 'dec' in spec ? decimal(spec.dec) : new Date(spec.date)
}

function expressionOf(exp: Exp): unknown {
  if (typeof exp === 'string') {
    const dot = exp.indexOf('.')
    return columnRef(exp.slice(0, dot), exp.slice(dot + 1))
  }
  if (isCall(exp)) {
    const [, ...args] = exp
    return condition(exp[0] as CallName, args.map(expressionOf))
  }
  if ('agg' in exp) return aggregateOf(exp)
  if ('query' in exp) return queryOf(exp.query)
  if ('nest' in exp) return nestedOf(exp)
  return constantOf(exp)
}

/** Tells a call from a constant, an aggregate or a query. */
export function isCall(exp: Exp): exp is CallSpec {
  return Array.isArray(exp)
}

function aggregateOf({ agg, of, filter, order, separator }: AggregateSpec): unknown {
  const options = {
    ...(filter === undefined ? {} : { filter: expressionOf(filter) }),
    ...(order === undefined ? {} : { order: order.map(orderOf) }),
    ...(separator === undefined ? {} : { separator }),
  }
  const argument = of === undefined ? null : expressionOf(of)
  return { [EXPRESSION]: true, kind: 'aggregate', name: agg, argument, options }
}

function nestedOf({ nest, on, select, order, limit }: NestSpec): unknown {
  return {
    kind: 'nested',
    raw: {
      tables: tablesOf(nest),
      on: expressionOf(on),
      select: selectOf(select),
      order: order === undefined ? null : order.map(orderOf),
      limit: limit === undefined ? null : limitOf(limit),
    },
  }
}
