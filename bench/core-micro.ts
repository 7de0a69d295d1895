import type { ColumnContract, DecimalLike, Schema } from '../src/contract/schema-contract.ts'
import { compileViews } from '../src/views/compile/compile.ts'
import type { BlockIr } from '../src/views/compile/block-ir.ts'
import type { AggregateIr, AggregateName, ColumnIr, TypeIr } from '../src/views/view-ir.ts'
import { blockView } from '../test/support/block-view.ts'

// Operator core alone: 1 M visits, 10 k restaurants, 100 k users, three views; single-row updates of rating and amount.

class PlainDecimal implements DecimalLike {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }
  toFixed(): string {
    return this.text
  }
}

const column = (
  field: string,
  type: ColumnContract['type'],
  pgType: string,
  nullable = false,
): ColumnContract => ({
  field,
  column: field,
  type,
  pgType,
  list: false,
  nullable,
})

const models = [
  {
    model: 'User',
    key: ['id'],
    columns: [column('id', 'Int', 'integer'), column('userName', 'String', 'text')],
  },
  {
    model: 'Restaurant',
    key: ['id'],
    columns: [
      column('id', 'String', 'character varying(255)'),
      column('name', 'String', 'character varying(255)'),
    ],
  },
  {
    model: 'Visit',
    key: ['userId', 'restaurantId'],
    columns: [
      column('userId', 'Int', 'integer'),
      column('restaurantId', 'String', 'character varying(255)'),
      column('amountSpent', 'Decimal', 'numeric(10,2)'),
      column('visitRating', 'Int', 'integer', true),
    ],
  },
].map((model) =>
  Object.assign(model, { schema: 'public', table: model.model, keyIsPrimary: true, relations: [] }),
)

const schema: Schema = {
  contract: { version: 1, hash: '', enums: [], models },
  Decimal: PlainDecimal,
}

const ALIASES: Readonly<Record<string, string>> = { u: 'User', r: 'Restaurant', v: 'Visit' }

function ref(source: string, field: string): ColumnIr {
  const contract = models
    .find(({ model }) => model === ALIASES[source])
    ?.columns.find((item) => item.field === field)
  if (contract === undefined) throw new Error(`${source}.${field}`)
  return { kind: 'column', source, field, type: { ...contract, scalar: contract.type } }
}

const NUMBER: TypeIr = { scalar: 'Int', pgType: 'bigint', list: false, nullable: true }
const aggregate = (name: AggregateName, argument: ColumnIr | null): AggregateIr => ({
  kind: 'aggregate',
  name,
  argument,
  type: NUMBER,
})

function grouped(name: string, model: 'u' | 'r', joined: string, outputs: BlockIr['select']): BlockIr {
  const on = {
    kind: 'call',
    name: 'eq',
    args: [ref('v', joined), ref(model, 'id')],
    type: { scalar: 'Boolean', pgType: 'boolean', list: false, nullable: true },
  } as const
  const label = model === 'r' ? 'name' : 'userName'
  return {
    name,
    sources: [
      { alias: model, model: ALIASES[model] ?? '', join: null },
      { alias: 'v', model: 'Visit', join: { kind: 'left', on } },
    ],
    where: null,
    groupBy: [ref(model, 'id'), ref(model, label)],
    select: [
      { name: 'id', expression: ref(model, 'id') },
      { name: label, expression: ref(model, label) },
      ...outputs,
    ],
    key: ['id'],
  }
}

const restaurantRating = grouped('restaurant_rating', 'r', 'restaurantId', [
  { name: 'visits', expression: aggregate('count', ref('v', 'userId')) },
  { name: 'rating', expression: aggregate('avg', ref('v', 'visitRating')) },
  { name: 'spent', expression: aggregate('sum', ref('v', 'amountSpent')) },
])
const userSpend = grouped('user_spend', 'u', 'userId', [
  { name: 'visits', expression: aggregate('count', ref('v', 'userId')) },
  { name: 'spent', expression: aggregate('sum', ref('v', 'amountSpent')) },
  { name: 'most', expression: aggregate('max', ref('v', 'amountSpent')) },
])
const grandTotal: BlockIr = {
  name: 'grand_total',
  sources: [{ alias: 'v', model: 'Visit', join: null }],
  where: null,
  groupBy: null,
  select: [
    { name: 'visits', expression: aggregate('count', null) },
    { name: 'spent', expression: aggregate('sum', ref('v', 'amountSpent')) },
    { name: 'rating', expression: aggregate('avg', ref('v', 'visitRating')) },
  ],
  key: [],
}

/** CPU time of the process, which a busy machine does not stretch as much as the clock. */
function cpuMs(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}

let seed = 12345
function random(below: number): number {
  seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0
  return seed % below
}

