import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ChangeApplier } from '../../src/changes/change-applier.ts'
import { ChunkWriter } from '../../src/changes/chunk-writer.ts'
import { mergeChunk } from '../../src/changes/merge-chunk.ts'
import { Unsettled } from '../../src/snapshot/unsettled.ts'
import { defineView } from '../../src/views/define-view.ts'
import type { Transaction } from '../../src/wal/transaction.ts'
import { Shop } from '../conformance/fixture.ts'
import { capture, chunkOf, type Captured } from '../support/captured.ts'
import { message, transactionOf, UNCHANGED, type OldTuple } from '../support/pgoutput.ts'

/*
 * Random histories of one table. Whatever part of them a chunk has not seen, whatever keys it covers and however often
 * the rest is replayed, the table ends as the history left it; a row that cannot be known is reported.
 */

const view = defineView('all', (q) =>
  q.from({ h: Shop }).select(({ h }) => ({ id: h.id, name: h.name, city: h.city })),
)

interface Row {
  readonly name: string
  readonly city: string | null
}
type Rows = ReadonlyMap<string, Row>

const KEYS = ['a', 'b', 'c', 'd'] as const
const step = fc.record({
  kind: fc.constantFrom('put', 'put', 'touch', 'touch', 'move', 'move', 'moveWhole', 'remove', 'truncate'),
  key: fc.constantFrom(...KEYS),
  to: fc.constantFrom(...KEYS),
  ends: fc.boolean(),
})
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never

interface History {
  readonly transactions: readonly Transaction[]
  /** The rows before each transaction, and at the end. */
  readonly states: readonly Rows[]
}

/** Plays steps against plain rows and writes what the server would send. */
function play(captured: Captured, steps: readonly Step[]): History {
  const { wire, row } = captured
  const rows = new Map<string, Row>()
  const states: Rows[] = [new Map()]
  const transactions: Transaction[] = []
  let messages: Buffer[] = []
  const full = (key: string): Buffer[number][] | ReturnType<Captured['row']> =>
    row({ id: key, name: rows.get(key)?.name ?? null, city: rows.get(key)?.city ?? null })
  const old = (key: string, hasMoved: boolean): OldTuple | undefined => {
    if (wire.identity === 'f') return { kind: 'O', row: full(key) as ReturnType<Captured['row']> }
    return hasMoved ? { kind: 'K', row: row({ id: key }) } : undefined
  }
  const commit = (): void => {
    if (messages.length === 0) return
    const index = transactions.length
    transactions.push(
      transactionOf(10 + index, BigInt(100 + index * 10), [message.relation(wire), ...messages]),
    )
    states.push(new Map(rows))
    messages = []
  }
  steps.forEach(({ kind, key, to, ends }, index) => {
    const name = `n${index}`
    const city = index % 4 === 0 ? null : `LARGE ${index}`
    const held = rows.get(key)
    if (kind === 'put') {
      messages.push(
        held === undefined
          ? message.insert(wire, row({ id: key, name, city }))
          : message.update(wire, row({ id: key, name, city }), old(key, false)),
      )
      rows.set(key, { name, city })
    } else if (kind === 'truncate') {
      // Rare enough that histories grow.
      if (index % 5 !== 0) return
      messages.push(message.truncate([wire]))
      rows.clear()
    } else if (held !== undefined) {
      if (kind === 'touch') {
        messages.push(message.update(wire, row({ id: key, name, city: UNCHANGED }), old(key, false)))
        rows.set(key, { ...held, name })
      } else if (kind === 'remove') {
        messages.push(message.delete(wire, old(key, true) ?? { kind: 'K', row: row({ id: key }) }))
        rows.delete(key)
      } else if (!rows.has(to)) {
        const value = kind === 'move' ? UNCHANGED : city
        messages.push(message.update(wire, row({ id: to, name, city: value }), old(key, true)))
        rows.delete(key)
        rows.set(to, { name, city: kind === 'move' ? held.city : city })
      }
    }
    if (ends) commit()
  })
  commit()
  return { transactions, states }
}

const shown = (rows: Rows): string[] =>
  [...rows].map(([key, { name, city }]) => `id=${key} name=${name} city=${city ?? 'NULL'}`).toSorted()

for (const identity of ['d', 'f'] as const) {
  test(`a chunk of any keys, as old as any point of the history, leaves the rows as the history did (identity ${identity})`, () => {
    const captured = capture('Shop', [view], { identity })
    const writer = new ChunkWriter(captured.table)
    let moved = 0
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 25 }),
        fc.array(fc.tuple(fc.nat(100), fc.subarray([...KEYS])), { minLength: 1, maxLength: 3 }),
        (steps, chunks) => {
          const { transactions, states } = play(captured, steps)
          captured.table.clear()
          const reported = new Set<string>()
          const applier = new ChangeApplier([captured], (_model, [key = '']) => reported.add(key))
          for (const { spans, relations } of transactions) applier.apply(spans, relations)
          const truth = states.at(-1) ?? new Map<string, Row>()
          expect([...captured.rows().values()].toSorted()).toEqual(shown(truth))
          expect(reported.size).toBe(0)
          // Snapshots only ever see more, and what they do not see is delivered and unsettled.
          for (const [point, keys] of chunks.toSorted(([a], [b]) => a - b)) {
            const seen = Math.floor((point / 101) * (transactions.length + 1))
            const unsettled = new Unsettled()
            for (const one of transactions.slice(seen)) unsettled.add(one)
            const rows = [...(states[seen] ?? [])].filter(([key]) =>
              keys.includes(key as (typeof KEYS)[number]),
            )
            const snapshot = `${10 + seen}:${10 + seen}:`
            const chunk = chunkOf(
              captured,
              snapshot,
              rows.map(([id, { name, city }]) => ({ id, name, city })),
            )
            mergeChunk(chunk, unsettled, applier, writer)
          }
          const found = [...captured.rows()]
          for (const key of reported) {
            // Read by its key once everything is visible.
            const row = truth.get(key)
            const chunk = chunkOf(captured, '900:900:', row === undefined ? [] : [{ id: key, ...row }])
            mergeChunk(chunk, new Unsettled(), applier, writer)
          }
          moved += reported.size
          // Rows that were not reported were right before that, too.
          const wrong = found.filter(([key, line]) => !reported.has(key) && !shown(truth).includes(line))
          expect(wrong).toEqual([])
          expect([...captured.rows().values()].toSorted()).toEqual(shown(truth))
        },
      ),
      { numRuns: 600 },
    )
    // With the whole old row nothing is ever unknown.
    expect(identity === 'f' ? moved : 0).toBe(0)
  })
}
