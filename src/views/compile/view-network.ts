import type { Schema } from '../../contract/schema-contract.ts'
import { DbsyncError, invariant } from '../../core/errors.ts'
import type { Circuit } from '../../ivm/circuit.ts'
import type { DerivedRows } from '../../ivm/derived-rows.ts'
import type { GroupStore } from '../../ivm/group-store.ts'
import { TimeRows } from '../../ivm/time-rows.ts'
import { TopRows } from '../../ivm/top-rows.ts'
import type { ViewChange, ViewState } from '../../ivm/view-state.ts'
import { Interner } from '../../zset/interner.ts'
import { type RowListener, SourceTable } from '../../zset/source-table.ts'
import { type BlockContext, compileNode, compileView } from './compile-block.ts'
import { lowerView } from '../lower/lower-view.ts'
import { modelsOf } from '../models-of.ts'
import { planView, type ViewPlan } from './plan.ts'
import { type DerivedModel, type LoweredView, type PlanNode, withDerived } from './plan-node.ts'
import { requestTables, type TableDraft } from './request-tables.ts'
import type { ViewIr } from '../view-ir.ts'

/** A listener and the table that tells it. */
interface Subscription {
  readonly table: SourceTable
  readonly listener: RowListener
}

/** What fills a derived table. */
interface Upkeep {
  readonly pending: boolean
  readonly failure: DbsyncError | null
  readonly work: number
  readonly byteLength: number
  /** Brings the table up to date. */
  flush(): void
  /** Gives up the text that it holds. */
  dispose(): void
}

/** A part of a network, as it is explained: what fills a derived table, or shows a view. */
export interface NetworkStep {
  /** The table that it fills; null: it shows a view. */
  readonly table: SourceTable | null
  /** Null: it shows a view. */
  readonly node: PlanNode | null
  /** Null: the first rows of an order. */
  readonly plan: ViewPlan | null
  /** Null: the first rows of an order. */
  readonly groups: GroupStore | null
  /** The views that it is for. */
  readonly views: readonly string[]
}

/** A node and what fills its table. */
interface LiveNode {
  readonly steps: readonly Omit<NetworkStep, 'views'>[]
  readonly model: DerivedModel
  readonly table: SourceTable
  readonly upkeep: readonly Upkeep[]
  /** Those of them that move with the clock. */
  readonly times: readonly TimeRows[]
  readonly subscriptions: readonly Subscription[]
  /** The views that it is for. */
  readonly views: Set<string>
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
  /** By model name: the views that read the table, directly or through others. */
  readonly readers: Map<string, Set<ViewState>> = new Map<string, Set<ViewState>>()
  readonly #schema: Schema
  readonly #interner = new Interner()
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
  constructor(schema: Schema, views: readonly ViewIr[]) {
    this.#schema = schema
    this.#install(views, true)
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

  /**
   * Adds a view over the rows that are there.
   *
   * Returns false, with nothing changed, if the tables lack a column or an index that it needs, or if a part that it shares
   * with another view has failed: then only a network made anew can keep it. Throws: as the constructor.
   */
  add(view: ViewIr): boolean {
    const isAdded = this.#install([view], false)
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
      if (node.views.size > 0) continue
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

  #forget(table: string): void {
    this.#all.delete(table)
    this.#takenWords.delete(table)
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

  #list(): void {
    this.#order = [...this.#nodes.values()]
    this.#shown = [...this.#live.values()]
    this.#times = this.#order.flatMap(({ times }) => times)
  }

  #settle({ upkeep, views }: LiveNode): void {
    for (const item of upkeep) {
      if (item.pending) item.flush()
      if (item.failure === null) continue
      for (const name of views) this.views.get(name)?.fail(item.failure)
    }
  }

