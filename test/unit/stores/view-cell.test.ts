import { expect, test } from 'vitest'
import { isDbsyncError } from '../../../src/core/errors.ts'
import { lsn, type Lsn } from '../../../src/core/lsn.ts'
import type { ViewState } from '../../../src/ivm/view-state.ts'
import { ViewCell, type ViewBatch } from '../../../src/stores/memory-view.ts'
import { count } from '../../../src/views/build/aggregates.ts'
import { defineView, type ViewDefinition } from '../../../src/views/define-view.ts'
import { indexColumnsOf } from '../../../src/views/check/view-indexes.ts'
import { Sale, schema, Shop } from '../../conformance/fixture.ts'
import { Mirror, type TextRow } from '../../conformance/mirror.ts'

type Row = Readonly<Record<string, unknown>>

const byId = defineView('by_id', (q) =>
  q.from({ h: Shop }).select(({ h }) => ({ id: h.id, name: h.name, tags: h.tags })),
)
const byPair = defineView('by_pair', (q) =>
  q
    .from({ h: Shop })
    .groupBy(({ h }) => [h.name, h.city])
    .select(({ h }) => ({ name: h.name, city: h.city, n: count() })),
)
const bag = defineView('bag', (q) => q.from({ h: Shop }).select(({ h }) => ({ city: h.city })))
const total = defineView('total', (q) => q.from({ s: Sale }).select(() => ({ n: count() })))

const shop = (id: string, name: string, city: string | null = null, tags: string | null = '{}'): TextRow => ({
  id,
  name,
  city,
  regionId: null,
  tags,
})

/** A state of a view over some rows, as a fresh reading of the tables would make it. */
function stateOf(view: ViewDefinition, shops: readonly TextRow[], sales: readonly TextRow[] = []): ViewState {
  const mirror = new Mirror(schema, [view.ir])
  for (const row of shops) mirror.change('Shop', null, row)
  for (const row of sales) mirror.change('Sale', null, row)
  const state = mirror.replica.views.get(view.name)
  if (state === undefined) throw new Error(view.name)
  return state
}

interface Watched {
  readonly cell: ViewCell
  readonly batches: ViewBatch<Row>[]
  readonly errors: unknown[]
  demand: number
  position: Lsn
}

function watch(view: ViewDefinition): Watched {
  const watched: { -readonly [K in keyof Watched]: Watched[K] } = {
    cell: null as unknown as ViewCell,
    batches: [],
    errors: [],
    demand: 0,
    position: lsn(1n),
  }
  watched.cell = new ViewCell(view.name, view.ir.key, {
    position: () => watched.position,
    onDemand: () => (watched.demand += 1),
    onListenerError: (error) => watched.errors.push(error),
    reach: () => Promise.resolve(),
  })
  return watched
}

/** Goes from one state to another as a reconnection does; returns what a subscriber was told. */
function between(view: ViewDefinition, former: ViewState, next: ViewState): readonly unknown[] {
  const { cell, batches } = watch(view)
  cell.goLive(former)
  cell.subscribe((batch) => batches.push(batch))
  cell.goStale()
  const tell = cell.goLive(next)
  // Nobody is told before all views of the sync are live.
  expect(batches).toEqual([])
  tell()
  expect(batches.length).toBeLessThanOrEqual(1)
  return batches[0]?.changes ?? []
}

test('a view that was read anew tells what is different, by key', () => {
  const rows = [shop('a', 'A'), shop('b', 'B', null, '{x}'), shop('c', 'C')]
  const later = [shop('a', 'A'), shop('b', 'B', null, '{y}'), shop('d', 'D')]
  expect(between(byId, stateOf(byId, rows), stateOf(byId, rows.toReversed()))).toEqual([])
  const changes = between(byId, stateOf(byId, rows), stateOf(byId, later))
  expect(changes).toHaveLength(3)
  expect(changes).toContainEqual({
    key: 'b',
    before: { id: 'b', name: 'B', tags: ['x'] },
    after: { id: 'b', name: 'B', tags: ['y'] },
  })
  expect(changes).toContainEqual({ key: 'd', before: null, after: { id: 'd', name: 'D', tags: [] } })
  expect(changes).toContainEqual({ key: 'c', before: { id: 'c', name: 'C', tags: [] }, after: null })
})

