import fc from 'fast-check'
import { expect, test } from 'vitest'
import { columnOf, modelOf } from '../../src/contract/lookup.ts'
import type { Schema } from '../../src/contract/schema-contract.ts'
import { TimeRows, type TimeRowsParts } from '../../src/ivm/time-rows.ts'
import { derivedColumn, ROW_KEY_TYPE } from '../../src/views/compile/plan-node.ts'
import { Interner } from '../../src/zset/interner.ts'
import { ROW_KEY } from '../../src/zset/row-key.ts'
import { SourceTable } from '../../src/zset/source-table.ts'
import { schema } from '../conformance/item.ts'

interface Item {
  readonly id: number
  /** Milliseconds since {@link BASE}, or an infinity; null is NULL. */
  readonly at: number | null
  readonly text: string | null
}

type Query = Pick<TimeRowsParts, 'comparison' | 'micros'>

const FIELDS = ['id', 'at', 'text'] as const
const BASE = Date.UTC(2024, 1, 29, 23, 59, 59)
const microsAt = (ms: number): bigint => BigInt(BASE + ms) * 1000n

/** A table of items, those within a moving bound, and the same items as plain objects. */
class Moving {
  readonly input: SourceTable
  readonly output: SourceTable
  readonly rows: TimeRows
  readonly items = new Map<number, Item>()
  /** What the output's listeners were told since the last flush: `#` and what happened. */
  told: string[] = []
  /** Microseconds after {@link BASE}. */
  now = 0n
  readonly #query: Query

  constructor(query: Query, before: readonly Item[] = [], required: readonly string[] = []) {
    const interner = new Interner()
    const columns = FIELDS.map((field) => {
      const column = columnOf(modelOf(schema, 'Item'), field)
      return required.includes(field) ? { ...column, nullable: false } : column
    })
    const model = {
      ...modelOf(schema, 'Item'),
      model: 'bounded',
      columns: [derivedColumn(ROW_KEY, ROW_KEY_TYPE), ...columns],
      key: [ROW_KEY],
    }
    const derived: Schema = { ...schema, contract: { ...schema.contract, models: [model] } }
    const common = { indexes: [], slotWords: 0, interner }
    // One column more than the output has: its changes are nobody's business.
    const fields = new Set<string>([...FIELDS, 'int'])
    this.input = new SourceTable({ schema, model: 'Item', fields, ...common })
    this.output = new SourceTable({ schema: derived, model: 'bounded', fields: new Set(FIELDS), ...common })
    const numberOf = (slot: number): number => Number(this.output.column(ROW_KEY).value(slot))
    this.output.listeners.push({
      mask: -1,
      critical: 0,
      insert: (slot) => this.told.push(`${numberOf(slot)} in`),
      remove: (slot) => this.told.push(`${numberOf(slot)} out`),
      update: (slot) => this.told.push(`${numberOf(slot)} other`),
    })
    this.#query = query
    for (const item of before) this.put(null, item)
    const now = microsAt(0)
    this.rows = new TimeRows({ input: this.input, output: this.output, field: 'at', now, ...query })
  }

  advance(micros: bigint): void {
    this.now = micros
    this.rows.advance(microsAt(0) + micros)
  }

  put(old: number | null, item: Item): void {
    if (old !== null) this.items.delete(old)
    this.items.set(item.id, item)
    const live = old === null ? -1 : this.#find(old)
    const slot = this.#read(item)
    if (live < 0) this.input.insert(slot)
    else if (this.input.sameRow(live, slot)) this.input.release(slot)
    else this.input.replace(live, slot)
  }

  remove(id: number): void {
    this.items.delete(id)
    this.input.remove(this.#find(id))
  }

  clear(): void {
    this.items.clear()
    this.input.clear()
  }

  /** What the output has, by row number. */
  shown(): Map<number, string> {
    const rows = new Map<number, string>()
    for (const slot of this.output.slots()) {
      const [id, text] = ['id', 'text'].map((field) => this.output.column(field).value(slot))
      rows.set(Number(this.output.column(ROW_KEY).value(slot)), `${String(id)}|${String(text)}`)
    }
    return rows
  }

  /** The same by asking every row. */
  expected(): string[] {
    const { comparison, micros } = this.#query
    const moment = this.now - micros
    const passes = (at: number): boolean => {
      if (!Number.isFinite(at)) return at > 0 === comparison.startsWith('gt')
      const time = BigInt(at) * 1000n
      switch (comparison) {
        case 'gt':
          return time > moment
        case 'gte':
          return time >= moment
        case 'lt':
          return time < moment
        default:
          return time <= moment
      }
    }
    return [...this.items.values()]
      .filter(({ at }) => at !== null && passes(at))
      .map(({ id, text }) => `${id}|${String(text)}`)
  }

  #find(id: number): number {
    const slot = this.#read({ id, at: null, text: null })
    const found = this.input.find(slot)
    this.input.release(slot)
    return found
  }

  #read({ id, at, text }: Item): number {
    const slot = this.input.allocate()
    const values: Readonly<Record<string, string | null>> = {
      id: String(id),
      at: at === null ? null : timeText(at),
      text,
    }
    for (const column of this.input.columns) {
      const value = values[column.contract.field] ?? null
      if (value === null) column.setNull(slot)
      else {
        const bytes = Buffer.from(value)
        column.read(slot, bytes, 0, bytes.length)
      }
    }
    return slot
  }
}

function timeText(at: number): string {
  if (!Number.isFinite(at)) return at > 0 ? 'infinity' : '-infinity'
  return new Date(BASE + at).toISOString().replace('T', ' ').replace('Z', '')
}

