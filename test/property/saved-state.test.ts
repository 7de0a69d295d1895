import { randomInt } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { Schema } from '../../src/contract/schema-contract.ts'
import { gt } from '../../src/views/build/comparisons.ts'
import { nowMinus } from '../../src/views/build/moving-time.ts'
import { defineView, type ViewDefinition } from '../../src/views/define-view.ts'
import type { ViewNetwork } from '../../src/views/compile/view-network.ts'
import { AGGREGATE_VIEWS } from '../conformance/aggregate-views.ts'
import { contract, Sale, schema } from '../conformance/fixture.ts'
import { Mirror, type TextRow } from '../conformance/mirror.ts'
import { VIEWS } from '../conformance/views.ts'
import { loadNetwork, saveNetwork } from '../support/saved-network.ts'
import { contract as relationalContract, schema as relationalSchema } from '../types/fixture.ts'
import { NESTED, RELATIONAL } from '../unit/views/relational-views.ts'

type Random = (below: number) => number

/** A small repeatable generator: the seed is printed with every failure. */
function generator(seed: number): Random {
  let state = seed
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 0x1_0000_0000) * below)
  }
}

const DAY_US = 86_400_000_000n
const moving = defineView('moving', (q) =>
  q
    .from({ s: Sale })
    .where(({ s }) => gt(s.at, nowMinus({ days: 1 })))
    .select(({ s }) => ({ line: s.line, id: s.id, note: s.note })),
)

/** Few different values of each type: ties, duplicates and NULLs abound. */
const VALUES: Readonly<Record<string, readonly string[]>> = {
  Int: ['0', '1', '2', '3', '-1'],
  BigInt: ['0', '1', '2', '9007199254740993', '-9223372036854775808'],
  String: ['', 'a', 'b', 'h0', 'h1', '日本', 'a longer text that fills an arena of bytes'],
  Decimal: ['0.00', '1.50', '-12.34', '7'],
  Float: ['0', '1.5', 'NaN', '-0', '1e300'],
  Boolean: ['t', 'f'],
  Json: ['null', '{"a": [1, 2.5]}'],
  Bytes: ['\\x', '\\x00ff'],
}

function valueOf(pgType: string, type: string, random: Random): string {
  if (pgType.startsWith('timestamp'))
    return `2024-01-0${1 + random(4)} 00:00:00${pgType.includes('with time') ? '+00' : ''}`
  if (pgType === 'date') return `2024-02-0${1 + random(4)}`
  if (pgType.startsWith('time')) return `0${random(5)}:00:00`
  if (pgType === 'numeric') return ['1', '1.00', '0.333', '1e-20', 'NaN', 'Infinity'][random(6)] ?? '1'
  if (pgType === 'oid') return String(random(3))
  const values = VALUES[type] ?? ['0']
  return values[random(values.length)] ?? ''
}

/** What a subscriber or a reader of the whole network can see, and how much text it holds. */
function shown(network: ViewNetwork): Readonly<Record<string, unknown>> {
  const seen: Record<string, unknown> = {}
  const text = (value: unknown): string =>
    JSON.stringify(value, (_, item: unknown) =>
      typeof item === 'bigint' || typeof item === 'number' ? `#${item}` : item,
    )
  for (const [name, view] of network.views) {
    try {
      seen[name] = view.failure === null ? [...view.rows()].map(text) : view.failure.code
    } catch (error) {
      seen[name] = String(error)
    }
  }
  const [table] = network.tables.values()
  return { ...seen, texts: table?.interner.size }
}

