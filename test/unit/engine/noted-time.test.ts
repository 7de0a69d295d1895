import { expect, test, vi } from 'vitest'
import type { Lsn } from '../../../src/core/lsn.ts'
import { checkOptions } from '../../../src/engine/options.ts'
import { Pipeline } from '../../../src/engine/pipeline.ts'
import { Replica } from '../../../src/engine/replica.ts'
import { ViewCells } from '../../../src/engine/view-cells.ts'
import { Unsettled } from '../../../src/snapshot/unsettled.ts'
import { gt } from '../../../src/views/build/comparisons.ts'
import { defineView } from '../../../src/views/define-view.ts'
import { nowMinus } from '../../../src/views/build/moving-time.ts'
import { Sale, schema } from '../../conformance/fixture.ts'
import { capture } from '../../support/captured.ts'
import { assemble, eachFrame, message, transactionFrames } from '../../support/pgoutput.ts'

const lately = defineView('lately', (q) =>
  q
    .from({ s: Sale })
    .where(({ s }) => gt(s.at, nowMinus({ minutes: 1 })))
    .select(({ s }) => ({ line: s.line, id: s.id, note: s.note })),
)
const all = defineView('all', (q) => q.from({ s: Sale }).select(({ s }) => ({ line: s.line, id: s.id })))
const START = Date.UTC(2024, 0, 1)

/** A pipeline over one table, and the clock of its replica. */
function line() {
  const sale = capture('Sale', [lately])
  const clock = { ms: START, now: (): number => clock.ms }
  let steps = 0
  const pipeline = new Pipeline(
    {
      onStep(replica) {
        steps += 1
        replica.flush()
      },
      onConfirm() {},
      onProbeWanted() {},
      onPause() {},
    },
    null,
  )
  const replica = new Replica(
    sale.replica,
    new Map([['Sale', sale.catalog]]),
    new Map(),
    pipeline.unsettled,
    clock,
  )
  pipeline.feed(replica)
  const feed = (...frames: readonly Buffer[]): void => {
    const buffer = Buffer.concat(frames)
    eachFrame(buffer, (frame, end) => pipeline.onFrame(buffer, frame, end))
    pipeline.onChunkEnd()
  }
  const insert = (id: number, note = 'n'): Buffer =>
    message.insert(sale.wire, sale.row({ line: '1', id: String(id), at: '2024-01-01 00:00:00+00', note }))
  return {
    pipeline,
    clock,
    feed,
    insert,
    relation: message.relation(sale.wire),
    steps: () => steps,
    rows: () => sale.replica.views.get('lately')?.size,
  }
}

/** A tick of the clock, and what it does at the end of the turn. */
const tick = async ({ pipeline }: { readonly pipeline: Pipeline }): Promise<void> => {
  pipeline.noteTime()
  await Promise.resolve()
}

test('a tick shows the present, and nothing of a transaction that is on its way or left behind', async () => {
  const wire = line()
  const { clock, feed, insert, relation, rows } = wire
  feed(...transactionFrames(10, 100n, [relation, insert(1)]))
  expect(rows()).toBe(1)
  clock.ms = START + 60_000
  await tick(wire)
  expect(rows()).toBe(0)
  clock.ms = START
  await tick(wire)
  expect(rows()).toBe(1)

  const large = transactionFrames(
    11,
    200n,
    Array.from({ length: 100 }, (_, index) => insert(index + 2, 'x'.repeat(100_000))),
  )
  feed(...large.slice(0, 90))
  expect(wire.pipeline.isMidTransaction).toBe(true)
  const before = wire.steps()
  clock.ms = START + 60_000
  await tick(wire)
  expect([wire.steps(), rows()]).toEqual([before, 1])
  // The session is lost in the middle; what was applied of the transaction is never shown.
  wire.pipeline.beginSession()
  expect(wire.pipeline.isTainted).toBe(true)
  await tick(wire)
  expect([wire.steps(), rows()]).toEqual([before, 1])
  wire.pipeline.beginStream(1n as Lsn)
  wire.pipeline.feed(null)
  await tick(wire)
  expect(wire.steps()).toBe(before)
})