function flushAndCheck(moving: Moving): void {
  const before = moving.shown()
  moving.told = []
  moving.rows.flush()
  expect(moving.rows.failure).toBeNull()
  expect(moving.rows.pending).toBe(false)
  const after = moving.shown()
  expect([...after.values()].toSorted()).toEqual(moving.expected().toSorted())
  // A row whose own time was written is put again even where nothing of it differs.
  const told = moving.told.filter((one) => !one.endsWith(' other'))
  const came = [
    ...[...before.keys()].filter((number) => !after.has(number)).map((number) => `${number} out`),
    ...[...after.keys()].filter((number) => !before.has(number)).map((number) => `${number} in`),
  ]
  expect(told.toSorted()).toEqual(came.toSorted())
  expect(new Set(moving.told).size).toBe(moving.told.length)
}

const item: fc.Arbitrary<Item> = fc.record({
  id: fc.integer({ min: 0, max: 30 }),
  at: fc.constantFrom(null, Infinity, -Infinity, -3_600_001, -1500, -1000, -1, 0, 1, 999, 1000, 1001, 4e10),
  text: fc.constantFrom('', 'a', null),
})
const query: fc.Arbitrary<Query> = fc.record({
  comparison: fc.constantFrom('gt', 'gte', 'lt', 'lte'),
  micros: fc.constantFrom(0n, 1_000_000n, -1_000_000n, 1n, 3_600_000_000n),
})
const time = fc.oneof(
  fc.bigInt({ min: -2_000_000n, max: 2_000_000n }),
  fc.constantFrom(
    0n,
    1000n,
    999_999n,
    1_000_000n,
    -1_000_000n,
    3_600_000_000n,
    -(10n ** 19n),
    2n * 10n ** 19n,
  ),
)
const step = fc.record({
  kind: fc.constantFrom(
    'put',
    'put',
    'put',
    'change',
    'change',
    'remove',
    'move',
    'move',
    'flush',
    'flush',
    'clear',
  ),
  item,
  pick: fc.nat(),
  time,
})

test('a moving bound shows what asking every row gives, wherever the clock goes', () => {
  fc.assert(
    fc.property(
      query,
      fc.array(item, { maxLength: 10 }),
      fc.array(step, { maxLength: 80, size: 'max' }),
      (wanted, first, steps) => {
        const moving = new Moving(wanted, [...new Map(first.map((one) => [one.id, one])).values()])
        for (const { kind, item: next, pick, time: now } of steps) {
          const ids = [...moving.items.keys()]
          const id = ids[pick % ids.length]
          if (kind === 'flush') flushAndCheck(moving)
          else if (kind === 'move') moving.advance(now)
          else if (kind === 'clear' && pick % 5 === 0) moving.clear()
          else if (kind === 'remove' && id !== undefined) moving.remove(id)
          // Another row's key may not be taken.
          else if (kind === 'change' && id !== undefined && (next.id === id || !moving.items.has(next.id)))
            moving.put(id, next)
          else if (kind === 'put') moving.put(moving.items.has(next.id) ? next.id : null, next)
        }
        flushAndCheck(moving)
        moving.clear()
        flushAndCheck(moving)
        expect(moving.input.interner.size).toBe(0)
      },
    ),
    { numRuns: process.env['SOAK'] === '1' ? 20_000 : 300 },
  )
})

/** What single steps cost over a table of rows that are a second apart. */
function workOf(count: number): readonly number[] {
  const moving = new Moving({ comparison: 'gt', micros: 0n })
  for (let id = 0; id < count; id += 1) moving.put(null, { id, at: id * 1000, text: null })
  flushAndCheck(moving)
  const middle = BigInt(count / 2) * 1_000_000n
  moving.advance(middle)
  flushAndCheck(moving)
  const costs: number[] = []
  const measured = (change: () => void): void => {
    const { work } = moving.rows
    change()
    moving.rows.flush()
    costs.push(moving.rows.work - work)
  }
  measured(() => moving.put(null, { id: count, at: 1, text: null }))
  measured(() => moving.put(count, { id: count, at: count * 2000, text: null }))
  measured(() => moving.put(count, { id: count, at: count * 2000, text: 'x' }))
  measured(() => moving.remove(count))
  measured(() => moving.advance(middle + 1n))
  measured(() => moving.advance(middle + 3_000_000n))
  measured(() => moving.advance(middle))
  expect([...moving.shown().values()].toSorted()).toEqual(moving.expected().toSorted())
  return costs
}

test('the work of a change and of a tick grows with the depth of the order and the rows that cross alone', () => {
  for (const work of workOf(20)) expect(work).toBeLessThan(60)
  for (const work of workOf(10_000)) expect(work).toBeLessThan(140)
})

test('nothing is pending while the clock stands still', () => {
  const moving = new Moving({ comparison: 'lt', micros: 5n }, [{ id: 1, at: 0, text: null }])
  flushAndCheck(moving)
  const { work } = moving.rows
  moving.advance(0n)
  expect(moving.rows.pending).toBe(false)
  moving.rows.flush()
  expect(moving.rows.work).toBe(work)
})

test('a value that the output cannot hold stops the bound and nothing else', () => {
  const moving = new Moving({ comparison: 'gt', micros: 0n }, [], ['text'])
  moving.put(null, { id: 1, at: 1, text: 'x' })
  moving.rows.flush()
  moving.put(1, { id: 1, at: 1, text: null })
  moving.rows.flush()
  expect(moving.rows.failure?.code).toBe('CHANGES.UNDECODABLE_VALUE')
  moving.put(null, { id: 2, at: 1, text: 'y' })
  moving.remove(1)
  moving.advance(10_000_000n)
  moving.rows.flush()
  expect([moving.input.size, moving.output.size, moving.rows.pending]).toEqual([1, 1, false])
})