test('a key of several columns is an object, NULL among them', () => {
  const changes = between(
    byPair,
    stateOf(byPair, [shop('a', 'A', 'x'), shop('b', 'A')]),
    stateOf(byPair, [shop('a', 'A', 'x'), shop('b', 'A'), shop('c', 'A')]),
  )
  expect(changes).toEqual([
    {
      key: { name: 'A', city: null },
      before: { name: 'A', city: null, n: 1 },
      after: { name: 'A', city: null, n: 2 },
    },
  ])
})

test('a bag tells how often a row came or went, a view of one row that it changed', () => {
  const changes = between(
    bag,
    stateOf(bag, [shop('a', 'A', 'x'), shop('b', 'B', 'x'), shop('c', 'C', 'y')]),
    stateOf(bag, [shop('a', 'A', 'x'), shop('b', 'B', 'z'), shop('c', 'C', 'z')]),
  )
  const go = (city: string) => ({ key: null, before: { city }, after: null })
  const come = (city: string) => ({ key: null, before: null, after: { city } })
  expect(changes).toHaveLength(4)
  expect(changes).toEqual(expect.arrayContaining([come('z'), go('x'), go('y')]))
  const sale = { id: '1', line: '1', shopId: null, qty: null }
  expect(between(total, stateOf(total, []), stateOf(total, [], [sale]))).toEqual([
    { key: null, before: { n: 0 }, after: { n: 1 } },
  ])
})

test('nobody is told of the first reading, and nobody who does not ask of a later one', () => {
  const { cell, batches } = watch(byId)
  cell.subscribe((batch) => batches.push(batch))
  cell.goLive(stateOf(byId, [shop('a', 'A')]))()
  expect(batches).toEqual([])
  const quiet = watch(byId)
  quiet.cell.goLive(stateOf(byId, [shop('a', 'A')]))
  quiet.cell.goLive(stateOf(byId, []))
  expect([...quiet.cell.rows()]).toEqual([])
})

test('a view cannot be read before it is live; stale it shows the old rows at their position', () => {
  const watched = watch(byId)
  const { cell } = watched
  expect(cell.readiness).toBe('hydrating')
  for (const read of [() => cell.get('a'), () => [...cell.rows()], () => cell.size]) {
    let caught: unknown = null
    try {
      read()
    } catch (error) {
      caught = error
    }
    expect(isDbsyncError(caught, 'SYNC.NOT_READY')).toBe(true)
  }
  cell.goStale()
  expect(cell.readiness).toBe('hydrating')
  cell.goLive(stateOf(byId, [shop('a', 'A')]))
  watched.position = lsn(20n)
  expect([cell.readiness, cell.lsn, cell.size]).toEqual(['live', 20n, 1])
  cell.goStale()
  watched.position = lsn(30n)
  expect([cell.readiness, cell.lsn, cell.get('a')?.['name']]).toEqual(['stale', 20n, 'A'])
})

