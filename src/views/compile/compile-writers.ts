import { invariant } from '../../core/errors.ts'
import type { RowWriter } from '../../ivm/derived-rows.ts'
import { OrderedRows } from '../../ivm/ordered-rows.ts'
import type { Column } from '../../zset/column.ts'
import { makeValueCopy } from '../../zset/copy-value.ts'
import { maskOf, type SourceTable } from '../../zset/source-table.ts'
import { AggregateStates, type OutputContext } from './compile-aggregates.ts'
import type { Accumulator } from '../../ivm/accumulator.ts'
import type { RowsIr } from './block-ir.ts'
import { evaluatorOfGroup, partOf } from './group-values.ts'
import { shapeOf } from './nested-columns.ts'
import { rowsText } from './show-rows.ts'
import type { AggregateIr, ColumnIr, ExpressionIr, OutputIr } from '../view-ir.ts'

/** The writers of a derived table and the aggregate states that they read. */
export interface CompiledWriters {
  readonly writers: readonly RowWriter[]
  readonly accumulators: readonly Accumulator[]
}

/**
 * Compiles the select list of a block whose rows are kept in a table.
 *
 * Throws: VIEW.UNSUPPORTED, CHANGES.UNDECODABLE_VALUE for a constant that is not of its type.
 */
export function compileWriters(context: OutputContext, table: SourceTable): CompiledWriters {
  const states = new AggregateStates(context)
  const writers = context.plan.ir.select.flatMap((output) => {
    const target = table.columns.find(({ contract }) => contract.field === output.name)
    // Nobody reads it.
    return target === undefined ? [] : [compileWriter(output, target, context, states)]
  })
  const { rows } = context.plan.ir
  const target = table.columns.find(({ contract }) => contract.field === rows?.name)
  if (rows === undefined || target === undefined) return { writers, accumulators: states.all }
  const { accumulator, writer } = compileRows(rows, target, context)
  return { writers: [...writers, writer], accumulators: [...states.all, accumulator] }
}

/** The rows of each group in order, as the text of a nested result. */
function compileRows(
  rows: RowsIr,
  target: Column,
  context: OutputContext,
): { readonly accumulator: Accumulator; readonly writer: RowWriter } {
  const columns = rows.columns.map((column) => context.resolve(column).column)
  const order = rows.order.map(({ expression, descending, nullsFirst }) => {
    invariant(expression.kind === 'column', 'a nested result ordered by a computed value')
    return { column: context.resolve(expression).column, descending, nullsFirst }
  })
  const accumulator = new OrderedRows(0, order)
  const text = accumulator.show(maskOf(columns), (slots) =>
    rowsText([...slots].map((slot) => columns.map((column) => column.text(slot)))),
  )
  return {
    accumulator,
    writer: (group, slot) => {
      const bytes = Buffer.from(text(group))
      target.read(slot, bytes, 0, bytes.length)
    },
  }
}

function compileWriter(
  { name, expression }: OutputIr,
  target: Column,
  context: OutputContext,
  states: AggregateStates,
): RowWriter {
  switch (expression.kind) {
    case 'column': {
      const write = writeColumn(expression, target, context)
      const isNested = shapeOf(context.plan.sources, expression) !== undefined
      return isNested && !expression.type.nullable ? writeNested(write, target) : write
    }
    case 'aggregate':
      return writeAggregate(expression, target, states, `${context.plan.ir.name}.select.${name}`)
    case 'literal': {
      const bytes = expression.text === null ? null : Buffer.from(expression.text)
      return (_, slot) => {
        if (bytes === null) target.setNull(slot)
        else target.read(slot, bytes, 0, bytes.length)
      }
    }
    default:
      return writeComputed(expression, target, context, name)
  }
}

/** No row to nest is an empty array, which is not NULL. */
function writeNested(write: RowWriter, target: Column): RowWriter {
  const none = Buffer.from(rowsText([]))
  return (group, slot) => {
    write(group, slot)
    if (target.isNull(slot)) target.read(slot, none, 0, none.length)
  }
}

function writeColumn(column: ColumnIr, target: Column, context: OutputContext): RowWriter {
  const { groups, tuples } = context
  const operand = context.resolve(column)
  const { source, column: origin } = operand
  if (tuples !== null) {
    const copy = makeValueCopy(origin, target)
    return (group, slot) => {
      const from = tuples.slots[group * tuples.width + source]!
      if (from < 0) target.setNull(slot)
      else copy(from, slot)
    }
  }
  const part = partOf(groups, operand)
  return (group, slot) => {
    const word = groups.word(group, part.at)
    if (part.nullAt >= 0 ? groups.word(group, part.nullAt) === 1 : origin.interned && word === 0)
      target.setNull(slot)
    else target.putWords(slot, word, origin.width === 2 ? groups.word(group, part.at + 1) : 0)
  }
}

function writeAggregate(
  aggregate: AggregateIr,
  target: Column,
  states: AggregateStates,
  path: string,
): RowWriter {
  const kept = states.kept(aggregate, path)
  if (kept === null) return writeText(states.output(aggregate, path), target)
  return (group, slot) => target.put(slot, kept(group))
}

function writeText(value: (group: number) => unknown, target: Column): RowWriter {
  return (group, slot) => {
    const shown = value(group)
    if (shown === null) target.setNull(slot)
    else {
      const bytes = Buffer.from(target.codec.textFromPublic(shown))
      target.read(slot, bytes, 0, bytes.length)
    }
  }
}

function writeComputed(
  expression: ExpressionIr,
  target: Column,
  context: OutputContext,
  name: string,
): RowWriter {
  const { tuples } = context
  invariant(tuples !== null, 'a computed output in a grouped block')
  const value = evaluatorOfGroup(context, tuples, expression, `${context.plan.ir.name}.select.${name}`)
  return (group, slot) => target.put(slot, value(group))
}
