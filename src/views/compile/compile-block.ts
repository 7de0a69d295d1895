import { ROW_KEY } from '../../zset/row-key.ts'
import type { Schema } from '../../contract/schema-contract.ts'
import { DbsyncError, invariant } from '../../core/errors.ts'
import { Circuit, GroupTuples, type JoinStep, type SourceCircuit } from '../../ivm/circuit.ts'
import type { ColumnOperand, Tuple } from '../../ivm/comparison.ts'
import { DerivedRows } from '../../ivm/derived-rows.ts'
import type { GroupSink } from '../../ivm/group-sink.ts'
import { GroupStore } from '../../ivm/group-store.ts'
import { type Lookup, makeLookup } from '../../ivm/lookup.ts'
import { makePredicate, type Predicate } from '../../ivm/predicate.ts'
import { ViewState } from '../../ivm/view-state.ts'
import { HeldTexts } from '../../zset/held-texts.ts'
import type { Interner } from '../../zset/interner.ts'
import type { SecondaryIndex } from '../../zset/secondary-index.ts'
import { maskOf, type SourceTable } from '../../zset/source-table.ts'
import type { OutputContext } from './compile-aggregates.ts'
import { compileOrder } from './compile-order.ts'
import { compileOutputs } from './compile-outputs.ts'
import { compileWriters } from './compile-writers.ts'
import { findPart } from './group-values.ts'
import type { PlannedSource, ViewPlan } from './plan.ts'
import type { BlockNode } from './plan-node.ts'
import { isWholeKey } from './request-tables.ts'
import { conjunction } from '../make-condition.ts'
import type { ColumnIr, ExpressionIr } from '../view-ir.ts'
import { columnsIn } from '../walk-ir.ts'

/** What blocks are compiled with. */
export interface BlockContext {
  readonly schema: Schema
  /** By model name: tables of the database and derived ones. */
  readonly tables: ReadonlyMap<string, SourceTable>
  readonly interner: Interner
  /** By model name: the words of its rows that views took. */
  readonly takenWords: Map<string, number>
}

/** A block's circuit and where its rows go. */
export interface CompiledBlock<Sink extends GroupSink> {
  readonly sink: Sink
  readonly circuit: Circuit
}

/**
 * Compiles the block that shows a view's rows.
 *
 * Throws: VIEW.INVALID_DEFINITION, VIEW.UNSUPPORTED, VIEW.NOT_EXACT.
 */
export function compileView(context: BlockContext, plan: ViewPlan): CompiledBlock<ViewState> {
  const parts = compileParts(context, plan)
  const { outputs, accumulators } = compileOutputs(parts.outputs)
  const isSingle = plan.shape === 'single'
  const state = new ViewState({
    name: plan.ir.name,
    groups: parts.groups,
    outputs,
    key: isSingle ? [] : keyOf(plan, parts.groups, (column) => parts.outputs.resolve(column)),
    single: isSingle,
    bag: plan.shape === 'bag',
    order: compileOrder(parts.outputs),
  })
  return { sink: state, circuit: makeCircuit(context, plan, parts, state, accumulators) }
}

/**
 * Compiles a block whose rows are kept in a derived table.
 *
 * Throws: as {@link compileView}.
 */
export function compileNode(
  context: BlockContext,
  { table: name, branch, branches }: BlockNode,
  plan: ViewPlan,
): CompiledBlock<DerivedRows> {
  const table = context.tables.get(name)
  invariant(table !== undefined, 'a node without a table')
  const parts = compileParts(context, plan)
  const { writers, accumulators } = compileWriters(parts.outputs, table)
  const rows = new DerivedRows({
    name: plan.ir.name,
    table,
    groups: parts.groups,
    rowKey: table.column(ROW_KEY),
    branch,
    branches,
    writers,
    single: plan.shape === 'single',
  })
  return { sink: rows, circuit: makeCircuit(context, plan, parts, rows, accumulators) }
}

