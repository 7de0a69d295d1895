import { columnOf } from '../contract/lookup.ts'
import type { ColumnContract, Schema } from '../contract/schema-contract.ts'
import { DbsyncError, invariant } from '../core/errors.ts'
import { type Accumulator, CountAccumulator, type PresentCount } from '../ivm/accumulator.ts'
import { makeAverage, makeSum } from '../ivm/aggregate-value.ts'
import type { GroupTuples } from '../ivm/circuit.ts'
import type { ColumnOperand, Tuple } from '../ivm/comparison.ts'
import { Extremes } from '../ivm/extremes.ts'
import type { GroupRecords } from '../ivm/group-records.ts'
import type { GroupStore } from '../ivm/group-store.ts'
import { makeEvaluator } from '../ivm/evaluate.ts'
import { Int32Sum, Int64Sum, ScaledSum, type Summing } from '../ivm/sum-accumulator.ts'
import type { ViewOutput } from '../ivm/view-state.ts'
import { WideSum } from '../ivm/wide-sum.ts'
import { codecFor } from '../values/codec-for.ts'
import { publicValue } from '../values/public-value.ts'
import { Float64Column } from '../zset/float64-column.ts'
import { Int32Column } from '../zset/int32-column.ts'
import { Int64Column } from '../zset/int64-column.ts'
import { InternedColumn } from '../zset/interned-column.ts'
import type { Interner } from '../zset/interner.ts'
import type { ViewPlan } from './plan.ts'
import { derivedColumn, type RowsShape } from './plan-node.ts'
import { isDerived } from './plan-columns.ts'
import { makeRowsReader } from './show-rows.ts'
import type { AggregateIr, ColumnIr, ExpressionIr, LiteralIr, OutputIr } from './view-ir.ts'

/** What outputs are compiled with. */
export interface OutputContext {
  readonly schema: Schema
  readonly plan: ViewPlan
  readonly groups: GroupStore
  readonly tuples: GroupTuples | null
  readonly interner: Interner
  resolve(column: ColumnIr): ColumnOperand
}

/** Outputs and the aggregate states they read; outputs over one argument share a state. */
export interface CompiledOutputs {
  readonly outputs: readonly ViewOutput[]
  readonly accumulators: readonly Accumulator[]
}

/**
 * Compiles the select list.
 *
 * Throws: VIEW.UNSUPPORTED, CHANGES.UNDECODABLE_VALUE for a constant that is not of its type.
 */
export function compileOutputs(context: OutputContext): CompiledOutputs {
  const states = new AggregateStates(context)
  const outputs = context.plan.ir.select.map((output) => ({
    name: output.name,
    value: compileOutput(output, context, states),
  }))
  return { outputs, accumulators: states.all }
}

function compileOutput(
  { name, expression }: OutputIr,
  context: OutputContext,
  states: AggregateStates,
): (group: number) => unknown {
  const { groups, tuples, plan } = context
  if (expression.kind === 'aggregate') return states.output(expression, `${plan.ir.name}.select.${name}`)
  if (expression.kind === 'literal') {
    const value = literalValue(expression, name, context)
    return () => value
  }
  const shape = shapeOf(plan, expression)
  if (expression.kind === 'column' && shape !== undefined) return nestedOutput(expression, shape, context)
  if (tuples === null) {
    invariant(expression.kind === 'column', 'a computed output in a grouped view')
    const { source, column } = context.resolve(expression)
    const part = groups.parts.find((item) => item.source === source && item.column === column)
    invariant(part !== undefined, 'an output that is not grouped by')
    const list = column.contract.list && plan.sources[source]?.optional !== true
    return (group) => groups.value(group, part) ?? (list ? [] : null)
  }
  if (expression.kind === 'column') {
    const { source, column } = context.resolve(expression)
    return (group) => {
      const slot = tuples.slots[group * tuples.width + source]!
      return slot < 0 ? null : column.value(slot)
    }
  }
  const codec = codecFor(context.schema, plan.ir.name, derivedColumn(name, expression.type))
  // A tuple of its own: rows are shown in the middle of changes, when the circuit's is in use.
  const tuple: Tuple = new Int32Array(tuples.width)
  const evaluate = makeEvaluator(expression, {
    tuple,
    interner: context.interner,
    path: `${plan.ir.name}.select.${name}`,
    resolve: (column) => context.resolve(column),
  })
  return (group) => {
    tuple.set(tuples.slots.subarray(group * tuples.width, (group + 1) * tuples.width))
    return publicValue(codec, evaluate())
  }
}

function shapeOf({ sources }: ViewPlan, expression: ExpressionIr): RowsShape | undefined {
  if (expression.kind !== 'column') return undefined
  const model = sources.find(({ alias }) => alias === expression.source)?.model
  return model !== undefined && isDerived(model) ? model.shapes.get(expression.field) : undefined
}

