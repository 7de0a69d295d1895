import { type DbsyncError, invariant } from '../../core/errors.ts'
import type { Circuit } from '../../ivm/circuit.ts'
import type { DerivedRows } from '../../ivm/derived-rows.ts'
import type { GroupStore } from '../../ivm/group-store.ts'
import { TimeRows } from '../../ivm/time-rows.ts'
import { TopRows } from '../../ivm/top-rows.ts'
import type { RowListener, SourceTable } from '../../zset/source-table.ts'
import type { StateCarrier } from '../../zset/state-carrier.ts'
import { type BlockContext, compileNode } from './compile-block.ts'
import type { ViewPlan } from './plan.ts'
import type { DerivedModel, PlanNode } from './plan-node.ts'

/** A listener and the table that tells it. */
export interface Subscription {
  readonly table: SourceTable
  readonly listener: RowListener
}

/** What fills a derived table. */
export interface Upkeep {
  readonly pending: boolean
  readonly failure: DbsyncError | null
  readonly work: number
  readonly byteLength: number
  /** Brings the table up to date. */
  flush(): void
  /** Hands over what it keeps beside its tables, when nothing is pending. */
  carry(state: StateCarrier): void
  /** Gives up the text that it holds. */
  dispose(): void
}

/** A part of a network, as it is explained: what fills a derived table, or shows a view. */
export interface NetworkStep {
  /** The table that it fills; null: it shows a view. */
  readonly table: SourceTable | null
  /** Null: it shows a view. */
  readonly node: PlanNode | null
  /** Null: the first rows of an order, or those within a moving time bound. */
  readonly plan: ViewPlan | null
  /** Null: as of `plan`. */
  readonly groups: GroupStore | null
  /** The views that it is for. */
  readonly views: readonly string[]
}

/** A circuit and its first source, of which it may have to be told again. */
export interface Refilled {
  readonly circuit: Circuit
  readonly subscriptions: readonly Subscription[]
}

/** Tells circuits of all rows whose state could not be carried. */
export function refill(all: readonly Refilled[]): void {
  for (const { circuit, subscriptions } of all) {
    if (!circuit.mustRefill) continue
    for (const slot of subscriptions[0]?.table.slots() ?? []) circuit.refill(slot)
  }
}

/** A node and what fills its table. */
export interface LiveNode {
  readonly steps: readonly Omit<NetworkStep, 'views'>[]
  readonly model: DerivedModel
  readonly table: SourceTable
  readonly upkeep: readonly Upkeep[]
  readonly circuits: readonly Refilled[]
  /** Those of them that move with the clock. */
  readonly times: readonly TimeRows[]
  readonly subscriptions: readonly Subscription[]
  /** The views that it is for. */
  readonly views: Set<string>
  /** The views whose rows are kept in it, or in a table that is filled from it. */
  readonly stored: Set<string>
}

/** Makes what fills a node's table from the rows that are there, and has it told of every change. */
export function makeUpkeep(
  context: BlockContext,
  now: bigint,
  node: PlanNode,
  output: SourceTable,
  plan: ViewPlan | undefined,
): {
  readonly upkeep: Upkeep
  readonly subscriptions: readonly Subscription[]
  readonly groups: GroupStore | null
  readonly circuit: Circuit | null
} {
  if (node.kind === 'top') {
    const input = context.tables.get(node.input)
    invariant(input !== undefined, 'a limit without a table')
    const top = new TopRows({ ...node, limit: node.count, input, output })
    return {
      upkeep: top,
      subscriptions: [{ table: input, listener: top.listener }],
      groups: null,
      circuit: null,
    }
  }
  if (node.kind === 'time') {
    const input = context.tables.get(node.input)
    invariant(input !== undefined, 'a moving bound without a table')
    const rows = new TimeRows({ ...node, micros: BigInt(node.micros), now: now, input, output })
    return {
      upkeep: rows,
      subscriptions: [{ table: input, listener: rows.listener }],
      groups: null,
      circuit: null,
    }
  }
  invariant(plan !== undefined, 'a block without a plan')
  const { sink, circuit } = compileNode(context, node, plan)
  const subscriptions = subscribe(context.tables, plan, circuit)
  return { upkeep: upkeepOf(sink, circuit), subscriptions, groups: sink.groups, circuit }
}

/** Shows a circuit the rows that are there, then has it told of every change. */
export function subscribe(
  tables: ReadonlyMap<string, SourceTable>,
  plan: ViewPlan,
  circuit: Circuit,
): readonly Subscription[] {
  const subscriptions = plan.sources.map(({ model }, index): Subscription => {
    const table = tables.get(model.model)
    const listener = circuit.listeners[index]
    invariant(table !== undefined && listener !== undefined, 'a source without a table')
    return { table, listener }
  })
  const [first] = subscriptions
  for (const slot of first?.table.slots() ?? []) first?.listener.insert(slot)
  for (const { table, listener } of subscriptions) table.listeners.push(listener)
  return subscriptions
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
    carry: (state) => {
      rows.carry(state)
      circuit.carry(state)
    },
    dispose: () => {
      rows.groups.dispose()
      circuit.dispose()
    },
  }
}

/** Whether what fills the node's table has stopped. */
export function hasFailed(node: LiveNode | undefined): boolean {
  return node !== undefined && node.upkeep.some(({ failure }) => failure !== null)
}

/** Tells the listeners nothing more. */
export function detach(subscriptions: readonly Subscription[]): void {
  for (const { table, listener } of subscriptions) {
    const at = table.listeners.indexOf(listener)
    if (at >= 0) table.listeners.splice(at, 1)
  }
}