interface BlockParts {
  readonly own: readonly SourceTable[]
  readonly tuple: Tuple
  readonly groups: GroupStore
  readonly tuples: GroupTuples | null
  readonly outputs: OutputContext
}

function compileParts({ schema, tables, interner }: BlockContext, plan: ViewPlan): BlockParts {
  const own = plan.sources.map(({ model }) => {
    const table = tables.get(model.model)
    invariant(table !== undefined, `no table for ${model.model}`)
    return table
  })
  const tuple: Tuple = new Int32Array(plan.sources.length).fill(-1)
  const resolve = (column: ColumnIr): ColumnOperand => {
    const source = plan.sources.findIndex(({ alias }) => alias === column.source)
    const table = own[source]
    invariant(table !== undefined, `no source ${column.source}`)
    return { kind: 'column', source, column: table.column(column.field) }
  }
  const groupColumns = plan.parts.map((part) => {
    const { source, column } = resolve(part)
    const nullable =
      plan.sources[source]?.optional === true || column.contract.nullable || column.contract.list
    return { source, column, nullable }
  })
  const groups = new GroupStore(groupColumns, plan.identity, interner)
  const tuples = plan.shape === 'keyed' ? new GroupTuples(plan.sources.length) : null
  const texts = new HeldTexts(interner)
  return { own, tuple, groups, tuples, outputs: { schema, plan, groups, tuples, interner, texts, resolve } }
}

function makeCircuit(
  context: BlockContext,
  plan: ViewPlan,
  { own, tuple, tuples, outputs }: BlockParts,
  state: GroupSink,
  accumulators: ConstructorParameters<typeof Circuit>[0]['accumulators'],
): Circuit {
  return new Circuit({
    state,
    tuple,
    sources: plan.sources.map((_, index) => compileSource(plan, own, index)),
    filter: compileFilter(plan, tuple, outputs.texts, (column) => outputs.resolve(column)),
    single: plan.shape === 'single',
    groupWord: takeGroupWord(plan, own, context.takenWords),
    accumulators,
    tuples,
    texts: outputs.texts,
  })
}

function keyOf(
  plan: ViewPlan,
  groups: GroupStore,
  resolve: (column: ColumnIr) => ColumnOperand,
): ConstructorParameters<typeof ViewState>[0]['key'] {
  const { key, select } = plan.ir
  if (key === null) return null
  return key.map((name) => {
    const expression = select.find((output) => output.name === name)?.expression
    const part = expression?.kind === 'column' ? findPart(groups, resolve(expression)) : undefined
    if (part !== undefined) return { name, part }
    throw new DbsyncError(
      'VIEW.INVALID_DEFINITION',
      `${plan.ir.name}.key: found "${name}", which is no selected group column; need columns of groupBy. Leave it out of the key.`,
    )
  })
}

/** The group's number in the rows that it stands for; only a table made for the view has room for it. */
function takeGroupWord(
  plan: ViewPlan,
  own: readonly SourceTable[],
  taken: Map<string, number>,
): ConstructorParameters<typeof Circuit>[0]['groupWord'] {
  const table = own[plan.groupSource]
  if (table === undefined) return null
  const word = taken.get(table.model.model) ?? 0
  if (word >= table.slotWords) return null
  taken.set(table.model.model, word + 1)
  return { source: plan.groupSource, rows: table.rows, offset: table.slotWordOffset + word }
}

function compileFilter(
  plan: ViewPlan,
  tuple: Tuple,
  texts: HeldTexts,
  resolve: (column: ColumnIr) => ColumnOperand,
): Predicate | null {
  const all = conjunction(plan.conditions)
  if (all === null) return null
  return makePredicate(all, { tuple, texts, path: `${plan.ir.name}.where`, resolve })
}

