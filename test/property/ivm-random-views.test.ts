import fc from 'fast-check'
import { expect, test } from 'vitest'
import { isDbsyncError } from '../../src/core/errors.ts'
import type { ViewState } from '../../src/ivm/view-state.ts'
import { columnOf, modelOf } from '../../src/contract/lookup.ts'
import type {
  AggregateName,
  CallIr,
  CallName,
  ColumnIr,
  ExpressionIr,
  OutputIr,
  TypeIr,
} from '../../src/views/view-ir.ts'
import type { BlockIr, BlockSourceIr } from '../../src/views/compile/block-ir.ts'
import { schema } from '../conformance/fixture.ts'
import { Mirror, type TextRow } from '../conformance/mirror.ts'
import { blockView } from '../support/block-view.ts'
import { naiveRows, show } from './naive-view.ts'

const MODELS = { r: 'Region', h: 'Shop', s: 'Sale' } as const
type Alias = keyof typeof MODELS

function ref(source: Alias, field: string): ColumnIr {
  const contract = columnOf(modelOf(schema, MODELS[source]), field)
  return { kind: 'column', source, field, type: { ...contract, scalar: contract.type } }
}

const BOOLEAN: TypeIr = { scalar: 'Boolean', pgType: 'boolean', list: false, nullable: true }
const call = (name: CallName, ...args: ExpressionIr[]): CallIr => ({
  kind: 'call',
  name,
  args,
  type: BOOLEAN,
})
const constant = (text: string, like: ColumnIr): ExpressionIr => ({ kind: 'literal', text, type: like.type })

/** Join orders over the chain Region - Shop - Sale, each with its equalities. */
const CHAINS: readonly (readonly Alias[])[] = [
  ['s'],
  ['h'],
  ['h', 's'],
  ['s', 'h'],
  ['r', 'h'],
  ['r', 'h', 's'],
  ['s', 'h', 'r'],
  ['h', 'r', 's'],
  ['h', 's', 'r'],
]

function equality(a: Alias, earlier: readonly Alias[]): CallIr {
  if (a === 's') return call('eq', ref('s', 'shopId'), ref('h', 'id'))
  if (a === 'r') return call('eq', ref('h', 'regionId'), ref('r', 'id'))
  return earlier.includes('s')
    ? call('eq', ref('h', 'id'), ref('s', 'shopId'))
    : call('eq', ref('r', 'id'), ref('h', 'regionId'))
}

const COLUMNS: Readonly<Record<Alias, readonly string[]>> = {
  r: ['id', 'title'],
  h: ['id', 'name', 'city', 'regionId'],
  s: ['id', 'line', 'shopId', 'qty', 'big', 'note'],
}
const VALUES: Readonly<Record<string, readonly string[]>> = {
  Int: ['-1', '0', '1', '2'],
  BigInt: ['0', '1', '9007199254740993'],
  String: ['a', 'b', 'h0', 'R1', 'S0', ''],
}

function columnsOf(chain: readonly Alias[]): readonly ColumnIr[] {
  return chain.flatMap((alias) => COLUMNS[alias].map((field) => ref(alias, field)))
}

function condition(columns: readonly ColumnIr[]): fc.Arbitrary<ExpressionIr> {
  const column = fc.constantFrom(...columns)
  const test1 = fc
    .tuple(column, fc.constantFrom<CallName>('eq', 'ne', 'gt', 'gte', 'lt', 'lte'), fc.nat())
    .map(([left, name, pick]) => {
      const values = VALUES[left.type.scalar] ?? ['0']
      const value = constant(values[pick % values.length] ?? '0', left)
      return pick % 2 === 0 ? call(name, left, value) : call(name, value, left)
    })
  const test2 = fc
    .tuple(column, column, fc.constantFrom<CallName>('eq', 'lt', 'gte'))
    .map(([left, right, name]) =>
      (left.type.scalar === 'String') === (right.type.scalar === 'String')
        ? call(name, left, right)
        : call('isNull', left),
    )
  const nulls = fc.tuple(column, fc.boolean()).map(([left, on]) => call(on ? 'isNull' : 'isNotNull', left))
  const leaf = fc.oneof(test1, test2, nulls)
  return fc.letrec<{ tree: ExpressionIr }>((tie) => ({
    tree: fc.oneof(
      { maxDepth: 2 },
      leaf,
      fc.tuple(tie('tree'), tie('tree'), fc.boolean()).map(([a, b, both]) => call(both ? 'and' : 'or', a, b)),
      tie('tree').map((a) => call('not', a)),
    ),
  })).tree
}

function names(outputs: readonly OutputIr[]): readonly string[] {
  return outputs.map(({ name }) => name)
}

