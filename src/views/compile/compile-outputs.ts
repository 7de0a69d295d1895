import type { ColumnContract } from '../../contract/schema-contract.ts'
import { invariant } from '../../core/errors.ts'
import type { Accumulator } from '../../ivm/accumulator.ts'
import type { ViewOutput } from '../../ivm/view-state.ts'
import { codecFor } from '../../values/codec-for.ts'
import { publicValue } from '../../values/public-value.ts'
import { AggregateStates, type OutputContext } from './compile-aggregates.ts'
import { evaluatorOfGroup, partOf } from './group-values.ts'
import { shapeOf } from './nested-columns.ts'
import { isDerived } from './plan-columns.ts'
import { derivedColumn, type RowsShape } from './plan-node.ts'
import { makeRowsReader } from './show-rows.ts'
import type { ColumnIr, LiteralIr, OutputIr } from '../view-ir.ts'

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
  const shape = shapeOf(plan.sources, expression)
  if (expression.kind === 'column' && shape !== undefined) return nestedOutput(expression, shape, context)
  if (tuples === null) {
    invariant(expression.kind === 'column', 'a computed output in a grouped view')
    const operand = context.resolve(expression)
    const { source, column } = operand
    const part = partOf(groups, operand)
    const { list: isList, nulls } = column.contract
    const list =
      isList && nulls !== true && plan.sources[source]?.optional !== true && !expression.type.nullable
    return (group) => groups.value(group, part) ?? (list ? [] : null)
  }
  if (expression.kind === 'column') {
    const { source, column } = context.resolve(expression)
    const model = plan.sources[source]?.model
    // In a derived table a list is NULL where its source is missing.
    const missing = expression.type.nullable && model !== undefined && isDerived(model)
    return (group) => {
      const slot = tuples.slots[group * tuples.width + source]!
      return slot < 0 || (missing && column.isNull(slot)) ? null : column.value(slot)
    }
  }
  const codec = codecFor(context.schema, plan.ir.name, derivedColumn(name, expression.type))
  const value = evaluatorOfGroup(context, tuples, expression, `${plan.ir.name}.select.${name}`)
  return (group) => publicValue(codec, value(group))
}

/** A nested result: the text that the column holds, shown as rows. */
function nestedOutput(
  expression: ColumnIr,
  shape: RowsShape,
  context: OutputContext,
): (group: number) => unknown {
  const { groups, tuples, plan, schema, interner } = context
  const operand = context.resolve(expression)
  const { source, column } = operand
  const read = makeRowsReader(schema, plan.ir.name, shape)
  // NULL where an outer join misses the query that it is a column of.
  const { nullable } = expression.type
  const show = (id: number): unknown =>
    id === 0 && nullable ? null : read(id === 0 ? null : interner.text(id))
  if (tuples !== null) {
    return (group) => {
      const slot = tuples.slots[group * tuples.width + source]!
      return show(slot < 0 ? 0 : column.rows.words[slot * column.stride + column.offset]!)
    }
  }
  const part = partOf(groups, operand)
  return (group) => show(groups.word(group, part.at))
}

function literalValue({ text, type }: LiteralIr, name: string, { schema, plan }: OutputContext): unknown {
  if (text === null) return null
  const contract: ColumnContract = { ...type, field: name, column: name, type: type.scalar }
  return codecFor(schema, plan.ir.name, contract).publicFromText(text)
}
