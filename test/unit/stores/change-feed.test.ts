import fc from 'fast-check'
import { expect, test } from 'vitest'
import { DbsyncError } from '../../../src/core/errors.ts'
import { lsn } from '../../../src/core/lsn.ts'
import { ChangeFeed, foldBatches } from '../../../src/stores/change-feed.ts'
import type { ViewBatch, ViewChange } from '../../../src/stores/memory-view.ts'

interface Row {
  readonly id: string
  readonly n: number
}

const batch = (position: number, changes: readonly ViewChange<Row>[]): ViewBatch<Row> => ({
  lsn: lsn(BigInt(position)),
  changes,
})
const added = (id: string, n: number): ViewChange<Row> => ({ key: id, before: null, after: { id, n } })

function feedOf(signal?: AbortSignal): { readonly feed: ChangeFeed<Row>; readonly ends: () => number } {
  let ends = 0
  const feed = new ChangeFeed<Row>(signal, () => {
    ends += 1
  })
  return { feed, ends: () => ends }
}

const tick = (): Promise<void> => new Promise((done) => setTimeout(done, 0))

test('a reader gets the batches in order, those before it asks and those after', async () => {
  const { feed, ends } = feedOf()
  feed.push(batch(1, [added('a', 1)]))
  feed.push(batch(2, [added('b', 1)]))
  const seen: bigint[] = []
  const reading = (async () => {
    for await (const one of feed) {
      seen.push(one.lsn)
      if (one.lsn === 4n) break
    }
  })()
  await tick()
  expect(seen).toEqual([1n, 2n])
  feed.push(batch(3, [added('c', 1)]))
  feed.push(batch(4, [added('d', 1)]))
  await reading
  expect(seen).toEqual([1n, 2n, 3n, 4n])
  expect(ends()).toBe(1)
  expect(await feed.next()).toEqual({ done: true, value: undefined })
})

test('several calls of next at once are answered one after the other', async () => {
  const { feed } = feedOf()
  const calls = [feed.next(), feed.next(), feed.next(), feed.next()]
  feed.push(batch(1, []))
  feed.push(batch(2, []))
  feed.end(null)
  const answers = await Promise.race([
    Promise.all(calls),
    tick()
      .then(tick)
      .then(() => 'a call hangs'),
  ])
  expect(answers).toEqual([
    { done: false, value: batch(1, []) },
    { done: false, value: batch(2, []) },
    { done: true, value: undefined },
    { done: true, value: undefined },
  ])
})

test('what waits comes before the end, and the failure once after it', async () => {
  const { feed, ends } = feedOf()
  feed.push(batch(1, [added('a', 1)]))
  const failure = new DbsyncError('SLOT.INVALIDATED', 'lost')
  feed.end(failure)
  feed.end(null)
  feed.push(batch(2, [added('b', 1)]))
  expect(await feed.next()).toEqual({ done: false, value: batch(1, [added('a', 1)]) })
  await expect(feed.next()).rejects.toBe(failure)
  expect(await feed.next()).toEqual({ done: true, value: undefined })
  expect(ends()).toBe(1)
})

test('a reader that waits is told of a failure at once', async () => {
  const { feed } = feedOf()
  const failure = new DbsyncError('SLOT.INVALIDATED', 'lost')
  const waiting = feed.next()
  feed.end(failure)
  await expect(waiting).rejects.toBe(failure)
  expect(await feed.next()).toEqual({ done: true, value: undefined })
})

test('the signal ends a feed with its reason, whether the reader waits or not, and before it began', async () => {
  const reasons: readonly unknown[] = [new Error('enough'), 'a text']
  for (const reason of reasons) {
    const before = new AbortController()
    before.abort(reason)
    const late = feedOf(before.signal)
    await tick()
    const waiting = new AbortController()
    const one = feedOf(waiting.signal)
    const pulled = one.feed.next()
    waiting.abort(reason)
    const idle = new AbortController()
    const two = feedOf(idle.signal)
    two.feed.push(batch(1, []))
    idle.abort(reason)
    expect((await two.feed.next()).done).toBe(false)
    for (const end of [late.feed.next(), pulled, two.feed.next()]) {
      const caught: unknown = await end.then(
        () => 'no error',
        (error: unknown) => error,
      )
      expect(caught instanceof Error && (caught === reason || caught.cause === reason)).toBe(true)
    }
    expect([late.ends(), one.ends(), two.ends()]).toEqual([1, 1, 1])
  }
})

/** Random histories of a keyed view. */
const histories = fc.array(
  fc.array(fc.tuple(fc.constantFrom('a', 'b', 'c'), fc.option(fc.nat(2))), { maxLength: 4 }),
  { minLength: 1, maxLength: 12 },
)

