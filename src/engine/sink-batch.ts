import type { AnyChange } from '../changes/change.ts'
import type { Lsn } from '../core/lsn.ts'
import type { SchemaContract } from '../contract/schema-contract.ts'
import { identityOf } from '../values/row-identity.ts'

/** What is left of one key: its row, or that it is gone. */
interface KeyState {
  readonly key: object
  readonly row: object | null
}

/** One call of a sink. */
export interface SinkCall {
  readonly op: 'truncate' | 'delete' | 'upsert'
  readonly model: string
  /** Keys or rows; empty for a truncate. */
  readonly items: readonly unknown[]
}

/** Folds changes into the final state of each key. */
export class SinkBatch {
  readonly #order: readonly string[]
  readonly #models = new Map<string, Map<string, KeyState>>()
  readonly #truncated = new Set<string>()
  #size = 0
  #lsn: Lsn | null = null

  /** `order`: models, those that others refer to first (`referredFirst`). */
  constructor(order: readonly string[]) {
    this.#order = order
  }

  /** Keys in it. */
  get size(): number {
    return this.#size
  }

  get isEmpty(): boolean {
    return this.#size === 0 && this.#truncated.size === 0
  }

  /** The position of the last change in it; null while it is empty. */
  get lsn(): Lsn | null {
    return this.#lsn
  }

  /** Adds a change, in order. */
  add(change: AnyChange): void {
    this.#lsn = change.tx.lsn
    const keys = this.#keysOf(change.model)
    if (change.op === 'truncate') {
      this.#size -= keys.size
      keys.clear()
      this.#truncated.add(change.model)
      return
    }
    const key = objectOf(change.key)
    const id = identityOf(key)
    if (change.op === 'delete') this.#put(keys, id, { key, row: null })
    else if (change.op === 'update') {
      const oldKey = change.before === undefined ? key : this.#oldKey(key, objectOf(change.before))
      const oldId = identityOf(oldKey)
      // What the update left out is what the batch has of the row already.
      const known = keys.get(oldId)?.row ?? null
      if (oldId !== id) this.#put(keys, oldId, { key: oldKey, row: null })
      this.#put(keys, id, { key, row: { ...known, ...objectOf(change.after) } })
    } else this.#put(keys, id, { key, row: objectOf(change.after) })
  }

  /** The calls that bring a sink to the batch's end, none with more than `maxRows` items; the batch is empty then. */
  drain(maxRows: number): SinkCall[] {
    const calls: SinkCall[] = []
    const models = this.#order.filter((model) => this.#models.has(model))
    for (const model of models) {
      if (this.#truncated.has(model)) calls.push({ op: 'truncate', model, items: [] })
    }
    const slices = (op: 'delete' | 'upsert', model: string): void => {
      const items: unknown[] = []
      for (const { key, row } of this.#models.get(model)?.values() ?? []) {
        if (op === 'delete' && row === null) items.push(key)
        if (op === 'upsert' && row !== null) items.push(row)
      }
      for (let at = 0; at < items.length; at += maxRows) {
        calls.push({ op, model, items: items.slice(at, at + maxRows) })
      }
    }
    for (const model of models.toReversed()) slices('delete', model)
    for (const model of models) slices('upsert', model)
    this.#models.clear()
    this.#truncated.clear()
    this.#size = 0
    this.#lsn = null
    return calls
  }

  #keysOf(model: string): Map<string, KeyState> {
    let keys = this.#models.get(model)
    if (keys === undefined) this.#models.set(model, (keys = new Map()))
    return keys
  }

  #put(keys: Map<string, KeyState>, id: string, state: KeyState): void {
    if (!keys.has(id)) this.#size += 1
    keys.set(id, state)
  }

  /** The old row's key: an old row that the WAL has whole is more than its key. */
  #oldKey(key: object, before: object): object {
    return Object.fromEntries(Object.keys(key).map((field) => [field, Reflect.get(before, field)]))
  }
}

/** The models of a contract, each behind those that it refers to; where they refer to each other, in the contract's order. */
export function referredFirst({ models }: Pick<SchemaContract, 'models'>): readonly string[] {
  const order: string[] = []
  const seen = new Set<string>()
  const visit = (name: string): void => {
    if (seen.has(name)) return
    seen.add(name)
    const relations = models.find(({ model }) => model === name)?.relations ?? []
    for (const { model } of relations) visit(model)
    order.push(name)
  }
  for (const { model } of models) visit(model)
  return order
}

function objectOf(value: unknown): object {
  return typeof value === 'object' && value !== null ? value : {}
}
