import type { Schema } from '../../contract/schema-contract.ts'
import { DbsyncError, invariant } from '../../core/errors.ts'
import type { Circuit } from '../../ivm/circuit.ts'
import { TimeRows } from '../../ivm/time-rows.ts'
import type { ViewChange, ViewState } from '../../ivm/view-state.ts'
import { Interner } from '../../zset/interner.ts'
import { SourceTable } from '../../zset/source-table.ts'
import type { StateCarrier } from '../../zset/state-carrier.ts'
import { type BlockContext, compileView } from './compile-block.ts'
import {
  detach,
  hasFailed,
  type LiveNode,
  makeUpkeep,
  refill,
  type NetworkStep,
  subscribe,
  type Subscription,
} from './network-node.ts'
import { StoredRows } from '../../ivm/pending-rows.ts'
import { lowerRows, lowerView } from '../lower/lower-view.ts'
import { modelsOf } from '../models-of.ts'
import { planView, type ViewPlan } from './plan.ts'
import {
  type DerivedModel,
  type LoweredRows,
  type LoweredView,
  type PlanNode,
  withDerived,
} from './plan-node.ts'
import { makeRowsJson } from './rows-json.ts'
import { queryOutputs } from '../query-outputs.ts'
import { requestTables, type TableDraft } from './request-tables.ts'
import type { ViewIr } from '../view-ir.ts'

/** A view, as far as whatever it reads can stop it. */
export interface NetworkView {
  readonly name: string
  readonly failure: DbsyncError | null
  fail(error: unknown): void
}

/** A view, its last block, and what it reads. */
interface LiveView {
  readonly state: ViewState
  readonly circuit: Circuit
  readonly plan: ViewPlan
  readonly subscriptions: readonly Subscription[]
  readonly nodes: readonly LiveNode[]
  readonly models: readonly string[]
}

/** Shared by all flushes without changes: a commit that no retained view notices allocates nothing. */
const NO_CHANGES = new Map<string, readonly ViewChange[]>()

/**
 * The source tables that some views need, and the views over them, kept in step with each other.
 *
 * Each table is kept once, with the columns, the indexes and the text that all views together need; equal parts of views
 * are kept once too.
 * Order: rows are put into `tables`; then `flush` brings the derived tables and the views up to date.
 */
export class ViewNetwork {
  /** By model name; only models that some view reads. */
  readonly tables: Map<string, SourceTable> = new Map<string, SourceTable>()
  /** By view name. */
  readonly views: Map<string, ViewState> = new Map<string, ViewState>()
  /** By view name: the rows of the views that are stored. */
  readonly stored: Map<string, StoredRows> = new Map<string, StoredRows>()
  /** By model name: the views that read the table, directly or through others. */
  readonly readers: Map<string, Set<NetworkView>> = new Map<string, Set<NetworkView>>()
  readonly #schema: Schema
  readonly #interner: Interner
  /** By model name: tables of the database and of nodes. */
  readonly #all = new Map<string, SourceTable>()
  /** In the order in which they are brought up to date. */
  readonly #nodes = new Map<string, LiveNode>()
  readonly #live = new Map<string, LiveView>()
  readonly #takenWords = new Map<string, number>()
  /** The values of the maps above, which every commit walks through. */
  #order: readonly LiveNode[] = []
  #shown: readonly LiveView[] = []
  #times: readonly TimeRows[] = []
  #now = 0n

  /** Throws: VIEW.INVALID_DEFINITION, VIEW.UNSUPPORTED, VIEW.NOT_EXACT, CONFIG.DUPLICATE_VIEW, CONTRACT.INVALID. */
  constructor(
    schema: Schema,
    views: readonly ViewIr[],
    stored: readonly ViewIr[] = [],
    interner: Interner = new Interner(),
  ) {
    this.#schema = schema
    this.#interner = interner
    this.#install(views, stored, true)
    this.#list()
  }