/** A nested result: the text that the column holds, shown as rows. */
function nestedOutput(
  expression: ColumnIr,
  shape: RowsShape,
  { groups, tuples, plan, schema, interner, resolve }: OutputContext,
): (group: number) => unknown {
  const { source, column } = resolve(expression)
  const read = makeRowsReader(schema, plan.ir.name, shape)
  const show = (id: number): unknown => read(id === 0 ? null : interner.text(id))
  if (tuples !== null) {
    return (group) => {
      const slot = tuples.slots[group * tuples.width + source]!
      return show(slot < 0 ? 0 : column.rows.words[slot * column.stride + column.offset]!)
    }
  }
  const part = groups.parts.find((item) => item.source === source && item.column === column)
  invariant(part !== undefined, 'an output that is not grouped by')
  return (group) => show(groups.word(group, part.at))
}

function literalValue({ text, type }: LiteralIr, name: string, { schema, plan }: OutputContext): unknown {
  if (text === null) return null
  const contract: ColumnContract = { ...type, field: name, column: name, type: type.scalar }
  return codecFor(schema, plan.ir.name, contract).publicFromText(text)
}

/** The aggregate states of a block; outputs over one argument share one. */
export class AggregateStates {
  readonly #context: OutputContext
  readonly #counts = new Map<string, CountAccumulator>()
  readonly #sums = new Map<string, Summing>()
  readonly #extremes = new Map<string, Extremes>()

  constructor(context: OutputContext) {
    this.#context = context
  }

  get all(): readonly Accumulator[] {
    return [...this.#counts.values(), ...this.#sums.values(), ...this.#extremes.values()]
  }

  output({ name, argument }: AggregateIr, path: string): (group: number) => unknown {
    const { groups, schema, plan } = this.#context
    if (argument === null || argument.kind === 'literal') {
      const counted = argument === null || argument.text !== null
      return (group) => (counted ? groups.count(group) : 0)
    }
    invariant(argument.kind === 'column', 'an aggregate of a computed value')
    const operand = this.#context.resolve(argument)
    const id = `${operand.source}.${argument.field}`
    if (name === 'count') return this.#count(id, operand)
    if (name === 'min' || name === 'max') {
      const extremes = remember(this.#extremes, id, () => {
        return new Extremes(operand.source, operand.column, groups.records)
      })
      return (group) => extremes.value(group, name)
    }
    const source = plan.sources[operand.source]
    invariant(source !== undefined, 'an aggregate of an unknown source')
    const { type } = columnOf(source.model, argument.field)
    const sums = remember(this.#sums, id, () => {
      return makeSums(operand, path, groups.records, this.#rowCount(operand))
    })
    return name === 'sum'
      ? makeSum(sums, type, schema.Decimal, path)
      : makeAverage(sums, type, schema.Decimal)
  }

  /** Shares the count that a sum of the same column keeps anyway. */
  #count(id: string, operand: ColumnOperand): (group: number) => number {
    const { groups, plan } = this.#context
    const { source, column } = operand
    const rows = this.#rowCount(operand)
    const { records } = groups
    if (rows !== null) return (group) => records.numbers[group * records.stride + rows.offset]!
    const summed = plan.ir.select.find(
      ({ expression }) =>
        expression.kind === 'aggregate' &&
        (expression.name === 'sum' || expression.name === 'avg') &&
        expression.argument?.kind === 'column' &&
        this.#context.resolve(expression.argument).source === source &&
        expression.argument.field === column.contract.field,
    )
    if (summed === undefined) {
      const counts = remember(this.#counts, id, () => new CountAccumulator(source, column, records))
      return (group) => records.numbers[group * records.stride + counts.offset]!
    }
    const sums = remember(this.#sums, id, () => makeSums(operand, plan.ir.name, records, null))
    return (group) => sums.count(group)
  }

  /**
   * The count that all columns of a source share which are never NULL: that of the group's tuples, or of those in which
   * a left-joined source is present. Null for a column that may be NULL.
   */
  #rowCount({ source, column }: ColumnOperand): PresentCount | null {
    const { groups, plan } = this.#context
    if (column.contract.nullable || column.contract.list) return null
    if (plan.sources[source]?.optional === false) return TUPLES
    return remember(this.#counts, `${source}`, () => new CountAccumulator(source, null, groups.records))
  }
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
  if (column instanceof Int64Column && column.contract.type === 'BigInt') {
    return new Int64Sum(source, column, records, counted)
  }
  if (column instanceof Float64Column && column.codec.scale !== null && column.contract.type === 'Decimal') {
    return new ScaledSum(source, column, records, column.codec.scale, counted)
  }
  if (column instanceof InternedColumn && column.contract.type === 'Decimal')
    return new WideSum(source, column)
  throw new DbsyncError(
    'VIEW.NOT_EXACT',
    `${path}: found a sum of ${column.contract.pgType}; need an Int, BigInt or Decimal column. Change the column.`,
  )
}

function remember<Item>(items: Map<string, Item>, id: string, make: () => Item): Item {
  const known = items.get(id)
  if (known !== undefined) return known
  const made = make()
  items.set(id, made)
  return made
}