test('rows are found by an index in every state that the view is given', () => {
  const byName = defineView(
    'by_name',
    (q) => q.from({ h: Shop }).select(({ h }) => ({ id: h.id, name: h.name })),
    { indexes: [['name']] },
  )
  const hooks = {
    position: () => lsn(1n),
    onDemand() {},
    onListenerError() {},
    reach: () => Promise.resolve(),
  }
  const cell = new ViewCell('by_name', ['id'], hooks, indexColumnsOf(byName))
  const refusalOf = (read: () => unknown): unknown => {
    try {
      return read()
    } catch (error) {
      return isDbsyncError(error) ? `${error.code} ${error.message}` : error
    }
  }
  expect(refusalOf(() => cell.where({ name: 'A' }))).toMatch(/^SYNC.NOT_READY/)
  expect(refusalOf(() => cell.all())).toMatch(/^SYNC.NOT_READY/)
  cell.goLive(stateOf(byName, [shop('a', 'A'), shop('b', 'A'), shop('c', 'C')]))
  expect(cell.where({ name: 'A' })).toHaveLength(2)
  cell.goStale()
  expect(cell.where({ name: 'A' })).toHaveLength(2)
  cell.goLive(stateOf(byName, [shop('c', 'A')]))
  expect(cell.where({ name: 'A' })).toEqual([{ id: 'c', name: 'A' }])
  expect(cell.all()).toEqual([{ id: 'c', name: 'A' }])
  for (const match of [null, undefined, 'A']) {
    expect(refusalOf(() => cell.where(match))).toMatch(
      /^CONFIG.INVALID_OPTIONS by_name.where: found (null|undefined|a string); need an object/,
    )
  }
  expect(refusalOf(() => cell.where({ id: 'c' }))).toMatch(
    /^CONFIG.INVALID_OPTIONS by_name.where: found a match by id/,
  )
})

test('a listener that throws is reported and keeps nobody else from being told', () => {
  const { cell, batches, errors } = watch(byId)
  cell.goLive(stateOf(byId, []))
  cell.subscribe(() => {
    throw new Error('mine')
  })
  cell.subscribe((batch) => batches.push(batch))
  cell.publish([{ key: 'a', before: null, after: { id: 'a' } }])
  cell.publish([])
  expect(batches).toHaveLength(1)
  expect(errors).toEqual([new Error('mine')])
})

test('demand is told as it comes and goes; a listener given twice is two', async () => {
  const watched = watch(byId)
  const { cell } = watched
  cell.goLive(stateOf(byId, []))
  let calls = 0
  const listener = (): void => {
    calls += 1
  }
  const [first, second] = [cell.subscribe(listener), cell.subscribe(listener)]
  cell.publish([{ key: 'a', before: null, after: { id: 'a' } }])
  expect([calls, cell.hasDemand, watched.demand]).toEqual([2, true, 2])
  first()
  first()
  expect([cell.hasDemand, watched.demand]).toEqual([true, 3])
  second()
  expect([cell.hasDemand, watched.demand]).toEqual([false, 4])
  const abort = new AbortController()
  const feed = cell.changes({ signal: abort.signal })[Symbol.asyncIterator]()
  expect(cell.hasDemand).toBe(true)
  const pulled = feed.next()
  abort.abort(new Error('enough'))
  await expect(pulled).rejects.toThrow('enough')
  expect([cell.hasDemand, watched.demand]).toEqual([false, 6])
})

test('a view that failed is live again once it was read anew, and its subscribers stay', () => {
  const { cell, batches } = watch(byId)
  const broken = stateOf(byId, [shop('a', 'A')])
  cell.goLive(broken)
  cell.subscribe((batch) => batches.push(batch))
  broken.fail(new Error('on purpose'))
  expect(cell.readiness).toBe('failed')
  const next = stateOf(byId, [shop('b', 'B')])
  cell.goLive(next)()
  expect([cell.readiness, [...cell.rows()].length]).toEqual(['live', 1])
  cell.publish([{ key: 'b', before: { id: 'b' }, after: null }])
  expect(batches.at(-1)?.changes).toEqual([{ key: 'b', before: { id: 'b' }, after: null }])
})

test('a view that cannot show a row of the new reading fails by itself, not the sync', () => {
  const { cell } = watch(byId)
  cell.goLive(stateOf(byId, [shop('a', 'A')]))
  cell.subscribe(() => {})
  cell.goLive(stateOf(byId, [shop('a', 'A', null, '{x,NULL}')]))()
  expect(cell.readiness).toBe('failed')
  expect(cell.failure?.code).toBe('CHANGES.UNDECODABLE_VALUE')
})

test('a feed that is asked for after the end has ended', async () => {
  const { cell } = watch(byId)
  cell.goLive(stateOf(byId, []))
  cell.end(null)
  expect(await cell.changes()[Symbol.asyncIterator]().next()).toEqual({ done: true, value: undefined })
  expect(cell.hasDemand).toBe(false)
})