  /** Bytes of tables, indexes, interned text, groups and aggregates. */
  get byteLength(): number {
    let bytes = this.#interner.byteLength
    for (const table of this.#all.values()) bytes += table.byteLength
    for (const { upkeep } of this.#nodes.values()) for (const { byteLength } of upkeep) bytes += byteLength
    for (const { state, circuit } of this.#live.values()) bytes += state.byteLength + circuit.byteLength
    return bytes
  }

  /** What the network is made of, each step after those that it reads. */
  get steps(): readonly NetworkStep[] {
    return [
      ...[...this.#nodes.values()].flatMap(({ steps, views }) =>
        steps.map((step) => ({ ...step, views: [...views] })),
      ),
      ...[...this.#live].map(([name, { plan, state }]) => ({
        table: null,
        node: null,
        plan,
        groups: state.groups,
        views: [name],
      })),
    ]
  }

  /** How many tuples went through all blocks so far: the work that changes cost. */
  get work(): number {
    let work = 0
    for (const { upkeep } of this.#nodes.values()) for (const item of upkeep) work += item.work
    for (const { state } of this.#live.values()) work += state.work
    return work
  }

  /** Whether everything in it is maintained: a view or a part of one that has stopped is as it was then. */
  get isSound(): boolean {
    const parts = [
      ...this.#order.flatMap(({ upkeep }) => upkeep),
      ...this.views.values(),
      ...this.stored.values(),
    ]
    return parts.every(({ failure }) => failure === null)
  }

  /** Hands over its text, which must come in before a network is made with it. Call it right after `flush`. */
  carryTexts(state: StateCarrier): void {
    this.#interner.carry(state)
  }

  /**
   * Hands over everything but its text. Call it right after `flush`, and only while it is sound; what comes in is for a network
   * that was made of the same views, with the text that was carried, and has had no rows.
   *
   * Throws: STATE.UNUSABLE if it is the state of another network.
   */
  carry(state: StateCarrier): void {
    this.#now = state.bigint(this.#now)
    for (const [model, table] of this.#all) {
      state.label(model)
      table.carry(state)
    }
    for (const [model, { upkeep }] of this.#nodes) {
      state.label(model)
      for (const item of upkeep) item.carry(state)
    }
    for (const { state: view, circuit } of this.#live.values()) {
      view.carry(state)
      circuit.carry(state)
    }
    state.label('end')
    if (!state.isLoading) return
    refill([...this.#order.flatMap(({ circuits }) => circuits), ...this.#live.values()])
  }

  /**
   * Adds a view over the rows that are there.
   *
   * Returns false, with nothing changed, if the tables lack a column or an index that it needs, or if a part that it shares
   * with another view has failed: then only a network made anew can keep it. Throws: as the constructor.
   */
  add(view: ViewIr): boolean {
    const isAdded = this.#install([view], [], false)
    this.#list()
    return isAdded
  }

  /** Lets go of a view and of whatever no other view needs. */
  remove(name: string): void {
    const view = this.#live.get(name)
    if (view === undefined) return
    this.#live.delete(name)
    this.views.delete(name)
    detach(view.subscriptions)
    view.state.groups.dispose()
    view.circuit.dispose()
    for (const node of view.nodes.toReversed()) {
      node.views.delete(name)
      if (node.views.size + node.stored.size > 0) continue
      this.#nodes.delete(node.model.model)
      this.#forget(node.model.model)
      detach(node.subscriptions)
      for (const item of node.upkeep) item.dispose()
      node.table.clear()
    }
    for (const model of view.models) {
      const readers = this.readers.get(model)
      readers?.delete(view.state)
      if (readers === undefined || readers.size > 0) continue
      this.readers.delete(model)
      this.tables.get(model)?.clear()
      this.tables.delete(model)
      this.#forget(model)
    }
    this.#list()
  }

  /** Whether a view has a moving time bound, so that its rows depend on {@link advance}. */
  get isMoving(): boolean {
    return this.#times.length > 0
  }

  /** The time that {@link advance} was told last. */
  get now(): bigint {
    return this.#now
  }

  /**
   * Says what time it is, in microseconds since 1970-01-01 UTC, for all moving time bounds; it may go back. `flush` then
   * shows the rows that come and go by it. A network begins in 1970.
   */
  advance(now: bigint): void {
    this.#now = now
    for (const rows of this.#times) rows.advance(now)
  }

  /** Shows what is pending; returns the net changes of the retained views, views without any left out. */
  flush(): ReadonlyMap<string, readonly ViewChange[]> {
    for (const node of this.#order) this.#settle(node)
    let changes = NO_CHANGES
    for (const { state, circuit } of this.#shown) {
      if (circuit.error !== null) state.fail(circuit.error)
      if (!state.pending) continue
      const changed = state.flush()
      if (changed.length === 0) continue
      if (changes === NO_CHANGES) changes = new Map<string, readonly ViewChange[]>()
      changes.set(state.name, changed)
    }
    return changes
  }

  #forget(table: string): void {
    this.#all.delete(table)
    this.#takenWords.delete(table)
  }

  #list(): void {
    this.#order = [...this.#nodes.values()]
    this.#shown = [...this.#live.values()]
    this.#times = this.#order.flatMap(({ times }) => times)
  }

  #settle({ upkeep, views, stored }: LiveNode): void {
    for (const item of upkeep) {
      if (item.pending) item.flush()
      if (item.failure === null) continue
      for (const name of views) this.views.get(name)?.fail(item.failure)
      for (const name of stored) this.stored.get(name)?.fail(item.failure)
    }
  }

  /** Lowers, plans, makes the tables, and sets up what fills them; the views come last. */
  #install(views: readonly ViewIr[], stored: readonly ViewIr[], isFirst: boolean): boolean {
    const lowered = views.map((view) => lowerView(this.#schema, view))
    const kept = stored.map((view) => lowerRows(this.#schema, view))
    this.#requireNewNames(views)
    const models = new Map(
      [
        ...this.#nodes.values(),
        ...[...lowered, ...kept].flatMap((view) => view.models.map((model) => ({ model }))),
      ].map(({ model }) => [model.model, model] as const),
    )
    // A part that has failed stays so, whatever the rows are by now.
    if (lowered.some((view) => view.models.some(({ model }) => hasFailed(this.#nodes.get(model)))))
      return false
    const schema = withDerived(this.#schema, [...models.values()])
    const nodes = newNodes([...lowered, ...kept], this.#nodes)
    const plans = new Map<PlanNode, ViewPlan>(
      nodes.flatMap((node) =>
        node.kind === 'block' ? [[node, planView(schema, node.block, 'node')] as const] : [],
      ),
    )
    const shown = lowered.map(({ last }) => planView(schema, last))
    const requests = requestTables(
      [...plans.values(), ...shown],
      nodes,
      kept.map(({ rows }, index) => ({ model: rows.model, fields: outputNames(stored[index]) })),
    )
    for (const [model, draft] of requests) {
      const known = this.#all.get(model)
      if (known === undefined ? !isFirst && !models.has(model) : !satisfies(known, draft)) return false
    }
    const context = {
      schema,
      tables: this.#all,
      interner: this.#interner,
      takenWords: this.#takenWords,
    }
    this.#makeTables(schema, requests, models)
    for (const [name, group] of byTable(nodes)) this.#makeNode(context, models.get(name), group, plans)
    lowered.forEach((view, index) => {
      const [plan, ir] = [shown[index], views[index]]
      invariant(plan !== undefined && ir !== undefined, 'a view without a plan')
      this.#show(context, ir, view, plan)
    })
    kept.forEach((view, index) => {
      const ir = stored[index]
      invariant(ir !== undefined, 'rows without a view')
      this.#store(ir, view)
    })
    return true
  }

  #makeTables(
    schema: Schema,
    requests: ReadonlyMap<string, TableDraft>,
    models: ReadonlyMap<string, DerivedModel>,
  ): void {
    for (const [model, { fields, indexes, slotWords }] of requests) {
      if (this.#all.has(model)) continue
      const table = new SourceTable({
        schema,
        model,
        fields,
        indexes: [...indexes.values()],
        slotWords,
        interner: this.#interner,
      })
      this.#all.set(model, table)
      if (!models.has(model)) this.tables.set(model, table)
    }
  }

  #makeNode(
    context: BlockContext,
    model: DerivedModel | undefined,
    group: readonly PlanNode[],
    plans: ReadonlyMap<PlanNode, ViewPlan>,
  ): void {
    const table = this.#all.get(model?.model ?? '')
    invariant(model !== undefined && table !== undefined, 'a node without a table')
    const made = group.map((node) => makeUpkeep(context, this.#now, node, table, plans.get(node)))
    const live = {
      steps: made.map(({ groups }, at) => {
        const node = group[at] ?? null
        return { table, node, plan: (node === null ? undefined : plans.get(node)) ?? null, groups }
      }),
      model,
      table,
      upkeep: made.map(({ upkeep }) => upkeep),
      circuits: made.flatMap(({ circuit, subscriptions }) =>
        circuit === null ? [] : [{ circuit, subscriptions }],
      ),
      times: made.flatMap(({ upkeep }) => (upkeep instanceof TimeRows ? [upkeep] : [])),
      subscriptions: made.flatMap(({ subscriptions }) => subscriptions),
      views: new Set<string>(),
      stored: new Set<string>(),
    }
    this.#nodes.set(model.model, live)
    this.#settle(live)
  }

  #show(context: BlockContext, { name, query }: ViewIr, { models }: LoweredView, plan: ViewPlan): void {
    const { sink: state, circuit } = compileView(context, plan)
    const nodes = this.#nodesOf(models)
    for (const node of nodes) node.views.add(name)
    const read = modelsOf(query)
    this.#note(read, state)
    const subscriptions = subscribe(this.#all, plan, circuit)
    this.#live.set(name, { state, circuit, plan, subscriptions, nodes, models: read })
    this.views.set(name, state)
    for (const node of nodes) this.#settle(node)
  }

  #store({ name, query, key }: ViewIr, { models, rows }: LoweredRows): void {
    const table = this.#all.get(rows.model)
    invariant(table !== undefined && key !== null, 'stored rows without a table or a key')
    const names = queryOutputs(query).map((output) => output.name)
    const columns = names.map((field) => {
      const shape = rows.shapes.get(field)
      const column = table.column(field)
      return shape === undefined ? { column } : { column, text: makeRowsJson(shape) }
    })
    const kept = new StoredRows({ name, table, columns, key: key.map((field) => names.indexOf(field)) })
    this.#note(modelsOf(query), kept)
    this.stored.set(name, kept)
    const nodes = this.#nodesOf(models)
    for (const node of nodes) node.stored.add(name)
    for (const node of nodes) this.#settle(node)
  }

  #nodesOf(models: readonly DerivedModel[]): readonly LiveNode[] {
    return models.flatMap(({ model }) => this.#nodes.get(model) ?? [])
  }

  #note(models: readonly string[], view: NetworkView): void {
    for (const model of models) {
      this.readers.set(model, (this.readers.get(model) ?? new Set<NetworkView>()).add(view))
    }
  }

  #requireNewNames(views: readonly ViewIr[]): void {
    const names = new Set(this.#live.keys())
    for (const { name } of views) {
      if (names.has(name)) {
        throw new DbsyncError(
          'CONFIG.DUPLICATE_VIEW',
          `found two views named ${name}; need a name for each. Rename one.`,
        )
      }
      names.add(name)
    }
  }
}

function outputNames(view: ViewIr | undefined): readonly string[] {
  return view === undefined ? [] : queryOutputs(view.query).map(({ name }) => name)
}

function newNodes(
  lowered: readonly Pick<LoweredView, 'nodes'>[],
  known: ReadonlyMap<string, LiveNode>,
): readonly PlanNode[] {
  const nodes: PlanNode[] = []
  const seen = new Set(known.keys())
  for (const view of lowered) {
    nodes.push(...view.nodes.filter(({ table }) => !seen.has(table)))
    for (const { table } of view.nodes) seen.add(table)
  }
  return nodes
}

function byTable(nodes: readonly PlanNode[]): ReadonlyMap<string, readonly PlanNode[]> {
  const groups = new Map<string, PlanNode[]>()
  for (const node of nodes) groups.set(node.table, [...(groups.get(node.table) ?? []), node])
  return groups
}

function satisfies(table: SourceTable, { fields, indexes }: TableDraft): boolean {
  const kept = new Set(table.columns.map(({ contract }) => contract.field))
  const has = (wanted: readonly string[]): boolean =>
    table.indexes.some(
      ({ columns }) =>
        columns.length === wanted.length && columns.every(({ contract }) => wanted.includes(contract.field)),
    )
  return [...fields].every((field) => kept.has(field)) && [...indexes.values()].every(has)
}