function play(steps: readonly (readonly (readonly [string, number | null])[])[]): {
  batches: ViewBatch<Row>[]
  start: Map<string, Row>
  rows: Map<string, Row>
} {
  const rows = new Map<string, Row>([['b', { id: 'b', n: 7 }]])
  const start = new Map(rows)
  const batches = steps.map((list, index) => {
    const before = new Map(rows)
    for (const [id, n] of list) {
      if (n === null) rows.delete(id)
      else rows.set(id, { id, n })
    }
    const changes: ViewChange<Row>[] = []
    for (const id of new Set([...before.keys(), ...rows.keys()])) {
      const [was, is] = [before.get(id) ?? null, rows.get(id) ?? null]
      if (was?.n !== is?.n) changes.push({ key: id, before: was, after: is })
    }
    return batch(index, changes)
  })
  return { batches, start, rows }
}

function applyTo(rows: Map<string, Row>, changes: readonly ViewChange<Row>[]): Map<string, Row> {
  for (const { key, before, after } of changes) {
    const id = String(key)
    expect(rows.get(id) ?? null).toEqual(before)
    if (after === null) rows.delete(id)
    else rows.set(id, after)
  }
  return rows
}

test('folded batches lead from the same rows to the same rows, with one entry a key', () => {
  fc.assert(
    fc.property(histories, (steps) => {
      const { batches, start, rows } = play(steps)
      const folded = foldBatches(batches)
      expect(folded.lsn).toBe(BigInt(batches.length - 1))
      expect(new Set(folded.changes.map(({ key }) => key)).size).toBe(folded.changes.length)
      expect(applyTo(new Map(start), folded.changes)).toEqual(rows)
      for (const { before, after } of folded.changes) expect(before).not.toEqual(after)
    }),
  )
})

test('a bag folds to the rows that came and went, the same row as often as it did', () => {
  const row = (n: number): Row => ({ id: 'x', n })
  const come = (n: number): ViewChange<Row> => ({ key: null, before: null, after: row(n) })
  const go = (n: number): ViewChange<Row> => ({ key: null, before: row(n), after: null })
  fc.assert(
    fc.property(fc.array(fc.array(fc.tuple(fc.boolean(), fc.nat(2))), { minLength: 1 }), (steps) => {
      const batches = steps.map((list, index) =>
        batch(
          index,
          list.map(([isNew, n]) => (isNew ? come(n) : go(n))),
        ),
      )
      const count = (changes: readonly ViewChange<Row>[]): number[] => {
        const counts = [0, 0, 0]
        for (const { before, after } of changes) {
          if (before !== null) counts[before.n] = (counts[before.n] ?? 0) - 1
          if (after !== null) counts[after.n] = (counts[after.n] ?? 0) + 1
        }
        return counts
      }
      const folded = foldBatches(batches).changes
      const net = count(batches.flatMap(({ changes }) => changes))
      expect(count(folded)).toEqual(net)
      // No row that came is told to have gone.
      expect(folded).toHaveLength(net.reduce((sum, n) => sum + Math.abs(n), 0))
    }),
  )
})

test('a reader that is far behind gets fewer batches, and memory for them does not grow with the stream', async () => {
  const { feed } = feedOf()
  let held = 0
  const rows = new Map<string, Row>()
  for (let position = 1; position <= 2_000; position += 1) {
    const id = `k${position % 10}`
    const after = { id, n: position }
    feed.push(batch(position, [{ key: id, before: rows.get(id) ?? null, after }]))
    rows.set(id, after)
  }
  feed.end(null)
  const found = new Map<string, Row>()
  let batches = 0
  let last = 0n
  for await (const one of feed) {
    batches += 1
    held += one.changes.length
    expect(one.lsn > last).toBe(true)
    last = one.lsn
    applyTo(found, one.changes)
  }
  expect(found).toEqual(rows)
  expect(last).toBe(2_000n)
  expect(batches).toBeLessThanOrEqual(257)
  expect(held).toBeLessThanOrEqual(300)
})

test('a bag whose rows come and go is held in bounded memory too', async () => {
  const { feed } = feedOf()
  for (let position = 1; position <= 4_000; position += 1) {
    const row = { id: 'x', n: position >> 1 }
    const isNew = position % 2 === 0
    feed.push(batch(position, [{ key: null, before: isNew ? null : row, after: isNew ? row : null }]))
  }
  feed.end(null)
  let held = 0
  for await (const one of feed) held += one.changes.length
  expect(held).toBeLessThan(600)
})