function compileSource(plan: ViewPlan, own: readonly SourceTable[], index: number): SourceCircuit {
  const source = plan.sources[index]
  const table = own[index]
  invariant(source !== undefined && table !== undefined, 'a source without a table')
  const path: number[] = []
  for (let at: number | undefined = index; at !== undefined; at = plan.sources[at]?.edge?.parent)
    path.push(at)
  // Up to the root first, then every other source from its parent, in FROM order.
  const steps: Omit<JoinStep, 'next'>[] = path.slice(1).map((parent, at) => {
    const child = path[at] ?? 0
    return {
      from: child,
      origin: child === index,
      target: parent,
      lookup: lookupAlong(plan, own, child, 'up'),
      outer: false,
    }
  })
  plan.sources.forEach(({ edge }, child) => {
    if (edge === null || path.includes(child)) return
    const lookup = lookupAlong(plan, own, child, 'down')
    steps.push({ from: edge.parent, origin: false, target: child, lookup, outer: edge.outer })
  })
  const leftJoined = source.edge?.outer === true
  return {
    source: index,
    mask: maskOf(table.columns.filter(({ contract }) => usedBy(plan, source, contract.field))),
    critical: maskOf(table.columns.filter(({ contract }) => source.critical.has(contract.field))),
    steps: steps.reduceRight<JoinStep | null>((next, step) => ({ ...step, next }), null),
    leftJoined,
    index: leftJoined ? indexOn(table, source.edge?.childFields ?? []) : null,
  }
}

/** The key is kept whether the view reads it or not. */
function usedBy(plan: ViewPlan, source: PlannedSource, field: string): boolean {
  if (source.critical.has(field)) return true
  if (plan.ir.order?.some(({ expression }) => mentions(expression, source.alias, field)) === true) return true
  if (plan.ir.rows?.columns.some((column) => mentions(column, source.alias, field)) === true) return true
  return plan.ir.select.some(({ expression }) => mentions(expression, source.alias, field))
}

function mentions(expression: ExpressionIr, alias: string, field: string): boolean {
  return columnsIn(expression).some((column) => column.source === alias && column.field === field)
}

/** From a child to its parent or the other way, by the target's key or by an index on exactly the joined columns. */
function lookupAlong(
  plan: ViewPlan,
  own: readonly SourceTable[],
  child: number,
  direction: 'up' | 'down',
): Lookup {
  const edge = plan.sources[child]?.edge
  invariant(edge !== null && edge !== undefined, 'a join without an edge')
  const [originFields, targetFields] =
    direction === 'up' ? [edge.childFields, edge.parentFields] : [edge.parentFields, edge.childFields]
  const origin = own[direction === 'up' ? child : edge.parent]
  const target = own[direction === 'up' ? edge.parent : child]
  invariant(origin !== undefined && target !== undefined, 'a join without a table')
  const index = indexOn(target, targetFields)
  const columns = index === null ? target.keyColumns : index.columns
  const partners = columns.map(({ contract }) => {
    const field = originFields[targetFields.indexOf(contract.field)]
    invariant(field !== undefined, 'an index on other columns')
    return origin.column(field)
  })
  const lookup = makeLookup(partners, columns, index, target)
  if (lookup !== undefined) return lookup
  throw new DbsyncError(
    'VIEW.UNSUPPORTED',
    `${plan.ir.name}: found a join of ${partners.map(({ contract }) => contract.pgType).join(', ')} with ` +
      `${columns.map(({ contract }) => contract.pgType).join(', ')}; need equal column types. Change one of the columns.`,
  )
}

function indexOn(table: SourceTable, fields: readonly string[]): SecondaryIndex | null {
  const wanted = new Set(fields)
  if (isWholeKey(table.model, fields)) return null
  const index = table.indexes.find(
    ({ columns }) =>
      columns.length === wanted.size && columns.every(({ contract }) => wanted.has(contract.field)),
  )
  invariant(index !== undefined, `no index on ${table.model.model}(${[...wanted].join(', ')})`)
  return index
}