function run(
  title: string,
  views: readonly BlockIr[],
  visits: number,
  restaurants: number,
  users: number,
): void {
  globalThis.gc?.()
  const heapBefore = process.memoryUsage().heapUsed + process.memoryUsage().arrayBuffers
  const replica = compileViews(schema, views.map(blockView))
  const feed = (model: string, values: readonly string[]): void => {
    const table = replica.tables.get(model)
    if (table === undefined) return
    const slot = table.allocate()
    table.columns.forEach((item) => {
      const bytes = Buffer.from(
        values[models.find((m) => m.model === model)?.columns.indexOf(item.contract) ?? 0] ?? '',
      )
      item.read(slot, bytes, 0, bytes.length)
    })
    table.insert(slot)
  }
  for (let index = 0; index < restaurants; index += 1)
    feed('Restaurant', [`r${index}`, `Restaurant ${index}`])
  for (let index = 0; index < users; index += 1) feed('User', [String(index), `user ${index}`])
  const table = replica.tables.get('Visit')
  if (table === undefined) throw new Error('no Visit')
  // Rows as the wire has them, prepared beforehand; user and restaurant of visit i are distinct pairs.
  const encode = (index: number, amount: number, rating: number): Buffer => {
    const fields = [
      String(index % users),
      `r${(index * 7 + Math.floor(index / users)) % restaurants}`,
      `${Math.floor(amount / 100)}.${String(amount % 100).padStart(2, '0')}`,
      String(rating),
    ]
    return Buffer.concat(
      fields.map((text) => {
        const bytes = Buffer.alloc(4 + text.length)
        bytes.writeInt32BE(text.length)
        bytes.write(text, 4)
        return bytes
      }),
    )
  }
  const columns = table.columns
  const order = columns.map(({ contract }) => models[2]?.columns.indexOf(contract) ?? 0)
  const at = [0, 0, 0, 0]
  const apply = (row: Buffer, start: number): number => {
    let position = start
    for (let index = 0; index < 4; index += 1) {
      at[index] = position
      position += 4 + row.readInt32BE(position)
    }
    const slot = table.allocate()
    for (let index = 0; index < columns.length; index += 1) {
      const from = at[order[index] ?? 0] ?? 0
      columns[index]?.read(slot, row, from + 4, from + 4 + row.readInt32BE(from))
    }
    const old = table.find(slot)
    if (old < 0) table.insert(slot)
    else if (table.sameRow(old, slot)) table.release(slot)
    else table.replace(old, slot)
    return position
  }
  const loadRows: Buffer[] = []
  for (let index = 0; index < visits; index += 1)
    loadRows.push(encode(index, random(100_000), 10 + random(41)))
  const rowsAll = Buffer.concat(loadRows)
  loadRows.length = 0
  let start = cpuMs()
  for (let position = 0; position < rowsAll.length;) position = apply(rowsAll, position)
  replica.flush()
  const load = cpuMs() - start
  const updates = Number(process.argv[5] ?? 500_000)
  const updateRows: Buffer[] = []
  for (let index = 0; index < updates; index += 1) {
    updateRows.push(encode(random(visits), random(100_000), 10 + random(41)))
  }
  const changes = Buffer.concat(updateRows)
  updateRows.length = 0
  const measure = (retained: boolean): number => {
    for (const view of replica.views.values()) view.retain(retained)
    start = cpuMs()
    for (let position = 0; position < changes.length;) {
      position = apply(changes, position)
      replica.flush()
    }
    return ((cpuMs() - start) * 1e6) / updates
  }
  const hand = handWritten(rowsAll)
  const runs: number[] = []
  const handRuns: number[] = []
  for (let round = 0; round < 3; round += 1) {
    runs.push(measure(false))
    start = cpuMs()
    hand(changes)
    handRuns.push(((cpuMs() - start) * 1e6) / updates)
  }
  const perRow = Math.min(...runs)
  const line = [
    `load ${((visits / load) * 1000).toFixed(0)} rows/s`,
    `${runs.map((value) => value.toFixed(0)).join(' ')} ns a change`,
    `hand-written Map, one view: ${handRuns.map((value) => value.toFixed(0)).join(' ')} ns`,
    `${(1e9 / perRow).toFixed(0)} single-row transactions/s`,
    `${(replica.byteLength / visits).toFixed(1)} B a visit`,
  ]
  if (!process.argv.includes('--quick')) line.push(`retained ${measure(true).toFixed(0)} ns`)
  globalThis.gc?.()
  const heap = process.memoryUsage().heapUsed + process.memoryUsage().arrayBuffers - heapBefore
  line.push(`heap ${((heap - rowsAll.length - changes.length) / visits).toFixed(1)} B a visit`)
  console.log(`${title}: ${line.join('; ')}`)
}

/** The rating view alone over Maps of row objects, from the same bytes. */
function handWritten(rows: Buffer): (changes: Buffer) => void {
  interface Visit {
    readonly restaurant: string
    amount: number
    rating: number
  }
  const visitsByKey = new Map<string, Visit>()
  const groups = new Map<string, { count: number; amount: number; rating: number }>()
  const apply = (bytes: Buffer): void => {
    for (let position = 0; position < bytes.length;) {
      const fields: string[] = []
      for (let index = 0; index < 4; index += 1) {
        const length = bytes.readInt32BE(position)
        fields.push(bytes.toString('latin1', position + 4, position + 4 + length))
        position += 4 + length
      }
      const [user = '', restaurant = '', amountText = '', ratingText = ''] = fields
      const amount = Math.round(Number(amountText) * 100)
      const rating = Number(ratingText)
      const key = `${user}|${restaurant}`
      let group = groups.get(restaurant)
      if (group === undefined) {
        group = { count: 0, amount: 0, rating: 0 }
        groups.set(restaurant, group)
      }
      const visit = visitsByKey.get(key)
      if (visit === undefined) {
        visitsByKey.set(key, { restaurant, amount, rating })
        group.count += 1
        group.amount += amount
        group.rating += rating
      } else {
        group.amount += amount - visit.amount
        group.rating += rating - visit.rating
        visit.amount = amount
        visit.rating = rating
      }
    }
  }
  apply(rows)
  return apply
}

const visits = Number(process.argv[4] ?? 1_000_000)
const which = process.argv[2] ?? 'all'
if (which === 'all' || which === 'rating')
  run('restaurant_rating', [restaurantRating], visits, 10_000, 100_000)
if (which === 'all' || which === 'total') run('grand_total', [grandTotal], visits, 10_000, 100_000)
if (which === 'all' || which === 'spend') run('user_spend', [userSpend], visits, 10_000, 100_000)
if (which === 'all' || which === 'three') {
  run('three views', [restaurantRating, userSpend, grandTotal], visits, 10_000, 100_000)
}
