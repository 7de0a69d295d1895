import { columnOf } from '../../contract/lookup.ts'
import type { Schema } from '../../contract/schema-contract.ts'
import { DbsyncError, invariant } from '../../core/errors.ts'
import { type Accumulator, CountAccumulator, type PresentCount } from '../../ivm/accumulator.ts'
import { makeAverage, makeAverageValue, makeSum, makeSumValue } from '../../ivm/aggregate-value.ts'
import type { GroupTuples } from '../../ivm/circuit.ts'
import { collectArray, collectArrayText, collectJson, collectString } from '../../ivm/collect.ts'
import type { ColumnOperand } from '../../ivm/comparison.ts'
import { DistinctValues } from '../../ivm/distinct-values.ts'
import { Extremes } from '../../ivm/extremes.ts'
import { Filtered, type RowTest } from '../../ivm/filtered.ts'
import type { GroupRecords } from '../../ivm/group-records.ts'
import type { GroupStore } from '../../ivm/group-store.ts'
import { OrderedRows } from '../../ivm/ordered-rows.ts'
import { makePredicate, TRUE } from '../../ivm/predicate.ts'
import { Int32Sum, Int64Sum, ScaledSum, type Summing } from '../../ivm/sum-accumulator.ts'
import { TruthCounts } from '../../ivm/truth-counts.ts'
import { TupleCount } from '../../ivm/tuple-count.ts'
import { WideSum } from '../../ivm/wide-sum.ts'
import { parsePgTypeName } from '../../values/pg-type.ts'
import type { Value } from '../../values/value.ts'
import { Float64Column } from '../../zset/float64-column.ts'
import { Int32Column } from '../../zset/int32-column.ts'
import { Int64Column } from '../../zset/int64-column.ts'
import { InternedColumn } from '../../zset/interned-column.ts'
import type { HeldTexts } from '../../zset/held-texts.ts'
import type { Interner } from '../../zset/interner.ts'
import type { ViewPlan } from './plan.ts'
import type { AggregateIr, ColumnIr, ExpressionIr } from '../view-ir.ts'
import { columnsIn } from '../walk-ir.ts'

/** What outputs are compiled with. */
export interface OutputContext {
  readonly schema: Schema
  readonly plan: ViewPlan
  readonly groups: GroupStore
  readonly tuples: GroupTuples | null
  readonly interner: Interner
  /** The block's constants. */
  readonly texts: HeldTexts
  resolve(column: ColumnIr): ColumnOperand
}

/** The rows that an aggregate is about. */
interface RowsOf {
  /** Aggregates over the same rows have the same text here. */
  readonly id: string
  readonly filter: { readonly source: number; readonly passes: RowTest; readonly bits: number } | null
}

/** The states of a view's aggregates; aggregates over one argument and the same rows share one. */
export class AggregateStates {
  readonly #context: OutputContext
  readonly #states = new Map<string, unknown>()
  readonly #all: Accumulator[] = []

  constructor(context: OutputContext) {
    this.#context = context
  }

  /** What is to be told of the view's tuples. */
  get all(): readonly Accumulator[] {
    return this.#all
  }