/** Two networks that must not differ: one lives on, one is saved and comes back now and then; how often it did. */
async function compare(
  of: Schema,
  models: typeof contract.models,
  views: readonly ViewDefinition[],
  transactions: number,
  isStored: boolean,
): Promise<number> {
  const seed = Number(process.env['DBSYNC_SEED'] ?? randomInt(1 << 30))
  const random = generator(seed)
  const irs = views.map(({ ir }) => ir)
  const stored = isStored ? views.filter(({ ir }) => ir.key !== null).map(({ ir }) => ir) : []
  const folder = await mkdtemp(join(tmpdir(), 'dbsync-state-'))
  const file = join(folder, 'state')
  try {
    const lasting = new Mirror(of, irs, stored)
    let other = new Mirror(of, irs, stored)
    const read = models.filter(({ model }) => lasting.replica.tables.has(model))
    const rows = new Map(read.map(({ model }) => [model, [] as TextRow[]]))
    let loads = 0
    for (let transaction = 0; transaction < transactions; transaction += 1) {
      const emptying = transaction === transactions - 1
      for (let change = emptying ? 0 : random(8); change > 0; change -= 1) {
        const model = read[random(read.length)]
        if (model === undefined) continue
        const row: Record<string, string | null> = {}
        for (const { field, pgType, type, nullable, list, enum: labels } of model.columns) {
          const isNull = (nullable || list) && random(4) === 0
          const label = of.contract.enums.find(({ name }) => name === labels)?.values[random(2)]?.label
          row[field] = isNull ? null : list ? '{a,b}' : (label ?? valueOf(pgType, type, random))
        }
        const known = rows.get(model.model) ?? []
        const at = known.findIndex((old) => model.key.every((field) => old[field] === row[field]))
        const old = known[at] ?? null
        const isGone = random(3) === 0
        if (isGone && old === null) continue
        for (const mirror of [lasting, other]) mirror.change(model.model, old, isGone ? null : row)
        if (old !== null) known.splice(at, 1)
        if (!isGone) known.push(row)
      }
      if (emptying) {
        for (const [model, known] of rows) {
          for (const row of known) for (const mirror of [lasting, other]) mirror.change(model, row, null)
        }
      }
      const now = BigInt(Date.UTC(2024, 0, 1 + random(5))) * 1000n + DAY_US
      for (const { replica } of [lasting, other]) replica.advance(now)
      const changes = [lasting.replica.flush(), other.replica.flush()]
      const where = `seed ${seed}, transaction ${transaction}`
      expect([where, changes[1]]).toEqual([where, changes[0]])
      expect([where, shown(other.replica)]).toEqual([where, shown(lasting.replica)])
      if (random(6) !== 0 || !other.replica.isSound) continue
      const retained = transaction % 2 === 0
      await saveNetwork(other.replica, file)
      other = new Mirror(of, irs, stored, await loadNetwork(file, of, irs, stored))
      for (const { replica } of [lasting, other])
        for (const view of replica.views.values()) view.retain(retained)
      loads += 1
      expect([where, shown(other.replica)]).toEqual([where, shown(lasting.replica)])
    }
    if (isStored) return loads
    // What is held beside rows, by constants, was held once.
    const interner = other.replica.tables.get(read[0]?.model ?? '')?.interner
    for (const { name } of views) other.replica.remove(name)
    expect([`seed ${seed}`, interner?.size]).toEqual([`seed ${seed}`, 0])
    return loads
  } finally {
    await rm(folder, { recursive: true })
  }
}

const TRANSACTIONS = process.env['SOAK'] === '1' ? 2_000 : 60

test('aggregates of every kind go on after being saved and loaded as if nothing had happened', async () => {
  const loads = await compare(schema, contract.models, [...VIEWS, ...AGGREGATE_VIEWS], TRANSACTIONS, false)
  expect(loads).toBeGreaterThan(0)
}, 120_000)

test('limits, set operations, outer joins and nested results go on after being saved and loaded', async () => {
  const loads = await compare(
    relationalSchema,
    relationalContract.models,
    [...RELATIONAL, ...NESTED],
    TRANSACTIONS,
    true,
  )
  expect(loads).toBeGreaterThan(0)
}, 120_000)

test('moving time bounds go on after being saved and loaded, whatever time it is by then', async () => {
  const loads = await compare(schema, contract.models, [moving], TRANSACTIONS, true)
  expect(loads).toBeGreaterThan(0)
}, 120_000)
