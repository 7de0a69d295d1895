import fc from 'fast-check'
import { expect, test } from 'vitest'
import { columnOf, modelOf } from '../../src/contract/lookup.ts'
import type { Schema } from '../../src/contract/schema-contract.ts'
import { ROW_KEY } from '../../src/zset/row-key.ts'
import { TopRows, type TopRowsParts } from '../../src/ivm/top-rows.ts'
import { Interner } from '../../src/zset/interner.ts'
import { SourceTable } from '../../src/zset/source-table.ts'
import { schema } from '../conformance/fixture.ts'

interface Sale {
  readonly id: number
  readonly shopId: string | null
  readonly qty: number | null
  readonly amount: number | null
  readonly note: string | null
  readonly flag: boolean | null
}

type Query = Pick<TopRowsParts, 'partition' | 'order' | 'limit' | 'offset'>

const FIELDS = ['id', 'shopId', 'qty', 'amount', 'note'] as const
const NUMBER = {
  field: ROW_KEY,
  column: ROW_KEY,
  type: 'Int',
  pgType: 'integer',
  list: false,
  nullable: false,
} as const

/** A table of sales, its windows, and the same sales as plain objects. */
class Windows {
  readonly input: SourceTable
  readonly output: SourceTable
  readonly top: TopRows
  readonly sales = new Map<number, Sale>()
  /** What the output's listeners were told since the last flush: `#` and what happened. */
  told: string[] = []
  readonly #query: Query

  constructor(query: Query, before: readonly Sale[] = [], required: readonly string[] = []) {
    const interner = new Interner()
    const columns = FIELDS.map((field) => {
      const column = columnOf(modelOf(schema, 'Sale'), field)
      return required.includes(field) ? { ...column, nullable: false } : column
    })
    const derived: Schema = {
      ...schema,
      contract: {
        ...schema.contract,
        models: [
          {
            ...modelOf(schema, 'Sale'),
            model: 'top',
            columns: [NUMBER, ...columns],
            key: [ROW_KEY],
            relations: [],
          },
        ],
      },
    }
    const common = { indexes: [], slotWords: 0, interner }
    const fields = new Set<string>([...FIELDS, 'flag'])
    this.input = new SourceTable({ schema, model: 'Sale', fields, ...common })
    this.output = new SourceTable({ schema: derived, model: 'top', fields: new Set(FIELDS), ...common })
    const numberOf = (slot: number): number => Number(this.output.column(ROW_KEY).value(slot))
    this.output.listeners.push({
      mask: -1,
      critical: 0,
      insert: (slot) => this.told.push(`${numberOf(slot)} in`),
      remove: (slot) => this.told.push(`${numberOf(slot)} out`),
      update: (slot) => this.told.push(`${numberOf(slot)} other`),
    })
    this.#query = query
    for (const sale of before) this.put(null, sale)
    this.top = new TopRows({ input: this.input, output: this.output, ...query })
  }

  put(old: number | null, sale: Sale): void {
    if (old !== null) this.sales.delete(old)
    this.sales.set(sale.id, sale)
    const live = old === null ? -1 : this.#find(old)
    const slot = this.#read(sale)
    if (live < 0) this.input.insert(slot)
    else if (this.input.sameRow(live, slot)) this.input.release(slot)
    else this.input.replace(live, slot)
  }

  remove(id: number): void {
    this.sales.delete(id)
    this.input.remove(this.#find(id))
  }

  clear(): void {
    this.sales.clear()
    this.input.clear()
  }

  /** What the output has, by row number. */
  shown(): Map<number, string> {
    const rows = new Map<number, string>()
    for (const slot of this.output.slots()) {
      const [number, ...values] = [ROW_KEY, ...FIELDS].map((field) => this.output.column(field).value(slot))
      rows.set(Number(number), values.map(String).join('|'))
    }
    return rows
  }

  /** The same by sorting everything. */
  expected(): string[] {
    const { partition, order, limit, offset } = this.#query
    const windows = new Map<string, Sale[]>()
    for (const sale of this.sales.values()) {
      const at = JSON.stringify(partition.map((field) => valueOf(sale, field)))
      const window = windows.get(at)
      if (window === undefined) windows.set(at, [sale])
      else window.push(sale)
    }
    return [...windows.values()].flatMap((sales) =>
      sales
        .toSorted((a, b) => {
          for (const { field, descending, nullsFirst } of order) {
            const [x, y] = [valueOf(a, field), valueOf(b, field)]
            if (x === y) continue
            if (x === null || y === null) return (x === null) === nullsFirst ? -1 : 1
            return x < y === descending ? 1 : -1
          }
          return 0
        })
        .slice(offset, limit === null ? undefined : offset + limit)
        .map((sale) => FIELDS.map((field) => String(valueOf(sale, field))).join('|')),
    )
  }

  #find(id: number): number {
    const slot = this.#read({ id, shopId: null, qty: null, amount: null, note: null, flag: null })
    const found = this.input.find(slot)
    this.input.release(slot)
    return found
  }

  #read(sale: Sale): number {
    const slot = this.input.allocate()
    for (const column of this.input.columns) {
      const { field } = column.contract
      const value = field === 'line' ? 1 : sale[field as keyof Sale]
      if (value === null) column.setNull(slot)
      else {
        const bytes = Buffer.from(typeof value === 'boolean' ? (value ? 't' : 'f') : String(value))
        column.read(slot, bytes, 0, bytes.length)
      }
    }
    return slot
  }
}

function valueOf(sale: Sale, field: string): string | number | boolean | null {
  return sale[field as keyof Sale]
}

