import { modelOf } from '../../src/contract/lookup.ts'
import type { ModelContract, Schema } from '../../src/contract/schema-contract.ts'
import { compileViews } from '../../src/views/compile/compile.ts'
import type { ViewNetwork } from '../../src/views/compile/view-network.ts'
import type { ViewIr } from '../../src/views/view-ir.ts'

/** A row in wire text by field name; null is NULL. */
export type TextRow = Readonly<Record<string, string | null>>

/** A replica that is fed with rows in wire text, as the stream would feed it. */
export class Mirror {
  readonly replica: ViewNetwork
  readonly #schema: Schema

  /** `replica`: one that is there already, of those views. */
  constructor(
    schema: Schema,
    views: readonly ViewIr[],
    stored: readonly ViewIr[] = [],
    replica: ViewNetwork = compileViews(schema, views, stored),
  ) {
    this.#schema = schema
    this.replica = replica
  }

  /** One row change: insert without `old`, delete without `row`; `old` needs the key alone. */
  change(model: string, old: TextRow | null, row: TextRow | null): void {
    const table = this.replica.tables.get(model)
    if (table === undefined) return
    const live = old === null ? -1 : this.#find(model, old)
    if (old !== null && live < 0) throw new Error(`no live row of ${model}`)
    if (row === null) {
      table.remove(live)
      return
    }
    const slot = this.#read(model, row, false)
    if (live < 0) table.insert(slot)
    else if (table.sameRow(live, slot)) table.release(slot)
    else table.replace(live, slot)
  }

  model(model: string): ModelContract {
    return modelOf(this.#schema, model)
  }

  #find(model: string, row: TextRow): number {
    const slot = this.#read(model, row, true)
    const table = this.replica.tables.get(model)
    const found = table?.find(slot) ?? -1
    table?.release(slot)
    return found
  }

  #read(model: string, row: TextRow, keyOnly: boolean): number {
    const table = this.replica.tables.get(model)
    if (table === undefined) throw new Error(model)
    const slot = table.allocate()
    for (const column of keyOnly ? table.keyColumns : table.columns) {
      const text = row[column.contract.field] ?? null
      if (text === null) column.setNull(slot)
      else {
        // Bytes before and after, as in a stream: a reader that runs over its end shows.
        const bytes = Buffer.from(`#${text}7`)
        column.read(slot, bytes, 1, bytes.length - 1)
      }
    }
    return slot
  }
}