test('a transaction is seen at the present, and a clock that gives no time stands still', async () => {
  const wire = line()
  const { clock, feed, insert, relation, rows } = wire
  clock.ms = START + 60_000
  feed(...transactionFrames(10, 100n, [relation, insert(1)]))
  expect(rows()).toBe(0)
  for (const ms of [Number.NaN, Infinity]) {
    clock.ms = ms
    await tick(wire)
    expect(rows()).toBe(0)
  }
  // The moment is cut to a millisecond, which is before it.
  clock.ms = START + 59_999.9
  await tick(wire)
  expect(rows()).toBe(1)
})

test('without a moving bound nobody asks for the time', () => {
  const sale = capture('Sale', [all])
  const clock = {
    now(): number {
      throw new Error('asked')
    },
  }
  const replica = new Replica(
    sale.replica,
    new Map([['Sale', sale.catalog]]),
    new Map(),
    new Unsettled(),
    clock,
  )
  expect(replica.flush().size).toBe(0)
})

test('a timer ticks while a view with a moving bound is live, and no longer', () => {
  vi.useFakeTimers()
  try {
    const options = checkOptions({ schema, connection: 'postgres://localhost/x', views: { lately, all } })
    let ticks = 0
    const cells = new ViewCells(options, {
      position: () => 1n as Lsn,
      onDemand() {},
      onTime: () => void (ticks += 1),
      reach: () => Promise.resolve(),
    })
    const run = (): number => {
      const before = ticks
      vi.advanceTimersByTime(3000)
      return ticks - before
    }
    const replica = new Replica(cells.compile(), new Map(), new Map(), new Unsettled())
    expect(run()).toBe(0)
    cells.goLive(replica, () => {}, false)
    cells.goLive(replica, () => {}, true)
    expect([run(), vi.getTimerCount()]).toEqual([3, 1])
    replica.removeView('all')
    cells.keepTime(replica)
    expect(run()).toBe(3)
    replica.removeView('lately')
    cells.keepTime(replica)
    expect([run(), vi.getTimerCount()]).toEqual([0, 0])
    expect(replica.addView(lately)).toBe(false)
    cells.goLive(new Replica(cells.compile(), new Map(), new Map(), new Unsettled()), () => {}, false)
    expect(run()).toBe(3)
    cells.end(null)
    expect([run(), vi.getTimerCount()]).toEqual([0, 0])
  } finally {
    vi.useRealTimers()
  }
})

test('a replica that takes the place of another is at its moment, and so is a view that is added', () => {
  const clock = { ms: START, now: (): number => clock.ms }
  const make = () => {
    const sale = capture('Sale', [lately, all])
    const table = sale.replica.tables.get('Sale')
    const pipeline = new Unsettled()
    const replica = new Replica(sale.replica, new Map([['Sale', sale.catalog]]), new Map(), pipeline, clock)
    const spans = transactionFrames(10, 100n, [
      message.relation(sale.wire),
      message.insert(sale.wire, sale.row({ line: '1', id: '1', at: '2024-01-01 00:00:00+00', note: 'n' })),
    ])
    const whole = assemble([Buffer.concat(spans)])[0]
    if (table === undefined || whole === undefined) throw new Error('no transaction')
    replica.applier.apply(whole.transaction.spans, whole.transaction.relations)
    return replica
  }
  const former = make()
  former.flush()
  const next = make()
  clock.ms = START + 60_000
  next.flushLike(former)
  const sizes = (replica: Replica): (number | undefined)[] =>
    [...replica.compiled.views.values()].map(({ size }) => size)
  expect(sizes(next)).toEqual(sizes(former))
  expect(sizes(next)).toEqual([1, 1])
  const again = defineView('again', (q) =>
    q.from({ l: lately }).select(({ l }) => ({ line: l.line, id: l.id })),
  )
  expect(next.addView(again)).toBe(true)
  expect(sizes(next)).toEqual([1, 1, 1])
  next.flush()
  expect(sizes(next)).toEqual([0, 1, 0])
  // With no view at any moment yet, a new one is at the present.
  next.removeView('lately')
  next.removeView('again')
  clock.ms = START
  expect(next.addView(again)).toBe(true)
  expect(sizes(next)).toEqual([1, 1])
})
