import type { Schema } from '../contract/schema-contract.ts'
import { DbsyncError, invariant } from '../core/errors.ts'
import { Circuit, GroupTuples, type JoinStep, type SourceCircuit } from '../ivm/circuit.ts'
import type { ColumnOperand, Tuple } from '../ivm/comparison.ts'
import { GroupStore } from '../ivm/group-store.ts'
import { type Lookup, makeLookup } from '../ivm/lookup.ts'
import { makePredicate, type Predicate } from '../ivm/predicate.ts'
import { type ViewChange, ViewState } from '../ivm/view-state.ts'
import { Interner } from '../zset/interner.ts'
import { maskOf, SourceTable } from '../zset/source-table.ts'
import type { SecondaryIndex } from '../zset/secondary-index.ts'
import { compileOutputs } from './compile-outputs.ts'
import { lower } from './lower.ts'
import { type PlannedSource, planView, type ViewPlan } from './plan.ts'
import type { CallIr, ColumnIr, ExpressionIr, ViewIr } from './view-ir.ts'

/** The source tables that some views need and the views over them, kept in step with each other. */
export interface Replica {
  /** By model name; only models that some view reads. */
  readonly tables: ReadonlyMap<string, SourceTable>
  /** By view name. */
  readonly views: ReadonlyMap<string, ViewState>
  /** By model name: the views that have the table as a source. */
  readonly readers: ReadonlyMap<string, ReadonlySet<ViewState>>
  /** Shows what is pending in all retained views; returns their net changes, views without any left out. */
  flush(): ReadonlyMap<string, readonly ViewChange[]>
  /** Bytes of tables, indexes, interned text, groups and aggregates. */
  readonly byteLength: number
}

/**
 * Compiles views into one replica: each source table is kept once, with the columns, the indexes and the text that all
 * views together need.
 *
 * Throws: VIEW.INVALID_DEFINITION, VIEW.UNSUPPORTED, VIEW.NOT_EXACT, CONFIG.DUPLICATE_VIEW, CONTRACT.INVALID.
 */
export function compileViews(schema: Schema, views: readonly ViewIr[]): Replica {
  const plans = views.map((ir) => planView(schema, lower(ir)))
  const requests = requestTables(plans)
  const interner = new Interner()
  const tables = new Map<string, SourceTable>()
  for (const [model, { fields, indexes, slotWords }] of requests) {
    tables.set(
      model,
      new SourceTable({ schema, model, fields, indexes: [...indexes.values()], slotWords, interner }),
    )
  }
  const states = new Map<string, ViewState>()
  const readers = new Map<string, Set<ViewState>>()
  const circuits: Circuit[] = []
  const nextWord = new Map<string, number>()
  for (const plan of plans) {
    const { name } = plan.ir
    if (states.has(name)) {
      throw new DbsyncError(
        'CONFIG.DUPLICATE_VIEW',
        `found two views named ${name}; need a name for each. Rename one.`,
      )
    }
    const compiled = compileView(schema, plan, tables, interner, nextWord)
    states.set(name, compiled.state)
    circuits.push(compiled.circuit)
    plan.sources.forEach(({ model }, index) => {
      const listener = compiled.circuit.listeners[index]
      if (listener !== undefined) tables.get(model.model)?.listeners.push(listener)
      readers.set(model.model, (readers.get(model.model) ?? new Set()).add(compiled.state))
    })
  }
  const all = [...states.values()]
  return {
    tables,
    views: states,
    readers,
    flush() {
      let changes = NO_CHANGES
      for (const state of all) {
        if (!state.pending) continue
        const changed = state.flush()
        if (changed.length === 0) continue
        if (changes === NO_CHANGES) changes = new Map<string, readonly ViewChange[]>()
        changes.set(state.name, changed)
      }
      return changes
    },
    get byteLength() {
      let bytes = interner.byteLength
      for (const table of tables.values()) bytes += table.byteLength
      for (const state of states.values()) bytes += state.byteLength
      for (const circuit of circuits) bytes += circuit.byteLength
      return bytes
    },
  }
}

/** Shared by all flushes without changes: a commit that no retained view notices allocates nothing. */
const NO_CHANGES = new Map<string, readonly ViewChange[]>()

interface TableDraft {
  readonly fields: Set<string>
  readonly indexes: Map<string, readonly string[]>
  slotWords: number
}