  /**
   * How an aggregate is shown.
   *
   * Throws: VIEW.NOT_EXACT, VIEW.UNSUPPORTED for what no state keeps.
   */
  output(aggregate: AggregateIr, path: string): (group: number) => unknown {
    const { name, argument } = aggregate
    const { groups, schema, plan } = this.#context
    const rows = this.#rowsOf(aggregate, path)
    if (argument === null || argument.kind === 'literal') {
      if (argument?.text === null) return () => 0
      return this.#countRows(rows)
    }
    invariant(argument.kind === 'column', 'an aggregate of a computed value')
    const operand = this.#context.resolve(argument)
    const { source, column } = operand
    const { records } = groups
    switch (name) {
      case 'count':
        return this.#count(operand, rows)
      case 'countDistinct': {
        const values = this.#state(
          'distinct',
          operand,
          rows,
          () => new DistinctValues(source, column, records),
        )
        return (group) => values.count(group)
      }
      case 'boolAnd':
      case 'boolOr': {
        const truths = this.#state('truth', operand, rows, () => new TruthCounts(source, column, records))
        return name === 'boolAnd' ? (group) => truths.all(group) : (group) => truths.some(group)
      }
      case 'min':
      case 'max': {
        const extremes = this.#extremes(operand, rows)
        return (group) => extremes.value(group, name)
      }
      case 'sum':
      case 'avg': {
        const planned = plan.sources[source]
        invariant(planned !== undefined, 'an aggregate of an unknown source')
        const { type } = columnOf(planned.model, argument.field)
        const sums = this.#sums(operand, rows, path)
        return name === 'sum'
          ? makeSum(sums, type, schema.Decimal, path)
          : makeAverage(sums, type, schema.Decimal)
      }
      case 'arrayAgg':
        return this.#ordered(aggregate, rows).show(column.changeBit, collectArray(column))
      case 'stringAgg':
        return this.#ordered(aggregate, rows).show(
          column.changeBit,
          collectString(column, aggregate.separator ?? ''),
        )
      default:
        return this.#ordered(aggregate, rows).show(column.changeBit, collectJson(column))
    }
  }

  /**
   * The values of an aggregate as expressions have them, for the columns of derived tables; null where what is shown
   * holds all of the value.
   *
   * Throws: as {@link output}.
   */
  kept(aggregate: AggregateIr, path: string): ((group: number) => Value) | null {
    const { name, argument, type } = aggregate
    if (argument?.kind !== 'column') return null
    const operand = this.#context.resolve(argument)
    const { column } = operand
    if (name === 'sum') {
      return makeSumValue(this.#sums(operand, this.#rowsOf(aggregate, path), path), type.pgType === 'bigint')
    }
    if (name === 'avg' && type.pgType === 'numeric') {
      return makeAverageValue(this.#sums(operand, this.#rowsOf(aggregate, path), path))
    }
    if (name === 'min' || name === 'max') {
      const extremes = this.#extremes(operand, this.#rowsOf(aggregate, path))
      return (group) => extremes.kept(group, name)
    }
    if (name !== 'arrayAgg') return null
    const rows = this.#ordered(aggregate, this.#rowsOf(aggregate, path))
    return rows.show(column.changeBit, collectArrayText(column))
  }

  #rowsOf({ filter }: AggregateIr, path: string): RowsOf {
    if (filter === undefined) return { id: '', filter: null }
    const columns = columnsIn(filter).map((column) => this.#context.resolve(column))
    const source = columns[0]?.source ?? 0
    // A tuple of its own: aggregates are told of rows in the middle of changes, when the circuit's is in use.
    const tuple = new Int32Array(this.#context.plan.sources.length).fill(-1)
    const predicate = makePredicate(filter, {
      tuple,
      texts: this.#context.texts,
      path: `${path}.filter`,
      resolve: (column) => this.#context.resolve(column),
    })
    const passes = (slot: number): boolean => {
      tuple[source] = slot
      return predicate() === TRUE
    }
    const bits = columns.reduce((mask, { column }) => mask | column.changeBit, 0)
    return { id: JSON.stringify(filter), filter: { source, passes, bits } }
  }

  #countRows(rows: RowsOf): (group: number) => number {
    const { groups } = this.#context
    if (rows.filter === null) return (group) => groups.count(group)
    const { source } = rows.filter
    return this.#showCount(
      this.#remember(`rows ${source}`, rows, () => new TupleCount(source, groups.records)),
    )
  }

  /** Shares the count that a sum of the same column keeps anyway. */
  #count(operand: ColumnOperand, rows: RowsOf): (group: number) => number {
    const { groups, plan } = this.#context
    const { source, column } = operand
    const present = this.#presentCount(operand, rows)
    if (present !== null) return this.#showCount(present)
    const summed = plan.ir.select.some(
      ({ expression }) =>
        expression.kind === 'aggregate' &&
        (expression.name === 'sum' || expression.name === 'avg') &&
        expression.argument?.kind === 'column' &&
        this.#context.resolve(expression.argument).source === source &&
        expression.argument.field === column.contract.field &&
        idOf(expression.filter) === rows.id,
    )
    if (!summed) {
      return this.#showCount(
        this.#state('count', operand, rows, () => new CountAccumulator(source, column, groups.records)),
      )
    }
    const sums = this.#sums(operand, rows, plan.ir.name)
    return (group) => sums.count(group)
  }

  #sums(operand: ColumnOperand, rows: RowsOf, path: string): Summing {
    return this.#state('sum', operand, rows, () =>
      makeSums(operand, path, this.#context.groups.records, this.#presentCount(operand, rows)),
    )
  }

  #extremes(operand: ColumnOperand, rows: RowsOf): Extremes {
    const { source, column } = operand
    return this.#state(
      'extremes',
      operand,
      rows,
      () => new Extremes(source, column, this.#context.groups.records),
    )
  }

  #ordered({ order = [] }: AggregateIr, rows: RowsOf): OrderedRows {
    const columns = order.map(({ expression, descending, nullsFirst }) => {
      invariant(expression.kind === 'column', 'an order by a computed value')
      const { source, column } = this.#context.resolve(expression)
      return { source, column, descending, nullsFirst }
    })
    const [first] = columns
    invariant(first !== undefined, 'an ordered aggregate without an order')
    return this.#remember(
      `ordered ${JSON.stringify(order)}`,
      rows,
      () => new OrderedRows(first.source, columns),
    )
  }

  /**
   * The count that all columns of a source share which are never NULL: that of the group's tuples, or of those in which
   * a left-joined source is present. Null for a column that may be NULL.
   */
  #presentCount({ source, column }: ColumnOperand, rows: RowsOf): PresentCount | null {
    const { groups, plan } = this.#context
    if (column.contract.nullable || column.contract.list) return null
    if (rows.filter === null && plan.sources[source]?.optional === false) return TUPLES
    return this.#remember(`present ${source}`, rows, () => new CountAccumulator(source, null, groups.records))
  }

  #showCount({ offset }: PresentCount): (group: number) => number {
    const { records } = this.#context.groups
    return (group) => records.numbers[group * records.stride + offset]!
  }

  #state<State extends Accumulator>(
    kind: string,
    { source, column }: ColumnOperand,
    rows: RowsOf,
    make: () => State,
  ): State {
    return this.#remember(`${kind} ${source}.${column.contract.field}`, rows, make)
  }

  /** The state of that name over those rows; a new one is told of them from now on. */
  #remember<State extends Accumulator>(name: string, { id, filter }: RowsOf, make: () => State): State {
    const known = this.#states.get(`${name} ${id}`)
    // Only what `make` gave under this name stands there.
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    if (known !== undefined) return known as State
    const made = make()
    this.#states.set(`${name} ${id}`, made)
    this.#all.push(filter === null ? made : new Filtered(made, filter.passes, filter.bits))
    return made
  }
}

function idOf(filter: ExpressionIr | undefined): string {
  return filter === undefined ? '' : JSON.stringify(filter)
}

/** The first number of every record. */
const TUPLES: PresentCount = { offset: 0 }

function makeSums(
  { source, column }: ColumnOperand,
  path: string,
  records: GroupRecords,
  counted: PresentCount | null,
): Summing {
  if (column instanceof Int32Column && column.contract.type === 'Int') {
    return new Int32Sum(source, column, records, counted)
  }
  // A count is an Int that is kept as a bigint.
  if (
    column instanceof Int64Column &&
    (column.contract.type === 'BigInt' || column.contract.type === 'Int')
  ) {
    return new Int64Sum(source, column, records, counted)
  }
  if (column instanceof Float64Column && column.codec.scale !== null && column.contract.type === 'Decimal') {
    return new ScaledSum(source, column, records, column.codec.scale, counted)
  }
  if (column instanceof InternedColumn && parsePgTypeName(column.contract.pgType).base === 'numeric')
    return new WideSum(source, column)
  throw new DbsyncError(
    'VIEW.NOT_EXACT',
    `${path}: found a sum of ${column.contract.pgType}; need an Int, BigInt or Decimal column. Change the column.`,
  )
}