function flushAndCheck(windows: Windows): void {
  const before = windows.shown()
  windows.told = []
  windows.top.flush()
  expect(windows.top.failure).toBeNull()
  expect(windows.top.pending).toBe(false)
  const after = windows.shown()
  expect([...after.values()].toSorted()).toEqual(windows.expected().toSorted())
  const changes = [
    ...[...before.keys()].filter((number) => !after.has(number)).map((number) => `${number} out`),
    ...[...after].flatMap(([number, row]) =>
      !before.has(number) ? [`${number} in`] : before.get(number) === row ? [] : [`${number} other`],
    ),
  ]
  expect(windows.told.toSorted()).toEqual(changes.toSorted())
}

const sale: fc.Arbitrary<Sale> = fc.record({
  id: fc.integer({ min: 0, max: 40 }),
  shopId: fc.constantFrom('a', 'b', null),
  qty: fc.constantFrom(-1, 0, 7, null),
  amount: fc.constantFrom(-2.5, 0, 1.25, 1.5, null),
  note: fc.constantFrom('', 'Z', 'a', null),
  flag: fc.constantFrom(true, false, null),
})
const query: fc.Arbitrary<Query> = fc.record({
  partition: fc.constantFrom<readonly string[]>([], ['shopId'], ['qty'], ['qty', 'shopId']),
  order: fc
    .subarray(['amount', 'note', 'qty', 'shopId', 'flag'])
    .chain((fields) =>
      fc.tuple(
        ...[...fields, 'id'].map((field) =>
          fc.record({ field: fc.constant(field), descending: fc.boolean(), nullsFirst: fc.boolean() }),
        ),
      ),
    ),
  limit: fc.constantFrom(null, 0, 1, 2, 3, 5, 10),
  offset: fc.constantFrom(0, 0, 1, 2, 5),
})
const step = fc.oneof(
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('put'), sale, pick: fc.nat() }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('change'), sale, pick: fc.nat() }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('remove'), sale, pick: fc.nat() }) },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('flush'), sale, pick: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('clear'), sale, pick: fc.nat() }) },
)

test('windows hold what sorting everything gives, and change no more than they must', () => {
  fc.assert(
    fc.property(
      query,
      fc.array(sale, { maxLength: 10 }),
      fc.array(step, { maxLength: 80, size: 'max' }),
      (wanted, first, steps) => {
        const unique = [...new Map(first.map((item) => [item.id, item])).values()]
        const windows = new Windows(wanted, unique)
        for (const { kind, sale: next, pick } of steps) {
          const ids = [...windows.sales.keys()]
          const id = ids[pick % ids.length]
          if (kind === 'flush') flushAndCheck(windows)
          else if (kind === 'clear') windows.clear()
          else if (kind === 'remove' && id !== undefined) windows.remove(id)
          // Another row's key may not be taken.
          else if (kind === 'change' && id !== undefined && (next.id === id || !windows.sales.has(next.id)))
            windows.put(id, next)
          else if (kind === 'put') windows.put(windows.sales.has(next.id) ? next.id : null, next)
        }
        flushAndCheck(windows)
        windows.clear()
        flushAndCheck(windows)
        expect(windows.input.interner.size).toBe(0)
      },
    ),
    { numRuns: process.env['SOAK'] === '1' ? 20_000 : 300 },
  )
})

/** What single changes cost where windows have half of the rows of their partitions, from the fourth on. */
function workOf(rows: number, partitions: number): readonly number[] {
  const windows = new Windows({
    partition: ['qty'],
    order: [
      { field: 'amount', descending: true, nullsFirst: false },
      { field: 'id', descending: false, nullsFirst: false },
    ],
    limit: rows / 2,
    offset: 3,
  })
  const row = (id: number, amount: number): Sale => ({
    id,
    shopId: null,
    qty: id % partitions,
    amount,
    note: null,
    flag: null,
  })
  const total = rows * partitions
  for (let id = 0; id < total; id += 1) windows.put(null, row(id, Math.floor(id / partitions)))
  flushAndCheck(windows)
  const looks: number[] = []
  const measured = (change: () => void): void => {
    const { work } = windows.top
    change()
    windows.top.flush()
    looks.push(windows.top.work - work)
  }
  const top = total - partitions
  measured(() => windows.put(top, row(top, -1)))
  measured(() => windows.put(top, row(top, rows)))
  measured(() => windows.put(0, row(0, rows + 1)))
  measured(() => windows.put(0, { ...row(0, rows + 1), note: 'x' }))
  measured(() => windows.remove(top))
  measured(() => windows.put(null, row(total, 5)))
  expect([...windows.shown().values()].toSorted()).toEqual(windows.expected().toSorted())
  return looks
}

test('the work of a change grows with the depth of the order alone, not with window, partition or table', () => {
  const small = workOf(20, 2)
  const large = workOf(5000, 2)
  const many = workOf(20, 500)
  // Comparisons are those of one way down a tree; rows looked at are the changed one and those at the ends.
  for (const work of small) expect(work).toBeLessThan(80)
  for (const work of large) expect(work).toBeLessThan(200)
  for (const work of many) expect(work).toBeLessThan(80)
})

test('a value that the output cannot hold stops the windows and nothing else', () => {
  const windows = new Windows({ partition: [], order: [], limit: 5, offset: 0 }, [], ['note'])
  const row: Sale = { id: 1, shopId: null, qty: null, amount: null, note: 'x', flag: null }
  windows.put(null, row)
  windows.top.flush()
  windows.put(1, { ...row, note: null })
  windows.top.flush()
  expect(windows.top.failure?.code).toBe('CHANGES.UNDECODABLE_VALUE')
  windows.put(null, { ...row, id: 2 })
  windows.remove(1)
  expect([windows.input.size, windows.top.pending]).toEqual([1, false])
  windows.top.flush()
  expect(windows.output.size).toBe(1)
})
