import { EXPRESSION, type Aggregate, type AggregateOptions, type Predicate } from './expression.ts'
import { and } from './logic.ts'
import type { Order } from './order.ts'
import type { AggregateName } from '../view-ir.ts'

/** An aggregate whose answer depends on the order of the rows; `orderBy` makes it one that can be selected. */
export interface AggregateWithoutOrder<T> {
  /**
   * `ORDER BY` inside the aggregate. It must leave no two different values in an order that Postgres may choose: it holds
   * the key of the table that the values come from, or the value itself.
   */
  orderBy(...order: readonly [Order, ...Order[]]): Aggregate<T>
  /** As {@link Aggregate.filter}. */
  filter(condition: Predicate): AggregateWithoutOrder<T>
}

/** Makes an aggregate; the caller's signature gives it its type. */
export function aggregate<T>(
  name: AggregateName,
  argument: unknown,
  options: AggregateOptions = {},
): Aggregate<T> {
  return Object.freeze({
    [EXPRESSION]: true,
    kind: 'aggregate',
    name,
    argument,
    options: Object.freeze(options),
    filter: (condition: Predicate) => aggregate<T>(name, argument, filtered(options, condition)),
  } as const)
}

/** Makes an aggregate that still needs an order. In JavaScript it can be selected, and is refused for that. */
export function orderedAggregate<T>(
  name: AggregateName,
  argument: unknown,
  options: AggregateOptions = {},
): AggregateWithoutOrder<T> {
  return Object.freeze({
    ...aggregate<T>(name, argument, options),
    filter: (condition: Predicate) => orderedAggregate<T>(name, argument, filtered(options, condition)),
    orderBy: (...order: readonly Order[]) => aggregate<T>(name, argument, { ...options, order }),
  })
}

function filtered(options: AggregateOptions, condition: Predicate): AggregateOptions {
  const { filter } = options
  // Only what `filter` took before stands there.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return { ...options, filter: filter === undefined ? condition : and(filter as Predicate, condition) }
}