function requestTables(plans: readonly ViewPlan[]): Map<string, TableDraft> {
  const drafts = new Map<string, TableDraft>()
  for (const plan of plans) {
    plan.sources.forEach((source, index) => {
      const draft = drafts.get(source.model.model) ?? { fields: new Set(), indexes: new Map(), slotWords: 0 }
      drafts.set(source.model.model, draft)
      for (const field of source.fields) draft.fields.add(field)
      if (plan.groupSource === index) draft.slotWords += 1
    })
    for (const { model, edge } of plan.sources) {
      if (edge === null) continue
      const parent = plan.sources[edge.parent]
      invariant(parent !== undefined, 'a join without a parent')
      requestIndex(drafts, model, edge.childFields)
      requestIndex(drafts, parent.model, edge.parentFields)
    }
  }
  return drafts
}

function requestIndex(
  drafts: Map<string, TableDraft>,
  model: PlannedSource['model'],
  fields: readonly string[],
): void {
  if (isWholeKey(model, fields)) return
  const sorted = [...new Set(fields)].toSorted()
  drafts.get(model.model)?.indexes.set(sorted.join(','), sorted)
}

function isWholeKey(model: PlannedSource['model'], fields: readonly string[]): boolean {
  return new Set(fields).size === model.key.length && model.key.every((field) => fields.includes(field))
}

function compileView(
  schema: Schema,
  plan: ViewPlan,
  tables: ReadonlyMap<string, SourceTable>,
  interner: Interner,
  nextWord: Map<string, number>,
): { readonly state: ViewState; readonly circuit: Circuit } {
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
  const { outputs, accumulators } = compileOutputs({ schema, plan, groups, tuples, interner, resolve })
  const single = plan.shape === 'single'
  const state = new ViewState({
    name: plan.ir.name,
    groups,
    outputs,
    key: single ? [] : keyOf(plan, groups, resolve),
    single,
    bag: plan.shape === 'bag',
  })
  const circuit = new Circuit({
    state,
    tuple,
    sources: plan.sources.map((_, index) => compileSource(plan, own, index)),
    filter: compileFilter(plan, tuple, interner, resolve),
    single,
    groupWord: takeGroupWord(plan, own, nextWord),
    accumulators,
    tuples,
  })
  return { state, circuit }
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
    const operand = expression?.kind === 'column' ? resolve(expression) : null
    const part = groups.parts.find(
      ({ source, column }) => source === operand?.source && column === operand.column,
    )
    if (part !== undefined) return { name, part }
    throw new DbsyncError(
      'VIEW.INVALID_DEFINITION',
      `${plan.ir.name}.key: found "${name}", which is no selected group column; need columns of groupBy. Leave it out of the key.`,
    )
  })
}

function takeGroupWord(
  plan: ViewPlan,
  own: readonly SourceTable[],
  nextWord: Map<string, number>,
): ConstructorParameters<typeof Circuit>[0]['groupWord'] {
  const table = own[plan.groupSource]
  if (table === undefined) return null
  const word = nextWord.get(table.model.model) ?? 0
  nextWord.set(table.model.model, word + 1)
  return { source: plan.groupSource, rows: table.rows, offset: table.slotWordOffset + word }
}

function compileFilter(
  plan: ViewPlan,
  tuple: Tuple,
  interner: Interner,
  resolve: (column: ColumnIr) => ColumnOperand,
): Predicate | null {
  const [first, ...others] = plan.conditions
  if (first === undefined) return null
  const all: CallIr = {
    kind: 'call',
    name: 'and',
    args: plan.conditions,
    type: { scalar: 'Boolean', pgType: 'boolean', list: false, nullable: true },
  }
  const expression: ExpressionIr = others.length === 0 ? first : all
  return makePredicate(expression, { tuple, interner, path: `${plan.ir.name}.where`, resolve })
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
  return plan.ir.select.some(({ expression }) => mentions(expression, source.alias, field))
}

function mentions(expression: ExpressionIr, alias: string, field: string): boolean {
  if (expression.kind === 'column') return expression.source === alias && expression.field === field
  if (expression.kind === 'call') return expression.args.some((argument) => mentions(argument, alias, field))
  return (
    expression.kind === 'aggregate' &&
    expression.argument !== null &&
    mentions(expression.argument, alias, field)
  )
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
