import { expect, test } from 'vitest'
import { EventDecoder } from '../../../src/changes/event-decoder.ts'
import type { Lsn } from '../../../src/core/lsn.ts'
import { xid8 } from '../../../src/core/xid.ts'
import { ConsumerQueue, type QueueItem } from '../../../src/engine/consumer-queue.ts'
import { Consumers } from '../../../src/engine/consumers.ts'
import { Pipeline } from '../../../src/engine/pipeline.ts'
import type { RefreshRequest } from '../../../src/engine/refresh-request.ts'
import { parseSnapshot } from '../../../src/snapshot/visibility.ts'
import { defineView } from '../../../src/views/define-view.ts'
import { schema, Shop } from '../../conformance/fixture.ts'
import { capture } from '../../support/captured.ts'
import { eachFrame, message, transactionFrames, walFrame } from '../../support/pgoutput.ts'

const view = defineView('v', (q) => q.from({ h: Shop }).select(({ h }) => ({ id: h.id })))
const { model, wire, row } = capture('Shop', [view])

function line(mayRead = false) {
  const consumers = new Consumers()
  const queue = new ConsumerQueue({ onHandled() {}, onTaken() {} })
  consumers.add({ queue, readModels: new Set(), close: async () => {} })
  const requests: (RefreshRequest | null)[] = []
  let confirmed = 0n as Lsn
  const pipeline = new Pipeline(
    {
      onStep() {},
      onConfirm(position) {
        confirmed = position
      },
      onProbeWanted() {},
      onPause() {},
      onRefreshRequest: (request) => requests.push(request),
    },
    { consumers, mayRead, tempDir: null },
  )
  const decoder = new EventDecoder(schema, new Map([[wire.oid, model]]), () => xid8(100n))
  return {
    pipeline,
    queue,
    requests,
    confirmed: () => confirmed,
    feed: (...frames: Buffer[]): void => {
      // As the socket gives them, a few at a time.
      for (let at = 0; at < frames.length; at += 50) {
        const buffer = Buffer.concat(frames.slice(at, at + 50))
        eachFrame(buffer, (frame, end) => pipeline.onFrame(buffer, frame, end))
        pipeline.onChunkEnd()
      }
    },
    take: async (): Promise<{ readonly item: QueueItem; readonly ids: string[] }> => {
      const item = await queue.next()
      if (item?.kind !== 'transaction') throw new Error('no transaction')
      const ids = [...decoder.changes(item.transaction)].map((change) =>
        'key' in change ? (change.key as { id: string }).id : change.op,
      )
      return { item, ids }
    },
  }
}

const insert = (id: string, name = 'n'): Buffer => message.insert(wire, row({ id, name, tags: '{}' }))
const large = (run: string, count: number): Buffer[] =>
  Array.from({ length: count }, (_, index) => insert(`${run}${index}`, 'x'.repeat(10_000)))

test('where rows may be read for consumers, delivered transactions are unsettled and unconfirmed until a snapshot shows them', async () => {
  for (const mayRead of [true, false]) {
    const { pipeline, queue, feed, take, confirmed } = line(mayRead)
    feed(...transactionFrames(200, 1_000n, [message.relation(wire), insert('a')]))
    expect(pipeline.unsettled.size).toBe(mayRead ? 1 : 0)
    await take()
    queue.finish()
    pipeline.noteHandled()
    expect(confirmed()).toBe(mayRead ? 1_000n : 1_008n)
    pipeline.settle(parseSnapshot('300:300:'))
    expect([pipeline.unsettled.size, confirmed()]).toEqual([0, 1_008n])
  }
})

test('a large transaction is taken from memory while it arrives, and is whole when it is handled', async () => {
  const { pipeline, queue, feed, take } = line(true)
  const messages = [message.relation(wire), ...large('a', 1_200)]
  feed(...transactionFrames(200, 1_000n, messages), ...transactionFrames(201, 2_000n, [insert('last')]))
  // 12 MB came; what is kept is the end of it.
  expect(queue.bytes).toBeLessThan(1_000_000)
  expect(queue.fileBytes).toBeGreaterThan(11_000_000)
  // It is too large to be replayed over a chunk, and says so.
  expect(pipeline.unsettled.all().map(({ isPartial }) => isPartial)).toEqual([true, false])
  const first = await take()
  expect(first.ids).toEqual(Array.from({ length: 1_200 }, (_, index) => `a${index}`))
  const spill = first.item.kind === 'transaction' ? first.item.transaction.spill : undefined
  expect(spill?.isOpen).toBe(true)
  queue.finish()
  expect(spill?.isOpen).toBe(false)
  expect((await take()).ids).toEqual(['last'])
})

test('the beginning of a large transaction whose session was cut is forgotten; when it comes again it is whole', async () => {
  const { pipeline, feed, take } = line()
  const frames = transactionFrames(200, 1_000n, [message.relation(wire), ...large('a', 700)])
  feed(...frames.slice(0, 600))
  pipeline.beginSession()
  feed(...frames)
  expect((await take()).ids).toEqual(Array.from({ length: 700 }, (_, index) => `a${index}`))
  // Delivered once more after a reconnect it is passed over.
  pipeline.beginSession()
  feed(...frames, ...transactionFrames(201, 20_000n, [message.relation(wire), insert('next')]))
  expect((await take()).ids).toEqual(['next'])
})

test('a transaction that asks for a refresh is handed on once, and what cannot be understood is told apart', () => {
  const { pipeline, feed, requests } = line()
  const ask = (content: string): Buffer => message.logical('dbsync.refresh', content)
  const frames = transactionFrames(200, 1_000n, [
    ask('{"id":"1","models":["Shop"],"from":{"id":"a"}}'),
    ask('{"id":2}'),
  ])
  feed(...frames)
  pipeline.beginSession()
  feed(...frames, walFrame(message.logical('dbsync.refresh', '{"id":"3"}', false)))
  expect(requests).toEqual([{ id: '1', models: ['Shop'], from: { id: 'a' } }, null])
})
