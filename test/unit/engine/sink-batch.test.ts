import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { AnyChange } from '../../../src/changes/change.ts'
import { lsn } from '../../../src/core/lsn.ts'
import { referredFirst, SinkBatch, type SinkCall } from '../../../src/engine/sink-batch.ts'
import { schema } from '../../conformance/fixture.ts'

const tx = { xid: 1n, lsn: lsn(1n), commitTime: new Date(0), seq: 0 }

type Store = Map<string, Readonly<Record<string, unknown>>>

/** What a sink does with its calls; a call that would fail on a unique key fails here. */
function apply(store: Store, calls: readonly SinkCall[]): void {
  for (const { op, model, items } of calls) {
    const at = (key: { readonly id: number }): string => `${model}/${key.id}`
    if (op === 'truncate') {
      for (const id of store.keys()) if (id.startsWith(`${model}/`)) store.delete(id)
    }
    for (const item of items as { readonly id: number }[]) {
      if (op === 'delete') store.delete(at(item))
      else store.set(at(item), { ...store.get(at(item)), ...item })
    }
  }
}

/** One legal change of a table of which `rows` is the content, and what the WAL says of it. */
function change(rows: Map<number, { id: number; a: number; b: number }>, step: readonly number[]): AnyChange {
  const [kind = 0, from = 0, to = 0, a = 0] = step
  const model = 'Shop'
  const old = rows.get(from)
  if (kind === 9) {
    rows.clear()
    return { model, op: 'truncate', tx }
  }
  if (old === undefined) {
    const after = { id: from, a, b: a * 10 }
    rows.set(from, after)
    return { model, op: kind === 8 ? 'read' : 'insert', key: { id: from }, after, tx }
  }
  if (kind < 3) {
    rows.delete(from)
    return { model, op: 'delete', key: { id: from }, before: { id: from }, tx }
  }
  const target = rows.has(to) ? from : to
  const next = kind < 6 ? { ...old, id: target, a } : { id: target, a, b: a * 10 }
  rows.delete(from)
  rows.set(target, next)
  // A value that was left alone is left out; only where the key stays, since a move that is a batch's first sight of a row loses it.
  const isShort = kind < 6 && target === from
  const after = isShort ? { id: target, a } : next
  const before = target === from ? undefined : { id: from }
  return { model, op: 'update', key: { id: target }, before, after, changed: undefined, tx }
}

test('batches of any size lead a sink to the rows that the table has, each key once a batch', () => {
  const steps = fc.array(fc.tuple(fc.nat(9), fc.nat(4), fc.nat(4), fc.nat(99)), { maxLength: 60 })
  fc.assert(
    fc.property(steps, fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1 }), (all, sizes) => {
      const rows = new Map<number, { id: number; a: number; b: number }>()
      const store: Store = new Map()
      const batch = new SinkBatch(['Shop'])
      let left = sizes[0] ?? 1
      all.forEach((step, index) => {
        batch.add(change(rows, step))
        left -= 1
        if (left > 0 && index < all.length - 1) return
        left = sizes[index % sizes.length] ?? 1
        const size = batch.size
        const calls = batch.drain(2)
        expect(calls.every(({ items }) => items.length <= 2)).toBe(true)
        const keys = calls.flatMap(({ op, items }) =>
          op === 'truncate' ? [] : (items as { id: number }[]).map(({ id }) => id),
        )
        expect(new Set(keys).size).toBe(keys.length)
        expect(keys.length).toBe(size)
        expect(batch.isEmpty).toBe(true)
        apply(store, calls)
        expect(new Map([...store].map(([id, row]) => [Number(id.split('/')[1]), row]))).toEqual(rows)
      })
    }),
  )
})

test('what a move leaves out is taken from the row that the batch has under its old key, and FULL rows are told by their key', () => {
  const batch = new SinkBatch(['Shop'])
  batch.add({ model: 'Shop', op: 'insert', key: { id: 1 }, after: { id: 1, a: 1, big: 'x' }, tx })
  batch.add({
    model: 'Shop',
    op: 'update',
    key: { id: 2 },
    before: { id: 1, a: 1 },
    after: { id: 2, a: 2 },
    changed: undefined,
    tx,
  })
  expect(batch.drain(10)).toEqual([
    { op: 'delete', model: 'Shop', items: [{ id: 1 }] },
    { op: 'upsert', model: 'Shop', items: [{ id: 2, a: 2, big: 'x' }] },
  ])
})

test('tables that others refer to are upserted first and deleted from last, truncated before all', () => {
  const order = referredFirst(schema.contract)
  const place = (model: string): number => order.indexOf(model)
  for (const { model, relations } of schema.contract.models) {
    for (const relation of relations) expect(place(relation.model)).toBeLessThanOrEqual(place(model))
  }
  expect(order.length).toBe(schema.contract.models.length)
  const batch = new SinkBatch(['Parent', 'Child'])
  for (const model of ['Child', 'Parent']) {
    batch.add({ model, op: 'insert', key: { id: 1 }, after: { id: 1 }, tx })
    batch.add({ model, op: 'delete', key: { id: 2 }, before: { id: 2 }, tx })
  }
  const noted = (): string[] => batch.drain(9).map(({ op, model }) => `${op} ${model}`)
  expect(noted()).toEqual(['delete Child', 'delete Parent', 'upsert Parent', 'upsert Child'])
  batch.add({ model: 'Child', op: 'insert', key: { id: 1 }, after: { id: 1 }, tx })
  batch.add({ model: 'Child', op: 'truncate', tx })
  batch.add({ model: 'Parent', op: 'truncate', tx })
  batch.add({ model: 'Parent', op: 'insert', key: { id: 3 }, after: { id: 3 }, tx })
  expect(noted()).toEqual(['truncate Parent', 'truncate Child', 'upsert Parent'])
})