const view: fc.Arbitrary<BlockIr> = fc.constantFrom(...CHAINS).chain((chain) => {
  const columns = columnsOf(chain)
  return fc
    .record({
      kinds: fc.array(fc.constantFrom('inner' as const, 'left' as const), { minLength: 2, maxLength: 2 }),
      extra: fc.option(condition(columns)),
      where: fc.option(condition(columns)),
      shape: fc.constantFrom('grouped', 'single', 'keyed', 'bag'),
      chosen: fc.uniqueArray(fc.constantFrom(...columns), {
        minLength: 1,
        maxLength: 3,
        selector: ({ source, field }) => `${source}.${field}`,
      }),
      aggregates: fc.array(
        fc.tuple(
          fc.constantFrom<AggregateName>('count', 'sum', 'min', 'max'),
          fc.option(fc.constantFrom(...columns)),
        ),
        { minLength: 1, maxLength: 4 },
      ),
    })
    .map(({ kinds, extra, where, shape, chosen, aggregates }): BlockIr => {
      const sources = chain.map((alias, index): BlockSourceIr => {
        if (index === 0) return { alias, model: MODELS[alias], join: null }
        const kind = kinds[index - 1] ?? 'inner'
        const on = equality(alias, chain.slice(0, index))
        const known = columnsOf(chain.slice(0, index + 1))
        const usable =
          extra !== null && index === chain.length - 1 && kind === 'inner' && known.length === columns.length
        return { alias, model: MODELS[alias], join: { kind, on: usable ? call('and', on, extra) : on } }
      })
      const named = chosen.map((expression, index): OutputIr => ({ name: `c${index}`, expression }))
      const counted = aggregates.map(([name, argument], index): OutputIr => {
        const summable = argument !== null && (name !== 'sum' || argument.type.scalar !== 'String')
        return {
          name: `a${index}`,
          expression: {
            kind: 'aggregate',
            name: summable ? name : 'count',
            argument: summable ? argument : null,
            type: { scalar: 'Int', pgType: 'bigint', list: false, nullable: true },
          },
        }
      })
      const shaped = (
        groupBy: BlockIr['groupBy'],
        select: BlockIr['select'],
        key: BlockIr['key'],
      ): BlockIr => ({
        name: 'v',
        sources,
        where,
        groupBy,
        select,
        key,
      })
      if (shape === 'single') return shaped(null, counted, [])
      if (shape === 'bag') return shaped(null, named, null)
      if (shape === 'grouped') return shaped(chosen, [...named, ...counted], names(named))
      const keys = chain.flatMap((alias) =>
        modelOf(schema, MODELS[alias]).key.map((field): OutputIr => ({
          name: `${alias}${field}`,
          expression: ref(alias, field),
        })),
      )
      return shaped(null, [...keys, ...named], names(keys))
    })
})

type Step = readonly ['region' | 'shop' | 'sale', 'put' | 'delete' | 'move', readonly number[]]
const step: fc.Arbitrary<Step> = fc.tuple(
  fc.constantFrom('region', 'shop', 'sale', 'sale'),
  fc.constantFrom('put', 'put', 'put', 'delete', 'move'),
  fc.array(fc.nat({ max: 5 }), { minLength: 8, maxLength: 8 }),
)

const choose = (texts: readonly (string | null)[], pick: number): string | null =>
  texts[pick % texts.length] ?? null

function rowOf(kind: Step[0], [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0]: readonly number[]): TextRow {
  if (kind === 'region') return { id: String(a % 2), title: `R${b % 2}` }
  if (kind === 'shop') {
    return {
      id: `h${a % 3}`,
      name: `S${b % 2}`,
      city: choose([null, 'a', 'b'], c),
      regionId: choose([null, '0', '1', '2'], d),
      tags: null,
    }
  }
  return {
    id: choose(['1', '2', '9007199254740993'], a),
    line: String(b % 2),
    shopId: choose([null, 'h0', 'h1', 'h2'], c),
    qty: choose([null, '-1', '0', '2', '2147483647'], d),
    big: choose([null, '1', '9007199254740993', '-9223372036854775808'], e),
    note: choose([null, 'a', 'b', ''], f),
  }
}

const MODEL_OF = { region: 'Region', shop: 'Shop', sale: 'Sale' } as const

/** The tables as plain rows, changed together with the replica. */
class World {
  readonly tables: Record<string, TextRow[]> = { Region: [], Shop: [], Sale: [] }
  readonly mirror: Mirror

  constructor(views: readonly BlockIr[]) {
    this.mirror = new Mirror(schema, views.map(blockView))
  }

