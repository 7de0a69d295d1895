import { Circuit, GroupTuples } from '../../src/ivm/circuit.ts'
import { GroupStore } from '../../src/ivm/group-store.ts'
import type { OrderPart, OrderValue } from '../../src/ivm/row-order.ts'
import { ViewState } from '../../src/ivm/view-state.ts'
import type { Column } from '../../src/zset/column.ts'
import { Interner } from '../../src/zset/interner.ts'
import { maskOf, SourceTable } from '../../src/zset/source-table.ts'
import { schema } from '../conformance/fixture.ts'

/** A row of the fixture's Sale: text, numbers and null as they are. */
export interface SaleRow {
  readonly id: number
  readonly shopId: string | null
  readonly qty: number | null
  readonly note: string | null
}

export type SaleField = keyof SaleRow

/** One item of ORDER BY. */
export interface SaleOrder {
  readonly field: SaleField
  readonly descending: boolean
  readonly nullsFirst: boolean
}

const FIELDS = ['id', 'shopId', 'qty', 'note'] as const

/** One view over sales, in an order: of rows known by their id, or a bag of what else they hold. */
export class SaleView {
  readonly table: SourceTable
  readonly state: ViewState

  constructor(options: {
    readonly bag: boolean
    readonly order: readonly SaleOrder[]
    /** Called whenever two rows are compared. */
    readonly onCompare?: () => void
  }) {
    const { bag } = options
    const interner = new Interner()
    this.table = new SourceTable({
      schema,
      model: 'Sale',
      fields: new Set(FIELDS),
      indexes: [],
      slotWords: 1,
      interner,
    })
    const shown = FIELDS.filter((field) => !bag || field !== 'id')
    const columnOf = (field: string): Column => this.table.column(field)
    const identity = (bag ? shown : ['id']).map(columnOf)
    const groups = new GroupStore(
      identity.map((column) => ({ source: 0, column, nullable: column.contract.nullable })),
      identity.length,
      interner,
    )
    const tuples = bag ? null : new GroupTuples(1)
    const valueOf = (field: string, group: number): unknown => {
      if (tuples !== null) return columnOf(field).value(tuples.slots[group] ?? -1)
      const part = groups.parts.find(({ column }) => column === columnOf(field))
      return part === undefined ? null : groups.value(group, part)
    }
    const [key] = groups.parts
    this.state = new ViewState({
      name: 'sales',
      groups,
      outputs: shown.map((name) => ({ name, value: (group) => valueOf(name, group) })),
      key: bag || key === undefined ? null : [{ name: 'id', part: key }],
      single: false,
      bag,
      order: options.order.map(({ field, ...item }): OrderPart => ({
        ...item,
        // oxlint-disable-next-line typescript/no-unsafe-type-assertion
        value: (group) => valueOf(field, group) as OrderValue | null,
        compare: (a, b) => (a < b ? -1 : a > b ? 1 : 0),
      })),
    })
    const circuit = new Circuit({
      state: this.state,
      tuple: new Int32Array([-1]),
      sources: [
        {
          source: 0,
          mask: maskOf(this.table.columns),
          critical: maskOf(identity),
          steps: null,
          leftJoined: false,
          index: null,
        },
      ],
      filter: null,
      single: false,
      groupWord: bag ? null : { source: 0, rows: this.table.rows, offset: this.table.slotWordOffset },
      accumulators: [],
      tuples,
    })
    this.table.listeners.push(...circuit.listeners)
  }

  /** Puts a row in the place of the row `old`, or anew. */
  put(old: number | null, row: SaleRow): void {
    const live = old === null ? -1 : this.#find(old)
    const slot = this.#read(row)
    if (live < 0) this.table.insert(slot)
    else if (this.table.sameRow(live, slot)) this.table.release(slot)
    else this.table.replace(live, slot)
  }

  remove(id: number): void {
    this.table.remove(this.#find(id))
  }

  #find(id: number): number {
    const slot = this.#read({ id, shopId: null, qty: null, note: null })
    const found = this.table.find(slot)
    this.table.release(slot)
    return found
  }

  #read(row: SaleRow): number {
    const values: Readonly<Record<string, string | number | null>> = { ...row, line: 1 }
    const slot = this.table.allocate()
    for (const column of this.table.columns) {
      const value = values[column.contract.field] ?? null
      if (value === null) column.setNull(slot)
      else {
        const bytes = Buffer.from(String(value))
        column.read(slot, bytes, 0, bytes.length)
      }
    }
    return slot
  }
}