  #install(views: readonly ViewIr[], isFirst: boolean): boolean {
    const lowered = views.map((view) => lowerView(this.#schema, view))
    this.#requireNewNames(views)
    const models = new Map([
      ...[...this.#nodes.values()].map(({ model }) => [model.model, model] as const),
      ...lowered.flatMap((view) => view.models.map((model) => [model.model, model] as const)),
    ])
    // A part that has failed stays so, whatever the rows are by now.
    if (lowered.some((view) => view.models.some(({ model }) => hasFailed(this.#nodes.get(model)))))
      return false
    const schema = withDerived(this.#schema, [...models.values()])
    const nodes = newNodes(lowered, this.#nodes)
    const plans = new Map<PlanNode, ViewPlan>(
      nodes.flatMap((node) =>
        node.kind === 'block' ? [[node, planView(schema, node.block, 'node')] as const] : [],
      ),
    )
    const shown = lowered.map(({ last }) => planView(schema, last))
    const requests = requestTables([...plans.values(), ...shown], nodes)
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
    for (const [name, group] of byTable(nodes)) {
      const model = models.get(name)
      const table = this.#all.get(name)
      invariant(model !== undefined && table !== undefined, 'a node without a table')
      const made = group.map((node) => this.#makeUpkeep(context, node, table, plans.get(node)))
      const live = {
        steps: made.map(({ groups }, at) => {
          const node = group[at] ?? null
          return { table, node, plan: (node === null ? undefined : plans.get(node)) ?? null, groups }
        }),
        model,
        table,
        upkeep: made.map(({ upkeep }) => upkeep),
        times: made.flatMap(({ upkeep }) => (upkeep instanceof TimeRows ? [upkeep] : [])),
        subscriptions: made.flatMap(({ subscriptions }) => subscriptions),
        views: new Set<string>(),
      }
      this.#nodes.set(name, live)
      this.#settle(live)
    }
    lowered.forEach(({ models: derived }, index) => {
      const plan = shown[index]
      const view = views[index]
      invariant(plan !== undefined && view !== undefined, 'a view without a plan')
      const { sink: state, circuit } = compileView(context, plan)
      const used = derived.flatMap(({ model }) => this.#nodes.get(model) ?? [])
      for (const node of used) node.views.add(view.name)
      const read = modelsOf(view.query)
      for (const model of read) {
        this.readers.set(model, (this.readers.get(model) ?? new Set<ViewState>()).add(state))
      }
      const subscriptions = this.#subscribe(plan, circuit)
      this.#live.set(view.name, { state, circuit, plan, subscriptions, nodes: used, models: read })
      this.views.set(view.name, state)
      for (const node of used) this.#settle(node)
    })
    return true
  }

  #makeUpkeep(
    context: BlockContext,
    node: PlanNode,
    output: SourceTable,
    plan: ViewPlan | undefined,
  ): {
    readonly upkeep: Upkeep
    readonly subscriptions: readonly Subscription[]
    readonly groups: GroupStore | null
  } {
    if (node.kind === 'top') {
      const input = this.#all.get(node.input)
      invariant(input !== undefined, 'a limit without a table')
      const top = new TopRows({ ...node, limit: node.count, input, output })
      return { upkeep: top, subscriptions: [{ table: input, listener: top.listener }], groups: null }
    }
    if (node.kind === 'time') {
      const input = this.#all.get(node.input)
      invariant(input !== undefined, 'a moving bound without a table')
      const rows = new TimeRows({ ...node, micros: BigInt(node.micros), now: this.#now, input, output })
      return { upkeep: rows, subscriptions: [{ table: input, listener: rows.listener }], groups: null }
    }
    invariant(plan !== undefined, 'a block without a plan')
    const { sink, circuit } = compileNode(context, node, plan)
    const subscriptions = this.#subscribe(plan, circuit)
    return { upkeep: upkeepOf(sink, circuit), subscriptions, groups: sink.groups }
  }

  /** Shows a circuit the rows that are there, then has it told of every change. */
  #subscribe(plan: ViewPlan, circuit: Circuit): readonly Subscription[] {
    const subscriptions = plan.sources.map(({ model }, index): Subscription => {
      const table = this.#all.get(model.model)
      const listener = circuit.listeners[index]
      invariant(table !== undefined && listener !== undefined, 'a source without a table')
      return { table, listener }
    })
    const [first] = subscriptions
    for (const slot of first?.table.slots() ?? []) first?.listener.insert(slot)
    for (const { table, listener } of subscriptions) table.listeners.push(listener)
    return subscriptions
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

function upkeepOf(rows: DerivedRows, circuit: Circuit): Upkeep {
  return {
    get pending() {
      return rows.pending || circuit.error !== null
    },
    get failure() {
      return rows.failure
    },
    get work() {
      return rows.work
    },
    get byteLength() {
      return rows.byteLength + circuit.byteLength
    },
    flush: () => rows.flush(circuit.error),
    dispose: () => {
      rows.groups.dispose()
      circuit.dispose()
    },
  }
}

function hasFailed(node: LiveNode | undefined): boolean {
  return node !== undefined && node.upkeep.some(({ failure }) => failure !== null)
}

function newNodes(
  lowered: readonly LoweredView[],
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

function detach(subscriptions: readonly Subscription[]): void {
  for (const { table, listener } of subscriptions) {
    const at = table.listeners.indexOf(listener)
    if (at >= 0) table.listeners.splice(at, 1)
  }
}