  apply([kind, action, numbers]: Step): void {
    const model = MODEL_OF[kind]
    const rows = this.tables[model] ?? []
    const { key } = modelOf(schema, model)
    const same = (a: TextRow, b: TextRow): boolean => key.every((field) => a[field] === b[field])
    const row = rowOf(kind, numbers)
    const at = rows.findIndex((other) => same(other, row))
    const old = rows[at]
    const needed = this.mirror.replica.tables.has(model)
    if (action === 'delete') {
      if (old === undefined) return
      rows.splice(at, 1)
      if (needed) this.mirror.change(model, old, null)
    } else if (action === 'move' && old === undefined && rows.length > 0) {
      const from = (numbers[7] ?? 0) % rows.length
      const moved = rows[from]
      rows[from] = row
      if (needed && moved !== undefined) this.mirror.change(model, moved, row)
    } else {
      if (old === undefined) rows.push(row)
      else rows[at] = row
      if (needed) this.mirror.change(model, old ?? null, row)
    }
  }
}

function shown(ir: BlockIr, state: ViewState): readonly string[] {
  return [...state.rows()].map((row) => show(ir.select.map(({ name }) => row[name]))).toSorted()
}

/** A random view that the engine refuses (say, text compared with a number) proves nothing and is drawn again. */
function worldOf(ir: BlockIr): World | null {
  try {
    return new World([ir])
  } catch (error) {
    if (isDbsyncError(error) && error.code.startsWith('VIEW.')) return null
    throw error
  }
}

test('random views over random histories show what a naive recomputation gives', () => {
  let compiled = 0
  let refused = 0
  fc.assert(
    fc.property(view, fc.array(step, { maxLength: 40 }), (ir, steps) => {
      const world = worldOf(ir)
      if (world === null) {
        refused += 1
        return
      }
      compiled += 1
      const state = world.mirror.replica.views.get('v')
      for (const item of steps) {
        world.apply(item)
        if (state === undefined) throw new Error('no view')
        expect(shown(ir, state)).toEqual(naiveRows(ir, world.tables))
      }
    }),
    { numRuns: 400 },
  )
  expect(compiled).toBeGreaterThan(refused * 4)
})

test('splitting and merging flushes changes nothing, and changes fold to the state', () => {
  fc.assert(
    fc.property(view, fc.array(fc.tuple(step, fc.boolean()), { maxLength: 40 }), (ir, steps) => {
      const world = worldOf(ir)
      if (world === null) return
      const state = world.mirror.replica.views.get('v')
      if (state === undefined) throw new Error('no view')
      state.retain(true)
      let flushed = shown(ir, state)
      const folded = new Map<string, number>()
      const fold = (row: unknown, sign: number): void => {
        if (row === null || row === undefined) return
        const text = show(Object.values(row))
        const count = (folded.get(text) ?? 0) + sign
        if (count < 0) throw new Error('a row is taken away that was not there')
        if (count === 0) folded.delete(text)
        else folded.set(text, count)
      }
      for (const row of state.rows()) fold(row, 1)
      for (const [item, flush] of [...steps, [['region', 'delete', []], true] as const]) {
        world.apply(item)
        // Until the flush readers see what they saw.
        expect(shown(ir, state)).toEqual(flushed)
        expect(state.size).toBe(flushed.length)
        if (!flush) continue
        const changes = world.mirror.replica.flush().get('v') ?? []
        for (const { before } of changes) fold(before, -1)
        for (const { after } of changes) fold(after, 1)
        const idle = changes.filter(
          ({ before, after }) => show(Object.values(before ?? {})) === show(Object.values(after ?? {})),
        )
        expect(idle).toEqual([])
        flushed = shown(ir, state)
        expect(flushed).toEqual(naiveRows(ir, world.tables))
        expect(
          [...folded].flatMap(([text, count]) => Array.from({ length: count }, () => text)).toSorted(),
        ).toEqual(flushed)
      }
    }),
    { numRuns: 250 },
  )
})

test('rows are found by their key, and no others', () => {
  fc.assert(
    fc.property(view, fc.array(step, { maxLength: 40 }), fc.boolean(), (ir, steps, retained) => {
      const world = ir.key === null ? null : worldOf(ir)
      if (world === null) return
      const state = world.mirror.replica.views.get('v')
      if (state === undefined) throw new Error('no view')
      state.retain(retained)
      for (const item of steps) world.apply(item)
      world.mirror.replica.flush()
      for (const row of state.rows()) {
        const key = Object.fromEntries((ir.key ?? []).map((name) => [name, row[name]]))
        expect(state.get(key)).toBe(row)
        const [only = ''] = ir.key?.length === 1 ? ir.key : []
        expect(only === '' ? row : state.get(row[only])).toBe(row)
      }
      for (const name of ir.key ?? []) {
        const known = new Set([...state.rows()].map((row) => row[name]))
        const sample = [...state.rows()][0]?.[name]
        const other = typeof sample === 'string' ? 'nowhere' : typeof sample === 'bigint' ? 77n : 77
        const [row] = state.rows()
        if (row === undefined || known.has(other) || sample === null) continue
        expect(state.get({ ...row, [name]: other })).toBeUndefined()
      }
    }),
    { numRuns: 150 },
  )
})
