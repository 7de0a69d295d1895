import { describe, expect, test } from 'vitest'
import { requireSameViews } from '../../../bench/core.ts'
import { d2tsEngine } from '../../../bench/core/d2ts-engine.ts'
import { dbIvmEngine } from '../../../bench/core/db-ivm-engine.ts'
import { addAverage, addVisit, type CoreView, type MakeEngine } from '../../../bench/core/engine.ts'
import { mapEngine } from '../../../bench/core/map-engine.ts'
import { ourEngine } from '../../../bench/core/our-engine.ts'
import { OurStore } from '../../../bench/core/our-store.ts'
import { average } from '../../../bench/core/our-views.ts'
import { runEngine } from '../../../bench/core/run-engine.ts'
import { smallTransactions } from '../../../bench/core/small-transactions.ts'
import { TupleReader } from '../../../bench/core/tuple-reader.ts'
import { distinctNumber, firstName, makeWorkload, type CoreSize } from '../../../bench/core/workload.ts'

const SIZE: CoreSize = {
  visits: 600,
  restaurants: 20,
  warmUp: 100,
  single: 200,
  read: 200,
  batched: 350,
  renames: 60,
}

/** What the views must show at the end, from the arrays of the workload alone. */
function expectedChecksum(view: CoreView): number {
  const workload = makeWorkload(SIZE)
  const { visits, updates, renames } = workload
  const rows = new Map<number, { readonly restaurant: number; readonly rating: number }>()
  for (const messages of [visits, updates]) {
    const reader = new TupleReader(messages)
    for (let index = 0; index < messages.count; index += 1) {
      reader.open(index)
      const id = reader.integer()
      const restaurant = reader.integer()
      reader.integer()
      rows.set(id, { restaurant, rating: reader.integer() })
    }
  }
  const names = Array.from({ length: SIZE.restaurants }, (_, id) => firstName(id))
  const reader = new TupleReader(renames)
  for (let index = 0; index < renames.count; index += 1) {
    reader.open(index)
    names[reader.integer()] = reader.text()
  }
  let sum = 0
  if (view === 'join') {
    for (const [id, { restaurant, rating }] of rows) sum = addVisit(sum, id, rating, names[restaurant] ?? '')
    return sum
  }
  for (let id = 0; id < SIZE.restaurants; id += 1) {
    const ratings = [...rows.values()].flatMap(({ restaurant, rating }) =>
      restaurant === id ? [rating] : [],
    )
    sum = addAverage(sum, id, ratings.reduce((total, rating) => total + rating, 0) / ratings.length)
  }
  return sum
}

const ENGINES: readonly [string, MakeEngine, CoreView][] = [
  ['ours', ourEngine, 'average'],
  ['ours', ourEngine, 'join'],
  ['the Map', mapEngine, 'average'],
  ['the Map', mapEngine, 'join'],
  ['db-ivm', dbIvmEngine, 'average'],
  ['db-ivm', dbIvmEngine, 'join'],
  ['d2ts', d2tsEngine, 'average'],
]

describe('the engines of bench core', () => {
  test.each(ENGINES)('%s shows the whole workload (%#)', (_, make, view) => {
    const workload = makeWorkload(SIZE)
    const { checksum, ...rates } = runEngine(make(workload, view), workload)
    expect(checksum).toBe(expectedChecksum(view))
    expect(Object.values(rates).every((rate) => rate > 0)).toBe(true)
  })

  test.each(ENGINES)('%s shows each update at once (%#)', (_, make, view) => {
    const workload = makeWorkload(SIZE)
    const engine = make(workload, view)
    const other = mapEngine(workload, view)
    for (const each of [engine, other]) {
      each.loadRestaurants()
      each.loadVisits()
    }
    for (let index = 0; index < SIZE.warmUp; index += 1) {
      engine.update(index, index + 1)
      other.update(index, index + 1)
      expect(engine.read(index)).toBe(other.read(index))
    }
  })

  test('views that differ are reported with their engine', () => {
    const runs = new Map([
      ['average ours', [{ checksum: 1 }, { checksum: 1 }]],
      ['join ours', [{ checksum: 2 }]],
      ['average map', [{ checksum: 1 }]],
    ])
    expect(() => requireSameViews(runs)).not.toThrow()
    expect(() => requireSameViews(new Map([...runs, ['join map', [{ checksum: 3 }]]]))).toThrow(
      'join map shows another view than the others',
    )
  })
})

test('the workload tells what each change replaces', () => {
  const workload = makeWorkload(SIZE)
  const ratings = new Map<number, number>()
  const visits = new TupleReader(workload.visits)
  for (let index = 0; index < SIZE.visits; index += 1) {
    visits.open(index)
    const id = visits.integer()
    visits.integer()
    visits.integer()
    ratings.set(id, visits.integer())
  }
  const updates = new TupleReader(workload.updates)
  for (let index = 0; index < workload.updates.count; index += 1) {
    updates.open(index)
    const id = updates.integer()
    expect(updates.integer()).toBe(workload.updatedRestaurants[index])
    updates.integer()
    expect(workload.formerRatings[index]).toBe(ratings.get(id))
    ratings.set(id, updates.integer())
  }
})

test('as many distinct numbers as a bench needs are distinct', () => {
  const numbers = new Int32Array(1_600_000).map((_, index) => distinctNumber(index)).toSorted()
  expect(numbers.every((number, index) => number >= 0 && number !== numbers[index - 1])).toBe(true)
})

test('with distinct ratings groups are of one size, and updates are distinct as well', () => {
  const { visits, updates } = makeWorkload(SIZE, true)
  const ratings = new Set<number>()
  const groups = new Map<number, number>()
  for (const messages of [visits, updates]) {
    const reader = new TupleReader(messages)
    for (let index = 0; index < messages.count; index += 1) {
      reader.open(index)
      reader.integer()
      const restaurant = reader.integer()
      if (messages === visits) groups.set(restaurant, (groups.get(restaurant) ?? 0) + 1)
      reader.integer()
      ratings.add(reader.integer())
    }
  }
  expect(ratings.size).toBe(visits.count + updates.count)
  expect(new Set(groups.values())).toEqual(new Set([SIZE.visits / SIZE.restaurants]))
})

test('small transactions insert, delete and update rows that are there, and a view over them follows', () => {
  const { visits } = makeWorkload(SIZE)
  const messages = smallTransactions(2_000, SIZE.visits, SIZE.restaurants)
  const kinds = new Map<string, number>()
  const store = new OurStore(average)
  store.writeVisits(visits, 0, visits.count)
  const table = store.network.tables.get('Visit')
  let expected = SIZE.visits
  for (let index = 0; index < messages.count; index += 1) {
    const kind = String.fromCharCode(messages.tag(index))
    kinds.set(kind, (kinds.get(kind) ?? 0) + 1)
    expected += kind === 'I' ? 1 : kind === 'D' ? -1 : 0
    store.writeVisits(messages, index, index + 1)
    expect(table?.size).toBe(expected)
  }
  expect(messages.count).toBe(2_000)
  expect([...kinds.keys()].toSorted()).toEqual(['D', 'I', 'U'])
  expect(expected).toBeGreaterThan(SIZE.visits)
})
